//! What to remove from one array and to add to it to get another, keeping as much as possible.

use crate::{codec, limits::DIFF_EDITS_MAX, sort::sort_by, value::Value};
use alloc::{vec, vec::Vec};

/// A place where two arrays differ: after `kept` equal elements, `removed` made way for `added`.
pub(super) struct Hunk<'a> {
    pub(super) kept: usize,
    pub(super) removed: &'a [Value],
    pub(super) added: &'a [Value],
}

/// The hunks that lead from `before` to `after`, from the front. `steps` is the work that may still be done, and what is
/// left of it afterwards; when it runs out, or more than [`DIFF_EDITS_MAX`] edits are needed, all between the common ends
/// is one hunk.
pub(super) fn hunks<'a>(before: &'a [Value], after: &'a [Value], steps: &mut usize) -> Vec<Hunk<'a>> {
    let front = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[front..], &after[front..]);
    let back = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[..before.len() - back], &after[..after.len() - back]);
    if before.is_empty() && after.is_empty() {
        return Vec::new();
    }
    let whole = || vec![Hunk { kept: front, removed: before, added: after }];
    if before.is_empty() || after.is_empty() {
        return whole();
    }
    let Some(kept) = kept_pairs(before, after, steps) else { return whole() };
    let mut hunks = Vec::new();
    // `x` and `y` stand where the last hunk ended, so that what was kept since is the distance to the next.
    let (mut x, mut y, mut run) = (0, 0, front);
    for (next_x, next_y) in kept.into_iter().chain([(before.len(), after.len())]) {
        if next_x > x || next_y > y {
            hunks.push(Hunk { kept: run, removed: &before[x..next_x], added: &after[y..next_y] });
            run = 0;
        }
        run += 1;
        (x, y) = (next_x + 1, next_y + 1);
    }
    hunks
}

/// Numbers of values, equal ones of equal values: so that each is looked at once however often it is compared. `None` if there
/// is one that cannot be stored.
fn numbered<'a>(values: impl Iterator<Item = &'a Value>) -> Option<Vec<usize>> {
    let (mut bytes, mut ends) = (Vec::new(), vec![0]);
    for value in values {
        codec::value::encode(value, &mut bytes).ok()?;
        ends.push(bytes.len());
    }
    // Equal values have equal encodings, and no others have.
    let encoding = |place: usize| &bytes[ends[place]..ends[place + 1]];
    let mut places: Vec<usize> = (0..ends.len() - 1).collect();
    sort_by(&mut places, |a, b| encoding(*a).cmp(encoding(*b)));
    let mut numbers = vec![0; places.len()];
    for pair in places.windows(2) {
        numbers[pair[1]] = numbers[pair[0]] + usize::from(encoding(pair[0]) != encoding(pair[1]));
    }
    Some(numbers)
}

/// The places of the elements that a shortest edit script keeps, in both arrays, ascending.
fn kept_pairs(before: &[Value], after: &[Value], steps: &mut usize) -> Option<Vec<(usize, usize)>> {
    let count = before.len() + after.len();
    *steps = steps.checked_sub(count * count.ilog2() as usize)?;
    let numbers = numbered(before.iter().chain(after))?;
    let (a, b) = numbers.split_at(before.len());

    let most = (a.len() + b.len()).min(DIFF_EDITS_MAX);
    // Per diagonal, offset by `most + 1`, the farthest place in `a` that this many edits reach; and what it was after each
    // number of edits, to walk back.
    let mut reach = vec![0_usize; 2 * most + 3];
    let mut trace: Vec<Vec<usize>> = Vec::new();
    let at = |diagonal: isize| (diagonal + most as isize + 1) as usize;
    for edits in 0..=most as isize {
        *steps = steps.checked_sub(edits as usize + 1)?;
        trace.push(reach[at(-edits - 1)..=at(edits + 1)].to_vec());
        for diagonal in (-edits..=edits).step_by(2) {
            let (down, right) = (reach[at(diagonal + 1)], reach[at(diagonal - 1)] + 1);
            let from_above = diagonal == -edits || (diagonal != edits && right <= down);
            let mut x = if from_above { down } else { right };
            let mut y = (x as isize - diagonal) as usize;
            let start = x;
            while a.get(x).is_some_and(|element| b.get(y) == Some(element)) {
                x += 1;
                y += 1;
            }
            *steps = steps.checked_sub(x - start)?;
            reach[at(diagonal)] = x;
            if x >= a.len() && y >= b.len() {
                return Some(walk_back(a.len(), b.len(), &trace));
            }
        }
    }
    None
}

/// Follows the farthest places back from the end and collects the elements that were kept.
fn walk_back(x: usize, y: usize, trace: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let (mut x, mut y) = (x as isize, y as isize);
    let mut kept = Vec::new();
    for (edits, reach) in trace.iter().enumerate().rev() {
        let edits = edits as isize;
        let diagonal = x - y;
        let place = |diagonal: isize| reach[(diagonal + edits + 1) as usize] as isize;
        let (down, right) = (place(diagonal + 1), place(diagonal - 1) + 1);
        let from_above = diagonal == -edits || (diagonal != edits && right <= down);
        let start = if edits == 0 {
            0
        } else if from_above {
            down
        } else {
            right
        };
        while x > start {
            x -= 1;
            y -= 1;
            kept.push((x as usize, y as usize));
        }
        // The edit itself: one down in `b`, or one right in `a`.
        if from_above { y -= 1 } else { x -= 1 }
    }
    kept.reverse();
    kept
}
