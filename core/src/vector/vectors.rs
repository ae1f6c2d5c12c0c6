//! The named vectors of one version: what a caller attaches to a document, and how they are stored.
//!
//! Stored form: the number of vectors, then of each, ascending by name, the name with its length, the dimension, and the
//! numbers as little-endian f32. Invariant: the same vectors have one form, and only finite numbers are in it.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::{
    codec::{cursor::Cursor, varint::write_u64},
    error::{Error, Result, quoted},
    limits, name,
    sorted::SortedMap,
};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use core::num::FpCategory;

/// The name of the vector of documents that have only one.
pub const DEFAULT_VECTOR: &str = "default";

/// Vectors by name: what a document has beside its value. At most [`VECTORS_MAX`](limits::VECTORS_MAX) of them, each of 1 to
/// [`VECTOR_DIMENSION_MAX`](limits::VECTOR_DIMENSION_MAX) finite numbers; checked when they are written.
///
/// ```
/// use koru_delta::Vectors;
///
/// let one = Vectors::from([0.1, 0.2, 0.3]); // under the name "default"
/// assert_eq!(one.get("default"), Some(&[0.1, 0.2, 0.3][..]));
/// let two = Vectors::new().with("title", [1.0, 0.0]).with("body", [0.0, 1.0]);
/// assert_eq!(two.names().collect::<Vec<_>>(), ["body", "title"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vectors(SortedMap<String, Vec<f32>>);

impl Vectors {
    /// None yet.
    pub fn new() -> Vectors {
        Vectors::default()
    }

    /// These and one more, in place of one of the same name.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, vector: impl Into<Vec<f32>>) -> Vectors {
        self.insert(name, vector);
        self
    }

    /// Adds one, in place of one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, vector: impl Into<Vec<f32>>) {
        self.0.insert(name.into(), vector.into());
    }

    /// The vector of a name.
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        self.iter().find(|(each, _)| *each == name).map(|(_, vector)| vector)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// Names and vectors, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.0.iter().map(|(name, vector)| (&**name, &**vector))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks and appends the stored form.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        if self.len() > limits::VECTORS_MAX {
            let (count, max) = (self.len(), limits::VECTORS_MAX);
            return Err(Error::limit(format!("{count} vectors: a document has at most {max}")));
        }
        write_u64(out, self.len() as u64);
        for (name, vector) in self.iter() {
            check_name(name)?;
            check(name, vector)?;
            write_u64(out, name.len() as u64);
            out.extend_from_slice(name.as_bytes());
            write_u64(out, vector.len() as u64);
            vector.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        }
        Ok(())
    }

    /// Reads the stored form; `None` if it is not one that [`Vectors::encode`] writes.
    pub(crate) fn decode(encoded: &[u8]) -> Option<Vectors> {
        let vectors = stored(encoded)?;
        let named = |(name, bytes): (&str, &[u8])| {
            let numbers: Vec<f32> = numbers(bytes).collect();
            check(name, &numbers).ok().map(|()| (name.to_owned(), numbers))
        };
        vectors.into_iter().map(named).collect::<Option<_>>().map(Vectors)
    }
}

impl<const N: usize> From<[f32; N]> for Vectors {
    fn from(vector: [f32; N]) -> Self {
        Vectors::new().with(DEFAULT_VECTOR, vector)
    }
}

impl From<&[f32]> for Vectors {
    fn from(vector: &[f32]) -> Self {
        Vectors::new().with(DEFAULT_VECTOR, vector)
    }
}

impl From<Vec<f32>> for Vectors {
    fn from(vector: Vec<f32>) -> Self {
        Vectors::new().with(DEFAULT_VECTOR, vector)
    }
}

impl<N: Into<String>, V: Into<Vec<f32>>> FromIterator<(N, V)> for Vectors {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(vectors: I) -> Self {
        Vectors(vectors.into_iter().map(|(name, vector)| (name.into(), vector.into())).collect())
    }
}

/// The names and bytes of stored vectors.
fn stored(encoded: &[u8]) -> Option<Vec<(&str, &[u8])>> {
    let mut input = Cursor::new(encoded);
    let count = input.count(limits::VECTORS_MAX, 6).filter(|&count| count > 0)?;
    let mut vectors: Vec<(&str, &[u8])> = Vec::with_capacity(count);
    for _ in 0..count {
        let name = input.text(limits::NAME_BYTES_MAX)?;
        let dimension = input.length(limits::VECTOR_DIMENSION_MAX)?;
        let bytes = input.bytes(dimension * 4)?;
        if check_name(name).is_err() || vectors.last().is_some_and(|(last, _)| *last >= name) {
            return None;
        }
        vectors.push((name, bytes));
    }
    input.is_empty().then_some(vectors)
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number))
}

/// Reads one vector of the stored form over `out`; whether there is one of that name.
pub(crate) fn read_one(encoded: &[u8], name: &str, out: &mut Vec<f32>) -> Option<bool> {
    out.clear();
    let found = stored(encoded)?.into_iter().find(|(each, _)| *each == name);
    let Some((_, bytes)) = found else { return Some(false) };
    out.extend(numbers(bytes));
    check(name, out).ok().map(|()| true)
}

/// Appends one vector of the stored form, if there is one of that name.
pub(crate) fn append_one(encoded: &[u8], name: &str, out: &mut Vec<f32>) {
    let found = stored(encoded).unwrap_or_default().into_iter().find(|(each, _)| *each == name);
    out.extend(found.into_iter().flat_map(|(_, bytes)| numbers(bytes)));
}

