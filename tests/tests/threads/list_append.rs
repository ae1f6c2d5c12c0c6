//! A list-append history: every transaction appends a number of its own to one or several lists. Since a list shows the
//! order of its appends, what anybody ever read can be held against the final lists (the idea of Elle: Kingsbury and
//! Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", 2020).

use koru_delta::{Database, KeyRange, Order, Result, Snapshot, VersionId};
use koru_tests::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

const THREADS: u64 = 8;
const STEPS: u64 = 250;
const COLLECTIONS: [&str; 2] = ["even", "odd"];
const KEYS: usize = 6;

type List = Vec<i64>;

/// The list of a key stands in one of two collections, so that transactions span both.
fn place(key: usize) -> (&'static str, String) {
    (COLLECTIONS[key % 2], format!("list {key}"))
}

/// What one call did and saw, and when.
#[derive(Debug)]
struct Call {
    thread: u64,
    begin: Instant,
    end: Instant,
    /// What a transaction appended, and to which keys.
    appended: Option<(i64, Vec<usize>)>,
    /// The lists that were read, before its own append.
    seen: BTreeMap<usize, List>,
    /// Whether `seen` is of one moment.
    snapshot: bool,
}

fn list(document: Option<koru_delta::Document>) -> List {
    document.map_or_else(List::new, |d| d.to().unwrap())
}

fn append(db: &Database, number: i64, keys: &[usize]) -> Result<(BTreeMap<usize, List>, VersionId)> {
    let mut seen = BTreeMap::new();
    let mut transaction = db.begin()?;
    for &key in keys {
        let (collection, name) = place(key);
        let mut numbers = list(transaction.get(collection, &name)?);
        seen.insert(key, numbers.clone());
        numbers.push(number);
        transaction.put(collection, &name, &numbers)?;
    }
    Ok((seen, transaction.commit()?.unwrap()))
}

fn read_by_key(snapshot: &Snapshot) -> BTreeMap<usize, List> {
    let read = |key| {
        let (collection, name) = place(key);
        (key, list(snapshot.collection(collection).get(&name).unwrap()))
    };
    (0..KEYS).map(read).collect()
}

fn read_by_scan(snapshot: &Snapshot, order: Order) -> BTreeMap<usize, List> {
    let mut seen: BTreeMap<usize, List> = (0..KEYS).map(|key| (key, List::new())).collect();
    for collection in COLLECTIONS {
        for row in snapshot.collection(collection).scan(KeyRange::prefix("list "), order).unwrap() {
            let row = row.unwrap();
            seen.insert(row.key["list ".len()..].parse().unwrap(), row.document.to().unwrap());
        }
    }
    seen
}

fn work(db: &Database, thread: u64) -> Vec<Call> {
    let mut random = Random::new(thread);
    let mut calls = Vec::new();
    for step in 0..STEPS {
        let begin = Instant::now();
        let (appended, seen, snapshot) = match random.below(8) {
            0..=3 => {
                let number = (thread * 1_000_000 + step) as i64;
                let mut keys: Vec<_> = (0..KEYS).filter(|_| random.chance(2, 5)).collect();
                keys.extend(keys.is_empty().then_some(0));
                let (seen, version) = append(db, number, &keys).unwrap();
                // A writer reads its own write at once.
                let (collection, name) = place(keys[0]);
                let version_now = db.collection(collection).get(&name).unwrap().unwrap().version();
                assert!((version_now.actor, version_now.counter) >= (version.actor, version.counter));
                (Some((number, keys)), seen, true)
            }
            4 => {
                let key = random.index(KEYS);
                let (collection, name) = place(key);
                let seen = [(key, list(db.collection(collection).get(&name).unwrap()))].into();
                (None, seen, false)
            }
            5 => (None, read_by_key(&db.snapshot().unwrap()), true),
            6 => (None, read_by_scan(&db.snapshot().unwrap(), Order::Ascending), true),
            _ => {
                if random.chance(1, 20) {
                    db.checkpoint().unwrap();
                }
                let snapshot = db.snapshot().unwrap();
                let first = read_by_scan(&snapshot, Order::Descending);
                std::thread::yield_now();
                assert_eq!(read_by_key(&snapshot), first, "a snapshot changed");
                (None, first, true)
            }
        };
        calls.push(Call { thread, begin, end: Instant::now(), appended, seen, snapshot });
    }
    calls
}

/// When each number's transaction began and was acknowledged.
type Times = BTreeMap<i64, (Instant, Instant)>;

