//! Searching the index of a named vector: which rows may be returned, how they are gone over, and what is compared exactly.
//!
//! A search first makes the set of rows that the moment, the keys and the filter take, and then chooses the cheapest way to
//! the best of them: comparing all of them, if they are few; a scan of their codes; or the graph. Nothing is locked while the
//! storage is read: rows do not change, and new ones are not in the set.

use super::{
    check_dimension,
    search::{Asked, Best, Explain, Plan, Scored, Searched},
    store::{Named, value_at, vectors_at},
};
use crate::{
    clock::Timestamp,
    codec::commit::RECORD_OVERHEAD,
    engine::{
        Engine, key,
        model::Version,
        state::{At, View},
    },
    error::Result,
    id::VersionId,
    query::Filter,
    storage::AsyncStorage,
    vector::{
        Codes, VectorConfig,
        flat::Candidate,
        hnsw::{Scratch, Stopped},
        index::{Found, Index, Layout, Structure, keep},
        mask::Counted,
        memory::prefetch,
        rows::{Place, Rows, Stamp, Until},
        score,
    },
};
use alloc::{borrow::ToOwned, format, string::String, sync::Arc, vec, vec::Vec};
use core::sync::atomic::Ordering;

/// What reading a vector from the log and comparing it takes, in nanoseconds: what the planner counts with. One number for
/// all platforms, so that they plan alike.
const COMPARE_NS: u64 = 1500;

/// Rows of a block of codes.
const BLOCK_ROWS: usize = 16;

/// Answers of a filter that are kept at once.
const ANSWERS: usize = 1024;

/// The most rows that a search compares for their vectors to be cached: whoever goes over more of them would push out what
/// others look for again.
const CACHED_ROWS: usize = 4096;

/// Rows of which memory is asked for what is to be known of them, before they are compared.
const PREFETCHED_ROWS: usize = 64;

/// Rows whose cached vectors memory is asked for at once.
const ROWS_AT_ONCE: usize = 8;

/// What a scan of codes takes for one number of a row, in picoseconds.
fn scan_ps(codes: Codes) -> u64 {
    match codes {
        Codes::F32 => 120,
        Codes::F16 => 60,
        Codes::I8 => 25,
        Codes::I4 | Codes::Auto => 12,
        Codes::Binary => 4,
    }
}

/// How many candidates the graph follows, if it is not said.
fn default_ef(k: usize) -> usize {
    (2 * k).max(64)
}

/// How the rows of a set are gone over.
struct Way {
    plan: Plan,
    reason: String,
    degraded: bool,
    /// Whether maintenance has something to do for the index.
    lags: bool,
    rows: Vec<Reached>,
}

/// A row that is to be compared.
struct Reached {
    row: u32,
    /// Its score, if that is known.
    score: Option<f32>,
    /// What its score is hardly better than, if that is known.
    at_best: Option<f32>,
}

/// The rows of a way that are still to be compared, and what was found.
struct Going {
    rows: vec::IntoIter<Reached>,
    /// Those of them that come next, the last first, with their vectors where they are cached.
    next: Vec<(Reached, Option<Arc<[f32]>>)>,
    best: Best,
    compared: u64,
}

/// What has to be read before it goes on: the vector of a row of the index of this number.
struct Unread {
    number: u64,
    row: u32,
    place: Place,
}

/// What is known of a row beside its vector.
struct Known {
    key: String,
    place: Place,
    stamp: Option<Stamp>,
    expires_at: Option<i64>,
}

