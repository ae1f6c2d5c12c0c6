//! A git repository with everything that git repositories have, imported and compared with what git says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![cfg(unix)]

mod common;

use common::{Place, git, git_command};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
    process::Stdio,
};

/// A repository under construction; each commit is a day after the one before.
struct Repository {
    path: PathBuf,
    day: i64,
}

impl Repository {
    fn new(place: &Place) -> Repository {
        let path = place.path("repository");
        fs::create_dir(&path).unwrap();
        git(&path, &["init", "--quiet", "--initial-branch=main"]);
        Repository { path, day: 0 }
    }

    fn write(&self, name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
        let path = self.path.join(name.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn git(&mut self, args: &[&str]) -> String {
        let time = format!("{} +0200", 1_000_000_000 + self.day * 86_400);
        let mut command = git_command(&self.path);
        command.args(["-c", "user.name=Ada Lövelace", "-c", "user.email=ada@example.org", "-c", "core.autocrlf=false"]);
        let output =
            command.args(args).env("GIT_COMMITTER_DATE", &time).env("GIT_AUTHOR_DATE", &time).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().into()
    }

    fn commit(&mut self, message: &str) -> String {
        self.day += 1;
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A commit object made by hand, with a time of its own.
    fn commit_at(&mut self, seconds: &str, message: &[u8]) -> String {
        self.git(&["add", "--all"]);
        let tree = self.git(&["write-tree"]);
        let head = self.git(&["rev-parse", "HEAD"]);
        let mut object = format!("tree {tree}\nparent {head}\n").into_bytes();
        object.extend_from_slice(format!("author A <a@x> 0 +0000\ncommitter B <b@x> {seconds} -0100\n\n").as_bytes());
        object.extend_from_slice(message);
        let mut child = git_command(&self.path)
            .args(["hash-object", "-t", "commit", "-w", "--literally", "--stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&object).unwrap();
        let id = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned();
        self.git(&["update-ref", "HEAD", &id]);
        id
    }
}

/// Content and whether it is a link, by path, of a commit as git has it. Submodules are left out.
fn tree_of(repository: &Path, commit: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let listed = git(repository, &["ls-tree", "-r", "-z", commit]);
    let mut files = BTreeMap::new();
    for line in listed.split(|&b| b == 0).filter(|line| !line.is_empty()) {
        let tab = line.iter().position(|&b| b == b'\t').unwrap();
        let words: Vec<_> = std::str::from_utf8(&line[..tab]).unwrap().split(' ').collect();
        if words[1] == "blob" {
            files.insert(line[tab + 1..].to_vec(), git(repository, &["cat-file", "blob", words[2]]));
        }
    }
    files
}

/// The documents of `files` at a moment, as the bytes that they stand for.
fn documents(place: &Place, moment: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let rows = place.json(&["scan", "files", "--as-of", moment]);
    let content = |value: &Value, key: &str| match value {
        Value::String(text) => text.clone().into_bytes(),
        _ => place.run(&["get", &format!("files/{key}"), "--as-of", moment]).bytes,
    };
    let key = |row: &Value| row["key"].as_str().unwrap().to_owned();
    rows.iter().map(|row| (key(row).into_bytes(), content(&row["value"], &key(row)))).collect()
}

/// The commit of koru whose message is `message`.
fn commit_named(place: &Place, message: &str) -> Value {
    let commits = place.json(&["log"]);
    let found: Vec<_> = commits.into_iter().filter(|commit| commit["message"] == message).collect();
    assert_eq!(found.len(), 1, "{message}");
    found[0].clone()
}

fn assert_same(place: &Place, repository: &Path, git_commit: &str, moment: &str, left_out: &[&[u8]]) {
    let mut expected = tree_of(repository, git_commit);
    expected.retain(|path, _| !left_out.contains(&&**path));
    let found = documents(place, moment);
    assert!(found == expected, "{moment}: {:?} and {:?}", found.keys(), expected.keys());
}

#[test]
fn every_commit_becomes_one_with_its_files_author_message_and_time() {
    let place = Place::new();
    let mut repo = Repository::new(&place);
    repo.write("README.md", "# Hello\n");
    repo.write("src/ünï code.rs", "fn main() {}\n");
    repo.write("binary", [0u8, 159, 146, 150]);
    repo.write("empty", "");
    symlink("README.md", repo.path.join("link")).unwrap();
    let first = repo.commit("First\n\nWith a body,\nof two lines.");
    fs::rename(repo.path.join("README.md"), repo.path.join("READ ME.md")).unwrap();
    fs::remove_file(repo.path.join("empty")).unwrap();
    repo.write("binary", "text now");
    let second = repo.commit("Rename, delete, change");
    // A file becomes a folder, and a link a file.
    fs::remove_file(repo.path.join("link")).unwrap();
    fs::remove_file(repo.path.join("binary")).unwrap();
    repo.write("link", "a file");
    repo.write("binary/inside", "x");
    repo.write(OsStr::from_bytes(b"not-\xff-utf8"), "y");
    let third = repo.commit("Strange names");
    let fourth = repo.commit("Nothing changed");
    let last = repo.commit_at("-86400", b"Before 1970, \xff not UTF-8\n");

    let told = place.run(&["import", "git", repo.path.to_str().unwrap()]);
    assert!(told.out.starts_with("imported 5 commits of HEAD"), "{told:?}");
    assert!(
        told.err.contains(r"skipped not-\xff-utf8: a name that is not UTF-8") && told.out.contains("1 path skipped")
    );
    let log = place.json(&["log"]);
    assert_eq!(log.len(), 5);
    let messages = [
        "Before 1970, \u{fffd} not UTF-8",
        "Nothing changed",
        "Strange names",
        "Rename, delete, change",
        "First\n\nWith a body,\nof two lines.",
    ];
    for ((commit, id), message) in log.iter().zip([&last, &fourth, &third, &second, &first]).zip(messages) {
        assert_eq!(commit["message"], message);
        assert_same(&place, &repo.path, id, commit["version"].as_str().unwrap(), &[b"not-\xff-utf8"]);
    }
    assert_same(&place, &repo.path, "HEAD", "now", &[b"not-\xff-utf8"]);
    assert_eq!(
        (&log[4]["author"], &log[4]["timestamp"]),
        (&"Ada Lövelace <ada@example.org>".into(), &"2001-09-10T01:46:40.000Z".into())
    );
    assert_eq!(log[0]["author"], "A <a@x>");
    // By date too: the files as they were on that day.
    assert_eq!(place.koru(&["get", "files/README.md", "--as-of", "2001-09-10T12:00:00Z"]), "# Hello\n");
    assert_eq!(place.try_koru(&["get", "files/README.md", "--as-of", "2001-09-11T12:00:00Z"]).code, 3);
    assert_eq!(place.koru(&["get", "files/link", "--as-of", log[4]["version"].as_str().unwrap()]), "README.md");
    // The rename is one commit that deletes and puts; nothing is written for what did not change.
    let changed: Vec<_> = log[3]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["key"].as_str().unwrap(), c["deleted"] == true))
        .collect();
    assert_eq!(
        changed,
        [("README.md", true), ("binary", false), ("empty", true), ("READ ME.md", false)]
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    assert_eq!(log[1]["changes"], serde_json::json!([]));
    assert!(place.run(&["verify"]).out.starts_with("everything is right"));
}

#[test]
fn times_keep_their_dates_also_before_1970_and_in_the_future() {
    let place = Place::new();
    let mut repo = Repository::new(&place);
    // The first of all is the oldest, so that none has to be moved behind another.
    repo.write("a", "0");
    repo.git(&["add", "--all"]);
    let tree = repo.git(&["write-tree"]);
    let root = format!("tree {tree}\nauthor A <a@x> -3 +0000\ncommitter A <a@x> -315619200 +0000\n\nOld\n");
    let file = place.write("root", root);
    let root = repo.git(&["hash-object", "-t", "commit", "-w", "--literally", &file]);
    repo.git(&["update-ref", "HEAD", &root]);
    repo.write("a", "1");
    repo.commit_at("-1", b"Nearly\n");
    repo.write("a", "2");
    repo.commit_at("nonsense", b"No time\n");
    repo.write("a", "3");
    repo.commit_at("99999999999999999", b"Far ahead\n");
    let told = place.run(&["import", "git", repo.path.to_str().unwrap()]);
    assert!(told.err.contains("in the future"), "{told:?}");
    let log = place.json(&["log"]);
    let times: Vec<_> = log.iter().map(|commit| commit["timestamp"].as_str().unwrap()).collect();
    assert_eq!(times[1..], ["1970-01-01T00:00:00.000Z", "1969-12-31T23:59:59.000Z", "1960-01-01T00:00:00.000Z"]);
    assert!(times[0].starts_with("20"), "{times:?}");
    for (moment, content) in [("1960-01-02", "0"), ("1969-12-31T23:59:59Z", "1"), ("1971-01-01", "2"), ("now", "3")] {
        assert_eq!(place.koru(&["get", "files/a", "--as-of", moment]), content, "{moment}");
    }
    assert_eq!(place.try_koru(&["get", "files/a", "--as-of", "1959-12-31"]).code, 3);
}

/// Two lines of history that meet twice, the second time with a resolution that is neither side's.
fn with_merges(repo: &mut Repository) -> Vec<(String, String)> {
    for name in ["a", "b", "c", "d"] {
        repo.write(name, format!("{name}\n"));
    }
    let mut merges = vec![("Root".to_owned(), repo.commit("Root"))];
    for round in 0..2 {
        repo.git(&["checkout", "--quiet", "-b", &format!("side{round}")]);
        repo.write("a", format!("side {round}\n"));
        repo.write(format!("new-on-side{round}"), "x");
        fs::remove_file(repo.path.join(["b", "c"][round])).unwrap();
        repo.commit(&format!("Side {round}"));
        repo.commit(&format!("Side {round}, more"));
        repo.git(&["checkout", "--quiet", "main"]);
        repo.write("d", format!("main {round}\n"));
        repo.write("a", format!("main {round}\n"));
        repo.commit(&format!("Main {round}"));
        let merge = git_command(&repo.path)
            .args([
                "-c",
                "user.name=M",
                "-c",
                "user.email=m@x",
                "merge",
                "--quiet",
                "--no-commit",
                &format!("side{round}"),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!merge.success(), "the sides are in conflict");
        repo.write("a", format!("resolved {round}\n"));
        repo.write("only-in-merge", format!("{round}"));
        let message = format!("Merge {round}");
        let id = repo.commit(&message);
        merges.push((message, id));
    }
    merges
}

#[test]
fn after_a_merge_the_files_are_exactly_those_of_git() {
    let place = Place::new();
    let mut repo = Repository::new(&place);
    let merges = with_merges(&mut repo);
    assert_eq!(git(&repo.path, &["rev-list", "--merges", "--count", "HEAD"]), b"2\n");
    place.koru(&["import", repo.path.to_str().unwrap()]);
    for (message, id) in &merges {
        let commit = commit_named(&place, message);
        assert_same(&place, &repo.path, id, commit["version"].as_str().unwrap(), &[]);
    }
    assert_same(&place, &repo.path, "HEAD", "now", &[]);
    let count = String::from_utf8(git(&repo.path, &["rev-list", "--count", "HEAD"])).unwrap();
    assert_eq!(place.json(&["log"]).len().to_string(), count.trim());
    // Parents come before children.
    let order: Vec<_> = place.json(&["log"]).iter().rev().map(|c| c["message"].as_str().unwrap().to_owned()).collect();
    let at = |message: &str| order.iter().position(|m| m == message).unwrap();
    assert!(at("Root") < at("Side 0") && at("Side 0, more") < at("Merge 0") && at("Main 0") < at("Merge 0"));
}

#[test]
fn a_second_import_reads_only_what_is_new() {
    let place = Place::new();
    let mut repo = Repository::new(&place);
    repo.write("a", "1");
    repo.write("b", "1");
    repo.commit("One");
    let path = repo.path.to_str().unwrap().to_owned();
    place.koru(&["import", &path]);
    assert!(place.koru(&["import", "git", &path]).starts_with("nothing new"));
    // New commits, of which one branched off before what is known.
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.write("b", "2");
    repo.commit("On the side");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("a", "2");
    repo.commit("Two");
    assert!(place.koru(&["import", &path]).starts_with("imported 1 commit "));
    repo.day += 1;
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "Both", "side"]);
    assert!(place.koru(&["import", &path]).starts_with("imported 2 commits "));
    assert_same(&place, &repo.path, "HEAD", "now", &[]);
    assert_eq!(place.json(&["log"]).len(), 4);
    // Another branch that does not hold what was imported, and rewritten history, are refused.
    let other = place.failure(&["import", "git", &path, "--branch", "side"]);
    assert_eq!(other, (4, "CONFLICT".into()));
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repo.write("a", "3");
    repo.commit("Rewritten");
    assert_eq!(place.failure(&["import", &path]), (4, "CONFLICT".into()));
    place.koru(&["import", &path, "--collection", "other"]);
    assert_eq!(place.koru(&["get", "other/a"]), "3");
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_was() {
    let place = Place::new();
    let mut repo = Repository::new(&place);
    with_merges(&mut repo);
    // A longer history in little time: several hundred commits on two lines that meet again and again.
    let mut input = String::new();
    for i in 0..600 {
        let (line, other) = if i % 3 == 0 { ("two", "one") } else { ("one", "two") };
        input += &format!("commit refs/heads/{line}\ncommitter C <c@x> {} +0000\ndata 5\nc{i:04}\n", 1_100_000_000 + i);
        if i < 2 {
            input += "from refs/heads/main^0\n";
        } else if i % 10 == 9 {
            input += &format!("merge refs/heads/{other}\n");
        }
        input += &format!("M 100644 inline f{}\ndata 5\nv{i:04}\n", i % 17);
    }
    input += "commit refs/heads/all\ncommitter C <c@x> 1200000000 +0000\ndata 4\nlast\nfrom refs/heads/one\nmerge refs/heads/two\n";
    let mut child = git_command(&repo.path).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());

    let args = ["import", "git", repo.path.to_str().unwrap(), "--branch", "all"];
    let total: usize =
        String::from_utf8(git(&repo.path, &["rev-list", "--count", "all"])).unwrap().trim().parse().unwrap();
    let (mut kills, mut wait_ms) = (0, 15);
    loop {
        let mut child = place.command(&args).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait_ms));
        if child.try_wait().unwrap().is_some_and(|status| status.success()) {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        wait_ms += 5;
        assert!(kills < 200, "it never ends");
        if place.path("db").join("root").exists() {
            let verified = place.try_koru(&["verify"]);
            assert!(verified.code == 0 || verified.code == 3, "{verified:?}");
        }
    }
    assert!(kills > 0, "it was over before it could be killed");
    assert!(place.koru(&args).starts_with("nothing new"));
    assert_same(&place, &repo.path, "all", "now", &[]);
    // Each commit once, however often it was killed.
    assert_eq!(place.json(&["log"]).len(), total, "after {kills} kills");
}

#[test]
fn what_cannot_be_a_document_is_skipped_and_named() {
    let place = Place::new();
    let mut repo = Repository::new(&place);
    repo.write("small", "12345");
    repo.write("grows", "1");
    let head = repo.commit("One");
    repo.write("grows", "123456789012");
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},vendor/module")]);
    repo.git(&["add", "grows"]);
    repo.git(&["commit", "--quiet", "--message", "Two"]);
    let told = place.run(&["import", "git", repo.path.to_str().unwrap(), "--limit-size", "10"]);
    assert!(
        told.err.contains("skipped grows: 12 bytes") && told.err.contains("skipped vendor/module: a submodule"),
        "{told:?}"
    );
    // What it was before is not what it is now.
    assert_eq!(place.try_koru(&["get", "files/grows"]).code, 3);
    assert_eq!(place.koru(&["get", "files/small"]), "12345");
    let first = commit_named(&place, "One");
    assert_eq!(place.koru(&["get", "files/grows", "--as-of", first["commit"].as_str().unwrap()]), "1");
    let json = place.path("second");
    let json = &place.json(&[
        "import",
        "git",
        repo.path.to_str().unwrap(),
        "--limit-size",
        "10",
        "--db",
        json.to_str().unwrap(),
    ])[0];
    assert_eq!((&json["commits"], json["skipped"].as_array().unwrap().len()), (&2.into(), 2));
}

#[test]
fn repositories_of_every_kind_are_told_apart() {
    let place = Place::new();
    let mut repo = Repository::new(&place);
    let path = repo.path.to_str().unwrap().to_owned();
    let empty = place.try_koru(&["import", "git", &path]);
    assert!(empty.code == 3 && empty.err.contains("has no commits yet"), "{empty:?}");
    assert!(!place.path("db").exists());
    repo.write("a/b", "1");
    repo.commit("One");
    repo.write("a/b", "2");
    repo.commit("Two");
    assert!(
        place.try_koru(&["import", "git", &path, "--branch", "nope"]).err.contains("no branch, tag or commit \"nope\"")
    );
    assert_eq!(place.failure(&["import", "git", "/nowhere"]), (3, "NOT_FOUND".into()));
    let none = place.path("none");
    fs::create_dir(&none).unwrap();
    assert!(place.try_koru(&["import", none.to_str().unwrap()]).err.contains("is not in a git repository"));
    // A folder within it is the repository, a bare clone is one, and a shallow one is said to be.
    assert!(place.koru(&["import", "git", &format!("{path}/a")]).starts_with("imported 2 commits"));
    assert!(place.koru(&["import", "git", &path]).starts_with("nothing new"));
    let bare = place.path("bare.git");
    git(&repo.path, &["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    assert!(place.koru(&["import", bare.to_str().unwrap(), "--collection", "bare"]).starts_with("imported 2 commits"));
    let shallow = place.path("shallow");
    git(&repo.path, &["clone", "--quiet", "--depth=1", &format!("file://{path}"), shallow.to_str().unwrap()]);
    let told = place.run(&["import", shallow.to_str().unwrap(), "--collection", "shallow"]);
    assert!(told.out.starts_with("imported 1 commit ") && told.err.contains("shallow"), "{told:?}");
    assert_eq!(place.koru(&["get", "shallow/a/b"]), "2");
    let missing = place.command(&["import", "git", &path]).env("PATH", none).output().unwrap();
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no `git` on the PATH"));
}
