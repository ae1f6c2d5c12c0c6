//! The command as one process among others: exit codes, pipes, locks, watching, damage.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::Place;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    process::Stdio,
    time::{Duration, Instant},
};

#[test]
fn a_command_line_that_is_not_understood_says_what_was_meant() {
    let place = Place::new();
    let typo = place.try_koru(&["histroy", "users/ada"]);
    assert!(typo.code == 2 && typo.err.contains("'history'"), "{typo:?}");
    let typo = place.try_koru(&["get", "users/ada", "--asof", "x"]);
    assert!(typo.code == 2 && typo.err.contains("--as-of"), "{typo:?}");
    assert_eq!(place.failure(&["histroy"]), (2, "INVALID_ARGUMENT".into()));
    assert_eq!(place.try_koru(&[]).code, 2);
    let help = place.run(&["--help"]);
    assert!(help.out.contains("Exit codes:") && help.out.contains("KORU_DB") && help.err.is_empty());
    let help = place.koru(&["get", "--help"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("an RFC 3339 time or a date") && help.contains("12@1f3a9c02"), "{help}");
    assert!(place.koru(&["--version"]).starts_with("koru "));
}

#[test]
fn a_database_has_to_be_named_and_to_exist() {
    let place = Place::new();
    for args in [&["get", "a/b"][..], &["put", "a/b", "1"], &["verify"]] {
        let unnamed = place.command(args).env_remove("KORU_DB").output().unwrap();
        let words = String::from_utf8(unnamed.stderr).unwrap();
        assert!(
            unnamed.status.code() == Some(2) && words.contains("--db PATH") && words.contains("KORU_DB"),
            "{words}"
        );
    }
    for args in [&["get", "a/b"][..], &["scan"], &["delete", "a/b"], &["tag", "x"], &["watch"], &["verify"], &["info"]]
    {
        let missing = place.try_koru(args);
        assert!(missing.code == 3 && missing.err.contains("there is no database at"), "{args:?}: {missing:?}");
        assert!(!place.path("db").exists());
    }
    place.koru(&["put", "a/b", "1"]);
    let other = place.path("other");
    let other = other.to_str().unwrap();
    place.koru(&["put", "a/b", "2", "--db", other]);
    assert_eq!((place.koru(&["get", "a/b"]), place.koru(&["--db", other, "get", "a/b"])), ("1\n".into(), "2\n".into()));
    // A folder of someone else's is not touched.
    std::fs::create_dir(place.path("mine")).unwrap();
    place.write("mine/letter.txt", "dear");
    let mine = place.path("mine");
    assert_eq!(place.failure(&["put", "a/b", "1", "--db", mine.to_str().unwrap()]), (6, "UNSUPPORTED_FORMAT".into()));
    assert_eq!(std::fs::read_dir(mine).unwrap().count(), 1);
}

#[test]
fn readers_work_beside_a_writer_and_a_second_writer_is_told() {
    let place = Place::new();
    place.koru(&["put", "a/b", "1"]);
    let holder = koru_delta::Database::open(place.path("db")).unwrap();
    holder.collection("a").put("b", &2).unwrap();
    let refused = place.try_koru(&["put", "a/b", "3"]);
    assert!(refused.code == 5 && refused.err.contains(&std::process::id().to_string()), "{refused:?}");
    assert_eq!(place.failure(&["delete", "a/b"]), (5, "LOCKED".into()));
    assert_eq!(place.koru(&["get", "a/b"]), "2\n");
    for args in [&["scan", "a"][..], &["history", "a/b"], &["log"], &["verify"], &["stats"], &["info"], &["export"]] {
        place.run(args);
    }
    drop(holder);
    place.koru(&["put", "a/b", "3"]);
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let place = Place::new();
    let lines: String =
        (0..20_000).map(|i| format!("{{\"key\":\"{i}\",\"value\":\"{}\"}}\n", "x".repeat(50))).collect();
    let file = place.write("big.jsonl", lines);
    place.koru(&["import", &file]);
    for args in [&["scan", "big"][..], &["export"], &["scan", "big", "--json"], &["diff", "--from", "2000-01-01"]] {
        let mut child = place.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut String::new()).unwrap();
        drop(out);
        let ended = child.wait_with_output().unwrap();
        assert_eq!(
            (ended.status.code(), String::from_utf8(ended.stderr).unwrap()),
            (Some(0), String::new()),
            "{args:?}"
        );
    }
}

