//! A git repository, asked through the `git` executable: plumbing commands only, whose output is made to be read.

use super::tree::{Entry, Kind, PathChange};
use crate::exit::{Failure, Result};
use koru_delta::{Error, ErrorCode};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
};

/// Variables that would lead git to another repository than the one that was named.
const LEADING_ASTRAY: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"];

/// What `git diff-tree` is given behind each question: it is no commit, so it is answered by itself.
const END_OF_ANSWER: &str = ".";

pub(super) struct Repository {
    path: PathBuf,
    identity: String,
    shallow: bool,
}

/// A commit in the order of the import.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: String,
    parents: Vec<String>,
}

impl Repository {
    pub(super) fn open(path: &Path) -> Result<Repository> {
        if !path.is_dir() {
            return Err(Failure::not_found(format!("there is no directory {}", path.display())));
        }
        let mut repository = Repository { path: path.into(), identity: String::new(), shallow: false };
        let answer = repository.ask(&["rev-parse", "--absolute-git-dir", "--is-shallow-repository"])?;
        let (place, shallow) = answer.trim_end().rsplit_once('\n').unwrap_or((&answer, "false"));
        // Of a usual clone the directory that people know it by.
        let place = Path::new(place);
        let place =
            if place.file_name().is_some_and(|name| name == ".git") { place.parent().unwrap_or(place) } else { place };
        (repository.identity, repository.shallow) = (place.display().to_string(), shallow == "true");
        Ok(repository)
    }

    /// Where it is, absolute: what tells repositories apart.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    pub(super) fn is_shallow(&self) -> bool {
        self.shallow
    }

    /// The commit that a name stands for.
    pub(super) fn resolve(&self, name: &str) -> Result<String> {
        let commit = format!("{name}^{{commit}}");
        let answer = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        match answer {
            Some(id) => Ok(id.trim_end().into()),
            None if name == "HEAD" => {
                Err(Failure::not_found(format!("the repository {} has no commits yet", self.identity)))
            }
            None => Err(Failure::not_found(format!("{} has no branch, tag or commit {name:?}", self.identity))),
        }
    }

    /// Whether one commit is in the past of another. One that is not there any more is not.
    pub(super) fn is_ancestor(&self, ancestor: &str, commit: &str) -> Result<bool> {
        Ok(self.run(&["merge-base", "--is-ancestor", ancestor, commit])?.is_some())
    }

    /// The commits that lead to `target` and not to `from`, parents first.
    pub(super) fn commits(&self, from: Option<&str>, target: &str) -> Result<Vec<Listed>> {
        let mut args = vec!["rev-list", "--topo-order", "--reverse", "--parents", target];
        let without = from.map(|from| format!("^{from}"));
        args.extend(without.as_deref());
        let listed = |line: &str| {
            let mut ids = line.split(' ').map(str::to_owned);
            Some(Listed { id: ids.next()?, parents: ids.collect() })
        };
        Ok(self.ask(&args)?.lines().filter_map(listed).collect())
    }

    /// All files of a commit.
    pub(super) fn files(&self, commit: &str) -> Result<HashMap<Vec<u8>, Entry>> {
        let output = self.output(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        let mut files = HashMap::new();
        for line in output.split(|&b| b == 0).filter(|line| !line.is_empty()) {
            let unknown = || unreadable("ls-tree", line);
            // Mode, type and id, then a tab and the path.
            let tab = line.iter().position(|&b| b == b'\t').ok_or_else(unknown)?;
            let (words, path) = (line.get(..tab).ok_or_else(unknown)?, line.get(tab + 1..).ok_or_else(unknown)?);
            let mut words = words.split(|&b| b == b' ');
            let kind = words.next().and_then(Kind::of_mode).ok_or_else(unknown)?;
            let id = words.nth(1).and_then(|id| std::str::from_utf8(id).ok()).ok_or_else(unknown)?;
            files.insert(path.to_vec(), Entry { kind, id: id.into() });
        }
        Ok(files)
    }

    /// A git command on this repository.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.path).args(args).stdin(Stdio::null());
        for name in LEADING_ASTRAY {
            command.env_remove(name);
        }
        command
    }

    fn ask(&self, args: &[&str]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.output(args)?).into_owned())
    }

    /// The output of a command that has to succeed.
    fn output(&self, args: &[&str]) -> Result<Vec<u8>> {
        let output = self.command(args).output().map_err(not_started)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(failed(&self.path, &output.stderr))
    }

    /// The output of a command, `None` if it said no.
    fn run(&self, args: &[&str]) -> Result<Option<String>> {
        let output = self.command(args).output().map_err(not_started)?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

pub(super) fn not_started(error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => {
            Failure::not_found("git is needed to read a git repository, and there is no `git` on the PATH")
        }
        _ => Failure::io("cannot run git", error),
    }
}

