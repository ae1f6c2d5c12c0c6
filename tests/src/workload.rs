//! What a simulated application does: one random operation at a time, each with what the model says must come of it.

use crate::compare::{asked, compare_get, some_moment};
use crate::model::{Draft, View};
use crate::random::Random;
use crate::simulate::{Simulation, Violation};
use koru_delta::{
    CommitInfo, Encoded, Error, ErrorCode, Expected, Host, ImportChange, Map, Moment, Value, Vectors, VersionId,
    WriteOptions,
};

const COLLECTIONS: [&str; 3] = ["a", "notes", "notes2"];
const KEYS: [&str; 9] = ["k", "k0", "k1", "k2", "k\u{0}", "k\u{0}\u{0}1", "ключ", "z", "\u{10ffff}"];
const DIMENSION: usize = 3;
const TAGS: [&str; 4] = ["start", "t1", "t2", "t3"];
const IMPORTS: [&str; 2] = ["repo", "other"];

/// Something was done and acknowledged, or refused as it should be; or it failed, and the simulation has dealt with that.
type Done = Result<(), Violation>;

impl Simulation {
    /// Does one operation.
    pub(crate) fn operate(&mut self) -> Done {
        self.host.pass();
        match self.random.below(100) {
            0..=31 => self.put(),
            32..=38 => self.put_expected(),
            39..=46 => self.delete(),
            47..=52 => self.put_many(),
            53..=63 => self.transaction(),
            64..=66 => self.tag(),
            67 => self.untag(),
            68..=71 => self.restore(),
            72..=77 => self.import(),
            78..=80 => self.maintenance("a checkpoint", |db, _| db.checkpoint(), true),
            81..=83 => self.maintenance("maintenance", |db, random| db.maintain(1 + random.index(3)).map(drop), false),
            84 => self.compact(),
            85..=86 => self.maintenance("a sync", |db, _| db.sync(), true),
            87..=88 => self.hold_snapshot(),
            _ => self.look(),
        }
    }

    fn name(&mut self) -> (String, String) {
        let collection = COLLECTIONS[self.random.index(COLLECTIONS.len())];
        // Few documents get most of the writes, so that some histories are long.
        let key = KEYS[self.random.index(KEYS.len()).min(self.random.index(KEYS.len()))];
        (collection.into(), key.into())
    }

    fn value(&mut self) -> Value {
        self.values += 1;
        let number = self.values as i64;
        let bytes = match self.random.below(200) {
            0 => 10_000 + self.random.index(30_000),
            1..=10 => 500 + self.random.index(4_000),
            _ => self.random.index(120),
        };
        match self.random.below(12) {
            0 => Value::Null,
            1 => Value::Int(number),
            2 => Value::Float(number as f64 / 3.0),
            3 => Value::Bytes(noise(&mut self.random, bytes)),
            _ => {
                let text: String = noise(&mut self.random, bytes).iter().map(|b| char::from(b % 64 + 32)).collect();
                Value::Map(Map::from([("n", Value::Int(number)), ("text", Value::String(text.into()))]))
            }
        }
    }

    fn expiry(&mut self) -> Option<i64> {
        let now = self.host.now_ms();
        // Also in the past, and soon enough to pass within the run.
        self.random.chance(1, 8).then(|| now - 20 + self.random.below(200) as i64)
    }

    /// Of few different numbers, so that equal scores are common.
    fn vector(&mut self) -> Option<Vec<f32>> {
        let mut number = || self.random.below(5) as f32 - 2.0;
        let vector = (0..DIMENSION).map(|_| number()).collect();
        self.random.chance(1, 2).then_some(vector)
    }

    fn draft(&mut self, deletions: u64) -> Draft {
        let (collection, key) = self.name();
        let value = (!self.random.chance(deletions, 10)).then(|| self.value());
        let expires_at = if value.is_some() { self.expiry() } else { None };
        let vector = value.is_some().then(|| self.vector()).flatten();
        Draft { collection, key, value, vector, expires_at }
    }

    fn put(&mut self) -> Done {
        let draft = self.draft(0);
        let options = WriteOptions { expires_at: draft.expires_at, ..beside(&draft) };
        let written = self.db().collection(&draft.collection).put_with(&draft.key, &draft.value, options);
        self.settle("a put", std::slice::from_ref(&draft), written.map(Some))?;
        self.check(&draft)
    }

