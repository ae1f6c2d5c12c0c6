//! Reads frames one after the other, or one at a place, and opens the commit in a frame.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{
    Location,
    frame::{self, FrameHeader, Salt},
};
use crate::{
    codec::{
        commit::{self, Change, ChangeVectors, Header, NO_VALUE},
        cursor::Cursor,
        varint,
    },
    error::{Error, ErrorCode, Result},
    id::{ActorId, CommitId, DatabaseId},
    limits,
    storage::{AsyncStorage, FileName, read_full},
};
use alloc::{vec, vec::Vec};

/// Bytes read at once when frames are read in order: twice as many each time, because most logs that are read are short,
/// and room for what a file does not have would be cleared for nothing.
const READ_AHEAD_BYTES_FIRST: usize = 16 << 10;
const READ_AHEAD_BYTES_MAX: usize = 256 << 10;

/// Records up to this size are read without an allocation of their own.
const SMALL_RECORD_BYTES: usize = 1024;

/// Reads the frames of one segment in order.
pub(crate) struct FrameReader {
    segment: u32,
    salt: Salt,
    /// Where the next frame begins.
    offset: u64,
    buffer: Vec<u8>,
    buffer_offset: u64,
    /// Bytes that the next read asks for.
    read_ahead: usize,
}

/// What stands at a place of a segment.
pub(crate) enum Found {
    /// A frame with a matching body; [`FrameReader::body`] has it.
    Frame(FrameHeader),
    /// The file ends here.
    End,
    /// Something that is not a whole frame, or zeros that were written ahead.
    Invalid,
}

#[driven]
impl FrameReader {
    pub(crate) fn new(database: DatabaseId, segment: u32, offset: u64) -> Self {
        let salt = Salt::new(database, segment);
        let buffer = Vec::new();
        FrameReader { segment, salt, offset, buffer, buffer_offset: offset, read_ahead: READ_AHEAD_BYTES_FIRST }
    }

