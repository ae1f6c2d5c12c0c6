//! The floor: what the system itself takes to make a few hundred bytes durable, and to read them, without any store above
//! it.

use crate::{
    Result,
    documents::Choices,
    measure::{Latency, Stopwatch},
};
use std::{fs::File, os::unix::fs::FileExt, path::Path};

/// About what one put of a document writes, with its key and the frame around it.
const RECORD_BYTES: usize = 400;
/// More than the value of a document takes.
const VALUE_BYTES: usize = 300;

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

/// Reads a value `count` times, each at another place of a file of `values` of them that the system has in memory.
pub(crate) fn read_at_random(directory: &Path, values: u64, count: u64) -> Result<Latency> {
    std::fs::create_dir_all(directory)?;
    let path = directory.join("values");
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
    let some = vec![0xa5; VALUE_BYTES * 1000];
    for start in (0..values).step_by(1000) {
        file.write_all_at(&some, start * VALUE_BYTES as u64)?;
    }
    let mut choices = Choices::new(1, values);
    let mut value = [0; VALUE_BYTES];
    let mut stopwatch = Stopwatch::new(count as usize);
    for _ in 0..count {
        let offset = choices.next() * VALUE_BYTES as u64;
        stopwatch.time(|| file.read_exact_at(&mut value, offset))?;
    }
    drop(file);
    std::fs::remove_file(path)?;
    Ok(stopwatch.finish())
}
