//! Bytes: how values and numbers are written, and read back without trusting what is there.
//!
//! Pure: this layer sees no storage, clock or entropy.

pub(crate) mod value;
pub(crate) mod varint;

pub use value::to_value;
