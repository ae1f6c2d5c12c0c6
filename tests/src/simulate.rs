//! The simulation: a database on a disk that fails in every way it may, held against the model.
//!
//! One run is one seed: rounds of operations that each end in a crash, a kill, an error or a closing, and an opening after
//! which database and model are compared, as thoroughly as [`Comparing`] says. What must hold: no acknowledged commit is lost (without strict durability: none that a
//! sync, checkpoint or opening covered), none is invented, none is there in part, and every answer about now and every
//! earlier moment is the model's. The same seed gives the same bytes.

use crate::compare::{Depth, asked, compare, compare_view};
use crate::disk::{Call, Crash, SimDisk};
use crate::figures::Figures;
use crate::host::SimHost;
use crate::model::{Commit, Model, View};
use crate::random::Random;
use crate::workload::is_of_the_disk;
use koru_delta::storage::Storage;
use koru_delta::{ActorId, Database, Durability, Error, ErrorCode, Maintenance, Options, Snapshot, VersionId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was promised and did not hold, in words.
pub type Violation = String;

/// Tells on standard error what every run does from now on: for the replay of one seed.
pub fn tell() {
    TELL.store(true, Ordering::Relaxed);
}

/// How thorough the comparisons of a run are. A seed replays with the same: what was compared is in the cache, so the reads
/// that a fault may hit afterwards are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparing {
    /// Every one asks everything.
    Everything,
    /// One in eight by chance, and every one behind a clean closing, which is also how a run ends: for campaigns, where
    /// a second is better spent on other crashes than on asking again what the comparison before has asked.
    Sampled,
}

static TELL: AtomicBool = AtomicBool::new(false);

fn told(what: impl FnOnce() -> String) {
    if TELL.load(Ordering::Relaxed) {
        eprintln!("{}", what());
    }
}

/// What a run ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it went through.
    pub figures: Figures,
    /// A digest of the disk after every crash and at the end.
    pub trace: u64,
}

/// Crashes of one run: enough for recovered databases to be recovered again, few enough to stay small and quick.
const CRASHES_A_SEED: u64 = 24;

/// A database, what it should hold, and the disk under it.
pub(crate) struct Simulation {
    pub(crate) random: Random,
    pub(crate) host: SimHost,
    pub(crate) model: Model,
    pub(crate) figures: Figures,
    pub(crate) actor: ActorId,
    /// Values written so far: each is unlike the others.
    pub(crate) values: u64,
    disk: SimDisk,
    options: Options,
    db: Option<Database>,
    strict: bool,
    /// Commits that no crash may lose.
    durable: usize,
    /// A commit of which nobody was told whether it took place.
    in_flight: Option<Commit>,
    /// Whether the database takes no more calls until it is opened again.
    down: bool,
    /// Whether some call to the disk fails or may fail.
    fault: bool,
    held: Option<(Snapshot, Model, View)>,
    segments: u64,
    /// Whether nothing has been compared since it was opened.
    cold: bool,
    /// Whether the comparison that it waits for is to ask everything: it was closed cleanly before.
    after_closing: bool,
    comparing: Comparing,
    /// How many commits of the model the last comparison has seen.
    compared: usize,
    trace: u64,
}

/// Runs one seed.
///
/// # Errors
/// The first promise that did not hold.
pub fn run(seed: u64, comparing: Comparing) -> Result<Outcome, Violation> {
    let mut simulation = Simulation::new(seed, comparing);
    let ended = simulation.run();
    // Whatever is still open must not write any more, or the trace would depend on when it is dropped.
    simulation.disk.crash_at_call(1);
    ended?;
    simulation.figures.failed_syncs = simulation.disk.failed_syncs();
    Ok(Outcome { figures: simulation.figures, trace: simulation.trace })
}

