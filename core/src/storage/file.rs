//! File storage: a database is one directory, and each of its files is a file there.
//!
//! One writer at a time holds an operating-system lock on the file `lock`, which ends with its process however that
//! ends. Readers take no lock and change nothing, so that a database on read-only media can be read. File handles stay
//! open up to a bound; one with unsynced writes is never closed, because the error of a later sync could then be lost.

use super::{FileInfo, FileName, OFFSET_MAX, Storage, check_length, end_of_write};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::OPEN_FILES_MAX;
use crate::sync::RwLock;
use hashbrown::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const LOCK_FILE: &str = "lock";

/// How a directory is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For reading and writing, by one process at a time.
    ReadWrite {
        /// Whether a directory that does not exist is made, and an empty one accepted.
        create: bool,
    },
    /// For reading only, also beside a writer and on a read-only file system.
    ReadOnly,
}

/// A directory of a file system.
#[derive(Debug)]
pub struct FileStorage {
    directory: PathBuf,
    read_only: bool,
    /// `None` once closed.
    open: RwLock<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    handles: HashMap<FileName, Arc<Handle>>,
    /// Held for as long as the storage is open. `None` when it is read-only.
    _lock: Option<Lock>,
}

/// The lock of the directory, held until dropped.
#[derive(Debug)]
struct Lock {
    file: File,
    holder: u32,
}

impl Drop for Lock {
    /// Unlocks outright: a child process that is just being started may hold a copy of the handle a moment longer. But
    /// a forked copy of this process must not give away the lock of its parent.
    fn drop(&mut self) {
        if self.holder == std::process::id() {
            let _ = self.file.unlock();
        }
    }
}

#[derive(Debug)]
struct Handle {
    file: File,
    /// Whether something was written that no sync has covered.
    unsynced: AtomicBool,
}

impl FileStorage {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// - `NOT_FOUND`: there is no database there and none may be made, or the parent of the directory does not exist.
    /// - `LOCKED`: another process, or another handle of this one, has it open for writing.
    /// - `READ_ONLY`: it is to be written, and permissions or the file system forbid it.
    /// - `UNSUPPORTED_FORMAT`: the directory holds files, and none is a database's. Nothing in it was touched.
    /// - `INVALID_ARGUMENT`: `path` is empty or not a directory.
    pub fn open(path: impl AsRef<Path>, mode: Mode) -> Result<Self> {
        let path = path.as_ref();
        // Made absolute, so that a later change of the working directory does not lead elsewhere.
        let directory = std::path::absolute(path)
            .map_err(|e| Error::invalid(format!("{path:?} is not a path of a database")).with_source(e))?;
        let create = mode == Mode::ReadWrite { create: true };
        match fs::metadata(&directory) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                return Err(Error::invalid(format!(
                    "{} is a file, and a database is a directory: choose another path",
                    directory.display()
                )));
            }
            Err(e) if e.kind() == ErrorKind::NotFound && create => make_directory(&directory)?,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let message = format!("there is no database at {}: no such directory", directory.display());
                return Err(Error::new(ErrorCode::NotFound, message).with_source(e));
            }
            Err(e) => return Err(refused("open", &directory, e)),
        }
        check_content(&directory, create)?;
        let read_only = mode == Mode::ReadOnly;
        let lock = if read_only { None } else { Some(lock(&directory)?) };
        let open = RwLock::new(Some(Open { handles: HashMap::new(), _lock: lock }));
        Ok(FileStorage { directory, read_only, open })
    }

    /// The directory, as an absolute path.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn path(&self, name: FileName) -> PathBuf {
        self.directory.join(name.to_string())
    }

    fn closed(&self) -> Error {
        Error::new(ErrorCode::Closed, format!("{} was closed", self.directory.display()))
    }

    fn ensure_open(&self) -> Result<()> {
        if self.open.read().is_some() { Ok(()) } else { Err(self.closed()) }
    }

    fn ensure_writable(&self) -> Result<()> {
        self.ensure_open()?;
        if self.read_only {
            let message = format!("{} was opened read-only", self.directory.display());
            return Err(Error::new(ErrorCode::ReadOnly, message));
        }
        Ok(())
    }

    /// The handle of a file. Cost: a lock and a look-up, or opening the file at its first use.
    fn handle(&self, name: FileName) -> Result<Arc<Handle>> {
        if let Some(handle) = self.open.read().as_ref().ok_or_else(|| self.closed())?.handles.get(&name) {
            return Ok(Arc::clone(handle));
        }
        // The file is opened under the lock that `remove` takes too, so that no handle of a removed file is kept.
        let mut open = self.open.write();
        let open = open.as_mut().ok_or_else(|| self.closed())?;
        if let Some(handle) = open.handles.get(&name) {
            return Ok(Arc::clone(handle));
        }
        let path = self.path(name);
        let file = if self.read_only {
            File::open(&path).map_err(|e| refused("open", &path, e))?
        } else {
            OpenOptions::new().read(true).write(true).open(&path).map_err(|e| refused_writing("open", &path, e))?
        };
        Ok(open.keep(name, file))
    }

    /// Makes what `create` and `remove` did to the directory durable.
    fn sync_directory(&self) -> Result<()> {
        platform::sync_directory(&self.directory).map_err(|e| refused("sync", &self.directory, e))
    }
}

