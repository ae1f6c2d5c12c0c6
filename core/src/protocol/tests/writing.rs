use super::rig::{Client, Medium, NULL, finish, map, v};
use crate::{
    ErrorCode, Value,
    local::{LocalDatabase, LocalOptions},
    protocol::operation::*,
    storage::memory::MemoryStorage,
};
use alloc::{format, string::String, sync::Arc, vec::Vec};

fn put(key: &str, value: impl Into<Value>) -> (u8, Vec<Value>) {
    let value: Value = value.into();
    (PUT, v!["c", key, NULL, NULL, NULL, value])
}

/// The value of a document, if there is one.
fn get(client: &mut Client, key: &str) -> Option<Value> {
    client.ok(GET, v!["c", key, NULL]).get(3).cloned()
}

fn version(results: &[Value]) -> String {
    results[0].as_str().unwrap().into()
}

#[test]
fn a_document_is_written_read_and_deleted() {
    let mut client = Client::new();
    assert_eq!(client.ok(GET, v!["c", "a", NULL]), []);
    let written = client.ok(PUT, v!["c", "a", NULL, NULL, 5_000_000_000_000_i64, "one"]);
    assert_eq!(written[1], Value::Int(1), "the sequence of the last published commit");
    let read = client.ok(GET, v!["c", "a", NULL]);
    assert_eq!((&read[0], &read[2..]), (&written[0], &v![5_000_000_000_000_i64, "one"][..]));
    let deleted = client.ok(DELETE, v!["c", "a", NULL, NULL]);
    assert!(version(&deleted).starts_with("2@") && deleted[1] == Value::Int(2));
    assert_eq!(client.ok(DELETE, v!["c", "a", NULL, NULL]), v![NULL, 2], "there is nothing to delete");
    assert_eq!(get(&mut client, "a"), None);
}

#[test]
fn a_null_that_is_stored_is_not_nothing() {
    let mut client = Client::new();
    client.ok(PUT, v!["c", "a", NULL, NULL, NULL, NULL]);
    assert_eq!(get(&mut client, "a"), Some(NULL));
}

#[test]
fn an_expected_version_is_kept_to() {
    let mut client = Client::new();
    let first = version(&client.ok(PUT, v!["c", "a", NULL, false, NULL, 1]));
    assert_eq!(client.code(PUT, v!["c", "a", NULL, false, NULL, 2]), "CONFLICT");
    let second = version(&client.ok(PUT, v!["c", "a", NULL, &*first, NULL, 2]));
    assert_eq!(client.code(DELETE, v!["c", "a", NULL, &*first]), "CONFLICT");
    client.ok(DELETE, v!["c", "a", NULL, &*second]);
}

#[test]
fn many_documents_are_one_commit() {
    let mut client = Client::new();
    let written = client.ok(PUT_MANY, v!["c", map([("author", "me".into())]), "b", 1, "a", 2, "b", 3]);
    assert_eq!(written[1], Value::Int(1));
    assert_eq!((get(&mut client, "a"), get(&mut client, "b")), (Some(2.into()), Some(3.into())), "the last one counts");
    assert_eq!(client.ok(PUT_MANY, v!["c", NULL]), v![NULL, 1], "no documents are no commit");
    assert_eq!(client.code(PUT_MANY, v!["c", NULL, "a"]), "INVALID_ARGUMENT");
    let commit = client.ok(FIND_COMMIT, v![version(&written)]);
    assert_eq!(commit[0].pointer("/author"), Some(&"me".into()));
}

#[test]
fn the_puts_of_one_batch_share_one_sync() {
    for waits in [false, true] {
        let mut client = Client::new();
        client.medium.wait(waits);
        client.ok(put("first", 0).0, put("first", 0).1);
        let before = client.medium.syncs();
        let puts: Vec<_> = (0..64).map(|i| put(&format!("k{i}"), i)).collect();
        let calls = client.submit(&puts);
        client.run();
        assert!(calls.into_iter().all(|call| client.reply(call).unwrap().is_ok()));
        let syncs = client.medium.syncs() - before;
        // Where a lookup has to wait for the medium, those behind it miss the first group.
        assert!(syncs == 1 || waits && syncs <= 3, "{syncs} syncs for 64 puts, waits: {waits}");
    }
}