impl Simulation {
    fn new(seed: u64, comparing: Comparing) -> Self {
        let mut random = Random::new(seed);
        let host = SimHost::new(random.next());
        let disk = SimDisk::new(random.next());
        if random.chance(1, 4) {
            disk.set_short_reads(0.3);
        }
        disk.set_preallocation(random.chance(1, 3));
        disk.set_block_reads(random.chance(1, 2));
        let durability = match random.below(5) {
            0 => Durability::None,
            1 => Durability::Relaxed,
            _ => Durability::Strict,
        };
        let maintenance = if random.chance(1, 2) { Maintenance::Inline } else { Maintenance::Manual };
        let segment_bytes = [3 << 10, 12 << 10, 48 << 10][random.index(3)];
        let tail_bytes = [1 << 10, 4 << 10, 32 << 10][random.index(3)];
        let options = Options::new()
            .host(host.clone())
            .durability(durability)
            .maintenance(maintenance)
            .cache_bytes(1 << 20)
            .limits_for_tests(segment_bytes, tail_bytes);
        Simulation {
            random,
            host,
            model: Model::default(),
            figures: Figures { seeds: 1, ..Figures::default() },
            actor: ActorId([0; 16]),
            values: 0,
            disk,
            options,
            db: None,
            strict: durability == Durability::Strict,
            durable: 0,
            in_flight: None,
            down: true,
            fault: false,
            held: None,
            segments: 1,
            cold: false,
            after_closing: false,
            comparing,
            compared: 0,
            trace: seed,
        }
    }

    fn run(&mut self) -> Result<(), Violation> {
        self.recover(0, false)?;
        while self.figures.crashes < CRASHES_A_SEED {
            self.round()?;
        }
        self.close()?;
        self.note_disk();
        Ok(())
    }

    fn note_disk(&mut self) {
        self.trace = self.trace.rotate_left(5) ^ self.disk.hash();
    }

    pub(crate) fn db(&self) -> Database {
        // A round begins with an open database and ends when it is down.
        self.db.clone().expect("operations run on an open database")
    }

    pub(crate) fn tell(&self, what: &str) {
        told(|| format!("  {what}"));
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.disk.is_stopped()
    }

    pub(crate) fn has_fault(&self) -> bool {
        self.fault
    }

    /// Everything acknowledged so far survives any crash.
    pub(crate) fn note_durable(&mut self) {
        self.durable = self.model.len();
    }

    /// Something that will go wrong, operations until it does, and what follows.
    fn round(&mut self) -> Result<(), Violation> {
        let mut operations = 1 + self.random.below(24);
        let kind = self.random.below(24);
        told(|| format!("round {kind}, {} commits, {} durable", self.model.len(), self.durable));
        match kind {
            0..=2 => {
                let call = Call::ALL[self.random.index(Call::ALL.len())];
                let any = self.random.chance(1, 4);
                let n = 1 + self.random.below(20);
                self.disk.fail_call(n, (!any).then_some(call), self.random.chance(1, 3));
                self.fault = true;
            }
            3 | 4 => {
                self.disk.set_capacity(self.disk.used_bytes() + self.random.below(4_000));
                self.fault = true;
                match self.random.below(3) {
                    0 => self.disk.crash_at_call(1 + self.random.below(30)),
                    // What is done about a full disk fails as well.
                    1 => {
                        let call = [Call::List, Call::Truncate, Call::Sync, Call::Remove][self.random.index(4)];
                        self.disk.fail_call(1 + self.random.below(4), Some(call), false);
                    }
                    _ => {}
                }
            }
            5 => {}
            _ => {
                self.disk.crash_at_call(1 + self.random.below(40));
                operations = 60;
            }
        }
        for _ in 0..operations {
            self.operate()?;
            self.watch_stats();
            if self.disk.is_stopped() {
                // Also where nobody was told: what failed may have been maintenance.
                self.down = true;
            }
            if self.down {
                break;
            }
        }
        self.disk.clear_faults();
        self.disk.set_capacity(1 << 30);
        self.fault = false;
        if !self.down {
            self.compare_held()?;
        }
        if self.cold && !self.down {
            self.compare_all(self.after_closing)?;
        }
        match kind {
            5 => self.close(),
            _ if self.down && !self.disk.is_stopped() && self.random.chance(1, 2) => self.reopen_poisoned(),
            _ => self.crash(),
        }
    }

