//! codec

pub(crate) mod varint;
