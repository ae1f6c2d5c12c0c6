//! Runs the real `koru` on databases of its own.

#![allow(dead_code, reason = "each suite uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// A temporary folder with room for one database.
pub struct Place {
    pub folder: TempDir,
}

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub bytes: Vec<u8>,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Place {
        Place { folder: TempDir::new().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().into()
    }

    /// A command that has not been started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_koru"));
        command.args(args).env("KORU_DB", self.path("db")).env_remove("NO_COLOR").stdin(Stdio::null());
        command
    }

    /// What a command answers, whatever its exit code.
    pub fn try_koru(&self, args: &[&str]) -> Answer {
        answer(self.command(args).output().unwrap())
    }

    /// What a command answers that has to end well.
    pub fn run(&self, args: &[&str]) -> Answer {
        let answer = self.try_koru(args);
        assert_eq!(answer.code, 0, "koru {args:?}: {}{}", answer.err, answer.out);
        answer
    }

    /// Standard output of a command that has to end well.
    pub fn koru(&self, args: &[&str]) -> String {
        self.run(args).out
    }

    /// The lines of JSON of a command that has to end well.
    pub fn json(&self, args: &[&str]) -> Vec<Value> {
        let args = [args, &["--json"]].concat();
        self.koru(&args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What a command answers that is given something to read.
    pub fn fed(&self, args: &[&str], input: &[u8]) -> Answer {
        let mut child =
            self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        answer(child.wait_with_output().unwrap())
    }

    /// The exit code and the code of the error of a command that has to fail, asked for in both forms.
    pub fn failure(&self, args: &[&str]) -> (i32, String) {
        let told = self.try_koru(args);
        let json = self.try_koru(&[args, &["--json"]].concat());
        assert_eq!(told.code, json.code, "{args:?}");
        assert!(told.out.is_empty() && json.out.is_empty(), "{args:?}: {}", told.out);
        let error: Value =
            serde_json::from_str(json.err.lines().last().unwrap()).unwrap_or_else(|_| panic!("{json:?}"));
        let code = error["error"]["code"].as_str().unwrap().to_owned();
        assert!(!error["error"]["message"].as_str().unwrap().is_empty());
        assert!(told.err.contains(&format!("error[{code}]: ")) || told.err.starts_with("error: "), "{told:?}");
        (told.code, code)
    }
}

fn answer(output: Output) -> Answer {
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        bytes: output.stdout,
    }
}

/// git on a repository, undisturbed by the settings of who runs the tests.
pub fn git(repository: &Path, args: &[&str]) -> Vec<u8> {
    let output = git_command(repository).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

pub fn git_command(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(repository).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command
}
