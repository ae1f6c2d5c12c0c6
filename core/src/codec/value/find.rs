//! Looks for what stands at a path in an encoded value, and builds nothing: what is beside the path is passed over, and
//! what is behind it is not read.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{decode::Reader, token::Token};
use crate::{error::Result, value::Text};

/// Whether `test` accepts something at `path` in the value that `bytes` are. Where the path meets an array it goes on in
/// each of its elements, but not in arrays directly in that array; at its end the array itself is something, too.
///
/// # Errors
/// `CORRUPT` for bytes that are not a value, if they are so before the answer is known.
pub(crate) fn find(bytes: &[u8], path: &[Text], test: &mut dyn FnMut(&Token<'_>) -> bool) -> Result<bool> {
    Reader::new(bytes).find(path, 0, true, test)
}

impl Reader<'_> {
    /// Leaves the reader anywhere in the value.
    fn find(
        &mut self,
        path: &[Text],
        depth: usize,
        spread: bool,
        test: &mut dyn FnMut(&Token<'_>) -> bool,
    ) -> Result<bool> {
        let token = self.token()?;
        match (&token, path.split_first()) {
            (Token::Map(count), Some((name, path))) => {
                let depth = self.enter(depth, *count)?;
                let mut last: Option<&[u8]> = None;
                for _ in 0..*count {
                    let key = self.key(last)?;
                    // Keys ascend, so that one behind the name says that it is not there.
                    if key >= name.as_str() {
                        return if key == name.as_str() { self.find(path, depth, true, test) } else { Ok(false) };
                    }
                    last = Some(key.as_bytes());
                    self.walk(depth)?;
                }
                Ok(false)
            }
            (Token::Array(count), _) => {
                if path.is_empty() && test(&token) {
                    return Ok(true);
                }
                let depth = self.enter(depth, *count)?;
                for _ in 0..if spread { *count } else { 0 } {
                    let begin = self.rest;
                    self.walk(depth)?;
                    if Reader::new(begin).find(path, depth, false, test)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (_, None) => Ok(test(&token)),
            _ => Ok(false),
        }
    }
}