#[test]
fn what_does_not_wait_is_answered_where_it_is_driven() {
    let mut client = Client::new();
    client.ok(put("first", 0).0, put("first", 0).1);
    let watch = client.ok(WATCH, v![NULL, NULL, NULL])[0].clone();
    let (waits, _) = client.drive(&[(NEXT, v![watch, 1])]);
    let before = client.medium.syncs();
    let mut calls: Vec<_> = (0..64).map(|i| put(&format!("k{i}"), i)).collect();
    calls.push((GET, v!["c", "first", NULL]));
    let (numbers, times) = client.drive(&calls);
    assert!(numbers.into_iter().all(|call| client.reply(call).unwrap().is_ok()));
    assert_eq!((client.medium.syncs() - before, times), (1, 2), "reads first, then all writes by one sync");
    assert!(client.reply(waits[0]).is_none());
    client.run();
    assert!(client.reply(waits[0]).unwrap().is_ok(), "whoever waits is woken as ever");

    // A medium that is waited for answers later, and to all.
    client.medium.wait(true);
    let (numbers, times) = client.drive(&calls[..64]);
    assert_eq!(times, 0);
    client.run();
    assert!(numbers.into_iter().all(|call| client.reply(call).unwrap().is_ok()));
}

#[test]
fn the_puts_of_two_clients_share_a_sync_too() {
    let mut one = Client::new();
    one.ok(put("x", 0).0, put("x", 0).1);
    let other = one.another();
    let before = one.medium.syncs();
    let calls = one.submit(&[put("a", 1)]);
    for task in other.session.submit(&super::rig::message(1, PUT, &put("b", 2).1)).unwrap() {
        one.executor.spawn(task);
    }
    one.run();
    assert!(one.reply(calls[0]).unwrap().is_ok() && !other.session.take_replies().is_empty());
    assert_eq!(one.medium.syncs() - before, 1);
}

/// Changes of a commit, as its arguments have them.
fn commit(reads: Vec<Value>, scans: Vec<Value>, changes: &[(&str, Option<i64>)]) -> Vec<Value> {
    let mut arguments = v![NULL, reads, scans];
    for (key, value) in changes {
        arguments.extend(v!["c", *key, NULL, NULL, value.is_some()]);
        arguments.extend(value.map(Value::from));
    }
    arguments
}

#[test]
fn a_transaction_commits_only_what_it_read_still_is() {
    let mut client = Client::new();
    let a = version(&client.ok(PUT, put("a", 1).1));
    let read = |version: Option<&str>| v![v!["c", "a", version]];
    client.ok(COMMIT, commit(read(Some(&a)), v![], &[("a", Some(2)), ("b", Some(3))]));
    assert_eq!((get(&mut client, "a"), get(&mut client, "b")), (Some(2.into()), Some(3.into())));
    for stale in [read(Some(&a)), read(None), v![v!["c", "none", &*a]]] {
        assert_eq!(client.code(COMMIT, commit(stale, v![], &[("z", Some(1))])), "CONFLICT");
    }
    client.ok(COMMIT, commit(v![v!["c", "none", NULL]], v![], &[("none", Some(1)), ("a", None)]));
    assert_eq!((get(&mut client, "none"), get(&mut client, "a")), (Some(1.into()), None));
    client.ok(COMMIT, commit(read(None), v![], &[]));
    assert_eq!(get(&mut client, "z"), None);
}

