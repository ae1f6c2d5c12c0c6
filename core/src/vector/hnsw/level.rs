//! How high a row stands, and where batches end: functions of the row's number alone, so that every platform builds the same
//! graph.

/// Highest level. With the smallest `m`, 2, one row of 2^16 would stand there.
pub(super) const LEVEL_MAX: u8 = 16;

/// Most rows of one batch. A batch is searched for in the graph as it was before, so it is small beside that; and what is
/// behind the last whole batch is scanned, so it is small altogether.
const BATCH_MAX: u32 = 256;

/// The share of the graph that one batch may be.
const BATCH_SHARE: u32 = 32;

/// The level of a row: each level holds one `m`th of the rows of the one below.
pub(super) fn level(row: u32, m: u32) -> u8 {
    let hash = mix(u64::from(row));
    let mut bound = u64::MAX;
    let mut level = 0;
    while level < LEVEL_MAX {
        bound /= u64::from(m.max(2));
        if hash > bound {
            break;
        }
        level += 1;
    }
    level
}

/// Which rows stand above the lowest level. All rows are asked when a graph is opened: the division is done once.
pub(super) fn stands_higher(m: u32) -> impl Fn(u32) -> bool {
    let bound = u64::MAX / u64::from(m.max(2));
    move |row| mix(u64::from(row)) <= bound
}

/// SplitMix64 (Steele, Lea and Flood, 2014): every bit of the result depends on every bit of the number.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The largest number of rows up to `rows` at which a batch ends.
pub(crate) fn boundary(rows: u32) -> u32 {
    let share = (rows / BATCH_SHARE).clamp(1, BATCH_MAX);
    let step = 1 << share.ilog2();
    rows - rows % step
}

/// The end of the batch that begins at `rows`.
pub(super) fn batch_end(rows: u32) -> u32 {
    let share = (rows / BATCH_SHARE).clamp(1, BATCH_MAX);
    let step = 1 << share.ilog2();
    (rows - rows % step).saturating_add(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_holds_an_mth_of_the_one_below() {
        for m in [2, 8, 16, 48] {
            let mut counts = [0_u32; LEVEL_MAX as usize + 1];
            for row in 0..100_000 {
                counts[level(row, m) as usize] += 1;
            }
            let above = 100_000 - counts[0];
            let stands_higher = stands_higher(m);
            assert_eq!((0..100_000).filter(|row| stands_higher(*row)).count(), above as usize);
            assert!(above.abs_diff(100_000 / m) < 100_000 / m / 10, "m {m}: {above} rows above the lowest level");
        }
        // The same on every platform and for ever: files hold graphs that were built with it.
        assert_eq!((0..40).map(|row| level(row, 4)).collect::<alloc::vec::Vec<_>>(), LEVELS_OF_M_4);
    }

    const LEVELS_OF_M_4: [u8; 40] = [
        0, 0, 2, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 0, 0, 0,
        1, 0, 0,
    ];

    #[test]
    fn batches_end_at_boundaries_and_every_boundary_ends_a_batch() {
        let mut rows = 0;
        while rows < 100_000 {
            let end = batch_end(rows);
            assert!(end > rows && end - rows <= (rows / BATCH_SHARE).clamp(1, BATCH_MAX));
            assert_eq!(boundary(end), end);
            assert!((rows..end).all(|between| boundary(between) == rows), "from {rows} to {end}");
            rows = end;
        }
    }
}
