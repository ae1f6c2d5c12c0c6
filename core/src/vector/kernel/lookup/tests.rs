//! Every form against its scalar twin, and that against single codes.

use super::*;
use proptest::prelude::*;

/// Sums, as they are offered: with a step and scales of 1 they are the values.
struct All(Vec<(usize, Block)>);

impl Visit for All {
    fn next(&self, block: usize) -> usize {
        if block % 3 == 2 { block + 1 } else { block }
    }

    fn threshold(&self) -> f32 {
        -1e9
    }

    fn visit(&mut self, block: usize, values: &Block) {
        self.0.push((block, *values));
    }
}

/// The values of all forms that this machine has.
fn values(tables: &Tables, rows: Rows) -> Vec<Vec<(usize, Block)>> {
    let mut found = Vec::new();
    let mut with = |scan: &dyn Fn(&mut All)| {
        let mut all = All(Vec::new());
        scan(&mut all);
        found.push(all.0);
    };
    with(&|all| scan_in::<scalar::Scalar>(tables, rows, all));
    with(&|all| scan(tables, rows, all));
    #[cfg(target_arch = "x86_64")]
    if level() != Level::Scalar {
        with(&|all| unsafe { avx2::scan(tables, rows, all) });
    }
    found
}

fn check(columns: usize, blocks: usize, code_of: impl Fn(usize, usize) -> u8, entry_of: impl Fn(usize) -> u8) {
    let mut codes = vec![Unit([0xff; 64]); units(columns) * blocks];
    let mut tables = Tables::new(columns);
    for column in 0..columns {
        tables.set(column, core::array::from_fn(|code| entry_of(column * 16 + code)));
    }
    for (at, block) in codes.chunks_mut(units(columns)).enumerate() {
        for row in 0..ROWS {
            for column in 0..columns {
                set_code(block, row, column, code_of(at * ROWS + row, column));
                assert_eq!(code(block, row, column), code_of(at * ROWS + row, column));
            }
        }
    }
    let sum = |row| (0..columns).map(|c| u32::from(tables.entry(c, code_of(row, c)))).sum::<u32>() as f32;
    let (scales, biases) = (vec![[1.0; ROWS]; blocks], vec![[0.25; ROWS]; blocks]);
    let some: &[fn(f32) -> f32] = &[|sum| sum, |sum| (sum * 0.1 + 3.0) * 1.0 + 0.25];
    for (value, step, base, biases) in [(some[0], 1.0, 0.0, &[][..]), (some[1], 0.1, 3.0, &biases)] {
        let expected: Vec<(usize, Block)> = (0..blocks)
            .filter(|block| block % 3 != 2)
            .map(|block| (block, core::array::from_fn(|row| value(sum(block * ROWS + row)))))
            .collect();
        for found in values(&tables, Rows { codes: &codes, scales: &scales, biases, step, base }) {
            assert_eq!(found, expected, "{columns} columns");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_form_adds_up_the_entries_of_the_codes(
        columns in 1..700_usize, blocks in 0..6_usize, random in proptest::collection::vec(any::<u8>(), 997),
    ) {
        check(
            columns,
            blocks,
            |row, column| random[(row * 89 + column * 31) % random.len()] % 16,
            |entry| random[entry % random.len()] % (ENTRY_MAX + 1),
        );
    }
}

#[test]
fn the_largest_sums_do_not_wrap() {
    for columns in [1, 512, 520, 1024, crate::limits::VECTOR_DIMENSION_MAX] {
        check(columns, 2, |row, _| (row % 16) as u8, |_| ENTRY_MAX);
    }
}

#[test]
fn only_blocks_above_the_threshold_are_visited() {
    struct Above(Vec<usize>);
    impl Visit for Above {
        fn next(&self, block: usize) -> usize {
            block
        }

        fn threshold(&self) -> f32 {
            7.0
        }

        fn visit(&mut self, block: usize, values: &Block) {
            assert!(values.iter().any(|value| *value > 7.0));
            self.0.push(block);
        }
    }
    let mut tables = Tables::new(1);
    tables.set(0, core::array::from_fn(|code| code as u8));
    // One row of a block has more than the threshold, none, or just as much.
    let mut codes = vec![Unit([0; 64]); 3 * ROWS];
    for row in 0..ROWS {
        set_code(&mut codes[3 * row..][..1], row, 0, 8);
        set_code(&mut codes[3 * row + 1..][..1], row, 0, 7);
    }
    let scales = vec![[1.0; ROWS]; codes.len()];
    let rows = Rows { codes: &codes, scales: &scales, biases: &[], step: 1.0, base: 0.0 };
    let expected: Vec<usize> = (0..codes.len()).step_by(3).collect();
    let mut above = Above(Vec::new());
    scan_in::<scalar::Scalar>(&tables, rows, &mut above);
    assert_eq!(above.0, expected);
    let mut above = Above(Vec::new());
    scan(&tables, rows, &mut above);
    assert_eq!(above.0, expected);
}