impl Open {
    fn keep(&mut self, name: FileName, file: File) -> Arc<Handle> {
        while self.handles.len() >= OPEN_FILES_MAX {
            // Any idle one will do. One that is in use could be about to become unsynced.
            let idle = |h: &Arc<Handle>| Arc::strong_count(h) == 1 && !h.unsynced.load(Ordering::Acquire);
            let Some(victim) = self.handles.iter().find_map(|(name, h)| idle(h).then_some(*name)) else { break };
            self.handles.remove(&victim);
        }
        let handle = Arc::new(Handle { file, unsynced: AtomicBool::new(false) });
        self.handles.insert(name, Arc::clone(&handle));
        handle
    }
}

impl Storage for FileStorage {
    fn list(&self) -> Result<Vec<FileInfo>> {
        self.ensure_open()?;
        let mut files = Vec::new();
        for entry in entries(&self.directory)? {
            if let Entry::Ours(file) = entry? {
                files.push(file);
            }
        }
        Ok(files)
    }

    fn create(&self, name: FileName) -> Result<()> {
        self.ensure_writable()?;
        let path = self.path(name);
        {
            let mut open = self.open.write();
            let open = open.as_mut().ok_or_else(|| self.closed())?;
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)
                .map_err(|e| refused_writing("create", &path, e))?;
            open.keep(name, file);
        }
        self.sync_directory()
    }

    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let handle = self.handle(name)?;
        // The operating system refuses a read that would reach past the last offset there is.
        let reachable = OFFSET_MAX.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let Some(buffer) = buffer.get_mut(..reachable).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        loop {
            match platform::read_at(&handle.file, offset, buffer) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                read => return read.map_err(|e| refused("read", &self.path(name), e)),
            }
        }
    }

    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        self.ensure_writable()?;
        let handle = self.handle(name)?;
        if data.is_empty() {
            return Ok(());
        }
        end_of_write(name, offset, data)?;
        let written = platform::write_all_at(&handle.file, offset, data);
        // After the write: a sync that runs beside it must not leave the flag cleared. A failed write may have begun.
        handle.unsynced.store(true, Ordering::Release);
        written.map_err(|e| refused_writing("write", &self.path(name), e))
    }

    fn sync(&self, name: FileName) -> Result<()> {
        self.ensure_writable()?;
        let handle = self.handle(name)?;
        handle.unsynced.store(false, Ordering::Release);
        handle.file.sync_data().map_err(|e| {
            handle.unsynced.store(true, Ordering::Release);
            refused_writing("sync", &self.path(name), e)
        })
    }

    fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        self.ensure_writable()?;
        let handle = self.handle(name)?;
        let resized = handle.file.set_len(check_length(name, bytes)?);
        handle.unsynced.store(true, Ordering::Release);
        resized.map_err(|e| refused_writing("truncate", &self.path(name), e))
    }

    fn remove(&self, name: FileName) -> Result<()> {
        self.ensure_writable()?;
        let path = self.path(name);
        {
            let mut open = self.open.write();
            let open = open.as_mut().ok_or_else(|| self.closed())?;
            open.handles.remove(&name);
            fs::remove_file(&path).map_err(|e| refused_writing("remove", &path, e))?;
        }
        self.sync_directory()
    }

    fn close(&self) -> Result<()> {
        *self.open.write() = None;
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "file"
    }

    fn location(&self) -> String {
        self.directory.display().to_string()
    }

    fn wants_preallocation(&self) -> bool {
        !self.read_only
    }
}

/// Makes the last component of `directory`, durably. A parent that does not exist is more likely a mistake than a wish.
fn make_directory(directory: &Path) -> Result<()> {
    match fs::create_dir(directory) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let parent = directory.parent().unwrap_or(directory).display();
            let message =
                format!("no database can be made at {}: make the directory {parent} first", directory.display());
            return Err(Error::new(ErrorCode::NotFound, message).with_source(e));
        }
        made => made.map_err(|e| refused_writing("create the directory", directory, e))?,
    }
    let parent = directory.parent().unwrap_or(directory);
    platform::sync_directory(parent).map_err(|e| refused("sync", parent, e))
}