    /// Reads a document that was written, so that it is compared, and cached from then on.
    fn check(&mut self, draft: &Draft) -> Done {
        if self.is_down() || !self.random.chance(1, 3) {
            return Ok(());
        }
        let now = self.now();
        match compare_get(&self.db(), &self.model, &now, &draft.collection, &draft.key) {
            Err(e) if !self.has_fault() && !self.is_stopped() => Err(e),
            _ => Ok(()),
        }
    }

    fn delete(&mut self) -> Done {
        let (collection, key) = self.name();
        let deleted = self.db().collection(&collection).delete(&key);
        let draft = Draft { collection, key, value: None, vector: None, expires_at: None };
        self.settle("a deletion", std::slice::from_ref(&draft), deleted)?;
        self.check(&draft)
    }

    /// What a write may expect, and whether that is so.
    fn expectation(&mut self, draft: &Draft) -> (Expected, bool) {
        let now = self.now();
        let newest = self.model.newest_of(&draft.collection, &draft.key);
        let version = newest.map(|seen| seen.commit.version);
        match self.random.below(3) {
            0 => (Expected::Absent, !newest.is_some_and(|seen| seen.is_live(now.clock_ms))),
            1 if version.is_some() => (Expected::Version(version.unwrap_or(self.nobody())), true),
            _ => {
                let commits = self.model.commits();
                let some = commits.get(self.random.index(commits.len())).map_or(self.nobody(), |c| c.version);
                (Expected::Version(some), Some(some) == version)
            }
        }
    }

    fn nobody(&self) -> VersionId {
        VersionId { actor: self.actor, counter: u64::MAX }
    }

    fn put_expected(&mut self) -> Done {
        let draft = self.draft(2);
        let (expected, met) = self.expectation(&draft);
        let options = WriteOptions { expected, expires_at: draft.expires_at, ..beside(&draft) };
        let documents = self.db().collection(&draft.collection);
        let written = match &draft.value {
            Some(value) => documents.put_with(&draft.key, value, options).map(Some),
            None => documents.delete_with(&draft.key, options),
        };
        self.settle_expecting("a put", &[draft], written, met)
    }

    fn settle_expecting(
        &mut self,
        what: &str,
        drafts: &[Draft],
        written: koru_delta::Result<Option<VersionId>>,
        met: bool,
    ) -> Done {
        match written {
            Err(e) if e.is(ErrorCode::Conflict) && !met => {
                self.figures.conflicts += 1;
                Ok(())
            }
            Ok(_) if !met => Err(format!("{what} went ahead although the document was not as expected")),
            // Nothing was written, but the attempt could not have been told from one that was.
            Err(e) if !met => self.failed(what, e, None),
            written => self.settle(what, drafts, written),
        }
    }

    fn put_many(&mut self) -> Done {
        let (collection, _) = self.name();
        let mut drafts: Vec<Draft> = Vec::new();
        let mut given = Vec::new();
        for _ in 0..1 + self.random.index(8) {
            let (_, key) = self.name();
            let (value, vector) = (self.value(), self.vector());
            drafts.retain(|d| d.key != key);
            given.push((key.clone(), value.clone(), vector.clone()));
            drafts.push(Draft { collection: collection.clone(), key, value: Some(value), vector, expires_at: None });
        }
        let written = self.db().collection(&collection).batch().and_then(|mut batch| {
            for (key, value, vector) in given {
                batch.put_with(&key, &value, &vector.map(Vectors::from).unwrap_or_default())?;
            }
            batch.commit(CommitInfo::default())
        });
        self.settle("a put of many", &drafts, written)
    }

