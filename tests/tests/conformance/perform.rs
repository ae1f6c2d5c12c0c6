//! What each operation of a script is in the blocking interface: one call, and its result as a tree.

use super::{
    arguments::Arguments,
    run::{Failure, Fallible, Outcome, World},
    script::Step,
    show,
    tree::Tree,
    vectors,
};
use koru_delta::{
    CommitInfo, Direction, Encoded, ImportChange, Snapshot, Transaction, WatchOptions, WriteOptions, to_value,
};

/// Performs a step.
pub(crate) fn perform(world: &mut World, step: &Step) -> Outcome {
    let args = Arguments { step, saved: &world.saved };
    match args.word("op")?.as_str() {
        "clock" => {
            let ms = args.int("add_ms")?;
            world.host.pass(ms);
            return Ok(Tree::Null);
        }
        "open" => {
            let (read_only, create) = (args.flag("read_only")?, args.optional("create", Arguments::flag)?);
            let cache = args.optional("cache_bytes", Arguments::size)?;
            return world.open(|options| {
                let options = options.read_only(read_only).create(create.unwrap_or(true));
                cache.into_iter().fold(options, koru_delta::Options::cache_bytes)
            });
        }
        "close" => return world.close(),
        "snapshot" => {
            let (name, snapshot) = (args.word("name")?, world.database()?.as_of(args.moment("moment")?)?);
            world.snapshots.insert(name, snapshot);
            return Ok(Tree::Null);
        }
        "release" => {
            let name = args.word("name")?;
            let held = world.snapshots.remove(&name);
            held.ok_or_else(|| Failure::Script(format!("there is no snapshot {name}")))?;
            return Ok(Tree::Null);
        }
        _ => {}
    }
    let db = world.database()?;
    let collection = || args.text("collection").map(|name| db.collection(&name));
    let at = || snapshot_at(world, &args);
    Ok(match args.word("op")?.as_str() {
        "checkpoint" => db.checkpoint().map(|()| Tree::Null)?,
        "compact" => db.compact().map(|()| Tree::Null)?,
        "sync" => db.sync().map(|()| Tree::Null)?,
        "put" => {
            let (key, value) = (args.text("key")?, args.tree("value")?);
            let options = write_options(&args)?;
            collection()?.put_with(&key, &value, options)?.into()
        }
        "delete" => collection()?.delete_with(&args.text("key")?, write_options(&args)?)?.into(),
        "put_many" => {
            let mut batch = collection()?.batch()?;
            for (key, value, vectors) in vectors::documents(&args)? {
                batch.put_with(&key, &value, &vectors)?;
            }
            batch.commit(CommitInfo::default())?.into()
        }
        "get" => {
            let (collection, key) = (collection()?, args.text("key")?);
            let found = match at()? {
                Some(snapshot) => snapshot.collection(collection.name()).get(&key)?,
                None => collection.get(&key)?,
            };
            found.map_or(Ok(Tree::Null), |document| show::document(&document))?
        }
        "scan" => {
            let (collection, (range, order)) = (collection()?, args.range()?);
            let rows = match at()? {
                Some(snapshot) => snapshot.collection(collection.name()).scan(range, order)?,
                None => collection.scan(range, order)?,
            };
            show::all(rows.take(args.limit()?), show::row)?
        }
        "vectors" => {
            let (collection, key) = (collection()?, args.text("key")?);
            let found = match at()? {
                Some(snapshot) => snapshot.collection(collection.name()).vectors(&key)?,
                None => collection.vectors(&key)?,
            };
            found.as_ref().map_or(Tree::Null, vectors::show)
        }
        "search" => {
            let (collection, search) = (collection()?, vectors::search(&args)?);
            let hits = match at()? {
                Some(snapshot) => snapshot.collection(collection.name()).search(&search)?,
                None => collection.search(&search)?,
            };
            vectors::show_hits(&hits)?
        }
        "configure_vectors" => collection()?.configure_vectors(&args.text("name")?, vectors::config(&args)?)?.into(),
        "vector_config" => collection()?.vector_config(&args.text("name")?)?.map_or(Tree::Null, vectors::show_config),
        "collections" => {
            let names = match at()? {
                Some(snapshot) => snapshot.collections()?,
                None => db.collections()?,
            };
            names.into_iter().collect()
        }
        "history" => {
            let (collection, key) = (collection()?, args.text("key")?);
            let versions = match at()? {
                Some(snapshot) => snapshot.collection(collection.name()).history(&key)?,
                None => collection.history_before(&key, args.optional("before", Arguments::version)?)?,
            };
            show::all(versions.take(args.limit()?), |v| show::version(&collection, &key, &v))?
        }
        "version" => {
            let (collection, key) = (collection()?, args.text("key")?);
            show::version(&collection, &key, &collection.version(&key, args.version("version")?)?)?
        }
        "heads" => collection()?.heads(&args.text("key")?)?.into_iter().collect(),
        "diff" => {
            let (before, after) = (args.version("before")?, args.version("after")?);
            collection()?.diff(&args.text("key")?, before, after)?.iter().map(show::change).collect()
        }
        "diff_moments" => {
            let (before, after) = (args.moment("before")?, args.moment("after")?);
            let changes = match args.optional("collection", Arguments::text)? {
                Some(name) => db.collection(&name).diff_moments(before, after)?,
                None => db.diff(before, after)?,
            };
            show::all(changes, |change| show::document_change(&change))?
        }
        "tag" => show::tag(&db.tag(&args.text("name")?, args.moment("moment")?)?),
        "untag" => db.untag(&args.text("name")?).map(|()| Tree::Null)?,
        "tags" => db.tags()?.iter().map(show::tag).collect(),
        "restore" => {
            let moment = args.moment("moment")?;
            let key = args.optional("key", Arguments::text)?;
            match (args.optional("collection", Arguments::text)?, key) {
                (Some(name), Some(key)) => db.collection(&name).restore(&key, moment)?,
                (Some(name), None) => db.collection(&name).restore_all(moment)?,
                (None, _) => db.restore(moment)?,
            }
            .into()
        }
        "lineage" => {
            let start = collection()?.at(&args.text("key")?, args.version("version")?);
            let direction = match args.text("direction")?.as_str() {
                "causes" => Direction::Causes,
                "effects" => Direction::Effects,
                other => return Err(Failure::Script(format!("{other} is no direction"))),
            };
            show::lineage(&db.lineage(start, direction, args.size("depth")?)?)
        }
        "watch" => {
            let mut watch = db.watch(WatchOptions {
                collection: args.optional("collection", Arguments::text)?,
                prefix: args.optional("prefix", Arguments::text)?.unwrap_or_default(),
                token: args.optional("token", Arguments::number)?,
            })?;
            let events = std::iter::from_fn(|| watch.try_next().transpose()).take(args.limit()?);
            let events = show::all(events, |event| show::event(&event))?;
            Tree::map([("events", events), ("token", watch.token().into())])
        }
        "log" => {
            let log = match at()? {
                Some(snapshot) => snapshot.log()?,
                None => db.log()?,
            };
            show::all(log.take(args.limit()?), |commit| Ok(show::commit(&commit)))?
        }
        "commit" => show::commit(&match args.optional("id", Arguments::text)? {
            Some(digits) => db.commit_by_id(&digits)?,
            None => db.commit(args.version("version")?)?,
        }),
        "import" => {
            let state = to_value(&args.tree("state")?)?;
            let changes = args.list("changes", import_change)?;
            let mut import = db.import(&args.text("name")?)?;
            import.commit(args.int("time_ms")?, args.info()?, changes, state)?.into()
        }
        "verify" => show::report(&db.verify()?),
        "info" => show::info(&db.info()?),
        "stats" => show::stats(&db.stats()),
        other => return Err(Failure::Script(format!("{other} is only for the inside of a transaction"))),
    })
}