    fn watch_stats(&mut self) {
        if let Some(info) = self.db.as_ref().filter(|_| !self.fault).and_then(|db| db.info().ok()) {
            self.figures.segments_begun += info.segments.saturating_sub(self.segments);
            self.segments = info.segments;
        }
    }

    /// Takes note of a write: what it should have become, and what came of it.
    pub(crate) fn accept(
        &mut self,
        what: &str,
        commit: Option<Commit>,
        result: koru_delta::Result<Option<VersionId>>,
    ) -> Result<(), Violation> {
        told(|| format!("  {what}: {result:?}"));
        let version = match result {
            Ok(version) => version,
            Err(e) => return self.failed(what, e, commit),
        };
        if version != commit.as_ref().map(|c| c.version) {
            let wanted = commit.map(|c| c.version);
            return Err(format!("{what} became version {version:?}, and the model says {wanted:?}"));
        }
        if let Some(commit) = commit {
            self.model.push(commit);
            self.figures.commits_acknowledged += 1;
            if self.strict {
                self.note_durable();
            }
        }
        Ok(())
    }

    /// Takes note of a call that failed: whether a fault explains it, and whether the database goes on.
    pub(crate) fn failed(&mut self, what: &str, e: Error, commit: Option<Commit>) -> Result<(), Violation> {
        told(|| format!("  {what} failed: {e}; stopped: {}", self.disk.is_stopped()));
        if self.disk.is_stopped() {
            self.down = true;
            self.in_flight = commit;
            return Ok(());
        }
        if !self.fault || !is_of_the_disk(&e) {
            return Err(format!("{what} failed without a reason: {e}"));
        }
        let full = e.is(ErrorCode::StorageFull);
        self.disk.clear_faults();
        self.disk.set_capacity(1 << 30);
        let published = asked("info", self.db().info())?.commits;
        if published != self.model.len() as u64 {
            return Err(format!(
                "{what} failed ({e}), and yet there are {published} commits, not {}",
                self.model.len()
            ));
        }
        match self.db().sync() {
            Ok(()) => {
                // It goes on, so what failed is not there and never will be.
                self.note_durable();
                match full {
                    true => self.figures.full_disks += 1,
                    false => self.figures.errors_survived += 1,
                }
                let published = asked("info", self.db().info())?.commits;
                if published != self.model.len() as u64 {
                    return Err(format!("{what} failed ({e}), and came to be later"));
                }
            }
            Err(again) if again.is(ErrorCode::Poisoned) || self.disk.is_stopped() => {
                self.down = true;
                // A full disk takes back what it was told; of anything else nothing is known.
                self.in_flight = commit.filter(|_| !full);
                self.figures.poisoned += u64::from(again.is(ErrorCode::Poisoned));
            }
            Err(again) => return Err(format!("{what} failed ({e}), and then a sync: {again}")),
        }
        if !self.disk.is_stopped() && self.random.chance(1, 2) {
            let now = self.now();
            let mut random = self.random.fork();
            let snapshot = asked("a snapshot", self.db().snapshot())?;
            compare_view("after an error", &snapshot, &self.model, &now, &mut random, Depth::Everything)?;
        }
        Ok(())
    }

    pub(crate) fn hold_snapshot(&mut self) -> Result<(), Violation> {
        if self.held.is_some() || self.fault {
            return self.compare_held();
        }
        self.held = Some((asked("a snapshot", self.db().snapshot())?, self.model.clone(), self.now()));
        Ok(())
    }

    fn compare_held(&mut self) -> Result<(), Violation> {
        if self.fault || self.disk.is_stopped() {
            return Ok(());
        }
        let Some((snapshot, model, view)) = self.held.take() else { return Ok(()) };
        self.figures.snapshots_held += u64::from(model.len() != self.model.len());
        compare_view("in a held snapshot", &snapshot, &model, &view, &mut self.random, Depth::Everything)
    }

