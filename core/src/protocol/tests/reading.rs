use super::rig::{Client, CountingHost, Medium, NULL, finish, map, v};
use crate::{
    Host, Value,
    local::{LocalDatabase, LocalOptions},
    protocol::operation::*,
    storage::FileName,
    storage::memory::MemoryStorage,
};
use alloc::{collections::BTreeMap, format, string::String, sync::Arc, vec::Vec};
use core::sync::atomic::Ordering;

fn filled(count: i64) -> Client {
    let mut client = Client::new();
    for i in 0..count {
        client.ok(PUT, v!["c", format!("k{i:03}"), NULL, NULL, NULL, i]);
    }
    client
}

/// All rows of something that comes in pages, and how many rows each page had.
fn pages(client: &mut Client, operation: u8, arguments: Vec<Value>, page: i64) -> (Vec<Value>, Vec<usize>) {
    let (mut rows, mut sizes) = (Vec::new(), Vec::new());
    let mut results = client.ok(operation, arguments);
    loop {
        let handle = results.remove(0);
        sizes.push(results.len());
        rows.extend(results);
        if handle.is_null() {
            return (rows, sizes);
        }
        results = client.ok(NEXT, v![handle, page]);
    }
}

fn keys(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row.pointer("/0").unwrap().as_str().unwrap().into()).collect()
}

#[test]
fn a_scan_comes_in_pages_in_either_order_and_ends_without_an_empty_one() {
    let mut client = filled(10);
    let mut scan = |range: Value, limit: Option<i64>, page: i64, values: bool| {
        pages(&mut client, SCAN, v!["c", range, NULL, limit, page, values], page)
    };
    let (rows, sizes) = scan(NULL, None, 5, true);
    assert_eq!(sizes, [5, 5]);
    assert_eq!(keys(&rows), (0..10).map(|i| format!("k{i:03}")).collect::<Vec<_>>());
    assert!(rows.iter().enumerate().all(|(i, row)| row.pointer("/4") == Some(&(i as i64).into())));
    let (rows, sizes) = scan(map([("descending", true.into()), ("before", "k008".into())]), Some(5), 2, false);
    assert_eq!(
        (keys(&rows), sizes),
        (["k007", "k006", "k005", "k004", "k003"].map(String::from).to_vec(), [2, 2, 1].to_vec())
    );
    assert!(rows.iter().all(|row| row.as_array().unwrap().len() == 4), "values were not asked for");
    let (rows, _) = scan(map([("after", "k003".into()), ("to", "k006".into())]), None, 0, true);
    assert_eq!(keys(&rows), ["k004", "k005", "k006"]);
    assert_eq!(scan(map([("prefix", "z".into())]), None, 5, true), (v![], [0].to_vec()));
    assert_eq!(scan(NULL, Some(0), 5, true), (v![], [0].to_vec()));
}

#[test]
fn a_page_ends_at_its_bytes_and_has_one_row_at_least() {
    let mut client = Client::new();
    let large = |bytes: usize| Value::Bytes(alloc::vec![7; bytes]);
    for (key, bytes) in [("a", 600 << 10), ("b", 600 << 10), ("c", 3 << 20), ("d", 10)] {
        client.ok(PUT, v!["c", key, NULL, NULL, NULL, large(bytes)]);
    }
    assert_eq!(pages(&mut client, SCAN, v!["c", NULL, NULL, NULL, 100, true], 100).1, [1, 1, 1, 1]);
    assert_eq!(pages(&mut client, SCAN, v!["c", NULL, NULL, NULL, 100, false], 100).1, [4]);
}

