//! The contract of `Storage`, sentence by sentence: what the engine relies on and every medium has to keep.

use koru_delta::storage::{FileName, Storage};
use koru_delta::{ErrorCode, Result};
use std::sync::Arc;

const LOG: FileName = FileName::Segment(1);
const OTHER: FileName = FileName::Table(7);

/// Checks every promise of the trait on storages that `make` makes, each of them empty, open and writable.
///
/// # Panics
/// When a promise is not kept.
pub fn check(make: impl Fn() -> Arc<dyn Storage>) {
    let checks: &[fn(&dyn Storage)] = &[
        create_makes_an_empty_file_once,
        every_kind_of_file_is_its_own,
        list_names_what_there_is,
        reads_return_what_was_written,
        reads_end_with_the_file,
        gaps_read_as_zeros,
        overwriting_changes_only_its_range,
        empty_writes_change_nothing,
        truncation_cuts_and_fills_with_zeros,
        removed_files_are_gone_and_come_back_empty,
        missing_files_are_not_found,
        offsets_out_of_reach_are_refused,
        synced_files_stay_as_they_are,
        nothing_works_after_close,
    ];
    for check in checks {
        check(&*make());
    }
    threads_may_share_it(&make());
    let storage = make();
    assert!(!storage.kind().is_empty() && !storage.location().is_empty());
}

