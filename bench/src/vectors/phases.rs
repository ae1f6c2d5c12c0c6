//! What is measured of koru: the same as of the peers, and what they do not have.

use super::{
    Out,
    databases::{Kind, fill, key, open as open_database, options, rows},
    efs::Efs,
    set::{Asked, K, Set},
};
use crate::{
    Error, Result,
    measure::{Memory, disk_bytes, median},
};
use koru_delta::{Collection, Moment, Plan, Search, Vectors, WriteOptions, limits};
use serde_json::json;
use std::{hint::black_box, path::Path, time::Instant};

/// When a pass over the queries ends: who is slow is asked fewer.
const SECONDS_MAX: f64 = 2.0;
/// The same while the ef is looked for.
const SECONDS_SOUGHT: f64 = 1.0;
/// How long is measured, in passes.
const SECONDS_MIN: f64 = 1.0;
const EF_MAX: usize = 2048;
const RECALLS: [f64; 2] = [0.95, 0.99];
/// Up to so many rows there is a database with a history of them.
const HISTORY_ROWS_MAX: usize = 200_000;
const PUTS: usize = 4000;

/// How long it takes to read all rows from memory and do nothing: no scan of them is quicker.
pub(crate) fn floor(set: &Set, out: &Out) -> Result<()> {
    let base = set.base()?.all;
    let pass = || {
        let start = Instant::now();
        // Enough sums that adding does not wait for the one before.
        let sums = base.chunks_exact(64).fold([0_u32; 64], |mut sums, some| {
            sums.iter_mut().zip(some).for_each(|(sum, number)| *sum = sum.wrapping_add(number.to_bits()));
            sums
        });
        black_box(sums);
        start.elapsed().as_secs_f64()
    };
    out.row("floor", (0..9).map(|_| pass()).fold(f64::INFINITY, f64::min), "s");
    Ok(())
}

pub(crate) fn build(set: &Set, folder: &Path, out: &Out) -> Result<()> {
    let count = set.count()?;
    std::fs::create_dir_all(folder)?;
    for kind in Kind::ALL {
        if kind == Kind::History && count > HISTORY_ROWS_MAX {
            continue;
        }
        let (start, cpu) = (Instant::now(), cpu_seconds()?);
        fill(kind, set, folder)?;
        let Some(of) = suffix(kind) else { continue };
        out.row(&format!("build{of}"), start.elapsed().as_secs_f64(), "s");
        out.row(&format!("build-cpu{of}"), cpu_seconds()? - cpu, "s");
        out.row(&format!("disk{of}"), disk_bytes(&kind.path(folder))? as f64 / count as f64, "B");
    }
    put(set, folder, out)
}

/// Which rows of the table are this database's; a history is no peer's.
fn suffix(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Graph => Some(""),
        Kind::Codes => Some("-codes"),
        Kind::Full => Some("-flat"),
        Kind::History => None,
    }
}

/// Opening and the first search, with the files in the system's cache.
pub(crate) fn open(set: &Set, folder: &Path, out: &Out) -> Result<()> {
    let queries = set.asked()?.queries;
    let query = queries.rows().next().ok_or("there is no query")?;
    for kind in [Kind::Graph, Kind::Codes, Kind::Full] {
        let path = kind.path(folder);
        for file in std::fs::read_dir(&path)? {
            let _ = std::fs::read(file?.path())?;
        }
        let start = Instant::now();
        let database = open_database(&path)?;
        let hits = rows(&database).search(&Search::vector(query).k(K).include_values(false))?;
        let taken = start.elapsed().as_secs_f64();
        if hits.explain().degraded {
            println!("{}", json!({"failure": "the first search found no index"}));
        }
        out.row(&format!("open{}", suffix(kind).unwrap_or_default()), taken, "s");
    }
    Ok(())
}

