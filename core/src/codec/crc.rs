//! CRC-32 as zlib has it: the checksum of everything in the files.
//!
//! Two implementations of the same function. `crc32fast` uses the processor's instructions; in a module for browsers
//! there are none, and its tables are 16 KiB of a download that no compression makes smaller. There they are made at
//! the first use, which takes microseconds, and lookups are as fast.

#[cfg(not(target_arch = "wasm32"))]
use processor as imp;
#[cfg(target_arch = "wasm32")]
use tables as imp;

use crate::id::DatabaseId;

/// The checksum of `bytes`.
pub(crate) fn hash(bytes: &[u8]) -> u32 {
    imp::salted(0, bytes)
}

/// A checksum that continues from `salt`: of what is behind bytes whose checksum that is.
pub(crate) fn salted(salt: u32, bytes: &[u8]) -> u32 {
    imp::salted(salt, bytes)
}

/// What the checksums of a file are seeded with, so that bytes of another file do not pass.
pub(crate) fn file_salt(database: DatabaseId, number: u32) -> u32 {
    salted(hash(&database.0), &number.to_le_bytes())
}

/// What the checksum of one block of it is seeded with, so that bytes of another place do not pass.
pub(crate) fn block_salt(file_salt: u32, block: u32) -> u32 {
    salted(file_salt, &block.to_le_bytes())
}

#[cfg(any(test, not(target_arch = "wasm32")))]
mod processor {
    pub(super) fn salted(salt: u32, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(salt);
        hasher.update(bytes);
        hasher.finalize()
    }
}

#[cfg(any(test, target_arch = "wasm32"))]
mod tables {
    use alloc::boxed::Box;
    use crc::{CRC_32_ISO_HDLC, Crc, Table};
    use once_cell::race::OnceBox;

    static CRC: OnceBox<Crc<u32, Table<16>>> = OnceBox::new();

    pub(super) fn salted(salt: u32, bytes: &[u8]) -> u32 {
        let crc = CRC.get_or_init(|| Box::new(Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC)));
        // A finished checksum is the register with its bits turned over; the crate takes it highest bit first.
        let mut digest = crc.digest_with_initial((!salt).reverse_bits());
        digest.update(bytes);
        digest.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_checksum_is_that_of_zlib() {
        for salted in [processor::salted, tables::salted] {
            assert_eq!(salted(0, b"123456789"), 0xcbf4_3926);
            assert_eq!(salted(0, b""), 0);
        }
    }

    proptest! {
        #[test]
        fn both_implementations_agree(salt: u32, bytes: Vec<u8>) {
            prop_assert_eq!(tables::salted(salt, &bytes), processor::salted(salt, &bytes));
        }

        #[test]
        fn a_checksum_continues(bytes: Vec<u8>, at: prop::sample::Index) {
            let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
            prop_assert_eq!(salted(hash(first), second), hash(&bytes));
        }
    }
}
