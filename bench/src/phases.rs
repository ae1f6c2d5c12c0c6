//! What is done with one store between opening and closing it, and which figures come of it.

use crate::{
    Result,
    child::{Order, Sample},
    documents::{self, Choices, Document},
    floor,
    measure::{Latency, Memory, Stopwatch},
    peers::{Durability, Found, Peer, Settings, Store, VersionStore},
};
use clap::ValueEnum;
use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

/// Documents in a transaction of the loads.
const TRANSACTION_DOCUMENTS: u64 = 1000;
/// The cache budget of every phase but the hot one.
pub(crate) const CACHE_BYTES: u64 = 64 << 20;
/// The cache budget under which every document fits.
pub(crate) const HOT_CACHE_BYTES: u64 = 2 << 30;
const WRITERS: u64 = 8;
const GETS_MAX: u64 = 200_000;
const VERSIONS_MAX: u64 = 100_000;

/// One kind of work on one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Phase {
    /// Append and sync, and read, without a store.
    Floor,
    /// Every document, in durable transactions of 1,000, into a new store.
    Load,
    /// Every document, one put each without a sync, into a new store.
    LoadSingly,
    /// Durable puts of existing documents by one thread.
    PutOne,
    /// Durable puts of existing documents by eight threads.
    PutEight,
    /// Puts of existing documents without a sync.
    PutRelaxed,
    /// Gets with everything in the store's cache.
    GetHot,
    /// Gets with a cache for a fraction of the store.
    GetCold,
    /// As-of reads and history of one document.
    Versions,
    /// Opening and the first get.
    Open,
}

impl Phase {
    /// Whether the phase starts from a store that [`Phase::Load`] has made.
    pub(crate) fn needs_load(self) -> bool {
        !matches!(self, Phase::Floor | Phase::Load | Phase::LoadSingly | Phase::Versions)
    }
}

/// Runs the phase. `hang` is called before an unclean end, once the figures are known, and does not return.
pub(crate) fn run(order: &Order, hang: impl FnOnce() -> std::io::Result<()>) -> Result<Sample> {
    let durable_puts = (order.keys / 50).clamp(100, 2000);
    let Some(peer) = order.peer else {
        let mut sample = Sample::new();
        latency(&mut sample, "", floor::append_and_sync(&order.path, durable_puts, false)?);
        latency(&mut sample, "preallocated_", floor::append_and_sync(&order.path, durable_puts, true)?);
        latency(&mut sample, "read_", floor::read_at_random(&order.path, order.keys, order.keys.min(GETS_MAX))?);
        return Ok(sample);
    };
    let open = |durability, cache_bytes| peer.open(&order.path, Settings { durability, cache_bytes });
    let strict = || open(Durability::Strict, CACHE_BYTES);
    match order.phase {
        Phase::Floor => Err("the floor is measured without a store".into()),
        Phase::Load => {
            let before = Memory::now()?;
            let store = strict()?;
            let mut sample = load(&*store, order.keys)?;
            memory(&mut sample, before, order.keys)?;
            if order.unclean {
                println!("{}", serde_json::to_string(&sample)?);
                hang()?;
            }
            store.close()?;
            Ok(sample)
        }
        Phase::LoadSingly => {
            let store = open(Durability::Relaxed, CACHE_BYTES)?;
            let json_bytes = load_singly(&*store, order.keys)?;
            store.close()?;
            Ok(Sample::from([("json_bytes".to_owned(), json_bytes as f64)]))
        }
        Phase::PutOne => put_one(strict()?, durable_puts, order),
        Phase::PutEight => put_eight(strict()?, durable_puts * 2 / WRITERS, order),
        Phase::PutRelaxed => put_one(open(Durability::Relaxed, CACHE_BYTES)?, durable_puts * 10, order),
        Phase::GetHot => gets(open(Durability::Strict, HOT_CACHE_BYTES)?, order.keys, order),
        Phase::GetCold => gets(strict()?, order.keys.min(50_000), order),
        Phase::Versions => {
            let settings = Settings { durability: Durability::Relaxed, cache_bytes: CACHE_BYTES };
            match peer.open_versions(&order.path, settings)? {
                Some(store) => versions(store, order),
                None => Ok(Sample::new()),
            }
        }
        Phase::Open => open_and_get(peer, &order.path, order),
    }
}

