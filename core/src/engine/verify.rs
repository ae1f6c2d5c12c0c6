//! Verify: reads everything again, checks every checksum and hash, and that index and log say the same.

use super::{
    Engine,
    commit::entry_of,
    key::{self, Entry},
    state::View,
};
use crate::{
    error::{Error, ErrorCode, Result},
    id::CommitId,
    log::{
        CHAIN_START, Location, Position,
        recovery::{Follower, Next, Replayed},
        root::{Manifest, Root},
    },
    storage::{AsyncStorage, FileName},
    vector::Vectors,
};
use alloc::{format, string::String, vec::Vec};
use core::ops::ControlFlow;

/// Problems that a report lists before it only counts on.
const PROBLEMS_MAX: usize = 100;

/// Versions of the index that are counted before progress is told again: some milliseconds' worth.
const VERSIONS_A_TIME: u64 = 4096;

/// Who is told the bytes of log read so far and in all, and may end it.
pub(crate) type Progress<'p> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'p;

fn tell(progress: &mut Progress<'_>, done: u64, all: u64) -> Result<()> {
    match progress(done, all) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::new(ErrorCode::Aborted, "the check was given up before its end")),
    }
}

/// What verify found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Commits whose frames, hashes and places in the chain are right.
    pub commits: u64,
    /// Versions that log and index agree on.
    pub versions: u64,
    /// Log segments.
    pub segments: u64,
    /// Index tables.
    pub tables: u64,
    /// Bytes of log that were read.
    pub log_bytes: u64,
    /// The running hash over all commits, hexadecimal: keep it elsewhere to show later that nothing before it was altered.
    pub chain: String,
    /// What is wrong; empty when everything is right.
    pub problems: Vec<String>,
    /// Problems beyond those listed.
    pub more_problems: u64,
}

impl VerifyReport {
    /// Whether everything is right.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    fn note(&mut self, problem: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem.into());
        } else {
            self.more_problems += 1;
        }
    }

    /// Takes note of damage, and lets other failures through.
    fn damage(&mut self, e: Error) -> Result<()> {
        match e.code() {
            ErrorCode::Corrupt | ErrorCode::NotFound | ErrorCode::UnsupportedFormat => {
                self.note(e.message());
                Ok(())
            }
            _ => Err(e),
        }
    }
}

/// What the index has to say about one commit.
struct Checked {
    keys: Vec<(Vec<u8>, Entry)>,
    commit_key: Vec<u8>,
    id_key: Vec<u8>,
    frame: Location,
    effects: Vec<Vec<u8>>,
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Checks the root and its manifest, every frame and value of the log, every block of the index, and that every version
    /// of the log is in the index and the other way round. `progress` is told the bytes of log read so far and in all.
    /// Everything is read; nothing is changed.
    ///
    /// # Errors
    /// Only where something cannot be read at all, and `ABORTED` if `progress` ended it; damage is in the report.
    pub(crate) async fn verify(&self, progress: &mut Progress<'_>) -> Result<VerifyReport> {
        self.check_open()?;
        let view = self.exact_view();
        let log_bytes = self.log_bytes().await?;
        let mut report = VerifyReport { tables: view.state.tables.len() as u64, ..VerifyReport::default() };
        if let Err(e) = self.verify_root().await {
            report.damage(e)?;
        }
        for table in view.state.tables.iter() {
            tell(progress, 0, log_bytes)?;
            if let Err(e) = table.verify(&self.storage).await {
                report.damage(e)?;
            }
        }
        let snapshots = self.verify_vector_snapshots(&mut report).await?;
        let mut told = |done| tell(progress, done, log_bytes);
        if let Err(e) = self.verify_log(&view, &snapshots, &mut report, &mut told).await {
            report.damage(e)?;
            return Ok(report);
        }
        if let Err(e) = self.verify_index(&view, &mut report, &mut |done| tell(progress, done, log_bytes)).await {
            report.damage(e)?;
        }
        Ok(report)
    }

