//! The results of a call as canonical values. What is sent often is written straight; the rest goes through [`Value`].

use crate::{
    Commit, Document, DocumentVersion, Error, Event, Info, Lineage, Result, Stats, Tag, Value, VerifyReport, Version,
    VersionId,
    codec::value::{self, write},
    engine::model::Shown,
    history::diff::Change,
};
use alloc::{format, string::String, vec::Vec};

/// Results under way: encoded values one behind the other.
pub(super) type Results = Vec<u8>;

/// `n@actor`. Every reply has one, so it is put together without the machinery of formats.
pub(super) fn version(out: &mut Results, version: VersionId) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    // 20 digits of a counter, the sign, 32 of an actor: filled from the end.
    let mut text = [0; 53];
    let mut at = text.len();
    let mut put = |byte| {
        at -= 1;
        text[at] = byte;
    };
    for byte in version.actor.0.iter().rev() {
        put(HEX[usize::from(byte & 15)]);
        put(HEX[usize::from(byte >> 4)]);
    }
    put(b'@');
    let mut counter = version.counter;
    loop {
        put(b'0' + (counter % 10) as u8);
        counter /= 10;
        if counter == 0 {
            break;
        }
    }
    write::text(out, core::str::from_utf8(&text[at..]).unwrap_or_default());
}

pub(super) fn version_or_null(out: &mut Results, id: Option<VersionId>) {
    match id {
        Some(id) => version(out, id),
        None => write::null(out),
    }
}

pub(super) fn int_or_null(out: &mut Results, number: Option<i64>) {
    match number {
        Some(number) => write::int(out, number),
        None => write::null(out),
    }
}

/// A count. None comes near the end of what an integer holds.
pub(super) fn count(out: &mut Results, number: u64) {
    write::int(out, signed(number));
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The four values of a document.
pub(super) fn document(out: &mut Results, document: &Document) {
    shown(out, document.shown());
}

pub(super) fn shown(out: &mut Results, document: Shown<'_>) {
    version(out, document.version);
    write::int(out, document.timestamp.to_bits());
    int_or_null(out, document.expires_at);
    out.extend_from_slice(document.encoded);
}

/// An array of a document's four, or null.
pub(super) fn document_or_null(out: &mut Results, found: Option<&Document>) {
    match found {
        Some(found) => {
            write::array(out, 4);
            document(out, found);
        }
        None => write::null(out),
    }
}

/// A row of a history; without its value if there is none or it was not asked for.
pub(super) fn history_row(out: &mut Results, of: &Version, found: Option<&Document>) {
    write::array(out, 5 + usize::from(found.is_some()));
    version(out, of.id);
    write::int(out, of.timestamp.to_bits());
    write::bool(out, of.deleted);
    int_or_null(out, of.expires_at);
    count(out, of.value_bytes);
    out.extend(found.iter().flat_map(|document| document.encoded()));
}

/// A row of a watch.
pub(super) fn event_row(out: &mut Results, event: &Event) -> Result<()> {
    write::array(out, 3);
    count(out, event.token);
    encoded(out, &commit(&event.commit))?;
    write::array(out, event.documents.len());
    event.documents.iter().for_each(|document| document_or_null(out, document.as_ref()));
    Ok(())
}

/// Appends a value.
pub(super) fn encoded(out: &mut Results, value: &Value) -> Result<()> {
    value::encode(value, out)
}

/// A map of the entries that are not null and not an empty array.
fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(<[Value]>::is_empty);
    let mut map = crate::Map::new();
    for (name, value) in entries.into_iter().filter(|(_, value)| !empty(value)) {
        map.insert(name, value);
    }
    Value::Map(map)
}

fn number(number: u64) -> Value {
    Value::Int(signed(number))
}

fn text(display: impl core::fmt::Display) -> Value {
    Value::from(format!("{display}"))
}

fn list<T>(items: &[T], one: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(one).collect())
}

fn versions(ids: &[VersionId]) -> Value {
    list(ids, |id| text(id))
}

fn document_version(of: &DocumentVersion) -> Value {
    Value::Array([Value::from(&*of.collection), Value::from(&*of.key), text(of.version)].into())
}

fn words(words: Option<&String>) -> Value {
    words.map_or(Value::Null, |words| Value::from(words.as_str()))
}

pub(super) fn commit(commit: &Commit) -> Value {
    map([
        ("id", text(commit.id)),
        ("version", text(commit.version)),
        ("sequence", number(commit.sequence)),
        ("timestamp", Value::Int(commit.timestamp.to_bits())),
        ("author", words(commit.author.as_ref())),
        ("message", words(commit.message.as_ref())),
        ("causes", list(&commit.causes, document_version)),
        ("dependencies", versions(&commit.dependencies)),
        (
            "changes",
            list(&commit.changes, |change| {
                map([
                    ("collection", Value::from(&*change.collection)),
                    ("key", Value::from(&*change.key)),
                    ("deleted", Value::Bool(change.deleted)),
                    ("bytes", number(change.value_bytes)),
                    ("parents", versions(&change.parents)),
                    ("expires_at", change.expires_at.map_or(Value::Null, Value::Int)),
                ])
            }),
        ),
    ])
}

