//! history

pub mod diff;