    /// Bytes of all segments, packed ones as they were; those that cannot be read are not counted.
    async fn log_bytes(&self) -> Result<u64> {
        let files = self.storage.list().await?;
        let numbers: Vec<u32> = self.segments.read().iter().map(|s| s.number).collect();
        let mut bytes = 0;
        for number in numbers {
            bytes += match files.iter().find(|info| info.name == FileName::Segment(number)) {
                Some(info) => info.bytes,
                None => self.storage.packed(number).await.map_or(0, |packed| packed.header.segment_bytes),
            };
        }
        Ok(bytes)
    }

    async fn verify_root(&self) -> Result<()> {
        let missing = || Error::corrupt(FileName::Root, 0, "no slot of the root is valid");
        let root = Root::read(&self.storage).await?.ok_or_else(missing)?;
        if root.database != self.database {
            return Err(Error::corrupt(FileName::Root, 0, "the root is another database's"));
        }
        Manifest::read(&self.storage, &root).await.map(drop)
    }

    /// Checks the snapshots of the indexes of vectors by themselves, and returns as of which place in the log they are.
    async fn verify_vector_snapshots(&self, report: &mut VerifyReport) -> Result<Vec<(FileName, Position)>> {
        let mut positions = Vec::new();
        for number in self.vector_snapshots().await? {
            let file = FileName::Vectors(number);
            if self.is_unfinished_snapshot(number).await.unwrap_or(true) {
                continue;
            }
            match self.check_vector_snapshot(number).await {
                Ok(position) => positions.push((file, position)),
                // One that was replaced meanwhile is no longer there.
                Err(e) if e.is(ErrorCode::NotFound) => {}
                Err(e) => report.damage(e)?,
            }
        }
        Ok(positions)
    }

    async fn verify_log(
        &self,
        view: &View,
        snapshots: &[(FileName, Position)],
        report: &mut VerifyReport,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let segments = self.segments.read().clone();
        let first = segments.first().map_or(1, |s| s.number);
        let begin = self.segment_begin(first).await?;
        if first == 1 && (begin.sequence, begin.chain) != (0, CHAIN_START) {
            return Err(Error::corrupt(FileName::Segment(1), 0, "the first segment does not begin the log"));
        }
        let mut follower = Follower::new(self.database, self.actor, begin);
        report.segments = 1;
        while follower.position.sequence < view.sequence {
            let at = follower.position;
            let mut checked = None;
            let mut visit = |replayed: Replayed<'_>| {
                checked = Some(check_commit(&replayed)?);
                Ok(())
            };
            follower.next(&self.storage, &mut visit).await?;
            match checked {
                Some(checked) => {
                    report.log_bytes += follower.position.offset - at.offset;
                    let position = follower.position;
                    for (file, _) in
                        snapshots.iter().filter(|(_, at)| at.sequence == position.sequence && *at != position)
                    {
                        report.note(format!("{file}: the snapshot is not of this log"));
                    }
                    report.commits += 1;
                    report.versions += checked.keys.len() as u64;
                    self.compare(view, checked, report).await?;
                    progress(report.log_bytes)?;
                }
                None if follower.enter_next(&self.storage).await? == Next::Entered => report.segments += 1,
                None => {
                    let file = FileName::Segment(at.segment);
                    return Err(Error::corrupt(file, at.offset, "a commit is damaged or missing"));
                }
            }
        }
        report.chain = format!("{}", CommitId(follower.position.chain));
        let end = self.end_of_log();
        if end.sequence == follower.position.sequence && end.chain != follower.position.chain {
            report.note("the chain of the log on disk is not the one in memory");
        }
        Ok(())
    }

    /// Compares a commit with what the index says of it.
    async fn compare(&self, view: &View, checked: Checked, report: &mut VerifyReport) -> Result<()> {
        for (key, entry) in &checked.keys {
            let found = self.lookup(view, key).await?.and_then(|value| Entry::decode(&value));
            let same = found.is_some_and(|found| Entry { conflicted: entry.conflicted, ..found } == *entry);
            if !same {
                let (file, at) = (FileName::Segment(checked.frame.segment), checked.frame.offset);
                let name = key::filter_part(key).and_then(key::read_document).map(|(c, k)| format!("{c}/{k}"));
                report.note(format!(
                    "{file} at byte {at}: the index does not know a version of {}",
                    name.unwrap_or_default()
                ));
            }
        }
        let frame = self.lookup(view, &checked.commit_key).await?;
        let known = frame.as_deref().and_then(key::read_frame_value) == Some(checked.frame);
        let mut others = true;
        for key in checked.effects.iter().chain([&checked.id_key]) {
            others &= self.lookup(view, key).await?.is_some();
        }
        if !known || !others {
            let (file, at) = (FileName::Segment(checked.frame.segment), checked.frame.offset);
            report.note(format!("{file} at byte {at}: the index does not know the commit"));
        }
        Ok(())
    }

    /// Counts the versions of the index: every one of the log was found in it, so more are too many.
    async fn verify_index(
        &self,
        view: &View,
        report: &mut VerifyReport,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let mut cursor = view.cursor();
        let mut more = cursor.seek(self.blocks(), &key::VERSIONS).await?;
        let mut versions = 0;
        while more && cursor.key().starts_with(&key::VERSIONS) {
            versions += 1;
            if versions % VERSIONS_A_TIME == 0 {
                progress(report.log_bytes)?;
            }
            more = cursor.next(self.blocks()).await?;
        }
        if versions != report.versions {
            let logged = report.versions;
            report.note(format!("the index has {versions} versions, and the log {logged}"));
        }
        Ok(())
    }
}

