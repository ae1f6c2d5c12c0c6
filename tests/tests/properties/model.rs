//! What the database promises, as a list of commits and nothing else: every answer is computed from the whole list.

use koru_delta::{ActorId, CommitId, DocumentVersion, KeyRange, Order, Timestamp, Value, VersionId};
use std::collections::{BTreeMap, BTreeSet};

/// Collection and key.
pub(crate) type Place = (String, String);

/// What a moment shows: live documents.
pub(crate) type State = BTreeMap<Place, (VersionId, Value)>;

#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) place: Place,
    /// `None` deletes.
    pub(crate) value: Option<Value>,
    pub(crate) expires_at: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) version: VersionId,
    pub(crate) id: CommitId,
    pub(crate) timestamp: Timestamp,
    pub(crate) causes: Vec<DocumentVersion>,
    /// By place. Those of the database's own collections are left out.
    pub(crate) changes: Vec<Change>,
}

/// Which commits are seen, and at which time expiry is judged.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) commits: BTreeMap<ActorId, u64>,
    pub(crate) clock_ms: i64,
}

/// One version of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version<'m> {
    pub(crate) commit: &'m Commit,
    pub(crate) change: &'m Change,
}

impl Version<'_> {
    fn order(&self) -> (Timestamp, ActorId) {
        (self.commit.timestamp, self.commit.version.actor)
    }

    pub(crate) fn is_live(&self, clock_ms: i64) -> bool {
        self.change.value.is_some() && self.change.expires_at.is_none_or(|at| at > clock_ms)
    }
}

#[derive(Default)]
pub(crate) struct Model {
    /// In the order of the log.
    pub(crate) commits: Vec<Commit>,
    pub(crate) own: Option<ActorId>,
}

impl Model {
    /// The highest timestamp there is.
    pub(crate) fn clock(&self) -> Timestamp {
        self.commits.iter().map(|c| c.timestamp).max().unwrap_or(Timestamp::MIN)
    }

    /// Everything.
    pub(crate) fn all(&self, clock_ms: i64) -> Cut {
        self.up_to(Timestamp::MAX, clock_ms)
    }

    /// Every commit up to a time.
    pub(crate) fn up_to(&self, time: Timestamp, clock_ms: i64) -> Cut {
        let mut commits = BTreeMap::new();
        for commit in self.commits.iter().filter(|c| c.timestamp <= time) {
            let last = commits.entry(commit.version.actor).or_insert(0);
            *last = commit.version.counter.max(*last);
        }
        Cut { commits, clock_ms }
    }

    /// The causal past of the commit at a place of the log: for an own commit all that the log had, for an import its line.
    pub(crate) fn past(&self, at: usize) -> Cut {
        let commit = &self.commits[at];
        let seen = self.commits[..=at]
            .iter()
            .filter(|c| Some(commit.version.actor) == self.own || c.version.actor == commit.version.actor);
        let mut commits = BTreeMap::new();
        for commit in seen {
            commits.insert(commit.version.actor, commit.version.counter);
        }
        Cut { commits, clock_ms: commit.timestamp.millis() }
    }

    /// The highest timestamp in a cut.
    pub(crate) fn newest_in(&self, cut: &Cut) -> Option<Timestamp> {
        self.commits.iter().filter(|c| sees(cut, c.version)).map(|c| c.timestamp).max()
    }

    /// The versions of a document that a cut shows, newest first.
    pub(crate) fn versions(&self, place: &Place, cut: &Cut) -> Vec<Version<'_>> {
        let mut versions: Vec<_> = (self.commits.iter().filter(|c| sees(cut, c.version)))
            .flat_map(|commit| commit.changes.iter().map(move |change| Version { commit, change }))
            .filter(|version| version.change.place == *place)
            .collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.order()));
        versions
    }

    pub(crate) fn live(&self, place: &Place, cut: &Cut) -> Option<Version<'_>> {
        self.versions(place, cut).first().copied().filter(|version| version.is_live(cut.clock_ms))
    }

    /// The documents that a cut shows.
    pub(crate) fn state(&self, cut: &Cut) -> State {
        let places: BTreeSet<_> = self.commits.iter().flat_map(|c| c.changes.iter().map(|x| x.place.clone())).collect();
        let shown = places.into_iter().filter_map(|place| {
            let found = self.live(&place, cut)?;
            let value = found.change.value.clone()?;
            Some((place, (found.commit.version, value)))
        });
        shown.collect()
    }

    /// The versions of a document that no other one has in its past.
    pub(crate) fn heads(&self, place: &Place) -> BTreeSet<VersionId> {
        let changes = |c: &Commit| c.changes.iter().any(|change| change.place == *place);
        let at: Vec<_> = (0..self.commits.len()).filter(|&at| changes(&self.commits[at])).collect();
        let pasts: Vec<_> = at.iter().map(|&at| self.past(at)).collect();
        let is_head = |&of: &usize| {
            let version = self.commits[of].version;
            !at.iter().zip(&pasts).any(|(&other, past)| other != of && sees(past, version))
        };
        at.iter().copied().filter(is_head).map(|at| self.commits[at].version).collect()
    }

    /// The documents of a cut whose keys are in a range, in order.
    pub(crate) fn scan(
        state: &State,
        collection: &str,
        range: &KeyRange,
        order: Order,
    ) -> Vec<(String, VersionId, Value)> {
        let mut rows: Vec<_> = (state.iter())
            .filter(|((name, key), _)| name == collection && range.contains(key))
            .map(|((_, key), (version, value))| (key.clone(), *version, value.clone()))
            .collect();
        rows.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        if order == Order::Descending {
            rows.reverse();
        }
        rows
    }

    /// What names a version as a cause, by commit.
    pub(crate) fn effects(&self, of: &DocumentVersion) -> Vec<DocumentVersion> {
        let mut commits: Vec<_> = self.commits.iter().filter(|c| c.causes.contains(of)).collect();
        commits.sort_by_key(|c| c.version);
        (commits.into_iter().flat_map(|c| c.changes.iter().map(move |change| (c.version, change))))
            .map(|(version, change)| {
                let (collection, key) = change.place.clone();
                DocumentVersion { collection, key, version }
            })
            .collect()
    }

    /// Edges of the lineage up to `depth` steps from a version.
    pub(crate) fn lineage(
        &self,
        start: &DocumentVersion,
        effects: bool,
        depth: usize,
    ) -> BTreeSet<(DocumentVersion, DocumentVersion)> {
        let mut edges = BTreeSet::new();
        let mut seen = BTreeSet::from([start.clone()]);
        let mut reached = vec![start.clone()];
        for _ in 0..depth {
            let mut next = Vec::new();
            for from in reached {
                let others = if effects {
                    self.effects(&from)
                } else {
                    let commit = self.commits.iter().find(|c| c.version == from.version);
                    commit.map_or_else(Vec::new, |c| c.causes.clone())
                };
                for other in others {
                    let edge = if effects { (from.clone(), other.clone()) } else { (other.clone(), from.clone()) };
                    edges.insert(edge);
                    if seen.insert(other.clone()) {
                        next.push(other);
                    }
                }
            }
            reached = next;
        }
        edges
    }
}

pub(crate) fn sees(cut: &Cut, version: VersionId) -> bool {
    cut.commits.get(&version.actor).is_some_and(|&last| version.counter <= last)
}
