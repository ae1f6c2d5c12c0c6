//! The simulated disk keeps what a sync covered, and does everything else that a power cut may do.

use super::{LOG, code};
use koru_delta::ErrorCode::{Io, StorageFull};
use koru_delta::storage::{FileName, Storage};
use koru_tests::contract::{self, content};
use koru_tests::disk::{Call, Crash, SECTOR_BYTES, SimDisk};
use koru_tests::random::Random;
use std::sync::Arc;

const SECTOR: usize = SECTOR_BYTES as usize;

#[test]
fn the_simulated_disk_keeps_the_contract() {
    contract::check(|| Arc::new(SimDisk::new(1)));
    contract::check(|| {
        let disk = SimDisk::new(2);
        disk.set_short_reads(0.7);
        Arc::new(disk)
    });
}

/// A disk with four synced sectors of `o`.
fn synced(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    disk.create(LOG).unwrap();
    disk.write_at(LOG, 0, &[b'o'; 4 * SECTOR]).unwrap();
    disk.sync(LOG).unwrap();
    disk
}

fn outcomes(disk: &SimDisk, policy: Crash, times: usize) -> Vec<Vec<u8>> {
    (0..times).map(|_| content(&disk.crash(policy), LOG)).collect()
}

fn all(part: &[u8], byte: u8) -> bool {
    part.iter().all(|&b| b == byte)
}

#[test]
fn what_a_sync_covered_survives_every_crash() {
    for seed in 0..200 {
        let disk = synced(seed);
        disk.write_at(LOG, 10_000, &[b'x'; 2_000]).unwrap();
        for bytes in outcomes(&disk, Crash::Any, 5) {
            assert!(bytes.len() >= 4 * SECTOR && all(&bytes[..4 * SECTOR], b'o'));
            assert!(bytes[4 * SECTOR..].iter().all(|&b| b == b'x' || b == 0), "only written bytes or zeros");
        }
    }
}

#[test]
fn unsynced_writes_are_kept_lost_torn_and_reordered() {
    let disk = synced(3);
    disk.write_at(LOG, 0, &[b'1'; 2 * SECTOR]).unwrap();
    disk.write_at(LOG, 2 * SECTOR_BYTES, &[b'2'; 2 * SECTOR]).unwrap();
    let outcomes = outcomes(&disk, Crash::Any, 2_000);
    let seen = |what: fn(&[u8], &[u8]) -> bool| outcomes.iter().any(|b| what(&b[..2 * SECTOR], &b[2 * SECTOR..]));
    assert!(seen(|a, b| all(a, b'1') && all(b, b'2')), "both kept");
    assert!(seen(|a, b| all(a, b'o') && all(b, b'o')), "both lost");
    assert!(seen(|a, b| all(a, b'1') && all(b, b'o')), "the later lost");
    assert!(seen(|a, b| all(a, b'o') && all(b, b'2')), "the earlier lost");
    assert!(seen(|a, _| all(&a[..SECTOR], b'1') && all(&a[SECTOR..], b'o')), "torn between sectors");
    assert!(seen(|a, _| all(&a[..SECTOR], b'o') && all(&a[SECTOR..], b'1')), "torn, the second sector first");
    assert!(seen(|a, _| a[0] == b'1' && a[SECTOR - 1] == b'o'), "torn within a sector");
    for (policy, first, second) in [(Crash::KeepAll, b'1', b'2'), (Crash::LoseAll, b'o', b'o')] {
        let bytes = content(&disk.crash(policy), LOG);
        assert!(all(&bytes[..2 * SECTOR], first) && all(&bytes[2 * SECTOR..], second), "{policy:?}");
    }
}

