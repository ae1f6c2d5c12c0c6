//! Paths, directories and files that are not what they should be.

use super::{refused, sample, unharmed};
use koru_delta::storage::{FileName, Storage, file::FileStorage, memory::MemoryStorage};
use koru_delta::{Database, ErrorCode, Maintenance, Moment, Options, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

type Files = BTreeMap<FileName, Vec<u8>>;

fn open(files: Files) -> Result<Database> {
    Options::new().open_storage(Arc::new(MemoryStorage::from_files(files)))
}

/// The files of a closed database with a table and a tail behind it.
fn files() -> Files {
    let storage = MemoryStorage::new();
    let db = Options::new().maintenance(Maintenance::Manual).open_storage(Arc::new(storage.clone())).unwrap();
    sample(&db);
    db.checkpoint().unwrap();
    db.tag("tail", Moment::Now).unwrap();
    db.untag("tail").unwrap();
    db.close().unwrap();
    storage.files()
}

#[test]
fn paths_that_are_no_database() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    refused(Database::open(""), ErrorCode::InvalidArgument, &["path"]);
    refused(Database::open(at("no/such/parent")), ErrorCode::NotFound, &["make the directory", "no/such first"]);
    refused(Options::new().create(false).open(at("nothing")), ErrorCode::NotFound, &["no database at", "nothing"]);
    refused(Options::new().read_only(true).open(at("nothing")), ErrorCode::NotFound, &["nothing"]);
    assert!(!at("nothing").exists());
    fs::write(at("file"), "text").unwrap();
    refused(Database::open(at("file")), ErrorCode::InvalidArgument, &["is a file", "directory"]);
    fs::create_dir(at("photos")).unwrap();
    fs::write(at("photos").join("cat.jpg"), "a cat").unwrap();
    for options in [Options::new(), Options::new().read_only(true), Options::new().create(false)] {
        refused(options.open(at("photos")), ErrorCode::UnsupportedFormat, &["cat.jpg", "not a database"]);
    }
    assert_eq!(fs::read_dir(at("photos")).unwrap().count(), 1, "nothing was put beside the cat");
    fs::create_dir(at("empty")).unwrap();
    refused(Options::new().create(false).open(at("empty")), ErrorCode::NotFound, &["no database"]);
    Database::open(at("empty")).unwrap();
}

#[test]
fn a_second_opening_names_who_has_it_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("locked.koru");
    let db = Database::open(&path).unwrap();
    sample(&db);
    refused(Database::open(&path), ErrorCode::Locked, &["this process", "read-only"]);
    // Another process is told whose it is.
    let other = Command::new(env!("CARGO_BIN_EXE_writer")).arg(&path).arg("1").output().unwrap();
    let message = String::from_utf8(other.stderr).unwrap();
    println!("{message}");
    assert!(message.contains("LOCKED") && message.contains(&format!("process {}", std::process::id())), "{message}");
    assert_eq!(other.status.code(), Some(1));
    let reader = Options::new().read_only(true).open(&path).unwrap();
    unharmed(&reader);
    unharmed(&db);
    db.close().unwrap();
    Database::open(&path).unwrap();
}

#[test]
fn a_read_only_database_refuses_every_write() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reading.koru");
    sample(&Database::open(&path).unwrap());
    let before = FileStorage::open(&path, koru_delta::storage::file::Mode::ReadOnly).unwrap().list().unwrap();
    let db = Options::new().read_only(true).open(&path).unwrap();
    let users = db.collection("users");
    let words = &["read-only"];
    refused(users.put("k", &1), ErrorCode::ReadOnly, words);
    refused(users.put_many([("k", 1)]), ErrorCode::ReadOnly, words);
    refused(users.delete("u01"), ErrorCode::ReadOnly, words);
    refused(users.restore("u01", Moment::Now), ErrorCode::ReadOnly, words);
    refused(users.restore_all(Moment::Now), ErrorCode::ReadOnly, words);
    refused(db.restore(Moment::Now), ErrorCode::ReadOnly, words);
    refused(db.begin(), ErrorCode::ReadOnly, words);
    refused(db.tag("t", Moment::Now), ErrorCode::ReadOnly, words);
    refused(db.untag("start"), ErrorCode::ReadOnly, words);
    refused(db.import("git"), ErrorCode::ReadOnly, words);
    refused(db.sync(), ErrorCode::ReadOnly, words);
    refused(db.checkpoint(), ErrorCode::ReadOnly, words);
    refused(db.maintain(1), ErrorCode::ReadOnly, words);
    unharmed(&db);
    db.close().unwrap();
    let sorted = |mut files: Vec<koru_delta::storage::FileInfo>| {
        files.sort_by_key(|info| info.name);
        files
    };
    let after = FileStorage::open(&path, koru_delta::storage::file::Mode::ReadOnly).unwrap().list().unwrap();
    assert_eq!(sorted(after), sorted(before));
}

#[cfg(unix)]
#[test]
fn a_directory_without_permission_to_write() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kept.koru");
    sample(&Database::open(&path).unwrap());
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    fs::read_dir(&path).unwrap().for_each(|file| set(&file.unwrap().path(), 0o444));
    set(&path, 0o555);
    let all_powerful = fs::write(path.join("probe"), "").is_ok();
    if all_powerful {
        println!("skipped: this user may write anywhere");
    } else {
        refused(Database::open(&path), ErrorCode::ReadOnly, &["kept.koru", "read-only"]);
        unharmed(&Options::new().read_only(true).open(&path).unwrap());
    }
    set(&path, 0o755);
}

