//! Damage: one bit flipped or one file cut anywhere in a database at rest, and what the database then says.
//!
//! Every answer must be the one from before the damage, or an error that says that something is damaged. Answers are kept
//! as hashes of their parts, so that half a million damaged databases can be asked.

use crate::host::SimHost;
use crate::random::Random;
use koru_delta::storage::{FileInfo, FileName, Storage};
use koru_delta::{
    CommitInfo, Database, Document, Error, ErrorCode, ImportChange, KeyRange, Maintenance, Moment, Options, Order,
    Result, Timestamp, Value, Vectors, VersionId,
};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What is damaged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One bit of a file, counted from the lowest of its first byte.
    Flip(FileName, u64),
    /// The file ends after so many bytes.
    Cut(FileName, u64),
    /// The file is gone.
    Gone(FileName),
}

/// What came of some damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The database cannot be opened, and says why.
    Refused,
    /// Some answers, or verify, say that something is damaged; all others are right.
    Noticed,
    /// Nothing says so, and every answer is right.
    Harmless,
}

/// The hashes of the parts of an answer; and if it ended with an error, its code.
type Answer = (Vec<u64>, Option<ErrorCode>);

/// Files of a database at rest, and what it answers.
pub struct Specimen {
    /// The files.
    pub files: Arc<BTreeMap<FileName, Vec<u8>>>,
    questions: Questions,
    answers: Vec<Answer>,
    /// Where the last commit of a database that was not closed lies: damage there cannot be told from a torn write of a
    /// commit that nobody was told of. And what the database answers without that commit.
    open_end: Option<(FileName, Range<u64>, Vec<Answer>)>,
}

/// What a specimen is asked.
struct Questions {
    documents: Vec<(String, String)>,
    moments: Vec<Moment>,
    versions: Vec<VersionId>,
}

fn options(host: &SimHost) -> Options {
    let options = Options::new().host(host.clone()).maintenance(Maintenance::Inline).cache_bytes(1 << 20);
    options.limits_for_tests(10 << 10, 8 << 10)
}

/// How a specimen was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Closed.
    Closed,
    /// Compacted, and then closed.
    Compacted,
    /// As a kill leaves it.
    Killed,
}

impl Specimen {
    /// A database of about `bytes` bytes with several segments, tables and a tail.
    ///
    /// # Errors
    /// What the database refused.
    pub fn make(bytes: u64, left: Left) -> Result<Specimen> {
        let host = SimHost::new(7);
        let disk = crate::disk::SimDisk::new(7);
        let db = options(&host).open_storage(Arc::new(disk.clone()))?;
        let mut random = Random::new(7);
        // Of few letters text compresses.
        let letters = if left == Left::Compacted { 2 } else { 26 };
        let mut versions = Vec::new();
        while disk.used_bytes() < bytes || db.info()?.tail_bytes < 2_000 {
            host.pass();
            let key = format!("k{}", random.below(12));
            let text = |random: &mut Random, bytes| {
                (0..bytes).map(|_| (random.below(letters) as u8 + b'a') as char).collect::<String>()
            };
            let long = if random.chance(1, 3) { 3_000 } else { 200 };
            let text = text(&mut random, long);
            match random.below(12) {
                0 => {
                    db.collection("a").delete(&key)?;
                }
                1 => {
                    let name = format!("t{}", versions.len());
                    db.tag(&name, Moment::Now)?;
                }
                2 => {
                    let value = Some(Value::from(text));
                    let change = ImportChange { collection: "a".into(), key, value, vectors: Vectors::new() };
                    let time = koru_delta::Host::now_ms(&host) - 1_000_000;
                    db.import("repo")?.commit(time, CommitInfo::default(), vec![change], Value::Null)?;
                }
                3 => db.transaction(|tx| {
                    tx.put("a", &key, &1)?;
                    tx.author("somebody").message("something").put("b", &key, &text)
                })?,
                _ => versions.push(db.collection("a").put(&key, &text)?),
            }
        }
        let mut documents: Vec<(String, String)> = Vec::new();
        for commit in db.log()? {
            documents.extend(commit?.changes.into_iter().map(|c| (c.collection, c.key)));
        }
        documents.sort();
        documents.dedup();
        // Every document is in a scan; of the tags, which are many, a few are asked for.
        let mut tags = 0;
        documents.retain(|(collection, _)| {
            tags += usize::from(collection == "$tags");
            collection != "$tags" || tags < 3
        });
        let middle = db.commit(versions[versions.len() / 2])?;
        let early = db.commit(versions[versions.len() / 5])?;
        let mut moments = vec![Moment::Time(early.timestamp), Moment::Commit(middle.id)];
        moments.extend(db.tags()?.first().map(|tag| Moment::Tag(tag.name.clone())));
        let questions = Questions { documents, moments, versions: vec![early.version, middle.version] };
        let mut open_end = None;
        if left != Left::Killed {
            // With some commits behind the last checkpoint, which a larger bound leaves there.
            db.close()?;
            let larger = options(&host).limits_for_tests(10 << 10, 256 << 10);
            let db = larger.open_storage(Arc::new(disk.clone()))?;
            if left == Left::Compacted {
                db.compact()?;
            }
            for number in 0..8 {
                db.collection("b").put(&format!("k{number}"), &number)?;
            }
            db.close()?;
        } else {
            // Somewhere in the last segment, behind other commits of its.
            let before = questions.ask(&db)?;
            let log = |disk: &crate::disk::SimDisk| {
                disk.list()
                    .map(|l| l.into_iter().filter(|i| matches!(i.name, FileName::Segment(_))).max_by_key(|i| i.name))
            };
            let start = log(&disk)?;
            db.collection("a").put("k0", &"the last one")?;
            let end = log(&disk)?;
            if let (Some(start), Some(end)) = (start, end) {
                let from = if start.name == end.name { start.bytes } else { 0 };
                open_end = Some((end.name, from..end.bytes, before));
            }
        }
        let files = Arc::new(disk.dump());
        let undamaged = Damaged { files: files.clone(), damage: None };
        let db = options(&host).read_only(true).open_storage(Arc::new(undamaged))?;
        let answers = questions.ask(&db)?;
        let verified = db.verify()?;
        if !verified.is_ok() || answers.iter().any(|(_, error)| error.is_some()) {
            return Err(Error::new(ErrorCode::Corrupt, format!("the specimen is damaged itself: {verified:?}")));
        }
        Ok(Specimen { files, questions, answers, open_end })
    }