    fn transaction(&mut self) -> Done {
        let mut drafts: Vec<Draft> = Vec::new();
        let mut met = true;
        let db = self.db();
        let mut tx = match db.begin() {
            Ok(tx) => tx,
            Err(e) => return self.failed("a transaction", e, None),
        };
        for _ in 0..1 + self.random.index(6) {
            let draft = self.draft(3);
            let place = drafts.iter().position(|d| (&d.collection, &d.key) == (&draft.collection, &draft.key));
            let (expected, as_expected) = match place {
                None if self.random.chance(1, 5) => self.expectation(&draft),
                _ => (Expected::Any, true),
            };
            met &= as_expected;
            let Draft { collection, key, value, expires_at, .. } = &draft;
            let set = match value {
                Some(value) => Encoded::new(value)
                    .and_then(|encoded| encoded.with_vectors(&beside(&draft).vectors))
                    .and_then(|encoded| tx.put_encoded(collection, key, encoded, expected, *expires_at)),
                None => tx.delete_with(collection, key, expected),
            };
            asked("a change of a transaction", set)?;
            if let Ok(seen) = tx.get(collection, key) {
                let seen = seen.map(|d| d.value().cloned()).transpose();
                let now = self.host.now_ms();
                let wanted = value.clone().filter(|_| expires_at.is_none_or(|at| at > now));
                if asked("a read in a transaction", seen)? != wanted {
                    return Err(format!("a transaction does not see its own change of {collection}/{key:?}"));
                }
            }
            match place {
                Some(place) => drafts[place] = draft,
                None => drafts.push(draft),
            }
        }
        if self.random.chance(1, 4) {
            tx.rollback();
            self.figures.rolled_back += 1;
            return Ok(());
        }
        let written = tx.commit();
        self.settle_expecting("a transaction", &drafts, written, met)
    }

    fn tag(&mut self) -> Done {
        let name = TAGS[self.random.index(TAGS.len())];
        let now = self.now();
        let (moment, view) = some_moment(&self.model, &now, &mut self.random).unwrap_or((Moment::Now, now.clone()));
        let result = self.db().tag(name, moment.clone());
        // By its definition: for each actor its last commit that the moment shows. A cut is what it is.
        let cut = view.cut.clone().unwrap_or_else(|| {
            let shown = self.model.commits().iter().filter(|c| c.timestamp <= view.until);
            shown.map(|c| (c.version.actor, c.version.counter)).collect()
        });
        let newest = match &view.cut {
            Some(_) => Some(view.until),
            None => self.model.commits().iter().map(|c| c.timestamp).filter(|t| *t <= view.until).max(),
        };
        let exists = self.model.live(&now).contains_key(&("$tags", name));
        match (result, newest) {
            (Err(e), None) if e.is(ErrorCode::NotFound) => Ok(()),
            (Err(e), _) if exists && e.is(ErrorCode::AlreadyExists) => Ok(()),
            (Ok(_), _) if exists => Err(format!("tag {name} was set twice")),
            (Ok(_), None) => Err(format!("tag {name} marks a moment before the first commit")),
            (Err(e), None) => self.failed("a tag", e, None),
            (Err(e), _) if exists => self.failed("a tag", e, None),
            (result, Some(newest)) => {
                let commits = cut.iter().map(|(actor, counter)| (actor.to_string(), Value::Int(*counter as i64)));
                let commits: Map = commits.collect();
                let record = Map::from([("time", Value::Int(newest.to_bits())), ("commits", Value::Map(commits))]);
                let value = Some(Value::Map(record));
                let draft =
                    Draft { collection: "$tags".into(), key: name.into(), value, vector: None, expires_at: None };
                self.figures.tags += u64::from(result.is_ok());
                self.settle_version("a tag", &[draft], result.map(|_| ()))
            }
        }
    }

    fn untag(&mut self) -> Done {
        let name = TAGS[self.random.index(TAGS.len())];
        let result = self.db().untag(name);
        let exists = self.model.live(&self.now()).contains_key(&("$tags", name));
        match result {
            Err(e) if !exists && e.is(ErrorCode::NotFound) => Ok(()),
            Err(e) if !exists => self.failed("an untag", e, None),
            result => {
                let draft =
                    Draft { collection: "$tags".into(), key: name.into(), value: None, vector: None, expires_at: None };
                self.settle_version("an untag", &[draft], result)
            }
        }
    }

    fn restore(&mut self) -> Done {
        let now = self.now();
        let Some((moment, view)) = some_moment(&self.model, &now, &mut self.random) else { return Ok(()) };
        let (collection, key) = self.name();
        let db = self.db();
        let documents = db.collection(&collection);
        let (drafts, result) = match self.random.below(3) {
            0 => {
                let one = |c: &str, k: &str| (c, k) == (&*collection, &*key);
                (self.model.restore(&view, now.clock_ms, one), documents.restore(&key, moment))
            }
            1 => {
                let drafts = self.model.restore(&view, now.clock_ms, |c, _| c == collection);
                (drafts, documents.restore_all(moment))
            }
            _ => (self.model.restore(&view, now.clock_ms, |_, _| true), db.restore(moment)),
        };
        self.figures.restores += u64::from(matches!(result, Ok(Some(_))));
        self.settle("a restore", &drafts, result)
    }