/// The header of a newer version's file, with a checksum that is right.
fn newer(files: &mut Files, name: FileName, format_at: usize, fields: usize) {
    let bytes = files.get_mut(&name).unwrap();
    bytes[format_at..format_at + 4].copy_from_slice(&9u32.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..fields]);
    bytes[fields..fields + 4].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn files_of_a_newer_version_ask_for_one() {
    let words = &["format 9", "newer"];
    let mut root = files();
    // Whichever of the slots it is in.
    let slot = |slot: usize, files: &mut Files| {
        let mut part: Files = [(FileName::Root, files[&FileName::Root][slot * 4096..].to_vec())].into();
        newer(&mut part, FileName::Root, 8, 96);
        files.get_mut(&FileName::Root).unwrap()[slot * 4096..].copy_from_slice(&part[&FileName::Root]);
    };
    slot(0, &mut root);
    refused(open(root), ErrorCode::UnsupportedFormat, words);
    let mut root = files();
    slot(1, &mut root);
    refused(open(root), ErrorCode::UnsupportedFormat, words);
    let mut files = files();
    newer(&mut files, FileName::Segment(1), 8, 76);
    // The tail is read from behind the header, so it is verify that looks at this one.
    match open(files) {
        Err(e) => refused::<()>(Err(e), ErrorCode::UnsupportedFormat, words),
        Ok(db) => {
            let report = db.verify().unwrap();
            assert!(report.problems.iter().any(|problem| problem.contains("format 9")), "{report:?}");
        }
    }
}

/// Each file in turn is missing, empty, cut short, or overwritten with something else.
#[test]
fn damaged_files_are_named() {
    let whole = files();
    unharmed_but_for_two_commits(&open(whole.clone()).unwrap());
    for (name, bytes) in &whole {
        let file = name.to_string();
        let mut tried = Vec::new();
        let mut attempt = |what: &'static str, files: Files| {
            let result = open(files).and_then(|db| {
                let report = db.verify()?;
                match report.problems.first() {
                    Some(problem) => Err(koru_delta::Error::new(ErrorCode::Corrupt, problem.clone())),
                    None => Ok(()),
                }
            });
            tried.push((what, result));
        };
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut files = whole.clone();
            change(files.get_mut(name).unwrap());
            files
        };
        let mut without = whole.clone();
        without.remove(name);
        attempt("missing", without);
        attempt("empty", with(&|bytes| bytes.clear()));
        attempt("cut short", with(&|bytes| bytes.truncate(bytes.len() / 3)));
        attempt("overwritten", with(&|bytes| bytes.fill(b'x')));
        attempt(
            "damaged in the middle",
            with(&|bytes| {
                let middle = bytes.len() / 2;
                bytes[middle.saturating_sub(50)..middle].fill(0xee);
            }),
        );
        for (what, result) in tried {
            match result {
                // The root is written twice: one copy may be lost. Its zeros mean nothing.
                Ok(()) => assert!(*name == FileName::Root, "{file} {what}: nobody noticed"),
                Err(e) => {
                    println!("{what}: {e}");
                    assert_eq!(e.code(), ErrorCode::Corrupt, "{file} {what}: {e}");
                    assert!(e.message().contains(&file), "{file} {what}: {e}");
                    assert!(e.message().contains("byte"), "{file} {what}: {e}");
                }
            }
        }
        assert!(!bytes.is_empty());
    }
}

fn unharmed_but_for_two_commits(db: &Database) {
    let report = db.verify().unwrap();
    assert!(report.is_ok() && report.commits == 54, "{report:?}");
}

/// A damaged database is not made worse by trying: what was there is there after it, byte for byte.
#[test]
fn opening_what_is_damaged_changes_nothing() {
    let mut files = files();
    let log = files.get_mut(&FileName::Segment(1)).unwrap();
    let end = log.len();
    // In the tail, which opening reads.
    log[end - 60..end - 50].fill(0xee);
    let storage = MemoryStorage::from_files(files.clone());
    let result = Options::new().open_storage(Arc::new(storage.clone()));
    refused(result, ErrorCode::Corrupt, &["00000001.log at byte", "durable"]);
    assert_eq!(storage.files(), files);
}

/// Where a checkpoint covers the whole log, opening replays nothing: a log that was cut short must be noticed all the same,
/// before something is written behind the gap.
#[test]
fn a_log_that_was_cut_short_is_noticed_without_a_tail() {
    let storage = MemoryStorage::new();
    let db = Options::new().maintenance(Maintenance::Manual).open_storage(Arc::new(storage.clone())).unwrap();
    sample(&db);
    db.checkpoint().unwrap();
    db.close().unwrap();
    let whole = storage.files();
    unharmed(&open(whole.clone()).unwrap());
    let length = whole[&FileName::Segment(1)].len();
    // Up to three bytes behind the last frame are padding, which nothing is lost with.
    for cut in [0, 40, 80, length / 2, length - 4] {
        let mut files = whole.clone();
        files.get_mut(&FileName::Segment(1)).unwrap().truncate(cut);
        refused(open(files), ErrorCode::Corrupt, &["00000001.log at byte", "cut short"]);
    }
}

/// Files of two databases in one directory, as a careless copy leaves them.
#[test]
fn files_of_another_database_are_recognised() {
    let (one, other) = (files(), files());
    for name in one.keys() {
        let mut mixed = one.clone();
        mixed.insert(*name, other[name].clone());
        let result = open(mixed).and_then(|db| db.verify().map(|report| report.problems));
        match result {
            Ok(problems) => assert!(!problems.is_empty(), "{name} of another database was taken for ours"),
            Err(e) => refused::<()>(Err(e), ErrorCode::Corrupt, &["byte"]),
        }
    }
}