    /// All single-bit flips.
    pub fn flips(&self) -> Vec<Damage> {
        let of =
            |(&name, bytes): (&FileName, &Vec<u8>)| (0..bytes.len() as u64 * 8).map(move |bit| Damage::Flip(name, bit));
        self.files.iter().flat_map(of).collect()
    }

    /// All truncations, and all single files missing.
    pub fn cuts(&self) -> Vec<Damage> {
        let of = |(&name, bytes): (&FileName, &Vec<u8>)| {
            let cuts = (0..bytes.len() as u64).map(move |cut| Damage::Cut(name, cut));
            cuts.chain([Damage::Gone(name)])
        };
        self.files.iter().flat_map(of).collect()
    }

    /// Asks the damaged database everything.
    ///
    /// # Errors
    /// A wrong answer, a panic, or an error that does not say that something is damaged.
    pub fn examine(&self, damage: Damage) -> std::result::Result<Verdict, String> {
        let examined = catch_unwind(AssertUnwindSafe(|| self.ask_damaged(damage)));
        examined.unwrap_or_else(|_| Err("panic".into())).map_err(|e| format!("{damage:?}: {e}"))
    }

    fn ask_damaged(&self, damage: Damage) -> std::result::Result<Verdict, String> {
        let storage = Damaged { files: self.files.clone(), damage: Some(damage) };
        let host = SimHost::new(7);
        let opened = options(&host).read_only(true).open_storage(Arc::new(storage));
        let db = match opened {
            Ok(db) => db,
            Err(e) if names_damage(e.code()) => return Ok(Verdict::Refused),
            Err(e) => return Err(format!("opening failed otherwise: {e}")),
        };
        let answers = self.questions.ask(&db).map_err(|e| format!("asking failed: {e}"))?;
        let mut noticed = false;
        let without_last = self.open_end.as_ref().filter(|(file, range, _)| match damage {
            Damage::Flip(name, bit) => name == *file && range.contains(&(bit / 8)),
            _ => false,
        });
        let torn = without_last.filter(|(_, _, before)| *before == answers);
        for (number, ((parts, error), (right, _))) in answers.iter().zip(&self.answers).enumerate() {
            if torn.is_some() {
                break;
            }
            match error {
                None if parts == right => {}
                Some(code) if names_damage(*code) && right.starts_with(parts) => noticed = true,
                _ => return Err(format!("answer {number} is wrong: {error:?}")),
            }
        }
        match db.verify() {
            Ok(report) => noticed |= !report.is_ok(),
            Err(e) if names_damage(e.code()) => noticed = true,
            Err(e) => return Err(format!("verify failed otherwise: {e}")),
        }
        Ok(if noticed || torn.is_some() { Verdict::Noticed } else { Verdict::Harmless })
    }
}

fn names_damage(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Corrupt | ErrorCode::UnsupportedFormat)
}

