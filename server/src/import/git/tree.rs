//! The files after each imported commit.
//!
//! Invariant: `files` is what was imported so far, and `elsewhere` names every path at which that is not the tree of the last
//! commit, with what the tree has there. So a merge costs what differs, and no tree has to be read as a whole.

use std::collections::HashMap;

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Link,
    Submodule,
}

impl Kind {
    /// The kind of a mode as git writes it. Whether a file can be executed is not kept.
    pub(super) fn of_mode(mode: &[u8]) -> Option<Kind> {
        match mode {
            b"000000" => None,
            b"120000" => Some(Kind::Link),
            b"160000" => Some(Kind::Submodule),
            _ => Some(Kind::File),
        }
    }
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// The object's id, hexadecimal.
    pub(super) id: Box<str>,
}

/// What a commit does to a path: `after` is what is there then, `None` for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathChange {
    pub(super) path: Vec<u8>,
    pub(super) after: Option<Entry>,
}

#[derive(Debug, Default)]
pub(super) struct Tree {
    files: HashMap<Vec<u8>, Entry>,
    elsewhere: HashMap<Vec<u8>, Option<Entry>>,
}

impl Tree {
    /// Begins at a whole tree.
    pub(super) fn start(&mut self, files: HashMap<Vec<u8>, Entry>) {
        self.files = files;
        self.elsewhere.clear();
    }

    /// Goes on by one commit, and returns what it has to write, ascending by path.
    ///
    /// `own` is what it changed of its parent, `None` for a merge; `step` is how its tree differs from that of the commit
    /// imported before it, `None` if that is its parent.
    pub(super) fn advance(
        &mut self,
        own: Option<Vec<PathChange>>,
        step: Option<Vec<PathChange>>,
    ) -> Vec<(Vec<u8>, Option<Entry>)> {
        let step = step.as_ref().or(own.as_ref());
        self.elsewhere.extend(step.into_iter().flatten().map(|change| (change.path.clone(), change.after.clone())));
        let mut changed: Vec<_> = match own {
            Some(own) => own.into_iter().map(|change| (change.path, change.after)).collect(),
            None => {
                let differs = |(path, after): &(&Vec<u8>, &Option<Entry>)| self.files.get(*path) != after.as_ref();
                self.elsewhere.iter().filter(differs).map(|(path, after)| (path.clone(), after.clone())).collect()
            }
        };
        changed.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (path, after) in &changed {
            match after {
                Some(entry) => self.files.insert(path.clone(), entry.clone()),
                None => self.files.remove(path),
            };
        }
        self.elsewhere.retain(|path, tree| self.files.get(path) != tree.as_ref());
        changed
    }

    /// A path at which the files are not those of a tree.
    pub(super) fn difference<'t>(&'t self, tree: &'t HashMap<Vec<u8>, Entry>) -> Option<&'t [u8]> {
        let missing = tree.iter().filter(|(path, entry)| self.files.get(*path) != Some(entry)).map(|(path, _)| path);
        let extra = self.files.keys().filter(|path| !tree.contains_key(*path));
        missing.chain(extra).min().map(|path| &**path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Files = HashMap<Vec<u8>, Entry>;

    fn files(text: &str) -> Files {
        let entry = |id: &str| Entry { kind: Kind::File, id: id.into() };
        text.split_whitespace().map(|f| (f[..1].into(), entry(&f[1..]))).collect()
    }

    fn between(before: &Files, after: &Files) -> Vec<PathChange> {
        let paths = before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path));
        let mut changes: Vec<_> =
            paths.map(|path| PathChange { path: path.clone(), after: after.get(path).cloned() }).collect();
        changes.dedup();
        changes
    }

    /// Two lines from one root, imported one behind the other: the second one's commits see the first one's files, and the merge
    /// ends exactly at its tree, whatever that is.
    #[test]
    fn after_a_merge_the_files_are_those_of_its_tree() {
        let root = files("a1 b1 c1 d1");
        let left = files("a2 c1 d1 e1");
        let right = files("a3 b1 d1 f1");
        for merged in ["a4 b1 e1 f1", "a2 c1 d1 e1", "a3 b1 d1 f1", "a1 b1 c1 d1", "", "x1"] {
            let merged = files(merged);
            let mut tree = Tree::default();
            tree.advance(Some(between(&Files::new(), &root)), None);
            tree.advance(Some(between(&root, &left)), None);
            assert_eq!((tree.difference(&left), tree.elsewhere.len()), (None, 0));
            tree.advance(Some(between(&root, &right)), Some(between(&left, &right)));
            assert_eq!(tree.difference(&files("a3 d1 e1 f1")), None);
            tree.advance(None, Some(between(&right, &merged)));
            assert_eq!((tree.difference(&merged), tree.elsewhere.len()), (None, 0));
        }
    }

    #[test]
    fn a_difference_is_found_on_either_side() {
        let mut tree = Tree::default();
        tree.start(files("a1 b1"));
        assert_eq!(tree.difference(&files("a1 b2")), Some(&b"b"[..]));
        assert_eq!(tree.difference(&files("b1")), Some(&b"a"[..]));
        assert_eq!(tree.difference(&files("a1 b1 c1")), Some(&b"c"[..]));
    }
}
