//! Whole databases in and out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::Place;
use serde_json::Value;
use std::process::Stdio;

fn filled() -> Place {
    let place = Place::new();
    place.koru(&["put", "people/ada", r#"{"born": 1815}"#]);
    place.koru(&["tag", "draft"]);
    place.koru(&["put", "people/ada", r#"{"born": 1815, "wrote": "Note G"}"#]);
    place
}

#[test]
fn an_archive_brings_the_database_back_with_its_history() {
    let place = filled();
    let file = place.path("all.tar");
    let file = file.to_str().unwrap();
    assert!(place.run(&["export", "--archive", "--output", file]).err.contains("the database"));
    assert_eq!(place.failure(&["export", "--archive", "--output", file]), (4, "ALREADY_EXISTS".into()));
    let other = place.path("copy");
    let other = ["--db", other.to_str().unwrap()];
    place.koru(&[&["import", file], &other[..]].concat());
    assert_eq!(place.koru(&[&["log"], &other[..]].concat()), place.koru(&["log"]));
    assert_eq!(
        place.koru(&[&["get", "people/ada", "--as-of", "draft"], &other[..]].concat()),
        place.koru(&["get", "people/ada", "--as-of", "draft"])
    );
    place.koru(&[&["verify"], &other[..]].concat());
    assert_eq!(place.failure(&[&["import", file], &other[..]].concat()), (4, "ALREADY_EXISTS".into()));
}

#[test]
fn an_archive_goes_through_a_pipe() {
    let place = filled();
    let archive = place.run(&["export", "--archive"]).bytes;
    let other = place.path("copy");
    let other = ["--db", other.to_str().unwrap()];
    assert_eq!(place.fed(&[&["import", "archive", "-"], &other[..]].concat(), &archive).code, 0);
    assert_eq!(place.koru(&[&["log"], &other[..]].concat()), place.koru(&["log"]));
    // A reader that goes away ends it without a complaint.
    let mut child = place.command(&["export", "--archive"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_published_directory_names_its_files() {
    let place = filled();
    let folder = place.path("public");
    place.koru(&["export", "--static", folder.to_str().unwrap()]);
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["format"], 1);
    let files = manifest["files"].as_array().unwrap();
    assert!(files.iter().any(|file| file["name"] == "root"));
    for file in files {
        let length = std::fs::metadata(folder.join(file["name"].as_str().unwrap())).unwrap().len();
        assert_eq!(length, file["bytes"].as_u64().unwrap(), "{file}");
    }
    assert_eq!(place.failure(&["export", "--static", folder.to_str().unwrap()]), (4, "ALREADY_EXISTS".into()));
    // It is a database like any other.
    let other = ["--db", folder.to_str().unwrap()];
    assert_eq!(place.koru(&[&["log"], &other[..]].concat()), place.koru(&["log"]));
}

#[test]
fn what_is_no_archive_is_refused() {
    let place = Place::new();
    let file = place.write("no.tar", "this is not an archive");
    let (code, name) = place.failure(&["import", &file]);
    assert_eq!((code, &*name), (1, "UNTRUSTED"));
    assert_eq!(place.failure(&["import", &place.path("none.tar").display().to_string()]).0, 3);
    assert_eq!(place.failure(&["import", &file, "--collection", "c"]).0, 2);
}
