//! Recovery: replays the log behind the checkpoint, finds its true end, and tells a torn write from corruption.
//!
//! The end is the first place without a valid frame. That is a *torn write* only if nothing shows that the frame there had
//! been durable: the root's durable place is not behind it, no later frame was made after a sync that covered it, and no
//! later segment exists (a segment is synced before the next is begun). Anything else is `CORRUPT`, and nothing is changed.

use super::{
    Location, Position, extend,
    frame::{self, FrameHeader},
    reader::{Found, FrameReader, OpenedCommit, open_commit},
    root::{ActorState, Manifest, Root},
    segment::{self, SegmentHeader},
};
use crate::{
    bug::{self, Bug},
    clock::Timestamp,
    error::{Error, ErrorCode, Result},
    id::{ActorId, CommitId, DatabaseId},
    sorted::SortedMap,
    storage::{AsyncStorage, FileName, read_full},
};
use alloc::{format, vec, vec::Vec};

/// Bytes that are written again at once.
const REWRITE_BYTES: usize = 1 << 20;

/// What the log says in the end.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) end: Position,
    pub(crate) actors: SortedMap<ActorId, ActorState>,
    pub(crate) clock: Timestamp,
    /// Length of the last segment's file, with zeros that were written ahead.
    pub(crate) filled: u64,
    /// Segments that were begun after the checkpoint.
    pub(crate) new_segments: Vec<super::root::SegmentInfo>,
    /// Bytes of a torn write that were cut off.
    pub(crate) torn_bytes: u64,
}

/// One commit of the log, in the order of the log.
pub(crate) struct Replayed<'a> {
    pub(crate) sequence: u64,
    pub(crate) commit: OpenedCommit<'a>,
    pub(crate) id: CommitId,
    pub(crate) frame: Location,
}

/// Who is shown a commit. No type of its own: the code that goes over the log is there once.
pub(crate) type Visit<'v> = dyn FnMut(Replayed<'_>) -> Result<()> + 'v;

/// Follows the log from a position and checks that every frame continues the one before.
pub(crate) struct Follower {
    database: DatabaseId,
    actor: ActorId,
    pub(crate) position: Position,
    reader: FrameReader,
}

#[driven]
impl Follower {
    pub(crate) fn new(database: DatabaseId, actor: ActorId, from: Position) -> Self {
        let reader = FrameReader::new(database, from.segment, from.offset);
        Follower { database, actor, position: from, reader }
    }

    /// Forgets what was read ahead: more may have been written since.
    pub(crate) fn refresh(&mut self) {
        self.reader.enter(self.database, self.position.segment, self.position.offset);
    }

    /// Hands the next frame to `visit` and goes behind it; `false` where no valid frame follows in this segment.
    pub(crate) async fn next<S: AsyncStorage>(&mut self, storage: &S, visit: &mut Visit<'_>) -> Result<bool> {
        let Found::Frame(header) = self.reader.peek(storage).await? else { return Ok(false) };
        let at = |e: Error| located(e, self.position);
        let follows = header.sequence == self.position.sequence + 1
            && (header.link == frame::link(&self.position.chain) || bug::active(Bug::SkipChainCheck));
        if !follows {
            return Err(at(Error::new(ErrorCode::Corrupt, "the frame does not continue the one before it")));
        }
        let mut commit = open_commit(&header, self.reader.body(&header), self.actor).map_err(at)?;
        let id = commit.complete().map_err(at)?;
        let whole = frame::HEADER_BYTES as u32 + header.body_bytes;
        let location = Location { segment: self.position.segment, offset: self.position.offset, bytes: whole };
        visit(Replayed { sequence: header.sequence, commit, id, frame: location })?;
        self.reader.advance(&header);
        self.position.offset = self.reader.offset();
        self.position.sequence = header.sequence;
        self.position.chain = extend(&self.position.chain, &id);
        Ok(true)
    }

