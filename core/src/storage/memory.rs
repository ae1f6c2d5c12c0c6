//! Memory storage.
