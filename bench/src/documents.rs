//! The documents that every store is given: the same record for the same number on every run and machine.
//!
//! Records look like what applications keep (names, an address, tags, numbers, a flag) and are about 230 bytes of JSON.
//! Nothing here keeps state: record `n` is computed from `n`, and so is the shuffled order of insertion, so that the
//! generator takes no memory that a measurement of resident memory would see.

use serde::Serialize;

const GIVEN: [&str; 16] = [
    "Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Leslie", "Frances", "Tony", "Radia", "Ken", "Karen",
    "Niklaus", "Margaret", "John", "Shafi",
];
const FAMILY: [&str; 16] = [
    "Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Lamport", "Allen", "Hoare", "Perlman", "Thompson",
    "Jones", "Wirth", "Hamilton", "Backus", "Micali",
];
const CITIES: [&str; 8] = ["London", "Uppsala", "Trondheim", "Lisboa", "Kraków", "Aarhus", "Torino", "Gent"];
const STREETS: [&str; 8] =
    ["Mill Lane", "High Street", "Station Road", "Park Avenue", "Church Row", "Quay", "Elm Walk", "Bridge St"];
const TAGS: [&str; 8] = ["early", "verified", "newsletter", "trial", "partner", "mobile", "archived", "support"];

/// A user as an application would hold it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    id: u64,
    name: String,
    email: String,
    age: u8,
    balance: f64,
    active: bool,
    tags: [&'static str; 2],
    home: Address,
    logins: u64,
    revision: u32,
}

#[derive(Clone, Debug, Serialize)]
struct Address {
    street: String,
    city: &'static str,
    zip: String,
}

/// A record with the key and the JSON text under which peers keep it.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// For example `user:00001234`.
    pub(crate) key: String,
    /// What an application hands to koru.
    pub(crate) record: Record,
    /// What an application hands to a peer.
    pub(crate) json: Vec<u8>,
}

/// The key of record `number`.
pub(crate) fn key(number: u64) -> String {
    let mut key = String::with_capacity(16);
    write_key(number, &mut key);
    key
}

/// Writes the key of record `number` over `out`, for loops that must not allocate.
pub(crate) fn write_key(number: u64, out: &mut String) {
    use std::fmt::Write;
    out.clear();
    // Writing to a string cannot fail.
    let _ = write!(out, "user:{number:08}");
}

/// Record `number` as it was at `revision`; another revision differs in balance, flag and logins.
pub(crate) fn document(number: u64, revision: u32) -> serde_json::Result<Document> {
    let person = mix(number);
    let state = mix(person ^ u64::from(revision));
    let given = pick(&GIVEN, person);
    let family = pick(&FAMILY, person >> 8);
    let record = Record {
        id: number,
        name: format!("{given} {family}"),
        email: format!("{}.{}{number}@mail.org", given.to_lowercase(), family.to_lowercase()),
        age: 18 + (person >> 16) as u8 % 70,
        balance: (state % 1_000_000) as f64 / 100.0,
        active: state & (1 << 40) == 0,
        tags: [pick(&TAGS, person >> 24), pick(&TAGS, person >> 32)],
        home: Address {
            street: format!("{} {}", 1 + (person >> 40) % 199, pick(&STREETS, person >> 48)),
            city: pick(&CITIES, person >> 52),
            zip: format!("{:05}", (person >> 20) % 100_000),
        },
        logins: state >> 52,
        revision,
    };
    let json = serde_json::to_vec(&record)?;
    Ok(Document { key: key(number), record, json })
}

fn pick(from: &[&'static str], bits: u64) -> &'static str {
    from[bits as usize % from.len()]
}

/// SplitMix64 (Steele, Lea, Flood 2014): spreads neighbouring numbers over all 64 bits.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The `position`-th of the numbers `0..count` in a shuffled order that visits each once.
///
/// Four rounds of a Feistel network over the next even number of bits, walked until the result is in range
/// (Black and Rogaway, 2002): a permutation without a table of it.
pub(crate) fn shuffled(position: u64, count: u64) -> u64 {
    let half_bits = (64 - count.max(2).saturating_sub(1).leading_zeros()).div_ceil(2);
    let mask = (1 << half_bits) - 1;
    let mut number = position;
    loop {
        let (mut left, mut right) = (number >> half_bits, number & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (mix(right ^ (round << 56)) & mask));
        }
        number = (left << half_bits) | right;
        if number < count {
            return number;
        }
    }
}

/// Uniform choices from `0..count`, the same for the same seed.
pub(crate) struct Choices {
    state: u64,
    count: u64,
}

impl Choices {
    pub(crate) fn new(seed: u64, count: u64) -> Choices {
        Choices { state: mix(seed), count: count.max(1) }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(1);
        mix(self.state) % self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_document_is_about_230_bytes_of_json() {
        let bytes: usize = (0..1000).map(|n| document(n * 997, 0).expect("serialises").json.len()).sum();
        assert!((220_000..240_000).contains(&bytes), "{bytes} bytes in 1000 documents");
    }

    #[test]
    fn the_shuffled_order_visits_every_number_once_and_is_not_sorted() {
        for count in [1, 2, 3, 10, 1000, 4096, 5000] {
            let order: Vec<u64> = (0..count).map(|position| shuffled(position, count)).collect();
            let seen: HashSet<u64> = order.iter().copied().collect();
            assert_eq!(seen.len() as u64, count);
            assert!(order.iter().all(|&number| number < count));
            assert!(count < 1000 || !order.is_sorted());
        }
    }

    #[test]
    fn the_same_number_is_the_same_document() {
        let (a, b) = (document(7, 1).expect("serialises"), document(7, 1).expect("serialises"));
        assert_eq!((a.key, a.json), (b.key, b.json));
        assert_ne!(document(7, 1).expect("serialises").json, document(7, 2).expect("serialises").json);
    }
}
