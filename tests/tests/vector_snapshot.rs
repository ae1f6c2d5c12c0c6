//! Snapshots of the indexes of vectors are read as far as they are needed: that a search reads a part of one and finds the same,
//! that damage is found where it is touched and never makes an answer wrong, and that writes go on behind what was not read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use koru_delta::{
    Codes, Database, ErrorCode, Filter, Hits, IndexKind, KeyRange, Maintenance, Metric, Options, Plan, Search,
    VectorConfig, Vectors,
    storage::{FileInfo, FileName, Storage, memory::MemoryStorage},
};
use koru_tests::random::Random;
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

type Files = BTreeMap<FileName, Vec<u8>>;

/// Files in memory, and how many bytes of snapshots were read.
#[derive(Debug)]
struct Counting {
    files: MemoryStorage,
    read: AtomicU64,
}

impl Counting {
    fn new(files: &Files) -> Arc<Counting> {
        let files = MemoryStorage::from_files(files.clone());
        Arc::new(Counting { files, read: AtomicU64::new(0) })
    }

    fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

impl Storage for Counting {
    fn list(&self) -> koru_delta::Result<Vec<FileInfo>> {
        self.files.list()
    }
    fn create(&self, name: FileName) -> koru_delta::Result<()> {
        self.files.create(name)
    }
    fn read_at(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> koru_delta::Result<usize> {
        let read = self.files.read_at(name, offset, buffer)?;
        if is_snapshot(name) {
            self.read.fetch_add(read as u64, Ordering::Relaxed);
        }
        Ok(read)
    }
    fn write_at(&self, name: FileName, offset: u64, data: &[u8]) -> koru_delta::Result<()> {
        self.files.write_at(name, offset, data)
    }
    fn sync(&self, name: FileName) -> koru_delta::Result<()> {
        self.files.sync(name)
    }
    fn truncate(&self, name: FileName, bytes: u64) -> koru_delta::Result<()> {
        self.files.truncate(name, bytes)
    }
    fn remove(&self, name: FileName) -> koru_delta::Result<()> {
        self.files.remove(name)
    }
    fn close(&self) -> koru_delta::Result<()> {
        self.files.close()
    }
    fn kind(&self) -> &'static str {
        "counting"
    }
    fn location(&self) -> String {
        "counting:".into()
    }
}

fn is_snapshot(name: FileName) -> bool {
    matches!(name, FileName::Vectors(_))
}

fn quiet() -> Options {
    Options::new().maintenance(Maintenance::Manual)
}

fn reader(files: &Files) -> Database {
    quiet().read_only(true).open_storage(Arc::new(MemoryStorage::from_files(files.clone()))).unwrap()
}

/// A vector near one of some centres.
fn vector(random: &mut Random, dimension: usize) -> Vec<f32> {
    let centre = random.next() % 30;
    let mut of_centre = Random::new(centre + 1000);
    let unit = |random: &mut Random| (random.next() >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
    (0..dimension).map(|_| unit(&mut of_centre) + 0.7 * unit(random)).collect()
}

/// Puts documents `from..to`.
fn fill(db: &Database, random: &mut Random, names: &[(&str, usize)], from: usize, to: usize) {
    let notes = db.collection("notes");
    for start in (from..to).step_by(250) {
        let mut batch = notes.batch().unwrap();
        for n in start..(start + 250).min(to) {
            let vectors: Vectors = names.iter().map(|(name, d)| ((*name).to_owned(), vector(random, *d))).collect();
            batch.put_with(&format!("note/{n:06}"), &json!({"n": n, "group": n % 7}), &vectors).unwrap();
        }
        batch.commit(Default::default()).unwrap();
    }
}

fn finish(db: &Database) {
    while db.maintain(1).unwrap() {}
}

/// A graph over 12,000 rows of 256 numbers.
fn large() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let storage = Arc::new(MemoryStorage::new());
        let db = quiet().open_storage(storage.clone()).unwrap();
        let config = VectorConfig::new(256).metric(Metric::Euclidean).index(IndexKind::Hnsw);
        db.collection("notes").configure_vectors("default", config).unwrap();
        fill(&db, &mut Random::new(1), &[("default", 256)], 0, 12_000);
        finish(&db);
        db.close().unwrap();
        storage.files()
    })
}