    /// Lets go of the database as the end of its process does: nothing is written any more.
    fn end_process(&mut self) {
        self.held = None;
        if let Some(db) = self.db.take() {
            let stats = db.stats();
            self.figures.checkpoints += stats.checkpoints;
            self.figures.merges += stats.merges;
            // What closing would write must not reach the disk: it has been left behind already.
            self.disk.crash_at_call(1);
        }
        self.down = true;
    }

    /// A crash now, or after the call that it stopped at; and the opening after it.
    fn crash(&mut self) -> Result<(), Violation> {
        let before = self.disk.fork();
        self.end_process();
        self.disk = before;
        if self.random.chance(1, 5) {
            told(|| "kill".into());
            self.figures.kills += 1;
            self.disk = self.disk.kill();
            return self.count_crash(self.model.len());
        }
        for _ in 0..self.random.below(3) {
            self.other_outcome()?;
        }
        told(|| "power cut".into());
        self.figures.power_cuts += 1;
        self.disk = self.disk.crash(Crash::Any);
        self.count_crash(self.durable)
    }

    fn count_crash(&mut self, must_have: usize) -> Result<(), Violation> {
        self.figures.crashes += 1;
        self.note_disk();
        self.recover(must_have, false)
    }

    /// Another way the same power cut could have ended: opened and compared, and left.
    fn other_outcome(&mut self) -> Result<(), Violation> {
        told(|| "another outcome".into());
        let disk = self.disk.crash(Crash::Any);
        self.figures.crashes += 1;
        self.figures.power_cuts += 1;
        self.figures.other_outcomes += 1;
        let opened = self.options.clone().open_storage(Arc::new(disk.clone()));
        let db = asked("opening after a power cut", opened)?;
        let model = self.survivors(&db, self.durable)?;
        let now = self.now();
        let depth = self.depth(false, model.len());
        compare(&db, &model, now.clock_ms, &mut self.random.fork(), depth)?;
        disk.crash_at_call(1);
        Ok(())
    }

    /// What the model says that is there after a crash, given how many commits there are.
    fn survivors(&self, db: &Database, must_have: usize) -> Result<Model, Violation> {
        let count = asked("info", db.info())?.commits as usize;
        let mut model = self.model.clone();
        if count < must_have {
            return Err(format!("{} acknowledged commits are lost: {count} are left", must_have - count));
        }
        model.truncate(count);
        if let Some(commit) = self.in_flight.clone().filter(|_| count > model.len()) {
            model.push(commit);
        }
        if count > model.len() {
            return Err(format!("{count} commits are there, and at most {} were made", model.len()));
        }
        Ok(model)
    }

    /// A new process on the same running machine, after a failed write or sync.
    fn reopen_poisoned(&mut self) -> Result<(), Violation> {
        let before = self.disk.fork();
        self.end_process();
        self.disk = before;
        told(|| "reopening without a crash".into());
        self.figures.reopened_poisoned += 1;
        self.recover(self.model.len(), false)
    }

