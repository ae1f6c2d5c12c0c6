//! Asks a database everything that the model can answer, and says where they differ.

use crate::model::{Model, Seen, View};
use crate::random::Random;
use koru_delta::{Database, Document, KeyRange, Moment, Order, Snapshot, Timestamp, Value, VersionId, WatchOptions};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Bound;

/// What differs, in words.
pub type Difference = Result<(), String>;

/// Says what went wrong while something was asked.
pub fn asked<T>(what: &str, result: koru_delta::Result<T>) -> Result<T, String> {
    result.map_err(|e| format!("{what} failed: {e}"))
}

fn same<T: PartialEq + Debug>(what: &str, database: T, model: T) -> Difference {
    if database == model {
        return Ok(());
    }
    Err(format!("{what}: the database says {:.600}, the model {:.600}", format!("{database:?}"), format!("{model:?}")))
}

/// A document in the words that both sides can be put into.
type Told = (VersionId, Timestamp, Option<i64>, Option<Value>);

fn of_seen(seen: &Seen<'_>) -> Told {
    (seen.commit.version, seen.commit.timestamp, seen.change.expires_at, seen.change.value.clone())
}

fn of_document(document: &Document) -> Result<Told, String> {
    let value = asked("a value", document.value())?.clone();
    Ok((document.version(), document.timestamp(), document.expires_at(), Some(value)))
}

/// Compares everything as it is now, the log, and the history of every document; then some moments, differences and
/// ranges that `random` chooses; and has the database verify itself.
pub fn compare(db: &Database, model: &Model, now_ms: i64, random: &mut Random) -> Difference {
    let info = asked("info", db.info())?;
    same("the number of commits", info.commits, model.len() as u64)?;
    same("the newest timestamp", info.newest, model.newest())?;
    let now = View::now(now_ms);
    compare_log(db, model)?;
    compare_documents(db, model, &now)?;
    compare_view("now", &asked("a snapshot", db.snapshot())?, model, &now, random)?;
    compare_tags(db, model, &now)?;
    if random.chance(1, 4) {
        compare_feed(db, model, random)?;
    }
    let mut moments = vec![(Moment::Now, now.clone())];
    for _ in 0..3 {
        moments.extend(some_moment(model, &now, random));
    }
    for (moment, view) in &moments[1..] {
        let snapshot = asked(&format!("as of {moment:?}"), db.as_of(moment.clone()))?;
        compare_view(&format!("as of {moment:?}"), &snapshot, model, view, random)?;
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
        let what = format!("commit {}", expected.version);
        same(&what, (found.version, found.timestamp), (expected.version, expected.timestamp))?;
        same(&format!("{what}, its place"), found.sequence, place as u64 + 1)?;
        let told: Vec<_> = (found.changes.iter())
            .map(|c| (&*c.collection, &*c.key, c.deleted, c.expires_at, c.parents.clone()))
            .collect();
        let wanted: Vec<_> = (expected.changes.iter())
            .map(|c| (&*c.collection, &*c.key, c.value.is_none(), c.expires_at, c.parents.clone()))
            .collect();
        same(&format!("{what}, its changes"), told, wanted)?;
    }
    same("what follows the last commit of the log", log.next().is_some(), false)
}

/// Every document that ever was: as it is, its heads, and its whole history with all values.
fn compare_documents(db: &Database, model: &Model, now: &View) -> Difference {
    let mut histories: BTreeMap<(&str, &str), Vec<Seen<'_>>> = BTreeMap::new();
    for commit in model.commits() {
        for change in &commit.changes {
            histories.entry((&change.collection, &change.key)).or_default().push(Seen { commit, change });
        }
    }
    for ((collection, key), mut versions) in histories {
        versions.sort_by_key(|seen| std::cmp::Reverse((seen.commit.timestamp, seen.commit.version.actor)));
        compare_get(db, model, now, collection, key)?;
        let what = format!("the history of {collection}/{key:?}");
        let documents = db.collection(collection);
        same(&format!("the heads of {key:?}"), asked("heads", documents.heads(key))?, model.heads(collection, key))?;
        let mut history = asked(&what, documents.history(key))?;
        for seen in &versions {
            let version = asked(&what, history.next().transpose())?
                .ok_or_else(|| format!("{what} ends before {}", seen.commit.version))?;
            let expected = (seen.commit.version, seen.commit.timestamp, seen.change.value.is_none());
            same(&what, (version.id, version.timestamp, version.deleted), expected)?;
            let document = asked(&what, documents.document(key, &version))?;
            let told = document.as_ref().map(of_document).transpose()?;
            same(&what, told, seen.change.value.as_ref().map(|_| of_seen(seen)))?;
        }
        same(&format!("{what}, its end"), history.next().is_some(), false)?;
    }
    Ok(())
}

