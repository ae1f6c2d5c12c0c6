//! The oracle: what a database has to answer, from nothing but the list of its commits.
//!
//! Every question goes over all commits again. Nothing is indexed, cached or kept up to date, so there is little to be
//! wrong about.

use koru_delta::{ActorId, KeyRange, Map, Timestamp, Value, VersionId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;
use std::sync::Arc;

/// For each actor the last of its commits that counts.
pub type Cut = BTreeMap<ActorId, u64>;

/// A change before it is part of a commit.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The document's collection.
    pub collection: String,
    /// Its key.
    pub key: String,
    /// Its new value; `None` deletes.
    pub value: Option<Value>,
    /// Its vector, under the name that is not said.
    pub vector: Option<Vec<f32>>,
    /// When it stops to show.
    pub expires_at: Option<i64>,
}

/// One change of a commit: a version of a document.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are those of the draft, and the versions that it replaced")]
pub struct Change {
    pub collection: String,
    pub key: String,
    pub value: Option<Value>,
    pub vector: Option<Vec<f32>>,
    pub expires_at: Option<i64>,
    pub parents: Vec<VersionId>,
}

/// One commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its actor and its place among that actor's commits.
    pub version: VersionId,
    /// When.
    pub timestamp: Timestamp,
    /// What it had seen, with itself.
    pub past: Cut,
    /// Ascending by collection and key.
    pub changes: Vec<Change>,
}

/// A version as a question finds it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'m> {
    /// The commit that made it.
    pub commit: &'m Commit,
    /// What it did to the document.
    pub change: &'m Change,
}

impl Seen<'_> {
    fn order(&self) -> (Timestamp, ActorId) {
        (self.commit.timestamp, self.commit.version.actor)
    }

    /// Whether there is a document to see at `clock_ms`.
    pub fn is_live(&self, clock_ms: i64) -> bool {
        self.change.value.is_some() && self.change.expires_at.is_none_or(|at| at > clock_ms)
    }
}

/// Which versions a question is about, and at what time expiry is judged.
#[derive(Clone, Debug)]
pub struct View {
    /// The latest timestamp that counts.
    pub until: Timestamp,
    /// The commits that count; `None` for all.
    pub cut: Option<Cut>,
    /// When it is asked, in milliseconds since 1970.
    pub clock_ms: i64,
}

impl View {
    /// Everything as it is at `now_ms`.
    pub fn now(now_ms: i64) -> View {
        View { until: Timestamp::MAX, cut: None, clock_ms: now_ms }
    }

    /// Everything up to a time.
    pub fn time(time: Timestamp) -> View {
        View { until: time, cut: None, clock_ms: time.millis() }
    }

    /// The causal past of a commit.
    pub fn commit(commit: &Commit) -> View {
        View { until: commit.timestamp, cut: Some(commit.past.clone()), clock_ms: commit.timestamp.millis() }
    }

    fn shows(&self, commit: &Commit) -> bool {
        let known = |cut: &Cut| commit.version.counter <= cut.get(&commit.version.actor).copied().unwrap_or(0);
        commit.timestamp <= self.until && self.cut.as_ref().is_none_or(known)
    }
}

/// The newest versions of documents, by collection and key.
pub type Documents<'m> = BTreeMap<(&'m str, &'m str), Seen<'m>>;

/// All commits, in the order of the log.
#[derive(Clone, Debug, Default)]
pub struct Model {
    commits: Vec<Arc<Commit>>,
}

impl Model {
    /// How many commits there are.
    pub fn len(&self) -> usize {
        self.commits.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty()
    }

    /// The commits in the order of the log.
    pub fn commits(&self) -> &[Arc<Commit>] {
        &self.commits
    }

    /// Adds a commit.
    pub fn push(&mut self, commit: Commit) {
        self.commits.push(Arc::new(commit));
    }

    /// Forgets all but the first `count` commits.
    pub fn truncate(&mut self, count: usize) {
        self.commits.truncate(count);
    }

    /// The highest timestamp.
    pub fn newest(&self) -> Option<Timestamp> {
        self.commits.iter().map(|c| c.timestamp).max()
    }

    fn last_of(&self, actor: ActorId) -> Option<&Commit> {
        self.commits.iter().rev().find(|c| c.version.actor == actor).map(|c| &**c)
    }

