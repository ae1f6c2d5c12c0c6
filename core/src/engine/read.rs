//! Reading one document, its versions and the commits that made them.

use super::{
    Engine,
    cache::{self, Item},
    draft::{check_collection, check_key},
    key,
    model::{Commit, CommitChange, Document, DocumentVersion, Head, Shown, Version},
    state::{At, Found, View, is_expired},
};
use crate::{
    error::{Error, ErrorCode, Result, quoted},
    id::{CommitId, VersionId},
    index::{filter::filter_hash, payload::Payload, table::Found as TableFound},
    log::{Location, frame::FrameHeader, reader},
    storage::{AsyncStorage, FileName},
};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use core::sync::atomic::Ordering;

/// The newest version that an actor wrote of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastVersion {
    pub(crate) version: VersionId,
    pub(crate) deleted: bool,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// The document as it is now, if it is cached; `None` if the index has to be asked.
    pub(crate) fn get_cached(&self, collection: &str, key: &str) -> Option<Result<Option<Document>>> {
        if let Err(e) = self.check_open() {
            return Some(Err(e));
        }
        let published = self.published();
        let document = key::with_document(collection, key, |name| self.cached(filter_hash(name), name, published))?;
        let expired = document.expires_at().is_some() && is_expired(document.expires_at(), self.host.now_ms());
        Some(Ok((!expired).then_some(document)))
    }

    /// The document as it is now, from the index, for [`Engine::get_cached`] to find it next time.
    pub(crate) async fn get(&self, collection: &str, key: &str) -> Result<Option<Document>> {
        self.check_open()?;
        check_collection(collection)?;
        check_key(key)?;
        self.documents.misses.fetch_add(1, Ordering::Relaxed);
        self.look_up(&self.view(), collection, key).await
    }

    /// The version that a view shows of a document, from the cache if it is there.
    pub(crate) async fn live_version(&self, view: &View, collection: &str, key: &str) -> Result<Option<VersionId>> {
        check_collection(collection)?;
        check_key(key)?;
        let name = key::document(collection, key);
        let hash = filter_hash(&name);
        if let Some(cached) = self.cached(hash, &name, view.sequence) {
            return Ok((!is_expired(cached.expires_at(), view.clock_ms)).then(|| cached.version()));
        }
        match self.find_hashed(view, &name, hash).await? {
            Some(found) if found.is_live(view.clock_ms) => Ok(Some(self.version_of(found)?.id)),
            _ => Ok(None),
        }
    }

    /// Puts a document that was read at a sequence into the cache, if there is room or it is read again and again.
    fn keep(&self, hash: u64, document: &Document, read_at: u64) {
        let budget = self.cache_budget();
        let full = self.documents.bytes() + self.parts.bytes() + document.bytes() > budget;
        if full && !self.doorkeeper.knows(hash) {
            return;
        }
        let name = &document.head().name;
        self.documents.insert(hash, document.clone(), read_at, |cached| *cached.head().name == **name);
        cache::balance(budget, &self.documents, &self.parts, hash);
    }

    /// The document as a view shows it, and for a view of the present from the cache if it is there.
    pub(crate) async fn get_in(&self, view: &View, collection: &str, key: &str) -> Result<Option<Document>> {
        self.check_open()?;
        if matches!(view.at, At::Latest) {
            let cached = |name: &[u8]| self.cached(filter_hash(name), name, view.sequence);
            if let Some(document) = key::with_document(collection, key, cached) {
                return Ok((!is_expired(document.expires_at(), view.clock_ms)).then_some(document));
            }
        }
        check_collection(collection)?;
        check_key(key)?;
        self.look_up(view, collection, key).await
    }

    /// Shows the document that a view shows to `use_it`, and returns whether there is one. For many, most of which are asked
    /// for once: what is in a file is shown where it was read, and put into the cache when it is asked for again.
    pub(crate) async fn show_in(
        &self,
        view: &View,
        collection: &str,
        key: &str,
        use_it: &mut dyn FnMut(Shown<'_>),
    ) -> Result<bool> {
        self.check_open()?;
        check_collection(collection)?;
        check_key(key)?;
        let name = key::document(collection, key);
        let hash = filter_hash(&name);
        if matches!(view.at, At::Latest) {
            let cached = self.cached(hash, &name, view.sequence);
            if cached.is_some() || self.doorkeeper.knows(hash) {
                let document = match cached {
                    None => self.look_up(view, collection, key).await?,
                    cached => cached.filter(|document| !is_expired(document.expires_at(), view.clock_ms)),
                };
                document.iter().for_each(|document| use_it(document.shown()));
                return Ok(document.is_some());
            }
        }
        let Some(found) = self.find_hashed(view, &name, hash).await? else { return Ok(false) };
        if !found.is_live(view.clock_ms) {
            return Ok(false);
        }
        let (version, timestamp, expires_at) = (self.version_id(&found)?, found.timestamp, found.entry.expires_at);
        let mut show = |encoded: &[u8]| use_it(Shown { version, timestamp, expires_at, encoded });
        match (&found.payload, found.entry.record) {
            (Some(payload), _) => show(payload),
            (None, Some(at)) => {
                self.counters.values_read.fetch_add(1, Ordering::Relaxed);
                self.read_value(at, &mut show).await?;
            }
            (None, None) => {}
        }
        Ok(true)
    }

    pub(super) fn version_id(&self, found: &Found) -> Result<VersionId> {
        Ok(VersionId { actor: self.actor_of(found.actor)?, counter: found.entry.counter })
    }

    /// The document as a view shows it, from the index; one of the present is put into the cache.
    async fn look_up(&self, view: &View, collection: &str, key: &str) -> Result<Option<Document>> {
        let name = key::document(collection, key);
        let hash = filter_hash(&name);
        let Some(found) = self.find_hashed(view, &name, hash).await? else { return Ok(None) };
        if !found.is_live(view.clock_ms) {
            return Ok(None);
        }
        let document = self.load(view, &name, found).await?;
        if matches!(view.at, At::Latest) {
            self.keep(hash, &document, view.sequence);
        }
        Ok(Some(document))
    }

    /// Reads the value of a version that was found.
    pub(crate) async fn load(&self, view: &View, name: &[u8], found: Found) -> Result<Document> {
        let stamp = (self.version_id(&found)?, found.timestamp);
        let mut head = Head::new(name, view.sequence, stamp, found.entry.expires_at);
        head.conflicted = found.entry.conflicted;
        self.read_document(head, found.entry.record, found.payload.as_ref()).await
    }

    /// Puts the value of a version behind its head.
    async fn read_document(&self, head: Head, record: Option<Location>, payload: Option<&Payload>) -> Result<Document> {
        if let Some(payload) = payload {
            return Ok(head.sharing(payload));
        }
        let Some(at) = record else {
            return Err(Error::new(ErrorCode::NotFound, "the version is a deletion: it has no value"));
        };
        self.counters.values_read.fetch_add(1, Ordering::Relaxed);
        let (mut head, mut document) = (Some(head), None);
        let mut use_it = |value: &[u8]| document = head.take().map(|head| head.with(value));
        self.read_value(at, &mut use_it).await?;
        document.ok_or_else(|| Error::new(ErrorCode::Corrupt, "the value of the version was not read"))
    }

    /// The document at one of its versions; `None` for a deletion.
    pub(crate) async fn document_at(&self, collection: &str, key: &str, version: &Version) -> Result<Option<Document>> {
        self.check_open()?;
        if version.deleted {
            return Ok(None);
        }
        let name = key::document(collection, key);
        let stamp = (version.id, version.timestamp);
        let head = Head::new(&name, self.published(), stamp, version.expires_at);
        Ok(Some(self.read_document(head, version.record, version.payload.as_ref()).await?))
    }

    /// A document that a transaction has written and not committed.
    pub(crate) fn pending_document(&self, change: &super::DraftChange) -> Option<Document> {
        let value = change.value.as_ref().filter(|_| !is_expired(change.expires_at, self.host.now_ms()))?;
        let stamp = (VersionId { actor: self.actor, counter: 0 }, crate::clock::Timestamp::MAX);
        Some(Head::new(change.name(), u64::MAX, stamp, change.expires_at).sharing(&value.bytes))
    }

    /// The newest version of a document that an actor wrote.
    pub(crate) async fn newest_by(
        &self,
        collection: &str,
        key: &str,
        actor: crate::id::ActorId,
    ) -> Result<Option<LastVersion>> {
        let mut versions = self.versions(self.writer_view(), collection, key, None).await?;
        while let Some(version) = versions.next(self).await? {
            if version.id.actor == actor {
                return Ok(Some(LastVersion { version: version.id, deleted: version.deleted }));
            }
        }
        Ok(None)
    }

    pub(crate) fn version_of(&self, found: Found) -> Result<Version> {
        Ok(Version {
            id: self.version_id(&found)?,
            timestamp: found.timestamp,
            deleted: found.entry.record.is_none(),
            expires_at: found.entry.expires_at,
            value_bytes: found
                .entry
                .record
                .map_or(0, |at| u64::from(at.bytes).saturating_sub(crate::codec::commit::RECORD_OVERHEAD)),
            record: found.entry.record,
            vectors: found.entry.vectors(),
            // A version may be kept for long, and must not hold on to the values of its whole commit.
            payload: found.payload.map(|payload| payload.alone().into()),
        })
    }

    /// A version of a document by its id.
    ///
    /// # Errors
    /// `NOT_FOUND` if the document has no such version.
    pub(crate) async fn version(&self, collection: &str, key: &str, id: VersionId) -> Result<Version> {
        let unknown = || Error::new(ErrorCode::NotFound, format!("{collection}/{key} has no version {id}"));
        let commit = self.commit(id).await.map_err(|e| if e.is(ErrorCode::NotFound) { unknown() } else { e })?;
        let name = key::document(collection, key);
        let view = View { at: super::state::At::Time(commit.timestamp), ..self.view() };
        let found = self.find(&view, &name).await?.ok_or_else(unknown)?;
        let version = self.version_of(found)?;
        if version.id == id {
            return Ok(version);
        }
        // Another actor wrote the document with the same timestamp.
        let mut versions = self.versions(view, collection, key, None).await?;
        while let Some(version) = versions.next(self).await? {
            if version.id == id {
                return Ok(version);
            }
        }
        Err(unknown())
    }

    /// The index's value of exactly `key`, among what is published.
    pub(crate) async fn lookup(&self, view: &View, key: &[u8]) -> Result<Option<Vec<u8>>> {
        for memtable in view.state.memtables() {
            let value = memtable
                .find_first(key, key, view.sequence, |found, entry| (found == key).then(|| entry.value.to_vec()));
            if let Some(value) = value.flatten() {
                return Ok(Some(value));
            }
        }
        let mut at = TableFound::default();
        for table in view.state.tables.iter() {
            if table.find_first(self.blocks(), key, &mut at).await? && at.key() == key {
                return Ok(Some(at.value().to_vec()));
            }
        }
        Ok(None)
    }

    /// Where the frame of a commit is.
    pub(crate) async fn frame_of(&self, version: VersionId) -> Result<Location> {
        let unknown = || Error::new(ErrorCode::NotFound, format!("there is no commit {version}"));
        let value = self.lookup(&self.view(), &key::commit(version)).await?.ok_or_else(unknown)?;
        key::read_frame_value(&value)
            .ok_or_else(|| Error::corrupt("the index", 0, format!("the entry of commit {version} is malformed")))
    }

    /// A commit by its actor and counter.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is none.
    pub(crate) async fn commit(&self, version: VersionId) -> Result<Commit> {
        self.check_open()?;
        self.commit_in(self.frame_of(version).await?).await
    }

    /// The commit in a frame.
    pub(crate) async fn commit_in(&self, at: Location) -> Result<Commit> {
        let (header, body) = reader::read_frame(&self.storage, self.database, at).await?;
        let located = |e: Error| e.context(&format!("{} at byte {}", FileName::Segment(at.segment), at.offset));
        self.describe(&header, &body).map_err(located)
    }

    fn describe(&self, frame: &FrameHeader, body: &[u8]) -> Result<Commit> {
        let mut opened = reader::open_commit(frame, body, self.actor)?;
        let id = opened.complete()?;
        Ok(commit_of(&opened.header, id, frame.sequence))
    }

    /// The commits whose id starts with some hexadecimal digits, at most `max` of them.
    pub(crate) async fn commits_with_prefix(&self, digits: &str, max: usize) -> Result<Vec<Commit>> {
        let invalid = || {
            Error::invalid(format!(
                "{} is not the start of a commit id: it takes 4 to 64 hexadecimal digits",
                quoted(digits)
            ))
        };
        if !(4..=64).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let digits = digits.to_ascii_lowercase();
        let whole = digits.len().min(16) / 2;
        let mut bytes = Vec::with_capacity(whole);
        for pair in digits.as_bytes().chunks_exact(2).take(whole) {
            let pair = core::str::from_utf8(pair).map_err(|_| invalid())?;
            bytes.push(u8::from_str_radix(pair, 16).map_err(|_| invalid())?);
        }
        let prefix = key::commit_ids_with_prefix(&bytes);
        let mut cursor = self.view().cursor();
        let mut more = cursor.seek(self.blocks(), &prefix).await?;
        let mut commits = Vec::new();
        while more && commits.len() < max && cursor.key().starts_with(&prefix) {
            let at = key::read_commit_id(cursor.key())
                .ok_or_else(|| Error::corrupt("the index", 0, "the entry of a commit id is malformed"))?;
            let commit = self.commit_in(at).await?;
            if format!("{}", commit.id).starts_with(&digits) {
                commits.push(commit);
            }
            more = cursor.next(self.blocks()).await?;
        }
        Ok(commits)
    }

    /// A commit by its id.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is none.
    pub(crate) async fn commit_by_id(&self, id: &CommitId) -> Result<Commit> {
        self.commit_by_prefix(&format!("{id}")).await
    }

    /// A commit by the first digits of its id.
    ///
    /// # Errors
    /// `NOT_FOUND` if there is none, `INVALID_ARGUMENT` if there are several.
    pub(crate) async fn commit_by_prefix(&self, digits: &str) -> Result<Commit> {
        self.check_open()?;
        let mut commits = self.commits_with_prefix(digits, 2).await?;
        match (commits.pop(), commits.is_empty()) {
            (Some(commit), true) => Ok(commit),
            (None, _) => Err(Error::new(ErrorCode::NotFound, format!("there is no commit {digits}"))),
            (Some(_), false) => Err(Error::invalid(format!("several commits begin with {digits}: give more digits"))),
        }
    }
}

/// A commit's header in the words of the caller.
pub(crate) fn commit_of(header: &crate::codec::commit::Header<'_>, id: CommitId, sequence: u64) -> Commit {
    let owned = |words: &Option<alloc::borrow::Cow<'_, str>>| words.as_deref().map(ToOwned::to_owned);
    Commit {
        id,
        version: header.version,
        sequence,
        timestamp: header.timestamp,
        author: owned(&header.author),
        message: owned(&header.message),
        causes: (header.causes.iter())
            .map(|cause| DocumentVersion {
                collection: String::from(&*cause.collection),
                key: String::from(&*cause.key),
                version: cause.version,
            })
            .collect(),
        dependencies: header.dependencies.iter().map(|d| d.version).collect(),
        changes: (header.changes.iter())
            .map(|change| CommitChange {
                collection: String::from(&*change.collection),
                key: String::from(&*change.key),
                deleted: change.value_bytes.is_none(),
                value_bytes: change.value_bytes.unwrap_or(0).into(),
                parents: change.parents.clone(),
                expires_at: change.expires_at,
            })
            .collect(),
    }
}