pub(crate) fn search(kind: Kind, set: &Set, folder: &Path, out: &Out) -> Result<()> {
    let (asked, count) = (set.asked()?, set.count()?);
    let before = Memory::now()?.anonymous;
    // The index alone: the cache has a budget of its own, and vectors that are compared are in it.
    let database = options().cache_bytes(limits::CACHE_BYTES_MIN).open(kind.path(folder))?;
    let collection = rows(&database);
    let pass = Pass { collection: &collection, asked: &asked, make: &|s| s, of: &number };
    drop(pass.run(None, SECONDS_MAX)?);
    let grown = Memory::now()?.anonymous.saturating_sub(before);
    database.close()?;
    let database = open_database(&kind.path(folder))?;
    let collection = rows(&database);
    let pass = Pass { collection: &collection, asked: &asked, make: &|s| s, of: &number };
    drop(pass.run(None, SECONDS_MAX)?);
    out.row(&format!("memory{}", suffix(kind).unwrap_or_default()), grown as f64 / count as f64, "B");
    match kind {
        Kind::Graph => {
            for (row, ef) in pass.efs(folder)? {
                pass.measure(&row, Some(ef), out)?;
            }
        }
        Kind::Codes => {
            pass.plan(Plan::Flat)?;
            // There is nothing to choose: one figure for both, if it gives so much.
            pass.measure("codes-0.99", None, out)?;
            pass.measure("codes-0.999", None, out)?;
        }
        _ => pass.measure("flat", None, out)?,
    }
    if kind == Kind::default_of(count) {
        for given in set.filters()? {
            let make = |search: Search| search.filter(given.filter.clone());
            let pass = Pass { collection: &collection, asked: &given.asked, make: &make, of: &number };
            pass.measure_of(&format!("filter {}", given.name), None, out, Some(given.rows))?;
        }
    }
    Ok(database.close()?)
}

/// Looks for the efs, and measures nothing.
pub(crate) fn seek(set: &Set, folder: &Path) -> Result<()> {
    let asked = set.asked()?;
    let database = open_database(&Kind::Graph.path(folder))?;
    Pass { collection: &rows(&database), asked: &asked, make: &|s| s, of: &number }.efs(folder)?;
    Ok(database.close()?)
}

/// The row of a document, by its key.
fn number(key: &str) -> Option<i32> {
    key.parse().ok()
}

/// What half of a history that is dead costs, now and as of the moment when that half was alive.
pub(crate) fn history(set: &Set, folder: &Path, out: &Out) -> Result<()> {
    let (asked, count) = (&set.asked()?, set.count()?);
    if count > HISTORY_ROWS_MAX {
        return Ok(());
    }
    let database = open_database(&Kind::History.path(folder))?;
    let collection = rows(&database);
    // Its second version has the vector of the row that is as far from the end.
    let mirrored = |key: &str| number(key).map(|row| count as i32 - 1 - row);
    Pass { collection: &collection, asked, make: &|s| s, of: &mirrored }.measure("present", None, out)?;
    let then = |search: Search| search.as_of(Moment::Tag("first version".into()));
    Pass { collection: &collection, asked, make: &then, of: &number }.measure("as-of", None, out)?;
    Ok(database.close()?)
}

/// Puts one by one into a copy of a database, with a search after every hundred: what it finds is what is there.
fn put(set: &Set, folder: &Path, out: &Out) -> Result<()> {
    let queries = set.asked()?.queries;
    let (from, path) = (Kind::default_of(set.count()?).path(folder), folder.join("put.koru"));
    std::fs::create_dir(&path)?;
    for file in std::fs::read_dir(from)? {
        let file = file?;
        std::fs::copy(file.path(), path.join(file.file_name()))?;
    }
    let database = open_database(&path)?;
    let collection = rows(&database);
    let start = Instant::now();
    for (row, vector) in queries.rows().cycle().take(PUTS).enumerate() {
        let options = WriteOptions { vectors: Vectors::from(vector), ..WriteOptions::default() };
        collection.put_with(&key(row), &json!({"row": row}), options)?;
        if row % 100 == 99 {
            let hits = collection.search(&Search::vector(vector).k(1).include_values(false))?;
            if hits.first().is_none_or(|hit| hit.score < 0.999) {
                return Err("a document that was just put is not found".into());
            }
        }
    }
    out.row("put", PUTS as f64 / start.elapsed().as_secs_f64(), "/s");
    database.close()?;
    Ok(std::fs::remove_dir_all(path)?)
}

/// Queries that are asked one after the other.
struct Pass<'a> {
    collection: &'a Collection,
    asked: &'a Asked,
    /// What is asked beside the vector.
    make: &'a dyn Fn(Search) -> Search,
    /// The row that a key stands for.
    of: &'a dyn Fn(&str) -> Option<i32>,
}

