//! The writing end of the log: lays frames out in memory, and writes what was laid out in one go.
//!
//! Laying out ([`LogWriter::append`]) is pure and quick, so many writers can do it in turn while an earlier batch is being
//! written and synced ([`write_batch`]). A segment is whole and durable before the next one exists.

use super::{
    CHAIN_START, Location, Position, extend,
    frame::{self, FrameHeader, Salt},
    reader, segment,
    segment::SegmentHeader,
};
use crate::{
    bug::{self, Bug},
    codec::{
        commit::{Form, Header},
        crc, varint,
    },
    error::{Error, ErrorCode, Result},
    id::{ActorId, CommitId, DatabaseId},
    limits,
    storage::{AsyncStorage, FileName},
};
use alloc::{vec, vec::Vec};

/// Batches up to this size are worth writing zeros ahead for: larger ones would only write their bytes twice.
const SMALL_BATCH_BYTES: usize = 64 << 10;

/// Bytes for one segment, in order.
#[derive(Debug)]
struct Run {
    segment: u32,
    offset: u64,
    bytes: Vec<u8>,
    /// The run begins its segment; the one before ends at this byte.
    begins_after: Option<u64>,
}

/// What was laid out and is to be written together.
#[derive(Debug)]
pub(crate) struct Batch {
    runs: Vec<Run>,
}

/// Where a commit was laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) sequence: u64,
    pub(crate) frame: Location,
    /// Byte in the segment at which the first record begins.
    pub(crate) records_offset: u64,
}

/// The place behind the last frame that was laid out, and what was not written yet.
#[derive(Debug)]
pub(crate) struct LogWriter {
    database: DatabaseId,
    actor: ActorId,
    salt: Salt,
    segment_bytes: u64,
    end: Position,
    runs: Vec<Run>,
    /// The last sequence known to be durable.
    durable: u64,
    scratch: Vec<u8>,
}

/// The begin of an empty log.
pub(crate) const BEGIN: Position =
    Position { segment: 1, offset: segment::HEADER_BYTES, sequence: 0, chain: CHAIN_START };

impl LogWriter {
    /// A writer that goes on at `end`, everything before which is durable, and begins a segment where one would pass
    /// `segment_bytes`.
    pub(crate) fn new(database: DatabaseId, actor: ActorId, end: Position, segment_bytes: u64) -> Self {
        let salt = Salt::new(database, end.segment);
        LogWriter {
            database,
            actor,
            salt,
            segment_bytes,
            end,
            runs: Vec::new(),
            durable: end.sequence,
            scratch: Vec::new(),
        }
    }

    pub(crate) fn end(&self) -> Position {
        self.end
    }

    pub(crate) fn set_durable(&mut self, sequence: u64) {
        self.durable = self.durable.max(sequence);
    }

