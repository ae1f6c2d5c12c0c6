//! A hash of short bytes that is quick and the same on every platform. It withstands nobody who looks for collisions.

// Odd constants with as many ones as zeros, those of wyhash.
const SECRET_0: u64 = 0xa076_1d64_78bd_642f;
const SECRET_1: u64 = 0xe703_7ed1_a0b4_28db;
const SECRET_2: u64 = 0x8ebc_6af0_9c88_c6e3;
const SECRET_3: u64 = 0x5899_65cc_7537_4cc3;

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

fn halves(chunk: &[u8; 16]) -> (u64, u64) {
    let whole = u128::from_le_bytes(*chunk);
    (whole as u64, (whole >> 64) as u64)
}

/// The hash of bytes, of which there are few: folded 128-bit multiplication as in wyhash (Wang Yi, public domain), reduced to
/// one lane. Part of the file format.
pub(crate) fn hash(part: &[u8]) -> u64 {
    let (chunks, tail) = part.as_chunks::<16>();
    let mut state = SECRET_0 ^ part.len() as u64;
    for chunk in chunks {
        let (low, high) = halves(chunk);
        state = fold(low ^ SECRET_1, high ^ state);
    }
    let mut last = [0; 16];
    for (to, from) in last.iter_mut().zip(tail) {
        *to = *from;
    }
    let (low, high) = halves(&last);
    fold(fold(low ^ SECRET_2, high ^ state) ^ SECRET_3, SECRET_0 ^ part.len() as u64)
}

/// Other 64 bits that follow from a hash.
pub(crate) fn spread(hash: u64) -> u64 {
    fold(hash, SECRET_1)
}
