//! Vectors beside documents: their configuration, and reading them.
//!
//! A configuration is a document of the collection `$vectors`, named `collection/name`, so it has a history and travels like
//! documents. Names have no slash, so each has one such key.

mod pages;
mod search;
mod search_index;
mod snapshot;
mod store;

pub use search::{Explain, Hit, Hits, Plan, Search};
pub(crate) use store::{VectorStep, VectorStore};

use super::{
    Draft, DraftChange, Engine, check_own_collection,
    draft::{Encoded, check_collection, check_key},
    key,
    model::{CommitInfo, Document, Version},
    scan::{KeyRange, Order},
    state::View,
};
use crate::{
    error::{Error, ErrorCode, Result, quoted},
    id::VersionId,
    log::{Location, reader},
    sorted::SortedMap,
    storage::{AsyncStorage, FileName},
    vector::{
        Codes, IndexKind, VectorConfig, Vectors,
        index::{Index, Layout, Structure},
        vectors,
    },
};
use alloc::{borrow::ToOwned, format, string::String, sync::Arc, vec::Vec};

/// What is known of the vectors of one name of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorInfo {
    /// The name.
    pub name: String,
    /// How they are to be searched.
    pub config: VectorConfig,
    /// Documents that have one now, as far as no other actor had a part in them.
    pub documents: u64,
    /// Versions that have one: what the index holds.
    pub versions: u64,
    /// The structure that is searched: what `auto` chose.
    pub index: IndexKind,
    /// What is kept in memory of each: what `auto` chose.
    pub codes: Codes,
    /// Versions that the graph has taken in; those behind them are scanned.
    pub linked: u64,
    /// Memory of the index, in bytes.
    pub memory_bytes: u64,
    /// Whether the index is made for this configuration. Until it is, searches compare every vector.
    pub ready: bool,
}

/// The collection that holds the configurations.
pub(super) const VECTORS: &str = "$vectors";

fn config_key(collection: &str, name: &str) -> String {
    format!("{collection}/{name}")
}

fn mismatch(collection: &str, name: &str, given: usize, known: usize) -> Error {
    let what = format!("vector {} of {collection} has {known} numbers, and {given} were given", quoted(name));
    Error::new(ErrorCode::DimensionMismatch, what)
}

