//! Writing, reading and listing documents as a user types it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::Place;
use serde_json::json;

#[test]
fn what_is_put_is_what_get_prints() {
    let place = Place::new();
    let version = place.koru(&["put", "users/ada", r#"{"born": 1815, "x": [1, 1.0, -0.0, null]}"#]);
    assert!(version.starts_with("1@") && version.trim_end().len() == 34, "{version:?}");
    assert_eq!(
        place.koru(&["get", "users/ada"]),
        "{\n  \"born\": 1815,\n  \"x\": [\n    1,\n    1.0,\n    -0.0,\n    null\n  ]\n}\n"
    );
    assert_eq!(place.koru(&["get", "users/ada", "--raw"]), r#"{"born":1815,"x":[1,1.0,-0.0,null]}"#);
    let read = &place.json(&["get", "users/ada"])[0];
    assert_eq!(
        (&read["collection"], &read["key"], &read["value"]["born"]),
        (&json!("users"), &json!("ada"), &json!(1815))
    );
    assert_eq!(read["version"], version.trim_end());
    assert!(read["timestamp"].as_str().unwrap().ends_with('Z') && read.get("expires_at").is_none());

    place.koru(&["put", "n/negative", "-1"]);
    assert_eq!(place.koru(&["get", "n/negative"]), "-1\n");
    place.koru(&["put", "n/null", "null"]);
    assert_eq!(place.koru(&["get", "n/null"]), "null\n");
}

#[test]
fn text_and_bytes_come_back_byte_for_byte() {
    let place = Place::new();
    let text = "no line end, ünïcode\tand \u{1}";
    place.koru(&["put", "files/a/b.txt", text, "--text"]);
    assert_eq!(place.koru(&["get", "files/a/b.txt"]), text);
    assert_eq!(place.json(&["get", "files/a/b.txt"])[0]["value"], text);
    let bytes: Vec<u8> = (0..=255).collect();
    let file = place.write("bytes", &bytes);
    place.koru(&["put", "files/c", "--bytes", "--file", &file]);
    assert_eq!(place.run(&["get", "files/c"]).bytes, bytes);
    assert!(place.json(&["get", "files/c"])[0]["value"]["$bytes"].as_str().unwrap().starts_with("AAECAw"));
    assert_eq!(place.fed(&["put", "files/d", "--bytes"], &bytes).code, 0);
    assert_eq!(place.run(&["get", "files/d"]).bytes, bytes);
    assert_eq!(place.fed(&["put", "files/e", "-"], b" {\"a\": 1}\n").code, 0);
    assert_eq!(place.koru(&["get", "files/e", "--raw"]), r#"{"a":1}"#);
    // Not what was asked for, and it says what to do.
    let refused = place.fed(&["put", "files/f", "--text"], &bytes);
    assert!(refused.code == 2 && refused.err.contains("--bytes"), "{refused:?}");
    let refused = place.try_koru(&["put", "files/f", "hello"]);
    assert!(refused.code == 2 && refused.err.contains("--text"), "{refused:?}");
    assert_eq!(place.failure(&["get", "files/f"]), (3, "NOT_FOUND".into()));
}

#[test]
fn a_write_can_depend_on_what_is_there() {
    let place = Place::new();
    let first = place.koru(&["put", "users/ada", "1", "--expect", "absent"]);
    let first = first.trim_end();
    assert_eq!(place.failure(&["put", "users/ada", "2", "--expect", "absent"]), (4, "CONFLICT".into()));
    place.koru(&["put", "users/ada", "2", "--expect", first]);
    assert_eq!(place.failure(&["put", "users/ada", "3", "--expect", first]), (4, "CONFLICT".into()));
    assert_eq!(place.failure(&["delete", "users/ada", "--expect", first]), (4, "CONFLICT".into()));
    // A version may be as short as it is printed.
    let short = place.koru(&["history", "users/ada", "--limit", "1"]);
    let short = short.split_whitespace().nth(2).unwrap();
    place.koru(&["put", "users/ada", "3", "--expect", short]);
    assert_eq!(place.koru(&["get", "users/ada"]), "3\n");
    assert_eq!(place.failure(&["put", "users/ada", "3", "--expect", "v1"]).0, 2);
}

#[test]
fn a_deleted_document_is_gone_and_its_versions_stay() {
    let place = Place::new();
    let first = place.koru(&["put", "users/ada", "1"]);
    place.koru(&["delete", "users/ada", "--author", "me", "--message", "no longer\nneeded"]);
    let missing = place.try_koru(&["get", "users/ada"]);
    assert!(missing.code == 3 && missing.err.contains("users/ada was deleted at 2"), "{missing:?}");
    assert_eq!(place.koru(&["get", "users/ada", "--as-of", first.trim_end()]), "1\n");
    assert_eq!(place.failure(&["delete", "users/ada"]), (3, "NOT_FOUND".into()));
    let history = place.json(&["history", "users/ada", "--values"]);
    assert_eq!((history.len(), &history[0]["deleted"], &history[0]["author"]), (2, &json!(true), &json!("me")));
    assert_eq!((&history[0]["message"], &history[1]["value"]), (&json!("no longer\nneeded"), &json!(1)));
    assert!(place.koru(&["history", "users/ada"]).lines().next().unwrap().ends_with("deleted  no longer (me)"));
}

#[test]
fn a_document_expires() {
    let place = Place::new();
    place.koru(&["put", "s/a", "1", "--expires-in", "1 hour"]);
    place.koru(&["put", "s/b", "1", "--expires-at", "2000-01-01"]);
    assert!(place.json(&["get", "s/a"])[0]["expires_at"].is_string());
    let gone = place.try_koru(&["get", "s/b"]);
    assert!(gone.code == 3 && gone.err.contains("expired at 2000-01-01T00:00:00.000Z"), "{gone:?}");
    assert_eq!(place.koru(&["scan", "s", "--keys"]), "a\n");
    for bad in ["soon", "-1h", "10 parsecs"] {
        assert_eq!(place.failure(&["put", "s/c", "1", &format!("--expires-in={bad}")]), (2, "INVALID_ARGUMENT".into()));
    }
}

#[test]
fn causes_are_kept_and_have_to_exist() {
    let place = Place::new();
    let version = place.koru(&["put", "notes/a@b", "1"]);
    let cause = format!("notes/a@b@{}", version.trim_end());
    place.koru(&["put", "notes/c", "2", "--because", &cause]);
    let causes = &place.json(&["log", "--limit", "1"])[0]["causes"];
    assert_eq!(*causes, json!([{"collection": "notes", "key": "a@b", "version": version.trim_end()}]));
    assert_eq!(
        place.failure(&["put", "notes/c", "2", "--because", &cause.replace("a@b", "z")]),
        (3, "NOT_FOUND".into())
    );
    assert_eq!(place.failure(&["put", "notes/c", "2", "--because", "notes/c"]), (2, "INVALID_ARGUMENT".into()));
}

#[test]
fn a_scan_lists_a_range_and_goes_on_where_it_was_cut_off() {
    let place = Place::new();
    for key in ["a", "b/1", "b/2", "b/3", "c", "ä", "with\nline"] {
        place.koru(&["put", &format!("k/{key}"), "[1, 2]"]);
    }
    let keys = |args: &[&str]| place.koru(&[&["scan", "k", "--keys"], args].concat()).replace('\n', " ");
    assert_eq!(keys(&[]), "a b/1 b/2 b/3 c with\\nline ä ");
    assert_eq!(keys(&["--reverse", "--limit", "2"]), "ä with\\nline ");
    assert_eq!(keys(&["--prefix", "b/"]), "b/1 b/2 b/3 ");
    assert_eq!(keys(&["--from", "b/2", "--to", "c"]), "b/2 b/3 ");
    assert_eq!(keys(&["--from", "b/2", "--to", "c", "--reverse"]), "b/3 b/2 ");
    assert_eq!(keys(&["--from", "b/2", "--after", "a"]), "b/2 b/3 c with\\nline ä ");
    for reverse in [false, true] {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut args = vec!["scan", "k", "--limit", "2"];
            args.extend(reverse.then_some("--reverse"));
            args.extend(after.iter().flat_map(|after| ["--after", after.as_str()]));
            let mut page = place.json(&args);
            let next = page.last().and_then(|last| last.get("next").cloned());
            page.retain(|row| row.get("next").is_none());
            all.extend(page.iter().map(|row| row["key"].as_str().unwrap().to_owned()));
            let Some(next) = next else { break };
            assert_eq!(next, page.last().unwrap()["key"]);
            after = Some(next.as_str().unwrap().into());
        }
        let mut expected = ["a", "b/1", "b/2", "b/3", "c", "with\nline", "ä"];
        if reverse {
            expected.reverse();
        }
        assert_eq!(all, expected);
    }
    assert!(place.run(&["scan", "k", "--limit", "2"]).err.contains("--after b/1"));
    assert!(place.run(&["scan", "k", "--limit", "7"]).err.is_empty());
    assert_eq!(place.koru(&["scan", "k", "--limit", "1"]), "a\t[1,2]\n");
    place.koru(&["put", "other/x", "1"]);
    assert_eq!(place.koru(&["scan"]), "k\t7 documents\nother\t1 document\n");
    assert_eq!(place.json(&["scan"])[0], json!({"collection": "k", "documents": 7, "more": false}));
    assert_eq!(place.failure(&["scan", "--prefix", "a"]).0, 2);
}

#[test]
fn what_is_wrong_with_a_name_is_said() {
    let place = Place::new();
    place.koru(&["put", "a/b", "1"]);
    let long = format!("a/{}", "k".repeat(5000));
    for (args, code) in [
        (["put", "users", "1"], "INVALID_ARGUMENT"),
        (["put", "/ada", "1"], "INVALID_ARGUMENT"),
        (["put", "$tags/x", "1"], "INVALID_ARGUMENT"),
        (["put", long.as_str(), "1"], "LIMIT_EXCEEDED"),
    ] {
        let exit = if code == "LIMIT_EXCEEDED" { 7 } else { 2 };
        assert_eq!(place.failure(&args), (exit, code.into()), "{args:?}");
    }
    let deep = "[".repeat(70) + &"]".repeat(70);
    assert_eq!(place.failure(&["put", "a/b", &deep]).0, 7);
    for number in ["9223372036854775808", "1e999", "NaN"] {
        assert_eq!(place.failure(&["put", "a/b", number]).0, 2, "{number}");
    }
    assert_eq!(place.koru(&["get", "a/b"]), "1\n");
}

#[test]
fn history_is_read_in_pages() {
    let place = Place::new();
    for i in 0..5 {
        place.koru(&["put", "a/b", &i.to_string()]);
        place.koru(&["put", "a/other", &i.to_string()]);
    }
    let mut values = Vec::new();
    let mut args = vec!["history".to_owned(), "a/b".into(), "--values".into(), "--limit".into(), "2".into()];
    loop {
        let page = place.json(&args.iter().map(String::as_str).collect::<Vec<_>>());
        values.extend(page.iter().filter_map(|line| line.get("value").cloned()));
        let Some(next) = page.last().and_then(|last| last.get("next")) else { break };
        args.truncate(5);
        args.extend(["--before".into(), next.as_str().unwrap().into()]);
    }
    assert_eq!(values, [4, 3, 2, 1, 0]);
    assert_eq!(place.failure(&["history", "a/never"]), (3, "NOT_FOUND".into()));
    let line = place.koru(&["history", "a/b", "--limit", "1"]);
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!((words[0].len(), words[1].len(), words[3], words[4]), (24, 12, "1", "B"), "{line}");
    // Both the commit and the version of a line are moments.
    for moment in &words[..3] {
        assert_eq!(place.koru(&["get", "a/b", "--as-of", moment]), "4\n", "{moment}");
    }
}