    /// Goes on in the next segment if there is one that continues here. `Ok(false)` if there is none.
    ///
    /// # Errors
    /// `CORRUPT` if there is a next segment that does not continue here.
    pub(crate) async fn enter_next<S: AsyncStorage>(&mut self, storage: &S) -> Result<Next> {
        let number = self.position.segment + 1;
        let file = FileName::Segment(number);
        let mut bytes = vec![0; segment::HEADER_BYTES as usize];
        let read = match read_full(storage, file, 0, &mut bytes).await {
            Ok(read) => read,
            Err(e) if e.is(ErrorCode::NotFound) => return Ok(Next::None),
            Err(e) => return Err(e),
        };
        bytes.truncate(read);
        let header = match SegmentHeader::decode(&bytes, self.database, number) {
            Ok(header) => header,
            Err(e) if e.is(ErrorCode::UnsupportedFormat) => return Err(e),
            Err(e) => {
                // Its header is synced before its first frame is written: without frames it was never begun.
                let mut reader = FrameReader::new(self.database, number, segment::HEADER_BYTES);
                let begun = later_frame(storage, &mut reader, self.position.sequence).await?.is_some();
                return if begun { Err(e) } else { Ok(Next::Unfinished) };
            }
        };
        if header.sequence != self.position.sequence || header.chain != self.position.chain {
            return Err(Error::corrupt(
                FileName::Segment(self.position.segment),
                self.position.offset,
                format!(
                    "the log breaks off after sequence {}, but {file} goes on after {}",
                    self.position.sequence, header.sequence
                ),
            ));
        }
        self.position.segment = number;
        self.position.offset = segment::HEADER_BYTES;
        self.reader.enter(self.database, number, segment::HEADER_BYTES);
        Ok(Next::Entered)
    }
}

/// What stands behind the end of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// No further segment.
    None,
    /// The next segment, which is now being followed.
    Entered,
    /// A file whose creation was never finished.
    Unfinished,
}

fn located(e: Error, at: Position) -> Error {
    e.context(&format!("{} at byte {}", FileName::Segment(at.segment), at.offset))
}

/// The header of some frame behind the reader's place with a sequence above `sequence`, the newest evidence there is.
#[driven]
async fn later_frame<S: AsyncStorage>(
    storage: &S,
    reader: &mut FrameReader,
    sequence: u64,
) -> Result<Option<FrameHeader>> {
    let file = FileName::Segment(reader.segment());
    let mut newest: Option<FrameHeader> = None;
    let mut chunk = vec![0; 256 << 10];
    let mut offset = reader.offset();
    loop {
        let read = read_full(storage, file, offset, &mut chunk).await?;
        if read < frame::HEADER_BYTES {
            return Ok(newest);
        }
        let bytes = &chunk[..read];
        let mut at = 0;
        while at + frame::HEADER_BYTES <= read {
            // Most of what is behind the end is zeros that were written ahead.
            if (bytes[at..at + 4] != [0; 4] || bytes[at + 4..at + 8] != [0; 4])
                && let Some(header) = FrameHeader::decode(&bytes[at..], reader.salt(), offset + at as u64)
            {
                let newer = newest.is_none_or(|n| header.durable_sequence() > n.durable_sequence());
                if header.sequence > sequence && newer {
                    newest = Some(header);
                }
            }
            at += frame::ALIGNMENT as usize;
        }
        offset += at as u64;
    }
}

/// Replays everything behind the checkpoint. With `repair`, a torn write is cut off and the cut made durable; without, the
/// log is only read up to it.
#[driven]
pub(crate) async fn replay<S: AsyncStorage>(
    storage: &S,
    root: &Root,
    manifest: &Manifest,
    repair: bool,
    apply: &mut Visit<'_>,
) -> Result<Recovered> {
    let mut actors: SortedMap<ActorId, ActorState> = manifest.actors.iter().copied().collect();
    let mut clock = manifest.clock;
    let mut new_segments = Vec::new();
    let mut follower = Follower::new(manifest.database, manifest.actor, manifest.checkpoint);
    let unfinished = loop {
        let advanced = follower
            .next(storage, &mut |replayed| {
                note_commit(&mut actors, &mut clock, &replayed)?;
                apply(replayed)
            })
            .await
            .map_err(|e| missing_segment(e, follower_segment(manifest, &new_segments)))?;
        if advanced {
            let at = follower.position;
            if at.sequence == root.durable.sequence && at.chain != root.durable.chain {
                return Err(located(
                    Error::new(ErrorCode::Corrupt, "the log is not the one that the root was written for"),
                    at,
                ));
            }
            continue;
        }
        match follower.enter_next(storage).await? {
            Next::Entered => new_segments.push(super::root::SegmentInfo {
                number: follower.position.segment,
                sequence: follower.position.sequence,
            }),
            Next::Unfinished => break true,
            Next::None => break false,
        }
    };

    let end = follower.position;
    check_end(storage, root, &mut follower).await?;
    let file = FileName::Segment(end.segment);
    let Some(length) = file_bytes(storage, file).await? else {
        let what = "the segment is missing or damaged: the one before it is packed, so this one had been begun";
        return Err(Error::corrupt(FileName::Segment(end.segment + 1), 0, what));
    };
    // The padding behind the last frame may be missing: it is not part of what was acknowledged.
    if length + frame::ALIGNMENT <= end.offset {
        let what = format!("the segment ends here, and the checkpoint is at byte {}: it was cut short", end.offset);
        return Err(Error::corrupt(file, length, what));
    }
    if unfinished && length != end.offset {
        let what = "the segment is damaged: a later one was begun, so it had been complete";
        return Err(Error::corrupt(file, end.offset, what));
    }
    let mut filled = length;
    let mut torn_bytes = 0;
    if repair && !is_zero(storage, file, end.offset, length).await? {
        torn_bytes = length - end.offset;
    }
    if repair {
        if unfinished {
            storage.remove(FileName::Segment(end.segment + 1)).await?;
        }
        if end != root.durable || length != end.offset {
            let from = if end.segment == root.durable.segment { root.durable.offset } else { 0 };
            // The padding of the last frame may be missing.
            rewrite(storage, file, from, end.offset.min(length)).await?;
            if !bug::active(Bug::ForgetTailTruncation) {
                storage.truncate(file, end.offset).await?;
                filled = end.offset;
            }
            storage.sync(file).await?;
        }
    }
    Ok(Recovered { end, actors, clock, filled, new_segments, torn_bytes })
}

