//! Simulator, model and helpers shared by the suites.

pub mod contract;
pub mod disk;
pub mod random;
pub mod writing;
