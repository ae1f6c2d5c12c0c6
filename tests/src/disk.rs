//! A simulated disk that does to unsynced bytes whatever a real one may: keeps them, loses them, tears them, in any order.
//!
//! It is as bad as the contract of `Storage` allows and no worse: what a sync covered stays, a write touches only bytes
//! of its own range, `create` and `remove` are durable. Every choice comes from the seed, so that the same calls on the
//! same seed give the same bytes. [`SimDisk::crash`] is the power cut.

use crate::random::Random;
use koru_delta::storage::{FileInfo, FileName, Storage};
use koru_delta::{Error, ErrorCode, Result};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes as a whole or not at all.
pub const SECTOR_BYTES: u64 = 512;

/// How large a disk is unless told otherwise: a wrong offset must not take the test machine down.
const CAPACITY_DEFAULT: u64 = 1 << 30;

/// The calls that are counted, and that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they are the calls of `Storage`")]
pub enum Call {
    List,
    Create,
    Read,
    Write,
    Sync,
    Truncate,
    Remove,
}

impl Call {
    /// Every kind of call.
    pub const ALL: [Call; 7] =
        [Call::List, Call::Create, Call::Read, Call::Write, Call::Sync, Call::Truncate, Call::Remove];

    /// Whether it changes what a crash leaves.
    pub fn is_mutating(self) -> bool {
        !matches!(self, Call::List | Call::Read)
    }
}

/// What a crash does to the writes and truncations that no sync covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Whatever the seed says, each for itself: kept, lost or torn. Sometimes all of them, none, or a first part.
    Any,
    /// Keeps all: what the kill of a process does.
    KeepAll,
    /// Loses all.
    LoseAll,
}

/// A handle to a simulated disk. Clones share the disk, and each is closed for itself.
#[derive(Debug)]
pub struct SimDisk {
    disk: Arc<Mutex<Disk>>,
    closed: AtomicBool,
}

#[derive(Clone, Debug)]
struct Disk {
    random: Random,
    files: BTreeMap<FileName, SimFile>,
    calls: [u64; Call::ALL.len()],
    faults: Vec<Fault>,
    crash_in: Option<u64>,
    stopped: bool,
    capacity: u64,
    short_reads: f64,
    preallocation: bool,
    block_reads: bool,
    failed_syncs: u64,
}

/// A fault that waits for its call.
#[derive(Clone, Debug)]
struct Fault {
    calls_left: u64,
    call: Option<Call>,
    sticky: bool,
}

/// Invariant: `visible` is `durable` with every pending operation applied in order.
#[derive(Clone, Debug, Default, Hash)]
struct SimFile {
    durable: Arc<Vec<u8>>,
    visible: Arc<Vec<u8>>,
    pending: Vec<Pending>,
}

#[derive(Clone, Debug, Hash)]
struct Pending {
    change: Change,
    fate: Fate,
}

#[derive(Clone, Debug, Hash)]
enum Change {
    Write { offset: u64, data: Arc<[u8]> },
    Truncate(u64),
}

/// What is known of a pending change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fate {
    Unsynced,
    /// A sync of it failed. No later sync makes up for that: the system may have dropped the page.
    Limbo,
    /// Synced, but after a change in limbo, so that the order of the two still matters.
    Durable,
}

impl SimDisk {
    /// An empty disk of 1 GiB without faults.
    pub fn new(seed: u64) -> Self {
        Self::over(Disk {
            random: Random::new(seed),
            files: BTreeMap::new(),
            calls: Default::default(),
            faults: Vec::new(),
            crash_in: None,
            stopped: false,
            capacity: CAPACITY_DEFAULT,
            short_reads: 0.0,
            preallocation: false,
            block_reads: false,
            failed_syncs: 0,
        })
    }

