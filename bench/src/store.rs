//! The comparison of stores of documents: which phases run, in which order, on which directories.
//!
//! Stores take turns at each phase, and the phases are repeated in rounds, so that noise of the machine meets all alike;
//! a figure is the median of its rounds, and a ratio is the median of the ratios of stores that took the same turn.

use crate::{
    Result,
    child::{self, Order, Sample},
    machine, measure,
    peers::Peer,
    phases::Phase,
    report::Report,
    rows::{ROWS, Row},
};
use clap::Args;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// How many documents.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=99_999_999))]
    keys: u64,
    /// How often each phase is repeated.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=99))]
    rounds: u64,
    /// Only these rows, by name; all when not given.
    #[arg(long, value_delimiter = ',', value_parser = row_named)]
    only: Vec<&'static Row>,
    /// Only these stores; all when not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// Where the stores are made, on the medium that is to be measured. It must not exist, and is removed at the end.
    #[arg(long, default_value = "target/bench-store")]
    dir: PathBuf,
    /// Also writes the table to this file.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Also writes every figure to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn row_named(id: &str) -> std::result::Result<&'static Row, String> {
    let names = || ROWS.iter().map(|row| row.id).collect::<Vec<_>>().join(", ");
    ROWS.iter().find(|row| row.id == id).ok_or_else(|| format!("there is no such row; there are {}", names()))
}

/// Samples by round of one phase on one store (none is the floor), before or after a kill.
/// A phase that failed, or that a store does not take part in, leaves an empty sample.
pub(crate) type Samples = BTreeMap<(Phase, bool, Option<Peer>), Vec<Sample>>;

/// Runs the comparison and prints its table.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.dir.exists() {
        return Err(format!("{} exists: name a directory that can be made and removed", options.dir.display()).into());
    }
    fs::create_dir_all(&options.dir)?;
    let rows: Vec<&Row> = match options.only.as_slice() {
        [] => ROWS.iter().collect(),
        only => ROWS.iter().filter(|row| only.iter().any(|wanted| wanted.id == row.id)).collect(),
    };
    let peers = match options.peers.as_slice() {
        [] => Peer::all(),
        chosen => chosen.to_vec(),
    };
    let facts = machine::facts(&options.dir);
    let mut phases: BTreeSet<(Phase, bool)> = rows.iter().map(|row| (row.phase, row.after_kill)).collect();
    if phases.contains(&(Phase::PutEight, false)) {
        // Eight writers are held against one.
        phases.insert((Phase::PutOne, false));
    }
    let mut comparison = Comparison { options, peers, phases, samples: Samples::new(), failures: Vec::new() };
    let ended = comparison.run();
    fs::remove_dir_all(&options.dir)?;
    ended?;

    let report = Report {
        keys: options.keys,
        rounds: options.rounds,
        rows: &rows,
        peers: &comparison.peers,
        samples: &comparison.samples,
        failures: &comparison.failures,
        facts: &facts,
    };
    let markdown = report.markdown();
    println!("{markdown}");
    if let Some(path) = &options.markdown {
        fs::write(path, &markdown)?;
    }
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&report.json())?)?;
    }
    match comparison.failures.len() {
        0 => Ok(()),
        count => Err(format!("{count} measurements failed; they are listed below the table").into()),
    }
}

struct Comparison<'a> {
    options: &'a Options,
    peers: Vec<Peer>,
    phases: BTreeSet<(Phase, bool)>,
    samples: Samples,
    failures: Vec<String>,
}

