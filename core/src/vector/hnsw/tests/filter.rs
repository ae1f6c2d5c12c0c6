//! Searches for accepted rows only.

use super::*;

fn mask(rows: usize, accepted: &[u32]) -> Mask {
    let mut mask = Mask::none(rows);
    accepted.iter().for_each(|row| mask.insert(*row));
    mask
}

/// What a caller does: the graph, or a scan where it says so. Returns the recall, and how often it scanned.
fn filtered(set: &Set, codes: &Codes, graph: &Graph, accepted: &[u32], ef: usize) -> (f64, usize) {
    let accept = mask(codes.len(), accepted);
    let mut scratch = Scratch::default();
    let mut scans = 0;
    let recall = set.recall(accepted, |query| {
        let query = codes.query(query);
        let filter = Filter { accept: &accept, count: accepted.len() };
        let found = match graph.search(codes, &query, ef, Some(filter), &mut scratch).unwrap() {
            Some(found) => found.to_vec(),
            None => {
                scans += 1;
                scan(codes, &query, 0..codes.len() as u32, Some(&accept), ef, &mut scratch).unwrap().to_vec()
            }
        };
        assert!(found.len() >= ef.min(accepted.len()), "{} of {}", found.len(), accepted.len());
        assert!(found.iter().all(|candidate| accepted.binary_search(&candidate.row).is_ok()));
        found
    });
    (recall, scans)
}

#[test]
fn every_share_of_accepted_rows_is_searched_with_high_recall() {
    let set = Set::new(Metric::Cosine, 20_000);
    let codes = set.codes();
    let graph = set.graph(&codes);
    let mut walked = 0;
    for share in [1.0, 0.99, 0.7, 0.5, 0.4, 0.2, 0.1, 0.01, 0.001, 0.0001] {
        let mut random = Random(11);
        let accepted: Vec<u32> = (0..20_000).filter(|_| random.next() % 1_000_000 < (share * 1e6) as u64).collect();
        let (recall, scans) = filtered(&set, &codes, &graph, &accepted, 40);
        assert!(recall >= 0.97, "{share}: {recall}, {scans} scans");
        let (recall, scans) = filtered(&set, &codes, &graph, &accepted, 90);
        assert!(recall >= 0.99, "{share}: {recall}, {scans} scans");
        walked += usize::from(scans == 0);
    }
    assert!(walked >= 2, "the graph has to be what answers where much is accepted: {walked}");
}

#[test]
fn a_tenth_of_many_rows_is_walked_over_and_not_scanned() {
    let set = Set::new(Metric::Cosine, 250_000);
    let codes = set.codes();
    // A graph that is made quickly is enough to tell.
    let mut graph = Graph::new(Params { m: 8, ef_construction: 16 });
    graph.extend(&codes, codes.len() as u32, &Sequential);
    let mut random = Random(3);
    let accepted: Vec<u32> = (0..250_000).filter(|_| random.next().is_multiple_of(10)).collect();
    let (recall, scans) = filtered(&set, &codes, &graph, &accepted, 60);
    assert!(scans <= 2 && recall > 0.8, "{scans} scans, {recall}");
}

