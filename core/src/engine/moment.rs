//! Moments: from a time, a commit or a tag to a view; and the tags themselves.
//!
//! A tag is a document of the collection `$tags` that holds a causal cut, so tags have a history and travel like documents.

use super::{
    Engine,
    commit::FULL_DEPENDENCIES_EVERY,
    draft::{Draft, DraftChange, Encoded, check_tag},
    key,
    model::{CommitInfo, Expected, Moment},
    scan::{KeyRange, Order},
    state::{At, VersionVector, View},
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorCode, Result, quoted},
    id::{ActorId, VersionId},
    log::reader,
    storage::AsyncStorage,
    value::{Map, Value},
};
use alloc::{format, string::String, sync::Arc, vec::Vec};

/// The collection that holds the tags.
const TAGS: &str = "$tags";

/// A named moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// The highest timestamp among the commits that it covers.
    pub timestamp: Timestamp,
    /// For each actor the last of its commits that the tag covers.
    pub commits: Vec<VersionId>,
}

/// What a tag's document holds: the time of its newest commit, and of each actor the counter of the last one.
mod record {
    pub(super) const TIME: &str = "time";
    pub(super) const COMMITS: &str = "commits";
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// The view of a moment.
    pub(crate) async fn view_at(&self, moment: &Moment) -> Result<View> {
        self.check_open()?;
        let view = self.view();
        let (at, clock_ms) = match moment {
            Moment::Now => return Ok(view),
            Moment::Time(time) => (At::Time(*time), time.millis()),
            Moment::Commit(id) => self.cut_of(self.commit_by_id(id).await?).await?,
            Moment::CommitPrefix(digits) => self.cut_of(self.commit_by_prefix(digits).await?).await?,
            Moment::Version(version) => self.cut_of(self.commit(*version).await?).await?,
            Moment::Tag(name) => {
                let tag = self.tag(name).await?;
                let vector = tag.commits.iter().map(|v| (v.actor, v.counter)).collect();
                (At::Cut { vector: Arc::new(vector), before: tag.timestamp }, tag.timestamp.millis())
            }
        };
        Ok(View { at, clock_ms, ..view })
    }

    async fn cut_of(&self, commit: super::model::Commit) -> Result<(At, i64)> {
        let vector = self.vector_of(commit.version).await?;
        Ok((At::Cut { vector: Arc::new(vector), before: commit.timestamp }, commit.timestamp.millis()))
    }

    /// The causal past of a commit, with it: for each actor the last of its commits that it had seen.
    ///
    /// A commit names the actors that it had newly seen, and every so many commits all of them, so this reads a bounded
    /// number of frames.
    pub(crate) async fn vector_of(&self, version: VersionId) -> Result<VersionVector> {
        self.vector_until(version, &|_| false).await
    }

    /// As [`Engine::vector_of`], or a part of it that is `enough` for the caller.
    pub(super) async fn vector_until(
        &self,
        version: VersionId,
        enough: &dyn Fn(&VersionVector) -> bool,
    ) -> Result<VersionVector> {
        let mut vector = VersionVector::default();
        let mut counter = version.counter;
        loop {
            let at = VersionId { actor: version.actor, counter };
            let (frame, body) = reader::read_frame(&self.storage, self.database, self.frame_of(at).await?).await?;
            let opened = reader::open_commit(&frame, &body, self.actor)?;
            let seen = opened.header.dependencies.iter().map(|d| d.version).chain([at]);
            for VersionId { actor, counter } in seen {
                if vector.get(&actor).is_none_or(|&known| known < counter) {
                    vector.insert(actor, counter);
                }
            }
            if counter % FULL_DEPENDENCIES_EVERY == 1 || enough(&vector) {
                return Ok(vector);
            }
            counter -= 1;
        }
    }

    /// The causal cut of a view: what a tag of it holds.
    pub(super) async fn cut(&self, view: &View) -> Result<(VersionVector, Timestamp)> {
        match &view.at {
            At::Cut { vector, before } => Ok(((**vector).clone(), *before)),
            At::Latest => self.cut_up_to(Timestamp::MAX).await,
            At::Time(time) => self.cut_up_to(*time).await,
        }
    }

    /// For each actor the last of its commits up to a time.
    async fn cut_up_to(&self, time: Timestamp) -> Result<(VersionVector, Timestamp)> {
        let actors: Vec<ActorId> = self.actors.read().values().copied().collect();
        let (mut vector, mut newest) = (VersionVector::default(), Timestamp::MIN);
        for actor in actors {
            let (mut low, mut high) = (0, self.last_commit_of(actor).await?);
            while low < high {
                let middle = low + (high - low).div_ceil(2);
                match self.commit(VersionId { actor, counter: middle }).await? {
                    commit if commit.timestamp <= time => low = middle,
                    _ => high = middle - 1,
                }
            }
            if low > 0 {
                vector.insert(actor, low);
                newest = newest.max(self.commit(VersionId { actor, counter: low }).await?.timestamp);
            }
        }
        Ok((vector, newest))
    }

