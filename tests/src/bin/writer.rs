//! Opens a database strictly and writes to it from several threads until it is killed: `writer PATH RUN`.
//!
//! After each call that returned it prints one line with one write(2): thread, number of the write, and its version, or
//! `-` where there was nothing to write. What is printed was acknowledged.

use koru_delta::{CommitInfo, Database, Result, VersionId, WriteOptions};
use koru_tests::writing::{self, Write};
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(run)) = (arguments.next(), arguments.next().and_then(|run| run.parse().ok())) else {
        eprintln!("writer PATH RUN");
        return ExitCode::from(2);
    };
    let database = match writing::options().open(path) {
        Ok(database) => database,
        Err(e) => {
            eprintln!("open: {e}");
            return ExitCode::FAILURE;
        }
    };
    let failed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writing::THREADS)
            .map(|thread| {
                scope.spawn({
                    let db = &database;
                    move || work(db, run, thread)
                })
            })
            .collect();
        threads.into_iter().any(|thread| !matches!(thread.join(), Ok(Ok(()))))
    });
    // Only an error ends the threads: whoever kills this process finds it writing.
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn work(database: &Database, run: u64, thread: u64) -> Result<()> {
    for number in 1.. {
        let version = write(database, run, thread, number).inspect_err(|e| eprintln!("{thread} {number}: {e}"))?;
        let version = version.map_or("-".to_string(), |version| version.to_string());
        let line = format!("{thread} {number} {version}\n");
        if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    Ok(())
}

fn write(database: &Database, run: u64, thread: u64, number: u64) -> Result<Option<VersionId>> {
    let by = writing::name(run, thread, number);
    let info = CommitInfo { message: Some(by.clone()), ..CommitInfo::default() };
    let options = WriteOptions { info, ..WriteOptions::default() };
    match writing::choose(run, thread, number) {
        Write::Put(key) => database.collection(writing::SINGLE).put_with(&key, &json!({"by": by}), options).map(Some),
        Write::Delete(key) => database.collection(writing::SINGLE).delete_with(&key, options),
        Write::Many(keys) => {
            let value = json!({"by": by});
            database.collection(writing::BULK).put_many(keys.iter().map(|key| (key, &value)))
        }
        Write::Pair(key) => {
            let mut transaction = database.begin()?;
            transaction.message(&by);
            for collection in writing::PAIR {
                let before = match transaction.get(collection, &key)? {
                    Some(document) => document.value()?.pointer("/n").and_then(|n| n.as_i64()).unwrap_or(0),
                    None => 0,
                };
                transaction.put(collection, &key, &json!({"by": by, "n": before + 1}))?;
            }
            transaction.commit()
        }
        Write::Checkpoint => database.checkpoint().map(|()| None),
        Write::Compact => database.compact().map(|()| None),
    }
}
