//! The ef of each row: looked for once, and the same in all rounds. They are kept in a file beside the databases, as
//! `bench/vectors/measure.py` keeps those of the peers; who builds a database anew removes it.

use crate::Result;
use serde_json::{Map, Value};
use std::{
    fs,
    path::{Path, PathBuf},
};

pub(super) struct Efs {
    file: PathBuf,
    known: Map<String, Value>,
}

impl Efs {
    /// Those of the databases in a folder.
    pub(super) fn of(folder: &Path) -> Result<Efs> {
        let file = folder.with_extension("ef.json");
        let known = if file.exists() { serde_json::from_str(&fs::read_to_string(&file)?)? } else { Map::new() };
        Ok(Efs { file, known })
    }

    /// The one that is kept, or the one that is found now, and then it is kept.
    pub(super) fn least(&mut self, row: &str, find: impl FnOnce() -> Result<usize>) -> Result<usize> {
        if let Some(kept) = self.known.get(row).and_then(Value::as_u64) {
            return Ok(usize::try_from(kept)?);
        }
        let found = find()?;
        self.known.insert(row.to_owned(), found.into());
        fs::write(&self.file, Value::Object(self.known.clone()).to_string())?;
        Ok(found)
    }
}
