//! Documents are found by their vectors, which come from the command line and from files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::Place;
use serde_json::{Value, json};

/// A file of numpy, of 32-bit floats.
fn npy(rows: &[&[f32]]) -> Vec<u8> {
    let shape = format!("({}, {})", rows.len(), rows.first().map_or(0, |row| row.len()));
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.concat().iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

fn keys(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["key"].as_str()).collect()
}

fn three() -> Place {
    let place = Place::new();
    place.koru(&["put", "notes/sea", r#"{"wet": true}"#, "--vector", "[1, 0]"]);
    place.koru(&["put", "notes/shore", r#"{"wet": true}"#, "--vector", "[0.8, 0.6]"]);
    place.koru(&["put", "notes/desert", r#"{"wet": false}"#, "--vector", r#"{"default": [0, 1], "title": [1, 2, 3]}"#]);
    place
}

#[test]
fn the_nearest_documents_are_printed() {
    let place = three();
    let near = ["search", "notes", "--vector", "[0.9, 0.1]"];
    assert_eq!(
        place.koru(&near),
        "0.9939\tsea\t{\"wet\":true}\n0.8614\tshore\t{\"wet\":true}\n0.1104\tdesert\t{\"wet\":false}\n"
    );
    assert_eq!(place.koru(&[&near[..], &["-k", "1", "--keys"]].concat()), "0.9939\tsea\n");
    let hits = place.json(&[&near[..], &["--filter", r#"{"wet": false}"#, "--vectors"]].concat());
    assert_eq!(keys(&hits), ["desert"]);
    assert_eq!((&hits[0]["collection"], &hits[0]["value"]), (&json!("notes"), &json!({"wet": false})));
    assert_eq!(hits[0]["vectors"], json!({"default": [0.0, 1.0], "title": [1.0, 2.0, 3.0]}));
    assert!(hits[0]["version"].as_str().unwrap().starts_with("3@"));
    assert!((hits[0]["score"].as_f64().unwrap() - 0.11043).abs() < 1e-5);
    let found = |args: &[&str]| place.json(&[&["search", "notes"], args].concat());
    assert_eq!(keys(&found(&["--like", "sea"])), ["shore", "desert"]);
    assert_eq!(keys(&found(&["--like", "sea", "--prefix", "d"])), ["desert"]);
    assert_eq!(keys(&found(&["--vector", "[1, 0]", "--threshold", "0.5"])), ["sea", "shore"]);
    assert_eq!(keys(&found(&["--vector", "[-1, -0.5]", "--threshold", "-0.7"])), ["desert"]);
    assert_eq!(keys(&found(&["--vector", "[3, 2, 1]", "--name", "title", "--exact", "--ef", "50"])), ["desert"]);
}

#[test]
fn the_past_is_searched_as_it_was() {
    let place = three();
    place.koru(&["tag", "before"]);
    place.koru(&["delete", "notes/sea"]);
    place.koru(&["put", "notes/shore", "1", "--vector", "[-1, 0]"]);
    let near = ["search", "notes", "--vector", "[1, 0]"];
    assert_eq!(keys(&place.json(&near)), ["desert", "shore"]);
    assert_eq!(keys(&place.json(&[&near[..], &["--as-of", "before"]].concat())), ["sea", "shore", "desert"]);
}

#[test]
fn how_it_was_found_is_told() {
    let place = three();
    let near = ["search", "notes", "--vector", "[1, 0]", "--explain"];
    let told = place.run(&near);
    assert_eq!(told.out.lines().count(), 3);
    assert!(told.err.starts_with("plan ") && told.err.contains("3 of them taken"), "{}", told.err);
    let lines = place.json(&near);
    assert_eq!((lines.len(), &lines[3]["explain"]["taken"]), (4, &json!(3)));
    assert!(place.run(&["search", "notes", "--vector", "[1, 0]", "--prefix", "x"]).err.contains("nothing found"));
}

#[test]
fn the_vector_may_be_in_a_file() {
    let place = three();
    let found =
        |args: &[&str]| place.koru(&[&["search", "notes", "--keys", "-k", "1", "--vector-file"], args].concat());
    let array = place.write("query.json", "[1, 0]");
    let one = place.write("one.npy", npy(&[&[0.0, 1.0]]));
    let two = place.write("two.npy", npy(&[&[0.0, 1.0], &[1.0, 0.0]]));
    assert_eq!(found(&[&array]), "1.0000\tsea\n");
    assert_eq!(found(&[&one]), "1.0000\tdesert\n");
    assert_eq!(found(&[&two, "--row", "1"]), "1.0000\tsea\n");
    let failed = |args: &[&str]| place.failure(&[&["search", "notes", "--vector-file"], args].concat());
    assert_eq!(failed(&[&two]), (2, "INVALID_ARGUMENT".into()));
    assert_eq!(failed(&[&two, "--row", "2"]), (2, "INVALID_ARGUMENT".into()));
    assert_eq!(failed(&[&array, "--row", "0"]), (2, "INVALID_ARGUMENT".into()));
    assert_eq!(failed(&["/nowhere.npy"]), (3, "NOT_FOUND".into()));
    let cut = place.write("cut.npy", &npy(&[&[0.0, 1.0]])[..70]);
    assert_eq!(failed(&[&cut]).0, 1);
}

#[test]
fn a_search_that_is_not_possible_says_why() {
    let place = three();
    for (args, code) in [
        (&["notes"][..], 2),
        (&["notes", "--vector", "[1, 0]", "--like", "sea"], 2),
        (&["notes", "--vector", "1"], 2),
        (&["notes", "--vector", "[\"a\"]"], 2),
        (&["notes", "--vector", "[1, 0]", "--filter", "{"], 2),
        (&["notes", "--vector", "[1, 0]", "--filter", r#"{"a": {"$above": 1}}"#], 2),
        (&["notes", "--vector", "[1, 0]", "-k", "0"], 2),
        (&["notes", "--vector", "[1, 0, 0]"], 2),
        (&["notes", "--vector", "[1, 0]", "--name", "other"], 3),
        (&["others", "--vector", "[1, 0]"], 3),
        (&["notes", "--like", "nothing"], 3),
        (&["notes", "--vector", "[1, 0]", "--row", "1"], 2),
    ] {
        assert_eq!(place.failure(&[&["search"], args].concat()).0, code, "{args:?}");
    }
    assert_eq!(place.failure(&["put", "notes/x", "1", "--vector", "[1]"]), (2, "DIMENSION_MISMATCH".into()));
    assert_eq!(place.failure(&["put", "notes/x", "1", "--vector", "[1, 1e39]"]), (2, "INVALID_ARGUMENT".into()));
    assert_eq!(place.failure(&["get", "notes/x"]).0, 3);
}

#[test]
fn an_export_has_the_vectors_and_an_import_takes_them() {
    let place = three();
    place.koru(&["put", "notes/plain", "1"]);
    place.koru(&["put", "notes/small", "1", "--vector", "[0.1, 3e-39]"]);
    let file = place.path("all.jsonl");
    place.koru(&["export", "--output", file.to_str().unwrap()]);
    let other = place.path("copy");
    let other = ["--db", other.to_str().unwrap()];
    assert_eq!(place.koru(&[&["import", file.to_str().unwrap()], &other[..]].concat()), "5 rows imported\n");
    let near = ["search", "notes", "--vector", "[0.3, 0.7]", "--vectors"];
    let without = |lines: Vec<Value>| lines.into_iter().map(|mut line| (line["version"].take(), line).1);
    let (one, two) = (place.json(&near), place.json(&[&near[..], &other].concat()));
    assert_eq!(one.len(), 4);
    assert!(without(one).eq(without(two)));
    assert!(place.koru(&["scan", "notes"]).lines().all(|line| !line.contains("vectors")));
}

#[test]
fn rows_bring_their_vectors_in_a_field_or_in_a_file_beside() {
    let place = Place::new();
    let lines = "{\"id\": 1, \"v\": [1, 0]}\n{\"id\": 2, \"v\": null}\n{\"id\": 3, \"v\": [0, 1]}\n";
    let file = place.write("rows.jsonl", lines);
    let import = ["import", "jsonl", &file, "--key", "id"];
    assert_eq!(place.koru(&[&import[..], &["--vector-field", "v"]].concat()), "3 rows imported\n");
    assert_eq!(place.koru(&["get", "rows/1", "--raw"]), r#"{"id":1}"#);
    assert_eq!(keys(&place.json(&["search", "rows", "--vector", "[0, 1]"])), ["3", "1"]);

    let beside = place.write("beside.npy", npy(&[&[1.0], &[2.0], &[3.0]]));
    let named = ["--collection", "named", "--vector-file", &beside, "--vector-name", "size"];
    assert_eq!(place.koru(&[&import[..], &named].concat()), "3 rows imported\n");
    assert_eq!(place.json(&["search", "named", "--vector", "[1]", "--name", "size"]).len(), 3);

    for (bad, args, why) in [
        (lines.replace("[0, 1]", "[0, \"1\"]"), &["--vector-field", "v"][..], "line 3: the field \"v\": number 1"),
        (lines.replace("[0, 1]", "[0]"), &["--vector-field", "v"], "bad/3"),
        (lines.replace("{\"id\": 3, \"v\": [0, 1]}", ""), &["--vector-file", &beside], "no lines for 1 more rows"),
        (lines.repeat(2), &["--vector-file", &beside], "line 4: no row of vectors is left"),
        (lines.into(), &["--vector-file", &file], "not a .npy file"),
    ] {
        let file = place.write("bad.jsonl", bad);
        let failed = place.try_koru(&[&["import", "jsonl", &file, "--key", "id"], args].concat());
        assert!(failed.code == 2 && failed.err.contains(why), "{failed:?}");
    }
}

#[test]
fn the_sample_is_imported_and_searched() {
    let place = Place::new();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/data/wordnet-5k");
    let file = |name: &str| format!("{sample}/{name}");
    let (glosses, vectors, queries) = (file("glosses.jsonl"), file("vectors.f16.npy"), file("queries.f32.npy"));
    let import = ["import", "jsonl", &glosses, "--key", "key", "--vector-file", &vectors, "--durability", "none"];
    assert_eq!(place.koru(&import), "5000 rows imported\n");
    // "a musical instrument with strings"
    let search = ["search", "glosses", "--vector-file", &queries, "--row", "16", "-k", "2", "--exact"];
    let hits = place.json(&search);
    assert_eq!(
        hits.iter().map(|hit| hit["value"]["words"][0].as_str().unwrap()).collect::<Vec<_>>(),
        ["koto", "bridge"]
    );
    let hits = place.json(&[&search[..], &["--filter", r#"{"topic": "noun.animal"}"#]].concat());
    assert_eq!((hits.len(), &hits[0]["value"]["topic"]), (2, &json!("noun.animal")));
}
