//! What a page that uses the npm package downloads, compressed as servers send it, and what it may be at most.

use crate::{Result, npm, wasm::sizes};

struct Download {
    what: &'static str,
    /// In `npm/dist`.
    files: &'static [&'static str],
    /// In bytes of gzip. It is what was measured last, and 1 % for noise: whoever makes it smaller lowers it, nobody raises it.
    gzip_max: u64,
    /// What it is meant to be, vectors included, which are 60 KiB of it.
    aim: u64,
}

const DOWNLOADS: &[Download] = &[
    Download {
        what: "the browser's entry with worker, broker and module",
        files: &["index.js", "worker.js", "broker.js", "koru.wasm"],
        gzip_max: 303_100,
        aim: 260 << 10,
    },
    Download {
        what: "koru-delta/slim and its module",
        files: &["slim.js", "koru.wasm"],
        gzip_max: 297_400,
        aim: 210 << 10,
    },
];

/// Fails with each download that is larger than it may be. What they are, in a few words.
pub(crate) fn check() -> Result<String> {
    let dist = npm::folder().join("dist");
    let mut notes = Vec::new();
    let mut failures = Vec::new();
    for download in DOWNLOADS {
        let mut gzip = 0;
        for file in download.files {
            gzip += sizes::of(&dist.join(file))?.gzip;
        }
        match judge(download, gzip) {
            Ok(note) => notes.push(note),
            Err(failure) => failures.push(failure),
        }
    }
    if failures.is_empty() {
        Ok(format!("a page downloads {}", notes.join(", and with slim ")))
    } else {
        Err(failures.join("\n"))
    }
}

fn judge(&Download { what, gzip_max, aim, .. }: &Download, gzip: u64) -> Result<String> {
    if gzip > gzip_max {
        return Err(format!("{what}: {gzip} bytes of gzip, and at most {gzip_max} are allowed; the aim is {aim}"));
    }
    Ok(format!("{gzip} B of gzip"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_more_than_allowed_is_refused_and_named() {
        let download = Download { what: "all of it", files: &[], gzip_max: 10, aim: 5 };
        assert!(judge(&download, 10).is_ok());
        let failure = judge(&download, 11).expect_err("it is one too many");
        assert!(failure.contains("all of it: 11 bytes") && failure.contains("at most 10"), "{failure}");
    }
}