/// The whole of a file, read in pieces as small as the medium likes to give.
///
/// # Panics
/// When the file cannot be read.
pub fn content(storage: &dyn Storage, name: FileName) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        match storage.read_at(name, bytes.len() as u64, &mut buffer).expect("the file can be read") {
            0 => return bytes,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// The code of a failure.
fn code<T>(result: Result<T>) -> Option<ErrorCode> {
    result.err().map(|e| e.code())
}

fn create(storage: &dyn Storage, name: FileName, bytes: &[u8]) {
    assert_eq!(code(storage.create(name)), None);
    assert_eq!(code(storage.write_at(name, 0, bytes)), None);
}

fn lengths(storage: &dyn Storage) -> Vec<(FileName, u64)> {
    let mut files: Vec<_> =
        storage.list().expect("a storage lists its files").iter().map(|f| (f.name, f.bytes)).collect();
    files.sort();
    files
}

fn create_makes_an_empty_file_once(storage: &dyn Storage) {
    assert_eq!(code(storage.create(LOG)), None);
    assert_eq!(lengths(storage), [(LOG, 0)]);
    assert_eq!(code(storage.write_at(LOG, 0, b"kept")), None);
    assert_eq!(code(storage.create(LOG)), Some(ErrorCode::AlreadyExists));
    assert_eq!(content(storage, LOG), b"kept", "a second create must not empty the file");
}

fn every_kind_of_file_is_its_own(storage: &dyn Storage) {
    let names = [
        FileName::Root,
        FileName::Manifest(1),
        FileName::Segment(1),
        FileName::Packed(1),
        FileName::Table(1),
        FileName::Table(100_000_000),
        FileName::Vectors(1),
        FileName::Segment(u32::MAX),
    ];
    for name in names {
        create(storage, name, name.to_string().as_bytes());
    }
    for name in names {
        assert_eq!(content(storage, name), name.to_string().as_bytes());
    }
    assert_eq!(lengths(storage).len(), names.len());
}

fn list_names_what_there_is(storage: &dyn Storage) {
    assert_eq!(lengths(storage), []);
    create(storage, LOG, b"12345");
    create(storage, OTHER, b"");
    assert_eq!(lengths(storage), [(LOG, 5), (OTHER, 0)]);
    assert_eq!(code(storage.write_at(OTHER, 9, b"0")), None);
    assert_eq!(code(storage.remove(LOG)), None);
    assert_eq!(lengths(storage), [(OTHER, 10)]);
}

fn reads_return_what_was_written(storage: &dyn Storage) {
    let bytes: Vec<u8> = (0..70_000u32).map(|i| (i * 7 + i / 256) as u8).collect();
    create(storage, LOG, b"");
    for (i, part) in bytes.chunks(999).enumerate() {
        assert_eq!(code(storage.write_at(LOG, i as u64 * 999, part)), None);
    }
    assert!(content(storage, LOG) == bytes);
    let mut buffer = [0; 100];
    let count = storage.read_at(LOG, 65_000, &mut buffer).expect("the file is there");
    assert!((1..=100).contains(&count));
    assert_eq!(buffer[..count], bytes[65_000..65_000 + count]);
    assert!(buffer[count..].iter().all(|&byte| byte == 0), "a short read must leave the rest of the buffer alone");
}

fn reads_end_with_the_file(storage: &dyn Storage) {
    create(storage, LOG, b"0123456789");
    let mut buffer = [0; 100];
    let count = storage.read_at(LOG, 6, &mut buffer).expect("the file is there");
    assert!((1..=4).contains(&count), "{count}");
    for past in [10, 11, 1 << 20, 1 << 40, i64::MAX as u64, 1 << 63, u64::MAX] {
        assert_eq!(storage.read_at(LOG, past, &mut buffer).ok(), Some(0), "read at {past}");
    }
    assert_eq!(storage.read_at(LOG, 3, &mut []).ok(), Some(0));
}

fn gaps_read_as_zeros(storage: &dyn Storage) {
    create(storage, LOG, b"ab");
    assert_eq!(code(storage.write_at(LOG, 5_000, b"yz")), None);
    let mut expected = vec![0; 5_002];
    expected[..2].copy_from_slice(b"ab");
    expected[5_000..].copy_from_slice(b"yz");
    assert_eq!(content(storage, LOG), expected);
}

fn overwriting_changes_only_its_range(storage: &dyn Storage) {
    create(storage, LOG, b"0123456789");
    create(storage, OTHER, b"0123456789");
    assert_eq!(code(storage.write_at(LOG, 3, b"abc")), None);
    assert_eq!(content(storage, LOG), b"012abc6789");
    assert_eq!(code(storage.write_at(LOG, 8, b"long")), None);
    assert_eq!(content(storage, LOG), b"012abc67long");
    assert_eq!(content(storage, OTHER), b"0123456789");
}

fn empty_writes_change_nothing(storage: &dyn Storage) {
    create(storage, LOG, b"0123");
    for offset in [0, 4, 4_000, u64::MAX] {
        assert_eq!(code(storage.write_at(LOG, offset, b"")), None);
    }
    assert_eq!(content(storage, LOG), b"0123");
}

fn truncation_cuts_and_fills_with_zeros(storage: &dyn Storage) {
    create(storage, LOG, b"0123456789");
    assert_eq!(code(storage.truncate(LOG, 10)), None);
    assert_eq!(content(storage, LOG), b"0123456789");
    assert_eq!(code(storage.truncate(LOG, 4)), None);
    assert_eq!(content(storage, LOG), b"0123");
    assert_eq!(code(storage.truncate(LOG, 7)), None);
    assert_eq!(content(storage, LOG), b"0123\0\0\0", "what was cut off must not come back");
    assert_eq!(code(storage.truncate(LOG, 2)), None);
    assert_eq!(code(storage.write_at(LOG, 4, b"z")), None);
    assert_eq!(content(storage, LOG), b"01\0\0z");
    assert_eq!(code(storage.truncate(LOG, 0)), None);
    assert_eq!(lengths(storage), [(LOG, 0)]);
}

fn removed_files_are_gone_and_come_back_empty(storage: &dyn Storage) {
    create(storage, LOG, b"old");
    create(storage, OTHER, b"stays");
    assert_eq!(content(storage, LOG), b"old");
    assert_eq!(code(storage.remove(LOG)), None);
    assert_eq!(code(storage.read_at(LOG, 0, &mut [0; 9])), Some(ErrorCode::NotFound));
    assert_eq!(code(storage.remove(LOG)), Some(ErrorCode::NotFound));
    assert_eq!(code(storage.create(LOG)), None);
    assert_eq!(content(storage, LOG), b"");
    assert_eq!(code(storage.write_at(LOG, 0, b"new")), None);
    assert_eq!(content(storage, LOG), b"new");
    assert_eq!(content(storage, OTHER), b"stays");
}

fn missing_files_are_not_found(storage: &dyn Storage) {
    create(storage, OTHER, b"");
    let not_found = Some(ErrorCode::NotFound);
    assert_eq!(code(storage.read_at(LOG, 0, &mut [0; 9])), not_found);
    assert_eq!(code(storage.read_at(LOG, u64::MAX, &mut [0; 9])), not_found);
    assert_eq!(code(storage.write_at(LOG, 0, b"x")), not_found);
    assert_eq!(code(storage.write_at(LOG, 0, b"")), not_found);
    assert_eq!(code(storage.sync(LOG)), not_found);
    assert_eq!(code(storage.truncate(LOG, 0)), not_found);
    assert_eq!(code(storage.remove(LOG)), not_found);
    assert_eq!(lengths(storage), [(OTHER, 0)], "a refused call must not make a file");
}

fn offsets_out_of_reach_are_refused(storage: &dyn Storage) {
    create(storage, LOG, b"kept");
    for offset in [i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX] {
        assert_eq!(code(storage.write_at(LOG, offset, b"xyz")), Some(ErrorCode::InvalidArgument), "write at {offset}");
    }
    for bytes in [1 << 63, u64::MAX] {
        assert_eq!(code(storage.truncate(LOG, bytes)), Some(ErrorCode::InvalidArgument), "truncate to {bytes}");
    }
    assert_eq!(content(storage, LOG), b"kept");
    // Far, but not absurd: whether there is room depends on the medium, which loses nothing either way.
    match code(storage.write_at(LOG, 1 << 40, b"far")) {
        None => assert_eq!(lengths(storage), [(LOG, (1 << 40) + 3)]),
        Some(refusal) => assert!(matches!(refusal, ErrorCode::StorageFull | ErrorCode::Io), "{refusal}"),
    }
    let mut buffer = [0; 1];
    assert_eq!(storage.read_at(LOG, 0, &mut buffer).ok(), Some(1));
    assert_eq!(&buffer, b"k");
    assert_eq!(code(storage.truncate(LOG, 4)), None);
    assert_eq!(content(storage, LOG), b"kept");
}

fn synced_files_stay_as_they_are(storage: &dyn Storage) {
    create(storage, LOG, b"0123");
    assert_eq!(code(storage.sync(LOG)), None);
    assert_eq!(code(storage.sync(LOG)), None, "with nothing to sync");
    assert_eq!(code(storage.truncate(LOG, 2)), None);
    assert_eq!(code(storage.sync(LOG)), None);
    assert_eq!(content(storage, LOG), b"01");
}

fn nothing_works_after_close(storage: &dyn Storage) {
    create(storage, LOG, b"kept");
    assert_eq!(code(storage.close()), None);
    assert_eq!(code(storage.close()), None, "closing twice is fine");
    let closed = Some(ErrorCode::Closed);
    assert_eq!(code(storage.list()), closed);
    assert_eq!(code(storage.create(OTHER)), closed);
    assert_eq!(code(storage.read_at(LOG, 0, &mut [0; 9])), closed);
    assert_eq!(code(storage.write_at(LOG, 0, b"x")), closed);
    assert_eq!(code(storage.write_at(LOG, 0, b"")), closed);
    assert_eq!(code(storage.sync(LOG)), closed);
    assert_eq!(code(storage.truncate(LOG, 0)), closed);
    assert_eq!(code(storage.remove(LOG)), closed);
}

/// Each thread writes and reads stripes of its own in one file while others make, fill and remove files.
fn threads_may_share_it(storage: &Arc<dyn Storage>) {
    const THREADS: u8 = 4;
    const STRIPES: u64 = 64;
    const STRIPE_BYTES: usize = 100;
    create(&**storage, LOG, b"");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for stripe in 0..STRIPES {
                    let offset = (stripe * u64::from(THREADS) + u64::from(thread)) * STRIPE_BYTES as u64;
                    assert_eq!(code(storage.write_at(LOG, offset, &[thread + 1; STRIPE_BYTES])), None);
                    let mut buffer = [0; STRIPE_BYTES];
                    let count = storage.read_at(LOG, offset, &mut buffer).expect("the file is there");
                    assert!(count > 0 && buffer[..count].iter().all(|&byte| byte == thread + 1));
                }
                for _ in 0..8 {
                    let own = FileName::Table(u32::from(thread));
                    create(&**storage, own, &[thread]);
                    assert_eq!(content(&**storage, own), [thread]);
                    assert_eq!(code(storage.remove(own)), None);
                    assert_eq!(code(storage.read_at(own, 0, &mut [0])), Some(ErrorCode::NotFound));
                }
            });
        }
    });
    let expected: Vec<u8> = (0..STRIPES).flat_map(|_| (1..=THREADS).flat_map(|t| [t; STRIPE_BYTES])).collect();
    assert!(content(&**storage, LOG) == expected);
}
