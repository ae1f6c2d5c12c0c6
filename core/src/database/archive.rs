//! Archives: a whole database as one stream of bytes, in the form that `tar` reads (POSIX ustar).
//!
//! An archive holds the files of a database as of one moment and is made while it is written to. The root comes last and an
//! import writes it last, so half an archive never becomes half a database.

use super::{Database, ready};
use crate::{
    Error, ErrorCode, Result, engine, limits,
    storage::{
        FileInfo, FileName, Storage,
        file::{FileStorage, Mode},
    },
};
use std::{
    io::{self, Read, Write},
    path::Path,
};
use tar::{Archive, Builder, EntryType, Header};

/// Bytes that are copied at once.
const COPY_BYTES: usize = 1 << 20;

/// The files of a database as of one moment; see [`Database::export`].
pub struct Export {
    database: Database,
    export: engine::Export,
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export").field("files", &self.files()).finish_non_exhaustive()
    }
}

impl Database {
    /// A copy of the database's files as of now, to be written elsewhere. Writing goes on meanwhile and is not part of it.
    ///
    /// A copy is the same database, with the same actor: write to one of the two only.
    ///
    /// ```
    /// # fn main() -> koru_delta::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// use koru_delta::Database;
    ///
    /// let db = Database::memory()?;
    /// db.collection("users").put("ada", &serde_json::json!({"born": 1815}))?;
    /// let mut archive = Vec::new();
    /// db.export()?.write_archive(&mut archive, |_| {})?;
    ///
    /// let path = folder.path().join("copy.koru");
    /// Database::import_archive(&path, archive.as_slice(), |_| {})?;
    /// assert!(Database::open(&path)?.collection("users").get("ada")?.is_some());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `CLOSED`, `IO`.
    pub fn export(&self) -> Result<Export> {
        Ok(Export { export: self.0.export()?, database: self.clone() })
    }

    /// Makes a database at `path` of an archive, and opens it once to see that it is whole. `progress` is told the bytes
    /// written so far. What values and old versions say is checked by [`Database::verify`] only.
    ///
    /// # Errors
    /// `ALREADY_EXISTS` if there is a database, `UNTRUSTED` for an archive that is not one of a database, `CORRUPT` if it is
    /// not what was exported, `STORAGE_FULL`, `IO`. What was written is removed again.
    pub fn import_archive(path: impl AsRef<Path>, archive: impl Read, mut progress: impl FnMut(u64)) -> Result<()> {
        let path = path.as_ref();
        let storage = FileStorage::open(path, Mode::ReadWrite { create: true })?;
        if !storage.list()?.is_empty() {
            let message = format!("there is a database at {} already: import into another place", path.display());
            return Err(Error::new(ErrorCode::AlreadyExists, message));
        }
        let imported = unpack(&storage, archive, &mut progress)
            .and_then(|()| super::Options::new().read_only(true).open(path)?.close());
        if imported.is_err() {
            for info in storage.list().unwrap_or_default() {
                // What made the import fail is what is told.
                let _ = storage.remove(info.name);
            }
        }
        imported.and(storage.close())
    }
}

impl Export {
    /// The files and their lengths, in the order in which a copy is to be written: the root last.
    pub fn files(&self) -> Vec<FileInfo> {
        self.export.files().collect()
    }

    /// Reads up to `length` bytes of a file from `offset` on; fewer at its end.
    ///
    /// # Errors
    /// `NOT_FOUND` for a file that is not listed, `CORRUPT`, `IO`, `CLOSED`.
    pub fn read_at(&self, name: FileName, offset: u64, length: usize) -> Result<Vec<u8>> {
        ready(self.database.0.engine.export_read(&self.export, name, offset, length))
    }

    /// Writes all files as one archive. `progress` is told the bytes of files written so far.
    ///
    /// # Errors
    /// `IO` if it cannot be written or read, `CORRUPT`, `CLOSED`.
    pub fn write_archive(&self, out: impl Write, mut progress: impl FnMut(u64)) -> Result<()> {
        let mut archive = Builder::new(out);
        let mut done = 0;
        for info in self.files() {
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o644);
            header.set_size(info.bytes);
            let mut file =
                FileReader { export: self, info, offset: 0, failure: None, progress: &mut |n| progress(done + n) };
            let written = archive.append_data(&mut header, info.name.to_string(), &mut file);
            if let Some(failure) = file.failure {
                return Err(failure);
            }
            written.map_err(|e| refused("the archive cannot be written", e))?;
            done += info.bytes;
        }
        let mut out = archive.into_inner().map_err(|e| refused("the archive cannot be written", e))?;
        out.flush().map_err(|e| refused("the archive cannot be written", e))
    }
}

/// A file of an export, read from its begin to its end.
struct FileReader<'e> {
    export: &'e Export,
    info: FileInfo,
    offset: u64,
    /// Our own error, which the archive's writer would only hand back as text.
    failure: Option<Error>,
    progress: &'e mut dyn FnMut(u64),
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.export.read_at(self.info.name, self.offset, buffer.len().min(COPY_BYTES)) {
            Ok(bytes) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                self.offset += bytes.len() as u64;
                (self.progress)(self.offset);
                Ok(bytes.len())
            }
            Err(e) => {
                let told = io::Error::other(e.to_string());
                self.failure = Some(e);
                Err(told)
            }
        }
    }
}

fn refused(what: &str, e: io::Error) -> Error {
    let code = if e.kind() == io::ErrorKind::StorageFull { ErrorCode::StorageFull } else { ErrorCode::Io };
    Error::new(code, format!("{what}: {e}")).with_source(e)
}

/// Writes the files of an archive, each durable, the root last.
fn unpack(storage: &FileStorage, archive: impl Read, progress: &mut dyn FnMut(u64)) -> Result<()> {
    let untrusted = |what: String| Error::new(ErrorCode::Untrusted, format!("not an archive of a database: {what}"));
    let unreadable = |e: io::Error| untrusted(format!("it cannot be read: {e}"));
    let (mut done, mut files, mut rooted) = (0, 0, false);
    let mut buffer = vec![0; COPY_BYTES];
    for entry in Archive::new(archive).entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.to_string_lossy().into_owned();
        let plain = entry.header().entry_type() == EntryType::Regular;
        let name = FileName::parse(&path).filter(|_| plain && !rooted);
        let name = name.ok_or_else(|| untrusted(format!("{path:?} does not belong there")))?;
        files += 1;
        if files > limits::FILES_MAX {
            return Err(untrusted(format!("more than {} files", limits::FILES_MAX)));
        }
        rooted = name == FileName::Root;
        storage.create(name).map_err(|e| match e.code() {
            ErrorCode::AlreadyExists => untrusted(format!("{name} is in it twice")),
            _ => e,
        })?;
        let (size, mut offset) = (entry.size(), 0);
        while offset < size {
            let read = entry.read(&mut buffer).map_err(unreadable)?;
            if read == 0 {
                return Err(untrusted(format!("it ends within {name}")));
            }
            storage.write_at(name, offset, &buffer[..read])?;
            offset += read as u64;
            done += read as u64;
            progress(done);
        }
        storage.sync(name)?;
    }
    if rooted { Ok(()) } else { Err(untrusted("it has no root, or not at its end".into())) }
}