fn latency(sample: &mut Sample, prefix: &str, measured: Latency) {
    sample.insert(format!("{prefix}p50_ns"), measured.p50_ns as f64);
    sample.insert(format!("{prefix}p99_ns"), measured.p99_ns as f64);
}

fn rate(sample: &mut Sample, count: u64, taken: Duration) {
    sample.insert("rate".into(), count as f64 / taken.as_secs_f64());
}

fn memory(sample: &mut Sample, before: Memory, keys: u64) -> Result<()> {
    let after = Memory::now()?;
    let beyond = |now: u64, then: u64| now.saturating_sub(then).saturating_sub(CACHE_BYTES) as f64 / keys as f64;
    sample.insert("resident_per_key".into(), beyond(after.resident, before.resident));
    sample.insert("anonymous_per_key".into(), beyond(after.anonymous, before.anonymous));
    Ok(())
}

/// Only the transactions are timed, not the making of the documents.
fn load(store: &dyn Store, keys: u64) -> Result<Sample> {
    let mut taken = Duration::ZERO;
    let mut json_bytes = 0;
    let mut batch: Vec<Document> = Vec::with_capacity(TRANSACTION_DOCUMENTS as usize);
    for start in (0..keys).step_by(TRANSACTION_DOCUMENTS as usize) {
        batch.clear();
        for position in start..keys.min(start + TRANSACTION_DOCUMENTS) {
            batch.push(documents::document(documents::shuffled(position, keys), 0)?);
        }
        json_bytes += batch.iter().map(|document| document.json.len()).sum::<usize>();
        let begin = Instant::now();
        store.put_many(&batch)?;
        taken += begin.elapsed();
    }
    let mut sample = Sample::from([("json_bytes".to_owned(), json_bytes as f64)]);
    rate(&mut sample, keys, taken);
    Ok(sample)
}

fn load_singly(store: &dyn Store, keys: u64) -> Result<usize> {
    let mut json_bytes = 0;
    for position in 0..keys {
        let document = documents::document(documents::shuffled(position, keys), 0)?;
        json_bytes += document.json.len();
        store.put(&document)?;
    }
    Ok(json_bytes)
}

/// New states of existing documents, so that the shape of a store is that of one in use and not of one that is filled.
fn updates(keys: u64, count: u64, seed: u64) -> Result<Vec<Document>> {
    let mut choices = Choices::new(seed, keys);
    (0..count).map(|n| Ok(documents::document(choices.next(), 1 + (seed + n) as u32)?)).collect()
}

fn put_one(store: Box<dyn Store>, count: u64, order: &Order) -> Result<Sample> {
    let documents = updates(order.keys, count, order.round)?;
    let mut stopwatch = Stopwatch::new(documents.len());
    let begin = Instant::now();
    for document in &documents {
        stopwatch.time(|| store.put(document))?;
    }
    let taken = begin.elapsed();
    store.close()?;
    let mut sample = Sample::new();
    latency(&mut sample, "", stopwatch.finish());
    rate(&mut sample, count, taken);
    Ok(sample)
}

fn put_eight(store: Box<dyn Store>, count_each: u64, order: &Order) -> Result<Sample> {
    let work = (0..WRITERS)
        .map(|writer| updates(order.keys, count_each, order.round * WRITERS + writer + 1000))
        .collect::<Result<Vec<_>>>()?;
    let begin = Instant::now();
    let finished: Vec<Result<Stopwatch>> = std::thread::scope(|scope| {
        let store = &*store;
        let write = |documents: &[Document]| -> Result<Stopwatch> {
            let mut stopwatch = Stopwatch::new(documents.len());
            for document in documents {
                stopwatch.time(|| store.put(document))?;
            }
            Ok(stopwatch)
        };
        let writers: Vec<_> = work.iter().map(|documents| scope.spawn(move || write(documents))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap_or_else(|_| Err("a writer failed".into()))).collect()
    });
    let taken = begin.elapsed();
    store.close()?;
    let mut all = Stopwatch::new(0);
    for stopwatch in finished {
        all.absorb(stopwatch?);
    }
    let mut sample = Sample::new();
    latency(&mut sample, "", all.finish());
    rate(&mut sample, count_each * WRITERS, taken);
    Ok(sample)
}