impl Questions {
    fn ask(&self, db: &Database) -> Result<Vec<Answer>> {
        let mut answers = Vec::new();
        let mut answer = |parts: &mut dyn Iterator<Item = Result<u64>>| {
            let mut hashes = Vec::new();
            for part in parts {
                match part {
                    Ok(hash) => hashes.push(hash),
                    Err(e) => {
                        answers.push((hashes, Some(e.code())));
                        return;
                    }
                }
            }
            answers.push((hashes, None));
        };
        let mut views = vec![db.snapshot()];
        views.extend(self.moments.iter().map(|moment| db.as_of(moment.clone())));
        for (place, view) in views.into_iter().enumerate() {
            let view = match view {
                Ok(view) => view,
                Err(e) => {
                    // As many answers as there would have been.
                    let mut error = Some(e);
                    for _ in 0..2 + self.documents.len() {
                        let again = error.take().unwrap_or_else(|| Error::new(ErrorCode::Corrupt, "as above"));
                        answer(&mut std::iter::once(Err(again)));
                    }
                    continue;
                }
            };
            for (name, order) in [("a", Order::Ascending), ("b", Order::Descending)] {
                let rows = view.collection(name).scan(KeyRange::default(), order);
                answer(&mut spread(rows).map(|row| {
                    let row = row??;
                    hash_of(&(&row.key, document(&row.document)?))
                }));
            }
            for (collection, key) in &self.documents {
                let found = match place {
                    0 => db.collection(collection).get(key),
                    _ => view.collection(collection).get(key),
                };
                let found = found.and_then(|d| hash_of(&d.as_ref().map(document).transpose()?));
                answer(&mut std::iter::once(found));
            }
        }
        for (collection, key) in &self.documents {
            let documents = db.collection(collection);
            let history = documents.history(key);
            answer(&mut spread(history).map(|version| {
                let version = version??;
                let value = documents.document(key, &version)?;
                hash_of(&(version.id, version.timestamp, version.deleted, value.as_ref().map(document).transpose()?))
            }));
        }
        answer(&mut spread(db.log()).map(|commit| {
            let commit = commit??;
            hash_of(&(commit.id, commit.sequence, commit.message, commit.author, commit.changes.len()))
        }));
        for &version in &self.versions {
            answer(&mut std::iter::once(db.commit(version).and_then(|commit| hash_of(&commit.id))));
        }
        Ok(answers)
    }
}

/// The items of an iterator that may not have come about, each with that possibility.
fn spread<T, I: Iterator<Item = Result<T>>>(items: Result<I>) -> impl Iterator<Item = Result<Result<T>>> {
    let (items, error) = match items {
        Ok(items) => (Some(items), None),
        Err(e) => (None, Some(Err(e))),
    };
    error.into_iter().chain(items.into_iter().flatten().map(Ok))
}

fn document(document: &Document) -> Result<(VersionId, Timestamp, Option<i64>, Vec<u8>)> {
    document.value()?;
    Ok((document.version(), document.timestamp(), document.expires_at(), document.encoded().to_vec()))
}

fn hash_of<T: Hash>(thing: &T) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    Ok(hasher.finish())
}

/// Files in memory that many readers share, read through one damage.
struct Damaged {
    files: Arc<BTreeMap<FileName, Vec<u8>>>,
    damage: Option<Damage>,
}

impl Damaged {
    fn content(&self, name: FileName) -> Result<&[u8]> {
        let missing = || Error::new(ErrorCode::NotFound, format!("there is no file {name}"));
        let content = self.files.get(&name).ok_or_else(missing)?;
        match self.damage {
            Some(Damage::Cut(file, bytes)) if file == name => Ok(&content[..bytes as usize]),
            Some(Damage::Gone(file)) if file == name => Err(missing()),
            _ => Ok(content),
        }
    }

    fn refused<T>(&self) -> Result<T> {
        Err(Error::new(ErrorCode::ReadOnly, "the specimen is not to be changed"))
    }
}

impl Storage for Damaged {
    fn list(&self) -> Result<Vec<FileInfo>> {
        let info = |&name| self.content(name).ok().map(|content| FileInfo { name, bytes: content.len() as u64 });
        Ok(self.files.keys().filter_map(info).collect())
    }

    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let content = self.content(name)?;
        let from = usize::try_from(offset).ok().and_then(|at| content.get(at..)).unwrap_or_default();
        let count = from.len().min(buffer.len());
        buffer[..count].copy_from_slice(&from[..count]);
        if let Some(Damage::Flip(file, bit)) = self.damage.filter(|_| count > 0) {
            let byte = bit / 8;
            if file == name && (offset..offset + count as u64).contains(&byte) {
                buffer[(byte - offset) as usize] ^= 1 << (bit % 8);
            }
        }
        Ok(count)
    }

    fn create(&self, _: FileName) -> Result<()> {
        self.refused()
    }
    fn write_at(&self, _: FileName, _: u64, _: &[u8]) -> Result<()> {
        self.refused()
    }
    fn sync(&self, _: FileName) -> Result<()> {
        self.refused()
    }
    fn truncate(&self, _: FileName, _: u64) -> Result<()> {
        self.refused()
    }
    fn remove(&self, _: FileName) -> Result<()> {
        self.refused()
    }
    fn close(&self) -> Result<()> {
        Ok(())
    }
    fn kind(&self) -> &'static str {
        "specimen"
    }
    fn location(&self) -> String {
        "specimen:".into()
    }
}