/// Vectors of every kind of structure.
const KINDS: [(&str, usize); 5] = [("graph", 40), ("i4", 24), ("f16", 17), ("binary", 32), ("f32", 9)];

fn small() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let storage = Arc::new(MemoryStorage::new());
        let db = quiet().open_storage(storage.clone()).unwrap();
        let notes = db.collection("notes");
        for (name, dimension) in KINDS {
            let config = VectorConfig::new(dimension);
            let config = match name {
                "graph" => config.index(IndexKind::Hnsw),
                "i4" => config.codes(Codes::I4).metric(Metric::Euclidean),
                "f16" => config.codes(Codes::F16).metric(Metric::Dot),
                "binary" => config.codes(Codes::Binary),
                _ => config.codes(Codes::F32),
            };
            notes.configure_vectors(name, config).unwrap();
        }
        let mut random = Random::new(2);
        fill(&db, &mut random, &KINDS, 0, 2500);
        db.tag("then", koru_delta::Moment::Now).unwrap();
        fill(&db, &mut random, &KINDS, 2500, 2800);
        finish(&db);
        db.close().unwrap();
        storage.files()
    })
}

fn bits(hits: &Hits) -> Vec<(String, u32)> {
    hits.iter().map(|hit| (hit.key.clone(), hit.score.to_bits())).collect()
}

/// Searches of every way: plain, filtered, of some keys, like a document, of a moment.
fn searches(name: &str, dimension: usize, seed: u64) -> Vec<Search> {
    let mut random = Random::new(seed);
    let query = vector(&mut random, dimension);
    let search = Search::vector(&query).name(name).k(8);
    let filter = Filter::new(&json!({"group": {"$in": [1, 4]}})).unwrap();
    let most = Filter::new(&json!({"n": {"$gte": 40}})).unwrap();
    vec![
        search.clone().filter(most),
        search.clone(),
        search.clone().filter(filter.clone()),
        search.clone().keys(KeyRange::prefix("note/0011")),
        search.clone().as_of(koru_delta::Moment::Tag("then".into())),
        search.clone().as_of(koru_delta::Moment::Tag("then".into())).filter(filter),
        Search::like("note/001001").name(name).k(5),
        search.exact(true),
    ]
}

#[test]
fn a_first_search_of_a_graph_reads_a_part_of_the_snapshot_and_finds_the_same() {
    let files = large();
    let length = files.iter().find(|(name, _)| is_snapshot(**name)).unwrap().1.len() as u64;
    let notes = |db: &Database| db.collection("notes");
    // One that has read everything.
    let whole = quiet().read_only(true).open_storage(Counting::new(files)).unwrap();
    let mut random = Random::new(9);
    let most = Filter::new(&json!({"group": {"$ne": 3}})).unwrap();
    let query = |random: &mut Random| Search::vector(&vector(random, 256)).k(1).ef(8);
    let mut queries: Vec<Search> = (0..6).map(|_| query(&mut random)).collect();
    queries.extend((0..3).map(|_| query(&mut random).filter(most.clone())));
    notes(&whole).search(&queries[0].clone().k(6000).ef(10_000)).unwrap();
    for query in &queries {
        let storage = Counting::new(files);
        let db = quiet().read_only(true).open_storage(storage.clone()).unwrap();
        assert_eq!(storage.read(), 0, "opening alone reads none of it");
        let hits = notes(&db).search(query).unwrap();
        assert_eq!(hits.explain().plan, Plan::Graph);
        let first = storage.read();
        assert!(first < length * 2 / 3, "{first} of {length}");
        assert_eq!(bits(&hits), bits(&notes(&whole).search(query).unwrap()));
        assert_eq!(hits.explain(), notes(&whole).search(query).unwrap().explain());
        assert_eq!(bits(&notes(&db).search(query).unwrap()), bits(&hits));
        assert_eq!(storage.read(), first, "what is there is not read again");
        let wide = query.clone().k(50).ef(500);
        assert_eq!(bits(&notes(&db).search(&wide).unwrap()), bits(&notes(&whole).search(&wide).unwrap()));
        assert!(storage.read() <= length + length / 4, "hardly anything is read twice");
    }
}

