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
    let mut read = read(&bytes_of(&graph), 700).unwrap();
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
    assert_eq!(super::read(&bytes_of(&empty), 0).unwrap().rows(), 0);
}

/// A graph that was read from any bytes can be used.
fn use_it(set: &Set, codes: &Codes, mut graph: Graph) {
    let mut scratch = Scratch::default();
    let found = graph.search(codes, &codes.query(&set.queries[0]), 30, None, &mut scratch).unwrap().unwrap();
    assert!(found.len() <= 30);
    graph.remove(codes, &[2, 3, 100], &Sequential);
    graph.extend(codes, codes.len() as u32, &Sequential);
}

#[test]
fn damaged_bytes_are_refused_or_give_a_graph_that_can_be_used() {
    let (set, codes, graph) = graph();
    let (description, pages) = bytes_of(&graph);
    let cut = |length: usize| read(&(description.clone(), pages[..length].to_vec()), 700).is_none();
    assert!((0..pages.len()).step_by(PAGE).all(cut), "cut");
    let longer = [&pages[..], &[0; PAGE]].concat();
    assert!(read(&(description.clone(), longer), 700).is_none(), "longer");
    let mut random = Random(5);
    let mut refused = 0;
    for round in 0..3000 {
        let mut damaged = (description.clone(), pages.clone());
        for _ in 0..=round % 3 {
            let bytes = if round % 4 == 0 { &mut damaged.0 } else { &mut damaged.1 };
            let at = random.next() as usize % bytes.len();
            bytes[at] = random.next() as u8;
        }
        match read(&damaged, codes.len()) {
            Some(graph) => use_it(&set, &codes, graph),
            None => refused += 1,
        }
    }
    assert!(refused > 1500, "{refused}");
}

#[test]
fn each_kind_of_damage_is_found() {
    let (_, _, graph) = graph();
    let (description, pages) = bytes_of(&graph);
    let described = |numbers: [u64; 4]| {
        let mut description = Vec::new();
        numbers.into_iter().for_each(|number| write_u64(&mut description, number));
        read(&(description, pages.clone()), 700).is_some()
    };
    let words = graph.removed.len() as u64;
    assert!(described([4, 20, 650, words]));
    assert!(!described([1000, 20, 650, words]) && !described([4, 0, 650, words]), "parameters beyond their ranges");
    assert!(!described([4, 20, 701, words]), "rows that there are no codes of");
    assert!(!described([4, 20, 300, words]), "another length");
    let lowest = pages.len() - (650_usize * 4 * 2 * 4).next_multiple_of(PAGE);
    let with = |at: usize, number: u32| {
        let mut pages = pages.clone();
        pages[at..at + 4].copy_from_slice(&number.to_le_bytes());
        read(&(description.clone(), pages), 700).is_some()
    };
    let list = lowest + 100 * 4 * 2 * 4;
    assert!(with(list, 101));
    assert!(!with(list, 650), "behind the last row");
    assert!(!with(list, 100), "to itself");
    assert!(!with(list, 17), "to a removed row");
    assert!(!with(list, u32::MAX), "a hole");
    assert!(!with(lowest, 5), "from a removed row");
    assert!(!with(0, 650), "on a higher level");
    assert!(!with(lowest - PAGE + 84, 1 << 31), "removed rows that there never were");
}

/// Takes in the pages that a search stops at, and gives what it finds and how often it stopped.
fn found_by_and_by(
    mut search: impl FnMut(&Codes, &Graph, &mut Scratch) -> Result<Option<Vec<Candidate>>, Stopped>,
    (codes, graph): (&mut Codes, &mut Graph),
    (code_pages, graph_pages): (&[u8], &[u8]),
) -> (Option<Vec<Candidate>>, usize) {
    let mut scratch = Scratch::default();
    let first_of_graph = (code_pages.len() / PAGE) as u32;
    for stops in 0.. {
        if let Ok(found) = search(codes, graph, &mut scratch) {
            return (found, stops);
        }
        assert!(!scratch.missing.is_empty(), "it stops only where something is missing");
        for page in core::mem::take(&mut scratch.missing) {
            let (pages, at) = match page.checked_sub(first_of_graph) {
                None => (code_pages, page as usize),
                Some(at) => (graph_pages, at as usize),
            };
            let bytes = &pages[at * PAGE..(at + 1) * PAGE];
            assert!(codes.take_in(page, bytes) || graph.take_in(page, bytes) != Some(false));
        }
    }
    unreachable!()
}

