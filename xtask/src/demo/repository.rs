//! The git repository that the demo imports, asked through `git` itself.

use crate::{Result, process::quietly};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Changes of the README from which on its history shows more than any other file's.
const README_CHANGES_MIN: u64 = 5;

const PATIENCE: Duration = Duration::from_secs(120);
/// Commits that are searched for the file that changed most. Enough to find a lively one, also in a large repository.
const SEARCHED: &str = "2000";
/// A text to show has none of what a terminal would stumble over.
const TEXT_BYTES_MAX: usize = 200_000;
/// A key of a document has a bound, see the reference page "limits".
const PATH_BYTES_MAX: usize = 4096;

/// A git repository with at least one commit.
pub(crate) struct Repository {
    path: PathBuf,
    commits: u64,
    shallow: bool,
}

impl Repository {
    /// Opens the repository at `path`, and says what is wrong if there is none.
    pub(crate) fn open(path: &Path) -> Result<Repository> {
        let shown = path.display();
        let path = path.canonicalize().map_err(|e| format!("{shown}: {e}"))?;
        if !path.is_dir() {
            return Err(format!("{shown} is not a folder, so it is no git repository"));
        }
        let mut repository = Repository { path, commits: 0, shallow: false };
        repository.git(&["--version"])?;
        repository.git(&["rev-parse", "--git-dir"]).map_err(|e| {
            let reason = e.lines().last().unwrap_or_default();
            format!("{shown} is not a git repository that can be read: {reason}")
        })?;
        if repository.git(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).is_err() {
            return Err(format!("{shown} is a git repository without a commit: commit something, or name another one"));
        }
        let count = repository.git(&["rev-list", "--count", "HEAD"])?;
        repository.commits = count.trim().parse().map_err(|e| format!("git counts {:?} commits: {e}", count.trim()))?;
        repository.shallow = repository.git(&["rev-parse", "--is-shallow-repository"])?.trim() == "true";
        Ok(repository)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many commits lead to its head.
    pub(crate) fn commits(&self) -> u64 {
        self.commits
    }

    /// Whether a part of its history was left out when it was cloned.
    pub(crate) fn is_shallow(&self) -> bool {
        self.shallow
    }

    /// What its objects take on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let counted = self.git(&["count-objects", "-v"]).unwrap_or_default();
        let field = |name: &str| -> u64 {
            let line = counted.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.and_then(|kib| kib.parse().ok()).unwrap_or(0)
        };
        (field("size") + field("size-pack")) * 1024
    }

    /// A text file of the head whose history is worth a look: the README if it changed often enough, else the one that changed
    /// most, by name among equals.
    pub(crate) fn file(&self) -> Result<Option<String>> {
        let listed = self.git(&["ls-tree", "-r", "-z", "--full-tree", "--name-only", "HEAD"])?;
        let present: HashSet<&str> = split(&listed).filter(|path| is_showable(path)).collect();
        // Merges are left out by git here, as they change no file by themselves.
        let log = self.git(&["log", "-z", "-n", SEARCHED, "--format=", "--name-only", "--no-renames", "HEAD"])?;
        let mut changes: HashMap<&str, u64> = HashMap::new();
        for path in split(&log).filter(|path| present.contains(path)) {
            *changes.entry(path).or_default() += 1;
        }
        let mut candidates: Vec<(&str, u64)> = changes.into_iter().collect();
        candidates.sort_by_key(|&(path, count)| {
            (!(path == "README.md" && count >= README_CHANGES_MIN), std::cmp::Reverse(count), path)
        });
        let text = candidates.iter().map(|(path, _)| *path).take(20).find(|path| self.is_text(path));
        Ok(text.map(str::to_owned))
    }

    fn is_text(&self, path: &str) -> bool {
        let text = self.git(&["cat-file", "blob", &format!("HEAD:{path}")]).unwrap_or_default();
        // Bytes that are not UTF-8 arrive here as the replacement character.
        !text.is_empty() && text.len() <= TEXT_BYTES_MAX && !text.contains(['\0', char::REPLACEMENT_CHARACTER])
    }

    fn git(&self, args: &[&str]) -> Result<String> {
        quietly(Command::new("git").arg("-C").arg(&self.path).args(args), PATIENCE)
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\0', '\n']).filter(|path| !path.is_empty())
}

fn is_showable(path: &str) -> bool {
    path.len() <= PATH_BYTES_MAX && !path.contains(char::REPLACEMENT_CHARACTER) && !path.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder that goes when the test ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("koru-xtask-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).expect("the temporary folder can be written to");
            Folder(path)
        }

        fn git(&self, args: &[&str]) -> &Folder {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"];
            let mut command = Command::new("git");
            quietly(command.arg("-C").arg(&self.0).args(identity).args(args), PATIENCE).expect("git does it");
            self
        }

        fn commit(&self, file: &str, content: &[u8]) -> &Folder {
            fs::write(self.0.join(file), content).expect("it can be written");
            self.git(&["add", "--all"]).git(&["commit", "-qm", file])
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn refusal(path: &Path) -> String {
        Repository::open(path).err().expect("it is refused")
    }

    #[test]
    fn what_is_no_repository_with_a_commit_is_refused_with_its_reason() {
        let folder = Folder::new("refused");
        assert!(refusal(&folder.0).contains("is not a git repository"));
        assert!(refusal(&folder.0.join("absent")).contains("absent"));
        folder.git(&["init", "-q"]);
        assert!(refusal(&folder.0).contains("without a commit"));
        folder.commit("a", b"1\n");
        assert!(refusal(&folder.0.join("a")).contains("is not a folder"));
    }

    #[test]
    fn the_file_shown_is_the_readme_if_it_changed_often_else_the_liveliest_text() {
        let folder = Folder::new("file");
        folder.git(&["init", "-q"]).commit("README.md", b"1\n");
        for n in 0..3 {
            folder.commit("picture", &[0, 255, n]).commit("code.rs", format!("{n}\n").as_bytes());
        }
        folder.commit("gone", b"1\n").commit("gone", b"2\n").git(&["rm", "-q", "gone"]).git(&["commit", "-qm", "gone"]);
        let repository = Repository::open(&folder.0).expect("it is one");
        assert_eq!((repository.commits(), repository.is_shallow()), (10, false));
        assert!(repository.bytes() > 0);
        assert_eq!(repository.file(), Ok(Some("code.rs".into())));
        folder.commit("code.rs", b"3\n").commit("code.rs", b"4\n");
        for n in 1..README_CHANGES_MIN {
            assert_eq!(repository.file(), Ok(Some("code.rs".into())), "{n} changes of the README");
            folder.commit("README.md", format!("{n}\n").repeat(2).as_bytes());
        }
        assert_eq!(repository.file(), Ok(Some("README.md".into())));
    }

    #[test]
    fn a_shallow_clone_is_noticed() {
        let (folder, clone) = (Folder::new("deep"), Folder::new("shallow"));
        folder.git(&["init", "-q"]).commit("a", b"1\n").commit("a", b"2\n");
        let url = format!("file://{}", folder.0.display());
        clone.git(&["clone", "-q", "--depth", "1", &url, "here"]);
        let repository = Repository::open(&clone.0.join("here")).expect("it is a repository");
        assert!(repository.is_shallow());
        assert_eq!(repository.commits(), 1);
    }
}
