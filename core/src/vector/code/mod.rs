//! Quantisers: how a vector becomes a short code, and what a query becomes to be compared with codes.
//!
//! Invariant: codes and everything trained are functions of the rows alone, the same bits on every platform.

pub(crate) mod bits;
pub(crate) mod half;
pub(crate) mod int4;
pub(crate) mod int8;
pub(crate) mod residual;
pub(crate) mod rotate;
pub(crate) mod tables;