fn known(rows: &Rows, row: u32) -> Option<Known> {
    let place = rows.place(row)?;
    Some(Known { key: rows.key(row).to_owned(), place, stamp: rows.stamp(row), expires_at: rows.expires_at(row) })
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// Finds the best rows of the index. `None` if the view shows commits that are not in it, or there are no such rows, or
    /// the index is dropped meanwhile.
    pub(super) async fn search_index(
        &self,
        view: &View,
        asked: &Asked<'_>,
        config: &VectorConfig,
    ) -> Result<Option<Searched>> {
        let dropped = || self.vectors_dropped.load(Ordering::Acquire);
        let before = dropped();
        let found = self.search_rows(view, asked, config).await;
        // What was found, or went wrong, may be of two indexes.
        if dropped() == before { found } else { Ok(None) }
    }

    async fn search_rows(&self, view: &View, asked: &Asked<'_>, config: &VectorConfig) -> Result<Option<Searched>> {
        if !self.vectors_know(view.sequence) {
            return Ok(None);
        }
        let named = &asked.named;
        let Some(mut set) = self.shown_rows(view, named).await? else { return Ok(None) };
        let some_keys = asked.search.keys != Default::default();
        if some_keys && !self.bring_keys(named).await? {
            return Ok(None);
        }
        let rows = set.count() as u64;
        self.with_index(named, |index| {
            if index.rows.expires_before(view.clock_ms) {
                set.change(|mask| index.rows.remove_expired(mask, view.clock_ms));
            }
            if some_keys {
                let left =
                    set.iter().filter(|row| !asked.search.keys.contains(index.rows.key(*row))).collect::<Vec<_>>();
                set.change(|mask| left.into_iter().for_each(|row| mask.remove(row)));
            }
        });
        if let Some(filter) = &asked.search.filter {
            set = match self.apply_filter(named, filter, &set).await? {
                Some(taken) => taken,
                None => return Ok(None),
            };
        }
        let taken = set.count() as u64;
        let Some(way) = self.way(asked, config, &set).await? else { return Ok(None) };
        let (plan, reason, degraded, lags) = (way.plan, way.reason, way.degraded, way.lags);
        let Some(Going { best, compared, .. }) = self.compare_rows(asked, config, way.rows).await? else {
            return Ok(None);
        };
        let Some(best) = self.versions_of_rows(named, view, best).await? else { return Ok(None) };
        let explain = Explain { plan, reason, rows, taken, compared, degraded };
        Ok(Some(Searched { best, explain, lags }))
    }

    /// The documents of rows that were found. `None` if the index is gone.
    async fn versions_of_rows(&self, named: &Named, view: &View, best: Best) -> Result<Option<Vec<Scored>>> {
        let best = best.into_found();
        let mut found = Vec::with_capacity(best.len());
        for (score, row) in best {
            let known = self.with_index(named, |index| known(&index.rows, row)).flatten();
            let Some(Known { key, place, stamp, expires_at }) = known else { return Ok(None) };
            let version = match stamp {
                Some(stamp) => self.version_of_row(stamp, place, expires_at),
                // Another actor had a part in the document.
                None => match self.find(view, &key::document(&named.0, &key)).await? {
                    Some(found) => self.version_of(found)?,
                    None => continue,
                },
            };
            found.push(Scored { score, key, version });
        }
        Ok(Some(found))
    }

    /// How to go over the rows of a set, after reading what that needs. `None` if it is not to be had.
    async fn way(&self, asked: &Asked<'_>, config: &VectorConfig, set: &Counted) -> Result<Option<Way>> {
        let named = &asked.named;
        let mut scratch = self.take_scratch();
        let mut room = Vec::new();
        // Each time that it stops it misses something else, which is read.
        let way = loop {
            match self.with_index(named, |index| choose(index, asked, config, set, &mut scratch)) {
                Some(Ok(way)) => break way,
                Some(Err(Stopped)) if self.bring_missing(named, &mut scratch.missing, &mut room).await? => {}
                _ => return Ok(None),
            }
        };
        self.give_scratch(scratch);
        let there = self.rows_are_there(named)
            || self.bring_rows(named, way.rows.iter().map(|reached| reached.row).collect()).await?;
        Ok(there.then_some(way))
    }

    /// Compares rows exactly. `None` if the index is gone.
    async fn compare_rows(
        &self,
        asked: &Asked<'_>,
        config: &VectorConfig,
        rows: Vec<Reached>,
    ) -> Result<Option<Going>> {
        let named = &asked.named;
        let cache = rows.len() <= CACHED_ROWS;
        let best = Best::new(asked.query.metric(), asked.search.k, asked.search.threshold);
        let mut going = Going { rows: rows.into_iter(), next: Vec::new(), best, compared: 0 };
        let (mut vector, mut scored) = (Vec::new(), None);
        self.with_index(named, |index| {
            let first = going.rows.as_slice().iter().take(PREFETCHED_ROWS).map(|reached| reached.row);
            index.rows.prefetch(first.clone());
            first.for_each(|row| self.prefetch_vector(index.number, row));
        });
        loop {
            match self.with_index(named, |index| self.go_on(index, asked, &mut going, scored.take())) {
                // What was searched is gone.
                None => return Ok(None),
                Some(None) => return Ok(Some(going)),
                Some(Some(Unread { number, row, place })) => {
                    self.read_vector(vectors_at(place), &named.1, &mut vector).await?;
                    check_dimension(&named.0, &named.1, vector.len(), config)?;
                    if cache {
                        self.keep_vector(number, row, &vector);
                    }
                    scored = Some((row, score::score(&asked.query, &vector)));
                }
            }
        }
    }

    /// Compares rows as far as memory has what that takes. `scored` is the row that it stopped at for its vector.
    fn go_on(
        &self,
        index: &Index,
        asked: &Asked<'_>,
        going: &mut Going,
        mut scored: Option<(u32, f32)>,
    ) -> Option<Unread> {
        let rows = &index.rows;
        loop {
            let (row, score) = match scored.take() {
                Some(scored) => scored,
                None => match self.next_row(index, going)? {
                    (Reached { row, score: Some(score), .. }, _) => (row, score),
                    (Reached { at_best: Some(at_best), .. }, _) if !going.best.wants(at_best) => continue,
                    (Reached { row, .. }, vector) => {
                        going.compared += 1;
                        match vector {
                            Some(vector) => (row, score::score(&asked.query, &vector)),
                            None => match rows.place(row) {
                                Some(place) => return Some(Unread { number: index.number, row, place }),
                                None => continue,
                            },
                        }
                    }
                },
            };
            if going.best.wants(score) && asked.left_out.is_none_or(|key| rows.key(row) != key) {
                rows.prefetch_key(row);
                let _ = going.best.add(score, row, &|row| rows.key(row));
            }
        }
    }

    /// The row that comes next. Some are got ready at once, so that memory is waited for together.
    fn next_row(&self, index: &Index, going: &mut Going) -> Option<(Reached, Option<Arc<[f32]>>)> {
        if going.next.is_empty() {
            while going.next.len() < ROWS_AT_ONCE
                && let Some(reached) = going.rows.next()
            {
                let vector = match reached {
                    Reached { score: Some(_), .. } => None,
                    Reached { at_best: Some(at_best), .. } if !going.best.wants(at_best) => continue,
                    Reached { row, .. } => self.kept_vector(index.number, row),
                };
                prefetch(vector.as_deref().unwrap_or_default());
                going.next.push((reached, vector));
            }
            going.next.reverse();
        }
        going.next.pop()
    }

    /// Whether nothing is missing of where records stand and of keys.
    fn rows_are_there(&self, named: &Named) -> bool {
        self.with_index(named, |index| index.rows.are_there()) == Some(true)
    }

    /// Reads where the records of rows stand, and their keys. `false` if that is not to be had.
    async fn bring_rows(&self, named: &Named, rows: Vec<u32>) -> Result<bool> {
        let need =
            |index: &Index, out: &mut Vec<u32>| rows.iter().fold(true, |all, row| all & index.rows.need_row(*row, out));
        self.bring(named, &need).await
    }

    /// The last commit of the own actor that a view shows.
    pub(super) fn until(&self, view: &View) -> Until {
        let all = Until { sequence: view.sequence, time: Timestamp::MAX, counter: u64::MAX };
        match &view.at {
            At::Latest => all,
            At::Time(time) => Until { time: *time, ..all },
            At::Cut { vector, .. } => Until { counter: vector.get(&self.actor).copied().unwrap_or(0), ..all },
        }
    }

    /// The rows that a view shows, expired or not.
    async fn shown_rows(&self, view: &View, named: &Named) -> Result<Option<Counted>> {
        let until = self.until(view);
        let shared = self.with_index(named, |index| index.rows.shared().to_vec()).unwrap_or_default();
        if !self.rows_are_there(named) && !self.bring_rows(named, shared).await? {
            return Ok(None);
        }
        let shown = self.with_index(named, |index| {
            let rows = &index.rows;
            let shared = rows.shared().iter().filter_map(|&row| Some((row, known(rows, row)?))).collect::<Vec<_>>();
            (index.alive(rows.cutoff(until)), shared)
        });
        let Some((mut set, shared)) = shown else { return Ok(None) };
        let mut alive = Vec::new();
        for (row, Known { key, place, .. }) in shared {
            let found = self.find(view, &key::document(&named.0, &key)).await?;
            if found.is_some_and(|found| found.entry.vectors() == Some(vectors_at(place))) {
                alive.push(row);
            }
        }
        if !alive.is_empty() {
            set.change(|mask| alive.into_iter().for_each(|row| mask.insert(row)));
        }
        Ok(Some(set))
    }

    /// The rows of a set whose value a filter takes. What it says of a row is kept: each is read once. `None` if where they
    /// stand is not to be had.
    async fn apply_filter(&self, named: &Named, filter: &Filter, set: &Counted) -> Result<Option<Counted>> {
        let source = filter.source();
        let known = self.with_index(named, |index| index.filter(source, set));
        let Some((mut taken, unasked)) = known else { return Ok(None) };
        let places = |index: &Index, out: &mut Vec<u32>| {
            unasked.iter().for_each(|row| index.rows.need_place(*row, out));
            true
        };
        if !unasked.is_empty() && !self.bring(named, &places).await? {
            return Ok(None);
        }
        let mut more = Vec::new();
        for rows in unasked.chunks(ANSWERS) {
            let mut answers = Vec::with_capacity(rows.len());
            for &row in rows {
                let Some(place) = self.with_index(named, |index| index.rows.place(row)).flatten() else { continue };
                let mut matches = Ok(false);
                let mut ask = |value: &[u8]| matches = filter.matches_encoded(value);
                self.read_value(value_at(place), &mut ask).await?;
                let matches = matches?;
                if matches {
                    more.push(row);
                }
                answers.push((row, matches));
            }
            self.with_index(named, |index| index.answer(source, &answers));
        }
        if !more.is_empty() {
            taken.change(|mask| more.into_iter().for_each(|row| mask.insert(row)));
        }
        Ok(Some(taken))
    }

    fn version_of_row(&self, stamp: Stamp, place: Place, expires_at: Option<i64>) -> Version {
        Version {
            id: VersionId { actor: self.actor, counter: stamp.counter },
            timestamp: stamp.timestamp,
            deleted: false,
            expires_at,
            value_bytes: u64::from(place.value_bytes).saturating_sub(RECORD_OVERHEAD),
            record: Some(value_at(place)),
            vectors: Some(vectors_at(place)),
            payload: None,
        }
    }
}

