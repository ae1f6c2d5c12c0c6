//! The index of vectors: that it finds what a comparison with every document finds, is read back instead of made anew, is made
//! anew when it is damaged, and holds itself to its memory.
//!
//! A search of the index can only be told from one of the documents by what it says of itself, so each test asks for that.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use koru_delta::{
    Codes, Database, ErrorCode, Filter, Hits, IndexKind, KeyRange, Maintenance, Metric, Options, Plan, Search,
    VectorConfig, Vectors,
    storage::{FileName, memory::MemoryStorage},
};
use koru_tests::random::Random;
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};

/// About normal.
fn normal(random: &mut Random) -> f32 {
    let unit = |random: &mut Random| (random.next() >> 40) as f32 / (1u64 << 24) as f32;
    (0..6).map(|_| unit(random)).sum::<f32>() - 3.0
}

const DIMENSION: usize = 48;

/// Points around some centres, as embeddings are.
struct Points {
    random: Random,
    centres: Vec<Vec<f32>>,
}

impl Points {
    fn new(seed: u64) -> Points {
        let mut random = Random::new(seed);
        let centres = (0..40).map(|_| (0..DIMENSION).map(|_| normal(&mut random)).collect()).collect();
        Points { random, centres }
    }

    fn next(&mut self) -> (usize, Vec<f32>) {
        let at = self.random.next() as usize % self.centres.len();
        let random = &mut self.random;
        (at, self.centres[at].iter().map(|x| x + 0.6 * normal(random)).collect())
    }
}

fn quiet() -> Options {
    Options::new().maintenance(Maintenance::Manual)
}

/// Puts `count` documents from `from` on, in commits of 500.
fn fill(db: &Database, points: &mut Points, from: usize, count: usize) {
    let notes = db.collection("notes");
    for start in (from..from + count).step_by(500) {
        let mut batch = notes.batch().unwrap();
        for n in start..(start + 500).min(from + count) {
            let (group, vector) = points.next();
            batch.put_with(&format!("{n:06}"), &json!({"group": group, "n": n}), &Vectors::from(vector)).unwrap();
        }
        batch.commit(Default::default()).unwrap();
    }
}

fn keys(hits: &Hits) -> Vec<&str> {
    hits.iter().map(|hit| &*hit.key).collect()
}

fn bits(hits: &Hits) -> Vec<(&str, u32)> {
    hits.iter().map(|hit| (&*hit.key, hit.score.to_bits())).collect()
}

/// The share of the exact hits that a search finds, over some queries, and the plans that were made.
fn recall(db: &Database, points: &mut Points, search: impl Fn(Search) -> Search) -> (f64, BTreeSet<&'static str>) {
    let notes = db.collection("notes");
    let (mut found, mut all, mut plans) = (0, 0, BTreeSet::new());
    for _ in 0..40 {
        let (_, query) = points.next();
        let search = search(Search::vector(&query).k(10).include_values(false));
        let exact = notes.search(&search.clone().exact(true)).unwrap();
        let hits = notes.search(&search).unwrap();
        plans.insert(hits.explain().plan.name());
        assert_eq!(hits.len(), exact.len(), "{:?}", hits.explain());
        let wanted = keys(&exact);
        all += wanted.len();
        found += keys(&hits).iter().filter(|key| wanted.contains(key)).count();
    }
    (found as f64 / all as f64, plans)
}

#[test]
fn every_kind_of_codes_finds_what_an_exact_comparison_finds() {
    for (metric, codes, least) in [
        (Metric::Cosine, Codes::F32, 1.0),
        (Metric::Cosine, Codes::F16, 1.0),
        (Metric::Cosine, Codes::I8, 0.999),
        (Metric::Cosine, Codes::I4, 0.995),
        (Metric::Cosine, Codes::Binary, 0.9),
        (Metric::Euclidean, Codes::I8, 0.999),
        (Metric::Euclidean, Codes::I4, 0.995),
        (Metric::Dot, Codes::I8, 0.999),
        (Metric::Dot, Codes::I4, 0.995),
    ] {
        let db = quiet().open_memory().unwrap();
        let config = VectorConfig::new(DIMENSION).metric(metric).codes(codes).index(IndexKind::Flat);
        db.collection("notes").configure_vectors("default", config).unwrap();
        let mut points = Points::new(7);
        fill(&db, &mut points, 0, 6000);
        let (recall, plans) = recall(&db, &mut points, |search| search);
        println!("{metric:?} {codes:?}: recall@10 {recall}, {plans:?}");
        assert!(recall >= least, "{metric:?} {codes:?}: {recall}");
        let plan = if codes == Codes::F32 { "rows" } else { "flat" };
        assert_eq!(plans, BTreeSet::from([plan]), "{metric:?} {codes:?}");
    }
}

