//! The table: medians of the rounds, koru's ratio to each peer, the targets and whether they are reached, the machine.

use crate::{
    child::Sample,
    measure::median,
    peers::Peer,
    phases::{CACHE_BYTES, HOT_CACHE_BYTES, Phase},
    rows::{ROWS, Row, Target},
    store::Samples,
};
use serde_json::{Value, json};
use std::fmt::Write;

/// All that was measured, and where.
pub(crate) struct Report<'a> {
    pub(crate) keys: u64,
    pub(crate) rounds: u64,
    pub(crate) rows: &'a [&'a Row],
    pub(crate) peers: &'a [Peer],
    pub(crate) samples: &'a Samples,
    pub(crate) failures: &'a [String],
    pub(crate) facts: &'a [(&'static str, String)],
}

/// A target of a row, held against the figures.
struct Verdict {
    target: String,
    /// The figure that decides and whether it reaches the target; `None` when it was not measured.
    outcome: Option<(String, bool)>,
}

impl Report<'_> {
    /// The report as a page.
    pub(crate) fn markdown(&self) -> String {
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_markdown(&mut page);
        page
    }

    fn write_markdown(&self, page: &mut String) -> std::fmt::Result {
        let stores: Vec<&str> = self.peers.iter().map(|peer| peer.name()).collect();
        let with_koru = self.koru().is_some();
        write!(page, "| work | {} |", stores.join(" | "))?;
        page.push_str(if with_koru { " best peer | target | reached |\n" } else { "\n" });
        write!(page, "|---|{}", "---|".repeat(stores.len()))?;
        page.push_str(if with_koru { "---|---|---|\n" } else { "\n" });
        for row in self.rows {
            self.write_row(page, row, with_koru)?;
        }
        writeln!(page)?;
        self.write_notes(page)?;
        writeln!(page)?;
        for (name, value) in self.facts {
            writeln!(page, "- {name}: {value}")?;
        }
        let versions: Vec<String> = self.peers.iter().map(|peer| peer.description()).collect();
        writeln!(page, "- stores: {}", versions.join(", "))?;
        for failure in self.failures {
            writeln!(page, "- **failed**: {failure}")?;
        }
        Ok(())
    }

    fn write_row(&self, page: &mut String, row: &Row, with_koru: bool) -> std::fmt::Result {
        write!(page, "| {} |", row.title)?;
        for &peer in self.peers {
            let who = (row.phase != Phase::Floor).then_some(peer);
            let cell = match self.figure(row, who) {
                None => "–".to_owned(),
                // The floor has no store: it stands once, in the first column.
                Some(_) if who.is_none() && peer != self.peers[0] => String::new(),
                Some(figure) => {
                    let mut cell = row.unit.show(figure);
                    if let Some(tail) = self.median_of(row, who, row.tail) {
                        write!(cell, " (p99 {})", row.unit.show(tail))?;
                    }
                    if let Some(advantage) = self.advantage(row, peer) {
                        write!(cell, " **{advantage:.2}**")?;
                    }
                    cell
                }
            };
            write!(page, " {cell} |")?;
        }
        if with_koru {
            let best = self.best_peer(row);
            let best = best.map_or_else(String::new, |(peer, ratio)| format!("{} **{ratio:.2}**", peer.name()));
            let verdicts: Vec<Verdict> = row.targets.iter().map(|&target| self.verdict(row, target)).collect();
            let targets: Vec<&str> = verdicts.iter().map(|verdict| verdict.target.as_str()).collect();
            let outcomes: Vec<String> = verdicts.iter().map(Verdict::outcome).collect();
            write!(page, " {best} | {} | {} |", targets.join("; "), outcomes.join("; "))?;
        }
        writeln!(page)
    }

    fn write_notes(&self, page: &mut String) -> std::fmt::Result {
        writeln!(
            page,
            "{} documents of about 230 bytes of JSON, inserted in a shuffled order. Figures are medians of {} rounds (disk one \
             by one: one round) in which the stores take turns, each phase in a process of its own; latencies are of single \
             calls less the cost of the clock.",
            self.keys, self.rounds
        )?;
        if self.koru().is_some() {
            writeln!(
                page,
                "**Bold** is how many times as good koru is as that peer, whichever way the row counts: above 1 koru is \
                 better, below 1 the peer is."
            )?;
        }
        writeln!(
            page,
            "Peers are handed ready JSON text and hand out bytes, while koru encodes a record and hands out a decoded \
             document, with every version kept; the rows \"get and decode\" have peers parse what they read. Puts replace \
             documents at random among those loaded. The cache budget is {} MiB, and {} MiB where everything is to be in it; \
             the page cache of the system is warm throughout, and LMDB has no other cache. SQLite runs in WAL mode, \
             `synchronous=FULL` (relaxed: `NORMAL`); redb commits with `Immediate` (`None`); fjall persists with `SyncData` \
             (hands each put to the system); LMDB with default flags (`NO_SYNC`). After a kill: the loading process was \
             killed after its last acknowledged transaction.",
            CACHE_BYTES >> 20,
            HOT_CACHE_BYTES >> 20
        )
    }

    /// Every figure of every round, for programs.
    pub(crate) fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(|row| self.json_row(row)).collect();
        let facts: serde_json::Map<String, Value> =
            self.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let stores: serde_json::Map<String, Value> =
            self.peers.iter().map(|peer| (peer.name().to_owned(), json!(peer.description()))).collect();
        json!({ "keys": self.keys, "rounds": self.rounds, "facts": facts, "stores": stores, "rows": rows,
                "failures": self.failures })
    }

    fn json_row(&self, row: &Row) -> Value {
        let measured = |who: Option<Peer>| {
            json!({ "median": self.figure(row, who), "p99": self.median_of(row, who, row.tail),
                    "rounds": self.rounds_of(row, who, row.figure),
                    "koru_times_as_good": who.and_then(|peer| self.advantage(row, peer)) })
        };
        let stores: serde_json::Map<String, Value> = match row.phase {
            Phase::Floor => [("floor".to_owned(), measured(None))].into_iter().collect(),
            _ => self.peers.iter().map(|&peer| (peer.name().to_owned(), measured(Some(peer)))).collect(),
        };
        let verdicts = row.targets.iter().map(|&target| self.verdict(row, target));
        let targets: Vec<Value> = verdicts
            .map(|verdict| json!({ "target": verdict.target, "reached": verdict.outcome.map(|(_, reached)| reached) }))
            .collect();
        json!({ "id": row.id, "title": row.title, "unit": format!("{:?}", row.unit), "stores": stores, "targets": targets })
    }

    fn koru(&self) -> Option<Peer> {
        self.peers.iter().copied().find(|peer| peer.is_koru())
    }

    /// The figure in each round; `None` where a round has none.
    fn rounds_of(&self, row: &Row, who: Option<Peer>, figure: &str) -> Vec<Option<f64>> {
        let samples = self.samples.get(&(row.phase, row.after_kill, who)).map_or(&[] as &[Sample], Vec::as_slice);
        samples.iter().map(|sample| sample.get(figure).copied()).collect()
    }

    fn median_of(&self, row: &Row, who: Option<Peer>, figure: Option<&str>) -> Option<f64> {
        median(&self.rounds_of(row, who, figure?).into_iter().flatten().collect::<Vec<_>>())
    }

    fn figure(&self, row: &Row, who: Option<Peer>) -> Option<f64> {
        self.median_of(row, who, Some(row.figure))
    }

    /// How many times as good koru is as `peer`: the median over the rounds of the two figures' ratio.
    fn advantage(&self, row: &Row, peer: Peer) -> Option<f64> {
        let koru = self.koru().filter(|&koru| koru != peer && row.phase != Phase::Floor)?;
        let pairs = self.rounds_of(row, Some(koru), row.figure).into_iter();
        let pairs = pairs.zip(self.rounds_of(row, Some(peer), row.figure));
        let ratios: Vec<f64> = pairs
            .filter_map(|(koru, peer)| Some(if row.unit.more_is_better() { koru? / peer? } else { peer? / koru? }))
            .filter(|ratio| ratio.is_finite())
            .collect();
        median(&ratios)
    }

    /// The peer that comes nearest to koru or is furthest ahead of it, and koru's ratio to it.
    fn best_peer(&self, row: &Row) -> Option<(Peer, f64)> {
        let ratios = self.peers.iter().filter_map(|&peer| Some((peer, self.advantage(row, peer)?)));
        ratios.min_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    fn verdict(&self, row: &Row, target: Target) -> Verdict {
        let own = self.koru().and_then(|koru| self.figure(row, Some(koru)));
        let best = self.best_peer(row).map(|(_, ratio)| ratio);
        let ratio_to = |id: &str, who: Option<Peer>, figure: Option<&str>| {
            let other = ROWS.iter().find(|other| other.id == id)?;
            Some(own? / self.median_of(other, who, figure.or(Some(other.figure)))?)
        };
        let shown = |figure: f64| row.unit.show(figure);
        let (target, figure, reached) = match target {
            Target::AtMost(bound) => {
                (format!("at most {}", shown(bound)), own.map(shown), own.map(|figure| figure <= bound))
            }
            Target::AtLeast(bound) => {
                (format!("at least {}", shown(bound)), own.map(shown), own.map(|figure| figure >= bound))
            }
            Target::NoPeerBetter => ("no peer better".into(), best.map(ratio), best.map(|ratio| ratio >= 1.0)),
            Target::TimesBestPeer(times) => {
                (format!("at least {times} × the best peer"), best.map(ratio), best.map(|ratio| ratio >= times))
            }
            Target::TimesFloor(times) => {
                let over = ratio_to("floor", None, None);
                (format!("at most {times} × the floor"), over.map(ratio), over.map(|over| over <= times))
            }
            Target::TimesOneWriter(times) => {
                let over = ratio_to("put-one", self.koru(), Some("rate"));
                (format!("at least {times} × one writer"), over.map(ratio), over.map(|over| over >= times))
            }
        };
        Verdict { target, outcome: figure.zip(reached) }
    }
}

