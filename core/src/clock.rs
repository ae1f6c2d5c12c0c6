//! The hybrid logical clock: timestamps that follow the wall clock and never go backwards.
//!
//! Source: Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical Physical Clocks and Consistent Snapshots in Globally
//! Distributed Databases" (2014). 48 bits of milliseconds and 16 bits of logical counter in one signed integer, so that
//! order is the order of the integers, also before 1970.

use crate::error::{Error, Result};
use core::fmt;
use serde::{Deserialize, Serialize};

const LOGICAL_BITS: u32 = 16;
const MILLIS_MAX: i64 = i64::MAX >> LOGICAL_BITS;
const MILLIS_MIN: i64 = i64::MIN >> LOGICAL_BITS;

/// A hybrid logical timestamp: milliseconds since 1970 and a counter within the millisecond.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Before every commit.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// After every commit.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// The first timestamp of a millisecond. Values outside of the years -2490 to 6429 are moved to the nearest end.
    pub fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis.clamp(MILLIS_MIN, MILLIS_MAX) << LOGICAL_BITS)
    }

    /// The last timestamp of a millisecond: reading at it sees everything that was written in that millisecond.
    pub fn end_of_millis(millis: i64) -> Timestamp {
        Timestamp(Self::from_millis(millis).0 | ((1 << LOGICAL_BITS) - 1))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, negative before.
    pub fn millis(self) -> i64 {
        self.0 >> LOGICAL_BITS
    }

    /// The counter within the millisecond, 0 to 65,535.
    pub fn logical(self) -> u16 {
        (self.0 & ((1 << LOGICAL_BITS) - 1)) as u16
    }

    /// The integer that orders timestamps.
    pub fn to_bits(self) -> i64 {
        self.0
    }

    /// The timestamp of an integer made by [`Timestamp::to_bits`].
    pub fn from_bits(bits: i64) -> Timestamp {
        Timestamp(bits)
    }

    /// The timestamp to give to the next event of an actor whose last one was `self`, when the wall clock shows `now_ms`.
    ///
    /// # Errors
    /// `LIMIT_EXCEEDED` at the end of time.
    pub fn next(self, now_ms: i64) -> Result<Timestamp> {
        let wall = Self::from_millis(now_ms);
        if crate::bug::active(crate::bug::Bug::ClockGoesBack) {
            return Ok(wall);
        }
        let after = self.0.checked_add(1).ok_or_else(|| Error::limit("the clock is at the end of time"))?;
        Ok(Timestamp(after.max(wall.0)))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms+{}", self.millis(), self.logical())
    }
}
