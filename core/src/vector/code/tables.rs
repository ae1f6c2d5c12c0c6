//! Tables of a query: what each code of a column adds to the product, rounded to integers in one scale for all columns.

use crate::vector::kernel::lookup::{ENTRY_MAX, Tables};

/// Tables, and how a sum of their entries becomes a product: `sum * step + base`.
#[derive(Clone, Debug)]
pub(crate) struct QueryTables {
    pub(crate) tables: Tables,
    pub(crate) step: f32,
    pub(crate) base: f32,
    /// The standard deviation of a product, for a row whose scale is 1.
    pub(crate) deviation: f32,
}

impl QueryTables {
    /// From what the codes of each column add, and how far from zero that reaches to both sides. `loss` is the variance
    /// of a product with the codes, before their values are rounded.
    pub(crate) fn new(columns: impl ExactSizeIterator<Item = ([f32; 16], f32)> + Clone, loss: f32) -> QueryTables {
        let (mut base, mut widest) = (0.0_f32, 0.0_f32);
        for (_, reach) in columns.clone() {
            base -= reach;
            widest = widest.max(reach);
        }
        let most = f32::from(ENTRY_MAX);
        let mut tables = Tables::new(columns.len());
        let count = columns.len();
        let step = 2.0 * widest / most;
        let steps = 1.0 / step;
        if steps.is_finite() {
            for (at, (values, reach)) in columns.enumerate() {
                tables.set(at, values.map(|value| nearest((value + reach) * steps)));
            }
        }
        // Rounding is off by up to half a step to both sides, all alike.
        let rounding = count as f32 * step * step / 12.0;
        QueryTables { tables, step, base, deviation: libm::sqrtf(loss + rounding) }
    }
}

/// The nearest integer of a small number that is not negative, of two the even one.
fn nearest(x: f32) -> u8 {
    // A number of this size has no digits behind the point, and those before it are its lowest bits: the addition rounds.
    const NO_FRACTION: f32 = 8_388_608.0;
    (x + NO_FRACTION).to_bits() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{
        code::{bits, int4},
        kernel::lookup::{self, Block, ROWS, Rows, Unit, Visit},
    };
    use alloc::{vec, vec::Vec};

    struct One(Option<f32>);

    impl Visit for One {
        fn next(&self, block: usize) -> usize {
            block
        }

        fn threshold(&self) -> f32 {
            f32::NEG_INFINITY
        }

        fn visit(&mut self, _: usize, values: &Block) {
            self.0 = Some(values[3]);
        }
    }

    /// The product of a query and a row by tables.
    fn product(tables: &QueryTables, codes: &[u8], scale: f32) -> f32 {
        let mut units = vec![Unit([0; 64]); lookup::units(codes.len())];
        codes.iter().enumerate().for_each(|(column, code)| lookup::set_code(&mut units, 3, column, *code));
        let (step, base) = (tables.step, tables.base);
        let mut one = One(None);
        lookup::scan(
            &tables.tables,
            Rows { codes: &units, scales: &[[scale; ROWS]], biases: &[], step, base },
            &mut one,
        );
        one.0.unwrap()
    }

    #[test]
    fn products_by_tables_are_near_the_true_ones() {
        let dimension = 200;
        let wave = |by: f32| (0..dimension).map(|i| (i as f32 * by).sin() * 3.0).collect::<Vec<f32>>();
        let (query, row) = (wave(0.71), wave(0.72));
        let exact: f32 = query.iter().zip(&row).map(|(a, b)| a * b).sum();
        let lengths: f32 = query.iter().map(|x| x * x).sum::<f32>();

        let mut codes = vec![0; dimension];
        let scale = int4::encode(&row, &mut codes);
        let error = (product(&int4::tables(&query), &codes, scale) - exact).abs();
        assert!(error < 0.02 * lengths, "{error} of {lengths}");

        let mut codes = vec![0; dimension.div_ceil(bits::SIGNS)];
        let scale = bits::encode(&row, &mut codes);
        let error = (product(&bits::tables(&query), &codes, scale) - exact).abs();
        assert!(error < 0.2 * lengths, "{error} of {lengths}");
    }

    #[test]
    fn a_query_of_zeros_has_the_product_zero_with_every_row() {
        for query in [vec![0.0; 9], vec![1e-45; 9]] {
            assert!(product(&int4::tables(&query), &[15; 9], 1.0).abs() < 1e-40);
            assert!(product(&bits::tables(&query), &[15; 3], 1.0).abs() < 1e-40);
        }
    }

    #[test]
    fn numbers_are_rounded_to_the_nearest() {
        assert_eq!([0.0, 0.49, 0.5, 0.51, 1.5, 126.7].map(nearest), [0, 0, 0, 1, 2, 127]);
    }
}