#[test]
fn a_watch_tells_the_commits_of_other_processes_once_and_goes_on_behind_its_token() {
    let place = Place::new();
    place.koru(&["put", "a/before", "0"]);
    let watch = ["watch", "a", "--json", "--count", "3", "--timeout", "30s"];
    let mut child = place.command(&watch).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Written until the first one is seen: the watch begins when it is ready.
    let deadline = Instant::now() + Duration::from_secs(30);
    let first = std::thread::spawn(move || (lines.next().unwrap().unwrap(), lines));
    let mut written = 0;
    while !first.is_finished() && Instant::now() < deadline {
        place.koru(&["put", "a/k", &written.to_string()]);
        place.koru(&["put", "other/k", "1"]);
        written += 1;
    }
    let (first, mut lines) = first.join().unwrap();
    let first: Value = serde_json::from_str(&first).unwrap();
    let seen = first["changes"][0]["value"].as_i64().unwrap();
    place.koru(&["delete", "a/k"]);
    place.koru(&["put", "a/k", "-1"]);
    place.koru(&["put", "a/k", "-2"]);
    let mut values: Vec<Value> = vec![first.clone()];
    values.extend(lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()));
    assert!(child.wait().unwrap().success());
    assert_eq!(values.len(), 3);

    let token = first["token"].to_string();
    let rest = place.json(&["watch", "a", "--from", &token, "--timeout", "0s"]);
    let told = |line: &Value| (line["changes"][0]["deleted"] == true, line["changes"][0]["value"].as_i64());
    let mut expected: Vec<_> = (seen + 1..written).map(|n| (false, Some(n))).collect();
    expected.extend([(true, None), (false, Some(-1)), (false, Some(-2))]);
    assert_eq!(rest.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!(rest[..2], values[1..]);
    let everything = place.koru(&["watch", "--from", "0", "--prefix", "bef", "--timeout", "0s"]);
    assert!(everything.trim_end().ends_with("put a/before 0") && everything.lines().count() == 1, "{everything}");
    assert_eq!(place.failure(&["watch", "--from", "999999"]).0, 2);
}

#[test]
fn damage_is_found_and_has_its_exit_code() {
    let place = Place::new();
    for i in 0..50 {
        place.koru(&["put", "a/b", &format!("\"{}\"", format!("{i}").repeat(200))]);
    }
    let whole = place.run(&["verify"]);
    assert!(whole.out.starts_with("everything is right: 50 commits, 50 versions"), "{whole:?}");
    let json = &place.json(&["verify"])[0];
    assert_eq!((&json["ok"], &json["commits"]), (&true.into(), &50.into()));
    let log = std::fs::read_dir(place.path("db")).unwrap().map(|e| e.unwrap().path());
    let log = log.into_iter().find(|path| path.extension().is_some_and(|e| e == "log")).unwrap();
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(log).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(3000)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(3000)).unwrap();
    file.write_all(&[byte[0] ^ 1]).unwrap();
    let damaged = place.try_koru(&["verify"]);
    assert_eq!(damaged.code, 6, "{damaged:?}");
    assert!((damaged.out + &damaged.err).contains("00000001.log"));
    assert_eq!(place.try_koru(&["verify", "--json"]).code, 6);
}

#[test]
fn compact_makes_it_smaller_and_keeps_everything() {
    let place = Place::new();
    let lines: String = (0..60_000).map(|n| format!("line {n} of a text as people write it\n")).collect();
    let file = place.write("text", lines.as_bytes());
    place.koru(&["put", "texts/a", "--text", "--file", &file]);
    let before = place.json(&["info"])[0]["total_bytes"].as_u64().unwrap();
    let told = &place.json(&["compact"])[0];
    assert_eq!((told["bytes_before"].as_u64(), &told["packed_segments"]), (Some(before), &1.into()));
    assert!(told["bytes"].as_u64().unwrap() < before / 2, "{told}");
    assert_eq!(place.koru(&["get", "texts/a"]), lines);
    assert!(place.koru(&["info"]).contains("in 2 segments, 1 of them compressed"));
    assert!(place.koru(&["verify"]).starts_with("everything is right"));
    assert!(place.koru(&["compact"]).contains(" on disk, "));
}

#[test]
fn info_and_stats_say_how_much_there_is() {
    let place = Place::new();
    place.koru(&["put", "a/b", "\"four\""]);
    place.koru(&["put", "a/b", "1"]);
    place.koru(&["delete", "a/b"]);
    place.koru(&["put", "c/d", "1"]);
    let info = &place.json(&["info"])[0];
    assert_eq!((&info["commits"], &info["storage"], &info["actors"]), (&4.into(), &"file".into(), &1.into()));
    assert!(place.koru(&["info"]).contains("commits    4 by 1 actor"));
    let stats = place.json(&["stats"]);
    assert_eq!(stats[0]["collection"], "c");
    let all = stats.last().unwrap();
    assert_eq!((&all["documents"], &all["versions"], &all["deletions"]), (&1.into(), &4.into(), &1.into()));
    assert!(place.koru(&["stats"]).contains("4 versions (1 deletion) in 4 commits"));
}

#[test]
fn completions_and_the_reference_page_name_every_command() {
    let place = Place::new();
    let page = place.koru(&["reference"]);
    let bash = place.koru(&["completions", "bash"]);
    let commands = "put get delete scan history diff restore tag log watch import export verify stats info completions";
    for command in commands.split(' ') {
        assert!(page.contains(&format!("\n## koru {command}\n")), "{command}");
        assert!(bash.contains(&format!("koru__{command})")) || bash.contains(command), "{command}");
    }
    for part in
        ["## koru import git", "--as-of MOMENT", "| 7 | ", "KORU_DB", "`strict`", "| `--json` |", "| `-q, --quiet` |"]
    {
        assert!(page.contains(part), "{part}");
    }
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        assert!(place.koru(&["completions", shell]).contains("history"));
    }
}
