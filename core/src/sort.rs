//! Sorting items of any type with one copy of the code: in a module for browsers, which is a download, the sort of each further
//! type would take four to seven kilobytes. Numbers that are sorted in loops that matter are sorted as they are.
//!
//! Invariant: stable.

use alloc::vec::Vec;
use core::cmp::Ordering;

/// Items up to which each is inserted among those before it: there is no quicker way for so few.
const FEW: usize = 16;

/// Sorts items; those that are equal stay in their order.
pub(crate) fn sort_by<T>(items: &mut [T], mut order: impl FnMut(&T, &T) -> Ordering) {
    if items.len() <= FEW {
        for end in 1..items.len() {
            let mut at = end;
            while at > 0 && order(&items[at - 1], &items[at]).is_gt() {
                items.swap(at - 1, at);
                at -= 1;
            }
        }
        return;
    }
    let mut places = sorted_places(items.len(), &mut |a, b| order(&items[a], &items[b]));
    // Each place names where its item comes from: along every circle of them, each item is moved once.
    for start in 0..places.len() {
        let mut at = start;
        loop {
            let from = core::mem::replace(&mut places[at], at);
            if from == start {
                break;
            }
            items.swap(at, from);
            at = from;
        }
    }
}

/// The places of so many items in the order of these.
fn sorted_places(count: usize, order: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let (mut places, mut merged): (Vec<usize>, Vec<usize>) = ((0..count).collect(), Vec::with_capacity(count));
    // Runs of this many are in order. The library's sorts are quicker and ten times as long.
    let mut run = 1;
    while run < count {
        merged.clear();
        for runs in places.chunks(2 * run) {
            let (mut left, mut right) = runs.split_at(run.min(runs.len()));
            while let ([a, rest_of_left @ ..], [b, rest_of_right @ ..]) = (left, right) {
                if order(*a, *b).is_le() {
                    merged.push(*a);
                    left = rest_of_left;
                } else {
                    merged.push(*b);
                    right = rest_of_right;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        core::mem::swap(&mut places, &mut merged);
        run *= 2;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn items_are_sorted_and_equal_ones_stay_in_their_order(mut items in proptest::collection::vec((0..40_u8, any::<u16>()), 0..200)) {
            let mut expected = items.clone();
            expected.sort_by_key(|item| item.0);
            sort_by(&mut items, |a, b| a.0.cmp(&b.0));
            prop_assert_eq!(items, expected);
        }
    }
}
