//! A copy of the database's files as of one moment, made while it is written to.
//!
//! Tables never change and segments only grow, so a copy is a list of files with lengths, beside a root and a manifest that
//! are made anew for exactly these. What is listed stays readable for as long as the [`Export`] lives: it holds the tables.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{Engine, state::State};
use crate::{
    codec::crc,
    error::{Error, ErrorCode, Result},
    log::root::SLOT_BYTES,
    storage::{AsyncStorage, FileInfo, FileName, read_full},
};
use alloc::{format, sync::Arc, vec, vec::Vec};

/// The files of a copy. Manifest first, root last: a copy that was not finished has no root and is no database.
pub(crate) struct Export {
    files: Vec<ExportFile>,
    /// Keeps the listed tables from being removed.
    _state: Arc<State>,
    /// Keeps the listed snapshot from being removed.
    _exports: Arc<()>,
}

struct ExportFile {
    info: FileInfo,
    /// The bytes of files that are made for the copy.
    content: Option<Vec<u8>>,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// A copy of what is published now. No maintenance may be under way while this runs; afterwards anything may.
    ///
    /// # Errors
    /// `CLOSED`, `IO`.
    pub(crate) async fn export(&self) -> Result<Export> {
        self.check_open()?;
        let (mut root, manifest, state, end, numbers) = {
            let writer = self.writer.lock();
            let files = self.files.lock();
            // What is laid out and not published is not part of the copy.
            let end = writer.undo.first().map_or(writer.log.end(), |undo| undo.before);
            let numbers: Vec<u32> = self.segments.read().iter().map(|s| s.number).collect();
            (files.root, files.manifest.clone(), self.state(), end, numbers)
        };
        let bytes = manifest.encode();
        root.manifest_checksum = crc::hash(&bytes);
        // All of the copy is there before its root is, so all of it counts as durable: a shortened copy is noticed.
        root.durable = end;
        let mut files = vec![ExportFile::made(FileName::Manifest(root.manifest), bytes)];
        let listed = manifest.tables.iter().map(|t| FileInfo { name: FileName::Table(t.number), bytes: t.bytes });
        files.extend(listed.map(|info| ExportFile { info, content: None }));
        let stored = self.storage.list().await?;
        for number in numbers.into_iter().filter(|number| *number <= end.segment) {
            let named = |name| stored.iter().find(|info| info.name == name).copied();
            let name = FileName::Segment(number);
            let mut info = named(name).or_else(|| named(FileName::Packed(number)));
            if let Some(last) = info.as_mut().filter(|_| number == end.segment) {
                last.bytes = end.offset;
            }
            let info = info.ok_or_else(|| Error::corrupt(name, 0, "the segment is missing"))?;
            files.push(ExportFile { info, content: None });
        }
        let exports = self.exports.clone();
        if let Some(snapshot) = self.vector_snapshot_before(end.sequence).await? {
            let listed = stored.iter().find(|info| info.name == snapshot).copied();
            files.extend(listed.map(|info| ExportFile { info, content: None }));
        }
        let slot = (root.generation % 2) as usize;
        let mut bytes = vec![0; slot * SLOT_BYTES];
        bytes.extend_from_slice(&root.encode());
        files.push(ExportFile::made(FileName::Root, bytes));
        Ok(Export { files, _state: state, _exports: exports })
    }

    /// Reads up to `length` bytes of a listed file from `offset` on; fewer at its end.
    ///
    /// # Errors
    /// `NOT_FOUND` for a file that is not part of the copy, `CORRUPT` if it has become shorter, `IO`, `CLOSED`.
    pub(crate) async fn export_read(
        &self,
        export: &Export,
        name: FileName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>> {
        self.check_open()?;
        let unknown = || Error::new(ErrorCode::NotFound, format!("{name} is not part of the copy"));
        let file = export.files.iter().find(|file| file.info.name == name).ok_or_else(unknown)?;
        let length = file.info.bytes.saturating_sub(offset).min(length as u64) as usize;
        if let Some(content) = &file.content {
            let from = usize::try_from(offset).unwrap_or(usize::MAX);
            return Ok(content.get(from..).and_then(|rest| rest.get(..length)).unwrap_or_default().to_vec());
        }
        let mut bytes = vec![0; length];
        let read = read_full(&self.storage, name, offset, &mut bytes).await?;
        if read < length {
            return Err(Error::corrupt(name, offset + read as u64, "the file is shorter than it was"));
        }
        Ok(bytes)
    }
}

impl ExportFile {
    fn made(name: FileName, bytes: Vec<u8>) -> ExportFile {
        ExportFile { info: FileInfo { name, bytes: bytes.len() as u64 }, content: Some(bytes) }
    }
}

impl Export {
    /// The files in the order in which a copy is to be written.
    pub(crate) fn files(&self) -> impl ExactSizeIterator<Item = FileInfo> {
        self.files.iter().map(|file| file.info)
    }
}
