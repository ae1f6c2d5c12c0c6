//! The floor: what the medium itself takes to make a few hundred bytes durable, without any store above it.

use crate::{
    Result,
    measure::{Latency, Stopwatch},
};
use std::{fs::File, os::unix::fs::FileExt, path::Path};

/// About what one put of a document writes, with its key and the frame around it.
const RECORD_BYTES: usize = 400;

/// Appends a record and syncs it, `count` times.
///
/// With `preallocated` the file was filled with zeros and synced before, so that a sync has no new length and no new
/// blocks to make durable.
pub(crate) fn append_and_sync(directory: &Path, count: u64, preallocated: bool) -> Result<Latency> {
    std::fs::create_dir_all(directory)?;
    let path = directory.join("floor");
    let file = File::create(&path)?;
    if preallocated {
        let zeros = vec![0; 1 << 20];
        let bytes = (count * RECORD_BYTES as u64).next_multiple_of(1 << 20);
        for offset in (0..bytes).step_by(1 << 20) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
    }
    let record = [0xa5; RECORD_BYTES];
    let mut stopwatch = Stopwatch::new(count as usize);
    for number in 0..count {
        stopwatch.time(|| {
            file.write_all_at(&record, number * RECORD_BYTES as u64)?;
            file.sync_data()
        })?;
    }
    drop(file);
    std::fs::remove_file(path)?;
    Ok(stopwatch.finish())
}
