//! Which instruction set the kernels may use, found once.

/// A set of instructions, each a whole that processors have had for years; what has only a part counts as less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(dead_code, reason = "a target has its own")]
pub(crate) enum Level {
    /// What the target was compiled for.
    Scalar = 0,
    /// x86-64: AVX2, F16C, POPCNT.
    Avx2 = 1,
    /// x86-64: AVX-512 with F, BW, DQ, VL, VBMI, VNNI, BITALG and VPOPCNTDQ (Ice Lake, Zen 4 and later), and all of AVX2.
    Avx512 = 2,
    /// AArch64.
    Neon = 3,
    /// WebAssembly with simd128, if the module was compiled with it.
    Simd128 = 4,
}

/// The best level of this machine.
#[inline]
pub(crate) fn level() -> Level {
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    return x86::level();
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    return Level::Neon;
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return Level::Simd128;
    #[allow(unreachable_code, reason = "on the platforms that have none of those")]
    Level::Scalar
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
mod x86 {
    use super::Level;
    use core::sync::atomic::{AtomicU8, Ordering};
    use std::is_x86_feature_detected as has;

    const UNKNOWN: u8 = u8::MAX;
    static FOUND: AtomicU8 = AtomicU8::new(UNKNOWN);

    #[inline]
    pub(super) fn level() -> Level {
        match FOUND.load(Ordering::Relaxed) {
            0 => Level::Scalar,
            1 => Level::Avx2,
            2 => Level::Avx512,
            _ => find(),
        }
    }

    #[cold]
    fn find() -> Level {
        let avx2 = has!("avx2") && has!("f16c") && has!("popcnt");
        let avx512 = has!("avx512f")
            && has!("avx512bw")
            && has!("avx512dq")
            && has!("avx512vl")
            && has!("avx512vbmi")
            && has!("avx512vnni")
            && has!("avx512bitalg")
            && has!("avx512vpopcntdq");
        let level = match (avx2, avx512) {
            (true, true) => Level::Avx512,
            (true, false) => Level::Avx2,
            _ => Level::Scalar,
        };
        FOUND.store(level as u8, Ordering::Relaxed);
        level
    }
}