#[test]
fn a_scan_sees_one_moment_over_all_of_its_pages() {
    let mut client = filled(10);
    let first = client.ok(SCAN, v!["c", NULL, NULL, NULL, 3, true]);
    for i in 0..10 {
        client.ok(PUT, v!["c", format!("k{i:03}"), NULL, NULL, NULL, 100]);
    }
    client.ok(CHECKPOINT, v![]);
    let rest = client.ok(NEXT, v![first[0].clone(), 100]);
    assert!(rest[0].is_null() && rest[1..].len() == 7);
    assert!(rest[1..].iter().zip(3..).all(|(row, i)| row.pointer("/4") == Some(&i.into())));
    assert_eq!(client.code(NEXT, v![first[0].clone(), 1]), "NOT_FOUND", "it was at its end");
}

#[test]
fn many_documents_are_read_at_one_moment() {
    let mut client = filled(3);
    let got = client.ok(GET_MANY, v!["c", v!["k002", "none", "k000"], NULL]);
    let values: Vec<_> = got.iter().map(|found| found.pointer("/3").cloned()).collect();
    assert_eq!(values, [Some(2.into()), None, Some(0.into())]);
    assert_eq!(client.ok(GET_MANY, v!["c", v![], NULL]), []);
    assert_eq!(client.code(GET_MANY, v!["c", v![1], NULL]), "INVALID_ARGUMENT");
}

#[test]
fn many_documents_are_cached_when_they_are_read_again_and_are_what_they_are_all_the_same() {
    let (medium, host) = (Medium::over(MemoryStorage::new()), Arc::new(CountingHost::new()));
    let database = finish(LocalDatabase::open(medium.clone(), host.clone(), LocalOptions::default())).unwrap();
    let mut client = Client::of(medium, database);
    let key = |n: i64| Value::from(format!("k{n:03}"));
    for n in 0..30 {
        client.ok(PUT, v!["c", key(n), NULL, NULL, NULL, n]);
    }
    client.ok(CHECKPOINT, v![]);
    client.ok(DELETE, v!["c", key(7), NULL, NULL]);
    let soon = host.now_ms() + 5_000;
    client.ok(PUT, v!["c", key(8), NULL, NULL, soon, 8]);
    let now = map([("snapshot", client.ok(SNAPSHOT, v![NULL])[0].clone())]);
    // What is put is cached by nobody who did not read it.
    let cached = |client: &Client| client.database.0.engine.stats().document_cache_bytes;
    assert_eq!(cached(&client), 0);
    let read = |client: &mut Client, at: &Value| -> Vec<Option<i64>> {
        let found = client.ok(GET_MANY, v!["c", Value::Array((0..31).map(key).collect()), at.clone()]);
        let whole = |found: &Value| found.pointer("/3").and_then(Value::as_i64);
        found.iter().map(whole).collect()
    };
    let all = |without: &[i64]| (0..31).map(|n| (n < 30 && !without.contains(&n)).then_some(n)).collect::<Vec<_>>();
    assert_eq!(read(&mut client, &NULL), all(&[7]));
    assert_eq!(cached(&client), 0, "most are read once");
    for _ in 0..2 {
        assert_eq!(read(&mut client, &NULL), all(&[7]));
        assert!(cached(&client) > 0);
    }
    // One that is replaced, one that is deleted and one that expires, all of them cached.
    client.ok(PUT, v!["c", key(3), NULL, NULL, NULL, 300]);
    client.ok(DELETE, v!["c", key(4), NULL, NULL]);
    host.0.fetch_add(10_000, Ordering::Relaxed);
    let mut later = all(&[4, 7, 8]);
    later[3] = Some(300);
    for _ in 0..2 {
        assert_eq!(read(&mut client, &NULL), later);
    }
    assert_eq!(read(&mut client, &now), all(&[7]), "a snapshot is of its moment");
}