/// Writes again what was read, for the caller to sync.
///
/// New commits will build on it, and a sync alone does not make it durable: whoever wrote it may have been killed before its
/// sync, or may have seen that sync fail, and a system that failed to write a page need not try again unless it is changed
/// (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
#[driven]
async fn rewrite<S: AsyncStorage>(storage: &S, file: FileName, mut from: u64, to: u64) -> Result<()> {
    if bug::active(Bug::RecoveryTrustsSync) {
        return Ok(());
    }
    let mut chunk = vec![0; usize::try_from(to.saturating_sub(from)).map_or(REWRITE_BYTES, |n| n.min(REWRITE_BYTES))];
    while from < to {
        let wanted = usize::try_from(to - from).map_or(chunk.len(), |n| n.min(chunk.len()));
        let read = read_full(storage, file, from, &mut chunk[..wanted]).await?;
        if read == 0 {
            return Err(Error::corrupt(file, from, "the segment ends before what was just read of it"));
        }
        storage.write_at(file, from, &chunk[..read]).await?;
        from += read as u64;
    }
    Ok(())
}

fn follower_segment(manifest: &Manifest, new: &[super::root::SegmentInfo]) -> u32 {
    new.last().map_or(manifest.checkpoint.segment, |s| s.number)
}

fn missing_segment(e: Error, number: u32) -> Error {
    match e.code() {
        ErrorCode::NotFound => Error::corrupt(FileName::Segment(number), 0, "the segment is missing"),
        _ => e,
    }
}

/// Checks that a commit continues its actor's line, and takes it into account.
pub(crate) fn note_commit(
    actors: &mut SortedMap<ActorId, ActorState>,
    clock: &mut Timestamp,
    replayed: &Replayed<'_>,
) -> Result<()> {
    let header = &replayed.commit.header;
    let before = actors.get(&header.version.actor);
    let continues = header.version.counter == before.map_or(0, |state| state.counter) + 1
        && before.is_none_or(|state| state.timestamp < header.timestamp);
    if !continues {
        return Err(Error::corrupt(
            FileName::Segment(replayed.frame.segment),
            replayed.frame.offset,
            format!("commit {} does not continue its actor's line", header.version),
        ));
    }
    let state = ActorState { counter: header.version.counter, id: replayed.id, timestamp: header.timestamp };
    actors.insert(header.version.actor, state);
    *clock = (*clock).max(header.timestamp);
    Ok(())
}

/// Decides whether what stands at the end may be a torn write.
#[driven]
async fn check_end<S: AsyncStorage>(storage: &S, root: &Root, follower: &mut Follower) -> Result<()> {
    if bug::active(Bug::TruncateOnCorruption) {
        return Ok(());
    }
    let end = follower.position;
    let corrupt = |what: &str| Err(Error::corrupt(FileName::Segment(end.segment), end.offset, what));
    if end.sequence < root.durable.sequence {
        return corrupt("a commit that was durable is damaged or missing");
    }
    let found = later_frame(storage, &mut follower.reader, end.sequence).await?;
    match found {
        Some(later) if later.durable_sequence() > end.sequence => {
            corrupt("a commit is damaged although a later one shows that it was durable")
        }
        _ => Ok(()),
    }
}

#[driven]
async fn file_bytes<S: AsyncStorage>(storage: &S, file: FileName) -> Result<Option<u64>> {
    Ok(storage.list().await?.iter().find(|info| info.name == file).map(|info| info.bytes))
}

#[driven]
async fn is_zero<S: AsyncStorage>(storage: &S, file: FileName, mut from: u64, to: u64) -> Result<bool> {
    let mut chunk = vec![0; 64 << 10];
    while from < to {
        let read = read_full(storage, file, from, &mut chunk).await?;
        if chunk[..read].iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        if read == 0 {
            break;
        }
        from += read as u64;
    }
    Ok(true)
}
