//! Rows leave the graph.

use super::{Graph, parallel::Parallel};
use crate::vector::code::int8::Codes;

impl Graph {
    pub(crate) fn remove(&mut self, _codes: &Codes, _rows: &[u32], _parallel: &dyn Parallel) {}
}