#[test]
fn many_documents_are_sent_ahead_in_parts_and_are_of_one_moment() {
    let mut client = Client::new();
    let key = |n: usize| format!("k{n:03}");
    let text = |n: usize| Value::from(format!("{n:01000}"));
    for n in 0..400 {
        client.ok(PUT, v!["c", key(n), NULL, NULL, NULL, text(n)]);
    }
    let keys: Vec<Value> = (0..500).rev().map(|n| key(n).into()).collect();
    let call = client.submit(&[(GET_MANY, v!["c", keys.clone(), NULL])])[0];
    client.executor.run(1);
    client.collect();
    assert_eq!(client.ahead[&call].len(), 1, "the first part comes before the second is looked up");
    // What is written now is behind the moment.
    client.ok(PUT, v!["c", key(0), NULL, NULL, NULL, 7]);
    let last = client.reply(call).unwrap().unwrap();
    let parts = client.ahead.remove(&call).unwrap();
    let sizes: Vec<_> = parts.iter().chain([&last]).map(Vec::len).collect();
    assert!(sizes.len() > 5 && sizes.iter().skip(1).all(|size| (1..40).contains(size)), "{sizes:?}");
    let got: Vec<_> = parts.into_iter().flatten().chain(last).map(|found| found.pointer("/3").cloned()).collect();
    let expected: Vec<_> = (0..500).rev().map(|n| (n < 400).then(|| text(n))).collect();
    assert!(got == expected);

    // A failure comes behind what was sent ahead.
    let call = client.submit(&[(GET_MANY, v!["c", [&keys[..], &v!["x".repeat(5000)]].concat(), NULL])])[0];
    client.run();
    assert!(client.reply(call).unwrap().is_err() && client.ahead.remove(&call).unwrap().len() > 5);

    // Whoever is gone is read no further for.
    client.submit(&[(GET_MANY, v!["c", keys, NULL])]);
    client.executor.run(1);
    let before = client.database.0.engine.stats();
    client.session.end();
    client.executor.run(1_000);
    assert_eq!((client.executor.unfinished(), client.database.0.engine.stats().cache_hits), (0, before.cache_hits));
}

#[test]
fn moments_are_times_versions_commits_tags_and_snapshots() {
    let mut client = Client::new();
    let first = client.ok(PUT, v!["c", "a", NULL, NULL, NULL, 1])[0].clone();
    let stamp = client.ok(GET, v!["c", "a", NULL])[1].clone();
    let snapshot = client.ok(SNAPSHOT, v![NULL])[0].clone();
    client.ok(TAG, v!["t", map([("version", first.clone())]), NULL]);
    client.ok(PUT, v!["c", "a", NULL, NULL, NULL, 2]);
    let id = client.ok(FIND_COMMIT, v![first.clone()])[0].pointer("/id").unwrap().clone();
    let digits = Value::from(&id.as_str().unwrap()[..8]);
    let at_snapshot = map([("snapshot", snapshot.clone())]);
    let moments = [
        stamp,
        map([("version", first.clone())]),
        map([("commit", id)]),
        map([("commit", digits.clone())]),
        map([("tag", "t".into())]),
        at_snapshot.clone(),
    ];
    for moment in moments {
        assert_eq!(client.ok(GET, v!["c", "a", moment.clone()])[3], 1.into(), "{moment:?}");
    }
    assert_eq!(client.ok(FIND_COMMIT, v![digits])[0].pointer("/version"), Some(&first));
    for moment in [
        map([("tag", "u".into())]),
        map([("snapshot", 99.into())]),
        map([("version", "99@00000000000000000000000000000000".into())]),
    ] {
        assert_eq!(client.code(GET, v!["c", "a", moment]), "NOT_FOUND");
    }
    for moment in
        [map([]), map([("year", 1.into())]), map([("tag", "t".into()), ("version", first)]), "now".into(), 1.5.into()]
    {
        assert_eq!(client.code(GET, v!["c", "a", moment]), "INVALID_ARGUMENT");
    }
    client.ok(RELEASE, v![snapshot]);
    assert_eq!(client.code(GET, v!["c", "a", at_snapshot]), "NOT_FOUND");
}