#[test]
fn a_transaction_sees_no_phantom() {
    let mut client = Client::new();
    let mut at = Vec::new();
    for key in ["a1", "a2", "a4", "b"] {
        at.push(version(&client.ok(PUT, put(key, 1).1)));
    }
    let prefix = map([("prefix", "a".into())]);
    let rows = |of: &[(&str, &str)]| Value::from(of.iter().map(|(k, v)| v![*k, *v]).collect::<Vec<_>>());
    let all = [("a1", &*at[0]), ("a2", &*at[1]), ("a4", &*at[2])];
    let scan = |limit: Option<i64>, of: &[(&str, &str)]| v![v!["c", prefix.clone(), limit, rows(of)]];
    for seen in [scan(None, &all), scan(Some(2), &all[..2]), scan(Some(0), &[]), scan(Some(9), &all)] {
        client.ok(COMMIT, commit(v![], seen, &[("z", Some(1))]));
    }
    client.ok(PUT, put("a3", 1).1);
    for seen in [scan(None, &all), scan(Some(3), &all), scan(Some(9), &all), scan(None, &[])] {
        assert_eq!(client.code(COMMIT, commit(v![], seen, &[("z", Some(1))])), "CONFLICT");
    }
    client.ok(COMMIT, commit(v![], scan(Some(2), &all[..2]), &[("z", Some(2))]));
    let down = map([("prefix", "a".into()), ("descending", true.into())]);
    client.ok(COMMIT, commit(v![], v![v!["c", down, 1, rows(&all[2..])]], &[("z", Some(3))]));
}

/// Two transactions that each read what the other writes: at most one goes through, however they are mixed.
#[test]
fn transactions_that_are_under_way_together_are_serialisable() {
    for waits in [false, true] {
        let mut client = Client::new();
        client.medium.wait(waits);
        let (a, b) = (version(&client.ok(PUT, put("a", 1).1)), version(&client.ok(PUT, put("b", 1).1)));
        let calls = client.submit(&[
            (COMMIT, commit(v![v!["c", "a", &*a]], v![], &[("b", Some(2))])),
            (COMMIT, commit(v![v!["c", "b", &*b]], v![], &[("a", Some(2))])),
        ]);
        client.run();
        let outcomes: Vec<_> = calls.into_iter().map(|call| client.reply(call).unwrap().is_ok()).collect();
        assert_eq!(outcomes, [true, false]);
    }
}

fn with_token(call: i64, after: i64) -> Value {
    map([("token", v![&[7_u8; 16][..], call].into()), ("after", after.into())])
}

#[test]
fn a_call_that_is_sent_again_is_applied_once() {
    let mut client = Client::new();
    let before = client.ok(SYNC, v![])[0].as_i64().unwrap();
    let first = client.ok(PUT, v!["c", "a", with_token(1, before), NULL, NULL, 1]);
    for round in 0..20 {
        client.ok(PUT, put("other", round).1);
    }
    // The reply was lost; whoever is there now has the log only.
    client.ok(CHECKPOINT, v![]);
    let mut next = Client::open(client.medium.files().snapshot(), LocalOptions::default());
    let again = next.ok(PUT, v!["c", "a", with_token(1, before), NULL, NULL, 1]);
    assert_eq!((again[0].clone(), again[1].as_i64()), (first[0].clone(), Some(21)));
    // Another call of the client is not that one, and one that had no effect has it now.
    let other = next.ok(PUT, v!["c", "b", with_token(2, before), NULL, NULL, 2]);
    assert!(version(&other).starts_with("22@"));
    let deletion = next.ok(DELETE, v!["c", "b", with_token(3, before), NULL]);
    assert_eq!(next.ok(DELETE, v!["c", "b", with_token(3, before), NULL])[0], deletion[0]);
    let history = next.ok(HISTORY, v!["c", "a", NULL, 10, false]);
    assert_eq!(history.len(), 2, "doubled: {history:?}");
}

#[test]
fn a_call_that_is_sent_again_while_it_is_under_way_is_applied_once() {
    for waits in [false, true] {
        let mut client = Client::new();
        client.ok(put("x", 0).0, put("x", 0).1);
        client.medium.wait(waits);
        let again = || (PUT, v!["c", "a", with_token(1, 1), NULL, NULL, 1]);
        let calls = client.submit(&[again(), again(), put("y", 1), again()]);
        client.run();
        let versions: Vec<_> = calls.into_iter().map(|call| version(&client.reply(call).unwrap().unwrap())).collect();
        assert!(versions[0] == versions[1] && versions[1] == versions[3], "{versions:?}");
        assert_eq!(client.ok(INFO, v![])[0].pointer("/commits"), Some(&3.into()));
    }
}