#[test]
fn maintenance_reads_the_rest_of_a_graph_once_searches_have_read_much_of_it() {
    let storage = Counting::new(large());
    let db = quiet().open_storage(storage.clone()).unwrap();
    let notes = db.collection("notes");
    let mut random = Random::new(9);
    let query = Search::vector(&vector(&mut random, 256));
    notes.search(&query.clone().keys(KeyRange::prefix("note/00001"))).unwrap();
    let read = storage.read();
    finish(&db);
    assert_eq!(storage.read(), read, "a search that does without the graph is no reason to read it");
    notes.search(&query.clone().ef(300)).unwrap();
    finish(&db);
    let read = storage.read();
    for info in storage.list().unwrap().iter().filter(|info| is_snapshot(info.name)) {
        storage.remove(info.name).unwrap();
    }
    let hits = notes.search(&query.k(5000).ef(10_000)).unwrap();
    assert_eq!((hits.explain().plan, hits.explain().degraded, hits.len()), (Plan::Graph, false, 5000));
    assert_eq!(storage.read(), read, "nothing was missing any more");
}

#[test]
fn every_kind_of_search_of_every_structure_finds_what_it_found_before_the_snapshot_was_opened() {
    let storage = Arc::new(MemoryStorage::from_files(small().clone()));
    // Without its snapshot, and made anew: nothing of it was read from one.
    for info in storage.list().unwrap().iter().filter(|info| is_snapshot(info.name)) {
        storage.remove(info.name).unwrap();
    }
    let built = quiet().open_storage(storage).unwrap();
    finish(&built);
    let mut plans = std::collections::BTreeSet::new();
    for (name, dimension) in KINDS {
        for seed in 0..4 {
            for search in searches(name, dimension, seed) {
                // Each is the first one of its database.
                let (read, built) = (reader(small()), built.collection("notes").search(&search).unwrap());
                let found = read.collection("notes").search(&search).unwrap();
                assert_eq!(bits(&found), bits(&built), "{name} {search:?}");
                assert_eq!(found.explain(), built.explain());
                plans.insert(found.explain().plan.name());
            }
        }
    }
    assert_eq!(plans, ["flat", "graph", "rows"].into());
}

#[test]
fn flat_codes_are_read_once_and_nothing_of_the_others() {
    let length = small().iter().find(|(name, _)| is_snapshot(**name)).unwrap().1.len() as u64;
    let storage = Counting::new(small());
    let db = quiet().read_only(true).open_storage(storage.clone()).unwrap();
    let search = &searches("i4", 24, 3)[0];
    assert_eq!(db.collection("notes").search(search).unwrap().explain().plan, Plan::Flat);
    let first = storage.read();
    assert!(first < length / 2, "{first} of {length}");
    db.collection("notes").search(search).unwrap();
    assert_eq!(storage.read(), first);
}

#[test]
fn an_index_beyond_its_memory_is_refused_before_it_is_read() {
    let codes = |db: &Database| -> u64 {
        db.collection("notes").vector_info().unwrap().iter().map(|info| info.memory_bytes).sum()
    };
    let whole = reader(small());
    whole.collection("notes").search(&searches("i4", 24, 0)[0]).unwrap();
    let opened = codes(&whole);
    for (bytes, fits) in [(opened - 20_000, false), (opened + 20_000, true)] {
        let storage = Counting::new(small());
        let db = quiet().read_only(true).vector_bytes(bytes as usize).open_storage(storage.clone()).unwrap();
        match db.collection("notes").search(&searches("binary", 32, 0)[0]) {
            Ok(_) => assert!(fits),
            Err(e) => assert!(!fits && e.code() == ErrorCode::LimitExceeded, "{e}"),
        }
    }
}