impl Comparison<'_> {
    fn run(&mut self) -> Result<()> {
        let needs_load = self.phases.iter().any(|(phase, after_kill)| !after_kill && phase.needs_load());
        let load_rounds = match (self.phases.contains(&(Phase::Load, false)), needs_load) {
            (true, _) => self.options.rounds,
            (false, true) => 1,
            (false, false) => 0,
        };
        for round in 0..load_rounds {
            self.round(Phase::Load, round)?;
        }
        for round in 0..self.options.rounds {
            for phase in [Phase::Open, Phase::GetHot, Phase::GetCold, Phase::PutOne, Phase::PutEight, Phase::PutRelaxed]
            {
                if self.phases.contains(&(phase, false)) {
                    // The floor takes its turn right beside the puts that are held against it.
                    if phase == Phase::PutOne {
                        self.round(Phase::Floor, round)?;
                    }
                    self.round(phase, round)?;
                }
            }
            for phase in [Phase::Versions, Phase::Floor] {
                let floor_is_done = phase == Phase::Floor && self.phases.contains(&(Phase::PutOne, false));
                if self.phases.contains(&(phase, false)) && !floor_is_done {
                    self.round(phase, round)?;
                }
            }
        }
        if self.phases.contains(&(Phase::LoadSingly, false)) {
            self.round(Phase::LoadSingly, 0)?;
        }
        if self.phases.contains(&(Phase::Open, true)) {
            self.open_after_kill()?;
        }
        Ok(())
    }

    /// One turn of each store at a phase; who begins changes from round to round.
    fn round(&mut self, phase: Phase, round: u64) -> Result<()> {
        if phase == Phase::Floor {
            let order = self.order(phase, None, round, self.options.dir.join("floor"));
            return self.measure(&order, false);
        }
        for peer in self.turns(round) {
            let name = match phase {
                Phase::Versions => "versions",
                Phase::LoadSingly => "singly",
                _ => "loaded",
            };
            let path = self.options.dir.join(format!("{}-{name}", peer.name()));
            if !phase.needs_load() {
                remove(&path)?;
            }
            self.measure(&self.order(phase, Some(peer), round, path.clone()), false)?;
            if matches!(phase, Phase::Versions | Phase::LoadSingly) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    fn turns(&self, round: u64) -> Vec<Peer> {
        let mut turns = self.peers.clone();
        turns.rotate_left(round as usize % self.peers.len());
        turns
    }

    fn order(&self, phase: Phase, peer: Option<Peer>, round: u64, path: PathBuf) -> Order {
        Order { phase, peer, path, keys: self.options.keys, round, unclean: false }
    }

    /// Loads each store and kills its process, then opens copies of what that left: the first opening repairs the store,
    /// so that a second one of the same directory would show something else.
    fn open_after_kill(&mut self) -> Result<()> {
        for peer in self.turns(0) {
            let killed = self.options.dir.join(format!("{}-killed", peer.name()));
            let mut order = self.order(Phase::Load, Some(peer), 0, killed.clone());
            order.unclean = true;
            eprintln!("load and kill {}", peer.name());
            if let Err(error) = child::send(&order) {
                self.failures.push(format!("load and kill {}: {error}", peer.name()));
            }
        }
        for round in 0..self.options.rounds {
            for peer in self.turns(round) {
                let killed = self.options.dir.join(format!("{}-killed", peer.name()));
                let path = self.options.dir.join(format!("{}-copy", peer.name()));
                copy_durably(&killed, &path)?;
                self.measure(&self.order(Phase::Open, Some(peer), round, path.clone()), true)?;
                remove(&path)?;
            }
        }
        Ok(())
    }

    fn measure(&mut self, order: &Order, after_kill: bool) -> Result<()> {
        let store = order.peer.map_or("no store", Peer::name);
        let name = format!(
            "round {} {:?} {store}{}",
            order.round + 1,
            order.phase,
            if after_kill { " after a kill" } else { "" }
        );
        settle()?;
        let sample = match child::send(order) {
            Ok(mut sample) => {
                if let Some(json_bytes) = sample.remove("json_bytes") {
                    sample.insert("times_json".into(), measure::disk_bytes(&order.path)? as f64 / json_bytes);
                }
                let figures: Vec<String> = sample.iter().map(|(name, figure)| format!("{name} {figure:.1}")).collect();
                eprintln!("{name}: {}", figures.join(", "));
                sample
            }
            Err(error) => {
                eprintln!("{name}: {error}");
                self.failures.push(format!("{name}: {error}"));
                Sample::new()
            }
        };
        self.samples.entry((order.phase, after_kill, order.peer)).or_default().push(sample);
        Ok(())
    }
}

/// Has the system write out what earlier phases left to it, so that the syncs of the next one do not wait for that.
fn settle() -> Result<()> {
    let status = Command::new("sync").status()?;
    if status.success() { Ok(()) } else { Err(format!("the command `sync` failed: {status}").into()) }
}

fn remove(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_dir_all(path)?;
    }
    Ok(())
}

/// Copies a directory and syncs the copy, so that the first sync of a store that opens it does not pay for the copying.
fn copy_durably(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_durably(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            File::open(&target)?.sync_all()?;
        }
    }
    Ok(File::open(to)?.sync_all()?)
}