/// Whether a vector has the dimension of its name.
pub(super) fn check_dimension(collection: &str, name: &str, given: usize, config: &VectorConfig) -> Result<()> {
    match given == config.dimension {
        true => Ok(()),
        false => Err(mismatch(collection, name, given, config.dimension)),
    }
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// The configuration of a name, as a view shows it; `None` if it has none.
    pub(crate) async fn vector_config(
        &self,
        view: &View,
        collection: &str,
        name: &str,
    ) -> Result<Option<VectorConfig>> {
        let key = config_key(collection, name);
        let document = self.get_in(view, VECTORS, &key).await?;
        document.map(|document| config_of(&key, &document)).transpose()
    }

    /// The configurations of a collection, by the names of the vectors.
    pub(crate) async fn vector_configs(&self, view: &View, collection: &str) -> Result<Vec<(String, VectorConfig)>> {
        check_collection(collection)?;
        let prefix = config_key(collection, "");
        let mut scan = self.scan(view.clone(), VECTORS, &KeyRange::prefix(prefix.clone()), Order::Ascending)?;
        let mut configs = Vec::new();
        while let Some(row) = scan.next(self).await? {
            let name = row.key.strip_prefix(&*prefix).unwrap_or_default();
            configs.push((name.to_owned(), config_of(&row.key, &row.document)?));
        }
        Ok(configs)
    }

    /// What is known of the vectors of a collection.
    pub(crate) async fn vector_info(&self, collection: &str) -> Result<Vec<VectorInfo>> {
        let view = self.view();
        let mut infos = Vec::new();
        for (name, config) in self.vector_configs(&view, collection).await? {
            let named = (collection.to_owned(), name);
            let until = self.until(&view);
            let look = |index: &Index| {
                let layout = index.ready(&config).map(Structure::layout);
                let layout = layout.unwrap_or_else(|| Layout::of(&config, index.rows.len()));
                VectorInfo {
                    name: named.1.clone(),
                    config,
                    versions: index.rows.len() as u64,
                    documents: index.alive(index.rows.cutoff(until)).count() as u64,
                    index: if layout.graph { IndexKind::Hnsw } else { IndexKind::Flat },
                    codes: layout.codes,
                    linked: index.structure.as_ref().map_or(0, Structure::linked) as u64,
                    memory_bytes: index.bytes() as u64,
                    ready: index.ready(&config).is_some(),
                }
            };
            let info = self.with_index(&named, look);
            infos.push(info.unwrap_or_else(|| look(&Index::new(config.dimension))));
        }
        Ok(infos)
    }

    /// A draft that sets the configuration of a name. The caller holds the gate.
    ///
    /// # Errors
    /// `DIMENSION_MISMATCH` if it has another dimension already.
    pub(crate) async fn draft_vector_config(
        &self,
        collection: &str,
        name: &str,
        config: VectorConfig,
        info: CommitInfo,
    ) -> Result<Draft> {
        check_own_collection(collection)?;
        vectors::check_name(name)?;
        config.check()?;
        let known = self.vector_config(&self.writer_view(), collection, name).await?;
        if let Some(known) = known {
            check_dimension(collection, name, config.dimension, &known)?;
        }
        let changes = match known == Some(config) {
            true => Vec::new(),
            false => [config_change(collection, name, config)?].into(),
        };
        Ok(Draft { info, changes, ..Draft::default() })
    }

    /// Checks the vectors of a draft against the configurations of their names, and adds those that are new. `parents` are
    /// the versions that each change replaces.
    pub(super) async fn configure_new_vectors(
        &self,
        view: &View,
        draft: &mut Draft,
        parents: &mut Vec<Vec<VersionId>>,
    ) -> Result<()> {
        let mut met: SortedMap<(Arc<str>, String), usize> = SortedMap::default();
        let mut added = Vec::new();
        for change in &draft.changes {
            let Some(encoded) = change.value.as_ref().and_then(|v| v.vectors.as_ref()) else { continue };
            for (name, dimension) in vectors::dimensions(&encoded.bytes) {
                let in_document = |e: Error| e.context(&format!("{}/{}", change.collection, change.key()));
                let place = (change.collection.clone(), name.to_owned());
                let known = match met.get(&place) {
                    Some(&known) => known,
                    None => {
                        let config = self.vector_config(view, &change.collection, name).await?;
                        let known = config.map_or(dimension, |config| config.dimension);
                        if config.is_none() {
                            let config = VectorConfig::new(dimension);
                            added.push(config_change(&change.collection, name, config)?);
                        }
                        met.insert(place, known);
                        known
                    }
                };
                if known != dimension {
                    return Err(in_document(mismatch(&change.collection, name, dimension, known)));
                }
            }
        }
        for change in added {
            let at = draft.changes.partition_point(|each| each.name() < change.name());
            draft.changes.insert(at, change);
            parents.insert(at, Vec::new());
        }
        Ok(())
    }

    /// The record of the vectors of a document as a view shows it: their stored form.
    pub(super) async fn vectors_record(&self, view: &View, collection: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let found = self.find(view, &key::document(collection, key)).await?.filter(|f| f.is_live(view.clock_ms));
        self.read_vectors(found.and_then(|f| f.entry.vectors())).await
    }

    async fn read_vectors(&self, at: Option<Location>) -> Result<Option<Vec<u8>>> {
        let Some(at) = at else { return Ok(None) };
        let mut record = Vec::new();
        reader::read_value(&self.storage, at, &mut |bytes| record.extend_from_slice(bytes)).await?;
        Ok(Some(record))
    }

    /// Whether two places hold the same vectors, or both none.
    pub(super) async fn same_vectors(&self, places: [Option<Location>; 2]) -> Result<bool> {
        let [a, b] = places;
        Ok(a.is_some() == b.is_some() && self.read_vectors(a).await? == self.read_vectors(b).await?)
    }

    /// Reads one vector of a record over `out`; whether there is one of that name.
    pub(super) async fn read_vector(&self, at: Location, name: &str, out: &mut Vec<f32>) -> Result<bool> {
        let mut read = None;
        reader::read_value(&self.storage, at, &mut |encoded| read = vectors::read_one(encoded, name, out)).await?;
        read.ok_or_else(|| malformed(at))
    }

    async fn decode_vectors(&self, at: Option<Location>) -> Result<Vectors> {
        let Some(at) = at else { return Ok(Vectors::default()) };
        let mut vectors = None;
        reader::read_value(&self.storage, at, &mut |encoded| vectors = Vectors::decode(encoded)).await?;
        vectors.ok_or_else(|| malformed(at))
    }

    /// The vectors of a document as a view shows it; `None` if there is no document, and empty if it has none.
    pub(crate) async fn vectors_in(&self, view: &View, collection: &str, key: &str) -> Result<Option<Vectors>> {
        self.check_open()?;
        check_collection(collection)?;
        check_key(key)?;
        match self.find(view, &key::document(collection, key)).await? {
            Some(found) if found.is_live(view.clock_ms) => self.decode_vectors(found.entry.vectors()).await.map(Some),
            _ => Ok(None),
        }
    }

    /// The vectors of one version; empty if it has none.
    pub(crate) async fn vectors_of(&self, version: &Version) -> Result<Vectors> {
        self.check_open()?;
        self.decode_vectors(version.vectors).await
    }
}

/// The configuration that a document of `$vectors` is.
fn config_of(key: &str, document: &Document) -> Result<VectorConfig> {
    let malformed = || Error::new(ErrorCode::Corrupt, format!("the record {VECTORS}/{key} is malformed"));
    VectorConfig::from_value(document.value()?).ok_or_else(malformed)
}

fn config_change(collection: &str, name: &str, config: VectorConfig) -> Result<DraftChange> {
    let value = Some(Encoded::new(&config.to_value())?);
    Ok(DraftChange::new(VECTORS.into(), config_key(collection, name), value))
}

fn malformed(at: Location) -> Error {
    Error::corrupt(FileName::Segment(at.segment), at.offset, "the vectors are malformed")
}
