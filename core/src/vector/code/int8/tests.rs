//! Codes stand for their rows, and as bytes for themselves.

use super::*;
use crate::vector::{
    paged::{PAGE, files},
    score::{self, score},
};
use proptest::prelude::*;

fn rows(dimension: usize, count: usize) -> Vec<Vec<f32>> {
    let mut state = 12_345_u32;
    let mut float = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| (0..dimension).map(|_| float()).collect()).collect()
}

fn codes(metric: Metric, rows: &[Vec<f32>]) -> Codes {
    let dimension = rows[0].len();
    let mut codes = Codes::new(metric, dimension, &centre(dimension, rows.iter().map(Vec::as_slice)));
    rows.iter().for_each(|row| codes.push(row));
    codes
}

fn scores(codes: &Codes, query: &[f32]) -> Vec<f32> {
    let query = codes.query(query);
    let all: Vec<u32> = (0..codes.len() as u32).collect();
    let (mut sums, mut scores) = (Vec::new(), Vec::new());
    codes.scores(query.probe(), &all, &mut sums, &mut scores);
    scores
}

#[test]
fn scores_by_code_are_near_the_exact_ones() {
    for dimension in [1, 3, 31, 32, 33, 100, 384] {
        let rows = rows(dimension, 60);
        for metric in Metric::ALL {
            let codes = codes(*metric, &rows[10..]);
            for query in &rows[..10] {
                let exact = score::Query::new(*metric, query);
                let centred = centre(dimension, rows[10..].iter().map(Vec::as_slice));
                let square: f32 = query.iter().zip(&centred).map(|(x, c)| (x - c) * (x - c)).sum();
                for (found, row) in scores(&codes, query).into_iter().zip(&rows[10..]) {
                    let exact = score(&exact, row);
                    let (found, bound) = match metric {
                        Metric::Cosine => (found, 0.02),
                        Metric::Dot => (found, 0.02 * dimension as f32),
                        Metric::Euclidean => {
                            ((square - 2.0 * found).max(0.0).sqrt(), 0.02 * (dimension as f32).sqrt() + 0.02)
                        }
                    };
                    assert!((found - exact).abs() <= bound, "{} {dimension}: {found} for {exact}", metric.name());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_row_is_better_than_it_is_said_to_be_at_best_nor_much_worse(
        skip in 0..5000_usize, dimension in 1..500_usize, spread in 0.01..4_f32, offset in -2.0..2_f32,
    ) {
        // Sums of uniform numbers: normal ones, nearly.
        let random: Vec<f32> = rows(1, skip + 4 * dimension * 61).concat();
        let mut normal = random[skip..].chunks(4).map(|four| four.iter().sum::<f32>());
        let mut near = |spread: f32| -> Vec<f32> { (0..dimension).map(|_| offset + spread * normal.next().unwrap()).collect() };
        let query = near(1.0);
        let rows: Vec<Vec<f32>> = (0..60).map(|_| near(spread)).collect();
        for metric in Metric::ALL {
            let codes = codes(*metric, &rows);
            let (exact, coded) = (score::Query::new(*metric, &query), codes.query(&query));
            for ((row, vector), by_code) in rows.iter().enumerate().zip(scores(&codes, &query)) {
                let (truth, at_best) = (score(&exact, vector), codes.at_best(&coded, row as u32, by_code));
                let size = match metric {
                    Metric::Cosine => 1.0,
                    Metric::Dot => exact.norm() * score::norm(vector),
                    Metric::Euclidean => truth,
                };
                let room = if *metric == Metric::Euclidean { truth - at_best } else { at_best - truth };
                // As far as the last digits of floats say.
                prop_assert!(room >= -1e-5 * size, "{} {dimension}: {truth} and at best {at_best}", metric.name());
                let excused = dimension < 32 || *metric == Metric::Euclidean && spread < 0.5;
                prop_assert!(excused || room < 0.1 * size, "{} {dimension}: {truth} and at best {at_best}", metric.name());
            }
        }
    }
}

#[test]
fn a_common_offset_of_a_euclidean_set_costs_no_precision() {
    let near: Vec<Vec<f32>> = rows(16, 200);
    let far: Vec<Vec<f32>> = near.iter().map(|row| row.iter().map(|x| x + 1000.0).collect()).collect();
    let order = |rows: &[Vec<f32>]| {
        let scores = scores(&codes(Metric::Euclidean, rows), &rows[0]);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        order.truncate(5);
        order.sort_unstable();
        order
    };
    assert_eq!(order(&far), order(&near));
}

#[test]
fn vectors_without_a_step_score_zero_and_large_ones_stay_finite() {
    let largest = crate::limits::VECTOR_COMPONENT_MAX;
    for metric in [Metric::Cosine, Metric::Dot] {
        let rows = [alloc::vec![0.0; 5], alloc::vec![1e-45; 5], alloc::vec![largest; 5], alloc::vec![-largest; 5]];
        let codes = codes(metric, &rows);
        for row in &rows {
            let scores = scores(&codes, row);
            assert!(scores.iter().all(|score| score.is_finite()), "{scores:?}");
            assert_eq!(scores[..2], [0.0, 0.0]);
        }
    }
    let wide = [alloc::vec![largest; 4096], alloc::vec![-largest; 4096]];
    for metric in Metric::ALL {
        assert!(scores(&codes(*metric, &wide), &wide[0]).iter().all(|score| score.is_finite()), "{}", metric.name());
    }
}

#[test]
fn memory_is_a_byte_a_component_and_four_a_row() {
    let rows = rows(384, 2000);
    let mut exact = Codes::new(Metric::Cosine, 384, &[]);
    exact.reserve_exact(2000);
    rows.iter().for_each(|row| exact.push(row));
    assert!((2000 * 388..2000 * 389 + 8000).contains(&exact.bytes()), "{}", exact.bytes());
    let grown = codes(Metric::Cosine, &rows);
    assert!(grown.bytes() < 2000 * 388 * 9 / 8, "{}", grown.bytes());
}

fn written(codes: &Codes) -> Vec<u8> {
    let mut arrays = Vec::new();
    codes.arrays(&mut arrays);
    files::written(&arrays)
}

fn read(bytes: &[u8], metric: Metric, dimension: usize, rows: usize) -> Option<Codes> {
    let mut paging = files::paging(bytes);
    let mut codes = Codes::open(metric, dimension, rows, &mut paging)?;
    let mut arrays = Vec::new();
    codes.arrays_mut(&mut arrays);
    files::read(arrays, bytes);
    for (page, bytes) in files::pages(bytes) {
        codes.take_in(page, bytes);
    }
    (codes.check() && codes.are_there() && paging.is_used_up()).then_some(codes)
}

#[test]
fn codes_that_were_read_are_those_that_were_written() {
    for metric in Metric::ALL {
        let rows = rows(33, 100);
        let codes = codes(*metric, &rows);
        let bytes = written(&codes);
        let mut read_back = read(&bytes, *metric, 33, 100).unwrap();
        assert_eq!(scores(&read_back, &rows[0]), scores(&codes, &rows[0]));
        read_back.push(&rows[0]);
        assert_eq!(read_back.len(), 101);
        for length in (0..bytes.len()).step_by(PAGE) {
            assert!(read(&bytes[..length], *metric, 33, 100).is_none());
        }
    }
}

proptest! {
    #[test]
    fn damaged_codes_are_refused_or_can_be_used(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9)) {
        let rows = rows(33, 20);
        let mut bytes = written(&codes(Metric::Euclidean, &rows));
        for (at, byte) in damage {
            let length = bytes.len();
            bytes[at.index(length)] = byte;
        }
        if let Some(mut codes) = read(&bytes, Metric::Euclidean, 33, 20) {
            let row = alloc::vec![0.5; codes.dimension];
            codes.push(&row);
            prop_assert_eq!(scores(&codes, &row).len(), codes.len());
        }
    }
}
