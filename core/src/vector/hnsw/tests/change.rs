//! Rows come and go.

use super::*;
use crate::vector::hnsw::{bits::contains, level::level, links::filled};

/// No list names a removed row, and removed rows have no links.
fn check(graph: &Graph) {
    for row in 0..graph.rows {
        for on in 0..=level(row, graph.params.m) {
            let list = filled(graph.links.list(row, on));
            assert!(list.is_empty() || !contains(&graph.removed, row), "{row} was removed and has links");
            assert!(
                list.iter().all(|link| *link != row && !contains(&graph.removed, *link)),
                "{row} on {on}: {list:?}"
            );
        }
    }
}

#[test]
fn recall_does_not_fall_when_every_row_is_replaced_twice() {
    let count = 4000;
    let mut set = Set::new(Metric::Cosine, count);
    let mut codes = set.codes();
    let mut graph = set.graph(&codes);
    let mut live: Vec<u32> = (0..count as u32).collect();
    let before = recall(&set, &codes, &graph, &live, 80);
    let mut random = Random(3);
    for _ in 0..20 {
        // A tenth at a time, drawn at random: each row is replaced about twice.
        let mut leaving = Vec::new();
        for _ in 0..count / 10 {
            let at = random.next() as usize % live.len();
            let old = live.swap_remove(at);
            leaving.push(old);
            let row = set.rows[old as usize].iter().map(|x| x + 0.1 * random.float()).collect::<Vec<f32>>();
            codes.push(&row);
            set.rows.push(row);
        }
        live.extend(set.rows.len() as u32 - leaving.len() as u32..set.rows.len() as u32);
        live.sort_unstable();
        graph.extend(&codes, set.rows.len() as u32, &Sequential);
        graph.remove(&codes, &leaving, &Sequential);
        check(&graph);
    }
    assert_eq!(graph.rows() - graph.removed(), count as u32);
    let after = recall(&set, &codes, &graph, &live, 80);
    assert!(before > 0.97 && after > before - 0.005, "{before} before, {after} after");
}

#[test]
fn whole_clusters_can_leave_and_the_rest_is_found() {
    let mut set = Set::new(Metric::Euclidean, 4000);
    let codes = set.codes();
    let mut graph = set.graph(&codes);
    let leaves = |row: &u32| set.clusters[*row as usize] % 4 != 1;
    let leaving: Vec<u32> = (0..4000).filter(leaves).collect();
    let live: Vec<u32> = (0..4000).filter(|row| !leaves(row)).collect();
    graph.remove(&codes, &leaving, &Backwards(3));
    check(&graph);
    let mut again = set.graph(&codes);
    again.remove(&codes, &leaving, &Sequential);
    assert!(bytes_of(&graph) == bytes_of(&again), "the same for any number of threads");
    set.queries.truncate(100);
    let recall = recall(&set, &codes, &graph, &live, 100);
    assert!(recall > 0.98, "{recall} of {}", live.len());
}

#[test]
fn a_graph_can_lose_all_its_rows_and_grow_again() {
    let set = Set::new(Metric::Cosine, 600);
    let codes = set.codes();
    let mut graph = Graph::new(Params::default());
    graph.extend(&codes, 300, &Sequential);
    graph.remove(&codes, &(0..300).collect::<Vec<u32>>(), &Sequential);
    assert_eq!((graph.rows(), graph.removed(), graph.entry), (300, 300, None));
    let mut scratch = Scratch::default();
    let query = codes.query(&set.queries[0]);
    assert_eq!(graph.search(&codes, &query, 10, None, &mut scratch), Ok(Some(&[][..])));
    graph.extend(&codes, 600, &Sequential);
    assert_eq!(graph.search(&codes, &query, 1000, None, &mut scratch).unwrap().unwrap().len(), 300);
    check(&graph);
}

#[test]
fn rows_that_were_removed_before_their_turn_never_enter() {
    let set = Set::new(Metric::Cosine, 1000);
    let codes = set.codes();
    let mut graph = Graph::new(Params::default());
    graph.extend(&codes, 500, &Sequential);
    let leaving: Vec<u32> = (400..900).collect();
    graph.remove(&codes, &leaving, &Sequential);
    graph.remove(&codes, &[u32::MAX, 1000, 3, 3], &Sequential);
    graph.extend(&codes, 1000, &Sequential);
    check(&graph);
    let live: Vec<u32> = (0..400).filter(|row| *row != 3).chain(900..1000).collect();
    assert_eq!(graph.removed(), 501);
    assert!(recall(&set, &codes, &graph, &live, 100) > 0.98);
}

#[test]
fn a_row_that_lost_all_its_neighbours_is_found() {
    // The first row, and the rows that it links to, and those that these link to.
    let set = Set::new(Metric::Euclidean, 2000);
    let codes = set.codes();
    let mut graph = set.graph(&codes);
    let mut leaving = Vec::new();
    for link in filled(graph.links.list(5, 0)) {
        leaving.push(*link);
        leaving.extend(filled(graph.links.list(*link, 0)).iter().filter(|row| **row != 5));
    }
    graph.remove(&codes, &leaving, &Sequential);
    check(&graph);
    let mut scratch = Scratch::default();
    let found = graph.search(&codes, &codes.query(&set.rows[5]), 40, None, &mut scratch).unwrap().unwrap();
    assert_eq!(found[0].row, 5);
}
