//! The protocol as a client sees it: bytes in, bytes out, over storage that is ready and over storage that waits.

mod input;
mod reading;
mod rig;
mod vectors;
mod waiting;
mod writing;