/// The files with the snapshot changed.
fn with_snapshot(files: &Files, change: impl FnOnce(&mut Vec<u8>)) -> Files {
    let mut files = files.clone();
    change(files.iter_mut().find(|(name, _)| is_snapshot(**name)).unwrap().1);
    files
}

fn snapshot(files: &Files) -> &Vec<u8> {
    files.iter().find(|(name, _)| is_snapshot(**name)).unwrap().1
}

#[test]
fn damage_in_any_page_is_found_when_it_is_touched_and_no_answer_is_ever_wrong() {
    let pages = snapshot(small()).len() / 4096;
    let undamaged = reader(small());
    let notes = undamaged.collection("notes");
    let mut random = Random::new(4);
    let (mut touched, mut untouched) = (0, 0);
    for page in (0..pages).step_by(2) {
        let at = page * 4096 + random.next() as usize % 4096;
        let files = with_snapshot(small(), |bytes| bytes[at] ^= 1 << (random.next() % 8));
        let db = reader(&files);
        let report = db.verify().unwrap();
        assert!(report.problems.iter().any(|problem| problem.contains("vectors")), "{at}: {:?}", report.problems);
        let (name, dimension) = KINDS[page % KINDS.len()];
        let mut degraded = false;
        for search in searches(name, dimension, page as u64) {
            let found = db.collection("notes").search(&search).unwrap();
            let wanted = notes.search(&search).unwrap();
            let exact = notes.search(&search.clone().exact(true)).unwrap();
            degraded |= found.explain().plan != wanted.explain().plan;
            match found.explain().plan {
                Plan::Documents => assert_eq!(bits(&found), bits(&exact), "{at}"),
                plan if plan == wanted.explain().plan => assert_eq!(bits(&found), bits(&wanted), "{at} {name}"),
                // Made anew from the log, without a graph.
                _ => assert!(bits(&found).iter().filter(|hit| bits(&exact).contains(hit)).count() + 2 >= exact.len()),
            }
        }
        if degraded { touched += 1 } else { untouched += 1 }
    }
    println!("{touched} of {} pages were touched", touched + untouched);
    assert!(touched > 20 && untouched > 20, "{touched} {untouched}");
}

#[test]
fn a_damaged_snapshot_is_made_anew_by_maintenance() {
    let undamaged = reader(small());
    let search = &searches("graph", 40, 1)[0];
    let wanted = undamaged.collection("notes").search(search).unwrap();
    assert_eq!(wanted.explain().plan, Plan::Graph);
    let length = snapshot(small()).len();
    let mut found_later = 0;
    for step in 0..12 {
        let at = length - 1 - step * length / 30;
        let storage = Counting::new(&with_snapshot(small(), |bytes| bytes[at] ^= 16));
        let db = quiet().open_storage(storage.clone()).unwrap();
        let notes = db.collection("notes");
        let hits = notes.search(search).unwrap();
        if hits.explain().plan == Plan::Documents {
            found_later += 1;
            assert_eq!(bits(&hits), bits(&undamaged.collection("notes").search(&search.clone().exact(true)).unwrap()));
            assert!(hits.explain().degraded);
            finish(&db);
            assert!(db.verify().unwrap().is_ok(), "{:?}", db.verify().unwrap().problems);
            assert_eq!(bits(&notes.search(search).unwrap()), bits(&wanted));
            assert_eq!(notes.search(search).unwrap().explain().plan, Plan::Graph);
            db.close().unwrap();
            let read = quiet().read_only(true).open_storage(Counting::new(&storage.files.files())).unwrap();
            assert_eq!(bits(&read.collection("notes").search(search).unwrap()), bits(&wanted));
        } else {
            assert_eq!(bits(&hits), bits(&wanted));
            // A commit needs all keys, and the graph all of everything: then it is found at the latest.
            fill(&db, &mut Random::new(5), &KINDS, 3000, 4000);
            finish(&db);
            assert!(db.verify().unwrap().is_ok(), "{at}: {:?}", db.verify().unwrap().problems);
            assert_eq!(notes.search(search).unwrap().explain().plan, Plan::Graph);
        }
    }
    assert!(found_later > 2, "{found_later}");
}

