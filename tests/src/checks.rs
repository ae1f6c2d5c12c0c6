//! Checks of single promises that a random workload seldom or never comes upon. Each says what did not hold, so that it is
//! a test of the engine, and with a seeded bug a test of itself.

use crate::campaign::{self, Campaign};
use crate::compare::asked;
use crate::damage::Specimen;
use crate::disk::{Call, SimDisk};
use crate::host::SimHost;
use crate::simulate::Comparing;
use koru_delta::storage::{FileName, Storage};
use koru_delta::{Database, ErrorCode, Maintenance, Options, Result};
use std::sync::Arc;

/// What did not hold, in words.
pub type Check = std::result::Result<(), String>;

fn open(disk: &SimDisk) -> Result<Database> {
    let options = Options::new().host(SimHost::new(3)).maintenance(Maintenance::Manual).cache_bytes(1 << 20);
    options.open_storage(Arc::new(disk.clone()))
}

/// A strict commit is one write and one sync, in that order, before it is acknowledged: a kill loses no page of a running
/// machine, so only the count shows that the sync is there.
///
/// # Errors
/// What was done instead.
pub fn a_strict_commit_is_one_write_and_one_sync() -> Check {
    let disk = SimDisk::new(3);
    let db = asked("opening", open(&disk))?;
    for number in 0..20 {
        let before = (disk.calls(Call::Write), disk.syncs());
        asked("a put", db.collection("a").put("k", &number))?;
        let after = (disk.calls(Call::Write) - before.0, disk.syncs() - before.1);
        if after != (1, 1) {
            return Err(format!("a strict commit made {} writes and {} syncs", after.0, after.1));
        }
        if disk.crash(crate::disk::Crash::LoseAll).dump() != disk.dump() {
            return Err("a commit was acknowledged before its sync".into());
        }
    }
    Ok(())
}

/// A frame of another history is refused, even where place, length and sequence are right: two copies of one database
/// went their own ways, and somebody mixed their files.
///
/// # Errors
/// That it was taken.
pub fn a_log_spliced_from_two_histories_is_refused() -> Check {
    let base = SimDisk::new(4);
    let db = asked("opening", open(&base))?;
    asked("a put", db.collection("a").put("k", &1))?;
    asked("closing", db.close())?;
    let log = FileName::Segment(1);
    // Each writes two commits of the same size.
    let write = |disk: &SimDisk, word: &str| -> std::result::Result<(usize, SimDisk), String> {
        let db = asked("opening", open(disk))?;
        asked("a put", db.collection("a").put("k", word))?;
        let behind_first = disk.dump()[&log].len();
        asked("a put", db.collection("a").put("k2", "same"))?;
        // As a kill leaves it: not closed.
        Ok((behind_first, disk.kill()))
    };
    let (at, ours) = write(&base.fork(), "one way")?;
    let (other_at, theirs) = write(&base.fork(), "another")?;
    let other = theirs.dump()[&log].clone();
    if (at, ours.dump()[&log].len()) != (other_at, other.len()) {
        return Err("the two histories are not of one shape, so nothing is shown".into());
    }
    asked("a write", ours.write_at(log, at as u64, &other[at..]))?;
    match open(&ours) {
        Err(e) if e.is(ErrorCode::Corrupt) => Ok(()),
        Err(e) => Err(format!("a spliced log is refused with {e}")),
        Ok(_) => Err("a spliced log was taken".into()),
    }
}

/// Every `step`-th bit flip and truncation of a specimen is noticed or harmless. Of what is not in a file of the root, whose
/// slots are mostly padding.
///
/// # Errors
/// The first one that is not.
pub fn damage_is_noticed(specimen: &Specimen, step: usize) -> Check {
    let damages = specimen.flips().into_iter().chain(specimen.cuts());
    damages.step_by(step).try_for_each(|damage| specimen.examine(damage).map(drop))
}

/// So many simulated crashes keep every promise.
///
/// # Errors
/// The first seed that did not, and what it broke.
pub fn crashes_keep_every_promise(crashes: u64, comparing: Comparing) -> Check {
    let ended = campaign::run(&Campaign { first: 1, crashes, threads: 2, comparing }, |_| ());
    ended.map(drop).map_err(|failure| format!("seed {}: {}", failure.seed, failure.violation))
}
