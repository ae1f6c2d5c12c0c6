//! Calls that write: documents, transactions, tags, restores; with the tokens that make sending a call again harmless.

use super::{
    Inner,
    arguments::{Arguments, At, Reads, WriteInfo},
    read::encode,
    results::{self, Results},
    vectors,
};
use crate::{
    Error, ErrorCode, Expected, Moment, Result, VersionId,
    codec::{self, commit::Token},
    engine::{
        Appended, Draft, DraftChange, Encoded, Feed, FeedFilter, Import, Puts, Scope, check_count, check_key,
        check_own_collection, sort_changes, tag_exists,
    },
    limits::TOKEN_COMMITS_MAX,
    local::Turn,
    storage::AsyncStorage,
    vector::Vectors,
};
use alloc::{boxed::Box, format, sync::Arc, vec::Vec};

/// A write that is ready to be made.
pub(super) struct Write {
    draft: Draft,
    after: Option<u64>,
    import: Option<Box<Import>>,
}

impl Write {
    fn new(info: WriteInfo, changes: Vec<DraftChange>) -> Write {
        Write {
            after: info.after,
            import: None,
            draft: Draft { info: info.info, token: info.token, changes, ..Draft::default() },
        }
    }
}

/// The arguments of a put.
pub(super) fn put(mut given: Arguments<'_>) -> Result<Write> {
    let (collection, key) = (given.text("collection")?, given.text("key")?);
    let info = given.info()?;
    let (expected, expires_at) = (given.expected()?, given.int_or_null("expires_at")?);
    let value = (given.value("value")?, vectors::vectors(&mut given)?);
    given.end()?;
    let change = DraftChange { expected, expires_at, ..change(&collection.into(), key, Some(value))? };
    Ok(Write::new(info, [change].into()))
}

fn change(collection: &Arc<str>, key: &str, value: Option<(&[u8], Vectors)>) -> Result<DraftChange> {
    check_own_collection(collection)?;
    check_key(key)?;
    // The arguments have been checked for being canonical when they were gone over.
    let encoded = |(bytes, vectors): (&[u8], Vectors)| {
        let encoded = Encoded::from_canonical(Arc::<[u8]>::from(bytes).into()).with_vectors(&vectors);
        encoded.map_err(|e| e.context(&format!("{collection}/{key}")))
    };
    Ok(DraftChange::new(collection.clone(), key, value.map(encoded).transpose()?))
}

/// The changes of a commit: all arguments that are left. An import's expect nothing, and stay.
fn changes(mut given: Arguments<'_>, imported: bool) -> Result<Vec<DraftChange>> {
    let mut changes: Vec<DraftChange> = Vec::new();
    while !given.is_empty() {
        let (collection, key) = (given.text("collection")?, given.text("key")?);
        let (expected, expires_at) = match imported {
            true => (Expected::Any, None),
            false => (given.expected()?, given.int_or_null("expires_at")?),
        };
        let value = match given.bool("present")? {
            true => Some((given.value("value")?, vectors::vectors(&mut given)?)),
            false => None,
        };
        check_count(changes.len() + 1)?;
        // Most changes of a commit are of one collection.
        let known = changes.last().map(|last| &last.collection).filter(|name| ***name == *collection).cloned();
        let change = change(&known.unwrap_or_else(|| collection.into()), key, value)?;
        changes.push(DraftChange { expected, expires_at, ..change });
    }
    Ok(changes)
}

/// Whether a call is to be made.
pub(super) enum Once<'d> {
    /// It is, in this turn.
    Now(Turn<'d>),
    /// It was made before, and this is its commit.
    Before(VersionId),
}

/// The search for the commit of a call that may have been made before.
struct Search {
    feed: Feed,
    token: Token,
}

#[driven]
impl Search {
    async fn find<S: AsyncStorage>(&mut self, engine: &crate::engine::Engine<S>) -> Result<Option<VersionId>> {
        self.feed.find_token(engine, self.token, TOKEN_COMMITS_MAX).await
    }
}