#[test]
fn history_versions_diffs_and_heads_tell_of_one_document() {
    let mut client = Client::new();
    let of = |n: i64| map([("n", n.into()), ("same", true.into())]);
    let first = client.ok(PUT, v!["c", "a", NULL, NULL, NULL, of(1)])[0].clone();
    let second = client.ok(PUT, v!["c", "a", NULL, NULL, NULL, of(2)])[0].clone();
    let third = client.ok(DELETE, v!["c", "a", NULL, NULL])[0].clone();
    let (rows, sizes) = pages(&mut client, HISTORY, v!["c", "a", NULL, 2, true], 2);
    assert_eq!(sizes, [2, 1]);
    let versions: Vec<_> = rows.iter().map(|row| row.pointer("/0").unwrap().clone()).collect();
    assert_eq!(versions, [third.clone(), second.clone(), first.clone()]);
    let lengths: Vec<_> = rows.iter().map(|row| row.as_array().unwrap().len()).collect();
    assert_eq!(lengths, [5, 6, 6], "a deletion has no value");
    let (older, _) = pages(&mut client, HISTORY, v!["c", "a", second.clone(), 9, false], 9);
    assert_eq!(older.len(), 1);
    let then = map([("version", second.clone())]);
    assert_eq!(pages(&mut client, HISTORY, v!["c", "a", NULL, 9, false, then], 9).0.len(), 2);
    assert_eq!(client.ok(VERSION, v!["c", "a", second.clone()])[0].pointer("/5"), Some(&of(2)));
    assert_eq!(client.code(VERSION, v!["c", "b", second.clone()]), "NOT_FOUND");
    let changes = client.ok(DIFF, v!["c", "a", first.clone(), second.clone()]);
    let expected = map([("path", "/n".into()), ("before", 1.into()), ("after", 2.into())]);
    assert_eq!(changes, v![v![expected]]);
    assert_eq!(client.ok(HEADS, v!["c", "a"]), v![v![third]]);
    assert_eq!(client.ok(HEADS, v!["c", "none"]), v![Value::Array(v![])]);
}

#[test]
fn the_log_changes_and_collections_tell_of_all() {
    let mut client = filled(5);
    let first =
        client.ok(PUT, v!["d", "x", map([("author", "me".into()), ("message", "why".into())]), NULL, NULL, NULL]);
    let (rows, sizes) = pages(&mut client, LOG, v![4], 4);
    assert_eq!(sizes, [4, 2]);
    let newest = rows[0].pointer("/0").unwrap();
    assert_eq!((newest.pointer("/version"), newest.pointer("/message")), (Some(&first[0]), Some(&"why".into())));
    assert_eq!(newest.pointer("/changes/0/collection"), Some(&"d".into()));
    assert!(newest.pointer("/causes").is_none() && newest.pointer("/changes/0/expires_at").is_none());
    assert_eq!(client.ok(COLLECTIONS, v![NULL]), v![v!["c", "d"]]);
    let third = rows[3].pointer("/0/version").unwrap().clone();
    let before = map([("version", third)]);
    assert_eq!(pages(&mut client, LOG, v![9, before.clone()], 9).0.len(), 3);
    let (rows, _) = pages(&mut client, CHANGES, v![before.clone(), NULL, NULL, 2], 2);
    let names: Vec<_> = rows.iter().map(|row| row.pointer("/1").unwrap().clone()).collect();
    assert_eq!(names, v!["k003", "k004", "x"]);
    assert!(rows.iter().all(|row| row.pointer("/2") == Some(&NULL) && row.pointer("/3/3").is_some()));
    assert_eq!(pages(&mut client, CHANGES, v![before, NULL, "d", 2], 2).0.len(), 1);
}