/// One document as it is now.
pub fn compare_get(db: &Database, model: &Model, now: &View, collection: &str, key: &str) -> Difference {
    let what = format!("{collection}/{key:?} now");
    let found = asked(&what, db.collection(collection).get(key))?;
    let expected = model.newest_of(collection, key).filter(|seen| seen.is_live(now.clock_ms));
    same(&what, found.as_ref().map(of_document).transpose()?, expected.as_ref().map(of_seen))
}

/// A snapshot: which collections, all documents in both directions, one range, and one document by itself.
pub fn compare_view(what: &str, snapshot: &Snapshot, model: &Model, view: &View, random: &mut Random) -> Difference {
    let names = asked(what, snapshot.collections())?;
    same(&format!("the collections {what}"), names, model.collections(view))?;
    let live = model.live(view);
    let mut by_collection: BTreeMap<&str, Vec<(&str, Seen<'_>)>> = BTreeMap::new();
    for (collection, _) in model.names() {
        by_collection.entry(collection).or_default();
    }
    for ((collection, key), seen) in live {
        by_collection.entry(collection).or_default().push((key, seen));
    }
    for (name, expected) in by_collection {
        let collection = snapshot.collection(name);
        for order in [Order::Ascending, Order::Descending] {
            let what = format!("the scan of {name} {what}, {order:?}");
            let mut scan = asked(&what, collection.scan(KeyRange::default(), order))?;
            let count = expected.len();
            for place in 0..count {
                let place = if order == Order::Ascending { place } else { count - 1 - place };
                let (key, seen) = &expected[place];
                let row =
                    asked(&what, scan.next().transpose())?.ok_or_else(|| format!("{what} ends before {key:?}"))?;
                same(&what, (&*row.key, of_document(&row.document)?), (key, of_seen(seen)))?;
            }
            same(&format!("{what}, its end"), scan.next().map(|r| r.map(|row| row.key).map_err(|_| ())), None)?;
        }
        let Some(&(key, _)) = expected.get(random.index(expected.len())) else { continue };
        let range = some_range(key, random);
        let what = format!("the scan of {range:?} in {name} {what}");
        let order = if random.chance(1, 2) { Order::Ascending } else { Order::Descending };
        let limit = 1 + random.index(8);
        let scan = asked(&what, collection.scan(range.clone(), order))?;
        let rows = asked(&what, scan.take(limit).collect::<koru_delta::Result<Vec<_>>>())?;
        let mut wanted: Vec<_> = model.scan(view, name, &range).into_iter().map(|(key, _)| key).collect();
        if order == Order::Descending {
            wanted.reverse();
        }
        wanted.truncate(limit);
        same(&what, rows.iter().map(|row| &*row.key).collect::<Vec<_>>(), wanted)?;
    }
    let names: Vec<_> = model.names().into_iter().collect();
    let Some(&(collection, key)) = names.get(random.index(names.len())) else { return Ok(()) };
    let documents = snapshot.collection(collection);
    let found = asked(what, documents.get(key))?.as_ref().map(of_document).transpose()?;
    let history = model.history(view, collection, key);
    let expected = history.first().filter(|seen| seen.is_live(view.clock_ms)).map(of_seen);
    same(&format!("{collection}/{key:?} {what}"), found, expected)?;
    let versions = asked(what, asked(what, documents.history(key))?.collect::<koru_delta::Result<Vec<_>>>())?;
    let told: Vec<_> = versions.iter().map(|v| v.id).collect();
    let wanted: Vec<_> = history.iter().map(|seen| seen.commit.version).collect();
    same(&format!("the history of {collection}/{key:?} {what}"), told, wanted)
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
        let what = format!("the feed at {place}");
        let event = asked(&what, watch.try_next())?.ok_or_else(|| format!("{what} ends before {}", commit.version))?;
        same(&what, (event.token, event.commit.version), (place as u64 + 1, commit.version))?;
        let values = event.documents.iter().map(|d| d.as_ref().map(|d| d.value().cloned()).transpose());
        let values = asked(&what, values.collect::<koru_delta::Result<Vec<_>>>())?;
        same(&what, values, wanted.iter().map(|c| c.value.clone()).collect())?;
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
