//! What is built: it finds what is near, and is the same however it is built.

use super::*;
use crate::vector::hnsw::level::batch_end;

#[test]
fn the_nearest_rows_are_found_with_every_metric() {
    for metric in Metric::ALL {
        let set = Set::new(*metric, 5000);
        let codes = set.codes();
        let graph = set.graph(&codes);
        let live: Vec<u32> = (0..5000).collect();
        let (narrow, wide) = (recall(&set, &codes, &graph, &live, 40), recall(&set, &codes, &graph, &live, 200));
        assert!(narrow > 0.93 && wide > 0.99, "{}: {narrow} and {wide}", metric.name());
    }
}

#[test]
fn the_graph_is_the_same_bytes_for_any_number_of_threads() {
    let set = Set::new(Metric::Cosine, 3000);
    let codes = set.codes();
    let expected = bytes_of(&set.graph(&codes));
    let built = |parallel: &dyn Parallel| {
        let mut graph = Graph::new(Params { m: 12, ef_construction: 100 });
        graph.extend(&codes, 3000, parallel);
        bytes_of(&graph)
    };
    for width in [2, 3, 100] {
        assert!(built(&Backwards(width)) == expected, "{width} tasks, the last first");
    }
    #[cfg(feature = "std")]
    for threads in [1, 2, 3] {
        let threads = core::num::NonZeroUsize::new(threads).unwrap();
        assert!(built(&parallel::Threads(threads)) == expected, "{threads} threads");
    }
}

#[test]
fn the_graph_is_the_same_bytes_for_any_calls_that_end_at_boundaries() {
    let set = Set::new(Metric::Euclidean, 3000);
    let codes = set.codes();
    let mut graph = Graph::new(Params { m: 12, ef_construction: 100 });
    for rows in [1, 2, 50, 51, 777, 1024, 2990, 3000] {
        graph.extend(&codes, boundary(rows), &Sequential);
    }
    graph.extend(&codes, 3000, &Sequential);
    assert!(bytes_of(&graph) == bytes_of(&set.graph(&codes)));
    // Else it would say nothing: batches of several rows, cut elsewhere.
    assert!(batch_end(1024) - 1024 > 8 && boundary(2990) != 2990);
}

#[test]
fn the_graph_is_the_same_bytes_however_many_rows_are_searched_for_at_once() {
    let set = Set::new(Metric::Cosine, 3000);
    let codes = set.codes();
    let mut graph = Graph::new(Params { m: 12, ef_construction: 100 });
    let mut calls = 0;
    while let Some(mut batch) = graph.begin_batch(&codes, 3000, &Sequential) {
        for some in [1, 0, 7, 2].into_iter().cycle() {
            calls += 1;
            // Between two calls the number of threads may change, too.
            if graph.search_for(&codes, &mut batch, some, &Backwards(some + 1)) {
                break;
            }
        }
        graph.finish_batch(&codes, batch, &Sequential);
    }
    assert!(bytes_of(&graph) == bytes_of(&set.graph(&codes)));
    assert!(calls > 1000, "{calls}: they were in pieces");
}

#[test]
fn the_bytes_of_a_graph_never_change() {
    // Files hold graphs, and other platforms build them: this one was built when the format was made.
    let set = Set::new(Metric::Euclidean, 2000);
    let graph = set.graph(&set.codes());
    let Params { m, ef_construction } = graph.params;
    let head = [1, m, ef_construction, graph.rows];
    let removed = [0; 2000_usize.div_ceil(64) * 2];
    let numbers = [&head[..], graph.links.all_lowest(), graph.links.upper(), &removed].concat();
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    assert_eq!((bytes.len(), hash(&bytes)), (200_816, 13_686_554_930_597_995_171));
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn small_graphs_return_all_that_they_have() {
    let set = Set::new(Metric::Cosine, 40);
    let codes = set.codes();
    let mut scratch = Scratch::default();
    let query = codes.query(&set.queries[0]);
    let mut graph = Graph::new(Params::default());
    assert_eq!(graph.search(&codes, &query, 10, None, &mut scratch), Ok(Some(&[][..])));
    for rows in [1_u32, 2, 3, 9, 33, 40] {
        graph.extend(&codes, rows, &Sequential);
        assert_eq!(graph.rows(), rows);
        let found = graph.search(&codes, &query, 64, None, &mut scratch).unwrap().unwrap();
        assert_eq!(found.len(), rows as usize);
    }
    graph.extend(&codes, u32::MAX, &Sequential);
    assert_eq!(graph.rows(), 40, "no further than there are codes");
}

#[test]
fn what_lies_behind_many_equal_rows_is_found() {
    // A thousand copies of one row, a thousand zeros, and others.
    let mut set = Set::new(Metric::Cosine, 4000);
    for at in 0..1000 {
        set.rows[at * 3] = set.rows[0].clone();
        set.rows[at * 3 + 1] = alloc::vec![0.0; DIMENSION];
    }
    for metric in Metric::ALL {
        set.metric = *metric;
        let codes = set.codes();
        let graph = set.graph(&codes);
        let mut scratch = Scratch::default();
        let (mut hits, mut all) = (0, 0);
        for query in set.queries.iter().chain([&set.rows[0].clone()]) {
            let exact = score::Query::new(*metric, query);
            let found = graph.search(&codes, &codes.query(query), 100, None, &mut scratch).unwrap().unwrap();
            // By score, for among equals any is right.
            let of = |row: u32| score(&exact, &set.rows[row as usize]);
            let mut scores: Vec<f32> = found.iter().map(|candidate| of(candidate.row)).collect();
            scores.sort_by(|a, b| metric.better(*a, *b));
            let truth = set.best(query, 0..4000);
            let worst = of(truth[9]);
            all += 10;
            hits += scores.iter().take(10).filter(|score| metric.better(**score, worst).is_le()).count();
        }
        assert!(hits * 100 > all * 95, "{}: {hits} of {all}", metric.name());
    }
}

#[test]
fn a_batch_of_rows_unlike_all_others_is_found() {
    // They are near each other alone, and none of them is in the graph when the others are searched for.
    let mut set = Set::new(Metric::Euclidean, 2000);
    for row in &mut set.rows[1900..] {
        row.iter_mut().for_each(|x| *x = *x * 0.2 + 9.0);
    }
    set.queries = set.rows[1900..].to_vec();
    let codes = set.codes();
    let mut graph = Graph::new(Params { m: 12, ef_construction: 100 });
    graph.extend(&codes, 1900, &Sequential);
    graph.extend(&codes, 2000, &Sequential);
    let live: Vec<u32> = (0..2000).collect();
    let recall = recall(&set, &codes, &graph, &live, 100);
    assert!(recall > 0.97, "{recall}");
}

#[test]
fn bytes_of_memory_are_those_of_the_lists() {
    let set = Set::new(Metric::Cosine, 5000);
    let graph = set.graph(&set.codes());
    let least = 5000 * 2 * 12 * 4;
    assert!((least..least * 5 / 4).contains(&graph.bytes()), "{} for {least}", graph.bytes());
}
