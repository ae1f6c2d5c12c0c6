//! x
use crate::value::Value; use alloc::vec::Vec;
/// x
#[derive(Clone, Debug)]
pub struct Change;
/// x
pub fn diff(_: Option<&Value>, _: Option<&Value>) -> Vec<Change> { Vec::new() }
