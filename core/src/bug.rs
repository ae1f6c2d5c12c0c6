//! Seeded bugs: switches that each break one promise, so that the suites can show that they notice.
//!
//! Compiled in only with the feature `seeded-bugs`, which no release enables; without it `active` is `false` at
//! compile time and every switch disappears.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// One way to break the engine, documented by the promise that it breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Bug {
            /// The engine as it is.
            None,
            $($(#[doc = $doc])+ $name,)+
        }

        impl Bug {
            /// Every one but `None`.
            pub const ALL: &'static [Bug] = &[$(Bug::$name,)+];

            /// The promise that it breaks.
            pub const fn promise(self) -> &'static str {
                match self {
                    Bug::None => "",
                    $(Bug::$name => concat!($($doc),+),)+
                }
            }
        }
    };
}

bugs! {
    /// A commit is synced before it is acknowledged.
    SkipSync,
    /// It is synced before, and not after, it is acknowledged.
    AcknowledgeBeforeSync,
    /// A write that failed is not acknowledged.
    IgnoreWriteError,
    /// A torn frame is not taken for a commit.
    IgnoreFrameChecksum,
    /// A damaged value is not handed out.
    IgnoreRecordChecksum,
    /// A damaged block of the index is not believed.
    IgnoreBlockChecksum,
    /// A torn write of the root leaves the slot before it.
    OneRootSlot,
    /// A root names only files that are durable.
    RootBeforeManifestSync,
    /// The root that was read at opening cannot be lost by a later crash.
    RootUnsyncedAtOpen,
    /// Damage of what was durable is reported, not cut off.
    TruncateOnCorruption,
    /// A frame follows only the frame that it was written behind.
    SkipChainCheck,
    /// A torn tail does not come back after recovery.
    ForgetTailTruncation,
    /// What recovery found is durable before anything builds on it, also after a failed sync.
    RecoveryTrustsSync,
    /// A checkpoint covers only what is durable.
    CheckpointUnpublished,
    /// What a checkpoint is writing out can still be read.
    LoseFrozenMemtable,
    /// History is kept for ever.
    MergeDropsOldVersions,
    /// Of two entries for one version the newer one counts.
    MergeKeepsWrongDuplicate,
    /// A causal cut shows what its commit had seen, whatever the timestamps.
    AsOfIgnoresActor,
    /// As of a timestamp includes that timestamp.
    AsOfOffByOne,
    /// A snapshot does not change.
    SnapshotSeesLater,
    /// A read sees every write that was acknowledged before it.
    StaleCache,
    /// Blocks of the log are cached only where nothing is written any more.
    CachesUnsettledLog,
    /// Timestamps never go backwards.
    ClockGoesBack,
    /// A document that has expired does not show.
    ExpiryIgnored,
    /// A write that expects another version is refused.
    ExpectedIgnored,
    /// A transaction is there as a whole or not at all.
    PartialTransaction,
    /// What was taken back for lack of room is not seen.
    RollbackKeepsMemtable,
    /// A segment is durable before the next one is begun.
    SegmentWithoutSync,
    /// A packed segment is durable before the segment is removed.
    PackedWithoutSync,
    /// The filter of a table never hides a key.
    FilterFalseNegative,
    /// A watch hands out every commit.
    WatchSkipsGroup,
    /// No two commits of one actor have the same counter.
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
