//! What file storage promises beyond the contract: locks, modes, and directories that are not what they should be.

use super::{LOG, code};
use koru_delta::ErrorCode::{self, InvalidArgument, Locked, NotFound, ReadOnly, StorageFull, UnsupportedFormat};
use koru_delta::storage::file::{FileStorage, Mode};
use koru_delta::storage::{FileName, Storage};
use koru_delta::{Error, limits};
use koru_tests::contract::{self, content};
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

const CREATE: Mode = Mode::ReadWrite { create: true };
const WRITE: Mode = Mode::ReadWrite { create: false };

fn refusal(path: impl AsRef<Path>, mode: Mode) -> Error {
    FileStorage::open(path, mode).expect_err("it must be refused")
}

#[test]
fn files_keep_the_contract() {
    let directories = RefCell::new(Vec::new());
    contract::check(|| {
        let directory = TempDir::new().unwrap();
        let storage = FileStorage::open(directory.path().join("db"), CREATE).unwrap();
        directories.borrow_mut().push(directory);
        Arc::new(storage)
    });
}

#[test]
fn what_was_written_is_there_when_opened_again() {
    let temp = TempDir::new().unwrap();
    let storage = FileStorage::open(temp.path(), CREATE).unwrap();
    storage.create(FileName::Root).unwrap();
    storage.create(LOG).unwrap();
    storage.write_at(LOG, 0, b"hello").unwrap();
    storage.close().unwrap();
    for mode in [CREATE, WRITE, Mode::ReadOnly] {
        let storage = FileStorage::open(temp.path(), mode).unwrap();
        assert_eq!(content(&storage, LOG), b"hello");
        assert_eq!(storage.list().unwrap().len(), 2);
    }
}

#[test]
fn a_second_writer_in_the_process_is_locked_out_until_the_first_closes() {
    let temp = TempDir::new().unwrap();
    let first = FileStorage::open(temp.path(), CREATE).unwrap();
    first.create(LOG).unwrap();
    let refused = refusal(temp.path(), WRITE);
    assert_eq!(refused.code(), Locked);
    assert!(refused.message().contains(&*temp.path().to_string_lossy()), "{refused}");
    assert!(refused.message().contains("read-only"), "{refused}");
    if cfg!(unix) {
        assert!(refused.message().contains("this process"), "{refused}");
    }
    first.close().unwrap();
    let second = FileStorage::open(temp.path(), WRITE).unwrap();
    assert_eq!(refusal(temp.path(), WRITE).code(), Locked);
    drop(second);
    FileStorage::open(temp.path(), WRITE).unwrap();
}

const HOLD: &str = "KORU_TEST_HOLD";

/// Not a test of its own: the process that `the_lock_of_a_killed_process_is_free` starts and kills.
#[test]
fn hold_the_lock_until_killed() {
    let Some(path) = std::env::var_os(HOLD) else { return };
    let storage = FileStorage::open(path, WRITE).unwrap();
    // Not through the harness, which captures what tests print.
    writeln!(std::io::stdout(), "\nheld").unwrap();
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(storage);
}

#[test]
fn the_lock_of_a_killed_process_is_free() {
    let temp = TempDir::new().unwrap();
    FileStorage::open(temp.path(), CREATE).unwrap().create(LOG).unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "files::hold_the_lock_until_killed", "--nocapture"])
        .env(HOLD, temp.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(holder.stdout.take().unwrap());
    assert!(output.lines().map_while(Result::ok).any(|line| line == "held"), "the holder did not start");

    let refused = refusal(temp.path(), WRITE);
    assert_eq!(refused.code(), Locked);
    if cfg!(unix) {
        assert!(refused.message().contains(&format!("process {}", holder.id())), "{refused}");
    }
    let reader = FileStorage::open(temp.path(), Mode::ReadOnly).unwrap();
    assert_eq!(content(&reader, LOG), b"");

    holder.kill().unwrap();
    holder.wait().unwrap();
    FileStorage::open(temp.path(), WRITE).unwrap();
}

