//! What a simulation went through: a campaign that never met an event proves nothing about it.

use std::fmt;

macro_rules! figures {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Counts of what happened.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct Figures { $($(#[doc = $doc])+ pub $name: u64,)+ }

        impl Figures {
            /// Adds those of another run.
            pub fn add(&mut self, other: &Figures) {
                $(self.$name += other.$name;)+
            }

            /// The names of those that are zero.
            pub fn missing(&self) -> Vec<&'static str> {
                [$((stringify!($name), self.$name),)+].iter().filter(|(_, n)| *n == 0).map(|(name, _)| *name).collect()
            }
        }

        impl fmt::Display for Figures {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(writeln!(f, "{:>12}  {}", self.$name, stringify!($name).replace('_', " "))?;)+
                Ok(())
            }
        }
    };
}

figures! {
    /// Databases, each from its own seed.
    seeds,
    /// Power cuts and kills, each followed by an opening.
    crashes,
    /// Those where the power failed.
    power_cuts,
    /// Those where only the process ended.
    kills,
    /// Those in the middle of an opening.
    crashes_in_recovery,
    /// Other outcomes of a power cut that were looked at beside the one that the run went on with.
    other_outcomes,
    /// Commits that were acknowledged.
    commits_acknowledged,
    /// Commits in flight at a crash that were there after it, whole.
    in_flight_kept,
    /// Commits in flight at a crash that were not there after it.
    in_flight_lost,
    /// Commits that were acknowledged without being synced, and lost by a power cut.
    unsynced_lost,
    /// Torn tails that opening cut off.
    torn_tails_cut,
    /// Checkpoints.
    checkpoints,
    /// Merges of index tables.
    merges,
    /// Compactions after which there were compressed segments.
    compactions,
    /// Log segments begun behind the first.
    segments_begun,
    /// Clean closings that were opened again.
    clean_closings,
    /// Transactions that were rolled back.
    rolled_back,
    /// Writes that were refused because the document was not as expected.
    conflicts,
    /// Commits of imports.
    imported,
    /// Restores that changed something.
    restores,
    /// Tags set.
    tags,
    /// Snapshots that were held over writes and compared later.
    snapshots_held,
    /// Writes that found the disk full, and went on after there was room again.
    full_disks,
    /// Input/output errors after which the database went on.
    errors_survived,
    /// Syncs that a fault of the disk made fail.
    failed_syncs,
    /// Failed writes and syncs after which it took no more writes until it was opened again.
    poisoned,
    /// Openings after that without a crash between.
    reopened_poisoned,
    /// Openings that an input/output error stopped.
    errors_in_opening,
    /// Comparisons with the model.
    comparisons,
    /// Those that asked everything.
    comparisons_of_everything,
}
