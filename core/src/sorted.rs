//! A map that is a sorted vector: for what is read far more often than it grows, like what is known of actors.
//!
//! Invariant: the keys ascend strictly. Entries that come in order are appended; one that does not moves those behind it.
//! Less code than a tree of each type: in a module for browsers that is a download.

use alloc::vec::{self, Vec};
use core::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedMap(Vec::new())
    }
}

/// Of so many places the one that compares as equal, or else the one before which it would stand. The last one is asked first.
/// There is one copy of it, for keys of all types.
fn search(places: usize, compare: &mut dyn FnMut(usize) -> Ordering) -> Result<usize, usize> {
    let (mut from, mut to) = (0, places);
    let mut at = places.wrapping_sub(1);
    while from < to {
        match compare(at) {
            Ordering::Equal => return Ok(at),
            Ordering::Less => from = at + 1,
            Ordering::Greater => to = at,
        }
        at = from + (to - from) / 2;
    }
    Err(from)
}

impl<K: Ord, V> SortedMap<K, V> {
    fn find(&self, key: &K) -> Result<usize, usize> {
        search(self.0.len(), &mut |place| self.0[place].0.cmp(key))
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let at = self.find(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// The values of those keys that compare as equal to something, which ascend as the keys do. They may be changed.
    pub(crate) fn equal_mut(&mut self, compare: impl Fn(&K) -> Ordering) -> impl Iterator<Item = &mut V> {
        let start = self.0.partition_point(|(key, _)| compare(key).is_lt());
        self.0[start..].iter_mut().take_while(move |(key, _)| compare(key).is_eq()).map(|(_, value)| value)
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    /// Sets the value of a key, in the place of the one that it had, which is returned.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(core::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes out a key, and returns its value.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.0.iter()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }
}

/// Of equal keys the last one stays.
impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = SortedMap::default();
        entries.into_iter().for_each(|(key, value)| _ = map.insert(key, value));
        map
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_what_a_tree_holds(entries: Vec<(u8, u32)>, asked: u8, others: Vec<(u8, u32)>) {
            let (mut map, mut tree): (SortedMap<_, _>, BTreeMap<_, _>) = (entries.iter().copied().collect(), entries.into_iter().collect());
            for (key, value) in others {
                match value % 2 {
                    0 => prop_assert_eq!(map.insert(key, value), tree.insert(key, value)),
                    _ => prop_assert_eq!(map.remove(&key), tree.remove(&key)),
                }
            }
            prop_assert!(map.keys().eq(tree.keys()));
            prop_assert_eq!(map.get(&asked), tree.get(&asked));
            prop_assert_eq!(map.contains(&asked), tree.contains_key(&asked));
            prop_assert_eq!((map.len(), map.is_empty()), (tree.len(), tree.is_empty()));
            prop_assert!(map.values().eq(tree.values()));
            prop_assert!(map.values_mut().eq(tree.values_mut()));
            let tens = map.equal_mut(|key| (key / 10).cmp(&(asked / 10))).map(|value| *value).collect::<Vec<_>>();
            let first = asked / 10 * 10;
            prop_assert!(tens.iter().eq(tree.range(first..=first.saturating_add(9)).map(|(_, value)| value)));
            prop_assert!(map.into_iter().eq(tree));
        }
    }
}
