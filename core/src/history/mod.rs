//! History as pure functions: what changed from one value to another, and back.

pub mod diff;
