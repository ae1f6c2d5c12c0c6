//! Simulator, model and helpers shared by the suites.

pub mod campaign;
pub mod checks;
pub mod compare;
pub mod contract;
pub mod damage;
pub mod disk;
pub mod figures;
pub mod host;
pub mod model;
pub mod random;
pub mod simulate;
mod workload;