    pub(crate) fn segment(&self) -> u32 {
        self.segment
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn salt(&self) -> Salt {
        self.salt
    }

    /// Goes on at another place, and forgets what was read ahead.
    pub(crate) fn enter(&mut self, database: DatabaseId, segment: u32, offset: u64) {
        *self = FrameReader::new(database, segment, offset);
    }

    /// Looks at the place of the next frame without leaving it.
    pub(crate) async fn peek<S: AsyncStorage>(&mut self, storage: &S) -> Result<Found> {
        let (salt, offset) = (self.salt, self.offset);
        let Some(head) = self.fill(storage, frame::HEADER_BYTES).await? else {
            return Ok(if self.available().is_empty() { Found::End } else { Found::Invalid });
        };
        let Some(header) = FrameHeader::decode(head, salt, offset) else {
            return Ok(Found::Invalid);
        };
        let whole = frame::HEADER_BYTES + header.body_bytes as usize;
        let Some(bytes) = self.fill(storage, whole).await? else {
            return Ok(Found::Invalid);
        };
        let matches = bytes.get(frame::HEADER_BYTES..).is_some_and(|body| header.matches(body));
        Ok(if matches { Found::Frame(header) } else { Found::Invalid })
    }

    /// The body of the frame that [`FrameReader::peek`] found.
    pub(crate) fn body(&self, header: &FrameHeader) -> &[u8] {
        let whole = frame::HEADER_BYTES + header.body_bytes as usize;
        self.available().get(frame::HEADER_BYTES..whole).unwrap_or_default()
    }

    /// Goes on behind the frame that [`FrameReader::peek`] found.
    pub(crate) fn advance(&mut self, header: &FrameHeader) {
        self.offset += header.frame_bytes();
    }

    /// What is buffered from the current place on.
    fn available(&self) -> &[u8] {
        let skip = usize::try_from(self.offset - self.buffer_offset).unwrap_or(usize::MAX);
        self.buffer.get(skip..).unwrap_or_default()
    }

    /// At least `count` bytes from the current place, or `None` if the file ends before.
    async fn fill<S: AsyncStorage>(&mut self, storage: &S, count: usize) -> Result<Option<&[u8]>> {
        if self.available().len() < count {
            let keep = self.available().len();
            let start = self.buffer.len() - keep;
            self.buffer.drain(..start);
            self.buffer_offset = self.offset;
            self.buffer.resize(count.max(self.read_ahead), 0);
            self.read_ahead = (self.read_ahead * 2).min(READ_AHEAD_BYTES_MAX);
            let rest = self.buffer.get_mut(keep..).unwrap_or_default();
            let read = read_full(storage, FileName::Segment(self.segment), self.offset + keep as u64, rest).await?;
            self.buffer.truncate(keep + read);
        }
        Ok(self.available().get(..count))
    }
}

/// A segment that the index names and that is not there is damage, and not a document or commit that does not exist.
fn missing(e: Error, at: Location) -> Error {
    match e.code() {
        ErrorCode::NotFound => Error::corrupt(FileName::Segment(at.segment), at.offset, "the segment is missing"),
        _ => e,
    }
}

/// Reads the frame at a location that the index names, and returns its header and body.
#[driven]
pub(crate) async fn read_frame<S: AsyncStorage>(
    storage: &S,
    database: DatabaseId,
    at: Location,
) -> Result<(FrameHeader, Vec<u8>)> {
    let file = FileName::Segment(at.segment);
    if at.bytes as usize > limits::COMMIT_BYTES_MAX + frame::HEADER_BYTES {
        return Err(Error::corrupt(file, at.offset, "the index names a frame larger than a frame can be"));
    }
    let mut bytes = vec![0; at.bytes as usize];
    let read = read_full(storage, file, at.offset, &mut bytes).await.map_err(|e| missing(e, at))?;
    bytes.truncate(read);
    let header = FrameHeader::decode(&bytes, Salt::new(database, at.segment), at.offset);
    let body = bytes.split_off(frame::HEADER_BYTES.min(bytes.len()));
    match header {
        Some(header) if header.matches(&body) => Ok((header, body)),
        _ => Err(Error::corrupt(file, at.offset, "the frame that the index names is damaged")),
    }
}

/// Reads the value of a record that the index names, and shows it to `use_it`, once.
#[driven]
pub(crate) async fn read_value<S: AsyncStorage>(
    storage: &S,
    at: Location,
    use_it: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    let file = FileName::Segment(at.segment);
    if at.bytes as usize > limits::VALUE_BYTES_MAX + commit::RECORD_OVERHEAD as usize {
        return Err(Error::corrupt(file, at.offset, "the index names a value larger than a value can be"));
    }
    // Most values are small: no allocation.
    let (mut small, mut large) = ([0; SMALL_RECORD_BYTES], Vec::new());
    let record = match small.get_mut(..at.bytes as usize) {
        Some(record) => record,
        None => {
            large.resize(at.bytes as usize, 0);
            large.as_mut_slice()
        }
    };
    let read = read_full(storage, file, at.offset, record).await.map_err(|e| missing(e, at))?;
    show_value(record.get(..read).unwrap_or_default(), at, use_it)
}

/// Shows the value in what was read of a record, if it is whole and what was written.
pub(crate) fn show_value(record: &[u8], at: Location, use_it: &mut dyn FnMut(&[u8])) -> Result<()> {
    let value = Some(record).filter(|record| record.len() == at.bytes as usize).and_then(commit::read_record);
    let damaged =
        || Error::corrupt(FileName::Segment(at.segment), at.offset, "the checksum of the value does not match");
    value.map(use_it).ok_or_else(damaged)
}

/// Reads some of the blocks that the log is cached in, of [`limits::LOG_BLOCK_BYTES`] each, or what the segment has of them.
#[driven]
pub(crate) async fn read_blocks<S: AsyncStorage>(
    storage: &S,
    segment: u32,
    first: u32,
    count: usize,
) -> Result<Vec<u8>> {
    let at = Location { segment, offset: u64::from(first) * limits::LOG_BLOCK_BYTES as u64, bytes: 0 };
    let mut blocks = vec![0; count * limits::LOG_BLOCK_BYTES];
    let read = read_full(storage, FileName::Segment(segment), at.offset, &mut blocks).await;
    blocks.truncate(read.map_err(|e| missing(e, at))?);
    Ok(blocks)
}

/// The commit in a frame's body.
pub(crate) struct OpenedCommit<'a> {
    pub(crate) header: Header<'a>,
    /// Bytes from the begin of the body to the first record.
    pub(crate) records_at: usize,
    /// The records of the changes, one after the other.
    pub(crate) records: &'a [u8],
}

