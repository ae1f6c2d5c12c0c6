//! Asks a database everything that the model can answer, and says where they differ.

use crate::model::{Model, Seen, View, in_range};
use crate::random::Random;
use koru_delta::{
    Database, Document, ErrorCode, KeyRange, Moment, Order, Search, Snapshot, SnapshotCollection, Timestamp, Value,
    VersionId, WatchOptions,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};
use std::ops::Bound;

/// What differs, in words.
pub type Difference = Result<(), String>;

/// Says what went wrong while something was asked.
pub fn asked<T>(what: impl Display, result: koru_delta::Result<T>) -> Result<T, String> {
    result.map_err(|e| format!("{what} failed: {e}"))
}

fn same<T: PartialEq + Debug>(what: impl Display, database: T, model: T) -> Difference {
    if database == model {
        return Ok(());
    }
    Err(format!("{what}: the database says {:.600}, the model {:.600}", format!("{database:?}"), format!("{model:?}")))
}

/// A document in the words that both sides can be put into.
type Told<'a> = (VersionId, Timestamp, Option<i64>, Option<&'a Value>);

fn of_seen<'m>(seen: &Seen<'m>) -> Told<'m> {
    (seen.commit.version, seen.commit.timestamp, seen.change.expires_at, seen.change.value.as_ref())
}

fn of_document(document: &Document) -> Result<Told<'_>, String> {
    let value = asked("a value", document.value())?;
    Ok((document.version(), document.timestamp(), document.expires_at(), Some(value)))
}

/// How much a comparison asks. Either way it asks for the number of commits, the whole log, every document and scan as it
/// is now, the tags and an earlier moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything: heads, history and all values of every document, all scans in both directions, three moments, the
    /// differences of two, and a verify.
    Everything,
    /// What is new since a comparison that found so many commits: heads, history and all values of the documents that
    /// were written since, and of every fourth other one; scans in one direction; one moment.
    Since(usize),
}

/// Compares a database with the model. `random` chooses moments, differences and ranges.
pub fn compare(db: &Database, model: &Model, now_ms: i64, random: &mut Random, depth: Depth) -> Difference {
    let info = asked("info", db.info())?;
    same("the number of commits", info.commits, model.len() as u64)?;
    same("the newest timestamp", info.newest, model.newest())?;
    let now = View::now(now_ms);
    compare_log(db, model)?;
    compare_documents(db, model, &now, random, depth)?;
    compare_view("now", &asked("a snapshot", db.snapshot())?, model, &now, random, depth)?;
    compare_tags(db, model, &now)?;
    if random.chance(1, 4) {
        compare_feed(db, model, random)?;
    }
    let mut moments = vec![(Moment::Now, now.clone())];
    for _ in 0..if depth == Depth::Everything { 3 } else { 1 } {
        moments.extend(some_moment(model, &now, random));
    }
    for (moment, view) in &moments[1..] {
        let snapshot = asked(format_args!("as of {moment:?}"), db.as_of(moment.clone()))?;
        compare_view(format_args!("as of {moment:?}"), &snapshot, model, view, random, depth)?;
    }
    if depth != Depth::Everything {
        return Ok(());
    }
    let (before, after) = (&moments[random.index(moments.len())], &moments[random.index(moments.len())]);
    compare_diff(db, model, before, after)?;
    verify(db, model)
}

/// Has the database check itself.
pub fn verify(db: &Database, model: &Model) -> Difference {
    let report = asked("verify", db.verify())?;
    if !report.is_ok() {
        return Err(format!("verify found {:?}", report.problems));
    }
    same("the commits that verify counted", report.commits, model.len() as u64)
}

/// A moment, for both sides: a time, a commit or a tag.
pub fn some_moment(model: &Model, now: &View, random: &mut Random) -> Option<(Moment, View)> {
    if model.is_empty() {
        return None;
    }
    let commit = &model.commits()[random.index(model.len())];
    match random.below(4) {
        0 => {
            // At its time exactly, just before, just after, or at the end of its millisecond.
            let time = match random.below(4) {
                0 => Timestamp::from_bits(commit.timestamp.to_bits() - 1),
                1 => Timestamp::from_bits(commit.timestamp.to_bits() + 1),
                2 => Timestamp::end_of_millis(commit.timestamp.millis()),
                _ => commit.timestamp,
            };
            Some((Moment::Time(time), View::time(time)))
        }
        1 => {
            let tags: Vec<_> = model.live(now).into_iter().filter(|((c, _), _)| *c == "$tags").collect();
            let ((_, name), seen) = tags.get(random.index(tags.len()))?;
            Some((Moment::Tag((*name).into()), tag_view(seen)?))
        }
        _ => Some((Moment::Version(commit.version), View::commit(commit))),
    }
}

