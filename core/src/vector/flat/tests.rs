//! Scans against brute force, masks, and rows as bytes.

use super::*;
use crate::vector::{
    paged::{PAGE, files},
    score::score,
};
use proptest::prelude::*;

/// A row of a cluster: rows of embeddings are no noise either. The same number gives the same row.
fn row(number: usize, dimension: usize) -> Vec<f32> {
    let noise = |a: usize, b: usize| {
        let mut x = (a as u64 * 0x1_0000_0001 + b as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((x ^ (x >> 29)) % 20_011) as f32 / 10_005.5 - 1.0
    };
    (0..dimension).map(|at| 0.4 + noise(1_000_000 + number % 37, at) + 0.5 * noise(number, at)).collect()
}

fn flat(rows: usize, dimension: usize, metric: Metric, codes: Codes) -> Flat {
    let mut flat = Flat::new(dimension, metric, codes);
    (0..rows).for_each(|number| flat.push(&row(number, dimension)));
    flat
}

fn every() -> impl Iterator<Item = (Metric, Codes)> {
    Metric::ALL.iter().flat_map(|metric| Codes::ALL.iter().map(|codes| (*metric, *codes)))
}

/// All rows, the nearest first, as it is defined.
fn brute_force(query: &Query, rows: usize) -> Vec<Candidate> {
    let dimension = query.vector().len();
    let mut all: Vec<Candidate> = (0..rows)
        .map(|number| {
            let score = score(query, &row(number, dimension));
            Candidate { row: number as u32, score, at_best: score }
        })
        .collect();
    all.sort_by(|a, b| query.metric().better(a.score, b.score).then(a.row.cmp(&b.row)));
    all
}

#[test]
fn rows_as_they_are_give_the_exact_answer() {
    for metric in Metric::ALL {
        for dimension in [1, 7, 16, 100] {
            let flat = flat(300, dimension, *metric, Codes::F32);
            let query = Query::new(*metric, &row(1_000_003, dimension));
            let all = brute_force(&query, 300);
            assert_eq!(flat.scan(&query, None, 300), all);
            assert_eq!(flat.scan(&query, None, 10), all[..10]);
            assert_eq!(flat.scan(&query, None, 0), []);
            assert!(flat.is_exact() && flat.row(299) == Some(&row(299, dimension)[..]) && flat.row(300).is_none());
        }
    }
}

#[test]
fn codes_find_what_is_near() {
    let (rows, dimension) = (3000, 96);
    for (metric, codes) in every() {
        let flat = flat(rows, dimension, metric, codes);
        // How many are kept, how many of the true ten are among them, and how far scores are off.
        let (keep, least, off) = match codes {
            Codes::F32 => (10, 1.0, 0.0),
            Codes::F16 => (12, 0.999, 0.002),
            Codes::I4 => (50, 0.999, 0.1),
            Codes::Binary => (200, 0.9, 0.4),
        };
        let (mut hits, mut beyond) = (0, 0);
        for number in 0..20 {
            let query = Query::new(metric, &row(1_000_000 + number, dimension));
            let truth = brute_force(&query, rows);
            let found = flat.scan(&query, None, keep);
            assert_eq!(found.len(), keep);
            assert!(found.is_sorted_by(|a, b| metric.better(a.score, b.score).is_le()));
            hits += truth[..10].iter().filter(|best| found.iter().any(|each| each.row == best.row)).count();
            let better = |each: &&Candidate| {
                let exact = score(&query, &row(each.row as usize, dimension));
                metric.better(exact, each.at_best).is_lt()
            };
            beyond += found.iter().filter(better).count();
            let best = found[0];
            let exact = score(&query, &row(best.row as usize, dimension));
            assert!((best.score - exact).abs() <= off * exact.abs(), "{metric:?} {codes:?}: {best:?}, exactly {exact}");
        }
        assert!(beyond <= keep * 20 / 100, "{metric:?} {codes:?}: {beyond} of {} were better than at best", keep * 20);
        assert!(hits as f64 / 200.0 >= least, "{metric:?} {codes:?}: {hits} of 200");
    }
}

#[test]
fn a_masked_scan_is_what_is_left_of_a_whole_one() {
    for (metric, codes) in every() {
        for rows in [1, 15, 16, 17, TRAINING_ROWS - 1, TRAINING_ROWS, TRAINING_ROWS + 77] {
            let flat = flat(rows, 20, metric, codes);
            assert_eq!(flat.len(), rows);
            let query = Query::new(metric, &row(1_000_001, 20));
            let whole = flat.scan(&query, None, rows);
            assert_eq!(whole.len(), rows);
            // Scattered rows, none at all, all of them, those at the ends, and a mask of fewer or more rows.
            for (mask_rows, step) in
                [(rows, 7), (rows, rows + 1), (rows, 1), (rows, rows), (rows / 2, 3), (rows + 200, 1)]
            {
                let mut mask = Mask::none(mask_rows);
                (0..mask_rows as u32)
                    .filter(|row| (*row as usize + 1).is_multiple_of(step))
                    .for_each(|row| mask.insert(row));
                let left: Vec<Candidate> = whole.iter().copied().filter(|each| mask.contains(each.row)).collect();
                assert_eq!(flat.scan(&query, Some(&mask), rows), left);
                let few = left.len().min(9);
                assert_eq!(flat.scan(&query, Some(&mask), 9), left[..few]);
            }
        }
    }
}

#[test]
fn equal_rows_come_in_their_order() {
    for (metric, codes) in every() {
        let mut flat = Flat::new(8, metric, codes);
        (0..2000).for_each(|number| flat.push(&row(number % 5, 8)));
        let found = flat.scan(&Query::new(metric, &row(3, 8)), None, 900);
        assert!(found.is_sorted_by(|a, b| metric.better(a.score, b.score).then(a.row.cmp(&b.row)).is_lt()));
        assert!(found[..400].iter().map(|each| each.row).eq((0..400).map(|at| 5 * at + found[0].row)));
    }
}

#[test]
fn extreme_rows_and_queries_have_scores_and_an_order() {
    let max = crate::limits::VECTOR_COMPONENT_MAX;
    let extremes: Vec<Vec<f32>> = [0.0, -0.0, 1e-45, f32::MIN_POSITIVE, 1e-20, 1.0, max, -max]
        .iter()
        .flat_map(|x| [vec![*x; 4096], (0..4096).map(|at| if at == 77 { *x } else { 0.0 }).collect()])
        .collect();
    for (metric, codes) in every() {
        let mut flat = Flat::new(4096, metric, codes);
        (0..TRAINING_ROWS + 16).for_each(|number| flat.push(&extremes[number % extremes.len()]));
        for query in &extremes {
            let found = flat.scan(&Query::new(metric, query), None, flat.len());
            assert_eq!(found.len(), flat.len(), "{metric:?} {codes:?}");
            assert!(found.iter().all(|each| !each.score.is_nan() && !metric.better(each.score, each.at_best).is_lt()));
        }
    }
}

fn written(flat: &Flat) -> Vec<u8> {
    let mut arrays = Vec::new();
    flat.arrays(&mut arrays);
    files::written(&arrays)
}

fn read(bytes: &[u8], dimension: usize, metric: Metric, codes: Codes, rows: usize) -> Option<Flat> {
    let mut paging = files::paging(bytes);
    let unread = Unread::open(dimension, metric, codes, rows, &mut paging)?;
    let mut flat = unread.make();
    let mut arrays = Vec::new();
    flat.arrays_mut(&mut arrays);
    files::read(arrays, bytes);
    (flat.check() && paging.is_used_up()).then_some(flat)
}

#[test]
fn rows_come_back_from_bytes_and_go_on_as_before() {
    for (metric, codes) in every() {
        for rows in [0, 1, 40, TRAINING_ROWS - 1, TRAINING_ROWS, TRAINING_ROWS + 21] {
            let mut before = flat(rows, 23, metric, codes);
            let mut after = read(&written(&before), 23, metric, codes, rows).unwrap();
            let query = Query::new(metric, &row(1_000_002, 23));
            for number in rows..rows + 30 {
                assert_eq!(before.scan(&query, None, 50), after.scan(&query, None, 50));
                before.push(&row(number, 23));
                after.push(&row(number, 23));
            }
            assert_eq!(written(&before), written(&after));
        }
    }
}

#[test]
fn codes_take_the_memory_that_they_promise() {
    let rows = 10_000;
    for (codes, most) in [(Codes::F32, 384 * 4 + 4), (Codes::F16, 384 * 2 + 4), (Codes::I4, 196), (Codes::Binary, 52)] {
        let flat = flat(rows, 384, Metric::Cosine, codes);
        let least = most * rows;
        assert!((least..least * 9 / 8 + 65_536).contains(&flat.bytes()), "{codes:?}: {}", flat.bytes() / rows);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_bytes_are_refused_or_searched_without_a_panic(
        which in 0..12_usize,
        many in any::<bool>(),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
        flips in proptest::collection::vec((prop_oneof![0..16_usize, any::<usize>()], 0..8_u32), 0..4),
    ) {
        let (metric, codes) = every().nth(which).unwrap();
        let rows = if many { TRAINING_ROWS + 5 } else { 20 };
        let mut bytes = written(&flat(rows, 6, metric, codes));
        let whole = bytes.len();
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()) / PAGE * PAGE);
        }
        for (at, bit) in flips {
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at % length) {
                *byte ^= 1 << bit;
            }
        }
        let read = read(&bytes, 6, metric, codes, rows);
        prop_assert!(bytes.len() == whole || read.is_none());
        if let Some(mut flat) = read {
            let vector = vec![0.5; 6];
            flat.push(&vector);
            prop_assert!(flat.scan(&Query::new(metric, &vector), None, 50).len() <= 50);
        }
    }
}
