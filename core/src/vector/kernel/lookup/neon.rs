//! AArch64: a quarter of a unit at a time.

use super::{Lookup, ROWS, Unit};
use crate::vector::kernel::lanes;
use core::arch::aarch64::*;

pub(super) struct Neon;

impl Lookup for Neon {
    type Lanes = lanes::neon::Neon;

    // Sound: the module is there only if the target has the feature, and every load is of one quarter of a unit.
    #[inline(always)]
    fn part(tables: &[[Unit; 2]], codes: &[Unit]) -> [u16; ROWS] {
        unsafe {
            let low = vdupq_n_u8(15);
            let (mut all, mut odd_rows) = (vdupq_n_u16(0), vdupq_n_u16(0));
            for ([even, odd], codes) in tables.iter().zip(codes) {
                for quarter in 0..4 {
                    let codes = load(codes, quarter);
                    let even = vqtbl1q_u8(load(even, quarter), vandq_u8(codes, low));
                    let odd = vqtbl1q_u8(load(odd, quarter), vshrq_n_u8::<4>(codes));
                    let entries = vreinterpretq_u16_u8(vaddq_u8(even, odd));
                    // Each 16 bits are the entries of two rows: the sum of them all, and that of the upper ones.
                    all = vaddq_u16(all, entries);
                    odd_rows = vsraq_n_u16::<8>(odd_rows, entries);
                }
            }
            let even_rows = vsubq_u16(all, vshlq_n_u16::<8>(odd_rows));
            core::mem::transmute([even_rows, odd_rows])
        }
    }
}

#[inline(always)]
unsafe fn load(unit: &Unit, quarter: usize) -> uint8x16_t {
    unsafe { vld1q_u8(unit.0.as_ptr().add(16 * quarter)) }
}
