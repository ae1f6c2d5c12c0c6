//! Child processes: one way to start them, and one way to say which of them failed.

use crate::Result;
use std::{
    ffi::OsStr,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// `cargo`, in the root of the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root());
    command
}

/// Runs a command with our own input and output, and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|e| not_started(command, &e))?;
    succeeded(command, status)
}

/// Runs a command and returns what it wrote to its output; its messages go to ours.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(|e| not_started(command, &e))?;
    succeeded(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command silently for at most `limit`. The error carries all that it printed.
pub(crate) fn quietly(command: &mut Command, limit: Duration) -> Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| not_started(command, &e))?;
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let status = wait(&mut child, limit).map_err(|e| format!("`{}` {e}", line(command)))?;
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    succeeded(command, status).map_err(|e| format!("{e}\n{}", format!("{stdout}{stderr}").trim_end()))?;
    Ok(stdout)
}

/// Whether a program can be started and says that it is well.
pub(crate) fn works(program: impl AsRef<OsStr>, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks ends the text; the exit status tells what happened.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|e| format!("could not be waited for: {e}"))? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            // It may have ended by itself in the meantime.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("did not end within {} s and was stopped", limit.as_secs()));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(format!("`{}` ended with exit code {code}", line(command))),
        None => Err(format!("`{}` was ended by a signal", line(command))),
    }
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    let program = command.get_program().to_string_lossy();
    match error.kind() {
        ErrorKind::NotFound => format!("{program} is not installed, or not on the PATH"),
        _ => format!("{program} could not be started: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn a_failure_names_the_command_its_code_and_what_it_printed() {
        let error = quietly(Command::new("sh").args(["-c", "echo told you >&2; exit 3"]), SOON).expect_err("exit 3");
        assert!(error.contains("sh -c") && error.contains("exit code 3") && error.contains("told you"), "{error}");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let error = run(&mut Command::new("koru-no-such-program")).expect_err("there is no such program");
        assert!(error.contains("koru-no-such-program is not installed"), "{error}");
    }

    #[test]
    fn a_command_that_hangs_is_stopped() {
        let error = quietly(Command::new("sleep").arg("60"), Duration::from_millis(50)).expect_err("it sleeps longer");
        assert!(error.contains("did not end"), "{error}");
    }
}