#[test]
fn writes_behind_a_snapshot_of_which_little_was_read_go_on_as_if_all_of_it_had_been() {
    for first in [None, Some("graph"), Some("i4")] {
        let storage = Counting::new(small());
        // The one opens a snapshot, the other makes everything from the log.
        let lazy = quiet().open_storage(storage.clone()).unwrap();
        let mut files = small().clone();
        files.retain(|name, _| !is_snapshot(*name));
        let whole = quiet().open_storage(Counting::new(&files)).unwrap();
        finish(&whole);
        if let Some(name) = first {
            let dimension = KINDS.iter().find(|kind| kind.0 == name).unwrap().1;
            lazy.collection("notes").search(&searches(name, dimension, 0)[0]).unwrap();
        }
        let write = |db: &Database, from: usize, to: usize| {
            let notes = db.collection("notes");
            for n in 0..40 {
                notes.delete(&format!("note/{:06}", from / 100 + n * 3 + 1)).unwrap();
            }
            fill(db, &mut Random::new(from as u64), &KINDS, from, to);
        };
        let compare = |lazy: &Database, what: &str| {
            for (name, dimension) in KINDS {
                for search in searches(name, dimension, 17) {
                    let found = lazy.collection("notes").search(&search).unwrap();
                    let wanted = whole.collection("notes").search(&search).unwrap();
                    assert_eq!(bits(&found), bits(&wanted), "{what}: {name} {search:?}");
                    assert_eq!(found.explain().plan, wanted.explain().plan, "{what}");
                }
            }
        };
        for db in [&lazy, &whole] {
            write(db, 2700, 2830);
        }
        compare(&lazy, "a few rows behind it");
        for db in [&lazy, &whole] {
            write(db, 5000, 6200);
            finish(db);
        }
        compare(&lazy, "many rows, and a snapshot");
        assert!(lazy.verify().unwrap().is_ok());
        lazy.close().unwrap();
        let read = reader(&storage.files.files());
        compare(&read, "opened again");
        assert!(read.verify().unwrap().is_ok());
    }
}

#[test]
fn a_reader_whose_snapshot_is_replaced_goes_on() {
    let storage = Counting::new(small());
    let reader = quiet().read_only(true).open_storage(storage.clone()).unwrap();
    let notes = reader.collection("notes");
    let search = &searches("graph", 40, 2)[0];
    assert_eq!(notes.search(search).unwrap().explain().plan, Plan::Graph);
    for info in storage.list().unwrap().iter().filter(|info| is_snapshot(info.name)) {
        storage.remove(info.name).unwrap();
    }
    let other = &searches("i4", 24, 2)[0];
    let hits = notes.search(other).unwrap();
    assert_eq!(hits.explain().plan, Plan::Documents, "it is no longer to be had");
    assert_eq!(bits(&hits), bits(&notes.search(&other.clone().exact(true)).unwrap()));
    assert_eq!(notes.search(other).unwrap().explain().plan, Plan::Flat, "it is made from the log");
}

#[test]
fn searches_of_several_threads_read_the_same_snapshot() {
    let whole = reader(small());
    let read = reader(small());
    let wanted: Vec<_> =
        (0..6).flat_map(|seed| searches("graph", 40, seed).into_iter().chain(searches("i4", 24, seed))).collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (whole, read, wanted) = (&whole, &read, &wanted);
            scope.spawn(move || {
                for at in 0..wanted.len() {
                    let search = &wanted[(at * 5 + thread * 7) % wanted.len()];
                    let found = read.collection("notes").search(search).unwrap();
                    assert_eq!(bits(&found), bits(&whole.collection("notes").search(search).unwrap()));
                }
            });
        }
    });
}

