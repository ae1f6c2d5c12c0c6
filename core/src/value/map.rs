//! Maps: a sorted vector of entries, because documents are small, are read far more often than changed, and their
//! canonical encoding is in this order.
//!
//! Invariant: keys ascend strictly by their UTF-8 bytes.

use super::{Text, Value};
use crate::sort::sort_by;
use alloc::vec::{self, Vec};
use core::{fmt, slice};

pub(super) const ENTRY_BYTES: usize = size_of::<(Text, Value)>();

/// Keys, each with a value, ordered by the UTF-8 bytes of the keys.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Map(Vec<(Text, Value)>);

impl Map {
    /// A map without entries.
    pub fn new() -> Map {
        Map::default()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self.find(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The value under `key`, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let at = self.find(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Whether there is a value under `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Puts `value` under `key` and returns what was there. Entries behind it move: build a large map with `collect`.
    pub fn insert(&mut self, key: impl Into<Text>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        match self.find(&key) {
            Ok(at) => self.0.get_mut(at).map(|(_, old)| core::mem::replace(old, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes out what is under `key`.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.find(key).ok()?;
        Some(self.0.remove(at).1)
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> MapIter<'_> {
        self.into_iter()
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &Text> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The map of entries that are known to ascend strictly, as the decoder has checked.
    pub(crate) fn from_sorted(entries: Vec<(Text, Value)>) -> Map {
        debug_assert!(entries.is_sorted_by(|(a, _), (b, _)| a < b));
        Map(entries)
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(each, _)| each.as_bytes().cmp(key.as_bytes()))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Of several entries with the same key the last one stays.
impl<K: Into<Text>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Map {
        let mut entries: Vec<(Text, Value)> = entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            // The sort is stable. `dedup_by` drops its first argument, the later entry, so that one moves forward first.
            sort_by(&mut entries, |(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    core::mem::swap(later, earlier);
                }
                same
            });
        }
        Map(entries)
    }
}

impl<K: Into<Text>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Map {
    fn from(entries: [(K, V); N]) -> Map {
        entries.into_iter().collect()
    }
}

impl IntoIterator for Map {
    type Item = (Text, Value);
    type IntoIter = vec::IntoIter<(Text, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The entries of a map in the order of their keys.
pub type MapIter<'a> = core::iter::Map<slice::Iter<'a, (Text, Value)>, fn(&'a (Text, Value)) -> (&'a Text, &'a Value)>;

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Text, &'a Value);
    type IntoIter = MapIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}