/// A commit of the import "old".
fn import(info: Value, time: i64, state: i64, changes: &[Value]) -> (u8, Vec<Value>) {
    (IMPORT, [&v!["old", info, time, state][..], changes].concat())
}

#[test]
fn an_import_has_times_and_an_actor_of_its_own_and_remembers_how_far_it_came() {
    let mut client = Client::new();
    let own = version(&client.ok(PUT, put("a", "own").1));
    let state = |client: &mut Client| client.ok(GET, v!["$imports", "old", NULL])[3].pointer("/state").cloned();
    let them = map([("author", "them".into())]);
    let call = import(them, 1000, 7, &v!["c", "b", true, 1, "c", "a", true, "theirs", "c", "b", true, 2]);
    let first = version(&client.ok(call.0, call.1));
    let found = client.ok(GET, v!["c", "b", NULL]);
    assert_eq!(
        (&found[0], &found[1..]),
        (&first.clone().into(), &v![1000 << 16, NULL, 2][..]),
        "the last of equal ones"
    );
    assert_eq!(client.ok(HEADS, v!["c", "a"])[0], v![&*own, &*first].into(), "the newer one first");
    assert_eq!(client.ok(FIND_COMMIT, v![&*first])[0].pointer("/author"), Some(&"them".into()));
    assert_eq!(state(&mut client), Some(7.into()));

    // It goes on as the same actor whoever asks, and later than before whatever the time.
    let mut next = Client::open(client.medium.files().snapshot(), LocalOptions::default());
    let call = import(NULL, 500, 8, &v!["c", "b", false, "c", "never", false]);
    let second = version(&next.ok(call.0, call.1));
    assert_eq!(second, first.replace("1@", "2@"));
    assert_eq!((get(&mut next, "b"), get(&mut next, "a")), (None, Some("own".into())));
    assert_eq!(next.ok(VERSION, v!["c", "b", &*second])[0].pointer("/1"), Some(&(1000 << 16 | 1).into()));
    assert_eq!(next.code(VERSION, v!["c", "never", &*second]), "NOT_FOUND");

    // What is refused leaves nothing behind.
    for (name, time, changes) in [
        ("old", i64::MAX, v!["c", "x", true, 1]),
        ("old", 1000, v!["$tags", "x", true, 1]),
        ("old", 1000, v!["c", "x"]),
        ("old", 1000, v!["c", "x", NULL, NULL, true, 1]),
        ("", 1000, v!["c", "x", true, 1]),
    ] {
        assert_eq!(
            next.code(IMPORT, [&v![name, NULL, time, 9][..], &changes].concat()),
            "INVALID_ARGUMENT",
            "{changes:?}"
        );
    }
    assert_eq!(next.code(IMPORT, v!["old", NULL, "now", 9]), "INVALID_ARGUMENT");
    assert_eq!((state(&mut next), get(&mut next, "x")), (Some(8.into()), None));
    let options = LocalOptions { read_only: true, ..LocalOptions::default() };
    let mut reader = Client::open(next.medium.files().snapshot(), options);
    assert_eq!(reader.code(IMPORT, v!["old", NULL, 1000, 9]), "READ_ONLY");
}

