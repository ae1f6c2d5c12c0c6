//! `Host`: the only source of time and entropy, so that the same operations with the same host give the same bytes.

use crate::{error::Result, sync::Shared};

/// The clock and the entropy of the place the engine runs in.
pub trait Host: Shared {
    /// Milliseconds since 1970-01-01T00:00:00Z, negative before. It may jump; the engine's own clock never goes back.
    fn now_ms(&self) -> i64;

    /// Fills `bytes` with unpredictable bytes.
    ///
    /// # Errors
    /// `IO` when the platform has no entropy to give.
    fn entropy(&self, bytes: &mut [u8]) -> Result<()>;
}

/// The operating system's clock and entropy.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemHost;

#[cfg(feature = "std")]
impl Host for SystemHost {
    fn now_ms(&self) -> i64 {
        use std::time::{SystemTime, UNIX_EPOCH};
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<()> {
        getrandom::fill(bytes).map_err(|e| crate::Error::new(crate::ErrorCode::Io, alloc::format!("no entropy: {e}")))
    }
}
