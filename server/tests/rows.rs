//! JSON Lines and CSV in and out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::Place;
use serde_json::{Value, json};

#[test]
fn importing_an_export_makes_the_same_documents() {
    let place = Place::new();
    place.koru(&[
        "put",
        "a/json",
        r#"{"f": 1.0, "i": 1, "z": -0.0, "big": 9223372036854775807, "n": null, "e": 1e300}"#,
    ]);
    place.koru(&["put", "a/tëxt\n", "line\nwith \"quotes\" and \u{1}", "--text"]);
    place.koru(&["put", "b/with/slash", "[true, {\"x\": []}]"]);
    place.koru(&["put", "b/expires", "1", "--expires-in", "1h"]);
    assert_eq!(place.fed(&["put", "c/bytes", "--bytes"], &[0, 255, 10]).code, 0);
    place.koru(&["put", "c/gone", "1"]);
    place.koru(&["delete", "c/gone"]);
    let file = place.path("all.jsonl");
    let file = file.to_str().unwrap();
    assert!(place.run(&["export", "--output", file]).err.contains("5 documents"));
    assert_eq!(place.failure(&["export", "--output", file]), (4, "ALREADY_EXISTS".into()));
    assert_eq!(std::fs::read_to_string(file).unwrap(), place.koru(&["export"]));

    let other = place.path("copy");
    let other = ["--db", other.to_str().unwrap()];
    assert_eq!(place.koru(&[&["import", file], &other[..]].concat()), "5 rows imported\n");
    let same = |line: &mut Value| {
        line.as_object_mut().unwrap().retain(|name, _| name != "version" && name != "timestamp");
    };
    let (mut one, mut two) = (place.json(&["export"]), place.json(&[&["export"], &other[..]].concat()));
    one.iter_mut().chain(&mut two).for_each(same);
    assert_eq!(one, two);
    assert_eq!(place.run(&[&["get", "c/bytes"], &other[..]].concat()).bytes, [0, 255, 10]);
    assert_eq!(place.koru(&["export", "--collection", "b"]).lines().count(), 2);
}

#[test]
fn lines_of_any_form_have_their_key_in_a_field() {
    let place = Place::new();
    let file =
        place.write("people.jsonl", "\u{feff}{\"id\": 1, \"n\": \"Ada\"}\r\n\n  {\"id\": \"two\", \"n\": \"Bob\"}");
    assert_eq!(place.koru(&["import", "jsonl", &file, "--key", "id"]), "2 rows imported\n");
    assert_eq!(place.json(&["get", "people/1"])[0]["value"], json!({"id": 1, "n": "Ada"}));
    assert_eq!(place.json(&["get", "people/two"])[0]["value"]["n"], "Bob");
    assert_eq!(place.fed(&["import", "jsonl", "-", "--collection", "c"], b"{\"key\":\"a\",\"value\":null}\n").code, 0);
    assert_eq!(place.koru(&["get", "c/a"]), "null\n");
    assert_eq!(place.fed(&["import", "jsonl", "-"], b"{\"key\":\"a\",\"value\":1}\n").code, 2);
}

#[test]
fn an_error_names_the_line_and_keeps_what_came_before() {
    let place = Place::new();
    let mut lines: String = (1..=2500).map(|i| format!("{{\"key\":\"{i:05}\",\"value\":{i}}}\n")).collect();
    for (bad, why) in [
        ("nonsense\n", "not JSON"),
        ("[1]\n", "not an object"),
        ("{\"value\": 1}\n", "no field \"key\""),
        ("{\"key\": \"a\"}\n", "no field \"value\""),
        ("{\"key\": \"a\", \"value\": 1, \"extra\": 2}\n", "extra"),
        ("{\"key\": \"\", \"value\": 1}\n", "key"),
    ] {
        let file = place.write("rows.jsonl", format!("{lines}{bad}{{\"key\":\"z\",\"value\":0}}\n"));
        let failed = place.try_koru(&["import", &file]);
        assert!(failed.code == 2 && failed.err.contains("line 2501: "), "{failed:?}");
        assert!(failed.err.contains(why) && failed.err.contains("2500 rows before it imported"), "{failed:?}");
        assert_eq!(place.koru(&["scan", "rows", "--keys"]).lines().count(), 2500);
        let commits = place.json(&["log"]);
        assert_eq!(commits[0]["message"], "import rows.jsonl");
    }
    // Batches of a thousand.
    assert_eq!(place.json(&["log"]).len(), 6 * 3);
    lines.truncate(lines.len() - 5);
    let cut = place.write("rows.jsonl", lines);
    assert!(place.try_koru(&["import", &cut]).err.contains("line 2500: "));
    assert_eq!(place.failure(&["import", "jsonl", "/nowhere/x.jsonl"]), (3, "NOT_FOUND".into()));
}

#[test]
fn a_dry_run_checks_everything_and_writes_nothing() {
    let place = Place::new();
    let good = place.write("good.jsonl", "{\"key\":\"a\",\"value\":1}\n");
    assert_eq!(place.koru(&["import", "jsonl", &good, "--dry-run"]), "1 row can be imported\n");
    let bad = place.write("bad.csv", "id,n\n1,x\n2\n");
    let failed = place.try_koru(&["import", "csv", &bad, "--key", "id", "--dry-run"]);
    assert!(failed.code == 2 && failed.err.contains("line 3: 1 cells, where the header has 2"), "{failed:?}");
    assert!(!place.path("db").exists());
}

#[test]
fn csv_is_text_unless_types_are_asked_for() {
    let place = Place::new();
    let rows = "id,n,b,zip,f,empty,q\n1,42,true,007,-1.5,,\"a,\nb\"\n";
    let file = place.write("t.csv", rows);
    assert_eq!(place.koru(&["import", &file, "--key", "id"]), "1 row imported\n");
    assert_eq!(
        place.json(&["get", "t/1"])[0]["value"],
        json!({"id": "1", "n": "42", "b": "true", "zip": "007", "f": "-1.5", "empty": "", "q": "a,\nb"})
    );
    place.koru(&["import", "csv", &file, "--key", "id", "--types", "--collection", "typed"]);
    assert_eq!(
        place.json(&["get", "typed/1"])[0]["value"],
        json!({"id": 1, "n": 42, "b": true, "zip": "007", "f": -1.5, "empty": null, "q": "a,\nb"})
    );
    for (text, args, words) in [
        (rows, &["--key", "nope"][..], "id, n, b"),
        ("a,a\n1,2\n", &["--key", "a"], "two columns"),
        ("a,b\n1,\u{0}\n,2\n", &["--key", "a"], "line 3: "),
    ] {
        let file = place.write("t.csv", text);
        let failed = place.try_koru(&[&["import", "csv", &file], args].concat());
        assert!(failed.code == 2 && failed.err.contains(words), "{failed:?}");
    }
    let file = place.write("t.csv", rows);
    assert!(place.try_koru(&["import", &file]).err.contains("--key"));
    let latin = place.write("l.csv", b"a,b\n1,\xff\n");
    assert!(place.try_koru(&["import", &latin, "--key", "a"]).err.contains("line 2: not UTF-8"));
}
