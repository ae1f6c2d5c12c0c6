//! The part of Rust in the exchange: `exchange write PATH` writes what `tests/exchange.json` describes into a new database,
//! `exchange read PATH` says all that there is to know of one, as tagged JSON. Python and Node do the same with theirs, so
//! that what was written in each of them is read by the others. Clock, entropy and maintenance are those of an application.

use koru_delta::{
    Collection, CommitInfo, Database, DocumentVersion, Error, ErrorCode, KeyRange, Moment, Options, Order, Result,
    Snapshot, WriteOptions,
};
use koru_tests::tree::{Saved, Tree, Unreadable};
use serde_json::{Map, Value as Json};
use std::{collections::BTreeMap, process::ExitCode};

/// What is written, and what is then there.
const EXCHANGE: &str = include_str!("../../exchange.json");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["write", path] => write(path),
        ["read", path] => read(path).map(|tree| println!("{}", tree.write())),
        _ => {
            eprintln!("exchange write PATH, or exchange read PATH");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn write(path: &str) -> Result<()> {
    let exchange: Map<String, Json> = serde_json::from_str(EXCHANGE).map_err(|e| wrong(e.to_string()))?;
    let database = Database::open(path)?;
    let mut saved = Saved::new();
    for json in exchange.get("steps").and_then(Json::as_array).into_iter().flatten() {
        let step = Step::read(json, &saved)?;
        let version = perform(&database, &step, json).map_err(|e| e.context(&json.to_string()))?;
        if let Some(name) = json.get("save").and_then(Json::as_str) {
            saved.insert(name.into(), version);
        }
    }
    database.close()
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, what)
}

/// The arguments of a step.
struct Step(BTreeMap<String, Tree>);

impl Step {
    /// Of a transaction without the steps inside of it.
    fn read(json: &Json, saved: &Saved) -> Result<Step> {
        let entries = json.as_object().into_iter().flatten().filter(|(name, _)| *name != "steps");
        let entries = entries.map(|(name, json)| match Tree::read(json, saved) {
            Ok(tree) => Ok((name.clone(), tree)),
            Err(Unreadable::NotText(what) | Unreadable::Script(what)) => Err(wrong(what)),
        });
        Ok(Step(entries.collect::<Result<_>>()?))
    }

    fn tree(&self, name: &str) -> Result<&Tree> {
        self.0.get(name).ok_or_else(|| wrong(format!("{name} is missing")))
    }

    fn text(&self, name: &str) -> Result<&str> {
        match self.tree(name)? {
            Tree::Text(text) => Ok(text),
            _ => Err(wrong(format!("{name} is no text"))),
        }
    }

    fn expires_at(&self) -> Option<i64> {
        match self.0.get("expires_at") {
            Some(Tree::Int(ms)) => i64::try_from(*ms).ok(),
            _ => None,
        }
    }

    fn moment(&self) -> Result<Moment> {
        match self.tree("moment")? {
            Tree::Map(map) => match map.get("tag") {
                Some(Tree::Text(name)) => Ok(Moment::Tag(name.clone())),
                _ => Err(wrong("the moment is no tag")),
            },
            _ => Ok(Moment::Now),
        }
    }

    fn info(&self) -> Result<CommitInfo> {
        let text = |name: &str| self.0.contains_key(name).then(|| self.text(name).map(str::to_owned)).transpose();
        let mut causes = Vec::new();
        if let Some(Tree::List(list)) = self.0.get("causes") {
            for cause in list {
                let Tree::List(parts) = cause else { return Err(wrong("a cause is no list")) };
                let [Tree::Text(collection), Tree::Text(key), Tree::Text(version)] = parts.as_slice() else {
                    return Err(wrong("a cause is a collection, a key and a version"));
                };
                causes.push(DocumentVersion {
                    collection: collection.clone(),
                    key: key.clone(),
                    version: version.parse()?,
                });
            }
        }
        Ok(CommitInfo { author: text("author")?, message: text("message")?, causes })
    }
}