#[test]
fn a_search_that_reads_what_it_misses_finds_the_same_to_the_bit() {
    for metric in Metric::ALL {
        let set = Set::new(*metric, 6000);
        let codes = set.codes();
        let mut graph = Graph::new(Params { m: 8, ef_construction: 40 });
        graph.extend(&codes, 6000, &Sequential);
        graph.remove(&codes, &[3, 4000], &Sequential);
        let mut arrays = Vec::new();
        codes.arrays(&mut arrays);
        let code_pages = files::written(&arrays);
        let (description, graph_pages) = bytes_of(&graph);
        let partial = || {
            let total = ((code_pages.len() + graph_pages.len()) / PAGE) as u32;
            let mut paging = Paging::new(total);
            let mut codes = Codes::open(*metric, set.rows[0].len(), 6000, &mut paging).unwrap();
            let mut graph = Graph::open(&mut Cursor::new(&description), 6000, &mut paging).unwrap();
            let mut arrays = Vec::new();
            codes.arrays_mut(&mut arrays);
            files::read(arrays, &code_pages);
            let mut arrays = Vec::new();
            graph.arrays_mut(&mut arrays);
            files::read(arrays, &graph_pages);
            assert!(codes.check() && graph.check(6000));
            (codes, graph)
        };
        let third = Mask::from_bits((0..6000).map(|row| row % 3 == 0));
        let nearly_all = Mask::from_bits((0..6000).map(|row| row % 9 != 0));
        let nearly_all_far = Mask::from_bits((0..6000).map(|row| set.clusters[row] > 3));
        for query in set.queries.iter().take(8) {
            let query = codes.query(query);
            let of = |accept| Some(Filter { accept, count: accept.count() });
            for (ef, filter) in [
                (10, None),
                (64, None),
                (5, of(&third)),
                (9, of(&third)),
                (40, of(&nearly_all)),
                (20, of(&nearly_all_far)),
            ] {
                let search = |codes: &Codes, graph: &Graph, scratch: &mut Scratch| {
                    graph.search(codes, &query, ef, filter, scratch).map(|found| found.map(<[_]>::to_vec))
                };
                let wanted = search(&codes, &graph, &mut Scratch::default()).unwrap();
                let (mut codes, mut graph) = partial();
                let pages = (&code_pages[..], &graph_pages[..]);
                let (found, stops) = found_by_and_by(search, (&mut codes, &mut graph), pages);
                assert_eq!(found, wanted);
                assert!(stops > 3, "{stops}");
            }
            let (mut codes, mut graph) = partial();
            let few = Mask::from_bits((0..6000).map(|row| row % 640 < 10));
            let scanned = |codes: &Codes, _: &Graph, scratch: &mut Scratch| {
                scan(codes, &query, 100..5999, Some(&few), 20, scratch).map(|found| Some(found.to_vec()))
            };
            let pages = (&code_pages[..], &graph_pages[..]);
            let (found, stops) = found_by_and_by(scanned, (&mut codes, &mut graph), pages);
            assert_eq!(found, scanned(&set.codes(), &graph, &mut Scratch::default()).unwrap());
            assert_eq!(stops, 1, "all of it is asked for at once");
        }
    }
}

#[test]
fn rows_are_added_to_codes_of_which_little_is_there() {
    let set = Set::new(Metric::Euclidean, 900);
    let mut whole = Codes::new(
        Metric::Euclidean,
        set.rows[0].len(),
        &int8::centre(set.rows[0].len(), set.rows.iter().map(|row| &row[..])),
    );
    set.rows[..800].iter().for_each(|row| whole.push(row));
    let mut arrays = Vec::new();
    whole.arrays(&mut arrays);
    let pages = files::written(&arrays);
    let mut codes = Codes::open(Metric::Euclidean, set.rows[0].len(), 800, &mut files::paging(&pages)).unwrap();
    let mut arrays = Vec::new();
    codes.arrays_mut(&mut arrays);
    files::read(arrays, &pages);
    for codes in [&mut whole, &mut codes] {
        set.rows[800..].iter().for_each(|row| codes.push(row));
    }
    assert!(!codes.are_there());
    for (page, bytes) in files::pages(&pages) {
        codes.take_in(page, bytes);
    }
    assert!(codes.are_there());
    let written = |codes: &Codes| {
        let mut arrays = Vec::new();
        codes.arrays(&mut arrays);
        files::written(&arrays)
    };
    assert!(written(&codes) == written(&whole));
}
