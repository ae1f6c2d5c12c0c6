use super::{
    rig::{Client, NULL, map, message, v},
    vectors::floats,
};
use crate::{
    ErrorCode, Value,
    limits::{BATCH_BYTES_MAX, CALLS_MAX},
    protocol::operation::*,
    value::tests::values,
};
use alloc::{format, vec::Vec};
use proptest::{collection::vec, prelude::*};

#[test]
fn a_batch_that_cannot_be_read_ends_the_session_and_nothing_of_it_is_done() {
    let whole = message(1, PUT, &v!["c", "a", NULL, NULL, NULL, 1]);
    let too_short = [4, 0, 0, 0, 1, 0, 0, 0];
    for broken in [&[0][..], &[0; 4], &[255; 9], &too_short, &whole[..whole.len() - 1]] {
        let mut client = Client::new();
        let mut other = client.another();
        let batch = [&whole[..], broken].concat();
        assert!(client.session.submit(&batch).err().unwrap().is(ErrorCode::Untrusted), "{broken:?}");
        assert!(client.session.submit(&whole).err().unwrap().is(ErrorCode::Closed));
        client.run();
        assert_eq!(other.ok(GET, v!["c", "a", NULL]), []);
    }
    let client = Client::new();
    assert!(client.session.submit(&alloc::vec![0; BATCH_BYTES_MAX + 1]).err().unwrap().is(ErrorCode::Untrusted));
}