/// Touches what a get hands out, so that a store that maps its file has to bring the document in.
fn touch(found: Found<'_>) {
    match found {
        Found::Text(text) => _ = black_box((text.first(), text.last())),
        Found::Document(document) => _ = black_box((document.encoded().first(), document.encoded().last())),
    }
}

/// As [`touch`], and decodes what is not yet decoded.
fn decode(found: Found<'_>) {
    match found {
        Found::Text(text) => drop(black_box(serde_json::from_slice::<serde_json::Value>(text))),
        Found::Document(document) => drop(black_box(document.value().is_ok())),
    }
}

fn gets(store: Box<dyn Store>, warm_up: u64, order: &Order) -> Result<Sample> {
    for position in 0..warm_up {
        store.get(&documents::key(documents::shuffled(position, order.keys)), &mut touch)?;
    }
    let mut sample = Sample::new();
    let mut get = |key: &str| store.get(key, &mut touch);
    latency(&mut sample, "", timed_gets(order, 1, &mut get)?);
    let mut get = |key: &str| store.get(key, &mut decode);
    latency(&mut sample, "decoded_", timed_gets(order, 2, &mut get)?);
    if let Some(mut reader) = store.pinned()? {
        let mut get = |key: &str| reader.get(key, &mut touch);
        latency(&mut sample, "pinned_", timed_gets(order, 3, &mut get)?);
    }
    store.close()?;
    Ok(sample)
}

fn timed_gets(order: &Order, seed: u64, get: &mut dyn FnMut(&str) -> Result<bool>) -> Result<Latency> {
    let count = order.keys.min(GETS_MAX);
    let mut choices = Choices::new(order.round * 16 + seed, order.keys);
    let mut key = String::with_capacity(16);
    let mut stopwatch = Stopwatch::new(count as usize);
    for _ in 0..count {
        documents::write_key(choices.next(), &mut key);
        if !stopwatch.time(|| get(&key))? {
            return Err(format!("{key} is not there").into());
        }
    }
    Ok(stopwatch.finish())
}

fn versions(mut store: Box<dyn VersionStore>, order: &Order) -> Result<Sample> {
    let count = order.keys.min(VERSIONS_MAX);
    for revision in 0..count {
        store.add(&documents::document(0, u32::try_from(revision)?)?)?;
    }
    store.finish()?;
    let mut sample = Sample::new();
    let mut choices = Choices::new(order.round, count);
    let reads = count.min(20_000);
    let mut stopwatch = Stopwatch::new(reads as usize);
    for _ in 0..reads {
        let number = choices.next() as usize;
        if !stopwatch.time(|| store.get_as_of(number))? {
            return Err(format!("version {number} is not there").into());
        }
    }
    latency(&mut sample, "", stopwatch.finish());
    let begin = Instant::now();
    let seen = store.history()?;
    rate(&mut sample, seen, begin.elapsed());
    if seen != count {
        return Err(format!("the history has {seen} of {count} versions").into());
    }
    Ok(sample)
}

fn open_and_get(peer: Peer, path: &Path, order: &Order) -> Result<Sample> {
    let key = documents::key(documents::shuffled(order.round, order.keys));
    let begin = Instant::now();
    let store = peer.open(path, Settings { durability: Durability::Strict, cache_bytes: CACHE_BYTES })?;
    let found = store.get(&key, &mut touch)?;
    let taken = begin.elapsed();
    store.close()?;
    if !found {
        return Err(format!("{key} is not there after opening").into());
    }
    Ok(Sample::from([("open_ns".to_owned(), taken.as_nanos() as f64)]))
}