#[test]
fn an_import_that_is_sent_again_is_applied_once_and_the_next_writer_reads_it() {
    for waits in [false, true] {
        let mut client = Client::new();
        client.ok(put("x", 0).0, put("x", 0).1);
        client.medium.wait(waits);
        let again = || import(with_token(1, 1), 1000, 7, &v!["c", "a", true, 1]);
        let put_on_top = (PUT, v!["c", "a", NULL, NULL, NULL, 2]);
        let further = import(with_token(2, 1), 2000, 8, &v!["c", "a", true, 3]);
        let calls = client.submit(&[again(), again(), put_on_top, further, again()]);
        client.run();
        let versions: Vec<_> = calls.into_iter().map(|call| version(&client.reply(call).unwrap().unwrap())).collect();
        assert!(versions[0] == versions[1] && versions[1] == versions[4], "{versions:?}");
        assert_eq!(versions[3], versions[0].replace("1@", "2@"), "one actor, waits: {waits}");
        assert_eq!(client.ok(INFO, v![])[0].pointer("/commits"), Some(&4.into()));
        assert_eq!(client.ok(HEADS, v!["c", "a"])[0].as_array().map(<[_]>::len), Some(2));
        let last = version(&client.ok(PUT, put("a", 4).1));
        assert_eq!(client.ok(HEADS, v!["c", "a"])[0], v![last].into(), "it replaces all that was imported");
        let mut next = Client::open(client.medium.files().snapshot(), LocalOptions::default());
        let call = again();
        assert_eq!(version(&next.ok(call.0, call.1)), versions[0]);
    }
}

/// A crash at every storage state that a run of calls goes through, and everything sent again.
#[test]
fn nothing_is_doubled_or_lost_over_a_change_of_leader() {
    for polls in 0..60 {
        let mut client = Client::new();
        client.medium.wait(true);
        let calls: Vec<_> = (0..5).map(|i| (PUT, v!["c", format!("k{i}"), with_token(i, 0), NULL, NULL, i])).collect();
        client.submit(&calls);
        client.executor.run(polls);
        let mut next = Client::open(client.medium.files().snapshot(), LocalOptions::default());
        let sent = next.submit(&calls);
        next.run();
        assert!(sent.into_iter().all(|call| next.reply(call).unwrap().is_ok()));
        for i in 0..5 {
            let history = next.ok(HISTORY, v!["c", format!("k{i}"), NULL, 10, true]);
            assert_eq!(history.len(), 2, "after {polls} polls: {history:?}");
        }
    }
}

#[test]
fn a_full_medium_fails_the_group_and_loses_nothing() {
    let mut client = Client::open(MemoryStorage::with_bytes_max(20_000), LocalOptions::default());
    client.ok(PUT, put("a", 1).1);
    let large = Value::Bytes(alloc::vec![1; 9_000]);
    let calls = client.submit(&[put("b", large.clone()), put("c", large.clone()), put("d", large)]);
    client.run();
    for call in calls {
        assert_eq!(client.reply(call).unwrap().unwrap_err(), "STORAGE_FULL");
    }
    client.ok(PUT, put("e", 2).1);
    assert_eq!((get(&mut client, "a"), get(&mut client, "b")), (Some(1.into()), None));
    assert_eq!(client.ok(VERIFY, v![])[0].pointer("/ok"), Some(&true.into()));
}

#[test]
fn tags_mark_and_restores_bring_back() {
    let mut client = Client::new();
    assert_eq!(client.code(TAG, v!["t", NULL, NULL]), "NOT_FOUND", "there is no commit yet");
    let first = version(&client.ok(PUT, put("a", 1).1));
    let tag = client.ok(TAG, v!["t", NULL, NULL]);
    assert_eq!(tag[0].pointer("/commits/0"), Some(&(&*first).into()));
    assert_eq!(client.code(TAG, v!["t", NULL, NULL]), "ALREADY_EXISTS");
    client.ok(PUT, put("a", 2).1);
    client.ok(PUT, put("b", 2).1);
    let at_tag = map([("tag", "t".into())]);
    assert_eq!(client.ok(GET, v!["c", "a", at_tag.clone()])[3], 1.into());
    assert_eq!(client.code(RESTORE, v![NULL, "a", at_tag.clone(), NULL]), "INVALID_ARGUMENT");
    client.ok(RESTORE, v!["c", "a", at_tag.clone(), map([("author", "me".into())])]);
    assert_eq!((get(&mut client, "a"), get(&mut client, "b")), (Some(1.into()), Some(2.into())));
    client.ok(RESTORE, v![NULL, NULL, at_tag.clone(), NULL]);
    assert_eq!(get(&mut client, "b"), None);
    let snapshot = client.ok(SNAPSHOT, v![NULL])[0].clone();
    assert_eq!(client.code(TAG, v!["u", map([("snapshot", snapshot)]), NULL]), "INVALID_ARGUMENT");
    assert_eq!(client.ok(TAGS, v![])[0].as_array().unwrap().len(), 1);
    client.ok(UNTAG, v!["t", NULL]);
    assert_eq!(client.code(UNTAG, v!["t", NULL]), "NOT_FOUND");
    let restored = client.ok(RESTORE, v![NULL, NULL, map([("version", first.into())]), NULL]);
    assert_eq!(restored[0], NULL, "nothing differs");
}