impl Pass<'_> {
    /// The rows that were found for each query, and the seconds that it took: at most about as many as are given.
    fn run(&self, ef: Option<usize>, seconds_max: f64) -> Result<(Vec<Vec<i32>>, f64)> {
        let mut found = Vec::with_capacity(self.asked.queries.all.len() / self.asked.queries.width);
        let start = Instant::now();
        for query in self.asked.queries.rows() {
            let hits = self.collection.search(&self.search(query, ef))?;
            found.push(hits.iter().filter_map(|hit| (self.of)(&hit.key)).collect());
            if start.elapsed().as_secs_f64() > seconds_max {
                break;
            }
        }
        Ok((found, start.elapsed().as_secs_f64()))
    }

    fn search(&self, query: &[f32], ef: Option<usize>) -> Search {
        let search = (self.make)(Search::vector(query).k(K).include_values(false));
        if let Some(ef) = ef { search.ef(ef) } else { search }
    }

    /// The share of the true ones that was found, of those queries that were asked.
    fn recall(&self, found: &[Vec<i32>]) -> f64 {
        let (mut hits, mut all) = (0, 0);
        for (found, truth) in found.iter().zip(self.asked.truth.rows()) {
            hits += truth.iter().filter(|row| found.contains(row)).count();
            all += truth.len();
        }
        hits as f64 / all.max(1) as f64
    }

    /// Fails if searches are not carried out as the row says.
    fn plan(&self, wanted: Plan) -> Result<()> {
        let query = self.asked.queries.rows().next().ok_or("there is no query")?;
        let hits = self.collection.search(&self.search(query, None))?;
        let explain = hits.explain();
        if explain.plan == wanted {
            return Ok(());
        }
        Err(format!("the plan is {} and not {}: {}", explain.plan.name(), wanted.name(), explain.reason).into())
    }

    /// The rows of the graph, and the ef of each.
    fn efs(&self, folder: &Path) -> Result<Vec<(String, usize)>> {
        self.plan(Plan::Graph)?;
        let mut efs = Efs::of(folder)?;
        let one = |wanted| {
            let row = format!("graph-{wanted}");
            let ef = efs.least(&row, || self.least_ef(wanted))?;
            Ok((row, ef))
        };
        RECALLS.into_iter().map(one).collect()
    }

    /// The least ef that gives a recall.
    fn least_ef(&self, wanted: f64) -> Result<usize> {
        let reaches = |ef, seconds| Ok::<bool, Error>(self.recall(&self.run(Some(ef), seconds)?.0) >= wanted);
        let (mut below, mut ef) = (K - 1, K);
        while ef < EF_MAX && !reaches(ef, SECONDS_SOUGHT)? {
            (below, ef) = (ef, ef * 2);
        }
        while ef - below > 1.max(ef / 20) {
            let middle = usize::midpoint(below, ef);
            if reaches(middle, SECONDS_SOUGHT)? { ef = middle } else { below = middle }
        }
        // If a pass was too short for all queries: all of them decide.
        while ef < EF_MAX && !reaches(ef, SECONDS_MAX)? {
            ef += 1.max(ef / 20);
        }
        Ok(ef)
    }

    fn measure(&self, row: &str, ef: Option<usize>, out: &Out) -> Result<()> {
        self.measure_of(row, ef, out, None)
    }

    /// Queries per second, the median of the passes. `rows` is how many match the filter, if there is one.
    fn measure_of(&self, row: &str, ef: Option<usize>, out: &Out, rows: Option<u64>) -> Result<()> {
        let (found, _) = self.run(ef, SECONDS_MAX)?;
        let (mut rates, mut spent) = (Vec::new(), 0.0);
        while spent < SECONDS_MIN || rates.len() < 3 && spent < SECONDS_MAX / 2.0 {
            let (found, seconds) = self.run(ef, SECONDS_MAX)?;
            rates.push(found.len() as f64 / seconds);
            spent += seconds;
        }
        let mut more = serde_json::Map::from_iter([("recall".to_owned(), self.recall(&found).into())]);
        if let Some(ef) = ef {
            more.insert("at".into(), ef.into());
        }
        if let Some(rows) = rows {
            more.insert("rows".into(), rows.into());
            more.insert("fewest".into(), found.iter().map(Vec::len).min().unwrap_or_default().into());
        }
        out.row_with(row, median(&rates).unwrap_or_default(), "/s", more);
        Ok(())
    }
}

/// What this process and its threads have had of the processors.
fn cpu_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the program, the second field, may have spaces in it.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
    // User and system, in hundredths of a second wherever Linux runs.
    Ok((ticks(11) + ticks(12)) as f64 / 100.0)
}