/// Opens the body of a commit frame. The hashes of small values are still open: see [`OpenedCommit::complete`].
pub(crate) fn open_commit<'a>(header: &FrameHeader, body: &'a [u8], actor: ActorId) -> Result<OpenedCommit<'a>> {
    let corrupt = |what: &str| Error::new(ErrorCode::Corrupt, what);
    if header.kind != frame::COMMIT || header.codec != 0 {
        let (kind, codec) = (header.kind, header.codec);
        return Err(Error::new(
            ErrorCode::UnsupportedFormat,
            alloc::format!(
                "a frame of kind {kind} and codec {codec} is unknown to this version: use a newer koru-delta"
            ),
        ));
    }
    let mut input = Cursor::new(body);
    let head = (input.length(limits::COMMIT_BYTES_MAX).and_then(|n| input.bytes(n)))
        .ok_or_else(|| corrupt("the frame is shorter than its commit"))?;
    let header = commit::decode(head, actor)?;
    let records = input.rest();
    if header.record_offsets().1 != records.len() as u64 {
        return Err(corrupt("the values of the commit do not fill its frame"));
    }
    Ok(OpenedCommit { header, records_at: body.len() - records.len(), records })
}

impl<'a> OpenedCommit<'a> {
    /// What a record at `offset` holds, checked: the encoded value of a change; `None` for a deletion.
    pub(crate) fn value(&self, offset: u64, value_bytes: Option<u32>) -> Result<Option<&'a [u8]>> {
        let Some(bytes) = value_bytes else { return Ok(None) };
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let record =
            self.records.get(start..).and_then(|rest| rest.get(..bytes as usize + commit::RECORD_OVERHEAD as usize));
        (record.and_then(commit::read_record).map(Some))
            .ok_or_else(|| Error::new(ErrorCode::Corrupt, "the checksum of a value does not match"))
    }

    /// The encoded vectors of a change whose records begin at `offset`, checked; `None` if it has none.
    pub(crate) fn vectors(&self, offset: u64, change: &Change<'_>) -> Result<Option<&'a [u8]>> {
        self.value(offset + change.value_record_bytes(), change.vectors.map(|v| v.bytes))
    }

    /// Fills in the hashes that the stored form left out and returns the commit's id.
    pub(crate) fn complete(&mut self) -> Result<CommitId> {
        let (offsets, _) = self.header.record_offsets();
        for (index, offset) in offsets.into_iter().enumerate() {
            let Some(change) = self.header.changes.get(index) else { continue };
            let hash_of = |record: Option<&[u8]>| record.map_or(NO_VALUE, |bytes| *blake3::hash(bytes).as_bytes());
            let hash = match change.hash {
                Some(hash) => hash,
                None => hash_of(self.value(offset, change.value_bytes)?),
            };
            let vectors = match change.vectors {
                Some(ChangeVectors { bytes, hash: None }) => {
                    let hash = Some(hash_of(self.vectors(offset, change)?));
                    Some(ChangeVectors { bytes, hash })
                }
                known => known,
            };
            if let Some(change) = self.header.changes.get_mut(index) {
                change.hash = Some(hash);
                change.vectors = vectors;
            }
        }
        Ok(self.header.id())
    }
}

/// Appends the body of a commit frame: the header with its length, then the records: values and vectors.
pub(crate) fn write_body<'v>(header: &[u8], values: impl Iterator<Item = &'v [u8]>, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    varint::write_u64(out, header.len() as u64);
    out.extend_from_slice(header);
    let records_at = out.len() - start;
    values.for_each(|value| commit::write_record(out, value));
    records_at
}
