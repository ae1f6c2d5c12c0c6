//! Names: of collections, tags and vectors.

use crate::{
    error::{Error, Result, quoted},
    limits,
};
use alloc::format;

/// Checks the name of something.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(format!("a {what} needs a name")));
    }
    if name.len() > limits::NAME_BYTES_MAX {
        let max = limits::NAME_BYTES_MAX;
        return Err(Error::limit(format!("the name of a {what} has {} bytes, at most {max} are possible", name.len())));
    }
    if let Some(bad) = name.chars().find(|c| c.is_control() || *c == '/') {
        return Err(Error::invalid(format!(
            "the name of a {what}, {}, contains {}: no control character and no slash",
            quoted(name),
            quoted(bad.encode_utf8(&mut [0; 4]))
        )));
    }
    Ok(())
}
