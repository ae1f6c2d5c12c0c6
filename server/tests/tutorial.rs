//! The tutorial is true: every command of docs/tutorial/getting-started.md is run in order, as it stands there, with the
//! built `koru`, and answers what the page says.
//!
//! In a block marked `console`, a line that begins with `$ ` is a command, and the lines up to the next one are all that it
//! prints, on standard output and standard error. `...` stands for any text within a line, and alone on a line for any
//! number of lines. A command that fails, fails the test.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const PAGE: &str = include_str!("../../docs/tutorial/getting-started.md");

/// A command of the page, the line that it stands on, and what it prints.
#[derive(Debug, PartialEq)]
struct Step<'p> {
    line: usize,
    command: &'p str,
    expected: Vec<&'p str>,
}

fn steps(page: &str) -> Vec<Step<'_>> {
    let (mut steps, mut within) = (Vec::<Step<'_>>::new(), false);
    for (number, line) in page.lines().enumerate() {
        match line {
            "```console" => within = true,
            "```" => within = false,
            _ if !within => {}
            _ => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { line: number + 1, command, expected: Vec::new() }),
                (None, Some(step)) => step.expected.push(line),
                (None, None) => panic!("line {}: a block has to begin with a command", number + 1),
            },
        }
    }
    steps
}

/// Whether a line is as the pattern says, in which `...` stands for any text.
fn line_matches(pattern: &str, line: &str) -> bool {
    let Some((head, rest)) = pattern.split_once("...") else { return pattern == line };
    let Some(line) = line.strip_prefix(head) else { return false };
    (0..=line.len()).filter(|&at| line.is_char_boundary(at)).any(|at| line_matches(rest, &line[at..]))
}

/// Whether lines are as the patterns say, of which `...` stands for any number of lines.
fn lines_match(patterns: &[&str], lines: &[&str]) -> bool {
    match (patterns, lines) {
        ([], []) => true,
        (["...", rest @ ..], _) => (0..=lines.len()).any(|at| lines_match(rest, &lines[at..])),
        ([pattern, patterns @ ..], [line, lines @ ..]) => line_matches(pattern, line) && lines_match(patterns, lines),
        _ => false,
    }
}

/// An empty folder, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = env::temp_dir().join(format!("koru-tutorial-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn git(folder: &Path, date: &str, args: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=A Person", "-c", "user.email=person@example.org"]).args(args);
    command.env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date).env("GIT_CONFIG_GLOBAL", "/dev/null");
    let done = command.output().expect("git is there");
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The repository that the page speaks of: one file, two commits of 2020.
fn make_project(folder: &Path) {
    let project = folder.join("project");
    fs::create_dir(&project).unwrap();
    git(&project, "", &["init", "--quiet"]);
    for (date, text) in [("2020-01-15T12:00:00Z", "one line\n"), ("2020-06-15T12:00:00Z", "one line\nand another\n")] {
        fs::write(project.join("notes.txt"), text).unwrap();
        git(&project, date, &["add", "."]);
        git(&project, date, &["commit", "--quiet", "--message", "Write notes"]);
    }
}

#[test]
fn every_command_of_the_tutorial_answers_what_the_page_says() {
    let koru = Path::new(env!("CARGO_BIN_EXE_koru"));
    let folder = Folder::new();
    make_project(&folder.0);
    let mut path: OsString = koru.parent().unwrap().into();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut exported = BTreeMap::new();
    let steps = steps(PAGE);
    assert!(steps.len() >= 15, "only {} commands were found", steps.len());
    for Step { line, command, expected } in steps {
        if let Some((name, value)) = command.strip_prefix("export ").and_then(|rest| rest.split_once('=')) {
            exported.insert(name, value);
            continue;
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1\n{command}")]).current_dir(&folder.0);
        let done = shell.env_remove("KORU_DB").envs(&exported).env("PATH", &path).output().unwrap();
        let answer = String::from_utf8_lossy(&done.stdout);
        let at = format!("getting-started.md:{line}: `{command}`");
        assert!(done.status.success(), "{at} ended with {}:\n{answer}", done.status);
        let lines: Vec<&str> = answer.lines().collect();
        assert!(lines_match(&expected, &lines), "{at} answered\n{answer}\nand the page says\n{}", expected.join("\n"));
    }
}

#[test]
fn the_comparison_notices_what_differs() {
    assert!(line_matches("1@...", "1@abcd") && line_matches("...b...", "abc") && line_matches("é...", "éé"));
    assert!(!line_matches("1@...", "2@abcd") && !line_matches("...b", "abc") && !line_matches("a", "ab"));
    assert!(lines_match(&["a", "...", "c"], &["a", "c"]) && lines_match(&["a", "...", "c"], &["a", "b", "b", "c"]));
    assert!(!lines_match(&["a"], &[]) && !lines_match(&[], &["a"]) && !lines_match(&["...", "c"], &["c", "d"]));
    let page = "$ no\n```console\n$ a\nb\n\n$ c\n```\nd\n";
    assert_eq!(
        steps(page),
        [Step { line: 3, command: "a", expected: vec!["b", ""] }, Step { line: 6, command: "c", expected: vec![] }]
    );
}