    /// The counter of an actor's last published commit, 0 if it has none.
    pub(crate) async fn last_commit_of(&self, actor: ActorId) -> Result<u64> {
        let prefix = key::commits_of(actor);
        let mut cursor = self.view().cursor();
        let found = cursor.seek_back(self.blocks(), &key::successor(&prefix)).await?;
        let counter = cursor.key().strip_prefix(&*prefix).and_then(|rest| <[u8; 8]>::try_from(rest).ok());
        Ok(counter.filter(|_| found).map_or(0, u64::from_be_bytes))
    }

    /// A draft that sets a tag to a moment, and the tag that it makes. The tag must not exist: see [`tag_exists`].
    pub(crate) async fn draft_tag(&self, name: &str, moment: &Moment, info: CommitInfo) -> Result<(Draft, Tag)> {
        check_tag(name)?;
        let view = self.view_at(moment).await?;
        let (vector, newest) = self.cut(&view).await?;
        if vector.is_empty() {
            return Err(Error::new(
                ErrorCode::NotFound,
                "there was no commit yet at that moment, so it cannot be tagged",
            ));
        }
        // In the order of their names, which is that of the actors.
        let commits: Map = vector.iter().map(|(actor, counter)| (format!("{actor}"), *counter as i64)).collect();
        let record =
            Value::from(Map::from([(record::TIME, Value::Int(newest.to_bits())), (record::COMMITS, commits.into())]));
        // Not read back once it is there: a read that fails would hide that it is.
        let commits = vector.iter().map(|&(actor, counter)| VersionId { actor, counter }).collect();
        let tag = Tag { name: name.into(), timestamp: newest, commits };
        let value = Some(Encoded::new(&record)?);
        let change = DraftChange { expected: Expected::Absent, ..DraftChange::new(TAGS.into(), name, value) };
        Ok((Draft { info, ..Draft::one(change) }, tag))
    }

    /// A draft that removes a tag.
    pub(crate) async fn draft_untag(&self, name: &str, info: CommitInfo) -> Result<Draft> {
        let document = self.tag_document(name).await?;
        let expected = Expected::Version(document.version());
        let change = DraftChange { expected, ..DraftChange::new(TAGS.into(), name, None) };
        Ok(Draft { info, ..Draft::one(change) })
    }

    async fn tag_document(&self, name: &str) -> Result<super::model::Document> {
        check_tag(name)?;
        let found = self.get_in(&self.view(), TAGS, name).await?;
        found.ok_or_else(|| Error::new(ErrorCode::NotFound, format!("there is no tag {}", quoted(name))))
    }

    /// A tag by its name.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is none.
    pub(crate) async fn tag(&self, name: &str) -> Result<Tag> {
        read_tag(name, &self.tag_document(name).await?)
    }

    /// All tags, by name.
    pub(crate) async fn tags(&self) -> Result<Vec<Tag>> {
        let mut scan = self.scan(self.view(), TAGS, &KeyRange::default(), Order::Ascending)?;
        let mut tags = Vec::new();
        while let Some(row) = scan.next(self).await? {
            tags.push(read_tag(&row.key, &row.document)?);
        }
        Ok(tags)
    }
}

/// What it means that a tag's draft met something else than it expected.
pub(crate) fn tag_exists(name: &str, e: Error) -> Error {
    match e.code() {
        ErrorCode::Conflict => Error::new(ErrorCode::AlreadyExists, format!("the tag {} exists already", quoted(name))),
        _ => e,
    }
}

fn read_tag(name: &str, document: &super::model::Document) -> Result<Tag> {
    let value = document.value()?;
    let read = || {
        let commits = value.get(record::COMMITS)?.as_map()?.iter().map(|(actor, counter)| {
            Some(VersionId { actor: actor.parse().ok()?, counter: counter.as_i64()?.try_into().ok()? })
        });
        Some((value.get(record::TIME)?.as_i64()?, commits.collect::<Option<_>>()?))
    };
    let (time, commits) = read()
        .ok_or_else(|| Error::new(ErrorCode::Corrupt, format!("the record of tag {} is malformed", quoted(name))))?;
    Ok(Tag { name: name.into(), timestamp: Timestamp::from_bits(time), commits })
}