    fn over(disk: Disk) -> Self {
        SimDisk { disk: Arc::new(Mutex::new(disk)), closed: AtomicBool::new(false) }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk that a machine finds after the power failed now. Faults, counters and the stop at a call are gone;
    /// capacity and short reads stay. Calling it again gives another outcome of the same moment.
    #[must_use]
    pub fn crash(&self, policy: Crash) -> SimDisk {
        let mut disk = self.disk();
        let mut random = disk.random.fork();
        let mut after = disk.without_faults();
        for file in after.files.values_mut() {
            file.crash(policy, &mut random);
        }
        after.random = random;
        Self::over(after)
    }

    /// The disk that the next process finds after this one was killed: everything that was written is there to be read,
    /// and what no sync covered may still be lost. Faults, counters and the stop at a call are gone.
    #[must_use]
    pub fn kill(&self) -> SimDisk {
        Self::over(self.disk().without_faults())
    }

    /// A disk with the same content, durable and pending, that goes its own way from here. Cheap: content is copied
    /// when it is changed.
    #[must_use]
    pub fn fork(&self) -> SimDisk {
        Self::over(self.disk().clone())
    }

    /// Draws all further choices from another seed.
    pub fn reseed(&self, seed: u64) {
        self.disk().random = Random::new(seed);
    }

    /// Stops the world inside the `n`-th call from now (1 is the next), counting calls that change something: it and
    /// every later call fail with `IO` until [`SimDisk::crash`]. The seed says how much of the call took effect.
    /// Reads are not counted: a crash in one leaves the same disk as a crash before the next change.
    pub fn crash_at_call(&self, n: u64) {
        self.disk().crash_in = Some(n.max(1));
    }

    /// Whether the world has stopped.
    pub fn is_stopped(&self) -> bool {
        self.disk().stopped
    }

    /// Makes the `n`-th call from now (1 is the next) fail with `IO`, counting calls of kind `call`, or all; and if
    /// `sticky`, also every such call after it. A failed change may have taken effect in part or in full. What a failed
    /// sync should have covered may be lost at a crash even if a later sync succeeds.
    pub fn fail_call(&self, n: u64, call: Option<Call>, sticky: bool) {
        self.disk().faults.push(Fault { calls_left: n.max(1), call, sticky });
    }

    /// Ends all faults that wait or stick, as when a cable is put back.
    pub fn clear_faults(&self) {
        self.disk().faults.clear();
    }

    /// Sets how many bytes all files may hold together. A write beyond fails with `STORAGE_FULL` and writes what fits.
    pub fn set_capacity(&self, bytes: u64) {
        self.disk().capacity = bytes;
    }

    /// Sets how often (0 to 1) a read returns fewer bytes than there are.
    pub fn set_short_reads(&self, probability: f64) {
        self.disk().short_reads = probability;
    }

    /// Sets what `wants_preallocation` answers; `false` at first.
    pub fn set_preallocation(&self, wanted: bool) {
        self.disk().preallocation = wanted;
    }

    /// Sets what `wants_block_reads` answers; `false` at first.
    pub fn set_block_reads(&self, wanted: bool) {
        self.disk().block_reads = wanted;
    }

    /// How many calls of this kind were made, failed ones included.
    pub fn calls(&self, call: Call) -> u64 {
        self.disk().calls[call as usize]
    }

    /// How many syncs were called.
    pub fn syncs(&self) -> u64 {
        self.calls(Call::Sync)
    }

    /// How many syncs a fault made fail, those before a crash included.
    pub fn failed_syncs(&self) -> u64 {
        self.disk().failed_syncs
    }

    /// How many calls were made that [`SimDisk::crash_at_call`] counts.
    pub fn mutating_calls(&self) -> u64 {
        let disk = self.disk();
        Call::ALL.iter().filter(|call| call.is_mutating()).map(|&call| disk.calls[call as usize]).sum()
    }

    /// Flips one bit of a file where it lies, counted from the lowest of byte 0. `false` if the file ends before it.
    pub fn flip_bit(&self, name: FileName, bit: u64) -> bool {
        self.damage(name, |bytes| match bytes.get_mut((bit / 8) as usize) {
            Some(byte) => {
                *byte ^= 1 << (bit % 8);
                true
            }
            None => false,
        })
    }

    /// Cuts a file where it lies. `false` if it is not longer than `bytes`.
    pub fn truncate_to(&self, name: FileName, bytes: u64) -> bool {
        self.damage(name, |content| {
            let cut = content.len() as u64 > bytes;
            content.truncate(bytes as usize);
            cut
        })
    }

    /// Damages a file behind everybody's back. What was pending becomes durable first, so that the damage stays.
    fn damage(&self, name: FileName, damage: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let mut disk = self.disk();
        let Some(file) = disk.files.get_mut(&name) else { return false };
        file.pending.clear();
        let damaged = damage(Arc::make_mut(&mut file.visible));
        file.durable = Arc::clone(&file.visible);
        damaged
    }

    /// Bytes of all files together.
    pub fn used_bytes(&self) -> u64 {
        self.disk().files.values().map(|file| file.visible.len() as u64).sum()
    }

    /// What a reader sees of every file now.
    pub fn dump(&self) -> BTreeMap<FileName, Vec<u8>> {
        self.disk().files.iter().map(|(&name, file)| (name, file.visible.to_vec())).collect()
    }

    /// A digest of everything on the disk, durable and pending, to compare two runs of one seed. The same only within
    /// one build of the tests.
    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.disk().files.hash(&mut hasher);
        hasher.finish()
    }

    /// Counts a call and says how it ends. `Ok` with an error: it fails, after the part of its effect that the seed says.
    fn begin(&self, call: Call) -> Result<(MutexGuard<'_, Disk>, Option<Error>)> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorCode::Closed, "the simulated disk was closed"));
        }
        let mut disk = self.disk();
        disk.calls[call as usize] += 1;
        if disk.stopped {
            return Err(simulated("crash"));
        }
        let failure = disk.failure(call);
        Ok((disk, failure))
    }
}