#[test]
fn filters_that_go_with_the_query_or_against_it_are_searched_with_high_recall() {
    let set = Set::new(Metric::Cosine, 20_000);
    let codes = set.codes();
    let graph = set.graph(&codes);
    for at in 0..8 {
        let query = score::Query::new(Metric::Cosine, &set.queries[at]);
        let one = Set {
            metric: set.metric,
            rows: set.rows.clone(),
            clusters: Vec::new(),
            queries: [set.queries[at].clone()].into(),
        };
        let by_score = |keep: &dyn Fn(f32) -> bool| -> Vec<u32> {
            (0..20_000).filter(|row| keep(score(&query, &set.rows[*row as usize]))).collect()
        };
        let by_cluster = |keep: &dyn Fn(usize) -> bool| -> Vec<u32> {
            (0..20_000).filter(|row| keep(set.clusters[*row as usize])).collect()
        };
        for (name, accepted) in [
            ("the half that is nearer", by_score(&|score| score > 0.0)),
            ("its own cluster", by_cluster(&|cluster| cluster == at)),
            ("all clusters but its own", by_cluster(&|cluster| cluster != at)),
            ("every other cluster but its own", by_cluster(&|cluster| cluster % 2 != at % 2)),
            ("what is further away", by_score(&|score| score < 0.6)),
            ("all but the nearest", by_score(&|score| score < 0.85)),
        ] {
            let (recall, scans) = filtered(&one, &codes, &graph, &accepted, 90);
            assert!(recall >= 0.9, "{name}: {recall} of {} accepted for query {at}, {scans} scans", accepted.len());
        }
    }
}

#[test]
fn a_scan_gives_what_brute_force_gives_for_any_range() {
    let set = Set::new(Metric::Euclidean, 1000);
    let codes = set.codes();
    let accepted: Vec<u32> = (0..1000).filter(|row| row % 3 != 0 && !(300..500).contains(row)).collect();
    let accept = mask(1000, &accepted);
    let query = codes.query(&set.queries[0]);
    let (mut sums, mut scores) = (Vec::new(), Vec::new());
    for (rows, accept) in
        [(0..1000, None), (0..1000, Some(&accept)), (63..65, None), (100..900, Some(&accept)), (900..5000, None)]
    {
        let mut all: Vec<u32> = (0..1000).filter(|row| rows.contains(row)).collect();
        all.retain(|row| accept.is_none() || accepted.binary_search(row).is_ok());
        codes.scores(query.probe(), &all, &mut sums, &mut scores);
        let mut expected: Vec<Candidate> =
            all.iter().zip(&scores).map(|(row, score)| Candidate { row: *row, score: *score }).collect();
        expected.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        expected.truncate(20);
        let mut scratch = Scratch::default();
        let found = scan(&codes, &query, rows.clone(), accept, 20, &mut scratch).unwrap();
        assert_eq!(found, expected, "{rows:?}");
    }
}

#[test]
fn nothing_is_found_where_nothing_is_accepted() {
    let set = Set::new(Metric::Cosine, 500);
    let codes = set.codes();
    let graph = set.graph(&codes);
    let (recall, _) = filtered(&set, &codes, &graph, &[], 10);
    assert_eq!(recall, 0.0);
    // A mask that reaches further than the graph, and a count that is not true.
    let query = codes.query(&set.queries[0]);
    let filter = Filter { accept: &Mask::all(6400), count: usize::MAX };
    let mut scratch = Scratch::default();
    let found = graph.search(&codes, &query, 10, Some(filter), &mut scratch).unwrap();
    assert!(found.is_none_or(|found| found.iter().all(|candidate| candidate.row < 500)));
}

#[test]
fn few_rows_that_are_left_out_do_not_keep_the_graph_from_being_followed() {
    let set = Set::new(Metric::Cosine, 5000);
    let codes = set.codes();
    let graph = set.graph(&codes);
    // By a filter of fewer, so small a graph would be scanned. Those nearest to one query are left out with others.
    let near = set.best(&set.queries[0], 0..5000);
    let accepted: Vec<u32> = (0..5000).filter(|row| row % 9 != 0 && !near.contains(row)).collect();
    let (recall, scans) = filtered(&set, &codes, &graph, &accepted, 40);
    assert!(recall >= 0.97 && scans <= 1, "{recall}, {scans} scans");
    // Where all of the nearest are left out, so many that a walk finds nothing else, it says so.
    let accepted: Vec<u32> = (0..5000).filter(|row| set.clusters[*row as usize] % 40 > 3).collect();
    let (recall, scans) = filtered(&set, &codes, &graph, &accepted, 40);
    assert!(recall >= 0.97 && (5..20).contains(&scans), "{recall}, {scans} scans");
}