#[test]
fn arguments_that_cannot_be_read_fail_their_call_alone() {
    let mut client = Client::new();
    let version = "1@00000000000000000000000000000000";
    client.ok(PUT, v!["c", "like", NULL, NULL, NULL, 1, floats(&[1.0])]);
    // A search with one argument that is not as it should be.
    let search = |name: &str, value: Value| {
        let names = [
            "collection",
            "target",
            "name",
            "k",
            "filter",
            "threshold",
            "ef",
            "exact",
            "values",
            "vectors",
            "range",
            "at",
        ];
        let mut arguments = v!["c", "like", NULL, NULL, NULL, NULL, NULL, false, true, false, NULL, NULL];
        arguments[names.iter().position(|each| *each == name).unwrap()] = value;
        arguments
    };
    client.ok(SEARCH, search("k", 1.into()));
    let calls: Vec<(u8, Vec<Value>)> = alloc::vec![
        (0, v![]),
        (38, v![]),
        (40, v![]),
        (IMPORT, v!["i", NULL, 1]),
        (255, v![]),
        (GET, v![]),
        (GET, v!["c"]),
        (GET, v!["c", "k"]),
        (GET, v!["c", "k", NULL, NULL]),
        (GET, v![1, "k", NULL]),
        (GET, v!["", "k", NULL]),
        (GET, v!["c", "", NULL]),
        (PUT, v!["c", "k", NULL, NULL, NULL]),
        (PUT, v!["$c", "k", NULL, NULL, NULL, 1]),
        (PUT, v!["c/d", "k", NULL, NULL, NULL, 1]),
        (PUT, v!["c", "k", 1, NULL, NULL, 1]),
        (PUT, v!["c", "k", map([("who", "me".into())]), NULL, NULL, 1]),
        (PUT, v!["c", "k", map([("author", 1.into())]), NULL, NULL, 1]),
        (PUT, v!["c", "k", map([("token", v![&[1_u8; 15][..], 1].into())]), NULL, NULL, 1]),
        (PUT, v!["c", "k", map([("token", v![&[1_u8; 16][..], -1].into())]), NULL, NULL, 1]),
        (PUT, v!["c", "k", map([("after", (-1).into())]), NULL, NULL, 1]),
        (PUT, v!["c", "k", map([("causes", v![1].into())]), NULL, NULL, 1]),
        (PUT, v!["c", "k", NULL, true, NULL, 1]),
        (PUT, v!["c", "k", NULL, "x", NULL, 1]),
        (PUT, v!["c", "k", NULL, NULL, "soon", 1]),
        (COMMIT, v![NULL, v![], v![], "c"]),
        (COMMIT, v![NULL, v![1], v![]]),
        (COMMIT, v![NULL, v![v!["c", "k"]], v![]]),
        (COMMIT, v![NULL, v![], v![v!["c", NULL, NULL, v![v!["k", "x"]]]]]),
        (SCAN, v!["c", map([("from", "a".into()), ("after", "b".into())]), NULL, NULL, 1, true]),
        (SCAN, v!["c", map([("size", 1.into())]), NULL, NULL, 1, true]),
        (SCAN, v!["c", map([("prefix", 1.into())]), NULL, NULL, 1, true]),
        (SCAN, v!["c", NULL, NULL, -1, 1, true]),
        (SCAN, v!["c", NULL, NULL, NULL, NULL, true]),
        (SCAN, v!["c", NULL, NULL, NULL, 1, 1]),
        (WATCH, v!["a/b", NULL, NULL]),
        (TAG, v!["", NULL, NULL]),
        (LINEAGE, v!["c", "k", version, "up", 1]),
        (FIND_COMMIT, v!["xyz"]),
        (FIND_COMMIT, v!["0@0"]),
        (PUT, v!["c", "k", NULL, NULL, NULL, 1, NULL]),
        (PUT, v!["c", "k", NULL, NULL, NULL, 1, &[0_u8; 3][..]]),
        (PUT, v!["c", "k", NULL, NULL, NULL, 1, &[0_u8; 0][..]]),
        (PUT, v!["c", "k", NULL, NULL, NULL, 1, floats(&[f32::NAN])]),
        (PUT, v!["c", "k", NULL, NULL, NULL, 1, map([("a", 1.into())])]),
        (PUT, v!["c", "k", NULL, NULL, NULL, 1, floats(&[1.0]), floats(&[1.0])]),
        (PUT_MANY, v!["c", NULL, "k", 1, map([("a", v![1].into())])]),
        (PUT_MANY, v!["c", NULL, "k", 1, floats(&[f32::INFINITY])]),
        (COMMIT, v![NULL, v![], v![], "c", "k", NULL, NULL, false, floats(&[1.0])]),
        (SEARCH, v!["c", floats(&[1.0])]),
        (SEARCH, search("target", v![1].into())),
        (SEARCH, search("target", Value::Bytes([1, 2, 3].into()))),
        (SEARCH, search("target", floats(&[]))),
        (SEARCH, search("name", 1.into())),
        (SEARCH, search("k", (-1).into())),
        (SEARCH, search("k", 1.5.into())),
        (SEARCH, search("filter", 1.into())),
        (SEARCH, search("threshold", 1.5.into())),
        (SEARCH, search("threshold", floats(&[]))),
        (SEARCH, search("ef", "1".into())),
        (SEARCH, search("exact", 1.into())),
        (SEARCH, search("vectors", NULL)),
        (SEARCH, search("range", map([("descending", true.into())]))),
        (VECTORS, v!["c", "", NULL]),
        (CONFIGURE_VECTORS, v!["c", "a", NULL, NULL, NULL, NULL, NULL]),
        (CONFIGURE_VECTORS, v!["c", "a", NULL, "3", NULL, NULL, NULL]),
        (CONFIGURE_VECTORS, v!["c", "a", NULL, 3, "manhattan", NULL, NULL]),
        (CONFIGURE_VECTORS, v!["c", "a", NULL, 3, NULL, 1, NULL]),
        (CANCEL, v![-1]),
        (CANCEL, v![1_i64 << 40]),
        (INFO, v![1]),
    ];
    for (operation, arguments) in calls {
        let shown = format!("{operation} {arguments:?}");
        assert_eq!(client.call(operation, arguments).expect_err(&shown), "INVALID_ARGUMENT", "{shown}");
    }
    for (operation, arguments) in
        [(NEXT, v![1, 1]), (RELEASE, v![1]), (EXPORT_READ, v![1, "root", 0, 1]), (HEADS, v!["c", "k".repeat(5_000)])]
    {
        let code = client.code(operation, arguments);
        assert!(code == "NOT_FOUND" || code == "LIMIT_EXCEEDED", "{code}");
    }
    // A value that is not in its shortest form.
    let mut message = message(7, PUT, &v!["c", "k", NULL, NULL, NULL]);
    message.extend_from_slice(&[0xe0, 1]);
    message[0] += 2;
    assert!(client.session.submit(&message).unwrap().is_empty());
    assert_eq!(client.session.take_replies()[8], 1);
    assert_eq!(client.ok(INFO, v![])[0].pointer("/commits"), Some(&1.into()));
}

