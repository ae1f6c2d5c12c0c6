//! Simulator, model and helpers shared by the suites.

pub mod contract;
pub mod disk;
pub mod fuzz;
pub mod mutate;
pub mod random;
pub mod writing;
