//! Mutations of inputs, for walks that need no nightly compiler: small changes of what is known to be interesting.

use crate::random::Random;

/// Inputs never grow past this.
const BYTES_MAX: usize = 64 << 10;

const NUMBERS: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_ffff_fffe,
    0x4000_0000,
];

/// A changed copy of an input, perhaps with parts of another one.
pub fn mutate(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        change(&mut bytes, other, random);
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

fn range(length: usize, random: &mut Random) -> std::ops::Range<usize> {
    let start = random.index(length + 1);
    let most = if random.chance(3, 4) { 16 } else { 4096 };
    start..(start + random.index(most)).min(length)
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.index(bytes.len());
    match random.below(9) {
        0..=1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        2 if !bytes.is_empty() => bytes[at] = random.next() as u8,
        3 if !bytes.is_empty() => bytes[at] = bytes[at].wrapping_add(random.below(5) as u8).wrapping_sub(2),
        4 => {
            let number = NUMBERS[random.index(NUMBERS.len())].to_le_bytes();
            let width = 1 << random.below(4);
            bytes.iter_mut().skip(at).zip(&number[..width]).for_each(|(byte, n)| *byte = *n);
        }
        5 => drop(bytes.drain(range(bytes.len(), random))),
        6 => {
            let copied = bytes[range(bytes.len(), random)].to_vec();
            bytes.splice(at..at, copied);
        }
        7 => {
            let copied = other[range(other.len(), random)].to_vec();
            let over = if random.chance(1, 2) { at..(at + copied.len()).min(bytes.len()) } else { at..at };
            bytes.splice(over, copied);
        }
        _ => bytes.truncate(random.index(bytes.len() + 1).max(bytes.len() / 2)),
    }
}

/// A walk over mutations of a corpus. Inputs are taken at random, and some changed ones are walked on from.
pub struct Walk {
    inputs: Vec<Vec<u8>>,
    seeds: usize,
    random: Random,
}

/// Changed inputs that are kept to be changed further.
const KEPT_MAX: usize = 256;

impl Walk {
    /// A walk that begins at `inputs`, which are not empty.
    pub fn new(inputs: Vec<Vec<u8>>, seed: u64) -> Walk {
        Walk { seeds: inputs.len(), inputs, random: Random::new(seed) }
    }

    /// The next input.
    pub fn step(&mut self) -> Vec<u8> {
        let random = &mut self.random;
        let from = random.index(self.inputs.len());
        let other = random.index(self.inputs.len());
        let bytes = mutate(&self.inputs[from], &self.inputs[other], random);
        if random.chance(1, 20) {
            if self.inputs.len() < self.seeds + KEPT_MAX {
                self.inputs.push(bytes.clone());
            } else {
                let at = self.seeds + random.index(KEPT_MAX);
                self.inputs[at].clone_from(&bytes);
            }
        }
        bytes
    }
}
