//! Graphs as bytes, whole and damaged.

use super::*;

/// A graph of 700 rows, some of them removed.
fn graph() -> (Set, Codes, Graph) {
    let set = Set::new(Metric::Euclidean, 700);
    let codes = set.codes();
    let mut graph = Graph::new(Params { m: 4, ef_construction: 20 });
    graph.extend(&codes, 650, &Sequential);
    graph.remove(&codes, &[0, 1, 17, 649], &Sequential);
    (set, codes, graph)
}

#[test]
fn a_graph_that_was_read_goes_on_as_the_one_that_was_written() {
    let (set, codes, mut graph) = graph();
    let mut read = Graph::read(&bytes_of(&graph)).unwrap();
    assert_eq!((read.rows(), read.params(), read.entry), (graph.rows(), graph.params(), graph.entry));
    assert_eq!(read.removed(), 4);
    for graph in [&mut graph, &mut read] {
        graph.extend(&codes, 700, &Sequential);
        graph.remove(&codes, &[5, 699], &Sequential);
    }
    assert!(bytes_of(&read) == bytes_of(&graph));
    let query = codes.query(&set.queries[0]);
    let (mut a, mut b) = (Scratch::default(), Scratch::default());
    assert_eq!(read.search(&codes, &query, 30, None, &mut a), graph.search(&codes, &query, 30, None, &mut b));
    let empty = Graph::new(Params::default());
    assert_eq!(Graph::read(&bytes_of(&empty)).unwrap().rows(), 0);
}

/// A graph that was read from any bytes can be used.
fn use_it(set: &Set, codes: &Codes, mut graph: Graph) {
    let mut scratch = Scratch::default();
    let found = graph.search(codes, &codes.query(&set.queries[0]), 30, None, &mut scratch).unwrap();
    assert!(found.len() <= 30);
    graph.remove(codes, &[2, 3, 100], &Sequential);
    graph.extend(codes, codes.len() as u32, &Sequential);
}

#[test]
fn damaged_bytes_are_refused_or_give_a_graph_that_can_be_used() {
    let (set, codes, graph) = graph();
    let bytes = bytes_of(&graph);
    for length in (0..200).chain(bytes.len() - 200..bytes.len()) {
        assert!(Graph::read(&bytes[..length]).is_err(), "cut to {length}");
    }
    assert!(Graph::read(&[&bytes[..], &[0; 4]].concat()).is_err(), "longer");
    let mut random = Random(5);
    let mut refused = 0;
    for round in 0..3000 {
        let mut damaged = bytes.clone();
        for _ in 0..=round % 3 {
            let at = if round % 4 == 0 { random.next() as usize % 16 } else { random.next() as usize % bytes.len() };
            damaged[at] = random.next() as u8;
        }
        match Graph::read(&damaged) {
            Ok(graph) if graph.rows() as usize <= codes.len() => use_it(&set, &codes, graph),
            Ok(_) => {}
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 1500, "{refused}");
}

#[test]
fn each_kind_of_damage_is_named() {
    let (_, _, graph) = graph();
    let bytes = bytes_of(&graph);
    let with = |at: usize, number: u32| {
        let mut damaged = bytes.clone();
        damaged[at..at + 4].copy_from_slice(&number.to_le_bytes());
        Graph::read(&damaged).map(|_| ()).unwrap_err()
    };
    assert_eq!(with(0, 2), "the graph has an unknown format");
    assert_eq!(with(4, 1000), "the graph has parameters beyond their ranges");
    assert_eq!(with(8, 0), "the graph has parameters beyond their ranges");
    assert_eq!(with(12, u32::MAX), "the graph has parameters beyond their ranges");
    assert_eq!(with(12, 1 << 30), "the graph is cut off");
    assert_eq!(with(12, 649), "the graph has another length than its rows need");
    let list = 16 + 100 * 4 * 2 * 4;
    let nowhere = "the graph has links that lead nowhere";
    assert_eq!(with(list, 650), nowhere, "behind the last row");
    assert_eq!(with(list, 100), nowhere, "to itself");
    assert_eq!(with(list, 17), nowhere, "to a removed row");
    assert_eq!(with(list, u32::MAX), nowhere, "a hole");
    assert_eq!(with(16, 5), nowhere, "from a removed row");
    assert_eq!(with(bytes.len() - 4, 1 << 31), "the graph has removed rows that it never had");
}