#[test]
fn what_was_closed_or_opened_read_only_is_not_written() {
    let mut client = Client::new();
    client.ok(PUT, put("a", 1).1);
    let files = client.medium.files().snapshot();
    let database = client.database.clone();
    finish(async move { database.close().await }).unwrap();
    for (operation, arguments) in [put("a", 2), (GET, v!["c", "a", NULL]), (INFO, v![]), (TAGS, v![]), (SYNC, v![])] {
        assert_eq!(client.code(operation, arguments), "CLOSED");
    }
    let mut reader = Client::open(files, LocalOptions { read_only: true, ..LocalOptions::default() });
    assert_eq!(get(&mut reader, "a"), Some(1.into()));
    for (operation, arguments) in [put("a", 2), (SYNC, v![]), (CHECKPOINT, v![]), (TAG, v!["t", NULL, NULL])] {
        assert_eq!(reader.code(operation, arguments), "READ_ONLY");
    }
    let none = LocalOptions { create: false, ..LocalOptions::default() };
    let host = Arc::new(super::rig::CountingHost::new());
    let opened = finish(LocalDatabase::open(Medium::over(MemoryStorage::new()), host, none));
    assert!(opened.unwrap_err().is(ErrorCode::NotFound));
}

/// The same operations give the same files as through the blocking interface with maintenance in line.
#[cfg(feature = "std")]
#[test]
fn the_files_are_those_of_the_blocking_interface() {
    use crate::{Database, Maintenance, Options};
    let files = MemoryStorage::new();
    let options = Options::new().maintenance(Maintenance::Inline).limits_for_tests(64 << 10, 8 << 10);
    let blocking: Database =
        options.host(super::rig::CountingHost::new()).open_storage(Arc::new(files.clone())).unwrap();
    let options = LocalOptions { segment_bytes: 64 << 10, tail_bytes: 8 << 10, ..LocalOptions::default() };
    let mut client = Client::open(MemoryStorage::new(), options);
    let documents = blocking.collection("c");
    for round in 0..2_000_i64 {
        let key = format!("k{}", round * 7 % 191);
        match round % 10 {
            3 => {
                let deleted = documents.delete(&key).unwrap().map(|v| format!("{v}"));
                let other = client.ok(DELETE, v!["c", &*key, NULL, NULL]);
                assert_eq!(other[0].as_str().map(String::from), deleted);
            }
            6 => {
                let pairs = [("a", round), ("b", round)];
                documents.put_many(pairs).unwrap();
                client.ok(PUT_MANY, v!["c", NULL, "a", round, "b", round]);
            }
            9 => assert_eq!(documents.get(&key).unwrap().map(|d| d.value().unwrap().clone()), get(&mut client, &key),),
            _ => {
                let value = Value::Bytes(alloc::vec![round as u8; round as usize % 300]);
                documents.put(&key, &value).unwrap();
                client.ok(PUT, v!["c", &*key, NULL, NULL, NULL, value]);
            }
        }
    }
    assert!(blocking.stats().checkpoints > 5 && blocking.stats().merges > 0);
    blocking.close().unwrap();
    let database = client.database.clone();
    finish(async move { database.close().await }).unwrap();
    let (one, other) = (files.files(), client.medium.files().files());
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    assert!(one == other, "the files have other bytes");
}