#[test]
fn a_reader_beside_a_writer_sees_what_is_written_and_can_change_nothing() {
    let temp = TempDir::new().unwrap();
    let writer = FileStorage::open(temp.path(), CREATE).unwrap();
    writer.create(LOG).unwrap();
    let reader = FileStorage::open(temp.path(), Mode::ReadOnly).unwrap();
    writer.write_at(LOG, 0, b"abc").unwrap();
    assert_eq!(content(&reader, LOG), b"abc");
    writer.write_at(LOG, 3, b"def").unwrap();
    assert_eq!(content(&reader, LOG), b"abcdef");
    let read_only = Some(ReadOnly);
    assert_eq!(code(reader.create(FileName::Root)), read_only);
    assert_eq!(code(reader.write_at(LOG, 0, b"x")), read_only);
    assert_eq!(code(reader.sync(LOG)), read_only);
    assert_eq!(code(reader.truncate(LOG, 0)), read_only);
    assert_eq!(code(reader.remove(LOG)), read_only);
    assert_eq!(content(&writer, LOG), b"abcdef");
    reader.close().unwrap();
    assert_eq!(code(reader.write_at(LOG, 0, b"x")), Some(ErrorCode::Closed));
}

#[test]
fn a_reader_makes_no_file() {
    let temp = TempDir::new().unwrap();
    fs::write(temp.path().join("root"), b"r").unwrap();
    let reader = FileStorage::open(temp.path(), Mode::ReadOnly).unwrap();
    assert_eq!(reader.list().unwrap().len(), 1);
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
}

#[test]
fn only_the_last_directory_is_made_and_only_on_request() {
    let temp = TempDir::new().unwrap();
    let missing = temp.path().join("db");
    for mode in [WRITE, Mode::ReadOnly] {
        assert_eq!(refusal(&missing, mode).code(), NotFound);
        assert!(!missing.exists());
    }
    let refused = refusal(missing.join("deeper"), CREATE);
    assert_eq!(refused.code(), NotFound);
    assert!(refused.message().contains("deeper"), "{refused}");
    FileStorage::open(&missing, CREATE).unwrap();
    assert!(missing.is_dir());
    assert_eq!(refusal("", CREATE).code(), InvalidArgument);
}

#[test]
fn an_empty_directory_is_a_database_only_to_who_creates_one() {
    let temp = TempDir::new().unwrap();
    for mode in [WRITE, Mode::ReadOnly] {
        assert_eq!(refusal(temp.path(), mode).code(), NotFound);
    }
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0, "a refused open leaves nothing behind");
    FileStorage::open(temp.path(), CREATE).unwrap();
    FileStorage::open(temp.path(), CREATE).expect("a creation that stopped early can be made again");
}

#[test]
fn a_directory_that_is_not_ours_is_refused_untouched() {
    let temp = TempDir::new().unwrap();
    fs::write(temp.path().join("holiday.jpg"), b"photo").unwrap();
    for mode in [CREATE, WRITE, Mode::ReadOnly] {
        let refused = refusal(temp.path(), mode);
        assert_eq!(refused.code(), UnsupportedFormat);
        assert!(refused.message().contains("holiday.jpg"), "{refused}");
    }
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    assert_eq!(fs::read(temp.path().join("holiday.jpg")).unwrap(), b"photo");
}

#[test]
fn other_files_beside_a_database_are_neither_listed_nor_touched() {
    let temp = TempDir::new().unwrap();
    let strangers = ["notes.txt", "1.log", "00000001.log.bak", "root~", "+0000001.log"];
    let storage = FileStorage::open(temp.path(), CREATE).unwrap();
    storage.create(LOG).unwrap();
    for name in strangers {
        fs::write(temp.path().join(name), name).unwrap();
    }
    fs::create_dir(temp.path().join("00000009.index")).unwrap();
    assert_eq!(storage.list().unwrap().iter().map(|f| f.name).collect::<Vec<_>>(), [LOG]);
    drop(storage);
    drop(FileStorage::open(temp.path(), WRITE).unwrap());
    for name in strangers {
        assert_eq!(fs::read(temp.path().join(name)).unwrap(), name.as_bytes());
    }
}

