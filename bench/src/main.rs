//! Comparisons of koru-delta with its peers, as tables with ratios, the machine and the date.

use clap::{Parser, Subcommand};

mod child;
mod documents;
mod floor;
mod machine;
mod measure;
mod peers;
mod phases;
mod report;
mod rows;
mod store;
mod vectors;

/// A benchmark that fails says so and ends; nobody branches on the kind.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

/// Comparisons of koru-delta with its peers.
#[derive(Parser)]
#[command(name = "koru-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Stores of documents: puts, gets, history, opening, memory and disk.
    Store(store::Options),
    /// Vectors: one phase, for `bench/vectors`, which compares it with its peers; prints rows as lines of JSON.
    #[command(hide = true)]
    Vectors(vectors::Options),
    /// One phase on one store, in a process of its own; prints its figures as a line of JSON.
    #[command(hide = true)]
    Phase(child::Order),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Store(options) => store::run(&options),
        Command::Vectors(options) => vectors::run(&options),
        Command::Phase(order) => child::obey(&order),
    }
}
