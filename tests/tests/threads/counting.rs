//! A storage that counts syncs and knows which markers they have made durable.

use koru_delta::Result;
use koru_delta::storage::{FileInfo, FileName, Storage, file::FileStorage};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

const MARKER: &str = "<marker ";

/// Text that is recognised in what is written to the log.
pub(crate) fn marker(number: u64) -> String {
    format!("{MARKER}{number:08}>")
}

#[derive(Default)]
struct Markers {
    unsynced: BTreeSet<(FileName, u64)>,
    durable: BTreeSet<u64>,
    log_syncs: u64,
}

/// File storage, watched.
pub(crate) struct CountingStorage {
    files: FileStorage,
    /// How much longer a sync takes than it does here.
    delay: Duration,
    markers: Mutex<Markers>,
}

impl CountingStorage {
    pub(crate) fn new(files: FileStorage, delay: Duration) -> Self {
        CountingStorage { files, delay, markers: Mutex::default() }
    }

    /// Syncs of log segments so far.
    pub(crate) fn log_syncs(&self) -> u64 {
        self.markers.lock().unwrap().log_syncs
    }

    /// Whether a sync that began after the marker was written has returned.
    pub(crate) fn is_durable(&self, number: u64) -> bool {
        self.markers.lock().unwrap().durable.contains(&number)
    }
}

impl Storage for CountingStorage {
    fn list(&self) -> Result<Vec<FileInfo>> {
        self.files.list()
    }
    fn create(&self, name: FileName) -> Result<()> {
        self.files.create(name)
    }
    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.files.read_at(name, offset, buffer)
    }
    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        self.files.write_at(name, offset, data)?;
        let found = data.windows(MARKER.len() + 8).filter_map(|window| window.strip_prefix(MARKER.as_bytes()));
        let numbers = found.filter_map(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
        self.markers.lock().unwrap().unsynced.extend(numbers.map(|number| (name, number)));
        Ok(())
    }
    fn sync(&self, name: FileName) -> Result<()> {
        let covered: Vec<_> = self.markers.lock().unwrap().unsynced.iter().filter(|m| m.0 == name).copied().collect();
        self.files.sync(name)?;
        std::thread::sleep(self.delay);
        let mut markers = self.markers.lock().unwrap();
        for marker in covered {
            markers.unsynced.remove(&marker);
            markers.durable.insert(marker.1);
        }
        markers.log_syncs += u64::from(matches!(name, FileName::Segment(_)));
        Ok(())
    }
    fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        self.files.truncate(name, bytes)
    }
    fn remove(&self, name: FileName) -> Result<()> {
        self.files.remove(name)
    }
    fn close(&self) -> Result<()> {
        self.files.close()
    }
    fn kind(&self) -> &'static str {
        self.files.kind()
    }
    fn location(&self) -> String {
        self.files.location()
    }
    fn wants_preallocation(&self) -> bool {
        self.files.wants_preallocation()
    }
}