/// What a tag shows, from its document.
fn tag_view(seen: &Seen<'_>) -> Option<View> {
    let value = seen.change.value.as_ref()?;
    let until = Timestamp::from_bits(value.get("time")?.as_i64()?);
    let commits = value.get("commits")?.as_map()?.iter();
    let cut = commits.filter_map(|(actor, counter)| Some((actor.parse().ok()?, counter.as_i64()? as u64)));
    Some(View { until, cut: Some(cut.collect()), clock_ms: until.millis() })
}

fn compare_log(db: &Database, model: &Model) -> Difference {
    let mut expected: Vec<_> = model.commits().iter().enumerate().collect();
    expected.sort_by_key(|(_, c)| std::cmp::Reverse((c.timestamp, c.version.actor)));
    let mut log = asked("the log", db.log())?;
    for (place, expected) in expected {
        let found = asked("the log", log.next().transpose())?
            .ok_or_else(|| format!("the log ends before commit {}", expected.version))?;
        let what = expected.version;
        let wanted = (what, expected.timestamp, place as u64 + 1, expected.changes.len());
        let told = (found.version, found.timestamp, found.sequence, found.changes.len());
        same(format_args!("commit {what}, its time and place"), told, wanted)?;
        for (found, wanted) in found.changes.iter().zip(&expected.changes) {
            let told = (&*found.collection, &*found.key, found.deleted, found.expires_at, &found.parents);
            let wanted =
                (&*wanted.collection, &*wanted.key, wanted.value.is_none(), wanted.expires_at, &wanted.parents);
            same(format_args!("commit {what}, its changes"), told, wanted)?;
        }
    }
    same("what follows the last commit of the log", log.next().is_some(), false)
}

