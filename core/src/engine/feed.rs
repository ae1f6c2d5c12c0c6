//! The change feed: published commits in the order of the log, from any place on.
//!
//! The log itself is the feed, so every way of writing is in it, and a resume token is a sequence of the log.

use super::{
    Engine,
    draft::check_collection,
    model::{Commit, Document, Head},
    read::commit_of,
};
use crate::{
    bug::{self, Bug},
    codec::commit::Token,
    error::{Error, ErrorCode, Result},
    id::VersionId,
    log::{
        Position,
        recovery::{Follower, Next, Replayed, Visit},
        segment::{self, SegmentHeader},
    },
    storage::{AsyncStorage, FileName, read_full},
};
use alloc::{format, string::String, vec, vec::Vec};

/// Which changes a feed hands out. A commit without any of them is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FeedFilter {
    /// Only this collection.
    pub(crate) collection: Option<String>,
    /// Only keys that start with this.
    pub(crate) prefix: String,
}

impl FeedFilter {
    fn wants(&self, collection: &str, key: &str) -> bool {
        let named = match &self.collection {
            Some(name) => name == collection,
            None => !collection.starts_with('$'),
        };
        named && key.starts_with(&*self.prefix)
    }
}

/// A commit as the feed hands it out.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where to go on after this event.
    pub token: u64,
    /// The commit. Its changes are those that were asked for.
    pub commit: Commit,
    /// For each of the changes the document as it was written; `None` for a deletion.
    pub documents: Vec<Option<Document>>,
}

/// A place in the log from which published commits are read.
pub(crate) struct Feed {
    follower: Follower,
    filter: FeedFilter,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// A feed of the commits behind `token`; of those that come from now on for `None`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a token beyond the end of the log, which is from another database, and for the name of a
    /// collection that cannot be.
    pub(crate) async fn feed(&self, token: Option<u64>, filter: FeedFilter) -> Result<Feed> {
        self.check_open()?;
        filter.collection.as_deref().map_or(Ok(()), check_collection)?;
        let published = self.published();
        let token = token.unwrap_or(published);
        if token > published {
            return Err(Error::invalid(format!(
                "the resume token {token} is beyond the end of the log, {published}: it is from another database"
            )));
        }
        let from = self.place_before(token).await?;
        let mut feed = Feed { follower: Follower::new(self.database, self.actor, from), filter };
        while feed.follower.position.sequence < token {
            step(&mut feed.follower, self, &mut |_| Ok(())).await?;
        }
        Ok(feed)
    }

    /// The last place at or before a sequence that is known: the checkpoint, or the begin of a segment.
    async fn place_before(&self, sequence: u64) -> Result<Position> {
        let checkpoint = self.files.lock().manifest.checkpoint;
        let segment = {
            let segments = self.segments.read();
            let at = segments.partition_point(|s| s.sequence <= sequence).saturating_sub(1);
            segments.get(at).copied()
        };
        let Some(segment) = segment else {
            return Err(Error::new(ErrorCode::Corrupt, "the log has no segment"));
        };
        if (segment.sequence..=sequence).contains(&checkpoint.sequence) {
            return Ok(checkpoint);
        }
        self.segment_begin(segment.number).await
    }

    /// The place of a segment's first frame.
    pub(crate) async fn segment_begin(&self, number: u32) -> Result<Position> {
        let mut bytes = vec![0; segment::HEADER_BYTES as usize];
        let read = read_full(&self.storage, FileName::Segment(number), 0, &mut bytes).await?;
        bytes.truncate(read);
        let header = SegmentHeader::decode(&bytes, self.database, number)?;
        Ok(Position { segment: number, offset: segment::HEADER_BYTES, sequence: header.sequence, chain: header.chain })
    }
}

#[driven]
impl Feed {
    /// Where to go on after the last event.
    pub(crate) fn token(&self) -> u64 {
        self.follower.position.sequence
    }

    /// The next event among what is published, or `None` when all of it was handed out.
    pub(crate) async fn next<S: AsyncStorage>(&mut self, engine: &Engine<S>) -> Result<Option<Event>> {
        engine.check_open()?;
        let published = engine.published();
        if bug::active(Bug::WatchSkipsGroup) && self.follower.position.sequence + 1 < published {
            self.follower.refresh();
            step(&mut self.follower, engine, &mut |_| Ok(())).await?;
        }
        while self.follower.position.sequence < published {
            let filter = self.filter.clone();
            let mut event = None;
            let mut visit = |replayed: Replayed<'_>| {
                event = event_of(&filter, &replayed)?;
                Ok(())
            };
            step(&mut self.follower, engine, &mut visit).await?;
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Looks for the commit with a token among what is published, at most `commits` of them, and goes behind it.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` if there are more.
    pub(crate) async fn find_token<S: AsyncStorage>(
        &mut self,
        engine: &Engine<S>,
        token: Token,
        commits: u64,
    ) -> Result<Option<VersionId>> {
        let (from, published) = (self.token(), engine.published());
        if published.saturating_sub(from) > commits {
            return Err(Error::limit(format!(
                "{} commits behind {from} are too many to look for a call among: at most {commits}",
                published - from
            )));
        }
        while self.token() < published {
            let mut version = None;
            let mut visit = |replayed: Replayed<'_>| {
                let header = &replayed.commit.header;
                version = (header.token == Some(token)).then_some(header.version);
                Ok(())
            };
            step(&mut self.follower, engine, &mut visit).await?;
            if version.is_some() {
                return Ok(version);
            }
        }
        Ok(None)
    }
}

/// Goes over one frame that is known to be there.
#[driven]
pub(super) async fn step<S: AsyncStorage>(
    follower: &mut Follower,
    engine: &Engine<S>,
    visit: &mut Visit<'_>,
) -> Result<()> {
    // What was read ahead may be older than what has been written since, and the frame may be in the next segment.
    for attempt in 0..3 {
        if follower.next(&engine.storage, visit).await? {
            return Ok(());
        }
        follower.refresh();
        if attempt == 1 && follower.enter_next(&engine.storage).await? != Next::Entered {
            break;
        }
    }
    let at = follower.position;
    Err(Error::corrupt(FileName::Segment(at.segment), at.offset, "a published commit is damaged or missing"))
}

fn event_of(filter: &FeedFilter, replayed: &Replayed<'_>) -> Result<Option<Event>> {
    let header = &replayed.commit.header;
    let (offsets, _) = header.record_offsets();
    let wanted: Vec<bool> = header.changes.iter().map(|c| filter.wants(&c.collection, &c.key)).collect();
    if !wanted.contains(&true) {
        return Ok(None);
    }
    let mut documents = Vec::new();
    for ((change, offset), _) in header.changes.iter().zip(offsets).zip(&wanted).filter(|(_, wanted)| **wanted) {
        let value = replayed.commit.value(offset, change.value_bytes)?;
        documents.push(value.map(|value| {
            let name = super::key::document(&change.collection, &change.key);
            let stamp = (header.version, header.timestamp);
            Head::new(&name, replayed.sequence, stamp, change.expires_at).with(value)
        }));
    }
    let mut commit = commit_of(header, replayed.id, replayed.sequence);
    let mut wanted = wanted.into_iter();
    commit.changes.retain(|_| wanted.next().unwrap_or(false));
    Ok(Some(Event { token: replayed.sequence, commit, documents }))
}