/// Begins the transaction of a step.
pub(crate) fn begin(world: &World, step: &Step) -> Fallible<Transaction> {
    let args = Arguments { step, saved: &world.saved };
    let info = args.info()?;
    let mut transaction = world.database()?.begin()?;
    if let Some(author) = info.author {
        transaction.author(author);
    }
    if let Some(message) = info.message {
        transaction.message(message);
    }
    for cause in info.causes {
        transaction.because(cause);
    }
    Ok(transaction)
}

/// Performs a step inside of a transaction.
pub(crate) fn perform_inside(world: &World, transaction: &mut Transaction, step: &Step) -> Outcome {
    let args = Arguments { step, saved: &world.saved };
    let (op, collection) = (args.word("op")?, args.text("collection")?);
    Ok(match op.as_str() {
        "put" => {
            let (key, value, options) = (args.text("key")?, args.tree("value")?, write_options(&args)?);
            let value = Encoded::new(&value)?.with_vectors(&options.vectors)?;
            transaction.put_encoded(&collection, &key, value, options.expected, options.expires_at)?;
            Tree::Null
        }
        "delete" => {
            transaction.delete_with(&collection, &args.text("key")?, args.expected()?)?;
            Tree::Null
        }
        // What the transaction wrote itself has no version yet.
        "get" => match transaction.get(&collection, &args.text("key")?)? {
            Some(document) => Tree::map([("value", document.value()?.into())]),
            None => Tree::Null,
        },
        "keys" => {
            let (range, order) = args.range()?;
            transaction.keys(&collection, &range, order, args.limit()?)?.into_iter().collect()
        }
        other => return Err(Failure::Script(format!("{other} is not for the inside of a transaction"))),
    })
}

