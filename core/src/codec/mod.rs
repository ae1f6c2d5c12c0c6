//! Encodings: pure functions between values of the engine and bytes. They never see storage, clocks or entropy.

pub(crate) mod commit;
pub(crate) mod crc;
pub(crate) mod cursor;
pub(crate) mod hash;
pub(crate) mod value;
pub(crate) mod varint;

pub use value::to_value;
