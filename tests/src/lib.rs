//! Simulator, model and helpers shared by the suites.