#[driven]
impl<S: AsyncStorage + 'static> Inner<S> {
    /// What a write returns: its commit, and where the log is.
    pub(super) fn written(&self, version: Option<VersionId>) -> Results {
        let mut out = Results::new();
        results::version_or_null(&mut out, version);
        results::count(&mut out, self.engine().published());
        out
    }

    /// Begins to look for a call that was made before, and goes as far as that is possible without the turn to write.
    async fn search(&self, token: Option<Token>, after: Option<u64>) -> Result<Option<Search>> {
        let (Some(token), Some(after)) = (token, after) else { return Ok(None) };
        // A log that is shorter than the client saw it has lost what came behind that.
        let after = after.min(self.engine().published());
        let feed = self.engine().feed(Some(after), FeedFilter::default()).await?;
        let mut search = Search { feed, token };
        // Found or not is asked for again in the turn, from where this ended.
        let from = search.feed.token();
        if search.find(self.engine()).await?.is_some() {
            search.feed = self.engine().feed(Some(from), FeedFilter::default()).await?;
        }
        Ok(Some(search))
    }

    /// The commit of a call that was made before. The caller has the turn.
    async fn found(&self, search: Option<&mut Search>) -> Result<Option<VersionId>> {
        let Some(search) = search else { return Ok(None) };
        // It may be under way right now. What fails here fails the writers that it belongs to.
        let _ = self.database.0.settle_all().await;
        search.find(self.engine()).await
    }

    /// Waits for the turn to write, in which the caller lays out its commit; or learns that the call was made before. It is not
    /// given what to do in the turn: it would be compiled for each.
    pub(super) async fn once(&self, token: Option<Token>, after: Option<u64>) -> Result<Once<'_>> {
        let mut search = self.search(token, after).await?;
        let turn = self.database.0.turn().await;
        let found = self.found(search.as_mut()).await?;
        Ok(found.map_or(Once::Now(turn), Once::Before))
    }

    /// Ends the turn, waits for what was laid out in it, and returns its commit if there was something to write.
    pub(super) async fn settle(&self, turn: Turn<'_>, appended: Option<Appended>) -> Result<Option<VersionId>> {
        drop(turn);
        self.database.0.settle(appended).await
    }

    async fn make(&self, write: Write, reads: Option<&Reads>) -> Result<Option<VersionId>> {
        let Write { mut draft, after, import } = write;
        let database = &self.database.0;
        database.relieve().await?;
        let turn = match self.once(draft.token, after).await? {
            Once::Now(turn) => turn,
            Once::Before(version) => return Ok(Some(version)),
        };
        let epoch = reads.map(|_| self.engine().epoch());
        if let Some(reads) = reads {
            self.check_reads(reads).await?;
        }
        let imports = import.is_some();
        if let Some(import) = import {
            self.engine().draft_import(*import, &mut draft, |_| None).await?;
        }
        let appended = database.append(draft, epoch).await?;
        if imports {
            // In this turn: whoever writes next must be able to read it. What becomes of it is told below.
            let _ = database.settle_all().await;
        }
        self.settle(turn, appended).await
    }

    pub(super) async fn put(&self, write: Write) -> Result<Results> {
        let version = self.make(write, None).await?;
        version.ok_or_else(|| Error::new(ErrorCode::Aborted, "the write had no effect"))?;
        Ok(self.written(version))
    }

    pub(super) async fn delete(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, key) = (given.text("collection")?, given.text("key")?);
        let info = given.info()?;
        let expected = given.expected()?;
        given.end()?;
        let change = DraftChange { expected, ..change(&collection.into(), key, None)? };
        let version = self.make(Write::new(info, [change].into()), None).await?;
        Ok(self.written(version))
    }

    pub(super) async fn put_many(&self, mut given: Arguments<'_>) -> Result<Results> {
        let collection: Arc<str> = given.text("collection")?.into();
        check_own_collection(&collection)?;
        let info = given.info()?;
        let mut puts = Puts::new(collection);
        while !given.is_empty() {
            // The arguments have been checked for being canonical when they were gone over.
            let (key, value) = (given.text("key")?, given.value("value")?);
            puts.add_canonical(key, value, &vectors::vectors(&mut given)?)?;
        }
        let version = self.make(Write::new(info, puts.finish()), None).await?;
        Ok(self.written(version))
    }

    pub(super) async fn commit(&self, mut given: Arguments<'_>) -> Result<Results> {
        let info = given.info()?;
        let reads = given.reads()?;
        let mut changes = changes(given, false)?;
        sort_changes(&mut changes);
        let version = self.make(Write::new(info, changes), Some(&reads)).await?;
        Ok(self.written(version))
    }

    /// One commit of an import. All that is known of it is looked up, so that it goes on whoever holds the engine.
    pub(super) async fn import(&self, mut given: Arguments<'_>) -> Result<Results> {
        let name = given.text("name")?.into();
        let info = given.info()?;
        let time_ms = given.int("time")?;
        let state = codec::value::decode(given.value("state")?)?;
        let import = Some(Import { name, actor: None, time_ms, state }.into());
        let version = self.make(Write { import, ..Write::new(info, changes(given, true)?) }, None).await?;
        Ok(self.written(version))
    }

    /// Reads again what a transaction has read, and fails where that differs from what it saw. The caller has the turn, so
    /// what is there now is what its commit will be made on top of.
    async fn check_reads(&self, reads: &Reads) -> Result<()> {
        let view = self.engine().writer_view();
        let conflict = |collection: &str, key: &str| {
            let message = format!("{collection}/{key} was changed since the transaction read it; run it again");
            Err(Error::new(ErrorCode::Conflict, message))
        };
        for (collection, key, seen) in &reads.documents {
            if self.engine().live_version(&view, collection, key).await? != *seen {
                return conflict(collection, key);
            }
        }
        for read in &reads.scans {
            let mut scan = self.engine().scan(view.clone(), &read.collection, &read.range, read.order)?;
            let mut rows = read.rows.iter();
            let mut left = read.limit.unwrap_or(u64::MAX);
            while left > 0 {
                left -= 1;
                match (scan.next_version(self.engine()).await?, rows.next()) {
                    (None, None) => break,
                    (Some((key, version)), Some((seen, at))) if key == *seen && version.id == *at => {}
                    (Some((key, _)), _) => return conflict(&read.collection, &key),
                    (None, Some((key, _))) => return conflict(&read.collection, key),
                }
            }
        }
        Ok(())
    }

    pub(super) async fn tag(&self, mut given: Arguments<'_>) -> Result<Results> {
        let name = given.text("name")?;
        let moment = unheld(given.moment("moment")?)?;
        let WriteInfo { info, token, after } = given.info()?;
        given.end()?;
        let tag = match self.once(token, after).await? {
            Once::Now(turn) => {
                let (draft, tag) = self.engine().draft_tag(name, &moment, info).await?;
                let appended = self.database.0.append(Draft { token, ..draft }, None).await;
                self.settle(turn, appended.map_err(|e| tag_exists(name, e))?).await?;
                tag
            }
            Once::Before(_) => self.engine().tag(name).await?,
        };
        let mut out = encode(&results::tag(&tag))?;
        results::count(&mut out, self.engine().published());
        Ok(out)
    }

    pub(super) async fn untag(&self, mut given: Arguments<'_>) -> Result<Results> {
        let name = given.text("name")?;
        let WriteInfo { info, token, after } = given.info()?;
        given.end()?;
        if let Once::Now(turn) = self.once(token, after).await? {
            let draft = self.engine().draft_untag(name, info).await?;
            let appended = self.database.0.append(Draft { token, ..draft }, None).await?;
            self.settle(turn, appended).await?;
        }
        let mut out = Results::new();
        results::count(&mut out, self.engine().published());
        Ok(out)
    }

    pub(super) async fn restore(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, key) = (given.text_or_null("collection")?, given.text_or_null("key")?);
        let moment = unheld(given.moment("moment")?)?;
        let WriteInfo { info, token, after } = given.info()?;
        given.end()?;
        collection.map(check_own_collection).transpose()?;
        let scope = match (collection, key) {
            (Some(collection), Some(key)) => Scope::Document(collection, key),
            (Some(collection), None) => Scope::Collection(collection),
            (None, None) => Scope::Workspace,
            (None, Some(_)) => return Err(Error::invalid("a key without a collection names no document")),
        };
        let database = &self.database.0;
        let version = match self.once(token, after).await? {
            Once::Now(turn) => {
                // What is restored is compared with what is published: nothing may be under way.
                database.settle_all().await?;
                let draft = self.engine().draft_restore(scope, &moment, info).await?;
                let appended = database.append(Draft { token, ..draft }, None).await?;
                self.settle(turn, appended).await?
            }
            Once::Before(version) => Some(version),
        };
        Ok(self.written(version))
    }

    pub(super) async fn sync(&self, given: Arguments<'_>) -> Result<Results> {
        given.end()?;
        self.database.0.sync().await?;
        let mut out = Results::new();
        results::count(&mut out, self.engine().published());
        Ok(out)
    }

    pub(super) async fn checkpoint(&self, given: Arguments<'_>) -> Result<Results> {
        given.end()?;
        self.database.0.checkpoint().await?;
        Ok(Results::new())
    }

    pub(super) async fn compact(&self, mut given: Arguments<'_>) -> Result<Results> {
        let begin = given.bool("begin")?;
        given.end()?;
        let more = self.database.0.compact(begin).await?;
        let mut out = Results::new();
        results::encoded(&mut out, &crate::Value::Bool(more))?;
        Ok(out)
    }
}

/// The moment of a tag or restore, which outlives any snapshot.
fn unheld(at: At) -> Result<Moment> {
    match at {
        At::Moment(moment) => Ok(moment),
        At::Snapshot(_) => Err(Error::invalid("a snapshot is of this session: name a version, commit, tag or time")),
    }
}