fn check_final(calls: &[Call], lists: &BTreeMap<usize, List>) -> Times {
    let mut times = Times::new();
    let mut expected: BTreeSet<(usize, i64)> = BTreeSet::new();
    for call in calls {
        if let Some((number, keys)) = &call.appended {
            times.insert(*number, (call.begin, call.end));
            expected.extend(keys.iter().map(|key| (*key, *number)));
        }
    }
    let found: Vec<_> = lists.iter().flat_map(|(key, list)| list.iter().map(|number| (*key, *number))).collect();
    assert_eq!(found.len(), expected.len(), "an append is lost, doubled or invented");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    times
}

/// Every read is a prefix of the final list, with everything acknowledged before it began, and nothing begun after it ended.
fn check_reads(calls: &[Call], lists: &BTreeMap<usize, List>, times: &Times) {
    for call in calls {
        for (key, seen) in &call.seen {
            let whole = &lists[key];
            assert!(whole.starts_with(seen), "key {key}: {seen:?} is no prefix of {whole:?}: {call:?}");
            for later in &whole[seen.len()..] {
                assert!(times[later].1 >= call.begin, "key {key}: {later} was acknowledged before: {call:?}");
            }
            for earlier in seen {
                assert!(times[earlier].0 <= call.end, "key {key}: {earlier} comes from the future: {call:?}");
            }
        }
    }
}

/// A transaction is seen in all of its lists or in none, and the moments that were seen lie on one line.
fn check_snapshots(calls: &[Call], lists: &BTreeMap<usize, List>) {
    let mut transactions: BTreeMap<i64, Vec<(usize, usize)>> = BTreeMap::new();
    for (key, list) in lists {
        for (place, number) in list.iter().enumerate() {
            transactions.entry(*number).or_default().push((*key, place));
        }
    }
    let mut whole: Vec<(Vec<usize>, &Call)> = Vec::new();
    for call in calls.iter().filter(|call| call.snapshot) {
        for (number, places) in &transactions {
            let shown = places.iter().filter_map(|(key, place)| Some(call.seen.get(key)?.len() > *place));
            let shown: BTreeSet<bool> = shown.collect();
            assert!(shown.len() < 2, "transaction {number} is seen in part: {call:?}");
        }
        if call.seen.len() == KEYS {
            whole.push((call.seen.values().map(Vec::len).collect(), call));
        }
    }
    whole.sort_by_key(|(lengths, _)| lengths.iter().sum::<usize>());
    for pair in whole.windows(2) {
        let ordered = pair[0].0.iter().zip(&pair[1].0).all(|(a, b)| a <= b);
        assert!(ordered, "two snapshots contradict each other: {:?} {:?}", pair[0], pair[1]);
    }
    // Later in real time, in whatever thread, is later in the line.
    whole.sort_by_key(|(_, call)| call.begin);
    for (at, (lengths, call)) in whole.iter().enumerate() {
        for (before, earlier) in &whole[..at] {
            if earlier.end < call.begin {
                let ordered = before.iter().zip(lengths).all(|(a, b)| a <= b);
                assert!(ordered, "a later snapshot shows less: {earlier:?} {call:?}");
            }
        }
    }
}

#[test]
fn the_history_of_eight_threads_shows_no_anomaly() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lists.koru");
    let db = Database::open(&path).unwrap();
    let calls: Vec<Call> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn({
                    let db = &db;
                    move || work(db, thread)
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(calls.iter().map(|call| call.thread).collect::<BTreeSet<_>>().len() as u64, THREADS);

    let lists = read_by_key(&db.snapshot().unwrap());
    let times = check_final(&calls, &lists);
    check_reads(&calls, &lists, &times);
    check_snapshots(&calls, &lists);

    drop(db);
    let db = Database::open(&path).unwrap();
    assert_eq!(read_by_key(&db.snapshot().unwrap()), lists, "something acknowledged is missing after opening again");
    for (key, list) in &lists {
        // The history of a list has each of its lengths once, in order.
        let (collection, name) = place(*key);
        let collection = db.collection(collection);
        let versions: Vec<_> = collection.history(&name).unwrap().map(Result::unwrap).collect();
        for (length, version) in (1..).zip(versions.iter().rev()) {
            let then: List = collection.document(&name, version).unwrap().unwrap().to().unwrap();
            assert_eq!(then, list[..length]);
        }
        assert_eq!(versions.len(), list.len());
    }
    let report = db.verify().unwrap();
    assert!(report.is_ok(), "{report:?}");
}