/// Ends the transaction of a step.
pub(crate) fn end(transaction: Transaction, step: &Step) -> Outcome {
    if step.get("rollback").is_some_and(|rollback| rollback == true) {
        transaction.rollback();
        return Ok(Tree::Null);
    }
    Ok(transaction.commit()?.into())
}

/// What `save` keeps of a result.
pub(crate) fn kept(step: &Step, result: &Tree) -> Tree {
    let part = match step.get("op").and_then(|op| op.as_str()) {
        Some("commit") => "id",
        Some("watch") => "token",
        Some("get") => "version",
        _ => return result.clone(),
    };
    match result {
        Tree::Map(map) => map.get(part).cloned().unwrap_or(Tree::Null),
        other => other.clone(),
    }
}

/// What `at` reads through: a snapshot that was made before, or one of a moment.
fn snapshot_at(world: &World, args: &Arguments<'_>) -> Fallible<Option<Snapshot>> {
    let Some(at) = args.step.get("at") else { return Ok(None) };
    match at.get("snapshot").and_then(|name| name.as_str()) {
        Some(name) => match world.snapshots.get(name) {
            Some(snapshot) => Ok(Some(snapshot.clone())),
            None => Err(Failure::Script(format!("there is no snapshot {name}"))),
        },
        None => Ok(Some(world.database()?.as_of(args.moment("at")?)?)),
    }
}

fn write_options(args: &Arguments<'_>) -> Fallible<WriteOptions> {
    let expires_at = args.optional("expires_at", Arguments::int)?;
    let vectors = vectors::of_step(args)?;
    Ok(WriteOptions { expected: args.expected()?, expires_at, vectors, info: args.info()? })
}

/// `[collection, key, value]`, with a map of vectors behind it if there are any; or `[collection, key]` for a deletion.
fn import_change(change: Tree) -> Option<ImportChange> {
    let Tree::List(parts) = change else { return None };
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Tree::Text(collection)), Some(Tree::Text(key)), value, named, None) => {
            let value = value.map(|v| to_value(&v)).transpose().ok()?;
            Some(ImportChange { collection, key, value, vectors: vectors::named_or_none(named)? })
        }
        _ => None,
    }
}
