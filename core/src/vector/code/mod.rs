//! Rows in fewer bytes.

pub(crate) mod int8;
