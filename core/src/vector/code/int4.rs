//! Codes of four bits: each component of a residual becomes the nearest of 16 levels, those that lose least of a normal
//! distribution (Max, "Quantizing for minimum distortion", 1960; Lloyd, "Least squares quantization in PCM", 1982).

use super::tables::QueryTables;
use crate::vector::kernel::float;

/// The levels for a standard deviation of 1, those above zero. Those below mirror them.
const LEVELS: [f32; 8] =
    [0.128_395, 0.388_048_8, 0.656_759_3, 0.942_340_4, 1.256_231_2, 1.618_046_4, 2.069_017_4, 2.732_590_4];

/// The value of a code.
fn level(code: usize) -> f32 {
    if code < 8 { -LEVELS[7 - code] } else { LEVELS[code - 8] }
}

/// The part of the variance that the levels lose.
const LOSS: f32 = 0.0095;

/// Borders between the levels above zero: halfway.
const BORDERS: [f32; 7] = {
    let mut borders = [0.0; 7];
    let mut at = 0;
    while at < 7 {
        borders[at] = (LEVELS[at] + LEVELS[at + 1]) * 0.5;
        at += 1;
    }
    borders
};

/// Writes the codes of a residual, and gives the scale by which products with their levels are those with it, on
/// average (as in "RaBitQ": Gao and Long, 2024).
pub(crate) fn encode(residual: &[f32], codes: &mut [u8]) -> f32 {
    let square = float::dot(residual, residual);
    let deviation = libm::sqrtf(square / residual.len().max(1) as f32);
    if deviation <= 0.0 {
        codes.fill(8);
        return 0.0;
    }
    let mut levels = alloc::vec![0.0; residual.len()];
    for ((x, code), chosen) in residual.iter().zip(codes).zip(&mut levels) {
        let size = (x / deviation).abs();
        let steps: u8 = BORDERS.iter().map(|border| u8::from(size > *border)).sum();
        *code = if *x < 0.0 { 7 - steps } else { 8 + steps };
        *chosen = level(usize::from(*code));
    }
    square / float::dot(residual, &levels)
}

/// What each code adds to the product with a query.
pub(crate) fn tables(query: &[f32]) -> QueryTables {
    let columns = query.iter().map(|x| (core::array::from_fn(|code| x * level(code)), x.abs() * LEVELS[7]));
    QueryTables::new(columns, LOSS * float::dot(query, query))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_component_becomes_the_nearest_level() {
        let residual: Vec<f32> = (0..2000).map(|i| (i as f32 - 999.5) / 300.0).collect();
        let mut codes = alloc::vec![0; residual.len()];
        encode(&residual, &mut codes);
        let deviation = (float::dot(&residual, &residual) / residual.len() as f32).sqrt();
        for (x, code) in residual.iter().zip(codes) {
            let distance = |code: usize| (x / deviation - level(code)).abs();
            let least = (0..16).map(distance).fold(f32::INFINITY, f32::min);
            assert!(distance(code.into()) <= least + 1e-6, "{x} became {code}");
        }
    }

    #[test]
    fn levels_ascend_and_are_those_that_lose_least() {
        assert!((1..16).all(|code| level(code - 1) < level(code)));
        // Each is the mean of what becomes it: of a normal distribution between two borders, summed up in small steps.
        for code in 8..16 {
            let border = |at: usize| (level(at - 1) + level(at)) / 2.0;
            let (from, to) =
                (if code == 8 { 0.0 } else { border(code) }, if code == 15 { 9.0 } else { border(code + 1) });
            let steps = 20_000;
            let points =
                (0..steps).map(|i| f64::from(from) + (i as f64 + 0.5) * f64::from(to - from) / f64::from(steps));
            let weighed = points.map(|x| (x, (-x * x / 2.0).exp()));
            let (sum, weights) = weighed.fold((0.0, 0.0), |(sum, all), (x, weight)| (sum + x * weight, all + weight));
            assert!((sum / weights - f64::from(level(code))).abs() < 1e-3, "{code}: {}", sum / weights);
        }
    }

    #[test]
    fn a_residual_of_zero_has_no_scale() {
        let mut codes = [0; 4];
        assert_eq!(encode(&[0.0, -0.0, 1e-45, 0.0], &mut codes), 0.0);
    }
}
