//! Inner loops in the instructions of the processor. The only place where `unsafe` is allowed: for calls of what needs an
//! instruction set that was found, and for its loads and stores.
//!
//! Invariant: every form of a kernel gives the same bits as its scalar twin.

#![allow(unsafe_code, reason = "instructions beyond the common ones; each call checks that they are there")]

pub(crate) mod detect;
pub(crate) mod float;
pub(crate) mod int8;
mod lanes;
pub(crate) mod lookup;
pub(crate) mod memory;