    /// Lays out one commit behind the last one. `values` are the encoded values of the changes that have one.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` for a commit that no reader would accept as one frame. Nothing is laid out then.
    pub(crate) fn append<'v>(
        &mut self,
        header: &Header<'_>,
        id: &CommitId,
        values: impl Iterator<Item = &'v [u8]>,
        values_bytes: u64,
    ) -> Result<Placed> {
        self.scratch.clear();
        header.encode(Form::Stored(self.actor), &mut self.scratch);
        let length_bytes = varint::BYTES_MAX as u64;
        let body_bytes = self.scratch.len() as u64 + length_bytes + values_bytes;
        if body_bytes > limits::COMMIT_BYTES_MAX as u64 {
            let (changes, max) = (header.changes.len(), limits::COMMIT_BYTES_MAX);
            return Err(Error::limit(alloc::format!(
                "a commit of {changes} changes takes {body_bytes} bytes of log: at most {max} bytes fit into one"
            )));
        }
        let frame_bytes = frame::frame_bytes(body_bytes);
        if self.end.offset + frame_bytes > self.segment_bytes && self.end.offset > segment::HEADER_BYTES {
            self.begin_segment();
        }
        let run = match self.runs.last_mut() {
            Some(run) if run.segment == self.end.segment => run,
            _ => {
                // Most runs are of one commit.
                let bytes = Vec::with_capacity(frame_bytes as usize);
                let run = Run { segment: self.end.segment, offset: self.end.offset, bytes, begins_after: None };
                self.runs.push(run);
                let last = self.runs.len() - 1;
                &mut self.runs[last]
            }
        };

        let start = run.bytes.len();
        let offset = self.end.offset;
        run.bytes.resize(start + frame::HEADER_BYTES, 0);
        let records_at = reader::write_body(&self.scratch, values, &mut run.bytes);
        let body = &run.bytes[start + frame::HEADER_BYTES..];
        let sequence = self.end.sequence + 1;
        let frame = FrameHeader {
            body_bytes: body.len() as u32,
            sequence,
            link: frame::link(&self.end.chain),
            body_checksum: crc::hash(body),
            kind: frame::COMMIT,
            codec: 0,
            unsynced: u16::try_from(self.end.sequence - self.durable).unwrap_or(u16::MAX),
        };
        let bytes = (frame::HEADER_BYTES + body.len()) as u32;
        run.bytes[start..start + frame::HEADER_BYTES].copy_from_slice(&frame.encode(self.salt, offset));
        run.bytes.resize(start + frame.frame_bytes() as usize, 0);

        self.end.offset += frame.frame_bytes();
        self.end.sequence = sequence;
        self.end.chain = extend(&self.end.chain, id);
        Ok(Placed {
            sequence,
            frame: Location { segment: self.end.segment, offset, bytes },
            records_offset: offset + (frame::HEADER_BYTES + records_at) as u64,
        })
    }

    fn begin_segment(&mut self) {
        let before = self.end.offset;
        let (bytes, next) = self.next_segment();
        self.enter(next);
        self.runs.push(Run { segment: next.segment, offset: 0, bytes, begins_after: Some(before) });
    }

    /// The header of the segment behind the last one, and the place of its first frame.
    pub(crate) fn next_segment(&self) -> (Vec<u8>, Position) {
        let Position { sequence, chain, .. } = self.end;
        let number = self.end.segment + 1;
        let header = SegmentHeader { database: self.database, number, sequence, chain };
        (header.encode(), Position { segment: number, offset: segment::HEADER_BYTES, sequence, chain })
    }

    /// Goes on in another segment.
    pub(crate) fn enter(&mut self, place: Position) {
        self.end = place;
        self.salt = Salt::new(self.database, place.segment);
    }

    /// Takes what was laid out, for [`write_batch`]. `None` if there is nothing.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        let runs = core::mem::take(&mut self.runs);
        (!runs.is_empty()).then_some(Batch { runs })
    }

    /// Gives up everything behind `end`, which was laid out but never written whole.
    pub(crate) fn roll_back(&mut self, end: Position) {
        self.runs.clear();
        self.enter(end);
    }
}

/// What is known of the file that is written to.
#[derive(Debug)]
pub(crate) struct Medium {
    /// Zeros reach up to here in the last segment.
    pub(crate) filled: u64,
    small_batches: u64,
    segment_bytes: u64,
    /// Bytes written since the last sync.
    pub(crate) dirty: bool,
}

impl Medium {
    pub(crate) fn new(filled: u64, segment_bytes: u64) -> Self {
        Medium { filled, small_batches: 0, segment_bytes, dirty: false }
    }
}

/// Writes a batch. [`sync_log`] makes it durable.
///
/// # Errors
/// What the storage says. After an error nothing is known of the batch's bytes.
#[driven]
pub(crate) async fn write_batch<S: AsyncStorage>(storage: &S, batch: &Batch, medium: &mut Medium) -> Result<()> {
    for run in &batch.runs {
        let file = FileName::Segment(run.segment);
        let mut bytes = run.bytes.as_slice();
        let mut offset = run.offset;
        if let Some(before) = run.begins_after {
            let header = &bytes[..segment::HEADER_BYTES as usize];
            enter_segment(storage, run.segment, before, header, medium).await?;
            bytes = &bytes[segment::HEADER_BYTES as usize..];
            offset = segment::HEADER_BYTES;
        }
        let end = offset + bytes.len() as u64;
        storage.write_at(file, offset, bytes).await?;
        medium.dirty = true;
        fill_ahead(storage, file, end, bytes.len(), medium).await?;
    }
    Ok(())
}