    /// What somebody who knows everything has seen.
    pub fn everything(&self) -> Cut {
        let mut cut = Cut::new();
        for commit in &self.commits {
            cut.insert(commit.version.actor, commit.version.counter);
        }
        cut
    }

    fn versions(&self) -> impl Iterator<Item = Seen<'_>> {
        self.commits.iter().flat_map(|commit| commit.changes.iter().map(move |change| Seen { commit, change }))
    }

    /// The newest version of every document that a view shows, deletions and expired ones included.
    pub fn documents(&self, view: &View) -> Documents<'_> {
        let mut newest = Documents::new();
        for commit in self.commits.iter().filter(|c| view.shows(c)) {
            for change in &commit.changes {
                let seen = Seen { commit, change };
                let best = newest.entry((&change.collection, &change.key)).or_insert(seen);
                if seen.order() > best.order() {
                    *best = seen;
                }
            }
        }
        newest
    }

    /// The documents that a view shows.
    pub fn live(&self, view: &View) -> Documents<'_> {
        let mut documents = self.documents(view);
        documents.retain(|_, seen| seen.is_live(view.clock_ms));
        documents
    }

    /// Every document that ever was, by collection and key.
    pub fn names(&self) -> BTreeSet<(&str, &str)> {
        self.versions().map(|seen| (&*seen.change.collection, &*seen.change.key)).collect()
    }

    /// The newest version of one document, a deletion or expired one included.
    pub fn newest_of(&self, collection: &str, key: &str) -> Option<Seen<'_>> {
        self.history(&View::now(0), collection, key).first().copied()
    }

    /// The versions of a document that a view shows, newest first.
    pub fn history(&self, view: &View, collection: &str, key: &str) -> Vec<Seen<'_>> {
        let named = |seen: &Seen<'_>| seen.change.collection == collection && seen.change.key == key;
        let mut versions: Vec<_> = self.versions().filter(|seen| named(seen) && view.shows(seen.commit)).collect();
        versions.sort_by_key(|seen| std::cmp::Reverse(seen.order()));
        versions
    }

    /// The versions of a document that no later commit had seen, newest first.
    pub fn heads(&self, collection: &str, key: &str) -> Vec<VersionId> {
        let versions = self.history(&View::now(0), collection, key);
        let saw = |later: &Seen<'_>, earlier: VersionId| {
            later.commit.version != earlier
                && later.commit.past.get(&earlier.actor).is_some_and(|&known| known >= earlier.counter)
        };
        let ids = versions.iter().map(|seen| seen.commit.version);
        ids.filter(|&id| !versions.iter().any(|later| saw(later, id))).collect()
    }

    /// The commit that the database itself makes of some changes at `now_ms`; `None` if they change nothing.
    pub fn own(&self, actor: ActorId, now_ms: i64, drafts: &[Draft]) -> Option<Commit> {
        let live = self.live(&View::now(now_ms));
        let present = |d: &&Draft| d.value.is_some() || live.contains_key(&(&*d.collection, &*d.key));
        let mut changes: Vec<_> = drafts.iter().filter(present).map(|d| self.change(d, None)).collect();
        if changes.is_empty() {
            return None;
        }
        self.configure(drafts, now_ms, &mut changes);
        let wall = Timestamp::from_millis(now_ms);
        let timestamp = self.newest().map_or(wall, |last| wall.max(Timestamp::from_bits(last.to_bits() + 1)));
        let counter = self.last_of(actor).map_or(0, |c| c.version.counter) + 1;
        let mut past = self.everything();
        past.insert(actor, counter);
        Some(Commit { version: VersionId { actor, counter }, timestamp, past, changes: sorted(changes) })
    }

    /// The first vector of a collection brings how it is searched. That is no version that anybody wrote before, but for a
    /// restore that took it away.
    fn configure(&self, drafts: &[Draft], now_ms: i64, changes: &mut Vec<Change>) {
        let live = self.live(&View::now(now_ms));
        for draft in drafts.iter().filter(|d| d.vector.is_some()) {
            let key = format!("{}/default", draft.collection);
            let known = live.contains_key(&("$vectors", &*key))
                || changes.iter().any(|c| (&*c.collection, &c.key) == ("$vectors", &key));
            if !known {
                let word = |word: &str| Value::String(word.into());
                let dimension = draft.vector.as_ref().map_or(0, Vec::len) as i64;
                let config = Map::from([
                    ("codes", word("auto")),
                    ("dimension", Value::Int(dimension)),
                    ("index", word("auto")),
                    ("metric", word("cosine")),
                ]);
                let value = Some(Value::Map(config));
                let config = Draft { collection: "$vectors".into(), key, value, vector: None, expires_at: None };
                changes.push(self.change(&config, None));
            }
        }
    }

    /// The commit that an import makes of some changes at a time of their own.
    pub fn import(&self, actor: ActorId, now_ms: i64, time_ms: i64, drafts: &[Draft]) -> Commit {
        let last = self.last_of(actor);
        let asked = Timestamp::from_millis(time_ms);
        let timestamp = last.map_or(asked, |c| asked.max(Timestamp::from_bits(c.timestamp.to_bits() + 1)));
        let counter = last.map_or(0, |c| c.version.counter) + 1;
        // It cannot delete what it has not written.
        let wanted = drafts.iter().filter(|d| d.value.is_some() || self.is_written_by(actor, d));
        let mut changes: Vec<_> = wanted.map(|d| self.change(d, Some(actor))).collect();
        self.configure(drafts, now_ms, &mut changes);
        let version = VersionId { actor, counter };
        Commit { version, timestamp, past: Cut::from([(actor, counter)]), changes: sorted(changes) }
    }

    fn change(&self, draft: &Draft, import: Option<ActorId>) -> Change {
        let Draft { collection, key, value, vector, expires_at } = draft.clone();
        let parents = match import {
            None => self.heads(&collection, &key),
            Some(actor) => {
                let history = self.history(&View::now(0), &collection, &key);
                let own = history.iter().find(|seen| seen.commit.version.actor == actor);
                own.map(|seen| seen.commit.version).into_iter().collect()
            }
        };
        Change { collection, key, value, vector, expires_at, parents }
    }

    /// Whether the newest version that an actor wrote of a draft's document is not a deletion.
    fn is_written_by(&self, actor: ActorId, draft: &Draft) -> bool {
        let history = self.history(&View::now(0), &draft.collection, &draft.key);
        history.iter().find(|seen| seen.commit.version.actor == actor).is_some_and(|seen| seen.change.value.is_some())
    }

    /// The changes that make some documents what they were at a view: those for which `scope` holds.
    pub fn restore(&self, view: &View, now_ms: i64, scope: impl Fn(&str, &str) -> bool) -> Vec<Draft> {
        let differing = self.diff(&View::now(now_ms), view);
        let wanted = differing.into_iter().filter(|((collection, key), _)| scope(collection, key));
        let draft = |((collection, key), (_, then)): ((&str, &str), (_, Option<Seen<'_>>))| Draft {
            collection: collection.into(),
            key: key.into(),
            value: then.and_then(|seen| seen.change.value.clone()),
            vector: then.and_then(|seen| seen.change.vector.clone()),
            expires_at: then.and_then(|seen| seen.change.expires_at).filter(|&at| at > now_ms),
        };
        wanted.map(draft).collect()
    }

    /// The documents that differ between two views, as they are in each.
    #[allow(clippy::type_complexity, reason = "a name for it would say no more")]
    pub fn diff(&self, before: &View, after: &View) -> BTreeMap<(&str, &str), (Option<Seen<'_>>, Option<Seen<'_>>)> {
        let (before, after) = (self.live(before), self.live(after));
        let names: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
        let both = names.into_iter().map(|name| (name, (before.get(&name).copied(), after.get(&name).copied())));
        let value = |seen: &Option<Seen<'_>>| seen.map(|seen| (seen.change.value.clone(), seen.change.vector.clone()));
        both.filter(|((collection, _), (a, b))| !collection.starts_with('$') && value(a) != value(b)).collect()
    }
}

/// Whether a range has a key.
pub fn in_range(range: &KeyRange, key: &str) -> bool {
    let (lower, upper) = (range.lower.as_ref().map(String::as_str), range.upper.as_ref().map(String::as_str));
    key.starts_with(&*range.prefix) && RangeBounds::<str>::contains(&(lower, upper), key)
}

fn sorted(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by(|a, b| (&a.collection, &a.key).cmp(&(&b.collection, &b.key)));
    changes
}