/// Checks the values of a commit against its header, and lists what the index has to have of it.
fn check_commit(replayed: &Replayed<'_>) -> Result<Checked> {
    let header = &replayed.commit.header;
    let (offsets, _) = header.record_offsets();
    let records_at = replayed.frame.offset + (crate::log::frame::HEADER_BYTES + replayed.commit.records_at) as u64;
    let mut keys = Vec::with_capacity(header.changes.len());
    for (change, offset) in header.changes.iter().zip(offsets) {
        if let Some(value) = replayed.commit.value(offset, change.value_bytes)? {
            let matches = change.hash == Some(*blake3::hash(value).as_bytes());
            if !matches || crate::codec::value::decode(value).is_err() {
                let (collection, key) = (&change.collection, &change.key);
                let file = FileName::Segment(replayed.frame.segment);
                let what = format!("the value of {collection}/{key} is not what its commit signed");
                return Err(Error::corrupt(file, records_at + offset, what));
            }
        }
        if let Some(encoded) = replayed.commit.vectors(offset, change)? {
            let matches = change.vectors.and_then(|v| v.hash) == Some(*blake3::hash(encoded).as_bytes());
            if !matches || Vectors::decode(encoded).is_none() {
                let (collection, key) = (&change.collection, &change.key);
                let file = FileName::Segment(replayed.frame.segment);
                let what = format!("the vectors of {collection}/{key} are not what their commit signed");
                return Err(Error::corrupt(file, records_at + offset + change.value_record_bytes(), what));
            }
        }
        let document = key::document(&change.collection, &change.key);
        let key = key::version(&document, header.timestamp, key::short(header.version.actor));
        let entry = entry_of(header, change, replayed.frame.segment, records_at + offset);
        keys.push((key, entry));
    }
    let effects = header.causes.iter().map(|c| key::effect(&c.collection, &c.key, c.version, header.version)).collect();
    Ok(Checked {
        keys,
        commit_key: key::commit(header.version),
        id_key: key::commit_id(&replayed.id, replayed.frame),
        frame: replayed.frame,
        effects,
    })
}