/// Refuses a directory with files of which none is a database's, before anything in it is touched, and one without a
/// database when none may be made.
fn check_content(directory: &Path, create: bool) -> Result<()> {
    let mut foreign = None;
    for entry in entries(directory)? {
        match entry? {
            Entry::Ours(_) => return Ok(()),
            Entry::Lock => {}
            Entry::Foreign(name) => foreign = foreign.or(Some(name)),
        }
    }
    let directory = directory.display();
    match foreign {
        Some(name) => {
            let message =
                format!("{directory} is not a database: it holds {name:?}. Choose a new or an empty directory");
            Err(Error::new(ErrorCode::UnsupportedFormat, message))
        }
        None if !create => Err(Error::new(ErrorCode::NotFound, format!("there is no database in {directory}"))),
        None => Ok(()),
    }
}

enum Entry {
    Ours(FileInfo),
    Lock,
    Foreign(String),
}

/// What a directory holds. Other people's files are never opened, listed or removed.
fn entries(directory: &Path) -> Result<impl Iterator<Item = Result<Entry>>> {
    let entries = fs::read_dir(directory).map_err(|e| refused("list", directory, e))?;
    Ok(entries.filter_map(move |entry| read_entry(entry).map_err(|e| refused("list", directory, e)).transpose()))
}

/// One entry, or `None` for a file that was removed while the directory was listed.
fn read_entry(entry: io::Result<fs::DirEntry>) -> io::Result<Option<Entry>> {
    let entry = entry?;
    let name = entry.file_name();
    let Some(ours) = name.to_str().and_then(FileName::parse) else {
        let is_lock = name == LOCK_FILE;
        return Ok(Some(if is_lock { Entry::Lock } else { Entry::Foreign(name.to_string_lossy().into_owned()) }));
    };
    match fs::metadata(entry.path()) {
        Ok(found) if found.is_file() => Ok(Some(Entry::Ours(FileInfo { name: ours, bytes: found.len() }))),
        Ok(_) => Ok(Some(Entry::Foreign(ours.to_string()))),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Takes the lock of the directory. The file stays behind at close: removing it would let two writers lock two files.
fn lock(directory: &Path) -> Result<Lock> {
    let path = directory.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|e| refused_writing("lock", &path, e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(locked(directory, &file)),
        Err(TryLockError::Error(e)) => return Err(refused("lock", &path, e)),
    }
    // Only for the message of whoever finds the lock taken, so that a full disk does not keep anybody out.
    let holder = std::process::id();
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{holder}"));
    Ok(Lock { file, holder })
}

fn locked(directory: &Path, lock: &File) -> Error {
    const PID_DIGITS_MAX: u64 = 20;
    let mut text = String::new();
    let _ = lock.take(PID_DIGITS_MAX).read_to_string(&mut text);
    let holder = match text.trim().parse::<u32>() {
        Ok(pid) if pid == std::process::id() => "this process".to_string(),
        Ok(pid) => format!("process {pid}"),
        Err(_) => "another process".to_string(),
    };
    let message =
        format!("{} is open for writing in {holder}: close it there, or open it read-only here", directory.display());
    Error::new(ErrorCode::Locked, message)
}

/// What the operating system refused, as an error that names the path.
fn refused(doing: &str, path: &Path, error: io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::NotFound => ErrorCode::NotFound,
        ErrorKind::AlreadyExists => ErrorCode::AlreadyExists,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ErrorCode::StorageFull,
        _ => ErrorCode::Io,
    };
    Error::new(code, format!("cannot {doing} {}: {error}", path.display())).with_source(error)
}

/// The same for something that needs the permission to write.
fn refused_writing(doing: &str, path: &Path, error: io::Error) -> Error {
    if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
        let message = format!("cannot {doing} {}: {error}. It can be opened read-only", path.display());
        return Error::new(ErrorCode::ReadOnly, message).with_source(error);
    }
    refused(doing, path, error)
}

/// Reads and writes at an offset without moving a cursor, so that threads can share a handle.
#[cfg(unix)]
mod platform {
    use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

    pub(super) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    pub(super) fn write_all_at(file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
        file.write_all_at(data, offset)
    }

    pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }
}

/// The same on Windows, where the cursor moves but nobody uses it.
#[cfg(windows)]
mod platform {
    use std::{fs::File, io, os::windows::fs::FileExt, path::Path};

    pub(super) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match file.seek_read(buffer, offset) {
            // ERROR_HANDLE_EOF: a read past the end.
            Err(e) if e.raw_os_error() == Some(38) => Ok(0),
            read => read,
        }
    }

    pub(super) fn write_all_at(file: &File, mut offset: u64, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            match file.seek_write(data, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    data = data.get(written..).unwrap_or_default();
                    offset += written as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// NTFS journals the directory itself and offers no call for it.
    pub(super) fn sync_directory(_: &Path) -> io::Result<()> {
        Ok(())
    }
}