#[test]
fn unsynced_truncations_are_kept_or_lost_and_growth_may_come_without_bytes() {
    let disk = synced(4);
    disk.truncate(LOG, 100).unwrap();
    let lengths: Vec<_> = outcomes(&disk, Crash::Any, 200).iter().map(Vec::len).collect();
    assert!(lengths.contains(&100) && lengths.contains(&(4 * SECTOR)));
    assert!(lengths.iter().all(|&n| n == 100 || n == 4 * SECTOR));

    let disk = synced(5);
    disk.write_at(LOG, 4 * SECTOR_BYTES, &[b'x'; SECTOR]).unwrap();
    let grown = outcomes(&disk, Crash::Any, 500);
    assert!(grown.iter().any(|b| b.len() == 5 * SECTOR && all(&b[4 * SECTOR..], 0)));
}

#[test]
fn a_sync_of_one_file_does_not_save_another() {
    let disk = synced(13);
    disk.create(FileName::Root).unwrap();
    disk.write_at(FileName::Root, 0, b"x").unwrap();
    disk.sync(LOG).unwrap();
    let after = disk.crash(Crash::LoseAll);
    assert_eq!(content(&after, FileName::Root), b"", "the file is there, what was written is not");
}

#[test]
fn a_crash_inside_a_call_stops_the_world_before_or_after_its_effect() {
    let (mut before, mut after) = (0, 0);
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        disk.create(LOG).unwrap();
        disk.crash_at_call(2);
        disk.write_at(LOG, 0, b"x").unwrap();
        assert_eq!(disk.read_at(LOG, 0, &mut [0]).unwrap(), 1, "reads do not count");
        assert_eq!(code(disk.remove(LOG)), Some(Io));
        assert!(disk.is_stopped());
        assert_eq!(code(disk.list()), Some(Io), "nothing works after the stop");
        assert_eq!(code(disk.sync(LOG)), Some(Io));
        match disk.crash(Crash::Any).list().unwrap().len() {
            0 => after += 1,
            _ => before += 1,
        }
    }
    assert!(before > 20 && after > 20, "{before} {after}");
}

#[test]
fn the_write_and_the_sync_in_flight_may_have_happened_or_not() {
    let (mut written, mut durable) = ([0; 3], [0; 2]);
    for seed in 0..200 {
        let disk = synced(seed);
        disk.crash_at_call(1);
        assert_eq!(code(disk.write_at(LOG, 0, &[b'x'; 4 * SECTOR])), Some(Io));
        let bytes = content(&disk.crash(Crash::KeepAll), LOG);
        match bytes.iter().filter(|&&b| b == b'x').count() {
            0 => written[0] += 1,
            n if n == 4 * SECTOR => written[1] += 1,
            _ => written[2] += 1,
        }
        let disk = synced(seed);
        disk.write_at(LOG, 0, b"x").unwrap();
        disk.crash_at_call(1);
        assert_eq!(code(disk.sync(LOG)), Some(Io));
        durable[usize::from(content(&disk.crash(Crash::LoseAll), LOG)[0] == b'x')] += 1;
    }
    assert!(written.iter().chain(&durable).all(|&n| n > 20), "{written:?} {durable:?}");
}

#[test]
fn a_later_sync_does_not_save_what_a_failed_sync_dropped() {
    let disk = synced(6);
    disk.write_at(LOG, 0, b"a").unwrap();
    disk.fail_call(1, Some(Call::Sync), false);
    assert_eq!(code(disk.sync(LOG)), Some(Io));
    disk.write_at(LOG, 1, b"b").unwrap();
    disk.sync(LOG).unwrap();
    assert_eq!(&content(&disk, LOG)[..2], b"ab", "until a crash it looks as if all were well");
    let outcomes = outcomes(&disk, Crash::Any, 200);
    assert!(outcomes.iter().all(|bytes| bytes[1] == b'b'), "the second sync covered the later write");
    assert!(outcomes.iter().any(|bytes| bytes[0] == b'a') && outcomes.iter().any(|bytes| bytes[0] == b'o'));
    assert_eq!(disk.syncs(), 3);
}

