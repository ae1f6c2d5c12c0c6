//! Results as trees. What a result does not have (a missing author, an expiry that was not set) is left out.

use super::{run::Fallible, tree::Tree};
use koru_delta::{
    Collection, Commit, Document, DocumentChange, DocumentVersion, Event, Info, Lineage, Result, Row, Stats, Tag,
    VerifyReport, Version, diff,
};

/// A list of everything that comes.
pub(crate) fn all<T>(
    items: impl Iterator<Item = Result<T>>,
    mut show: impl FnMut(T) -> Result<Tree>,
) -> Fallible<Tree> {
    Ok(items.map(|item| show(item?)).collect::<Result<Vec<Tree>>>()?.into())
}

pub(crate) fn document(document: &Document) -> Result<Tree> {
    let shown = Tree::map([
        ("value", document.value()?.into()),
        ("version", document.version().into()),
        ("timestamp", document.timestamp().into()),
    ]);
    Ok(shown.with("expires_at", document.expires_at()))
}

pub(crate) fn row(row: Row) -> Result<Tree> {
    Ok(vec![row.key.into(), row.document.value()?.into(), row.document.version().into()].into())
}

pub(crate) fn version(collection: &Collection, key: &str, version: &Version) -> Result<Tree> {
    let document = collection.document(key, version)?;
    let value = document.as_ref().map(|d| d.value().map(Tree::from)).transpose()?;
    let shown = Tree::map([("version", version.id.into()), ("timestamp", version.timestamp.into())]);
    Ok(shown
        .with("deleted", version.deleted.then_some(true))
        .with("expires_at", version.expires_at)
        .with("value", value))
}

pub(crate) fn change(change: &diff::Change) -> Tree {
    let side = |value: &Option<koru_delta::Value>| value.as_ref().map(Tree::from);
    Tree::map([("path", change.path.to_string().into())])
        .with("before", side(&change.before))
        .with("after", side(&change.after))
}

pub(crate) fn document_change(found: &DocumentChange) -> Result<Tree> {
    let version = |document: &Option<Document>| document.as_ref().map(Document::version);
    let changes = found.changes()?.iter().map(change).collect();
    let shown = Tree::map([
        ("collection", found.collection.clone().into()),
        ("key", found.key.clone().into()),
        ("changes", changes),
    ]);
    Ok(shown.with("before", version(&found.before)).with("after", version(&found.after)))
}

pub(crate) fn tag(tag: &Tag) -> Tree {
    Tree::map([
        ("name", tag.name.clone().into()),
        ("timestamp", tag.timestamp.into()),
        ("commits", tag.commits.iter().copied().collect()),
    ])
}

fn document_version(version: &DocumentVersion) -> Tree {
    vec![version.collection.clone().into(), version.key.clone().into(), version.version.into()].into()
}

pub(crate) fn lineage(lineage: &Lineage) -> Tree {
    let edge = |edge: &koru_delta::LineageEdge| {
        Tree::from(vec![document_version(&edge.cause), document_version(&edge.effect)])
    };
    Tree::map([("edges", lineage.edges.iter().map(edge).collect()), ("truncated", lineage.truncated.into())])
}

pub(crate) fn event(event: &Event) -> Result<Tree> {
    let mut changes = Vec::new();
    for (change, document) in event.commit.changes.iter().zip(&event.documents) {
        let value = document.as_ref().map(|d| d.value().map(Tree::from)).transpose()?;
        let shown = Tree::map([("collection", change.collection.clone().into()), ("key", change.key.clone().into())]);
        changes.push(shown.with("deleted", change.deleted.then_some(true)).with("value", value));
    }
    Ok(Tree::map([
        ("token", event.token.into()),
        ("version", event.commit.version.into()),
        ("changes", changes.into()),
    ]))
}

pub(crate) fn commit(commit: &Commit) -> Tree {
    let changes = commit.changes.iter().map(|change| {
        Tree::map([
            ("collection", change.collection.clone().into()),
            ("key", change.key.clone().into()),
            ("value_bytes", change.value_bytes.into()),
            ("parents", change.parents.iter().copied().collect()),
        ])
        .with("deleted", change.deleted.then_some(true))
        .with("expires_at", change.expires_at)
    });
    let causes: Vec<Tree> = commit.causes.iter().map(document_version).collect();
    Tree::map([
        ("id", commit.id.to_string().into()),
        ("version", commit.version.into()),
        ("sequence", commit.sequence.into()),
        ("timestamp", commit.timestamp.into()),
        ("dependencies", commit.dependencies.iter().copied().collect()),
        ("changes", changes.collect()),
    ])
    .with("author", commit.author.clone())
    .with("message", commit.message.clone())
    .with("causes", (!causes.is_empty()).then_some(causes))
}

pub(crate) fn report(report: &VerifyReport) -> Tree {
    Tree::map([
        ("commits", report.commits.into()),
        ("versions", report.versions.into()),
        ("segments", report.segments.into()),
        ("tables", report.tables.into()),
        ("log_bytes", report.log_bytes.into()),
        ("chain", report.chain.clone().into()),
        ("problems", report.problems.iter().cloned().collect()),
    ])
}

/// What does not depend on the storage.
pub(crate) fn info(info: &Info) -> Tree {
    Tree::map([
        ("database", info.database.to_string().into()),
        ("actor", info.actor.to_string().into()),
        ("created_ms", info.created_ms.into()),
        ("format", info.format.into()),
        ("read_only", info.read_only.into()),
        ("commits", info.commits.into()),
        ("actors", info.actors.into()),
        ("chain", info.chain.clone().into()),
        ("segments", info.segments.into()),
        ("tables", info.tables.into()),
        ("tail_bytes", info.tail_bytes.into()),
        ("torn_bytes", info.torn_bytes.into()),
    ])
    .with("newest", info.newest)
}

/// What does not depend on caches, on the width of a pointer, or on who shares a write with whom.
pub(crate) fn stats(stats: &Stats) -> Tree {
    Tree::map([
        ("commits", stats.commits.into()),
        ("changes", stats.changes.into()),
        ("bytes_logged", stats.bytes_logged.into()),
        ("checkpoints", stats.checkpoints.into()),
        ("merges", stats.merges.into()),
    ])
}