impl Clone for SimDisk {
    /// Another open handle to the same disk.
    fn clone(&self) -> Self {
        SimDisk { disk: Arc::clone(&self.disk), closed: AtomicBool::new(false) }
    }
}

fn simulated(what: &str) -> Error {
    Error::new(ErrorCode::Io, format!("simulated {what}"))
}

impl Disk {
    fn without_faults(&self) -> Disk {
        let mut after = self.clone();
        after.calls = Default::default();
        after.faults.clear();
        after.crash_in = None;
        after.stopped = false;
        after
    }

    fn failure(&mut self, call: Call) -> Option<Error> {
        if let Some(left) = self.crash_in.as_mut().filter(|_| call.is_mutating()) {
            *left -= 1;
            if *left == 0 {
                self.stopped = true;
                return Some(simulated("crash"));
            }
        }
        let mut failed = false;
        self.faults.retain_mut(|fault| {
            if fault.call.is_some_and(|kind| kind != call) {
                return true;
            }
            fault.calls_left = fault.calls_left.saturating_sub(1);
            let due = fault.calls_left == 0;
            failed |= due;
            !due || fault.sticky
        });
        failed.then(|| simulated("input/output error"))
    }

    /// Makes a change that happens in one step, or the half of the time before a failure.
    fn step<T>(&mut self, failure: Option<Error>, effect: impl FnOnce(&mut Disk) -> Result<T>) -> Result<T> {
        match failure {
            None => effect(self),
            Some(error) => {
                if self.random.chance(1, 2) {
                    // Whether it would have been refused for another reason as well does not matter any more.
                    let _ = effect(self);
                }
                Err(error)
            }
        }
    }

    fn file(&mut self, name: FileName) -> Result<&mut SimFile> {
        let missing = || Error::new(ErrorCode::NotFound, format!("there is no file {name} on the simulated disk"));
        self.files.get_mut(&name).ok_or_else(missing)
    }

    /// How long `name` may become.
    fn room(&self, name: FileName) -> u64 {
        let others = self.files.iter().filter(|(other, _)| **other != name);
        self.capacity.saturating_sub(others.map(|(_, file)| file.visible.len() as u64).sum())
    }
}

impl SimFile {
    fn change(&mut self, change: Change) {
        change.apply(Arc::make_mut(&mut self.visible));
        self.pending.push(Pending { change, fate: Fate::Unsynced });
    }

    fn sync(&mut self) {
        for pending in &mut self.pending {
            if pending.fate == Fate::Unsynced {
                pending.fate = Fate::Durable;
            }
        }
        // What follows a change in limbo has to stay behind it, or the order of the two would be lost.
        let settled = self.pending.iter().take_while(|pending| pending.fate == Fate::Durable).count();
        for pending in self.pending.drain(..settled) {
            pending.change.apply(Arc::make_mut(&mut self.durable));
        }
    }

    fn fail_sync(&mut self) {
        for pending in &mut self.pending {
            if pending.fate == Fate::Unsynced {
                pending.fate = Fate::Limbo;
            }
        }
    }

    fn crash(&mut self, policy: Crash, random: &mut Random) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            let content = Arc::make_mut(&mut self.durable);
            let mood = match policy {
                Crash::KeepAll => 0,
                Crash::LoseAll => 1,
                Crash::Any => random.below(8),
            };
            let first_part = random.index(pending.len() + 1);
            for (i, Pending { change, fate }) in pending.into_iter().enumerate() {
                match mood {
                    _ if fate == Fate::Durable => change.apply(content),
                    0 => change.apply(content),
                    1 => {}
                    2 if i < first_part => change.apply(content),
                    2 if i == first_part => change.tear(content, random),
                    2 => {}
                    _ => match random.below(3) {
                        0 => change.apply(content),
                        1 => {}
                        _ => change.tear(content, random),
                    },
                }
            }
        }
        self.visible = Arc::clone(&self.durable);
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Write { offset, data } => write(content, *offset, data),
            Change::Truncate(bytes) => content.resize(*bytes as usize, 0),
        }
    }

    /// Any of its sectors, and of those some in part. A file that grew may have kept its new length without the bytes.
    fn tear(&self, content: &mut Vec<u8>, random: &mut Random) {
        let Change::Write { offset, data } = self else {
            return if random.chance(1, 2) {
                self.apply(content)
            };
        };
        let end = offset + data.len() as u64;
        if (content.len() as u64) < end && random.chance(1, 4) {
            content.resize(end as usize, 0);
        }
        let mut start = *offset;
        while start < end {
            let next = end.min((start / SECTOR_BYTES + 1) * SECTOR_BYTES);
            let part = &data[(start - offset) as usize..(next - offset) as usize];
            match random.below(8) {
                0..=2 => write(content, start, part),
                3 => write(content, start, &part[..random.index(part.len() + 1)]),
                _ => {}
            }
            start = next;
        }
    }
}