pub(super) fn tag(tag: &Tag) -> Value {
    map([
        ("name", Value::from(&*tag.name)),
        ("timestamp", Value::Int(tag.timestamp.to_bits())),
        ("commits", versions(&tag.commits)),
    ])
}

pub(super) fn tags(tags: &[Tag]) -> Value {
    list(tags, tag)
}

pub(super) fn changes(changes: &[Change]) -> Value {
    list(changes, |change| {
        let mut map = crate::Map::new();
        map.insert("path", text(&change.path));
        // A stored null is not nothing.
        change.before.iter().for_each(|value| drop(map.insert("before", value.clone())));
        change.after.iter().for_each(|value| drop(map.insert("after", value.clone())));
        Value::Map(map)
    })
}

pub(super) fn lineage(lineage: &Lineage) -> Value {
    let edge = |edge: &crate::LineageEdge| {
        Value::Array([document_version(&edge.cause), document_version(&edge.effect)].into())
    };
    let mut map = crate::Map::new();
    map.insert("start", document_version(&lineage.start));
    map.insert("edges", list(&lineage.edges, edge));
    map.insert("truncated", lineage.truncated);
    Value::Map(map)
}

pub(super) fn report(report: &VerifyReport) -> Value {
    map([
        ("ok", Value::Bool(report.is_ok())),
        ("commits", number(report.commits)),
        ("versions", number(report.versions)),
        ("segments", number(report.segments)),
        ("tables", number(report.tables)),
        ("log_bytes", number(report.log_bytes)),
        ("chain", Value::from(&*report.chain)),
        ("problems", list(&report.problems, |problem| Value::from(&**problem))),
        ("more_problems", number(report.more_problems)),
    ])
}

pub(super) fn info(info: &Info) -> Value {
    map([
        ("database", text(info.database)),
        ("actor", text(info.actor)),
        ("created_ms", Value::Int(info.created_ms)),
        ("storage", Value::from(info.storage)),
        ("location", Value::from(&*info.location)),
        ("format", number(info.format.into())),
        ("read_only", Value::Bool(info.read_only)),
        ("commits", number(info.commits)),
        ("actors", number(info.actors)),
        ("newest", info.newest.map_or(Value::Null, |newest| Value::Int(newest.to_bits()))),
        ("chain", Value::from(&*info.chain)),
        ("segments", number(info.segments)),
        ("packed_segments", number(info.packed_segments)),
        ("log_bytes", number(info.log_bytes)),
        ("tables", number(info.tables)),
        ("index_bytes", number(info.index_bytes)),
        ("total_bytes", number(info.total_bytes)),
        ("tail_bytes", number(info.tail_bytes)),
        ("torn_bytes", number(info.torn_bytes)),
    ])
}

pub(super) fn stats(stats: &Stats) -> Value {
    map([
        ("commits", number(stats.commits)),
        ("changes", number(stats.changes)),
        ("flushes", number(stats.flushes)),
        ("syncs", number(stats.syncs)),
        ("bytes_logged", number(stats.bytes_logged)),
        ("checkpoints", number(stats.checkpoints)),
        ("merges", number(stats.merges)),
        ("values_read", number(stats.values_read)),
        ("cache_hits", number(stats.cache_hits)),
        ("cache_misses", number(stats.cache_misses)),
        ("document_cache_bytes", number(stats.document_cache_bytes)),
        ("block_cache_bytes", number(stats.block_cache_bytes)),
        ("table_bytes", number(stats.table_bytes)),
        ("memtable_bytes", number(stats.memtable_bytes)),
    ])
}

pub(super) fn names(names: &[String]) -> Value {
    list(names, |name| Value::from(&**name))
}

/// What a reply says of its results.
pub(super) mod status {
    /// They are all, or the last ones.
    pub(in super::super) const DONE: u8 = 0;
    /// Instead of results there are a code and a message.
    pub(in super::super) const FAILED: u8 = 1;
    /// More come in another reply.
    pub(in super::super) const PART: u8 = 2;
}

/// The reply to a call, with its length in front: `write` writes the results, unless it fails.
pub(super) fn reply(out: &mut Vec<u8>, call: u32, status: u8, write: impl FnOnce(&mut Results) -> Result<()>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&call.to_le_bytes());
    out.push(status);
    let outcome = write(out).and_then(|()| within_bound(out.len() - start));
    if let Err(e) = outcome {
        out.truncate(start + 8);
        out.push(status::FAILED);
        write::text(out, e.code().name());
        write::text(out, e.message());
    }
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Fails if a reply of so many bytes would be too long.
pub(super) fn within_bound(bytes: usize) -> Result<()> {
    let max = crate::limits::BATCH_BYTES_MAX;
    if bytes > max {
        return Err(Error::limit(format!(
            "a reply of {bytes} bytes: at most {max} are possible; ask for less at once"
        )));
    }
    Ok(())
}
