//! Archives: what was exported comes back whole, whatever goes on meanwhile, and half of one never becomes a database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use koru_delta::{Database, ErrorCode, Maintenance, Options, Result, storage::FileName};
use serde_json::json;
use std::{collections::BTreeMap, path::Path};

/// A database that has seen checkpoints, merges and several segments.
fn filled(path: &Path) -> Database {
    let options = Options::new().maintenance(Maintenance::Inline).limits_for_tests(16 << 10, 4 << 10);
    let db = options.open(path).unwrap();
    for i in 0..400 {
        db.collection("c").put(&format!("k{}", i % 40), &json!({"i": i, "text": "x".repeat(100)})).unwrap();
    }
    db.tag("then", koru_delta::Moment::Now).unwrap();
    db
}

fn archive_of(db: &Database) -> Vec<u8> {
    let mut archive = Vec::new();
    db.export().unwrap().write_archive(&mut archive, |_| {}).unwrap();
    archive
}

/// Everything that a reader sees: all versions of all documents, tags, and the hash over all commits.
fn content(db: &Database) -> (BTreeMap<String, Vec<String>>, usize, String) {
    let mut documents = BTreeMap::new();
    for row in db.collection("c").scan(Default::default(), Default::default()).unwrap() {
        let key = row.unwrap().key;
        let versions = db.collection("c").history(&key).unwrap();
        let versions = versions.map(|v| {
            let v = v.unwrap();
            let document = db.collection("c").document(&key, &v).unwrap();
            format!("{} {:?}", v.id, document)
        });
        documents.insert(key.clone(), versions.collect());
    }
    (documents, db.tags().unwrap().len(), db.info().unwrap().chain)
}

#[test]
fn an_archive_is_the_whole_database_with_its_history() {
    let folder = tempfile::tempdir().unwrap();
    let db = filled(&folder.path().join("from"));
    let archive = archive_of(&db);
    let expected = content(&db);
    // What comes after the export is not in it.
    db.collection("c").put("later", &1).unwrap();

    let to = folder.path().join("to");
    Database::import_archive(&to, archive.as_slice(), |_| {}).unwrap();
    let copy = Database::open(&to).unwrap();
    assert_eq!(content(&copy), expected);
    assert!(copy.verify().unwrap().is_ok(), "{:?}", copy.verify().unwrap().problems);
    copy.collection("c").put("more", &2).unwrap();
}

#[test]
fn an_export_stays_readable_while_the_database_goes_on() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let db = filled(&folder.path().join("from"));
    let expected = content(&db);
    let export = db.export()?;
    // Merges remove tables, checkpoints the manifest, and the log grows by segments.
    for i in 0..2_000 {
        db.collection("c").put(&format!("k{}", i % 40), &json!(i))?;
    }
    db.checkpoint()?;
    db.maintain(usize::MAX)?;
    let mut archive = Vec::new();
    export.write_archive(&mut archive, |_| {})?;
    let to = folder.path().join("to");
    Database::import_archive(&to, archive.as_slice(), |_| {})?;
    assert_eq!(content(&Database::open(&to)?), expected);
    Ok(())
}

#[test]
fn a_database_in_memory_moves_to_a_directory() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::memory()?;
    db.collection("c").put("a", &1)?;
    let to = folder.path().join("to");
    Database::import_archive(&to, archive_of(&db).as_slice(), |_| {})?;
    assert_eq!(content(&Database::open(&to)?), content(&db));
    Ok(())
}

#[test]
fn a_cut_archive_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_of(&filled(&folder.path().join("from")));
    let to = folder.path().join("to");
    // The last kilobyte of an archive is padding.
    for cut in (0..archive.len() - 1_024).step_by(1_999) {
        let error = Database::import_archive(&to, &archive[..cut], |_| {}).unwrap_err();
        assert!(matches!(error.code(), ErrorCode::Untrusted | ErrorCode::Corrupt), "at {cut}: {error}");
        let opened = Options::new().create(false).open(&to).unwrap_err();
        assert_eq!(opened.code(), ErrorCode::NotFound, "at {cut}: {opened}");
    }
    Database::import_archive(&to, archive.as_slice(), |_| {}).unwrap();
}

#[test]
fn what_is_no_archive_of_a_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("to");
    let refused = |archive: &[u8]| Database::import_archive(&to, archive, |_| {}).unwrap_err();
    assert_eq!(refused(b"").code(), ErrorCode::Untrusted);
    assert_eq!(refused(&[7; 4096]).code(), ErrorCode::Untrusted);
    let stranger = |name: &str, kind| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(1);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, &b"x"[..]).unwrap();
        builder.into_inner().unwrap()
    };
    for name in ["../root", "/root", "note.txt", "a/00000001.log"] {
        let error = refused(&stranger(name, tar::EntryType::Regular));
        assert_eq!(error.code(), ErrorCode::Untrusted, "{name}: {error}");
    }
    assert_eq!(refused(&stranger("root", tar::EntryType::Symlink)).code(), ErrorCode::Untrusted);
    assert!(!folder.path().join("root").exists());
}

#[test]
fn an_import_does_not_overwrite() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let db = filled(&folder.path().join("from"));
    let archive = archive_of(&db);
    let to = folder.path().join("to");
    Database::open(&to)?.collection("c").put("mine", &1)?;
    let error = Database::import_archive(&to, archive.as_slice(), |_| {}).unwrap_err();
    assert_eq!(error.code(), ErrorCode::AlreadyExists);
    assert!(Database::open(&to)?.collection("c").get("mine")?.is_some());
    Ok(())
}

#[test]
fn reads_of_a_copy_stay_within_it() -> Result<()> {
    let db = Database::memory()?;
    db.collection("c").put("a", &1)?;
    let export = db.export()?;
    for info in export.files() {
        assert_eq!(export.read_at(info.name, 0, usize::MAX >> 1)?.len() as u64, info.bytes);
        assert!(export.read_at(info.name, info.bytes, 10)?.is_empty());
        assert!(export.read_at(info.name, u64::MAX, 10)?.is_empty());
    }
    assert_eq!(export.read_at(FileName::Table(99), 0, 1).unwrap_err().code(), ErrorCode::NotFound);
    Ok(())
}