/// The name and dimension of each vector of the stored form.
pub(crate) fn dimensions(encoded: &[u8]) -> Vec<(&str, usize)> {
    stored(encoded).unwrap_or_default().into_iter().map(|(name, bytes)| (name, bytes.len() / 4)).collect()
}

/// Checks the name of a vector.
pub(crate) fn check_name(name: &str) -> Result<()> {
    name::check_name("vector", name)
}

/// Checks the numbers of a vector.
pub(crate) fn check(name: &str, vector: &[f32]) -> Result<()> {
    if vector.is_empty() {
        return Err(Error::invalid(format!("vector {} has no numbers", quoted(name))));
    }
    if vector.len() > limits::VECTOR_DIMENSION_MAX {
        let (dimension, max) = (vector.len(), limits::VECTOR_DIMENSION_MAX);
        return Err(Error::limit(format!(
            "vector {} has {dimension} numbers, at most {max} are possible",
            quoted(name)
        )));
    }
    let good = |x: &f32| x.abs() <= limits::VECTOR_COMPONENT_MAX;
    // All of them without a branch is quicker than looking for one that is bad.
    let bad = match vector.iter().fold(true, |all, x| all & good(x)) {
        true => None,
        false => vector.iter().position(|x| !good(x)),
    };
    match bad.and_then(|at| vector.get(at).map(|x| (at, x))) {
        None => Ok(()),
        // Without formatting a float: nothing else needs the code for that, which would be a third of that for vectors.
        Some((at, x)) => {
            let what = match x.classify() {
                FpCategory::Nan => "NaN",
                FpCategory::Infinite => "infinite",
                _ => "too large",
            };
            Err(Error::invalid(format!(
                "number {at} of vector {} is {what}: finite ones up to 1e16 are possible",
                quoted(name)
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;
    use proptest::{collection::vec, prelude::*};

    fn encoded(vectors: &Vectors) -> Vec<u8> {
        let mut out = Vec::new();
        vectors.encode(&mut out).unwrap();
        out
    }

    proptest! {
        #[test]
        fn vectors_come_back(vectors in vec(("[a-d]{1,2}", vec(-1e6f32..1e6, 1..9)), 1..6)) {
            let vectors: Vectors = vectors.into_iter().collect();
            let bytes = encoded(&vectors);
            prop_assert_eq!(Vectors::decode(&bytes), Some(vectors.clone()));
            let mut out = Vec::new();
            for (name, vector) in vectors.iter() {
                prop_assert_eq!(read_one(&bytes, name, &mut out), Some(true));
                prop_assert_eq!(&*out, vector);
            }
            prop_assert_eq!(read_one(&bytes, "other", &mut out), Some(false));
        }

        #[test]
        fn what_is_read_is_the_only_form_of_its_vectors(
            vectors in vec(("[a-d]{1,2}", vec(-1e6f32..1e6, 1..4)), 1..4),
            at: prop::sample::Index,
            bit in 0u8..8,
            cut: prop::sample::Index,
        ) {
            let mut bytes = encoded(&vectors.into_iter().collect());
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
                if let Some(read) = Vectors::decode(bytes) {
                    prop_assert_eq!(encoded(&read), bytes);
                }
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..60)) {
            let _ = (Vectors::decode(&bytes), read_one(&bytes, "a", &mut Vec::new()), dimensions(&bytes));
        }
    }

    #[test]
    fn what_cannot_be_searched_is_refused_with_its_place() {
        let refused = |vectors: Vectors| {
            let e = vectors.encode(&mut Vec::new()).unwrap_err();
            (e.code(), e.message().to_owned())
        };
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let (code, message) = refused(Vectors::from([0.0, bad]));
            assert_eq!(code, ErrorCode::InvalidArgument);
            assert!(message.contains("number 1 of vector \"default\""), "{message}");
        }
        let largest = format!("{:e}", limits::VECTOR_COMPONENT_MAX);
        assert!(refused(Vectors::from([f32::MAX])).1.contains(&largest));
        assert_eq!(refused(Vectors::from([])).0, ErrorCode::InvalidArgument);
        assert_eq!(refused(Vectors::new().with("", [1.0])).0, ErrorCode::InvalidArgument);
        assert_eq!(refused(Vectors::new().with("a/b", [1.0])).0, ErrorCode::InvalidArgument);
        let long = limits::VECTOR_DIMENSION_MAX + 1;
        assert_eq!(refused(Vectors::from(alloc::vec![0.5; long])).0, ErrorCode::LimitExceeded);
        let many = (0..=limits::VECTORS_MAX).map(|n| (format!("v{n}"), [1.0]));
        assert_eq!(refused(many.collect()).0, ErrorCode::LimitExceeded);
    }

    #[test]
    fn the_largest_vectors_fit_into_their_bound() {
        let name = |n: usize| format!("{n:0>width$}", width = limits::NAME_BYTES_MAX);
        let one = alloc::vec![1.0; limits::VECTOR_DIMENSION_MAX];
        let vectors: Vectors = (0..limits::VECTORS_MAX).map(|n| (name(n), one.clone())).collect();
        assert!(encoded(&vectors).len() <= limits::VECTORS_BYTES_MAX);
    }
}