/// Every document that ever was: as it is; and of those that the depth names its heads, and its whole history with all
/// values.
fn compare_documents(db: &Database, model: &Model, now: &View, random: &mut Random, depth: Depth) -> Difference {
    let mut documents: BTreeMap<(&str, &str), (bool, Vec<Seen<'_>>)> = BTreeMap::new();
    for (place, commit) in model.commits().iter().enumerate() {
        let new = match depth {
            Depth::Everything => true,
            Depth::Since(known) => place >= known,
        };
        for change in &commit.changes {
            let (written, versions) = documents.entry((&change.collection, &change.key)).or_default();
            *written |= new;
            versions.push(Seen { commit, change });
        }
    }
    for ((collection, key), (written, mut versions)) in documents {
        versions.sort_by_key(|seen| std::cmp::Reverse((seen.commit.timestamp, seen.commit.version.actor)));
        compare_newest(db, versions.first(), now, collection, key)?;
        if written || random.chance(1, 4) {
            same(format_args!("the heads of {key:?}"), heads(db, collection, key)?, model.heads(collection, key))?;
            compare_history(db, &versions, collection, key)?;
        }
    }
    Ok(())
}

fn heads(db: &Database, collection: &str, key: &str) -> Result<Vec<VersionId>, String> {
    asked("heads", db.collection(collection).heads(key))
}

fn compare_history(db: &Database, versions: &[Seen<'_>], collection: &str, key: &str) -> Difference {
    let what = format_args!("the history of {collection}/{key:?}");
    let documents = db.collection(collection);
    let mut history = asked(what, documents.history(key))?;
    for seen in versions {
        let version = asked(what, history.next().transpose())?
            .ok_or_else(|| format!("{what} ends before {}", seen.commit.version))?;
        let expected = (seen.commit.version, seen.commit.timestamp, seen.change.value.is_none());
        same(what, (version.id, version.timestamp, version.deleted), expected)?;
        let document = asked(what, documents.document(key, &version))?;
        let told = document.as_ref().map(of_document).transpose()?;
        same(what, told, seen.change.value.as_ref().map(|_| of_seen(seen)))?;
        let vectors = asked(what, documents.vectors_of(&version))?;
        same(what, vectors.get("default"), seen.change.vector.as_deref())?;
    }
    same(format_args!("{what}, its end"), history.next().is_some(), false)
}

/// One document as it is now.
pub fn compare_get(db: &Database, model: &Model, now: &View, collection: &str, key: &str) -> Difference {
    compare_newest(db, model.newest_of(collection, key).as_ref(), now, collection, key)
}

fn compare_newest(db: &Database, newest: Option<&Seen<'_>>, now: &View, collection: &str, key: &str) -> Difference {
    let what = format_args!("{collection}/{key:?} now");
    let found = asked(what, db.collection(collection).get(key))?;
    let expected = newest.filter(|seen| seen.is_live(now.clock_ms));
    same(what, found.as_ref().map(of_document).transpose()?, expected.map(of_seen))
}

/// A snapshot: which collections, all documents in the directions that the depth names, one range of each collection, and
/// one document by itself.
pub fn compare_view(
    what: impl Display,
    snapshot: &Snapshot,
    model: &Model,
    view: &View,
    random: &mut Random,
    depth: Depth,
) -> Difference {
    let live = model.live(view);
    let names = asked(&what, snapshot.collections())?;
    let public: BTreeSet<_> = live.keys().map(|(name, _)| *name).filter(|name| !name.starts_with('$')).collect();
    same(format_args!("the collections {what}"), names.iter().map(|n| &**n).collect(), public)?;
    let names = model.names();
    let mut by_collection: BTreeMap<&str, Vec<(&str, Seen<'_>)>> = BTreeMap::new();
    for (collection, _) in &names {
        by_collection.entry(collection).or_default();
    }
    for ((collection, key), seen) in live {
        by_collection.entry(collection).or_default().push((key, seen));
    }
    for (name, expected) in by_collection {
        let collection = snapshot.collection(name);
        let skipped = random.index(2);
        for (number, order) in [Order::Ascending, Order::Descending].into_iter().enumerate() {
            if depth != Depth::Everything && number == skipped {
                continue;
            }
            let what = format_args!("the scan of {name} {what}, {order:?}");
            let mut scan = asked(what, collection.scan(KeyRange::default(), order))?;
            let count = expected.len();
            for place in 0..count {
                let place = if order == Order::Ascending { place } else { count - 1 - place };
                let (key, seen) = &expected[place];
                let row = asked(what, scan.next().transpose())?.ok_or_else(|| format!("{what} ends before {key:?}"))?;
                same(what, (&*row.key, of_document(&row.document)?), (key, of_seen(seen)))?;
            }
            same(format_args!("{what}, its end"), scan.next().map(|r| r.map(|row| row.key).map_err(|_| ())), None)?;
        }
        compare_search(&what, &collection, &expected, random)?;
        let Some(&(key, _)) = expected.get(random.index(expected.len())) else { continue };
        let range = some_range(key, random);
        let what = format_args!("the scan of {range:?} in {name} {what}");
        let order = if random.chance(1, 2) { Order::Ascending } else { Order::Descending };
        let limit = 1 + random.index(8);
        let scan = asked(what, collection.scan(range.clone(), order))?;
        let rows = asked(what, scan.take(limit).collect::<koru_delta::Result<Vec<_>>>())?;
        let mut wanted: Vec<_> = expected.iter().map(|(key, _)| *key).filter(|key| in_range(&range, key)).collect();
        if order == Order::Descending {
            wanted.reverse();
        }
        wanted.truncate(limit);
        same(what, rows.iter().map(|row| &*row.key).collect::<Vec<_>>(), wanted)?;
    }
    let Some(&(collection, key)) = names.iter().nth(random.index(names.len())) else { return Ok(()) };
    let documents = snapshot.collection(collection);
    let found = asked(&what, documents.get(key))?;
    let history = model.history(view, collection, key);
    let expected = history.first().filter(|seen| seen.is_live(view.clock_ms)).map(of_seen);
    let told = found.as_ref().map(of_document).transpose()?;
    same(format_args!("{collection}/{key:?} {what}"), told, expected)?;
    let versions = asked(&what, asked(&what, documents.history(key))?.collect::<koru_delta::Result<Vec<_>>>())?;
    let told: Vec<_> = versions.iter().map(|v| v.id).collect();
    let wanted: Vec<_> = history.iter().map(|seen| seen.commit.version).collect();
    same(format_args!("the history of {collection}/{key:?} {what}"), told, wanted)
}

/// A search of a collection, by the index and by comparing every row: both are what the model's vectors say.
fn compare_search(
    what: impl Display,
    collection: &SnapshotCollection,
    live: &[(&str, Seen<'_>)],
    random: &mut Random,
) -> Difference {
    let query: Vec<f32> = (0..3).map(|_| random.below(5) as f32 - 2.0).collect();
    let k = 1 + random.index(12);
    let cosine = |vector: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        let lengths = dot(&query, &query).sqrt() * dot(vector, vector).sqrt();
        if lengths > 0.0 { dot(&query, vector) / lengths } else { 0.0 }
    };
    let with_vector = |(key, seen): &(&str, Seen<'_>)| Some(((*key).to_owned(), cosine(seen.change.vector.as_ref()?)));
    let all: BTreeMap<String, f64> = live.iter().filter_map(with_vector).collect();
    let mut best: Vec<f64> = all.values().copied().collect();
    best.sort_by(|a, b| b.total_cmp(a));
    best.truncate(k);
    for exact in [false, true] {
        let hits = match collection.search(&Search::vector(&query).k(k).exact(exact)) {
            Ok(hits) => hits,
            // No vector was ever put.
            Err(e) if e.is(ErrorCode::NotFound) && all.is_empty() => continue,
            Err(e) => return asked(format_args!("a search {what}"), Err(e)),
        };
        let what = format_args!("a search for {query:?} {what}, {:?}", hits.explain());
        same(what, hits.len(), best.len())?;
        for (hit, score) in hits.iter().zip(&best) {
            // Which of equal ones comes last depends on the last bit of their scores, which is not the model's affair.
            let near = |score: f64| (f64::from(hit.score) - score).abs() < 1e-5;
            let own = all.get(&hit.key).copied();
            same(what, (near(*score), own.is_some_and(near)), (true, true))?;
            let seen = live.iter().find(|(key, _)| *key == hit.key).map(|(_, seen)| of_seen(seen));
            same(what, hit.document.as_ref().map(of_document).transpose()?, seen)?;
        }
        let ordered = |pair: &[koru_delta::Hit]| {
            pair[0].score > pair[1].score || (pair[0].score == pair[1].score && pair[0].key < pair[1].key)
        };
        same(what, hits.windows(2).all(ordered), true)?;
    }
    Ok(())
}

fn some_range(key: &str, random: &mut Random) -> KeyRange {
    let letters = key.chars().count();
    let prefix: String = key.chars().take(random.index(letters + 1)).collect();
    let mut bound = |other: &str| match random.below(4) {
        0 => Bound::Included(other.to_owned()),
        1 => Bound::Excluded(other.to_owned()),
        _ => Bound::Unbounded,
    };
    KeyRange { prefix, lower: bound(key), upper: bound(key) }
}

fn compare_tags(db: &Database, model: &Model, now: &View) -> Difference {
    let tags = asked("tags", db.tags())?;
    let told: BTreeMap<_, _> = (tags.iter())
        .map(|t| (&*t.name, (t.timestamp, t.commits.iter().map(|v| (v.actor, v.counter)).collect::<BTreeMap<_, _>>())))
        .collect();
    let live = model.live(now).into_iter().filter(|((collection, _), _)| *collection == "$tags");
    let wanted: BTreeMap<_, _> = live
        .filter_map(|((_, name), seen)| tag_view(&seen).map(|v| (name, (v.until, v.cut.unwrap_or_default()))))
        .collect();
    same("the tags", told, wanted)
}

/// The change feed from some place on has every commit, whole, in the order of the log.
fn compare_feed(db: &Database, model: &Model, random: &mut Random) -> Difference {
    let from = random.index(model.len() + 1);
    let options = WatchOptions { token: Some(from as u64), ..WatchOptions::default() };
    let mut watch = asked("a watch", db.watch(options))?;
    for (place, commit) in model.commits().iter().enumerate().skip(from) {
        let wanted: Vec<_> = commit.changes.iter().filter(|c| !c.collection.starts_with('$')).collect();
        if wanted.is_empty() {
            continue;
        }
        let what = format_args!("the feed at {place}");
        let event = asked(what, watch.try_next())?.ok_or_else(|| format!("{what} ends before {}", commit.version))?;
        same(what, (event.token, event.commit.version), (place as u64 + 1, commit.version))?;
        let values = event.documents.iter().map(|d| d.as_ref().map(Document::value).transpose());
        let values = asked(what, values.collect::<koru_delta::Result<Vec<_>>>())?;
        same(what, values, wanted.iter().map(|c| c.value.as_ref()).collect())?;
    }
    same("the end of the feed", asked("the feed", watch.try_next())?.is_some(), false)
}

fn compare_diff(db: &Database, model: &Model, before: &(Moment, View), after: &(Moment, View)) -> Difference {
    let what = format!("the differences of {:?} and {:?}", before.0, after.0);
    let found = asked(&what, db.diff(before.0.clone(), after.0.clone()))?;
    let found = asked(&what, found.collect::<koru_delta::Result<Vec<_>>>())?;
    let told = found.iter().map(|c| {
        let value = |d: &Option<Document>| d.as_ref().map(|d| (d.version(), d.value().cloned().ok()));
        (&*c.collection, &*c.key, value(&c.before), value(&c.after))
    });
    let wanted = model.diff(&before.1, &after.1).into_iter().map(|((collection, key), (b, a))| {
        let value = |seen: Option<Seen<'_>>| seen.map(|s| (s.commit.version, s.change.value.clone()));
        (collection, key, value(b), value(a))
    });
    same(&what, told.collect::<Vec<_>>(), wanted.collect())
}