#[test]
fn a_file_in_place_of_the_directory_is_refused_untouched() {
    let temp = TempDir::new().unwrap();
    let path = temp.path().join("notes");
    fs::write(&path, b"text").unwrap();
    for mode in [CREATE, WRITE, Mode::ReadOnly] {
        let refused = refusal(&path, mode);
        assert_eq!(refused.code(), InvalidArgument);
        assert!(refused.message().contains("notes"), "{refused}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"text");
}

/// How many handles this process holds on what lies in `directory`.
#[cfg(target_os = "linux")]
fn handles_in(directory: &Path) -> usize {
    let handles = fs::read_dir("/proc/self/fd").unwrap();
    handles.filter(|h| fs::read_link(h.as_ref().unwrap().path()).is_ok_and(|to| to.starts_with(directory))).count()
}

#[cfg(target_os = "linux")]
#[test]
fn more_files_than_handles_can_be_used_at_once() {
    let temp = TempDir::new().unwrap();
    let storage = FileStorage::open(temp.path(), CREATE).unwrap();
    let files = (0..limits::OPEN_FILES_MAX as u32 + 40).map(FileName::Table);
    for name in files.clone() {
        storage.create(name).unwrap();
        storage.write_at(name, 0, name.to_string().as_bytes()).unwrap();
    }
    assert_eq!(handles_in(temp.path()), files.len() + 1, "a file with unsynced writes is not closed");
    for name in files.clone() {
        storage.sync(name).unwrap();
    }
    storage.create(LOG).unwrap();
    for name in files.clone().rev() {
        assert_eq!(content(&storage, name), name.to_string().as_bytes());
    }
    assert_eq!(handles_in(temp.path()), limits::OPEN_FILES_MAX + 1, "the handles and the lock");
    storage.remove(FileName::Table(0)).unwrap();
    assert_eq!(handles_in(temp.path()), limits::OPEN_FILES_MAX, "a removed file is closed");
    storage.close().unwrap();
    assert_eq!(handles_in(temp.path()), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_as_such() {
    let temp = TempDir::new().unwrap();
    let storage = FileStorage::open(temp.path(), CREATE).unwrap();
    std::os::unix::fs::symlink("/dev/full", temp.path().join(LOG.to_string())).unwrap();
    let refused = storage.write_at(LOG, 0, b"x").expect_err("the device is full");
    assert_eq!(refused.code(), StorageFull);
    assert!(refused.message().contains("00000001.log"), "{refused}");
    assert!(std::error::Error::source(&refused).is_some());
}

#[cfg(unix)]
#[test]
fn a_read_only_directory_can_be_read_and_says_so_to_writers() {
    use std::os::unix::fs::PermissionsExt;
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let temp = TempDir::new().unwrap();
    let path = temp.path().join("db");
    let storage = FileStorage::open(&path, CREATE).unwrap();
    storage.create(LOG).unwrap();
    storage.write_at(LOG, 0, b"abc").unwrap();
    drop(storage);
    fs::remove_file(path.join("lock")).unwrap();
    allow(&path, 0o555);
    if fs::write(path.join("probe"), b"").is_ok() {
        eprintln!("skipped: this user may write where permissions forbid it");
        return;
    }
    let reader = FileStorage::open(&path, Mode::ReadOnly).unwrap();
    assert_eq!(content(&reader, LOG), b"abc");
    let refused = refusal(&path, WRITE);
    assert_eq!(refused.code(), ReadOnly, "where the lock cannot be made");
    assert!(refused.message().contains("read-only"), "{refused}");

    allow(&path, 0o755);
    fs::write(path.join("lock"), b"").unwrap();
    allow(&path.join("lock"), 0o444);
    assert_eq!(refusal(&path, WRITE).code(), ReadOnly, "where the lock cannot be taken");
    allow(&path.join("lock"), 0o644);
    allow(&path.join(LOG.to_string()), 0o444);
    allow(&path, 0o555);
    let writer = FileStorage::open(&path, WRITE).unwrap();
    assert_eq!(code(writer.write_at(LOG, 0, b"x")), Some(ReadOnly));
    assert_eq!(code(writer.create(FileName::Root)), Some(ReadOnly));
    assert_eq!(code(writer.remove(LOG)), Some(ReadOnly));
    assert_eq!(content(&reader, LOG), b"abc");
    allow(&path, 0o755);
}
