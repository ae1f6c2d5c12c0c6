//! WebAssembly with simd128: a quarter of a unit at a time.

use super::{Lookup, ROWS, Unit};
use crate::vector::kernel::lanes;
use core::arch::wasm32::*;

pub(super) struct Simd128;

impl Lookup for Simd128 {
    type Lanes = lanes::simd128::Simd128;

    // Sound: the module is there only if the target has the feature, and every load is of one quarter of a unit.
    #[inline(always)]
    fn part(tables: &[[Unit; 2]], codes: &[Unit]) -> [u16; ROWS] {
        let low = u8x16_splat(15);
        let (mut all, mut odd_rows) = (u16x8_splat(0), u16x8_splat(0));
        let mut add = |[even, odd]: &[Unit; 2], codes: &Unit, quarter: usize| {
            let codes = load(codes, quarter);
            let even = u8x16_swizzle(load(even, quarter), v128_and(codes, low));
            // There is no shift of 8 bits on x86-64: it would be these two.
            let odd = u8x16_swizzle(load(odd, quarter), v128_and(u16x8_shr(codes, 4), low));
            let entries = u8x16_add(even, odd);
            // Each 16 bits are the entries of two rows: the sum of them all, and that of the upper ones.
            all = u16x8_add(all, entries);
            odd_rows = u16x8_add(odd_rows, u16x8_shr(entries, 8));
        };
        for (tables, codes) in tables.iter().zip(codes) {
            // Not a loop: what is optimised for size would not unroll it.
            add(tables, codes, 0);
            add(tables, codes, 1);
            add(tables, codes, 2);
            add(tables, codes, 3);
        }
        let even_rows = u16x8_sub(all, u16x8_shl(odd_rows, 8));
        unsafe { core::mem::transmute([even_rows, odd_rows]) }
    }
}

#[inline(always)]
fn load(unit: &Unit, quarter: usize) -> v128 {
    unsafe { v128_load(unit.0.as_ptr().cast::<v128>().add(quarter)) }
}
