//! Simulator, model and helpers shared by the suites.

pub mod campaign;
pub mod checks;
pub mod compare;
pub mod contract;
pub mod damage;
pub mod disk;
pub mod figures;
pub mod fuzz;
pub mod host;
pub mod model;
pub mod mutate;
pub mod random;
pub mod simulate;
pub mod tree;
mod workload;
pub mod writing;
