//! Vectors through the public interface: what is put comes back, a search is what a comparison with every document says,
//! now and as of any moment, and nothing of it is lost over a reopening.
//!
//! The oracle is a list of everything that was ever written, looked through from the beginning for each question.

use koru_delta::{
    CommitInfo, Database, ErrorCode, Filter, ImportChange, KeyRange, Metric, Moment, Options, Search, Timestamp, Value,
    VectorConfig, Vectors, VersionId, WriteOptions, storage::memory::MemoryStorage,
};
use koru_tests::random::Random;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

/// Few different numbers, so that equal scores are common.
fn some_vector(random: &mut Random, dimension: usize) -> Vec<f32> {
    (0..dimension).map(|_| random.below(5) as f32 - 2.0).collect()
}

fn vectors(vector: &[f32]) -> WriteOptions {
    WriteOptions { vectors: Vectors::from(vector), ..WriteOptions::default() }
}

#[test]
fn what_was_put_beside_a_document_comes_back_with_every_version_of_it() {
    let storage = Arc::new(MemoryStorage::new());
    let db = Options::new().open_storage(storage.clone()).unwrap();
    let notes = db.collection("notes");
    let two = Vectors::new().with("title", [1.0, -0.0]).with("body", [0.5, 2.5, 1e-40]);
    let first = notes.put_with("a", &1, WriteOptions { vectors: two.clone(), ..WriteOptions::default() }).unwrap();
    notes.put("plain", &2).unwrap();
    notes.put_with("a", &3, vectors(&[7.0])).unwrap();
    notes.put("a", &4).unwrap();
    for _ in 0..2 {
        assert_eq!(notes.vectors("a").unwrap(), Some(Vectors::new()), "a write replaces the vectors too");
        assert_eq!(notes.vectors("plain").unwrap(), Some(Vectors::new()));
        assert_eq!(notes.vectors("nothing").unwrap(), None);
        assert_eq!(notes.as_of(first).unwrap().vectors("a").unwrap(), Some(two.clone()));
        let versions: Vec<_> = notes.history("a").unwrap().map(Result::unwrap).collect();
        let of_each: Vec<_> = versions.iter().map(|v| notes.vectors_of(v).unwrap()).collect();
        assert_eq!(of_each, [Vectors::new(), Vectors::from([7.0]), two.clone()]);
        assert_eq!(notes.get("a").unwrap().unwrap().value().unwrap(), &Value::Int(4));
        assert!(db.verify().unwrap().is_ok());
        db.checkpoint().unwrap();
    }
    db.close().unwrap();
    let db = Options::new().open_storage(Arc::new(MemoryStorage::from_files(storage.files()))).unwrap();
    assert_eq!(db.as_of(first).unwrap().collection("notes").vectors("a").unwrap(), Some(two));
    assert!(db.verify().unwrap().is_ok());
}

#[test]
fn a_vector_of_another_dimension_is_refused_and_nothing_of_its_commit_is_written() {
    let db = Database::memory().unwrap();
    let notes = db.collection("notes");
    let refused = |e: koru_delta::Error| {
        assert_eq!(e.code(), ErrorCode::DimensionMismatch, "{e}");
        assert!(e.message().contains("default") && e.message().contains('3') && e.message().contains('2'), "{e}");
    };
    let mut batch = notes.batch().unwrap();
    batch.put_with("a", &1, &Vectors::from([1.0, 2.0])).unwrap();
    batch.put_with("b", &2, &Vectors::from([1.0, 2.0, 3.0])).unwrap();
    refused(batch.commit(Default::default()).unwrap_err());
    assert!(notes.get("a").unwrap().is_none());
    notes.put_with("a", &1, vectors(&[1.0, 2.0])).unwrap();
    refused(notes.put_with("b", &1, vectors(&[1.0, 2.0, 3.0])).unwrap_err());
    refused(notes.search(&Search::vector(&[1.0, 2.0, 3.0])).unwrap_err());
    refused(notes.configure_vectors("default", VectorConfig::new(3)).unwrap_err());
    let other =
        notes.put_with("b", &1, WriteOptions { vectors: Vectors::new().with("other", [1.0; 3]), ..vectors(&[]) });
    other.expect("each name has a dimension of its own");
    db.collection("others").put_with("b", &1, vectors(&[1.0; 3])).expect("and each collection");
    assert_eq!(notes.vector_config("default").unwrap(), Some(VectorConfig::new(2)));
}

