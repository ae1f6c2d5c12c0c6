//! The commands, one a file: its arguments, and what it does.

mod compact;
mod delete;
mod diff;
mod export;
mod get;
mod history;
mod info;
mod log;
mod put;
mod restore;
mod scan;
mod search;
mod stats;
mod tag;
mod verify;
mod watch;

use crate::{
    context::Context,
    exit::{Exit, Result},
    import, reference,
};
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Put(put::Put),
    Get(get::Get),
    Delete(delete::Delete),
    Scan(scan::Scan),
    Search(search::Search),
    History(history::History),
    Diff(diff::Diff),
    Restore(restore::Restore),
    Tag(tag::Tag),
    Log(log::Log),
    Watch(watch::Watch),
    Import(import::Import),
    Export(export::Export),
    Verify(verify::Verify),
    Compact(compact::Compact),
    Stats(stats::Stats),
    Info(info::Info),
    /// Print what makes a shell complete commands and options
    ///
    /// For example: `koru completions bash > ~/.local/share/bash-completion/completions/koru`
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the reference page of the command line
    #[command(hide = true)]
    Reference,
}

pub(crate) fn run(command: Command, context: &mut Context) -> Result {
    match command {
        Command::Put(put) => put.run(context),
        Command::Get(get) => get.run(context),
        Command::Delete(delete) => delete.run(context),
        Command::Scan(scan) => scan.run(context),
        Command::Search(search) => search.run(context),
        Command::History(history) => history.run(context),
        Command::Diff(diff) => diff.run(context),
        Command::Restore(restore) => restore.run(context),
        Command::Tag(tag) => tag.run(context),
        Command::Log(log) => log.run(context),
        Command::Watch(watch) => watch.run(context),
        Command::Import(import) => import.run(context),
        Command::Export(export) => export.run(context),
        Command::Verify(verify) => verify.run(context),
        Command::Compact(compact) => compact.run(context),
        Command::Stats(stats) => stats.run(context),
        Command::Info(info) => info.run(context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut crate::command(), "koru", &mut script);
            context.out.bytes(&script)?;
            Ok(Exit::Ok)
        }
        Command::Reference => {
            context.out.bytes(reference::page(crate::command()).as_bytes())?;
            Ok(Exit::Ok)
        }
    }
}
