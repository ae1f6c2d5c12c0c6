//! A prepared set, as `bench/vectors/sets.py` leaves it: rows of unit length, queries, the true nearest, fields and filters.

use super::npy::{Array, floats, ints};
use crate::Result;
use koru_delta::Filter;
use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// How many are looked for.
pub(crate) const K: usize = 10;

pub(crate) struct Set {
    folder: PathBuf,
    filters: Vec<Value>,
}

/// Queries, and the rows that are nearest to each, best first.
pub(crate) struct Asked {
    pub(crate) queries: Array<f32>,
    pub(crate) truth: Array<i32>,
}

/// A filter, and who is asked with it.
pub(crate) struct Filtered {
    pub(crate) name: String,
    pub(crate) filter: Filter,
    /// How many rows match.
    pub(crate) rows: u64,
    pub(crate) asked: Asked,
}

impl Set {
    pub(crate) fn open(folder: &Path) -> Result<Set> {
        let filters = serde_json::from_str(&fs::read_to_string(folder.join("filters.json"))?)?;
        Ok(Set { folder: folder.to_owned(), filters })
    }

    pub(crate) fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(crate) fn base(&self) -> Result<Array<f32>> {
        floats(&self.folder.join("base.f32.npy"))
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> Result<usize> {
        Ok(ints(&self.folder.join("random.i32.npy"))?.all.len())
    }

    pub(crate) fn asked(&self) -> Result<Asked> {
        let queries = floats(&self.folder.join("query.f32.npy"))?;
        Ok(Asked { queries, truth: ints(&self.folder.join("truth.i32.npy"))? })
    }

    /// The value of the document of each row: its fields.
    pub(crate) fn documents(&self) -> Result<Vec<Map<String, Value>>> {
        let mut documents = Vec::new();
        for field in self.filters.iter().map(|filter| text(filter, "field")) {
            let field = field?;
            let values = ints(&self.folder.join(format!("{field}.i32.npy")))?.all;
            documents.resize_with(values.len(), Map::new);
            for (document, value) in documents.iter_mut().zip(values) {
                document.insert(field.to_owned(), value.into());
            }
        }
        Ok(documents)
    }

    pub(crate) fn filters(&self) -> Result<Vec<Filtered>> {
        let every = self.asked()?.queries;
        let one = |given: &Value| -> Result<Filtered> {
            let which = ints(&self.folder.join(text(given, "queries")?))?.all;
            let all = which.iter().flat_map(|&at| every.rows().nth(at as usize).unwrap_or_default()).copied().collect();
            let truth = ints(&self.folder.join(text(given, "truth")?))?;
            Ok(Filtered {
                name: text(given, "name")?.into(),
                filter: Filter::new(&json!({text(given, "field")?: {"$gte": given["from"], "$lt": given["below"]}}))?,
                rows: given["rows"].as_u64().unwrap_or_default(),
                asked: Asked { queries: Array { width: every.width, all }, truth },
            })
        };
        self.filters.iter().map(one).collect()
    }
}

fn text<'a>(of: &'a Value, name: &str) -> Result<&'a str> {
    of[name].as_str().ok_or_else(|| format!("filters.json: {of} has no {name}").into())
}