#[test]
fn searches_of_several_threads_over_a_damaged_snapshot_are_right() {
    let whole = reader(small());
    let length = snapshot(small()).len();
    for step in 1..8 {
        let damaged = with_snapshot(small(), |bytes| bytes[length - step * length / 9] ^= 1);
        let read = reader(&damaged);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (whole, read) = (&whole, &read);
                scope.spawn(move || {
                    for search in searches("graph", 40, thread).into_iter().chain(searches("i4", 24, thread)) {
                        let found = read.collection("notes").search(&search).unwrap();
                        let exact = whole.collection("notes").search(&search.clone().exact(true)).unwrap();
                        let right = bits(&found).iter().filter(|hit| bits(&exact).contains(hit)).count();
                        assert!(found.len() == exact.len() && right + 2 >= exact.len(), "{step} {search:?}");
                    }
                });
            }
        });
    }
}

/// Puts right checksums into a snapshot, as far as it is long enough for any.
fn mend(bytes: &mut [u8]) {
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (description, pages) = (number(bytes, 76), number(bytes, 84));
    let begin = (96 + description + 4 * pages).next_multiple_of(4096);
    if begin + pages * 4096 == bytes.len() {
        for page in 0..pages {
            let sum = crc32fast::hash(&bytes[begin + page * 4096..][..4096]);
            bytes[96 + description + 4 * page..][..4].copy_from_slice(&sum.to_le_bytes());
        }
        let sum = crc32fast::hash(&bytes[96..begin]);
        bytes[88..92].copy_from_slice(&sum.to_le_bytes());
    }
    let sum = crc32fast::hash(&bytes[..92]);
    bytes[92..96].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn what_a_snapshot_says_is_not_trusted_because_its_checksums_are_right() {
    let mut random = Random::new(77);
    let whole = snapshot(small());
    let mut mended = whole.clone();
    mend(&mut mended);
    assert!(mended == *whole, "the checksums are where the test looks for them");
    let description = u32::from_le_bytes(whole[76..80].try_into().unwrap()) as usize;
    let (mut errors, mut noticed) = (0, 0);
    for round in 0..200 {
        let files = with_snapshot(small(), |bytes| {
            for _ in 0..1 + round % 3 {
                let at = match round % 4 {
                    0 => 76 + random.next() as usize % 12,
                    1 => 96 + random.next() as usize % description,
                    _ => 4096 + random.next() as usize % (bytes.len() - 4096),
                };
                let byte = [0, 1, 0x7f, 0xff, random.next() as u8][random.next() as usize % 5];
                // A whole number, or a byte.
                let width = if round % 8 < 4 { 1 } else { 4 };
                let end = (at + width).min(bytes.len());
                bytes[at..end].fill(byte);
            }
            mend(bytes);
        });
        let db = quiet().open_storage(Counting::new(&files)).unwrap();
        let (name, dimension) = KINDS[round % KINDS.len()];
        for search in searches(name, dimension, round as u64) {
            match db.collection("notes").search(&search) {
                Ok(hits) => assert!(hits.len() <= 8 && hits.iter().all(|hit| hit.score.is_finite())),
                Err(e)
                    if matches!(e.code(), ErrorCode::Corrupt | ErrorCode::NotFound | ErrorCode::DimensionMismatch) =>
                {
                    errors += 1
                }
                Err(e) => panic!("{e}"),
            }
        }
        noticed += usize::from(!db.verify().unwrap().is_ok());
        if round % 10 == 0 {
            fill(&db, &mut Random::new(8), &KINDS, 2790, 2810);
            while matches!(db.maintain(1), Ok(true)) {}
        }
    }
    println!("{errors} searches failed, {noticed} snapshots of 200 were seen to be damaged");
    assert!(noticed > 50, "{noticed}");
}
