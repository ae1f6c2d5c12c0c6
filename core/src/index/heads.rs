//! Heads: the eight bytes of each key after what a list of sorted keys has in common, as integers.
//!
//! Invariant: heads order like the keys, but for equal ones, where the whole keys decide. A search among heads that lie
//! side by side touches a cache line or two, where one among the keys themselves waits for memory at each step.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

/// How many first bytes two keys have in common.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// How many last bytes two keys have in common.
pub(super) fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// The head of a key, as if zeros followed a shorter one.
pub(super) fn head(key: &[u8], common: usize) -> u64 {
    let rest = key.get(common..).unwrap_or_default();
    match rest.first_chunk() {
        Some(whole) => u64::from_be_bytes(*whole),
        None => {
            let mut padded = [0; 8];
            padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            u64::from_be_bytes(padded)
        }
    }
}

/// The first number from `low` to `high` for which `before` does not hold; it must hold for those below and no other.
fn partition(mut low: usize, mut high: usize, before: impl Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// How many of `length` sorted keys are below `key`, or not above it if `inclusive`. `common` bytes are the same in all of
/// them, `head_of` and `key_of` give the head and the whole of each.
#[inline]
pub(super) fn rank<'k>(
    length: usize,
    common: usize,
    head_of: impl Fn(usize) -> u64,
    key_of: impl Fn(usize) -> &'k [u8],
    key: &[u8],
    inclusive: bool,
) -> usize {
    let prefix = key_of(0).get(..common).unwrap_or_default();
    if !key.starts_with(prefix) {
        return if key < prefix { 0 } else { length };
    }
    let wanted = head(key, common);
    let low = partition(0, length, |n| head_of(n) < wanted);
    if low == length || head_of(low) != wanted {
        return low;
    }
    let high = partition(low + 1, length, |n| head_of(n) == wanted);
    partition(low, high, |n| if inclusive { key_of(n) <= key } else { key_of(n) < key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_rank_is_that_among_the_whole_keys(
            prefix in proptest::collection::vec(any::<u8>(), 0..5),
            keys in proptest::collection::btree_set(proptest::collection::vec(0u8..3, 0..14), 1..80),
            other in proptest::collection::vec(0u8..3, 0..14),
        ) {
            let with_prefix = |rest: &Vec<u8>| [&prefix[..], rest].concat();
            let keys: Vec<_> = keys.iter().map(with_prefix).collect();
            let common = common_prefix(&keys[0], &keys[keys.len() - 1]);
            let heads: Vec<_> = keys.iter().map(|key| head(key, common)).collect();
            for key in keys.iter().cloned().chain([with_prefix(&other), other]) {
                let rank = |inclusive| rank(keys.len(), common, |n| heads[n], |n| &keys[n], &key, inclusive);
                prop_assert_eq!(rank(true), keys.partition_point(|other| *other <= key));
                prop_assert_eq!(rank(false), keys.partition_point(|other| *other < key));
            }
        }
    }
}
