//! The command line, which comes with the package.

use pyo3::prelude::*;
use std::ffi::OsString;

/// Runs one command line of `koru`, of which the first argument is the name of the program. Returns its exit code.
#[pyfunction]
#[pyo3(name = "_run_command_line")]
pub(crate) fn run_command_line(py: Python<'_>, args: Vec<OsString>) -> u8 {
    py.detach(|| koru_server::run(args))
}