/// Makes everything written to the last segment durable.
#[driven]
pub(crate) async fn sync_log<S: AsyncStorage>(storage: &S, segment: u32, medium: &mut Medium) -> Result<()> {
    if !bug::active(Bug::SkipSync) {
        storage.sync(FileName::Segment(segment)).await?;
    }
    medium.dirty = false;
    Ok(())
}

/// Makes the last segment, which ends at `before`, durable as a whole, and begins segment `number` behind it.
#[driven]
pub(crate) async fn enter_segment<S: AsyncStorage>(
    storage: &S,
    number: u32,
    before: u64,
    header: &[u8],
    medium: &mut Medium,
) -> Result<()> {
    finish_segment(storage, number - 1, before, medium).await?;
    begin_segment(storage, FileName::Segment(number), header).await?;
    medium.filled = segment::HEADER_BYTES;
    Ok(())
}

/// Cuts off what was filled ahead and makes the segment durable as a whole.
#[driven]
async fn finish_segment<S: AsyncStorage>(storage: &S, number: u32, end: u64, medium: &mut Medium) -> Result<()> {
    trim(storage, number, end, medium).await?;
    if !bug::active(Bug::SegmentWithoutSync) {
        storage.sync(FileName::Segment(number)).await?;
    }
    Ok(())
}

/// Cuts off what was filled ahead. The caller syncs.
#[driven]
pub(crate) async fn trim<S: AsyncStorage>(storage: &S, number: u32, end: u64, medium: &mut Medium) -> Result<()> {
    if medium.filled > end {
        storage.truncate(FileName::Segment(number), end).await?;
        medium.filled = end;
        medium.dirty = true;
    }
    Ok(())
}

/// Makes a segment with its header, durably, before any frame is written to it.
#[driven]
pub(crate) async fn begin_segment<S: AsyncStorage>(storage: &S, file: FileName, header: &[u8]) -> Result<()> {
    match storage.create(file).await {
        // Left by a batch that could not be written.
        Err(e) if e.is(ErrorCode::AlreadyExists) => storage.truncate(file, 0).await?,
        other => other?,
    }
    storage.write_at(file, 0, header).await?;
    storage.sync(file).await
}

#[driven]
async fn fill_ahead<S: AsyncStorage>(
    storage: &S,
    file: FileName,
    end: u64,
    batch_bytes: usize,
    medium: &mut Medium,
) -> Result<()> {
    if end <= medium.filled {
        return Ok(());
    }
    medium.filled = end;
    if !storage.wants_preallocation() || batch_bytes > SMALL_BATCH_BYTES {
        return Ok(());
    }
    medium.small_batches = medium.small_batches.saturating_add(1);
    // A process that writes a few documents and ends does not need them: 64 small batches in a segment of 64 MiB.
    if medium.small_batches < medium.segment_bytes / limits::PREALLOCATE_BYTES {
        return Ok(());
    }
    let to = (end + limits::PREALLOCATE_BYTES).min(medium.segment_bytes);
    if to > end {
        match storage.write_at(file, end, &vec![0; (to - end) as usize]).await {
            Ok(()) => medium.filled = to,
            // The batch itself fits; the zeros are only a convenience. What was written of them is cut off with the rest.
            Err(e) if e.is(ErrorCode::StorageFull) => medium.filled = to,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Timestamp, id::VersionId};

    #[test]
    fn a_commit_that_no_reader_would_accept_is_refused_before_it_is_laid_out() {
        let actor = ActorId([1; 16]);
        let header = Header {
            version: VersionId { actor, counter: 1 },
            timestamp: Timestamp::from_millis(0),
            dependencies: Vec::new(),
            author: None,
            message: None,
            token: None,
            causes: Vec::new(),
            changes: Vec::new(),
        };
        let mut log = LogWriter::new(DatabaseId([2; 16]), actor, BEGIN, limits::SEGMENT_BYTES);
        let max = limits::COMMIT_BYTES_MAX as u64;
        let refused = log.append(&header, &header.id(), core::iter::empty(), max).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::LimitExceeded);
        assert_eq!(log.end(), BEGIN);
        assert!(log.take().is_none());
        log.append(&header, &header.id(), core::iter::empty(), 0).unwrap();
        assert_eq!(log.end().sequence, 1);
    }
}
