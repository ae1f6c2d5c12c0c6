//! The chain that `info` tells fits the number of commits beside it, also while others write: kept elsewhere, the two are
//! what a later state of the log is compared with.

use koru_delta::Database;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn the_chain_of_info_is_that_of_its_commits_while_others_write() {
    let db = Database::memory().unwrap();
    let (done, mut told) = (AtomicBool::new(false), Vec::new());
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|thread| {
                let documents = db.collection("documents");
                scope.spawn(move || {
                    (0..2_000).for_each(|i| {
                        documents.put(&format!("{thread}"), &i).unwrap();
                    })
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut told = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let info = db.info().unwrap();
                told.push((info.commits, info.chain, info.newest));
            }
            told
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        told = reader.join().unwrap();
    });

    let mut commits: Vec<_> = db.log().unwrap().map(|commit| commit.unwrap()).collect();
    commits.sort_by_key(|commit| commit.sequence);
    let mut chains = vec![([0; 32], None)];
    for commit in &commits {
        let before = chains[chains.len() - 1].0;
        let chain = *blake3::hash(&[before, commit.id.0].concat()).as_bytes();
        chains.push((chain, Some(commit.timestamp)));
    }
    assert!(told.len() > 10);
    for (commits, chain, newest) in told {
        let (expected, timestamp) = chains[commits as usize];
        assert_eq!(chain, koru_delta::CommitId(expected).to_string(), "after {commits} commits");
        assert_eq!(newest, timestamp, "after {commits} commits");
    }
}