#[test]
fn the_graph_finds_nearly_all_also_filtered_and_as_of_a_moment() {
    let db = quiet().open_memory().unwrap();
    let notes = db.collection("notes");
    notes.configure_vectors("default", VectorConfig::new(DIMENSION).index(IndexKind::Hnsw)).unwrap();
    let mut points = Points::new(3);
    fill(&db, &mut points, 0, 8000);
    let before = db.snapshot().unwrap();
    while db.maintain(1).unwrap() {}
    let (all, plans) = recall(&db, &mut points, |search| search);
    println!("graph: recall@10 {all}");
    assert!(all >= 0.98 && plans == BTreeSet::from(["graph"]), "{all} {plans:?}");
    for filter in [json!({"n": {"$lt": 7000}}), json!({"group": {"$in": [1, 2, 3]}}), json!({"n": {"$lt": 40}})] {
        let filter = Filter::new(&filter).unwrap();
        let (some, plans) = recall(&db, &mut points, |search| search.filter(filter.clone()));
        println!("filtered: recall@10 {some}, {plans:?}");
        assert!(some >= 0.98, "{some} {plans:?}");
    }
    // Half of what was there is replaced, and the graph has both.
    fill(&db, &mut points, 0, 4000);
    while db.maintain(1).unwrap() {}
    let (now, _) = recall(&db, &mut points, |search| search);
    assert!(now >= 0.98, "{now}");
    let then = before.collection("notes");
    let (mut found, mut wanted) = (0, 0);
    for _ in 0..40 {
        let search = Search::vector(&points.next().1).k(10);
        let (hits, exact) = (then.search(&search).unwrap(), then.search(&search.exact(true)).unwrap());
        assert_eq!(hits.len(), 10);
        wanted += 10;
        found += keys(&hits).iter().filter(|key| keys(&exact).contains(key)).count();
    }
    assert!(found * 100 >= wanted * 98, "{found} of {wanted}");
}

#[test]
fn a_search_from_a_document_and_one_past_few_that_are_deleted_follow_the_graph() {
    let db = quiet().open_memory().unwrap();
    let notes = db.collection("notes");
    notes.configure_vectors("default", VectorConfig::new(DIMENSION).index(IndexKind::Hnsw)).unwrap();
    fill(&db, &mut Points::new(8), 0, 3000);
    while db.maintain(1).unwrap() {}
    for round in 0..20 {
        let key = format!("{:06}", round * 17);
        let like = Search::like(&*key).k(10);
        let (hits, exact) = (notes.search(&like).unwrap(), notes.search(&like.exact(true)).unwrap());
        assert_eq!((hits.explain().plan, hits.len()), (Plan::Graph, 10), "{:?}", hits.explain());
        assert!(keys(&hits).iter().filter(|key| keys(&exact).contains(key)).count() >= 9, "{key}");
        assert!(!keys(&hits).contains(&&*key));
        // The nearest is no longer there for the next ones.
        notes.delete(&hits[0].key).unwrap();
        let after = notes.search(&Search::like(key).k(10)).unwrap();
        assert_eq!((after.explain().plan, after.len()), (Plan::Graph, 10), "{:?}", after.explain());
        assert!(!keys(&after).contains(&&*hits[0].key));
    }
}

#[test]
fn vectors_that_are_compared_again_come_from_the_cache_within_its_budget() {
    let budget = 2 << 20;
    let db = quiet().cache_bytes(budget).open_memory().unwrap();
    let notes = db.collection("notes");
    let mut points = Points::new(21);
    // In memory they would be 7 MiB.
    fill(&db, &mut points, 0, 40_000);
    let search = Search::vector(&points.next().1).k(10);
    let first = notes.search(&search).unwrap();
    let before = db.stats().block_cache_bytes;
    for _ in 0..3 {
        assert_eq!(bits(&notes.search(&search).unwrap()), bits(&first));
    }
    let compared = first.explain().compared;
    let added = db.stats().block_cache_bytes - before;
    assert!(added >= compared * 4 * DIMENSION as u64, "{compared} were compared, and {added} bytes kept of them");
    // Many others, twice each, and those that are compared by hundreds.
    for _ in 0..2 {
        let mut points = Points::new(22);
        for n in 0..400 {
            let key = KeyRange::prefix(format!("0{:02}", n % 40));
            let search = Search::vector(&points.next().1).keys(key).k(10).include_values(false);
            notes.search(&search.exact(n % 4 == 0)).unwrap();
            let stats = db.stats();
            assert!(stats.block_cache_bytes + stats.document_cache_bytes <= budget as u64);
        }
    }
    assert_eq!(bits(&notes.search(&search).unwrap()), bits(&first));
}

