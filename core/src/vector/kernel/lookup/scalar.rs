//! The definition: a sum of entries.

use super::{COLUMNS, Lookup, ROWS, Unit};
use crate::vector::kernel::lanes;

pub(super) struct Scalar;

impl Lookup for Scalar {
    type Lanes = lanes::scalar::Scalar;

    #[inline(always)]
    fn part(tables: &[[Unit; 2]], codes: &[Unit]) -> [u16; ROWS] {
        let mut sums = [0; ROWS];
        for ([even, odd], codes) in tables.iter().zip(codes) {
            for pair in 0..COLUMNS / 2 {
                let at = 16 * pair;
                for place in 0..16 {
                    let codes = usize::from(codes.0[at + place]);
                    let entries = u16::from(even.0[at + codes % 16]) + u16::from(odd.0[at + codes / 16]);
                    sums[place / 2 + place % 2 * 8] += entries;
                }
            }
        }
        sums
    }
}
