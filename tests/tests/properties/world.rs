//! The database and the model side by side, on a clock of our own.

use crate::model::{Change, Commit, Cut, Model, Place, State};
use crate::words::{self, Area, Expect, Operation, When, Written};
use koru_delta::storage::memory::MemoryStorage;
use koru_delta::{
    CommitInfo, Database, Direction, DocumentVersion, ErrorCode, Expected, Host, ImportChange, KeyRange, Maintenance,
    Moment, Options, Order, Result, Snapshot, Timestamp, VersionId, Watch, WatchOptions, WriteOptions, diff,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Time and entropy that only a test moves.
#[derive(Default)]
struct TestHost {
    now_ms: AtomicI64,
    drawn: AtomicU64,
}

/// The host of a database: the same one after opening again.
struct SharedHost(Arc<TestHost>);

impl Host for SharedHost {
    fn now_ms(&self) -> i64 {
        self.0.now_ms.load(Ordering::Relaxed)
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<()> {
        let mut random = koru_tests::random::Random::new(self.0.drawn.fetch_add(1, Ordering::Relaxed));
        bytes.fill_with(|| random.next() as u8);
        Ok(())
    }
}

pub(crate) struct World {
    db: Database,
    storage: MemoryStorage,
    host: Arc<TestHost>,
    model: Model,
    tags: BTreeMap<String, Cut>,
    /// Snapshots that must not change, with what they showed.
    held: Vec<(Snapshot, State)>,
    /// A watch since the beginning, and how many commits it has handed out.
    watch: (Watch, usize),
}

fn open(storage: &MemoryStorage, host: &Arc<TestHost>) -> Database {
    let options = Options::new().maintenance(Maintenance::Manual).host(SharedHost(host.clone()));
    options.open_storage(Arc::new(storage.clone())).unwrap()
}

fn place(collection: usize, key: usize) -> Place {
    (words::collection(collection), words::key(key))
}

fn from_the_beginning(db: &Database) -> Watch {
    db.watch(WatchOptions { token: Some(0), ..WatchOptions::default() }).unwrap()
}

/// What a snapshot shows, by scans of all of its collections.
fn shown(snapshot: &Snapshot) -> State {
    let mut state = State::new();
    for name in snapshot.collections().unwrap() {
        for row in snapshot.collection(&name).scan(KeyRange::default(), Order::Ascending).unwrap() {
            let row = row.unwrap();
            let value = row.document.value().unwrap().clone();
            state.insert((name.clone(), row.key), (row.document.version(), value));
        }
    }
    state
}

/// The last change of each place, as one commit has it.
fn merged(changes: impl IntoIterator<Item = Change>) -> Vec<Change> {
    let by_place: BTreeMap<_, _> = changes.into_iter().map(|change| (change.place.clone(), change)).collect();
    by_place.into_values().collect()
}

impl World {
    pub(crate) fn new() -> World {
        let (storage, host) = (MemoryStorage::new(), Arc::new(TestHost::default()));
        host.now_ms.store(1_700_000_000_000, Ordering::Relaxed);
        let db = open(&storage, &host);
        let model = Model { own: Some(db.info().unwrap().actor), ..Model::default() };
        let watch = (from_the_beginning(&db), 0);
        World { db, storage, host, model, tags: BTreeMap::new(), held: Vec::new(), watch }
    }

    fn now_ms(&self) -> i64 {
        self.host.now_ms.load(Ordering::Relaxed)
    }

    fn now(&self) -> Cut {
        self.model.all(self.now_ms())
    }

    pub(crate) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Put(c, k, value, expect, expires) => {
                let expires_at = expires.map(|ms| if ms.unsigned_abs() < 1000 { self.now_ms() + ms } else { ms });
                let change = Change { place: place(*c, *k), value: Some(value.clone()), expires_at };
                self.write(change, *expect);
            }
            Operation::Delete(c, k, expect) => {
                self.write(Change { place: place(*c, *k), value: None, expires_at: None }, *expect);
            }
            Operation::PutMany(c, documents) => {
                let collection = self.db.collection(&words::collection(*c));
                let made = collection.put_many(documents.iter().map(|(k, value)| (words::key(*k), value))).unwrap();
                let changes = documents.iter().map(|(k, value)| Change {
                    place: place(*c, *k),
                    value: Some(value.clone()),
                    expires_at: None,
                });
                self.made(made, merged(changes), Vec::new());
            }
            Operation::Transaction { changes, cause, commit } => self.transaction(changes, *cause, *commit),
            Operation::Import { name, ago_ms, changes } => self.import(*name, *ago_ms, changes),
            Operation::Scan { collection, prefix, lower, upper, ascending, when } => {
                let key = |bound: &Bound<usize>| match bound {
                    Bound::Included(key) => Bound::Included(words::key(*key)),
                    Bound::Excluded(key) => Bound::Excluded(words::key(*key)),
                    Bound::Unbounded => Bound::Unbounded,
                };
                let range = KeyRange { prefix: words::prefix(*prefix), lower: key(lower), upper: key(upper) };
                let order = if *ascending { Order::Ascending } else { Order::Descending };
                self.scan(&words::collection(*collection), range, order, when);
            }
            Operation::Diff(before, after, collection) => self.diff(before, after, *collection),
            Operation::Restore(area, when) => self.restore(*area, when),
            Operation::Tag(name, when) => self.tag(&format!("tag {name}"), when),
            Operation::Untag(name) => {
                let name = format!("tag {name}");
                match self.tags.remove(&name) {
                    Some(_) => {
                        self.db.untag(&name).unwrap();
                        self.note_last();
                    }
                    None => assert_eq!(self.db.untag(&name).unwrap_err().code(), ErrorCode::NotFound),
                }
            }
            Operation::Lineage { commit, effects, depth } => self.lineage(*commit, *effects, *depth),
            Operation::Watch { token, collection, prefix } => self.watch(*token, *collection, *prefix),
            Operation::Hold(when) => {
                if let Some((moment, cut)) = self.moment(when) {
                    let (snapshot, state) = (self.db.as_of(moment).unwrap(), self.model.state(&cut));
                    assert_eq!(shown(&snapshot), state, "{when:?}");
                    self.held.push((snapshot, state));
                    self.held.drain(..self.held.len().saturating_sub(4));
                }
            }
            Operation::Clock(by) => drop(self.host.now_ms.fetch_add(*by, Ordering::Relaxed)),
            Operation::Checkpoint => self.db.checkpoint().unwrap(),
            Operation::Maintain => drop(self.db.maintain(3).unwrap()),
            Operation::Reopen { close } => self.reopen(*close),
        }
        self.check_current();
    }

    /// Opens the database again: after closing it, or, as a kill would have it, from what is in the files.
    pub(crate) fn reopen(&mut self, close: bool) {
        self.held.clear();
        if close {
            self.db.close().unwrap();
        } else {
            self.storage = self.storage.snapshot();
        }
        self.db = open(&self.storage, &self.host);
        let token = self.watch.0.token();
        self.watch.0 = self.db.watch(WatchOptions { token: Some(token), ..WatchOptions::default() }).unwrap();
    }

    /// Takes a commit into the model, after checking what it says of itself. `None` must mean that nothing was to change.
    fn made(&mut self, version: Option<VersionId>, changes: Vec<Change>, causes: Vec<DocumentVersion>) {
        let now = self.now();
        // What is not there is not deleted.
        let goes_ahead = |c: &Change| c.value.is_some() || self.model.live(&c.place, &now).is_some();
        let changes: Vec<_> = changes.into_iter().filter(goes_ahead).collect();
        assert_eq!(version.is_some(), !changes.is_empty(), "{changes:?}");
        let Some(version) = version else { return };
        let counter = self.model.commits.iter().filter(|c| Some(c.version.actor) == self.model.own).count() as u64 + 1;
        assert_eq!((Some(version.actor), version.counter), (self.model.own, counter));
        let commit = self.db.commit(version).unwrap();
        assert_eq!(commit.timestamp, self.model.clock().next(self.now_ms()).unwrap(), "the clock");
        assert_eq!(commit.causes, causes);
        for change in commit.changes.iter().filter(|c| !c.collection.starts_with('$')) {
            let parents: BTreeSet<_> = change.parents.iter().copied().collect();
            let heads = self.model.heads(&(change.collection.clone(), change.key.clone()));
            assert_eq!(parents, heads, "what {change:?} replaces");
        }
        self.take(commit, changes);
    }

    fn take(&mut self, commit: koru_delta::Commit, changes: Vec<Change>) {
        assert_eq!(commit.sequence, self.model.commits.len() as u64 + 1);
        let found = commit.changes.iter().filter(|c| !c.collection.starts_with('$'));
        let found: Vec<_> = found.map(|c| ((c.collection.clone(), c.key.clone()), c.deleted, c.expires_at)).collect();
        let expected: Vec<_> = changes.iter().map(|c| (c.place.clone(), c.value.is_none(), c.expires_at)).collect();
        assert_eq!(found, expected);
        let koru_delta::Commit { version, id, timestamp, causes, .. } = commit;
        self.model.commits.push(Commit { version, id, timestamp, causes, changes });
    }

    /// Takes in the newest commit of the database's own, which changed none of the documents.
    fn note_last(&mut self) {
        let counter = self.model.commits.iter().filter(|c| Some(c.version.actor) == self.model.own).count() as u64 + 1;
        let commit = self.db.commit(VersionId { actor: self.model.own.unwrap(), counter }).unwrap();
        self.take(commit, Vec::new());
    }

    fn write(&mut self, change: Change, expect: Expect) {
        let now = self.now();
        let (collection, key) = change.place.clone();
        let versions = self.model.versions(&change.place, &now);
        let newest = versions.first().map(|v| v.commit.version);
        let live = self.model.live(&change.place, &now).is_some();
        let other = VersionId { actor: self.model.own.unwrap(), counter: 1 << 40 };
        let (expected, met) = match expect {
            Expect::Any => (Expected::Any, true),
            Expect::Absent => (Expected::Absent, !live),
            Expect::Newest => newest.map_or((Expected::Any, true), |v| (Expected::Version(v), true)),
            Expect::Older => (Expected::Version(versions.get(1).map_or(other, |v| v.commit.version)), false),
        };
        let options = WriteOptions { expected, expires_at: change.expires_at, ..WriteOptions::default() };
        let collection = self.db.collection(&collection);
        let result = match &change.value {
            Some(value) => collection.put_with(&key, value, options).map(Some),
            None => collection.delete_with(&key, options),
        };
        match result {
            Ok(version) => {
                assert!(met, "{change:?}: {expected:?} was not so");
                self.made(version, vec![change], Vec::new());
            }
            Err(e) => assert!(!met && e.is(ErrorCode::Conflict), "{change:?}: {e}"),
        }
    }

    fn transaction(&mut self, written: &[Written], cause: Option<usize>, commit: bool) {
        let cause = cause.and_then(|at| self.version_of_commit(at));
        let mut state = self.model.state(&self.now());
        let mut changes = Vec::new();
        let mut transaction = self.db.begin().unwrap();
        for (c, k, value) in written {
            let place = place(*c, *k);
            match value {
                Some(value) => transaction.put(&place.0, &place.1, value).unwrap(),
                None => transaction.delete(&place.0, &place.1).unwrap(),
            }
            let read = transaction.get(&place.0, &place.1).unwrap();
            assert_eq!(read.map(|d| d.value().unwrap().clone()), *value, "a transaction reads what it wrote");
            match value {
                Some(value) => {
                    let version = VersionId { actor: self.model.own.unwrap(), counter: 0 };
                    state.insert(place.clone(), (version, value.clone()));
                }
                None => drop(state.remove(&place)),
            }
            changes.push(Change { place, value: value.clone(), expires_at: None });
        }
        for order in [Order::Ascending, Order::Descending] {
            let range = KeyRange::prefix(words::prefix(written.len() * 3));
            let expected = Model::scan(&state, "c", &range, order).into_iter().map(|(key, ..)| key);
            let limit = if order == Order::Ascending { 100 } else { 3 };
            let expected: Vec<_> = expected.take(limit).collect();
            assert_eq!(transaction.keys("c", &range, order, limit).unwrap(), expected, "keys within a transaction");
        }
        if let Some(cause) = &cause {
            transaction.because(cause.clone());
        }
        if commit {
            let version = transaction.commit().unwrap();
            self.made(version, merged(changes), cause.into_iter().collect());
        } else {
            transaction.rollback();
        }
    }

    fn import(&mut self, name: usize, ago_ms: i64, written: &[Written]) {
        let name = format!("import {name}");
        let mut import = self.db.import(&name).unwrap();
        let actor = import.actor();
        let line: Vec<_> = self.model.commits.iter().filter(|c| c.version.actor == actor).cloned().collect();
        let last = line.iter().rev().map(|c| c.timestamp).next();
        let time_ms = self.now_ms() - ago_ms;
        let changes = written.iter().map(|(c, k, value)| {
            let (collection, key) = place(*c, *k);
            ImportChange { collection, key, value: value.clone(), vectors: koru_delta::Vectors::new() }
        });
        let state = koru_delta::Value::Int(line.len() as i64);
        assert_eq!(import.state().is_some(), last.is_some());
        let version = import.commit(time_ms, CommitInfo::default(), changes.collect(), state).unwrap().unwrap();
        let commit = self.db.commit(version).unwrap();
        let wanted = Timestamp::from_millis(time_ms);
        let expected = last.filter(|last| wanted <= *last).map_or(wanted, |last| last.next(i64::MIN).unwrap());
        assert_eq!((commit.timestamp, commit.version.actor), (expected, actor));
        assert_eq!(commit.version.counter, line.len() as u64 + 1);
        // An import deletes only what it wrote.
        let has = |place: &Place| {
            let mut versions = line.iter().rev().flat_map(|c| &c.changes).filter(|c| c.place == *place);
            versions.next().is_some_and(|c| c.value.is_some())
        };
        let changes =
            written.iter().map(|(c, k, value)| Change { place: place(*c, *k), value: value.clone(), expires_at: None });
        let changes = merged(changes).into_iter().filter(|c| c.value.is_some() || has(&c.place)).collect();
        self.take(commit, changes);
    }

    /// A moment and what it shows; `None` where there is nothing to name, after checking that this is refused.
    fn moment(&self, when: &When) -> Option<(Moment, Cut)> {
        let count = self.model.commits.len();
        let commit = |at: usize| (count > 0).then(|| at % count);
        Some(match when {
            When::Now => (Moment::Now, self.now()),
            When::Time(at, shift) => {
                let near = commit(*at).map_or(Timestamp::from_millis(0), |at| self.model.commits[at].timestamp);
                let time = Timestamp::from_bits(near.to_bits() + shift);
                (Moment::Time(time), self.model.up_to(time, time.millis()))
            }
            When::Commit(at) => {
                let at = commit(*at)?;
                (Moment::Commit(self.model.commits[at].id), self.model.past(at))
            }
            When::Version(at) => {
                let at = commit(*at)?;
                (Moment::Version(self.model.commits[at].version), self.model.past(at))
            }
            When::Prefix(at, digits) => {
                let at = commit(*at)?;
                let prefix = self.model.commits[at].id.to_string()[..*digits].to_owned();
                let same = self.model.commits.iter().filter(|c| c.id.to_string().starts_with(&prefix)).count();
                if same > 1 {
                    let error = self.db.as_of(Moment::CommitPrefix(prefix)).unwrap_err();
                    assert_eq!(error.code(), ErrorCode::InvalidArgument);
                    return None;
                }
                (Moment::CommitPrefix(prefix), self.model.past(at))
            }
            When::Tag(name) => {
                let name = format!("tag {name}");
                let Some(cut) = self.tags.get(&name) else {
                    assert_eq!(self.db.as_of(Moment::Tag(name)).unwrap_err().code(), ErrorCode::NotFound);
                    return None;
                };
                (Moment::Tag(name), cut.clone())
            }
        })
    }

    fn scan(&self, collection: &str, range: KeyRange, order: Order, when: &When) {
        let Some((moment, cut)) = self.moment(when) else { return };
        let documents = self.db.collection(collection).as_of(moment.clone()).unwrap();
        let found = documents.scan(range.clone(), order).unwrap().map(|row| {
            let row = row.unwrap();
            (row.key, row.document.version(), row.document.value().unwrap().clone())
        });
        let found: Vec<_> = found.collect();
        let expected = Model::scan(&self.model.state(&cut), collection, &range, order);
        assert_eq!(found, expected, "{collection} {range:?} {order:?} {moment:?}");
        for (key, version, _) in &expected {
            assert_eq!(documents.get(key).unwrap().unwrap().version(), *version);
            let versions = self.model.versions(&(collection.to_owned(), key.clone()), &cut);
            let history = documents.history(key).unwrap().map(|v| v.unwrap().id);
            assert!(history.eq(versions.iter().map(|v| v.commit.version)), "history as of {moment:?}");
        }
    }

    fn diff(&self, before: &When, after: &When, collection: Option<usize>) {
        let (Some(before), Some(after)) = (self.moment(before), self.moment(after)) else { return };
        let collection = collection.map(words::collection);
        let states = [self.model.state(&before.1), self.model.state(&after.1)];
        let places: BTreeSet<_> = states.iter().flat_map(|s| s.keys()).cloned().collect();
        let value = |at: usize, place: &Place| states[at].get(place).map(|(_, value)| value);
        let expected: Vec<_> = (places.into_iter())
            .filter(|place| collection.as_ref().is_none_or(|name| place.0 == *name))
            .filter(|place| value(0, place) != value(1, place))
            .collect();
        let (before, after) = (before.0, after.0);
        let found = match &collection {
            Some(name) => self.db.collection(name).diff_moments(before, after),
            None => self.db.diff(before, after),
        };
        let found: Vec<_> = found.unwrap().map(|change| change.unwrap()).collect();
        let found_places: Vec<_> = found.iter().map(|c| (c.collection.clone(), c.key.clone())).collect();
        assert_eq!(found_places, expected);
        for (change, place) in found.iter().zip(&expected) {
            let of = |document: &Option<koru_delta::Document>| document.as_ref().map(|d| d.value().unwrap().clone());
            assert_eq!((of(&change.before).as_ref(), of(&change.after).as_ref()), (value(0, place), value(1, place)));
            let applied = diff::apply(value(0, place), &change.changes().unwrap()).unwrap();
            assert_eq!(applied.as_ref(), value(1, place), "the changes lead from one to the other");
        }
    }

    fn restore(&mut self, area: Area, when: &When) {
        let Some((moment, then)) = self.moment(when) else { return };
        let now = self.now();
        let (was, is) = (self.model.state(&then), self.model.state(&now));
        let within = |place: &Place| match area {
            Area::Document(c, k) => *place == self::place(c, k),
            Area::Collection(c) => place.0 == words::collection(c),
            Area::All => true,
        };
        let places: BTreeSet<_> = was.keys().chain(is.keys()).filter(|place| within(place)).cloned().collect();
        let differs = |place: &Place| was.get(place).map(|(_, v)| v) != is.get(place).map(|(_, v)| v);
        let changes: Vec<_> = (places.into_iter().filter(differs))
            .map(|place| {
                let version = self.model.live(&place, &then);
                Change {
                    value: version.and_then(|v| v.change.value.clone()),
                    expires_at: version.and_then(|v| v.change.expires_at).filter(|at| *at > now.clock_ms),
                    place,
                }
            })
            .collect();
        let made = match area {
            Area::Document(c, k) => self.db.collection(&words::collection(c)).restore(&words::key(k), moment),
            Area::Collection(c) => self.db.collection(&words::collection(c)).restore_all(moment),
            Area::All => self.db.restore(moment),
        };
        self.made(made.unwrap(), changes, Vec::new());
    }

    fn tag(&mut self, name: &str, when: &When) {
        let Some((moment, cut)) = self.moment(when) else { return };
        let tagged = self.db.tag(name, moment);
        if cut.commits.is_empty() {
            assert_eq!(tagged.unwrap_err().code(), ErrorCode::NotFound);
            return;
        }
        if self.tags.contains_key(name) {
            assert_eq!(tagged.unwrap_err().code(), ErrorCode::AlreadyExists);
            return;
        }
        let tag = tagged.unwrap();
        let newest = self.model.newest_in(&cut).unwrap();
        assert_eq!(tag.timestamp, newest);
        assert_eq!(tag.commits.iter().map(|v| (v.actor, v.counter)).collect::<BTreeMap<_, _>>(), cut.commits);
        self.tags.insert(name.into(), Cut { clock_ms: newest.millis(), ..cut });
        self.note_last();
    }

    /// Some document version of a commit.
    fn version_of_commit(&self, at: usize) -> Option<DocumentVersion> {
        let with_changes: Vec<_> = self.model.commits.iter().filter(|c| !c.changes.is_empty()).collect();
        let commit = with_changes.get(at.checked_rem(with_changes.len())?)?;
        let (collection, key) = commit.changes[at % commit.changes.len()].place.clone();
        Some(DocumentVersion { collection, key, version: commit.version })
    }

    fn lineage(&self, commit: usize, effects: bool, depth: usize) {
        let Some(start) = self.version_of_commit(commit) else { return };
        let direction = if effects { Direction::Effects } else { Direction::Causes };
        let found = self.db.lineage(start.clone(), direction, depth).unwrap();
        let edges: BTreeSet<_> = found.edges.into_iter().map(|e| (e.cause, e.effect)).collect();
        assert_eq!(edges, self.model.lineage(&start, effects, depth));
        let deeper = self.model.lineage(&start, effects, depth + 1);
        assert_eq!(found.truncated, deeper.len() > edges.len(), "whether there is more");
    }

    fn watch(&self, token: usize, collection: Option<usize>, prefix: usize) {
        let token = token % (self.model.commits.len() + 1);
        let (collection, prefix) = (collection.map(words::collection), words::prefix(prefix));
        let options =
            WatchOptions { token: Some(token as u64), collection: collection.clone(), prefix: prefix.clone() };
        let mut watch = self.db.watch(options).unwrap();
        for (at, commit) in self.model.commits.iter().enumerate().skip(token) {
            let wanted = |c: &&Change| {
                collection.as_ref().is_none_or(|name| c.place.0 == *name) && c.place.1.starts_with(&prefix)
            };
            let changes: Vec<_> = commit.changes.iter().filter(wanted).collect();
            if changes.is_empty() {
                continue;
            }
            let event = watch.try_next().unwrap().expect("an event is missing");
            assert_eq!((event.token, event.commit.version), (at as u64 + 1, commit.version));
            let found = event.commit.changes.iter().zip(&event.documents).map(|(c, document)| {
                let value = document.as_ref().map(|d| d.value().unwrap().clone());
                ((c.collection.clone(), c.key.clone()), value)
            });
            assert!(found.eq(changes.iter().map(|c| (c.place.clone(), c.value.clone()))));
        }
        assert!(watch.try_next().unwrap().is_none());
    }

    /// What is there now, read in the three ways there are.
    fn check_current(&mut self) {
        let state = self.model.state(&self.now());
        assert_eq!(shown(&self.db.snapshot().unwrap()), state, "what is there now");
        for (collection, key) in (0..3).flat_map(|c| (0..14).map(move |k| place(c, k))) {
            let found = self.db.collection(&collection).get(&key).unwrap();
            let found = found.map(|d| (d.version(), d.value().unwrap().clone()));
            assert_eq!(found.as_ref(), state.get(&(collection.clone(), key.clone())), "get {collection}/{key:?}");
        }
        for (snapshot, state) in &self.held {
            assert_eq!(shown(snapshot), *state, "a snapshot changed");
        }
        while self.watch.1 < self.model.commits.len() {
            let commit = &self.model.commits[self.watch.1];
            self.watch.1 += 1;
            if !commit.changes.is_empty() {
                assert_eq!(self.watch.0.try_next().unwrap().unwrap().commit.version, commit.version);
            }
        }
        assert!(self.watch.0.try_next().unwrap().is_none());
    }

    /// All of history.
    pub(crate) fn check_everything(&mut self) {
        self.check_current();
        let all = self.now();
        for place in (0..3).flat_map(|c| (0..14).map(move |k| place(c, k))) {
            let collection = self.db.collection(&place.0);
            let versions = self.model.versions(&place, &all);
            let history: Vec<_> = collection.history(&place.1).unwrap().map(|v| v.unwrap()).collect();
            assert_eq!(history.len(), versions.len());
            for (at, (found, expected)) in history.iter().zip(&versions).enumerate() {
                assert_eq!((found.id, found.timestamp), (expected.commit.version, expected.commit.timestamp));
                assert_eq!(
                    (found.deleted, found.expires_at),
                    (expected.change.value.is_none(), expected.change.expires_at)
                );
                let document = collection.document(&place.1, found).unwrap();
                assert_eq!(document.map(|d| d.value().unwrap().clone()), expected.change.value);
                assert_eq!(collection.version(&place.1, found.id).unwrap().timestamp, found.timestamp);
                let page = collection.history_before(&place.1, Some(found.id)).unwrap();
                assert!(page.map(|v| v.unwrap().id).eq(history[at + 1..].iter().map(|v| v.id)), "the next page");
            }
            let heads: BTreeSet<_> = collection.heads(&place.1).unwrap().into_iter().collect();
            assert_eq!(heads, self.model.heads(&place), "heads of {place:?}");
        }
        let mut log: Vec<_> = self.model.commits.iter().map(|c| (c.timestamp, c.version.actor, c.version)).collect();
        log.sort();
        assert!(self.db.log().unwrap().map(|c| c.unwrap().version).eq(log.iter().rev().map(|c| c.2)), "the log");
        for (at, commit) in self.model.commits.iter().enumerate() {
            let cut = self.model.past(at);
            let then = self.db.as_of(commit.version).unwrap();
            assert_eq!(shown(&then), self.model.state(&cut), "as of {:?}", commit.version);
            assert_eq!(self.db.commit_by_id(&commit.id.to_string()).unwrap().version, commit.version);
        }
        let tags: Vec<_> = self.db.tags().unwrap().into_iter().map(|tag| tag.name).collect();
        assert!(tags.iter().eq(self.tags.keys()));
        let report = self.db.verify().unwrap();
        assert!(report.is_ok(), "{report:?}");
        assert_eq!(report.commits, self.model.commits.len() as u64);
    }
}