/// Performs a step, and returns its version.
fn perform(database: &Database, step: &Step, json: &Json) -> Result<Tree> {
    let collection = || step.text("collection").map(|name| database.collection(name));
    Ok(match step.text("op")? {
        "put" => {
            let options = WriteOptions { expires_at: step.expires_at(), info: step.info()?, ..WriteOptions::default() };
            collection()?.put_with(step.text("key")?, step.tree("value")?, options)?.into()
        }
        "delete" => {
            let options = WriteOptions { info: step.info()?, ..WriteOptions::default() };
            collection()?.delete_with(step.text("key")?, options)?.into()
        }
        "put_many" => {
            let Tree::List(documents) = step.tree("documents")? else { return Err(wrong("no documents")) };
            let pairs = documents.iter().filter_map(|pair| match pair {
                Tree::List(pair) => match pair.as_slice() {
                    [Tree::Text(key), value] => Some((key, value)),
                    _ => None,
                },
                _ => None,
            });
            collection()?.put_many(pairs)?.into()
        }
        "transaction" => {
            let mut transaction = database.begin()?;
            let info = step.info()?;
            if let Some(author) = info.author {
                transaction.author(author);
            }
            if let Some(message) = info.message {
                transaction.message(message);
            }
            for json in json.get("steps").and_then(Json::as_array).into_iter().flatten() {
                let step = Step::read(json, &Saved::new())?;
                let (collection, key) = (step.text("collection")?, step.text("key")?);
                let expected = koru_delta::Expected::Any;
                match step.text("op")? {
                    "put" => {
                        transaction.put_with(collection, key, step.tree("value")?, expected, step.expires_at())?;
                    }
                    "delete" => transaction.delete_with(collection, key, expected)?,
                    other => return Err(wrong(format!("{other} is not for a transaction"))),
                }
            }
            transaction.commit()?.into()
        }
        "tag" => database.tag(step.text("name")?, step.moment()?).map(|_| Tree::Null)?,
        "untag" => database.untag(step.text("name")?).map(|()| Tree::Null)?,
        "restore" => collection()?.restore(step.text("key")?, step.moment()?)?.into(),
        "checkpoint" => database.checkpoint().map(|()| Tree::Null)?,
        "compact" => database.compact().map(|()| Tree::Null)?,
        other => return Err(wrong(format!("there is no step {other}"))),
    })
}

fn read(path: &str) -> Result<Tree> {
    let database = Options::new().read_only(true).open(path)?;
    let log = database.log()?.collect::<Result<Vec<_>>>()?;
    // Also of documents that are deleted or expired.
    let mut history = BTreeMap::<String, BTreeMap<String, Tree>>::new();
    for change in log.iter().flat_map(|commit| &commit.changes).filter(|change| !change.collection.starts_with('$')) {
        let of = history.entry(change.collection.clone()).or_default();
        if !of.contains_key(&change.key) {
            of.insert(change.key.clone(), versions(&database.collection(&change.collection), &change.key)?);
        }
    }
    let mut tags = Vec::new();
    for tag in database.tags()? {
        let documents = documents(&database.as_of(Moment::Tag(tag.name.clone()))?)?;
        let commits = tag.commits.iter().copied().collect();
        tags.push(Tree::map([
            ("name", tag.name.into()),
            ("timestamp", tag.timestamp.into()),
            ("commits", commits),
            ("documents", documents),
        ]));
    }
    let report = database.verify()?;
    let history = history.into_iter().map(|(collection, keys)| (collection, Tree::Map(keys)));
    Ok(Tree::map([
        ("documents", documents(&database.snapshot()?)?),
        ("history", Tree::Map(history.collect())),
        ("tags", tags.into()),
        ("log", log.iter().map(commit).collect()),
        ("commits", report.commits.into()),
        ("versions", report.versions.into()),
        ("chain", report.chain.into()),
        ("problems", report.problems.into_iter().collect()),
    ]))
}

/// By collection, those that show.
fn documents(snapshot: &Snapshot) -> Result<Tree> {
    let mut all = BTreeMap::new();
    for name in snapshot.collections()? {
        let rows = snapshot.collection(&name).scan(KeyRange::default(), Order::Ascending)?.map(|row| {
            let row = row?;
            let document = row.document;
            let shown = Tree::map([
                ("key", row.key.into()),
                ("value", document.value()?.into()),
                ("version", document.version().into()),
                ("timestamp", document.timestamp().into()),
            ]);
            Ok(shown.with("expires_at", document.expires_at()))
        });
        all.insert(name, rows.collect::<Result<Vec<Tree>>>()?.into());
    }
    Ok(Tree::Map(all))
}

/// The newest first.
fn versions(collection: &Collection, key: &str) -> Result<Tree> {
    let all = collection.history(key)?.map(|version| {
        let version = version?;
        let value = collection.document(key, &version)?.map(|document| document.value().map(Tree::from)).transpose()?;
        let shown = Tree::map([("version", version.id.into()), ("timestamp", version.timestamp.into())]);
        Ok(shown
            .with("deleted", version.deleted.then_some(true))
            .with("expires_at", version.expires_at)
            .with("value", value))
    });
    Ok(all.collect::<Result<Vec<Tree>>>()?.into())
}

fn commit(commit: &koru_delta::Commit) -> Tree {
    let changes = commit.changes.iter().map(|change| {
        Tree::map([
            ("collection", change.collection.clone().into()),
            ("key", change.key.clone().into()),
            ("parents", change.parents.iter().copied().collect()),
        ])
        .with("deleted", change.deleted.then_some(true))
        .with("expires_at", change.expires_at)
    });
    let cause = |cause: &DocumentVersion| {
        Tree::from(vec![cause.collection.clone().into(), cause.key.clone().into(), cause.version.into()])
    };
    Tree::map([
        ("id", commit.id.to_string().into()),
        ("version", commit.version.into()),
        ("timestamp", commit.timestamp.into()),
        ("causes", commit.causes.iter().map(cause).collect()),
        ("changes", changes.collect()),
    ])
    .with("author", commit.author.clone())
    .with("message", commit.message.clone())
}
