//! What a module weighs: as it is, and as servers send it; and what it may weigh.

use crate::{Result, node, process::output};
use std::{fmt, path::Path};

const SCRIPT: &str = "\
const zlib = require('node:zlib');
const bytes = require('node:fs').readFileSync(process.argv[1]);
console.log(bytes.length, zlib.gzipSync(bytes, { level: 9 }).length, zlib.brotliCompressSync(bytes).length);";

/// What the module and the code that loads it may take together, in bytes of gzip: what they took when they were measured last,
/// and 1 % for what other compilers make of them. Before there were vectors they took 224,670, and vectors may add 60 KiB to
/// that; compressing the log and reading what is compressed added 6,700. Who runs into it looks for what was linked in, and
/// does not raise it; whoever makes the module smaller lowers it.
pub(super) const GZIP_MAX: u64 = 275_875 / 100 * 101;

/// The sizes of a file in bytes, raw and compressed by gzip and brotli at their strongest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    raw: u64,
    pub(crate) gzip: u64,
    brotli: u64,
}

/// Measures a file.
pub(crate) fn of(file: &Path) -> Result<Sizes> {
    parse(&output(node::node().args(["-e", SCRIPT]).arg(file))?)
}

fn parse(printed: &str) -> Result<Sizes> {
    let sizes: Vec<u64> = printed.split_whitespace().map_while(|size| size.parse().ok()).collect();
    match sizes[..] {
        [raw, gzip, brotli] => Ok(Sizes { raw, gzip, brotli }),
        _ => Err(format!("node printed {printed:?} instead of sizes")),
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kilobytes = |bytes: u64| bytes.div_ceil(1000);
        let (raw, gzip, brotli) = (kilobytes(self.raw), kilobytes(self.gzip), kilobytes(self.brotli));
        write!(f, "{raw} kB raw, {gzip} kB gzip, {brotli} kB brotli")
    }
}

/// Fails if files that are downloaded together take more than they may.
pub(super) fn check(files: &[Sizes]) -> Result<()> {
    let gzip: u64 = files.iter().map(|sizes| sizes.gzip).sum();
    if gzip > GZIP_MAX {
        return Err(format!(
            "the module and the code that loads it take {gzip} bytes of gzip, at most {GZIP_MAX} are allowed"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_anything_else_is_refused() {
        let sizes = parse("3000 1999 1001\n").unwrap();
        assert_eq!(sizes.to_string(), "3 kB raw, 2 kB gzip, 2 kB brotli");
        assert!(parse("3000 1999").is_err() && parse("").is_err() && parse("1 2 x").is_err());
    }

    #[test]
    fn the_bound_is_of_all_files_together() {
        let sizes = |gzip| Sizes { raw: 0, gzip, brotli: 0 };
        assert!(check(&[sizes(GZIP_MAX - 1), sizes(1)]).is_ok());
        assert!(check(&[sizes(GZIP_MAX), sizes(1)]).is_err());
    }
}
