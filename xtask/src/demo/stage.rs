//! The terminal of the demo: prints a command, runs it, shows the first lines of its answer and how long it took.

use crate::{Result, report::seconds, tools::json_strings};
use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

const WIDTH_MAX: usize = 160;
/// Versions of a document that are asked for when moments are chosen among them.
const VERSIONS: &str = "200";

/// A fresh database, and the `koru` that works on it.
pub(crate) struct Stage {
    koru: PathBuf,
    database: PathBuf,
    pause: bool,
}

impl Stage {
    /// Makes a folder for the database. It pauses between steps if that is wanted and a person is there to go on.
    pub(crate) fn set(koru: PathBuf, pause: bool) -> Result<Stage> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let folder = std::env::temp_dir().join(format!("koru-demo-{}-{}", since.as_secs(), std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let pause = pause && io::stdin().is_terminal() && io::stdout().is_terminal();
        let stage = Stage { koru, database: folder.join("demo.koru"), pause };
        stage.say(&format!("$ export KORU_DB={}", stage.database.display()))?;
        Ok(stage)
    }

    /// Whether a person is there.
    pub(crate) fn attended(&self) -> bool {
        self.pause
    }

    /// A name that no other run has, for the database in the browser.
    pub(crate) fn name(&self) -> String {
        let folder = self.database.parent().and_then(|folder| folder.file_name());
        folder.map_or_else(|| "demo".into(), |name| name.to_string_lossy().into_owned())
    }

    /// Starts a step, after a pause.
    pub(crate) fn begin(&self, title: &str) -> Result<()> {
        if self.pause {
            print(format_args!("\n-- Enter to go on "))?;
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).map_err(|e| format!("the terminal: {e}"))?;
        }
        print(format_args!("\n# {title}\n"))
    }

    /// Prints a line.
    pub(crate) fn say(&self, text: &str) -> Result<()> {
        print(format_args!("{text}\n"))
    }

    /// Prints a command, runs it, and shows at most `lines` of its answer. Its messages go straight to the terminal.
    pub(crate) fn koru(&self, args: &[&str], lines: usize) -> Result<()> {
        let typed = args.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(" ");
        print(format_args!("\n$ koru {typed}\n"))?;
        let start = Instant::now();
        let answer = self.answer(args)?;
        let elapsed = start.elapsed();
        for line in answer.lines().take(lines) {
            print(format_args!("{}\n", shortened(line)))?;
        }
        let more = answer.lines().count().saturating_sub(lines);
        if more > 0 {
            print(format_args!("... {more} more lines\n"))?;
        }
        print(format_args!("({})\n", seconds(elapsed)))
    }

    /// The commits that wrote a document, newest first.
    pub(crate) fn commits_of(&self, document: &str) -> Result<Vec<String>> {
        Ok(json_strings(&self.answer(&["history", document, "--limit", VERSIONS, "--json"])?, "commit"))
    }

    /// The keys that a search finds, nearest first.
    pub(crate) fn keys_of(&self, search: &[&str]) -> Result<Vec<String>> {
        Ok(json_strings(&self.answer(&[search, &["--keys", "--json"]].concat())?, "key"))
    }

    /// Says where the database is and what to try next.
    pub(crate) fn close(&self) -> Result<()> {
        let (koru, database) = (self.koru.display(), self.database.display());
        print(format_args!(
            "\nThe database stays at {database}. To go on with it:\n\n\
             $ export KORU_DB={database}\n\
             $ {koru} log\n\
             $ {koru} put notes/first '{{\"text\": \"hello\"}}'\n\
             $ {koru} history notes/first\n\
             $ cargo xtask demo PATH     # the same with another git repository\n"
        ))
    }

    #[cfg(all(test, unix))]
    pub(crate) fn remove(&self) -> io::Result<()> {
        self.database.parent().map_or(Ok(()), fs::remove_dir_all)
    }

    fn answer(&self, args: &[&str]) -> Result<String> {
        let output = Command::new(&self.koru)
            .args(args)
            .env("KORU_DB", &self.database)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| format!("{}: {e}", self.koru.display()))?;
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(answer);
        }
        let code = output.status.code().map_or_else(|| "a signal".into(), |code| format!("exit code {code}"));
        Err(format!("`koru {}` ended with {code}; the database is at {}", args.join(" "), self.database.display()))
    }
}

/// Prints, and ends well when nobody reads on: `cargo xtask demo | head`.
fn print(text: std::fmt::Arguments<'_>) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.map_err(|e| format!("the output: {e}")),
    }
}

/// An argument as one would type it.
fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@=+,".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) { arg.into() } else { format!("'{}'", arg.replace('\'', r"'\''")) }
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(WIDTH_MAX) {
        Some((at, _)) => format!("{} ...", line.get(..at).unwrap_or(line)),
        None => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_command_can_be_typed() {
        assert_eq!(quoted("files/README.md"), "files/README.md");
        assert_eq!(quoted("files/it's here"), r"'files/it'\''s here'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(WIDTH_MAX + 1)), format!("{} ...", "é".repeat(WIDTH_MAX)));
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_fails_ends_the_demo_with_its_name() {
        let stage = Stage { koru: "false".into(), database: "nowhere".into(), pause: false };
        let error = stage.koru(&["verify"], 1).expect_err("false fails");
        assert!(error.contains("`koru verify` ended with exit code 1"), "{error}");
    }
}