#[test]
fn lineage_goes_both_ways() {
    let mut client = Client::new();
    let cause = client.ok(PUT, v!["c", "a", NULL, NULL, NULL, 1])[0].clone();
    let named = map([("causes", v![v!["c", "a", cause.clone()]].into())]);
    let effect = client.ok(PUT, v!["c", "b", named, NULL, NULL, 1])[0].clone();
    let edge = v![v![v!["c", "a", cause.clone()], v!["c", "b", effect.clone()]]];
    let why = client.ok(LINEAGE, v!["c", "b", effect, false, 5]);
    assert_eq!(why[0].pointer("/edges"), Some(&edge.clone().into()));
    let what_came = client.ok(LINEAGE, v!["c", "a", cause, true, 5]);
    assert_eq!(
        (what_came[0].pointer("/edges"), what_came[0].pointer("/truncated")),
        (Some(&edge.into()), Some(&false.into()))
    );
    let unknown = map([("causes", v![v!["c", "a", "9@00000000000000000000000000000000"]].into())]);
    assert_eq!(client.code(PUT, v!["c", "b", unknown, NULL, NULL, 1]), "NOT_FOUND");
}

#[test]
fn a_copy_opens_with_what_was_there_when_it_was_begun() {
    let mut client = filled(50);
    client.ok(CHECKPOINT, v![]);
    client.ok(PUT, v!["c", "tail", NULL, NULL, NULL, 1]);
    let export = client.ok(EXPORT, v![]);
    for i in 0..50 {
        client.ok(PUT, v!["c", format!("k{i:03}"), NULL, NULL, NULL, "later"]);
    }
    client.ok(CHECKPOINT, v![]);
    let mut files = BTreeMap::new();
    for file in export[1].as_array().unwrap() {
        let (name, bytes) = (file.pointer("/0").unwrap(), file.pointer("/1").unwrap().as_i64().unwrap());
        let mut content = Vec::new();
        while (content.len() as i64) < bytes {
            let read = client.ok(EXPORT_READ, v![export[0].clone(), name.clone(), content.len() as i64, 1000]);
            content.extend_from_slice(read[0].as_bytes().unwrap());
        }
        let end = client.ok(EXPORT_READ, v![export[0].clone(), name.clone(), bytes, 1000]);
        assert_eq!(end[0].as_bytes(), Some(&[][..]));
        files.insert(FileName::parse(name.as_str().unwrap()).unwrap(), content);
    }
    assert_eq!(client.code(EXPORT_READ, v![export[0].clone(), "00000077.log", 0, 10]), "NOT_FOUND");
    assert_eq!(client.code(EXPORT_READ, v![export[0].clone(), "passwd", 0, 10]), "INVALID_ARGUMENT");
    client.ok(RELEASE, v![export[0].clone()]);
    let mut copy = Client::open(MemoryStorage::from_files(files), LocalOptions::default());
    assert_eq!(pages(&mut copy, SCAN, v!["c", NULL, NULL, NULL, 100, true], 100).0.len(), 51);
    assert_eq!(copy.ok(GET, v!["c", "k007", NULL])[3], 7.into());
    assert_eq!(copy.ok(VERIFY, v![])[0].pointer("/ok"), Some(&true.into()));
}

#[test]
fn info_and_stats_are_told() {
    let mut client = filled(3);
    let info = client.ok(INFO, v![]);
    assert_eq!((info[0].pointer("/commits"), info[0].pointer("/storage")), (Some(&3.into()), Some(&"test".into())));
    let stats = client.ok(STATS, v![]);
    assert_eq!((stats[0].pointer("/commits"), stats[0].pointer("/syncs")), (Some(&3.into()), Some(&3.into())));
}

#[test]
fn an_expired_document_does_not_show() {
    let mut client = Client::new();
    client.ok(PUT, v!["c", "a", NULL, NULL, 1_i64, "gone"]);
    assert_eq!(client.ok(GET, v!["c", "a", NULL]), []);
    client.ok(PUT, v!["c", "a", NULL, false, NULL, "there"]);
}