fn failed(path: &Path, stderr: &[u8]) -> Failure {
    let words = String::from_utf8_lossy(stderr);
    let words = words.trim().trim_start_matches("fatal: ");
    if words.starts_with("not a git repository") {
        return Failure::not_found(format!("{} is not in a git repository", path.display()));
    }
    Error::new(ErrorCode::Io, format!("git on {}: {words}", path.display())).into()
}

pub(super) fn unreadable(command: &str, answer: &[u8]) -> Failure {
    let start = answer.get(..80).unwrap_or(answer).escape_ascii();
    Error::new(ErrorCode::Io, format!("git {command} answered what is not understood: \"{start}\"")).into()
}

/// A process that ends with its handle.
pub(super) struct Process(pub(super) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to lose: it only reads.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What each commit of a list changed: one `git diff-tree` for all of them, asked ahead by a thread.
pub(super) struct Differ {
    _process: Process,
    answers: BufReader<ChildStdout>,
    /// The commit whose tree the files stand at, in question order.
    before: Option<String>,
}

type Changes = Option<Vec<PathChange>>;

impl Differ {
    /// Asks for all of `commits`, of which the first one comes behind `before`.
    pub(super) fn start(repository: &Repository, commits: &[Listed], before: Option<&str>) -> Result<Differ> {
        let args =
            ["diff-tree", "--stdin", "-r", "-z", "--raw", "--root", "--no-renames", "--no-commit-id", "--no-abbrev"];
        let mut command = repository.command(&args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(not_started)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let process = Process(child);
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(Error::new(ErrorCode::Io, "git has no pipes").into());
        };
        let mut questions = Vec::with_capacity(commits.len() * 2);
        let mut last = before;
        for listed in commits {
            let (own, step) = listed.questions(last);
            questions.extend([own, step].into_iter().flatten());
            last = Some(&listed.id);
        }
        // Without a thread both sides could wait for the other one to read. It ends with the process.
        thread::spawn(move || {
            for question in questions {
                if writeln!(stdin, "{question}\n{END_OF_ANSWER}").is_err() {
                    return;
                }
            }
        });
        Ok(Differ { _process: process, answers: BufReader::new(stdout), before: before.map(Into::into) })
    }

    /// What the next commit changed of its parent, `None` for a merge; and of the commit before it, `None` if that is the same.
    pub(super) fn next(&mut self, listed: &Listed) -> Result<(Changes, Changes)> {
        let (own, step) = listed.questions(self.before.as_deref());
        let own = own.map(|_| self.answer()).transpose()?;
        let step = step.map(|_| self.answer()).transpose()?;
        self.before = Some(listed.id.clone());
        Ok((own, step))
    }

    fn answer(&mut self) -> Result<Vec<PathChange>> {
        let mut changes = Vec::new();
        let mut text = Vec::new();
        loop {
            text.clear();
            let mut first = [0];
            let read = self.answers.read_exact(&mut first);
            read.map_err(|e| Failure::io("git diff-tree ended early", e))?;
            let end = if first == *b":" { 0 } else { b'\n' };
            self.answers.read_until(end, &mut text).map_err(|e| Failure::io("git diff-tree", e))?;
            if first == *END_OF_ANSWER.as_bytes() {
                return Ok(changes);
            }
            // `:` mode before, mode after, id before, id after, letter; then the path.
            let mut path = Vec::new();
            self.answers.read_until(0, &mut path).map_err(|e| Failure::io("git diff-tree", e))?;
            path.pop();
            changes.extend(change(&text, path)?);
        }
    }
}

/// A change of a path, `None` if only its permissions changed.
fn change(text: &[u8], path: Vec<u8>) -> Result<Option<PathChange>> {
    let unknown = || unreadable("diff-tree", text);
    let words: Vec<&[u8]> = text.split(|&b| b == b' ').collect();
    let [mode_before, mode_after, id_before, id_after, _] = words[..] else { return Err(unknown()) };
    let (before, after) = (Kind::of_mode(mode_before), Kind::of_mode(mode_after));
    if before == after && id_before == id_after {
        return Ok(None);
    }
    let id = std::str::from_utf8(id_after).map_err(|_| unknown())?;
    Ok(Some(PathChange { path, after: after.map(|kind| Entry { kind, id: id.into() }) }))
}

impl Listed {
    /// What has to be asked of git about this commit when it is imported behind `before`: what it changed of its parent, and how
    /// its tree differs from that of `before` where that is not its parent.
    fn questions(&self, before: Option<&str>) -> (Option<String>, Option<String>) {
        let id = &self.id;
        let own = match &*self.parents {
            [] => Some(id.clone()),
            [parent] => Some(format!("{id} {parent}")),
            _ => None,
        };
        let parent = self.parents.first().map(String::as_str);
        let is_step = self.parents.len() < 2 && parent == before;
        let step = if is_step { None } else { before.map(|before| format!("{id} {before}")) };
        (own, step)
    }
}