#[test]
fn faults_come_at_their_call_once_or_for_ever() {
    let disk = synced(7);
    let read = || code(disk.read_at(LOG, 0, &mut [0; 4]));
    disk.fail_call(2, Some(Call::Read), false);
    assert_eq!([read(), read(), read()], [None, Some(Io), None]);
    disk.fail_call(2, None, true);
    assert_eq!([read(), read(), read()], [None, Some(Io), Some(Io)]);
    assert_eq!(code(disk.create(FileName::Root)), Some(Io));
    disk.clear_faults();
    assert_eq!(read(), None);
    disk.fail_call(1, Some(Call::Truncate), true);
    assert_eq!([read(), code(disk.truncate(LOG, 0))], [None, Some(Io)]);
    assert_eq!(disk.crash(Crash::Any).truncate(LOG, 0).err().map(|e| e.code()), None, "a new start clears faults");
}

#[test]
fn a_full_disk_takes_what_fits() {
    let disk = synced(8);
    disk.set_capacity(4 * SECTOR_BYTES + 3);
    assert_eq!(code(disk.write_at(LOG, 4 * SECTOR_BYTES, b"12345")), Some(StorageFull));
    assert_eq!(&content(&disk, LOG)[4 * SECTOR..], b"123");
    assert_eq!(code(disk.truncate(LOG, 5 * SECTOR_BYTES)), Some(StorageFull));
    disk.write_at(LOG, 0, b"what is there can be overwritten").unwrap();
    disk.truncate(LOG, 0).unwrap();
    disk.write_at(LOG, 0, b"and space that was freed used").unwrap();
}

#[test]
fn reads_come_short_as_often_as_asked() {
    let disk = synced(9);
    disk.set_short_reads(0.5);
    let short = (0..1_000).filter(|_| disk.read_at(LOG, 0, &mut [0; 100]).unwrap() < 100).count();
    assert!((400..600).contains(&short), "{short}");
}

#[test]
fn damage_stays_through_a_crash() {
    let disk = synced(10);
    assert!(disk.flip_bit(LOG, 8 * 100 + 1));
    assert!(!disk.flip_bit(LOG, 8 * 4 * SECTOR_BYTES));
    assert!(disk.truncate_to(LOG, 200));
    let bytes = content(&disk.crash(Crash::LoseAll), LOG);
    assert_eq!((bytes.len(), bytes[100]), (200, b'o' ^ 2));
}

#[test]
fn a_fork_goes_its_own_way() {
    let disk = synced(11);
    let fork = disk.fork();
    assert_eq!(fork.hash(), disk.hash());
    fork.write_at(LOG, 0, b"x").unwrap();
    assert_ne!(fork.hash(), disk.hash(), "what is pending counts too");
    assert_eq!(content(&disk, LOG)[0], b'o');
}

/// A few hundred random calls with faults and crashes in between: the digest of the disk after each.
fn run(seed: u64) -> Vec<u64> {
    let mut random = Random::new(seed);
    let mut disk = SimDisk::new(seed);
    disk.set_short_reads(0.3);
    let mut trace = Vec::new();
    for _ in 0..400 {
        let name = FileName::Segment(random.below(3) as u32);
        let at = random.below(4_000);
        let done = match random.below(12) {
            0 => disk.create(name),
            1 => disk.remove(name),
            2 => disk.truncate(name, at),
            3 | 4 => disk.sync(name),
            5 => disk.read_at(name, at, &mut [0; 64]).map(|count| trace.push(count as u64)),
            _ => disk.write_at(name, at, &vec![random.next() as u8; random.index(1_500)]),
        };
        trace.extend([u64::from(done.is_ok()), disk.hash()]);
        match random.below(40) {
            0 => disk.fail_call(1 + random.below(5), None, false),
            1 => disk.crash_at_call(1 + random.below(5)),
            2 => disk = disk.crash(Crash::Any),
            _ if disk.is_stopped() => disk = disk.crash(Crash::Any),
            _ => {}
        }
    }
    trace
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in 0..20 {
        assert!(run(seed) == run(seed));
    }
    assert!(run(1) != run(2));
}
