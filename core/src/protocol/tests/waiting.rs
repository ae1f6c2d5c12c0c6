use super::rig::{Client, NULL, finish, v};
use crate::{Value, limits::HANDLES_MAX, local::LocalOptions, protocol::operation::*, storage::memory::MemoryStorage};
use alloc::{format, vec::Vec};

fn put(client: &mut Client, key: &str, value: i64) {
    client.ok(PUT, v!["c", key, NULL, NULL, NULL, value]);
}

fn keys(reply: &[Value]) -> Vec<Value> {
    reply[1..].iter().map(|event| event.pointer("/1/changes/0/key").unwrap().clone()).collect()
}

#[test]
fn a_watch_waits_for_the_first_event_and_hands_out_all() {
    let mut client = Client::new();
    put(&mut client, "before", 0);
    let watch = client.ok(WATCH, v!["c", "k", NULL]);
    assert_eq!(watch[1], 1.into());
    let waits = client.submit(&[(NEXT, v![watch[0].clone(), 2])])[0];
    put(&mut client, "other", 0);
    assert!(client.reply(waits).is_none(), "nothing that was asked for has happened");
    client.ok(PUT_MANY, v!["c", NULL, "k1", 1, "z", 2]);
    let events = client.reply(waits).expect("it is woken").unwrap();
    assert_eq!((events[0].clone(), keys(&events)), (watch[0].clone(), v!["k1"]));
    assert_eq!(events[1].pointer("/2").unwrap().as_array().unwrap().len(), 1, "only what was asked for");
    assert_eq!(events[1].pointer("/2/0/3"), Some(&1.into()));
    for i in 2..6 {
        put(&mut client, &format!("k{i}"), i);
    }
    client.ok(DELETE, v!["c", "k2", NULL, NULL]);
    assert_eq!(keys(&client.ok(NEXT, v![watch[0].clone(), 3])), v!["k2", "k3", "k4"]);
    let rest = client.ok(NEXT, v![watch[0].clone(), 3]);
    assert_eq!((keys(&rest), rest[2].pointer("/2/0")), (v!["k5", "k2"], Some(&NULL)), "a deletion is null");
    // A later watch goes on behind a token.
    let again = client.ok(WATCH, v!["c", NULL, events[1].pointer("/0").unwrap().clone()]);
    assert_eq!(keys(&client.ok(NEXT, v![again[0].clone(), 1])), v!["k2"]);
    assert_eq!(client.code(WATCH, v!["c", NULL, 1_000]), "INVALID_ARGUMENT");
}

#[test]
fn a_call_that_waits_is_cancelled_released_or_closed() {
    let mut client = Client::new();
    let watch = client.ok(WATCH, v![NULL, NULL, NULL])[0].clone();
    let next = |client: &mut Client| {
        let call = client.submit(&[(NEXT, v![watch.clone(), 1])])[0];
        client.run();
        assert!(client.reply(call).is_none());
        call
    };
    let waits = next(&mut client);
    assert_eq!(client.code(NEXT, v![watch.clone(), 1]), "INVALID_ARGUMENT", "one at a time");
    client.ok(CANCEL, v![i64::from(waits)]);
    assert_eq!(client.reply(waits).unwrap().unwrap_err(), "ABORTED");
    client.ok(CANCEL, v![i64::from(waits)]);
    // The watch is still there.
    let waits = next(&mut client);
    put(&mut client, "a", 1);
    assert_eq!(keys(&client.reply(waits).unwrap().unwrap()), v!["a"]);
    let waits = next(&mut client);
    client.ok(RELEASE, v![watch.clone()]);
    assert_eq!(client.reply(waits).unwrap().unwrap_err(), "CLOSED");
    assert_eq!(client.code(NEXT, v![watch, 1]), "NOT_FOUND");

    let watch = client.ok(WATCH, v![NULL, NULL, NULL])[0].clone();
    let waits = client.submit(&[(NEXT, v![watch, 1])])[0];
    client.run();
    let database = client.database.clone();
    finish(async move { database.close().await }).unwrap();
    client.run();
    assert_eq!(client.reply(waits).unwrap().unwrap_err(), "CLOSED");
}

#[test]
fn an_ended_session_leaves_nothing_behind_and_finishes_its_writes() {
    let mut client = Client::new();
    let mut other = client.another();
    let watch = client.ok(WATCH, v![NULL, NULL, NULL])[0].clone();
    client.ok(SNAPSHOT, v![NULL]);
    client.medium.wait(true);
    client.submit(&[(NEXT, v![watch, 1]), (PUT, v!["c", "a", NULL, NULL, NULL, 1])]);
    client.executor.run(2);
    client.session.end();
    client.run();
    assert_eq!(client.executor.unfinished(), 0);
    assert!(client.session.take_replies().is_empty());
    assert!(client.session.submit(&[]).err().unwrap().is(crate::ErrorCode::Closed));
    assert_eq!(other.ok(GET, v!["c", "a", NULL])[3], 1.into());
}

