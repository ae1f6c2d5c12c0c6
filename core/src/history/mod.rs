//! History: pure functions over values.

pub mod diff;
