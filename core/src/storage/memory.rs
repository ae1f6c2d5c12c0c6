//! Memory storage: files as byte vectors behind one lock, for tests, for tabs without a disk and for throw-away databases.
//!
//! Handles that were cloned from each other share the files, but each is closed for itself, so that a database can be
//! closed and opened again on what it left. Nothing guards against two writers at once: that is the caller's to avoid.

use super::{FileInfo, FileName, Storage};
use crate::error::{Error, ErrorCode, Result};
use crate::sync::RwLock;
use alloc::{collections::BTreeMap, format, string::String, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicBool, Ordering};

/// A handle to a set of files in memory.
#[derive(Debug)]
pub struct MemoryStorage {
    files: Arc<RwLock<Files>>,
    closed: AtomicBool,
}

/// Invariant: `used` is the sum of the lengths of all files, and at most `bytes_max`.
#[derive(Debug)]
struct Files {
    by_name: BTreeMap<FileName, Vec<u8>>,
    used: u64,
    bytes_max: u64,
}

impl MemoryStorage {
    /// Without files, as large as memory allows.
    pub fn new() -> Self {
        Self::with_bytes_max(u64::MAX)
    }

    /// Without files. What would take all files together beyond `bytes_max` fails with `STORAGE_FULL` and changes nothing.
    pub fn with_bytes_max(bytes_max: u64) -> Self {
        Self::over(Files { by_name: BTreeMap::new(), used: 0, bytes_max })
    }

    /// With these files, as large as memory allows.
    pub fn from_files(files: impl IntoIterator<Item = (FileName, Vec<u8>)>) -> Self {
        let by_name: BTreeMap<_, _> = files.into_iter().collect();
        let used = by_name.values().map(|bytes| bytes.len() as u64).sum();
        Self::over(Files { by_name, used, bytes_max: u64::MAX })
    }

    /// A copy of every file, also of a closed handle.
    pub fn files(&self) -> BTreeMap<FileName, Vec<u8>> {
        self.files.read().by_name.clone()
    }

    /// An open storage with a copy of the files: what happens to one is not seen by the other.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let files = self.files.read();
        Self::over(Files { by_name: files.by_name.clone(), used: files.used, bytes_max: files.bytes_max })
    }

    fn over(files: Files) -> Self {
        MemoryStorage { files: Arc::new(RwLock::new(files)), closed: AtomicBool::new(false) }
    }

    fn ensure_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorCode::Closed, "the memory storage was closed"));
        }
        Ok(())
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for MemoryStorage {
    /// Another open handle to the same files.
    fn clone(&self) -> Self {
        MemoryStorage { files: Arc::clone(&self.files), closed: AtomicBool::new(false) }
    }
}

impl Files {
    fn get(&self, name: FileName) -> Result<&Vec<u8>> {
        self.by_name.get(&name).ok_or_else(|| not_found(name))
    }

    /// Makes `name` exactly `bytes` long.
    fn resize(&mut self, name: FileName, bytes: u64) -> Result<()> {
        let file = self.by_name.get_mut(&name).ok_or_else(|| not_found(name))?;
        let used = (self.used - file.len() as u64).saturating_add(bytes);
        let full = || Error::new(ErrorCode::StorageFull, format!("no memory for {bytes} bytes of {name}"));
        let length = usize::try_from(bytes).map_err(|_| full())?;
        if used > self.bytes_max {
            return Err(full());
        }
        file.try_reserve(length.saturating_sub(file.len())).map_err(|_| full())?;
        file.resize(length, 0);
        self.used = used;
        Ok(())
    }
}

fn not_found(name: FileName) -> Error {
    Error::new(ErrorCode::NotFound, format!("there is no file {name} in memory"))
}

impl Storage for MemoryStorage {
    fn list(&self) -> Result<Vec<FileInfo>> {
        self.ensure_open()?;
        let files = self.files.read();
        Ok(files.by_name.iter().map(|(&name, bytes)| FileInfo { name, bytes: bytes.len() as u64 }).collect())
    }

    fn create(&self, name: FileName) -> Result<()> {
        self.ensure_open()?;
        let mut files = self.files.write();
        if files.by_name.contains_key(&name) {
            return Err(Error::new(ErrorCode::AlreadyExists, format!("there is a file {name} in memory already")));
        }
        files.by_name.insert(name, Vec::new());
        Ok(())
    }

    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.ensure_open()?;
        let files = self.files.read();
        let file = files.get(name)?;
        let available = usize::try_from(offset).ok().and_then(|at| file.get(at..)).unwrap_or_default();
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        Ok(count)
    }

    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        self.ensure_open()?;
        let mut files = self.files.write();
        let length = files.get(name)?.len() as u64;
        if data.is_empty() {
            return Ok(());
        }
        let end = super::end_of_write(name, offset, data)?;
        if end > length {
            files.resize(name, end)?;
        }
        let range = end as usize - data.len()..end as usize;
        if let Some(target) = files.by_name.get_mut(&name).and_then(|file| file.get_mut(range)) {
            target.copy_from_slice(data);
        }
        Ok(())
    }

    fn sync(&self, name: FileName) -> Result<()> {
        self.ensure_open()?;
        self.files.read().get(name).map(|_| ())
    }

    fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        self.ensure_open()?;
        self.files.write().resize(name, super::check_length(name, bytes)?)
    }

    fn remove(&self, name: FileName) -> Result<()> {
        self.ensure_open()?;
        let mut files = self.files.write();
        let removed = files.by_name.remove(&name).ok_or_else(|| not_found(name))?;
        files.used -= removed.len() as u64;
        Ok(())
    }

    fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "memory"
    }

    fn location(&self) -> String {
        "memory:".into()
    }
}