    fn import(&mut self) -> Done {
        let name = IMPORTS[self.random.index(IMPORTS.len())];
        let mut import = match self.db().import(name) {
            Ok(import) => import,
            Err(e) => return self.failed("an import", e, None),
        };
        for _ in 0..1 + self.random.index(2) {
            let drafts: Vec<_> = (0..1 + self.random.index(3)).map(|_| self.draft(2)).collect();
            let mut kept: Vec<Draft> = Vec::new();
            for draft in drafts {
                kept.retain(|d| (&d.collection, &d.key) != (&draft.collection, &draft.key));
                kept.push(Draft { expires_at: None, ..draft });
            }
            let changes = kept.iter().map(|d| ImportChange {
                collection: d.collection.clone(),
                key: d.key.clone(),
                value: d.value.clone(),
                vectors: d.vector.clone().map(Vectors::from).unwrap_or_default(),
            });
            let now = self.host.now_ms();
            // Mostly long ago, sometimes between or ahead of this database's own writes.
            let time = match self.random.below(4) {
                0 => now - self.random.below(2_000) as i64,
                1 => now + self.random.below(100) as i64,
                _ => now - 1_000_000_000 + self.random.below(1_000_000) as i64,
            };
            self.values += 1;
            let state = Value::Int(self.values as i64);
            let actor = import.actor();
            let progress = Map::from([("actor", Value::from(actor.to_string())), ("state", state.clone())]);
            let progress = Some(Value::Map(progress));
            let changes = changes.collect();
            let (collection, key) = ("$imports".into(), name.into());
            kept.push(Draft { collection, key, value: progress, vector: None, expires_at: None });
            let result = import.commit(time, CommitInfo::default(), changes, state);
            let commit = self.model.import(actor, now, time, &kept);
            self.figures.imported += u64::from(result.is_ok());
            self.accept("an import", Some(commit), result)?;
            if self.is_down() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn maintenance(
        &mut self,
        what: &str,
        call: impl FnOnce(&koru_delta::Database, &mut Random) -> koru_delta::Result<()>,
        durable: bool,
    ) -> Done {
        match call(&self.db(), &mut self.random) {
            Ok(()) => {
                self.tell(what);
                if durable {
                    self.note_durable();
                }
                Ok(())
            }
            Err(e) => self.failed(what, e, None),
        }
    }

    fn compact(&mut self) -> Done {
        self.maintenance("a compaction", |db, _| db.compact(), true)?;
        if !self.is_down() && self.db().info().is_ok_and(|info| info.packed_segments > 0) {
            self.figures.compactions += 1;
        }
        Ok(())
    }

    fn look(&mut self) -> Done {
        let (collection, key) = self.name();
        self.check(&Draft { collection, key, value: None, vector: None, expires_at: None })
    }

    /// What the database made of some changes of its own.
    fn settle(&mut self, what: &str, drafts: &[Draft], result: koru_delta::Result<Option<VersionId>>) -> Done {
        let commit = self.model.own(self.actor, self.host.now_ms(), drafts);
        self.accept(what, commit, result)
    }

    /// The same for calls that do not say which version they made.
    fn settle_version(&mut self, what: &str, drafts: &[Draft], result: koru_delta::Result<()>) -> Done {
        let commit = self.model.own(self.actor, self.host.now_ms(), drafts);
        let version = commit.as_ref().map(|c| c.version);
        self.accept(what, commit, result.map(|()| version))
    }

    pub(crate) fn now(&self) -> View {
        View::now(self.host.now_ms())
    }
}

/// How a draft is written: with its vector.
fn beside(draft: &Draft) -> WriteOptions {
    let vectors = draft.vector.clone().map(Vectors::from).unwrap_or_default();
    WriteOptions { vectors, ..WriteOptions::default() }
}

fn noise(random: &mut Random, bytes: usize) -> Vec<u8> {
    // Half of it compresses and repeats, as text does.
    let word = random.next().to_le_bytes();
    (0..bytes).map(|i| if i % 16 < 8 { word[i % 8] } else { (random.next() >> 32) as u8 }).collect()
}

/// Whether an error is one that a fault of the disk may cause.
pub(crate) fn is_of_the_disk(e: &Error) -> bool {
    matches!(e.code(), ErrorCode::Io | ErrorCode::Poisoned | ErrorCode::StorageFull)
}