#[test]
fn handles_have_a_bound_and_are_given_back() {
    let mut client = Client::new();
    let handles: Vec<_> = (0..HANDLES_MAX).map(|_| client.ok(SNAPSHOT, v![NULL])[0].clone()).collect();
    for (operation, arguments) in [(SNAPSHOT, v![NULL]), (WATCH, v![NULL, NULL, NULL]), (EXPORT, v![])] {
        assert_eq!(client.code(operation, arguments), "LIMIT_EXCEEDED");
    }
    client.ok(RELEASE, v![handles[7].clone()]);
    assert_eq!(client.code(RELEASE, v![handles[7].clone()]), "NOT_FOUND");
    let fresh = client.ok(SNAPSHOT, v![NULL])[0].clone();
    assert!(!handles.contains(&fresh), "a number is not used again");
}

#[test]
fn replies_are_waited_for_until_the_session_ends() {
    let mut client = Client::new();
    let session = crate::protocol::Session::new(&client.database);
    let session = alloc::rc::Rc::new(session);
    let (seen, reader) = (alloc::rc::Rc::new(core::cell::RefCell::new(Vec::new())), session.clone());
    let into = seen.clone();
    client.executor.spawn(alloc::boxed::Box::pin(async move {
        while let Some(batch) = reader.replies().await {
            into.borrow_mut().push(batch);
        }
        into.borrow_mut().push(Vec::new());
    }));
    client.run();
    let mut batch = Vec::new();
    for call in 1..=3 {
        batch.extend(super::rig::message(call, PUT, &v!["c", format!("k{call}"), NULL, NULL, NULL, 1]));
    }
    for task in session.submit(&batch).unwrap() {
        client.executor.spawn(task);
    }
    client.run();
    assert_eq!(seen.borrow().len(), 1, "what is ready in one turn is one batch");
    session.end();
    client.run();
    assert!(seen.borrow().len() == 2 && seen.borrow()[1].is_empty());
}

/// A storage that makes every call wait shows whatever is borrowed over a wait, and lets calls overlap as they can.
#[test]
fn calls_over_a_medium_that_waits_do_not_disturb_each_other() {
    let options = LocalOptions { segment_bytes: 32 << 10, tail_bytes: 4 << 10, ..LocalOptions::default() };
    for manual_maintenance in [false, true] {
        let mut client = Client::open(MemoryStorage::new(), LocalOptions { manual_maintenance, ..options });
        client.medium.wait(true);
        let mut last: Vec<i64> = alloc::vec![-1; 40];
        for round in 0..60_i64 {
            let mut calls = Vec::new();
            for i in 0..20_i64 {
                let key = (round * 11 + i * 7) % 40;
                calls.push((PUT, v!["c", format!("k{key:02}"), NULL, NULL, NULL, v![round * 20 + i, "x".repeat(50)]]));
                last[key as usize] = round * 20 + i;
                match i % 7 {
                    0 => calls.push((GET, v!["c", format!("k{key:02}"), NULL])),
                    1 => calls.push((SCAN, v!["c", NULL, NULL, 10, 100, true])),
                    2 => calls.push((HISTORY, v!["c", format!("k{key:02}"), NULL, 5, true])),
                    3 => calls.push((INFO, v![])),
                    4 if round % 10 == 0 => calls.push((CHECKPOINT, v![])),
                    5 => calls.push((SYNC, v![])),
                    6 if round % 20 == 0 => calls.push((VERIFY, v![])),
                    _ => {}
                }
            }
            if round % 4 == 0 {
                let database = client.database.clone();
                client.executor.spawn(alloc::boxed::Box::pin(async move {
                    database.maintain(3).await.unwrap();
                }));
            }
            let numbers = client.submit(&calls);
            client.run();
            for call in numbers {
                client.reply(call).expect("every call is answered").unwrap();
            }
        }
        assert!(client.medium.overlap() > 1, "nothing overlapped");
        for (key, value) in last.iter().enumerate() {
            assert_eq!(client.ok(GET, v!["c", format!("k{key:02}"), NULL])[3].pointer("/0"), Some(&(*value).into()));
        }
        let stats = client.ok(STATS, v![])[0].clone();
        assert!(stats.pointer("/checkpoints").unwrap().as_i64() > Some(3), "{stats:?}");
        assert_eq!(client.ok(VERIFY, v![])[0].pointer("/ok"), Some(&true.into()));
        let mut again = Client::open(client.medium.files().snapshot(), options);
        assert_eq!(again.ok(VERIFY, v![])[0].pointer("/commits"), Some(&1_200.into()));
    }
}

#[test]
fn opening_and_closing_wait_too() {
    let mut client = Client::new();
    for i in 0..30 {
        put(&mut client, &format!("k{i}"), i);
    }
    client.ok(CHECKPOINT, v![]);
    put(&mut client, "tail", 1);
    let medium = super::rig::Medium::over(client.medium.files().snapshot());
    medium.wait(true);
    let host = alloc::sync::Arc::new(super::rig::CountingHost::new());
    let database = finish(crate::local::LocalDatabase::open(medium.clone(), host, LocalOptions::default())).unwrap();
    let mut client = Client::of(medium, database.clone());
    assert_eq!(client.ok(GET, v!["c", "k7", NULL])[3], 7.into());
    put(&mut client, "more", 1);
    finish(async move { database.close().await }).unwrap();
}
