//! The `koru` binary: the command line of the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(koru_server::run(std::env::args_os()))
}