fn write(content: &mut Vec<u8>, offset: u64, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    let range = offset as usize..offset as usize + data.len();
    if content.len() < range.end {
        content.resize(range.end, 0);
    }
    content[range].copy_from_slice(data);
}

fn check_length(name: FileName, bytes: u64) -> Result<u64> {
    if bytes > i64::MAX as u64 {
        return Err(Error::new(ErrorCode::InvalidArgument, format!("{name} cannot hold {bytes} bytes")));
    }
    Ok(bytes)
}

impl Storage for SimDisk {
    fn list(&self) -> Result<Vec<FileInfo>> {
        let (disk, failure) = self.begin(Call::List)?;
        failure.map_or(Ok(()), Err)?;
        Ok(disk.files.iter().map(|(&name, file)| FileInfo { name, bytes: file.visible.len() as u64 }).collect())
    }

    fn create(&self, name: FileName) -> Result<()> {
        let (mut disk, failure) = self.begin(Call::Create)?;
        disk.step(failure, |disk| {
            if disk.files.contains_key(&name) {
                let message = format!("there is a file {name} on the simulated disk already");
                return Err(Error::new(ErrorCode::AlreadyExists, message));
            }
            disk.files.insert(name, SimFile::default());
            Ok(())
        })
    }

    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let (mut disk, failure) = self.begin(Call::Read)?;
        failure.map_or(Ok(()), Err)?;
        let visible = Arc::clone(&disk.file(name)?.visible);
        let available = usize::try_from(offset).ok().and_then(|at| visible.get(at..)).unwrap_or_default();
        let mut count = available.len().min(buffer.len());
        if count > 1 && disk.short_reads > 0.0 {
            let draw = disk.random.below(1 << 32) as f64 / (1u64 << 32) as f64;
            if draw < disk.short_reads {
                count = 1 + disk.random.index(count - 1);
            }
        }
        buffer[..count].copy_from_slice(&available[..count]);
        Ok(count)
    }

    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> Result<()> {
        let (mut disk, mut failure) = self.begin(Call::Write)?;
        disk.file(name)?;
        if data.is_empty() {
            return failure.map_or(Ok(()), Err);
        }
        let end = check_length(name, offset.saturating_add(data.len() as u64))?;
        let mut fits = data.len();
        if failure.is_some() {
            // Nothing, everything or a first part.
            fits = match disk.random.below(3) {
                0 => 0,
                1 => data.len(),
                _ => disk.random.index(data.len() + 1),
            };
        }
        let room = disk.room(name);
        let file = disk.file(name)?;
        if end > room.max(file.visible.len() as u64) {
            fits = fits.min(usize::try_from(room.saturating_sub(offset)).unwrap_or(usize::MAX));
            let full = || Error::new(ErrorCode::StorageFull, format!("simulated full disk: no room for {name}"));
            failure.get_or_insert_with(full);
        }
        if fits > 0 {
            file.change(Change::Write { offset, data: data[..fits].into() });
        }
        failure.map_or(Ok(()), Err)
    }

    fn sync(&self, name: FileName) -> Result<()> {
        let (mut disk, failure) = self.begin(Call::Sync)?;
        if failure.is_some() && !disk.stopped {
            disk.failed_syncs += 1;
            disk.file(name)?.fail_sync();
            return failure.map_or(Ok(()), Err);
        }
        disk.step(failure, |disk| {
            disk.file(name)?.sync();
            Ok(())
        })
    }

    fn truncate(&self, name: FileName, bytes: u64) -> Result<()> {
        let (mut disk, failure) = self.begin(Call::Truncate)?;
        disk.step(failure, |disk| {
            let room = disk.room(name);
            let file = disk.file(name)?;
            if check_length(name, bytes)? > room.max(file.visible.len() as u64) {
                let message = format!("simulated full disk: no room for {bytes} bytes of {name}");
                return Err(Error::new(ErrorCode::StorageFull, message));
            }
            file.change(Change::Truncate(bytes));
            Ok(())
        })
    }

    fn remove(&self, name: FileName) -> Result<()> {
        let (mut disk, failure) = self.begin(Call::Remove)?;
        disk.step(failure, |disk| {
            disk.file(name)?;
            disk.files.remove(&name);
            Ok(())
        })
    }

    fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "simulated"
    }

    fn location(&self) -> String {
        "simulated:".into()
    }

    fn wants_preallocation(&self) -> bool {
        self.disk().preallocation
    }

    fn wants_block_reads(&self) -> bool {
        self.disk().block_reads
    }
}
