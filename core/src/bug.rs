//! Seeded bugs: switches that each break one promise, so that the suites can show that they notice.
//!
//! Compiled in only with the feature `seeded-bugs`, which no release enables; without it `active` is `false` at
//! compile time and every switch disappears.

/// One way to break the engine, and the promise that it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say what is broken; tests/bugs lists the promise of each")]
pub enum Bug {
    None,
    SkipSync,
    AcknowledgeBeforeSync,
    IgnoreFrameChecksum,
    IgnoreRecordChecksum,
    IgnoreBlockChecksum,
    SwapRootSlots,
    RootBeforeManifestSync,
    RootUnsyncedAtOpen,
    TruncateOnCorruption,
    SkipChainCheck,
    ForgetTailTruncation,
    RecoveryTrustsSync,
    CheckpointUnpublished,
    LoseFrozenMemtable,
    MergeDropsOldVersions,
    MergeKeepsWrongDuplicate,
    AsOfIgnoresActor,
    AsOfOffByOne,
    SnapshotSeesLater,
    StaleCache,
    ClockGoesBack,
    ExpiryIgnored,
    ExpectedIgnored,
    PartialTransaction,
    RollbackKeepsMemtable,
    SegmentWithoutSync,
    FilterFalseNegative,
    WatchSkipsGroup,
    ReopenReusesCounter,
}

#[cfg(feature = "seeded-bugs")]
mod switch {
    use super::Bug;
    use core::sync::atomic::{AtomicU8, Ordering};

    static ACTIVE: AtomicU8 = AtomicU8::new(Bug::None as u8);

    /// Breaks the promise of `bug` for the whole process, until the next call.
    pub fn activate(bug: Bug) {
        ACTIVE.store(bug as u8, Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn active(bug: Bug) -> bool {
        ACTIVE.load(Ordering::Relaxed) == bug as u8
    }
}

#[cfg(not(feature = "seeded-bugs"))]
mod switch {
    #[inline(always)]
    pub(crate) const fn active(_: super::Bug) -> bool {
        false
    }
}

#[cfg(feature = "seeded-bugs")]
pub use switch::activate;
pub(crate) use switch::active;