/// Copies of a database's files, without the snapshot or with another one.
fn copy(storage: &MemoryStorage, change: impl Fn(FileName, &mut Vec<u8>) -> bool) -> Arc<MemoryStorage> {
    let mut files = storage.files();
    files.retain(|name, bytes| change(*name, bytes));
    Arc::new(MemoryStorage::from_files(files))
}

fn is_snapshot(name: FileName) -> bool {
    matches!(name, FileName::Vectors(_))
}

#[test]
fn a_snapshot_is_read_back_and_one_that_is_lost_or_damaged_is_made_anew_with_the_same_hits() {
    let storage = Arc::new(MemoryStorage::new());
    let mut points = Points::new(11);
    let query = points.next().1;
    let search = Search::vector(&query).k(20);
    let hits = {
        let db = quiet().open_storage(storage.clone()).unwrap();
        let config = VectorConfig::new(DIMENSION).index(IndexKind::Hnsw);
        db.collection("notes").configure_vectors("default", config).unwrap();
        fill(&db, &mut points, 0, 5000);
        while db.maintain(1).unwrap() {}
        fill(&db, &mut points, 5000, 300);
        let hits = db.collection("notes").search(&search).unwrap();
        assert_eq!(hits.explain().plan, Plan::Graph, "{:?}", hits.explain());
        db.close().unwrap();
        hits
    };
    let snapshots = storage.files().keys().filter(|name| is_snapshot(**name)).count();
    assert_eq!(snapshots, 1);
    let opened = |storage: Arc<MemoryStorage>| {
        let db = quiet().read_only(true).open_storage(storage).unwrap();
        let found = db.collection("notes").search(&search).unwrap();
        assert!(db.verify().unwrap().is_ok() || !found.is_empty());
        found
    };
    let found = opened(copy(&storage, |_, _| true));
    assert_eq!(found.explain().plan, Plan::Graph, "a read-only database links nothing: {:?}", found.explain());
    assert_eq!(bits(&found), bits(&hits));
    let found = opened(copy(&storage, |name, _| !is_snapshot(name)));
    assert_ne!(found.explain().plan, Plan::Graph, "without a snapshot nothing is linked yet");
    let exact = bits(&found).iter().filter(|hit| bits(&hits).contains(hit)).count();
    assert!(exact >= 19, "{exact}");
    let length = storage.files().iter().find(|(name, _)| is_snapshot(**name)).unwrap().1.len();
    for at in [1, 9, 30, 70, 87, 88, 95, length / 2, length - 1] {
        for cut in [false, true] {
            let damaged = copy(&storage, |name, bytes| {
                if is_snapshot(name) {
                    if cut { bytes.truncate(at) } else { bytes[at] ^= 4 }
                }
                true
            });
            let db = quiet().open_storage(damaged.clone()).unwrap();
            let report = db.verify().unwrap();
            assert!(!report.is_ok() && report.problems[0].contains("vectors"), "{at} {cut}: {:?}", report.problems);
            let found = db.collection("notes").search(&search).unwrap();
            // Damage behind what is read at once is found by a search that touches it.
            let touched = found.explain().plan != Plan::Graph;
            assert!(touched || (!cut && at > 95 && bits(&found) == bits(&hits)), "{at} {cut}");
            let exact = bits(&found).iter().filter(|hit| bits(&hits).contains(hit)).count();
            assert!(exact >= 19, "{at} {cut}: {exact}");
            if at == 9 {
                while db.maintain(1).unwrap() {}
                assert!(db.verify().unwrap().is_ok(), "maintenance has made it anew");
                assert_eq!(bits(&db.collection("notes").search(&search).unwrap()), bits(&hits));
            }
        }
    }
}

#[test]
fn a_copy_has_the_snapshot_and_an_unfinished_one_is_no_damage() {
    let storage = Arc::new(MemoryStorage::new());
    let db = quiet().open_storage(storage.clone()).unwrap();
    let mut points = Points::new(13);
    fill(&db, &mut points, 0, 3000);
    while db.maintain(1).unwrap() {}
    let export = db.export().unwrap();
    assert!(export.files().iter().any(|info| is_snapshot(info.name)));
    // Another snapshot while the copy is under way.
    fill(&db, &mut points, 3000, 3000);
    while db.maintain(1).unwrap() {}
    for info in export.files() {
        let mut at = 0;
        while at < info.bytes {
            at += export.read_at(info.name, at, 1 << 20).unwrap().len() as u64;
        }
    }
    drop(export);
    db.close().unwrap();
    let unfinished = || {
        let left = [(FileName::Vectors(90), vec![0; 5000]), (FileName::Vectors(91), vec![])];
        Arc::new(MemoryStorage::from_files(storage.files().into_iter().chain(left)))
    };
    let reader = quiet().read_only(true).open_storage(unfinished()).unwrap();
    assert!(reader.verify().unwrap().is_ok());
    let search = Search::vector(&points.next().1).k(5);
    assert_eq!(reader.collection("notes").search(&search).unwrap().len(), 5);
    let storage = unfinished();
    let db = quiet().open_storage(storage.clone()).unwrap();
    assert!(storage.files().keys().all(|name| !matches!(name, FileName::Vectors(90..))), "opening removes them");
    assert_eq!(db.collection("notes").search(&search).unwrap().explain().plan, Plan::Flat);
}