/// Chooses how to go over the rows of a set, and goes over them as far as memory has them.
fn choose(
    index: &Index,
    asked: &Asked<'_>,
    config: &VectorConfig,
    set: &Counted,
    scratch: &mut Scratch,
) -> core::result::Result<Way, Stopped> {
    let (search, taken) = (asked.search, set.count());
    let all = |reason: String, degraded| {
        let rows = set.iter().map(|row| Reached { row, score: None, at_best: None }).collect();
        Way { plan: Plan::Rows, reason, degraded, lags: degraded, rows }
    };
    let Some(structure) = index.ready(config) else {
        return Ok(all("the codes are being made anew for another configuration: every row is compared".into(), true));
    };
    let codes = structure.layout().codes;
    if search.exact && codes != Codes::F32 {
        return Ok(all("an exact search was asked for: every row is compared".into(), false));
    }
    // The document that is searched from is found with the others, and left out in the end.
    let k = search.k + usize::from(asked.left_out.is_some());
    let ef = search.ef.unwrap_or(default_ef(k)).max(k);
    let wanted = match structure.layout().graph {
        true => keep(codes, k).min(ef),
        false => keep(codes, k),
    };
    if taken as u64 * COMPARE_NS <= scan_ns(structure.layout(), set.rows(), taken, wanted) && codes != Codes::F32 {
        return Ok(all(format!("{taken} rows are compared sooner than their codes"), false));
    }
    let Found { by_graph, exact, rows } = structure.search(&asked.query, set, wanted, ef, scratch)?;
    let (plan, reason) = match (by_graph, exact) {
        (true, _) => (Plan::Graph, format!("the graph was followed with ef {ef}")),
        (false, true) => (Plan::Rows, format!("all {taken} rows are in memory as they are")),
        (false, false) => {
            let why = why_no_graph(structure);
            (Plan::Flat, format!("the codes ({}) of {taken} rows were scanned{why}", codes.name()))
        }
    };
    let row = |c: Candidate| Reached { row: c.row, score: exact.then_some(c.score), at_best: Some(c.at_best) };
    let rows = rows.into_iter().map(row).collect();
    let lags = structure.unlinked() > 0 && !structure.follows_graph() || index.wants_rest();
    Ok(Way { plan, reason, degraded: false, lags, rows })
}

fn why_no_graph(structure: &Structure) -> String {
    match structure.layout().graph {
        false => String::new(),
        true if structure.follows_graph() => ": too few rows are taken for the graph to be quicker".into(),
        true => format!(": the graph has {} of {} rows so far", structure.linked(), structure.len()),
    }
}

/// What a scan of the codes of `taken` of so many rows takes, and comparing the best of them.
fn scan_ns(layout: Layout, rows: usize, taken: usize, wanted: usize) -> u64 {
    // Rows are laid out in blocks, and a block is gone over as a whole.
    let touched = rows.min(taken.saturating_mul(BLOCK_ROWS));
    let scan = (touched * layout.dimension) as u64 * scan_ps(layout.codes) / 1000;
    // Most of those that are kept are not compared in the end.
    scan + (wanted as u64 / 8).max(1) * COMPARE_NS
}
