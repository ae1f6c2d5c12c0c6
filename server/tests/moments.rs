//! Reading, comparing and going back to earlier moments.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::Place;
use serde_json::json;

/// Three states of a few documents: after each, its version.
fn three_states(place: &Place) -> [String; 3] {
    place.koru(&["put", "users/ada", r#"{"born": 1815, "langs": ["en"]}"#]);
    let first = place.koru(&["put", "notes/n", "one\ntwo\nthree\n", "--text"]);
    place.koru(&["put", "users/bob", "1"]);
    let second = place.koru(&["put", "users/ada", r#"{"born": 1816, "langs": ["en", "fr"], "x/y": true}"#]);
    place.koru(&["delete", "users/bob"]);
    let third = place.koru(&["put", "notes/n", "one\n2\nthree", "--text"]);
    [first, second, third].map(|version| version.trim_end().to_owned())
}

#[test]
fn every_form_of_a_moment_reads_the_same() {
    let place = Place::new();
    let [first, second, _] = three_states(&place);
    let commits = place.json(&["log"]);
    let commit = commits.iter().find(|commit| commit["version"] == *second).unwrap();
    let (id, time) = (commit["commit"].as_str().unwrap(), commit["timestamp"].as_str().unwrap());
    place.koru(&["tag", "second", "--at", &second]);
    let short = format!("{}@{}", &second[..1], &second[2..8]);
    for moment in [&second, id, &id[..8], &id[..8].to_uppercase(), time, "second", short.as_str()] {
        let read = &place.json(&["get", "users/ada", "--as-of", moment])[0];
        assert_eq!((&read["value"]["born"], &read["version"]), (&json!(1816), &json!(second)), "{moment}");
        assert_eq!(place.koru(&["scan", "users", "--keys", "--as-of", moment]), "ada\nbob\n", "{moment}");
        assert_eq!(place.json(&["log", "--as-of", moment]).len(), 4, "{moment}");
        assert_eq!(place.json(&["history", "users/ada", "--as-of", moment]).len(), 2, "{moment}");
        assert_eq!(place.json(&["export", "--as-of", moment]).len(), 3, "{moment}");
    }
    assert_eq!(place.json(&["get", "users/ada", "--as-of", &first])[0]["value"]["born"], 1815);
    for before in ["2000-01-01", "-1h", "2 days ago", "1969-12-31T23:59:59Z"] {
        assert_eq!(place.failure(&["get", "users/ada", "--as-of", before]), (3, "NOT_FOUND".into()), "{before}");
        assert_eq!(place.koru(&["scan", "--as-of", before]), "");
    }
    assert_eq!(place.json(&["get", "users/ada", "--as-of", "now"])[0]["value"]["born"], 1816);
    for none in ["nothing", "abc", "ffffffffffff", "9@ffffffff", &"f".repeat(64), "", "a/b"] {
        assert_eq!(place.failure(&["get", "users/ada", "--as-of", none]), (3, "NOT_FOUND".into()), "{none}");
    }
}

#[test]
fn tags_are_made_listed_and_removed() {
    let place = Place::new();
    let [first, ..] = three_states(&place);
    assert_eq!(place.koru(&["tag"]), "");
    place.koru(&["tag", "v1", "--at", &first]);
    place.koru(&["tag", "v2"]);
    let tags = place.json(&["tag"]);
    assert_eq!((tags.len(), &tags[0]["tag"], tags[0]["commits"][0].as_str()), (2, &json!("v1"), Some(&*first)));
    assert!(place.koru(&["tag"]).lines().all(|line| line.contains("Z  v")));
    assert_eq!(place.failure(&["tag", "v1"]), (4, "ALREADY_EXISTS".into()));
    place.koru(&["tag", "--delete", "v1"]);
    assert_eq!(place.failure(&["tag", "--delete", "v1"]), (3, "NOT_FOUND".into()));
    assert_eq!(place.failure(&["tag", "v3", "--at", "2000-01-01"]), (3, "NOT_FOUND".into()));
    // What would be read as something else cannot be a tag.
    for name in ["2026-01-01", "now", "1@abcdef", "-2h"] {
        assert_eq!(place.try_koru(&["tag", "--", name]).code, 2, "{name}");
    }
    // A tag that looks like a commit is a tag.
    place.koru(&["tag", "cafe", "--at", &first]);
    assert_eq!(place.json(&["get", "users/ada", "--as-of", "cafe"])[0]["value"]["born"], 1815);
}

#[test]
fn a_diff_of_a_document_goes_path_by_path_and_line_by_line() {
    let place = Place::new();
    let [first, second, third] = three_states(&place);
    let expected = "- /born: 1815\n+ /born: 1816\n+ /langs/1: \"fr\"\n+ /x~1y: true\n";
    let told = place.koru(&["diff", "users/ada", &first, &second]);
    assert!(told.starts_with("changed users/ada  (") && told.ends_with(expected), "{told}");
    for args in [&["diff", "users/ada"][..], &["diff", "users/ada", "--from", &first, "--to", &third]] {
        assert_eq!(place.koru(args), told, "{args:?}");
    }
    let told = place.koru(&["diff", "notes/n", &first]);
    assert!(
        told.ends_with("\n@@ -1,3 +1,3 @@\n one\n-two\n-three\n+2\n+three\n\\ No newline at end of file\n"),
        "{told}"
    );
    let json = &place.json(&["diff", "users/ada", &first])[0];
    assert_eq!((&json["kind"], &json["after"]["version"]), (&json!("changed"), &json!(second)));
    assert_eq!(json["changes"][0], json!({"path": "/born", "before": 1815, "after": 1816}));
    assert_eq!(place.koru(&["diff", "users/ada", &second, &second]), "");
    assert_eq!(place.try_koru(&["diff", "users/ada", &second, "--exit-code"]).code, 0);
    assert_eq!(place.try_koru(&["diff", "users/ada", &first, "--exit-code"]).code, 1);
    assert_eq!(place.try_koru(&["diff", "users/ada", &first]).code, 0);
    // A document that was written once is compared with nothing.
    place.koru(&["put", "users/eve", "1"]);
    assert_eq!(place.koru(&["diff", "users/eve"]), "added users/eve  (2 B)\n+ 1\n");
    assert_eq!(place.failure(&["diff", "users/never"]), (3, "NOT_FOUND".into()));
}

#[test]
fn a_diff_of_moments_names_every_document_that_differs() {
    let place = Place::new();
    let [first, second, third] = three_states(&place);
    let stat = |args: &[&str]| {
        let told = place.koru(&[&["diff", "--stat"], args].concat());
        told.lines().map(|line| line.split("  ").next().unwrap().to_owned()).collect::<Vec<_>>().join(",")
    };
    assert_eq!(stat(&["--from", &first]), "M notes/n,M users/ada");
    assert_eq!(stat(&["--from", &second]), "M notes/n,D users/bob");
    assert_eq!(stat(&["--from", &third, "--to", &second]), "M notes/n,A users/bob");
    assert_eq!(stat(&["users", &second]), "D users/bob");
    assert_eq!(stat(&["users/", &second]), "D users/bob");
    assert_eq!(stat(&["--from", "2000-01-01"]), "A notes/n,A users/ada");
    assert!(place.run(&["diff", "--from", &second]).err.contains("2 documents: 0 added, 1 changed, 1 deleted"));
    let kinds = place.json(&["diff", "--from", &second, "--stat"]);
    assert_eq!((kinds.len(), &kinds[1]["kind"], kinds[1].get("changes")), (2, &json!("deleted"), None));
    assert_eq!(place.failure(&["diff"]), (2, "INVALID_ARGUMENT".into()));
    assert_eq!(place.failure(&["diff", "users"]), (2, "INVALID_ARGUMENT".into()));
}

#[test]
fn a_restore_brings_back_what_was_by_new_versions() {
    let place = Place::new();
    let [first, second, third] = three_states(&place);
    let told = place.koru(&["restore", "users/ada", "--to", &first]);
    assert!(told.starts_with("restored users/ada\n1 document by commit "), "{told}");
    assert_eq!(place.json(&["get", "users/ada"])[0]["value"]["born"], 1815);
    assert_eq!(place.json(&["history", "users/ada"]).len(), 3);
    let again = place.run(&["restore", "users/ada", &first]);
    assert!(again.out.is_empty() && again.err.contains("nothing to restore"), "{again:?}");
    assert_eq!(
        place.json(&["restore", "users/ada", &first])[0],
        json!({"version": null, "commit": null, "changes": []})
    );
    let json = &place.json(&["restore", "users", "--to", &second])[0];
    assert_eq!(json["changes"].as_array().unwrap().len(), 2);
    assert_eq!(place.koru(&["get", "users/bob"]), "1\n");
    place.koru(&["restore", "--all", "--to", &third]);
    assert_eq!(place.koru(&["diff", "--from", &third]), "");
    assert_eq!(place.failure(&["restore", "users/ada"]).0, 2);
    assert_eq!(place.failure(&["restore", "--all"]).0, 2);
    assert_eq!(place.failure(&["restore", "users/ada", "--to", "nothing"]), (3, "NOT_FOUND".into()));
}

#[test]
fn the_log_is_read_in_pages_and_by_place() {
    let place = Place::new();
    three_states(&place);
    place.koru(&["tag", "here"]);
    let all = place.json(&["log"]);
    assert_eq!(all.len(), 7);
    assert_eq!(all[0]["changes"], json!([]));
    assert!(place.koru(&["log", "--limit", "1"]).trim_end().ends_with("tag here"));
    assert_eq!(place.json(&["log", "users"]).len(), 4);
    assert_eq!(place.json(&["log", "users/bob"]).len(), 2);
    for target in [&[][..], &["users"], &["users/ada"]] {
        let whole = place.json(&[&["log"], target].concat());
        let (mut paged, mut before) = (Vec::new(), None::<String>);
        loop {
            let mut args = [&["log", "--limit", "2"], target].concat();
            args.extend(before.iter().flat_map(|before| ["--before", before.as_str()]));
            let mut page = place.json(&args);
            let next = page.last().and_then(|last| last.get("next").cloned());
            page.truncate(2);
            paged.extend(page);
            match next {
                Some(next) => before = Some(next.as_str().unwrap().into()),
                None => break,
            }
        }
        paged.retain(|line| line.get("next").is_none());
        assert_eq!(paged, whole, "{target:?}");
    }
}