#[test]
fn calls_and_their_bytes_have_bounds() {
    let mut client = Client::new();
    let calls = alloc::vec![(TAGS, v![]); CALLS_MAX + 3];
    let numbers = client.submit(&calls);
    client.run();
    let failed = |reply: &super::rig::Reply| matches!(reply, Err(code) if code == "LIMIT_EXCEEDED");
    let replies: Vec<_> = numbers.into_iter().map(|call| client.reply(call).unwrap()).collect();
    assert_eq!(replies.iter().filter(|reply| failed(reply)).count(), 3);
    // What was answered makes room again.
    client.ok(TAGS, v![]);
    let large = (PUT_MANY, v!["c", NULL, "a", Value::Bytes(alloc::vec![0; 60 << 20])]);
    let numbers = client.submit(&[large.clone(), large.clone(), large.clone(), large]);
    let more = client.submit(&[(PUT_MANY, v!["c", NULL, "b", Value::Bytes(alloc::vec![0; 60 << 20])])]);
    client.run();
    assert!(numbers.into_iter().all(|call| client.reply(call).unwrap().is_ok()));
    assert!(failed(&client.reply(more[0]).unwrap()));
}

/// A value that is likely to be an argument.
fn argument() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("c"),
        Just("k1"),
        Just("k2"),
        Just("t"),
        Just("root"),
        Just("1@25"),
        Just("0000"),
        Just(""),
        Just("1@254a6f94b9de03284d7297bce1062b50"),
        Just("00000001.log"),
    ];
    let word = word.prop_map(Value::from);
    let number = prop_oneof![0..4_i64, any::<i64>()].prop_map(Value::from);
    let name = prop_oneof![
        Just("prefix"),
        Just("from"),
        Just("before"),
        Just("descending"),
        Just("version"),
        Just("tag"),
        Just("snapshot"),
        Just("author"),
        Just("token"),
        Just("after"),
        Just("causes"),
        Just("commit"),
        Just("default"),
        Just("$gt"),
    ];
    let leaf = prop_oneof![
        4 => Just(NULL), 6 => word.clone(), 4 => number, 2 => any::<bool>().prop_map(Value::from), 1 => values(),
        2 => vec(-2.0_f32..2.0, 1..4).prop_map(|vector| floats(&vector)),
        1 => (0..3_i64).prop_map(|call| v![&[7_u8; 16][..], call].into()),
    ];
    leaf.prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((name.clone(), inner), 0..3).prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_or_answered(bytes: Vec<u8>, length in 5..40_u8) {
        let mut client = Client::new();
        let _ = client.session.submit(&bytes).map(|tasks| tasks.into_iter().for_each(|task| client.executor.spawn(task)));
        let mut framed = alloc::vec![length, 0, 0, 0];
        framed.extend(&bytes);
        let _ = client.session.submit(&framed).map(|tasks| tasks.into_iter().for_each(|task| client.executor.spawn(task)));
        client.executor.run(1_000_000);
    }

    /// Whatever calls come, over a medium that waits: each is answered or waits for events, and the database is sound.
    #[test]
    fn any_calls_leave_a_sound_database(
        calls in vec((1..41_u8, vec(argument(), 0..8)), 1..40),
        polls in 0..200_usize,
        waits: bool,
    ) {
        let mut client = Client::new();
        client.ok(PUT, v!["c", "k1", NULL, NULL, NULL, 1]);
        client.ok(PUT, v!["c", "k2", NULL, NULL, NULL, 1, floats(&[1.0, 2.0])]);
        client.ok(TAG, v!["t", NULL, NULL]);
        client.ok(SNAPSHOT, v![NULL]);
        client.ok(WATCH, v![NULL, NULL, NULL]);
        client.ok(EXPORT, v![]);
        client.medium.wait(waits);
        for part in calls.chunks(7) {
            client.submit(part);
            client.executor.run(polls);
        }
        client.run();
        let numbers = calls.len() as u32;
        let answered = (7..7 + numbers).filter(|call| client.reply(*call).is_some()).count();
        let waiting = calls.iter().filter(|(operation, _)| *operation == NEXT).count();
        prop_assert!(answered + waiting >= calls.len(), "{answered} of {} calls were answered", calls.len());
        let report = client.ok(VERIFY, v![]);
        prop_assert_eq!(report[0].pointer("/ok"), Some(&true.into()));
    }
}
