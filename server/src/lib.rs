//! `koru`: the command line of the causal store.
//!
//! A command parses its arguments, opens the database, calls the engine and prints. What the engine does not do is not
//! done here either, except where it meets another program: text, CSV, git.

mod args;
mod commands;
mod context;
mod document;
mod exit;
mod import;
mod moment;
mod output;
mod reference;
mod vector;

use clap::{CommandFactory, FromArgMatches};
use context::Context;
use exit::{Exit, Failure};
use koru_delta::Error;
use serde_json::json;
use std::ffi::OsString;

/// Runs one command line, of which the first argument is the name of the program, and returns its exit code. Answers go to
/// the standard output of the process, messages to its standard error.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = command().try_get_matches_from(&args).and_then(|matches| args::Cli::from_arg_matches(&matches));
    let exit = match parsed {
        Ok(cli) => perform(cli),
        Err(e) => refused(&e, args.iter().any(|arg| arg == "--json")),
    };
    exit as u8
}

/// The whole command line, with the exit codes at its end.
fn command() -> clap::Command {
    let codes: String = Exit::ALL.iter().map(|(exit, meaning)| format!("\n  {}  {meaning}", *exit as u8)).collect();
    args::Cli::command().after_help(format!("Exit codes:{codes}"))
}

fn perform(cli: args::Cli) -> Exit {
    let json = cli.global.json;
    let mut context = Context::new(cli.global);
    let result = commands::run(cli.command, &mut context);
    // What was found before a failure is still data.
    let flushed = context.out.flush();
    match result.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => exit,
        Err(Failure::PipeClosed) => Exit::Ok,
        Err(Failure::Told(error)) => {
            tell(&error, json);
            Exit::of(error.code())
        }
    }
}

fn tell(error: &Error, json: bool) {
    if json {
        output::message(json!({"error": {"code": error.code().name(), "message": error.message()}}));
    } else {
        output::message(format_args!("error[{}]: {}", error.code(), error.message()));
    }
}

/// Help and version that were asked for, or a command line that is not understood.
fn refused(error: &clap::Error, json: bool) -> Exit {
    let exit = if error.exit_code() == 0 { Exit::Ok } else { Exit::Usage };
    if exit == Exit::Usage && json {
        let text = error.render().to_string();
        let message = text.trim_start_matches("error: ").lines().take_while(|line| !line.is_empty());
        let message = message.map(str::trim).collect::<Vec<_>>().join(" ");
        output::message(json!({"error": {"code": koru_delta::ErrorCode::InvalidArgument.name(), "message": message}}));
    } else {
        // Nobody reads on: that is fine.
        let _ = error.print();
    }
    exit
}
