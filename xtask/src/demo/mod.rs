//! `cargo xtask demo`: a person's own git repository, imported into a fresh database and walked through with the real
//! `koru` commands, each printed before what it answers; and beside it real text with embeddings, to be searched.
//!
//! Without a terminal it runs straight through. Whatever the repository holds, a step that it has nothing for is left
//! out with a word, never failed.

mod repository;
mod stage;
mod vectors;

use crate::{Result, playground, process::root, release, serve};
use repository::Repository;
use stage::Stage;
use std::{fs, path::PathBuf};

/// The collection that the files go to.
const COLLECTION: &str = "files";
const TAG: &str = "before-restore";

/// What the command line asks for.
pub(crate) struct Options {
    path: PathBuf,
    pause: bool,
}

impl Options {
    /// Reads `[PATH] [--no-pause]`.
    pub(crate) fn parse(args: &[&str]) -> Result<Options> {
        let mut options = Options { path: root(), pause: true };
        let mut paths = 0;
        for arg in args {
            match *arg {
                "--no-pause" => options.pause = false,
                flag if flag.starts_with('-') => return Err(format!("demo does not take {flag}")),
                path => {
                    options.path = PathBuf::from(path);
                    paths += 1;
                }
            }
        }
        if paths > 1 { Err("demo takes one path".into()) } else { Ok(options) }
    }
}

/// Walks through the repository.
pub(crate) fn run(options: &Options) -> Result<()> {
    let repository = Repository::open(&options.path)?;
    let stage = Stage::set(release::koru()?, options.pause)?;
    walk(&repository, &stage)?;
    vectors::walk(&stage)?;
    stage.close()?;
    show(&stage)
}

/// Builds the playground with the same history beside it, and serves it while there is someone to look at it.
fn show(stage: &Stage) -> Result<()> {
    stage.begin("The same database in the browser: the playground, with this history as an archive")?;
    let folder = playground::build()?;
    let archive = folder.join(playground::ARCHIVE);
    // Left over from the run before.
    let _ = fs::remove_file(&archive);
    stage.koru(&["export", "--archive", "--output", &archive.to_string_lossy()], 4)?;
    let server = serve::Server::bind(folder)?;
    let name = stage.name();
    let url = format!("{}?db={name}&from={}#/log", server.url(), playground::ARCHIVE);
    if !stage.attended() {
        return stage.say(&format!("It is built and checked. With a terminal it would be served now, as {url}"));
    }
    stage.say(&format!("\n{url}\n\nOpen it in a browser. Enter or Ctrl-C ends it."))?;
    server.until_enter()
}

fn walk(repository: &Repository, stage: &Stage) -> Result<()> {
    stage.say(&format!("{}: {} commits.", repository.path().display(), repository.commits()))?;
    if repository.is_shallow() {
        stage.say(
            "This clone is shallow, so only a part of its history is here: `git fetch --unshallow` gets the rest.",
        )?;
    }
    stage.begin("Import: each git commit becomes a commit of koru, with its author, time and message")?;
    let path = repository.path().to_string_lossy().into_owned();
    stage.koru(&["import", "git", &path, "--collection", COLLECTION], 20)?;

    stage.begin("The state now")?;
    stage.koru(&["info"], 30)?;
    stage.koru(&["scan", COLLECTION, "--limit", "8"], 12)?;

    match repository.file()? {
        Some(file) => walk_file(stage, &format!("{COLLECTION}/{file}"))?,
        None => {
            stage.say("\nNo text file of this repository has a name that can be a key, so its history is not shown.")?
        }
    }

    stage.begin("Verify: every byte is checked against its checksum, and every frame against the chain")?;
    stage.koru(&["verify"], 20)?;

    stage.begin("Sizes")?;
    stage.koru(&["stats"], 40)?;
    stage.say(&format!("git keeps the same history in {}.", crate::report::megabytes(repository.bytes())))
}

/// One document's history, and the ways to use it.
fn walk_file(stage: &Stage, document: &str) -> Result<()> {
    stage.begin(&format!("The history of one document: {document}"))?;
    stage.koru(&["history", document], 12)?;
    // Newest first; every version names the commit that made it, and a commit is a moment that never changes.
    let moments = stage.commits_of(document)?;
    let (Some(newest), Some(oldest)) = (moments.first(), moments.last()) else {
        return Err(format!("`koru history {document} --json` names no commit"));
    };
    if newest == oldest {
        return stage.say("It was written once, so there is no earlier moment to go to.");
    }
    let middle = moments.get(moments.len() / 2).unwrap_or(oldest);

    stage.begin("Its text as of an earlier moment")?;
    stage.koru(&["get", document, "--as-of", middle], 14)?;

    stage.begin("What changed between two moments: in one document, and in all of them")?;
    stage.koru(&["diff", document, middle, newest], 20)?;
    stage.koru(&["diff", COLLECTION, middle, newest, "--stat"], 12)?;

    stage.begin("A name for the present, and one document put back to where it was")?;
    stage.koru(&["tag", TAG], 4)?;
    stage.koru(&["restore", document, oldest], 4)?;

    stage.begin(
        "The restore is a version like any other: nothing was rewritten, and the tag still reads the text before it",
    )?;
    stage.koru(&["history", document], 4)?;
    stage.koru(&["get", document, "--as-of", TAG], 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read_or_refused() {
        let options = Options::parse(&["some/path", "--no-pause"]).ok();
        assert!(options.is_some_and(|o| o.path.ends_with("some/path") && !o.pause));
        assert!(Options::parse(&[]).is_ok_and(|o| o.path == root() && o.pause));
        assert!(Options::parse(&["a", "b"]).is_err());
        assert!(Options::parse(&["--fast"]).is_err());
    }

    /// On a stage with a `koru` that answers every command with its name, or what is given where JSON is asked for.
    #[cfg(unix)]
    fn on_stage(json: &str, what: impl FnOnce(&Stage) -> Result<()>) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let script = std::env::temp_dir().join(format!("koru-xtask-stub-{}-{}", std::process::id(), json.len()));
        let text = format!("#!/bin/sh\ncase \"$*\" in *--json*) echo '{json}';; *) echo \"$@\";; esac\n");
        std::fs::write(&script, text).expect("the temporary folder can be written to");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        let stage = Stage::set(script.clone(), false)?;
        let result = what(&stage);
        std::fs::remove_file(script).expect("it was written above");
        stage.remove().expect("nothing but the empty folder is there");
        result
    }

    #[cfg(unix)]
    #[test]
    fn the_walk_ends_well_with_many_versions_and_with_one() {
        if !root().join(".git").exists() {
            return; // An unpacked archive has no history to walk through.
        }
        let walk_with = |history| {
            on_stage(history, |stage| Repository::open(&root()).and_then(|repository| walk(&repository, stage)))
        };
        assert_eq!(walk_with(r#"[{"commit":"cc"},{"commit":"bb"},{"commit":"aa"}]"#), Ok(()));
        assert_eq!(walk_with(r#"[{"commit":"aa"}]"#), Ok(()));
        assert!(walk_with("[]").is_err_and(|e| e.contains("names no commit")));
    }

    #[cfg(unix)]
    #[test]
    fn the_search_ends_well_if_it_finds_something() {
        assert_eq!(on_stage(r#"{"key":"n1"}"#, vectors::walk), Ok(()));
        assert!(on_stage("null", vectors::walk).is_err_and(|e| e.contains("found nothing")));
    }
}