#[test]
fn a_search_that_is_not_possible_says_why() {
    let db = Database::memory().unwrap();
    let notes = db.collection("notes");
    let code = |search: &Search| notes.search(search).unwrap_err().code();
    assert_eq!(code(&Search::vector(&[1.0])), ErrorCode::NotFound);
    notes.put_with("a", &1, vectors(&[1.0, 2.0])).unwrap();
    notes.put("plain", &1).unwrap();
    let near = Search::vector(&[1.0, 2.0]);
    assert_eq!(code(&Search::vector(&[1.0, f32::NAN])), ErrorCode::InvalidArgument);
    assert_eq!(code(&Search::vector(&[])), ErrorCode::InvalidArgument);
    assert_eq!(code(&near.clone().k(0)), ErrorCode::InvalidArgument);
    assert_eq!(code(&near.clone().k(1 << 30)), ErrorCode::LimitExceeded);
    assert_eq!(code(&near.clone().ef(0)), ErrorCode::InvalidArgument);
    assert_eq!(code(&near.clone().threshold(f32::NAN)), ErrorCode::InvalidArgument);
    assert_eq!(code(&near.clone().name("title")), ErrorCode::NotFound);
    assert_eq!(code(&near.clone().as_of(Moment::Tag("none".into()))), ErrorCode::NotFound);
    assert_eq!(code(&Search::like("nothing")), ErrorCode::NotFound);
    assert_eq!(code(&Search::like("plain")), ErrorCode::NotFound);
    let snapshot = db.snapshot().unwrap();
    let twice = near.as_of(db.snapshot().map(|_| Moment::Now).unwrap());
    assert_eq!(snapshot.collection("notes").search(&twice).unwrap_err().code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_document_without_vectors_or_that_is_deleted_or_expired_is_not_found() {
    let db = Database::memory().unwrap();
    let notes = db.collection("notes");
    for key in ["a", "b", "c", "d"] {
        notes.put_with(key, &1, vectors(&[1.0, 1.0])).unwrap();
    }
    let expired = WriteOptions { expires_at: Some(1), ..vectors(&[1.0, 1.0]) };
    notes.put_with("b", &1, expired).unwrap();
    notes.delete("c").unwrap();
    notes.put("d", &2).unwrap();
    let hits = notes.search(&Search::vector(&[1.0, 1.0])).unwrap();
    assert_eq!(hits.iter().map(|h| &*h.key).collect::<Vec<_>>(), ["a"]);
    assert!((hits[0].score - 1.0).abs() < 1e-6);
}

#[test]
fn restore_and_diff_know_the_vectors() {
    let db = Database::memory().unwrap();
    let notes = db.collection("notes");
    let first = notes.put_with("a", &1, vectors(&[1.0, 0.0])).unwrap();
    let second = notes.put_with("a", &1, vectors(&[0.0, 1.0])).unwrap();
    let third = notes.put("a", &1).unwrap();
    let differ = |a: VersionId, b: VersionId| notes.diff_moments(a, b).unwrap().count();
    assert_eq!((differ(first, second), differ(second, third), differ(third, third)), (1, 1, 0));
    notes.restore("a", second).unwrap().expect("the vectors differ");
    assert_eq!(notes.vectors("a").unwrap(), Some(Vectors::from([0.0, 1.0])));
    db.restore(first).unwrap().expect("the vectors differ");
    assert_eq!(notes.vectors("a").unwrap(), Some(Vectors::from([1.0, 0.0])));
    assert_eq!(db.restore(first).unwrap(), None);
}

/// One version, in the order of writing.
struct Written {
    key: String,
    group: Option<u64>,
    vector: Option<Vec<f32>>,
    commit: VersionId,
}

/// What a search must return: keys and scores.
fn expected(
    all: &[Written],
    metric: Metric,
    query: &[f32],
    k: usize,
    group: Option<u64>,
    prefix: &str,
    left_out: Option<&str>,
) -> Vec<(String, f32)> {
    let mut alive: BTreeMap<&str, &Written> = BTreeMap::new();
    all.iter().for_each(|w| _ = alive.insert(&w.key, w));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
    let score = |v: &[f32]| match metric {
        Metric::Dot => dot(query, v),
        Metric::Cosine => {
            let lengths = dot(query, query).sqrt() * dot(v, v).sqrt();
            if lengths > 0.0 { dot(query, v) / lengths } else { 0.0 }
        }
        Metric::Euclidean => query.iter().zip(v).map(|(a, b)| f64::from((a - b) * (a - b))).sum::<f64>().sqrt(),
    };
    let mut found: Vec<(String, f64)> = (alive.values())
        .filter(|w| w.group.is_some() && (group.is_none() || w.group == group))
        .filter(|w| w.key.starts_with(prefix) && Some(&*w.key) != left_out)
        .filter_map(|w| Some((w.key.clone(), score(w.vector.as_ref()?))))
        .collect();
    let sign = if metric == Metric::Euclidean { 1.0 } else { -1.0 };
    // Equal scores differ in their last bits here, depending on how they are computed.
    let rounded = |score: f64| (score * 1e5).round();
    found.sort_by(|a, b| (sign * rounded(a.1)).total_cmp(&(sign * rounded(b.1))).then(a.0.cmp(&b.0)));
    found.truncate(k);
    found.into_iter().map(|(key, score)| (key, score as f32)).collect()
}

fn check(hits: &koru_delta::Hits, wanted: &[(String, f32)], metric: Metric, what: &str) {
    assert_eq!(hits.len(), wanted.len(), "{what}: {:?}", hits.explain());
    for (place, (hit, (_, score))) in hits.iter().zip(wanted).enumerate() {
        assert!((hit.score - score).abs() < 2e-5, "{what}: hit {place} is {} with {}", hit.key, hit.score);
    }
    // Within one score the order is by key; the scores are compared as they were returned.
    for pair in hits.windows(2) {
        let ordered = match metric {
            Metric::Euclidean => pair[0].score < pair[1].score,
            _ => pair[0].score > pair[1].score,
        };
        assert!(ordered || (pair[0].score == pair[1].score && pair[0].key < pair[1].key), "{what}");
    }
    let (keys, of): (Vec<_>, Vec<_>) = (hits.iter().map(|h| &h.key).collect(), wanted.iter().map(|w| &w.0).collect());
    // Scores that are equal by definition may differ in their last bits, and the last place may be shared.
    if keys != of {
        let same = hits.iter().zip(wanted).all(|(hit, (_, score))| (hit.score - score).abs() < 2e-5);
        assert!(same, "{what}: {keys:?} instead of {of:?}");
    }
}

#[test]
fn a_search_is_what_a_comparison_with_every_document_says_now_and_at_every_moment() {
    for (seed, &metric) in Metric::ALL.iter().enumerate() {
        let mut random = Random::new(seed as u64 + 1);
        let mut storage = Arc::new(MemoryStorage::new());
        // Small segments and tails, so that there are checkpoints and merges in between.
        let options = Options::new().limits_for_tests(64 << 10, 8 << 10);
        let mut db = options.clone().open_storage(storage.clone()).unwrap();
        db.collection("notes").configure_vectors("default", VectorConfig::new(6).metric(metric)).unwrap();
        let mut written: Vec<Written> = Vec::new();
        for step in 0..400 {
            let notes = db.collection("notes");
            let key = format!("{}{:02}", ["a", "b"][random.below(2) as usize], random.below(40));
            let (group, vector) = match random.below(10) {
                0 => (None, None),
                1 => (Some(random.below(4)), None),
                _ => (Some(random.below(4)), Some(some_vector(&mut random, 6))),
            };
            let commit = match group {
                None => notes.delete(&key).unwrap(),
                Some(group) => {
                    let options = vector.as_deref().map(vectors).unwrap_or_default();
                    notes.put_with(&key, &json!({"group": group}), options).map(Some).unwrap()
                }
            };
            if let Some(commit) = commit {
                written.push(Written { key, group, vector, commit });
            }
            if step % 5 == 4 && !written.is_empty() {
                let until =
                    if random.below(2) == 0 { written.len() } else { 1 + random.below(written.len() as u64) as usize };
                let then = &written[..until];
                let query = some_vector(&mut random, 6);
                let k = 1 + random.below(12) as usize;
                let group = (random.below(2) == 0).then(|| random.below(4));
                let prefix = ["", "a", "b1"][random.below(3) as usize];
                let mut search = Search::vector(&query).k(k).exact(random.below(2) == 0).keys(KeyRange::prefix(prefix));
                if let Some(group) = group {
                    search = search.filter(Filter::new(&json!({"group": group})).unwrap());
                }
                let what = format!("{metric:?}, step {step}, {until} of {} versions", written.len());
                let moment = then.last().unwrap().commit;
                let hits = notes.search(&search.clone().as_of(moment)).unwrap();
                check(&hits, &expected(then, metric, &query, k, group, prefix, None), metric, &what);
                let same = notes.as_of(moment).unwrap().search(&search).unwrap();
                assert_eq!(
                    same.iter().map(|h| (&h.key, h.score.to_bits())).collect::<Vec<_>>(),
                    hits.iter().map(|h| (&h.key, h.score.to_bits())).collect::<Vec<_>>()
                );
                let hits = notes.search(&search).unwrap();
                check(&hits, &expected(&written, metric, &query, k, group, prefix, None), metric, &what);
                if let Some(hit) = hits.first() {
                    let own = notes.vectors(&hit.key).unwrap().unwrap().get("default").unwrap().to_vec();
                    let like = notes.search(&Search::like(hit.key.clone()).k(k)).unwrap();
                    check(&like, &expected(&written, metric, &own, k, None, "", Some(&hit.key)), metric, &what);
                }
            }
            if step % 100 == 99 {
                db.close().unwrap();
                storage = Arc::new(MemoryStorage::from_files(storage.files()));
                db = options.clone().open_storage(storage.clone()).unwrap();
                assert!(db.verify().unwrap().is_ok());
            }
        }
    }
}

#[test]
fn a_threshold_is_a_range_search() {
    let db = Database::memory().unwrap();
    let points = db.collection("points");
    points.configure_vectors("default", VectorConfig::new(1).metric(Metric::Euclidean)).unwrap();
    for n in 0..20 {
        points.put_with(&format!("{n:02}"), &n, vectors(&[n as f32])).unwrap();
    }
    let hits = points.search(&Search::vector(&[10.0]).threshold(2.0).k(100)).unwrap();
    assert_eq!(hits.iter().map(|h| &*h.key).collect::<Vec<_>>(), ["10", "09", "11", "08", "12"]);
    let hits = points.search(&Search::vector(&[10.0]).threshold(2.0).k(2)).unwrap();
    assert_eq!(hits.iter().map(|h| &*h.key).collect::<Vec<_>>(), ["10", "09"]);
}

fn imported(collection: &str, key: &str, vector: &[f32]) -> ImportChange {
    let vectors = Vectors::from(vector);
    ImportChange { collection: collection.into(), key: key.into(), value: Some(Value::from(key)), vectors }
}

/// Searches as of the times of an import find what the import brought for them, and the import keeps to what is known of a
/// name: its dimension, and how it is searched.
#[test]
fn history_that_is_imported_brings_its_vectors() {
    let db = Database::memory().unwrap();
    let mut import = db.import("elsewhere").unwrap();
    let mut commit = |time_ms, changes| import.commit(time_ms, Default::default(), changes, Value::Null);
    commit(1000, vec![imported("notes", "a", &[1.0, 0.0]), imported("notes", "b", &[0.0, 1.0])]).unwrap();
    commit(2000, vec![imported("notes", "a", &[0.0, 1.0]), imported("notes", "b", &[1.0, 0.0])]).unwrap();

    let notes = db.collection("notes");
    let near = Search::vector(&[1.0, 0.0]);
    let found = |search: &Search| notes.search(search).unwrap().iter().map(|hit| hit.key.clone()).collect::<Vec<_>>();
    let at = |ms| near.clone().as_of(Timestamp::end_of_millis(ms));
    assert_eq!(found(&at(1000)), ["a", "b"]);
    assert_eq!(found(&at(2000)), ["b", "a"]);
    assert_eq!(found(&at(999)), [""; 0]);
    assert_eq!(found(&near), ["b", "a"]);
    let then = db.as_of(Timestamp::end_of_millis(1000)).unwrap();
    assert_eq!(then.collection("notes").vectors("a").unwrap(), Some(Vectors::from([1.0, 0.0])));
    assert_eq!(notes.vector_config("default").unwrap(), Some(VectorConfig::new(2)));

    let refused = commit(3000, vec![imported("notes", "c", &[1.0])]).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::DimensionMismatch, "{refused}");
    assert!(notes.get("c").unwrap().is_none());
    notes.put_with("a", &1, vectors(&[1.0, 0.1])).expect("its own writes go on from there");
    assert_eq!(found(&near), ["b", "a"]);
    assert_eq!(found(&at(1000)), ["a", "b"]);

    let points = db.collection("points");
    let config = VectorConfig::new(1).metric(Metric::Dot);
    points.configure_vectors("default", config).unwrap();
    commit(3000, vec![imported("points", "low", &[1.0]), imported("points", "high", &[2.0])]).unwrap();
    assert_eq!(points.vector_config("default").unwrap(), Some(config));
    let hits = points.search(&Search::vector(&[1.0]).as_of(Timestamp::end_of_millis(3000))).unwrap();
    assert_eq!(hits.iter().map(|hit| &*hit.key).collect::<Vec<_>>(), ["high", "low"]);
    assert!(db.verify().unwrap().is_ok());
}

#[test]
fn who_configures_vectors_can_be_told() {
    let db = Database::memory().unwrap();
    let info = CommitInfo { author: Some("me".into()), message: Some("by angle".into()), causes: Vec::new() };
    let notes = db.collection("notes");
    let version = notes.configure_vectors_with("default", VectorConfig::new(2), info.clone()).unwrap().unwrap();
    let commit = db.commit(version).unwrap();
    assert_eq!((commit.author.as_deref(), commit.message.as_deref()), (Some("me"), Some("by angle")));
    assert_eq!(notes.configure_vectors_with("default", VectorConfig::new(2), info).unwrap(), None);
}
