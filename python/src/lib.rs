//! `koru_delta._koru`: the engine as a module of Python. The package around it is in `koru_delta/`.
//!
//! It converts, calls and maps errors; it decides nothing. The interpreter's lock is given up around every call of the
//! engine, and nobody who holds a lock of this crate waits for the interpreter.

#![cfg(feature = "module")]

mod archive;
mod arguments;
mod cli;
mod collection;
mod database;
mod decode;
mod encode;
mod error;
mod handle;
mod import;
mod interrupt;
mod iterate;
mod moment;
mod open;
mod records;
mod search;
mod snapshot;
mod testing;
mod transaction;
mod vectors;
mod watch;
mod workspace;

/// The engine of koru-delta. Import `koru_delta` instead.
#[pyo3::pymodule(gil_used = false)]
mod _koru {
    use pyo3::{
        Bound, PyResult,
        types::{PyModule, PyModuleMethods},
    };

    #[pymodule_export]
    use crate::{
        archive::{Archive, import_archive},
        arguments::Absent,
        cli::run_command_line,
        collection::Collection,
        database::Database,
        handle::after_fork,
        import::Import,
        iterate::{Changes, History, Keys, Log, Scan},
        moment::Moment,
        open::open,
        records::{
            Change, Commit, CommitChange, Document, DocumentChange, DocumentVersion, Event, Info, Lineage, LineageEdge,
            Stats, Tag, VerifyReport, Version,
        },
        search::{Explain, Hit, Hits, VectorConfig, VectorInfo},
        snapshot::{Snapshot, SnapshotCollection},
        testing::{FixedHost, open_for_tests},
        transaction::{Transaction, TransactionCollection},
        watch::Watch,
        workspace::Workspace,
    };

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "as modules of Python have it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("ABSENT", Absent)
    }
}
