//! A phase in a process of its own: the order that a parent gives on the command line, the line of JSON that it gets back.
//!
//! A process of its own makes resident memory mean one store, leaves no cache to the next store, and can be killed.

use crate::{
    Result,
    peers::Peer,
    phases::{self, Phase},
};
use clap::Args;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Command, Stdio},
};

/// Figures by name, for example `p50_ns`.
pub(crate) type Sample = BTreeMap<String, f64>;

/// What to run.
#[derive(Args, Clone, Debug)]
pub(crate) struct Order {
    #[arg(long, value_enum)]
    pub(crate) phase: Phase,
    /// The store; none for the floor.
    #[arg(long, value_enum)]
    pub(crate) peer: Option<Peer>,
    #[arg(long)]
    pub(crate) path: PathBuf,
    /// How many documents the store holds or is to hold.
    #[arg(long)]
    pub(crate) keys: u64,
    /// Makes the choices of keys differ from round to round.
    #[arg(long)]
    pub(crate) round: u64,
    /// Leaves the store open at the end and waits to be killed.
    #[arg(long)]
    pub(crate) unclean: bool,
}

/// Carries out an order in this process.
pub(crate) fn obey(order: &Order) -> Result<()> {
    let sample = phases::run(order, || {
        // The parent kills this process while it waits for input that never comes.
        std::io::stdin().lock().read_to_end(&mut Vec::new()).map(|_| ())
    })?;
    println!("{}", serde_json::to_string(&sample)?);
    Ok(())
}

/// Has an order carried out by a new process and returns its figures. With `unclean` the process is killed (SIGKILL) once
/// it has printed them.
pub(crate) fn send(order: &Order) -> Result<Sample> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("phase").arg("--phase").arg(value_name(&order.phase));
    if let Some(peer) = &order.peer {
        command.arg("--peer").arg(value_name(peer));
    }
    command.arg("--path").arg(&order.path);
    command.arg("--keys").arg(order.keys.to_string());
    command.arg("--round").arg(order.round.to_string());
    if order.unclean {
        command.arg("--unclean");
    }
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let output = process.stdout.take().ok_or("the phase has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    if order.unclean && !line.is_empty() {
        process.kill()?;
        process.wait()?;
    } else {
        let ended = process.wait_with_output()?;
        if !ended.status.success() {
            let message = String::from_utf8_lossy(&ended.stderr);
            return Err(format!("{}: {}", ended.status, message.trim()).into());
        }
    }
    Ok(serde_json::from_str(&line)?)
}

fn value_name(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