#[test]
fn another_configuration_makes_the_index_anew_while_searches_stay_exact() {
    let db = quiet().open_memory().unwrap();
    let notes = db.collection("notes");
    let mut points = Points::new(5);
    fill(&db, &mut points, 0, 3000);
    let query = points.next().1;
    let search = Search::vector(&query).k(5);
    assert_eq!(notes.search(&search).unwrap().explain().plan, Plan::Flat);
    let config = VectorConfig::new(DIMENSION).metric(Metric::Euclidean).codes(Codes::F16);
    notes.configure_vectors("default", config).unwrap();
    let hits = notes.search(&search).unwrap();
    assert!(hits.explain().degraded && hits.explain().plan == Plan::Rows, "{:?}", hits.explain());
    assert_eq!(bits(&hits), bits(&notes.search(&search.clone().exact(true)).unwrap()));
    while db.maintain(1).unwrap() {}
    let after = notes.search(&search).unwrap();
    assert!(!after.explain().degraded && after.explain().plan == Plan::Flat, "{:?}", after.explain());
    assert_eq!(bits(&after), bits(&hits));
}

#[test]
fn an_index_beyond_its_memory_is_refused_and_exact_searches_go_on() {
    let db = quiet().vector_bytes(100_000).open_memory().unwrap();
    let notes = db.collection("notes");
    let mut points = Points::new(2);
    fill(&db, &mut points, 0, 4000);
    let search = Search::vector(&points.next().1).k(3);
    let e = notes.search(&search).unwrap_err();
    assert_eq!(e.code(), ErrorCode::LimitExceeded);
    assert!(e.message().contains("100000"), "{e}");
    assert_eq!(notes.search(&search.exact(true)).unwrap().explain().plan, Plan::Documents);
    notes.put("more", &1).expect("writes do not depend on it");
}

#[test]
fn few_rows_are_compared_and_many_scanned() {
    let db = quiet().open_memory().unwrap();
    let notes = db.collection("notes");
    let mut points = Points::new(9);
    fill(&db, &mut points, 0, 20_000);
    let search = Search::vector(&points.next().1).k(10);
    let few = notes.search(&search.clone().keys(KeyRange::prefix("00001"))).unwrap();
    assert_eq!((few.explain().plan, few.explain().taken, few.len()), (Plan::Rows, 10, 10));
    let many = notes.search(&search).unwrap();
    assert_eq!((many.explain().plan, many.explain().taken), (Plan::Flat, 20_000));
    assert!(many.explain().compared < 100);
}

/// Candidates come best by code first. Some are passed over, since they cannot be hits; those behind them may be.
#[test]
fn a_candidate_behind_many_that_are_passed_over_is_compared_all_the_same() {
    let db = quiet().open_storage(Arc::new(MemoryStorage::new())).unwrap();
    let notes = db.collection("notes");
    let config = VectorConfig::new(32).metric(Metric::Dot).codes(Codes::I8).index(IndexKind::Flat);
    notes.configure_vectors("default", config).unwrap();
    let along = |first: f32, second: f32| {
        let mut vector = vec![0.0; 32];
        (vector[0], vector[1]) = (first, second);
        vector
    };
    let mut batch = notes.batch().unwrap();
    let mut put = |key: String, vector: Vec<f32>| {
        batch.put_with(&key, &json!({}), &Vectors::from(vector)).unwrap();
    };
    for n in 0..16 {
        put(format!("near/{n:02}"), along(1.0 - 0.001 * n as f32, 0.0));
    }
    for n in 0..8 {
        put(format!("passed/{n}"), along(0.9 - 0.001 * n as f32, 0.0));
    }
    // By code it scores 0.79: its large component leaves a coarse step for the other.
    put("coarse".into(), along(1.15, 100.0));
    for n in 0..1500 {
        put(format!("far/{n:04}"), along(-0.1 - 0.0001 * n as f32, 0.0));
    }
    batch.commit(Default::default()).unwrap();
    let search = Search::vector(&along(1.0, 0.0)).k(10);
    let hits = notes.search(&search).unwrap();
    assert_eq!(hits.explain().plan, Plan::Flat);
    assert_eq!(hits.explain().compared, 17, "the others cannot be hits");
    assert_eq!(bits(&hits), bits(&notes.search(&search.exact(true)).unwrap()));
    assert_eq!(hits[0].key, "coarse");
}