fn ratio(ratio: f64) -> String {
    format!("{ratio:.2}")
}

impl Verdict {
    fn outcome(&self) -> String {
        match &self.outcome {
            None => "not measured".into(),
            Some((figure, true)) => format!("yes ({figure})"),
            Some((figure, false)) => format!("**no** ({figure})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(
        phase: Phase,
        who: Option<Peer>,
        figures: &[(&str, [f64; 3])],
    ) -> ((Phase, bool, Option<Peer>), Vec<Sample>) {
        let round = |n: usize| figures.iter().map(|(name, rounds)| ((*name).to_owned(), rounds[n])).collect();
        ((phase, false, who), (0..3).map(round).collect())
    }

    fn report(samples: &Samples, row: &str) -> String {
        let rows: Vec<&Row> = ROWS.iter().filter(|candidate| candidate.id == row).collect();
        let peers = [Peer::Koru, Peer::Redb];
        let report = Report { keys: 1, rounds: 3, rows: &rows, peers: &peers, samples, failures: &[], facts: &[] };
        report.markdown().lines().nth(2).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_latency_is_held_against_the_floor_and_against_the_peer_of_the_same_round() {
        // The third round was noisy for both: the ratio of the medians would be 1.0, the median of the ratios is 1.8.
        let samples = Samples::from([
            samples(Phase::Floor, None, &[("p50_ns", [100_000.0; 3])]),
            samples(Phase::PutOne, Some(Peer::Koru), &[("p50_ns", [110_000.0, 200_000.0, 200_000.0])]),
            samples(Phase::PutOne, Some(Peer::Redb), &[("p50_ns", [200_000.0, 200_000.0, 400_000.0])]),
        ]);
        assert_eq!(
            report(&samples, "put-one"),
            "| put, durable, one writer | 200 µs | 200 µs **1.82** | redb **1.82** | at most 1.15 × the floor; no peer better \
             | **no** (2.00); yes (1.82) |"
        );
    }

    #[test]
    fn a_rate_is_better_when_it_is_greater_and_a_missed_target_is_named() {
        let samples = Samples::from([
            samples(Phase::Load, Some(Peer::Koru), &[("rate", [240_000.0; 3])]),
            samples(Phase::Load, Some(Peer::Redb), &[("rate", [200_000.0; 3])]),
        ]);
        assert_eq!(
            report(&samples, "load"),
            "| put, durable, transactions of 1,000 | 240,000/s | 200,000/s **1.20** | redb **1.20** \
             | at least 1.3 × the best peer; at least 300,000/s | **no** (1.20); **no** (240,000/s) |"
        );
    }

    #[test]
    fn what_was_not_measured_is_not_called_reached() {
        let line = report(&Samples::new(), "memory");
        assert!(line.contains("| – | – |") && line.contains("not measured") && !line.contains("yes"), "{line}");
    }
}