    /// Opens the database, whatever happens while it does, and compares it: all of it if it had been `closed` cleanly.
    fn recover(&mut self, mut must_have: usize, closed: bool) -> Result<(), Violation> {
        let db = loop {
            self.host.pass();
            match self.random.below(12) {
                0..=2 => self.disk.crash_at_call(1 + self.random.below(8)),
                3 => {
                    let call = Call::ALL[self.random.index(Call::ALL.len())];
                    self.disk.fail_call(1 + self.random.below(6), Some(call), false);
                    self.fault = true;
                }
                _ => {}
            }
            // A handle of its own: a database closes the one that it has.
            let storage = Arc::new(self.disk.clone());
            match self.options.clone().open_storage(storage) {
                Ok(db) => break db,
                Err(_) if self.disk.is_stopped() => {
                    told(|| "crash in opening".into());
                    self.figures.crashes += 1;
                    self.figures.crashes_in_recovery += 1;
                    if self.random.chance(1, 3) {
                        self.figures.kills += 1;
                        self.disk = self.disk.kill();
                    } else {
                        self.figures.power_cuts += 1;
                        self.disk = self.disk.crash(Crash::Any);
                        must_have = must_have.min(self.durable);
                    }
                    self.note_disk();
                }
                Err(e) if self.fault && is_of_the_disk(&e) => {
                    told(|| format!("error in opening: {e}"));
                    self.figures.errors_in_opening += 1;
                }
                Err(e) => return Err(format!("the database cannot be opened: {e}")),
            }
            self.disk.clear_faults();
            self.fault = false;
        };
        self.disk.clear_faults();
        self.fault = false;
        let survivors = self.survivors(&db, must_have)?;
        let had_in_flight = self.in_flight.take().is_some();
        let kept = survivors.len() > self.model.len();
        self.figures.in_flight_kept += u64::from(kept);
        self.figures.in_flight_lost += u64::from(had_in_flight && !kept);
        self.figures.unsynced_lost += self.model.len().saturating_sub(survivors.len()) as u64;
        self.model = survivors;
        self.compared = self.compared.min(self.model.len());
        let info = asked("info", db.info())?;
        told(|| format!("opened: {info:?}"));
        if !self.model.is_empty() && self.durable > 0 && self.actor != info.actor {
            return Err("the database writes as another actor than before".into());
        }
        self.actor = info.actor;
        self.figures.torn_tails_cut += u64::from(info.torn_bytes > 0);
        self.segments = info.segments;
        self.note_durable();
        self.db = Some(db);
        self.down = false;
        // A comparison leaves everything in the cache: some rounds begin with an empty one, and compare at their end.
        if self.random.chance(1, 6) {
            self.cold = true;
            self.after_closing = closed;
        } else {
            self.compare_all(closed)?;
        }
        if info.torn_bytes > 0 {
            self.compare_repaired()?;
        }
        Ok(())
    }

    fn compare_all(&mut self, closed: bool) -> Result<(), Violation> {
        self.cold = false;
        let now = self.now();
        let depth = self.depth(closed, self.model.len());
        // A fork, so that how much is asked shifts no other choice.
        compare(&self.db(), &self.model, now.clock_ms, &mut self.random.fork(), depth)?;
        self.compared = self.model.len();
        Ok(())
    }

    /// How much the next comparison asks, of a database that holds so many commits.
    fn depth(&mut self, closed: bool, commits: usize) -> Depth {
        self.figures.comparisons += 1;
        let chosen = self.random.chance(1, 8);
        if chosen || closed || self.comparing == Comparing::Everything {
            self.figures.comparisons_of_everything += 1;
            return Depth::Everything;
        }
        Depth::Since(self.compared.min(commits))
    }

    /// What recovery cut off is gone: who opens next finds nothing to repair.
    fn compare_repaired(&mut self) -> Result<(), Violation> {
        let disk = self.disk.kill();
        let opened = self.options.clone().read_only(true).open_storage(Arc::new(disk));
        let info = asked("info", asked("opening for reading", opened)?.info())?;
        if info.torn_bytes > 0 {
            return Err(format!("{} bytes of a torn write are still there after recovery", info.torn_bytes));
        }
        Ok(())
    }

    /// Closes cleanly and opens again: everything is there and nothing had to be repaired.
    fn close(&mut self) -> Result<(), Violation> {
        if self.down {
            return self.crash();
        }
        self.compare_held()?;
        let stats = self.db().stats();
        self.figures.checkpoints += stats.checkpoints;
        self.figures.merges += stats.merges;
        match self.db().close() {
            // What stopped may have been something that closing does without, and does not tell of.
            _ if self.disk.is_stopped() => return self.crash(),
            closed => asked("closing", closed)?,
        }
        self.db = None;
        self.down = true;
        self.note_durable();
        self.figures.clean_closings += 1;
        let info = {
            let opened = self.options.clone().read_only(true).open_storage(Arc::new(self.disk.clone()));
            asked("info", asked("opening for reading", opened)?.info())?
        };
        if info.torn_bytes > 0 {
            return Err("a clean closing left a torn tail".into());
        }
        let files = asked("a list", self.disk.list())?;
        if files.iter().map(|f| f.bytes).sum::<u64>() != info.total_bytes {
            return Err("opening for reading changed the files".into());
        }
        self.note_disk();
        self.recover(self.model.len(), true)
    }
}
