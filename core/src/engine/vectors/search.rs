//! Searching a collection by vector: what is asked, and what comes back.
//!
//! Invariant: hits are those of an exact comparison with every document that the view shows and the filter takes, as far as
//! the plan is exact, ordered by score and then by key; and their scores are exact whatever the plan.

use super::{check_dimension, store::Named};
use crate::{
    engine::{
        Engine, check_collection,
        model::{Document, Moment, Version},
        scan::{KeyRange, Order},
        state::View,
    },
    error::{Error, ErrorCode, Result, quoted},
    limits,
    query::Filter,
    storage::AsyncStorage,
    vector::{DEFAULT_VECTOR, Metric, VectorConfig, Vectors, score, vectors},
};
use alloc::{borrow::ToOwned, format, string::String, vec, vec::Vec};

/// What is searched for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    Vector(Vec<f32>),
    /// The vector of a document, which is itself left out.
    Document(String),
}

/// A search for the documents whose vector is nearest to one.
///
/// ```
/// # fn main() -> koru_delta::Result<()> {
/// use koru_delta::{Database, Filter, Search, Vectors, WriteOptions};
/// use serde_json::json;
///
/// let db = Database::memory()?;
/// let notes = db.collection("notes");
/// for (key, topic, vector) in [("a", "sea", [1.0, 0.0]), ("b", "sky", [0.8, 0.6]), ("c", "sea", [0.0, 1.0])] {
///     let options = WriteOptions { vectors: Vectors::from(vector), ..WriteOptions::default() };
///     notes.put_with(key, &json!({"topic": topic}), options)?;
/// }
/// let before = db.snapshot()?;
/// notes.delete("b")?;
///
/// let keys = |hits: koru_delta::Hits| hits.iter().map(|hit| hit.key.clone()).collect::<Vec<_>>();
/// let near = Search::vector(&[0.9, 0.1]).k(2);
/// assert_eq!(keys(notes.search(&near)?), ["a", "c"]);
/// assert_eq!(keys(before.collection("notes").search(&near)?), ["a", "b"]);
/// let sea = near.filter(Filter::new(&json!({"topic": "sea"}))?);
/// assert_eq!(keys(notes.search(&sea)?), ["a", "c"]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Search {
    pub(crate) target: Target,
    pub(crate) name: String,
    pub(crate) k: usize,
    pub(crate) keys: KeyRange,
    pub(crate) filter: Option<Filter>,
    pub(crate) threshold: Option<f32>,
    pub(crate) ef: Option<usize>,
    pub(crate) exact: bool,
    pub(crate) values: bool,
    pub(crate) vectors: bool,
    pub(crate) as_of: Option<Moment>,
}

impl Search {
    fn new(target: Target) -> Search {
        Search {
            target,
            name: DEFAULT_VECTOR.to_owned(),
            k: 10,
            keys: KeyRange::default(),
            filter: None,
            threshold: None,
            ef: None,
            exact: false,
            values: true,
            vectors: false,
            as_of: None,
        }
    }

    /// For what is nearest to a vector of the same dimension.
    pub fn vector(vector: &[f32]) -> Search {
        Search::new(Target::Vector(vector.to_vec()))
    }

    /// For what is nearest to a document of the collection: "more like this". The document itself is left out.
    pub fn like(key: impl Into<String>) -> Search {
        Search::new(Target::Document(key.into()))
    }

    /// Among the vectors of this name, instead of `default`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Search {
        self.name = name.into();
        self
    }

    /// How many hits there are at most, 1 to [`SEARCH_K_MAX`](limits::SEARCH_K_MAX); 10 if it is not said.
    #[must_use]
    pub fn k(mut self, k: usize) -> Search {
        self.k = k;
        self
    }

    /// Only documents whose value the filter takes. It is applied inside of the search: `k` hits come back if there are as
    /// many.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Search {
        self.filter = Some(filter);
        self
    }

    /// Only documents of these keys.
    #[must_use]
    pub fn keys(mut self, keys: KeyRange) -> Search {
        self.keys = keys;
        self
    }

    /// Only documents at least so near: the least score, or with the metric `euclidean` the largest distance. With a large
    /// [`k`](Search::k) this is a range search.
    #[must_use]
    pub fn threshold(mut self, score: f32) -> Search {
        self.threshold = Some(score);
        self
    }

    /// How many candidates are followed in the graph: more find more of the nearest and take longer. At most
    /// [`SEARCH_EF_MAX`](limits::SEARCH_EF_MAX); chosen from `k` if it is not said. Without a graph it has no effect.
    #[must_use]
    pub fn ef(mut self, ef: usize) -> Search {
        self.ef = Some(ef);
        self
    }

    /// Compares with every document that is taken, whatever that costs: no hit is missed.
    #[must_use]
    pub fn exact(mut self, exact: bool) -> Search {
        self.exact = exact;
        self
    }

    /// Whether hits have their documents; they do if it is not said.
    #[must_use]
    pub fn include_values(mut self, values: bool) -> Search {
        self.values = values;
        self
    }

    /// Whether hits have their vectors; they do not if it is not said.
    #[must_use]
    pub fn include_vectors(mut self, vectors: bool) -> Search {
        self.vectors = vectors;
        self
    }

    /// What was there at a moment, ranked as it was then. Of a snapshot this must not be said.
    #[must_use]
    pub fn as_of(mut self, moment: impl Into<Moment>) -> Search {
        self.as_of = Some(moment.into());
        self
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.exact
    }

    fn check(&self) -> Result<()> {
        let within = |what: &str, given: usize, max: usize| match given {
            0 => Err(Error::invalid(format!("{what} of 0: 1 to {max} are possible"))),
            _ if given > max => Err(Error::limit(format!("{what} of {given}: 1 to {max} are possible"))),
            _ => Ok(()),
        };
        within("k", self.k, limits::SEARCH_K_MAX)?;
        within("ef", self.ef.unwrap_or(1), limits::SEARCH_EF_MAX)?;
        match self.threshold {
            Some(threshold) if threshold.is_nan() => Err(Error::invalid("a threshold that is not a number")),
            _ => Ok(()),
        }
    }
}

/// A document that a search found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Its key.
    pub key: String,
    /// How near it is: cosine or dot product (larger is nearer), or Euclidean distance (smaller is nearer). The same bits on
    /// every platform.
    pub score: f32,
    /// Its version.
    pub version: Version,
    /// Its value, unless the search leaves it out.
    pub document: Option<Document>,
    /// Its vectors, if the search asks for them.
    pub vectors: Option<Vectors>,
}

/// How a search was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Every document that is taken was read and compared: exact.
    Documents,
    /// Every row that is taken was compared: exact.
    Rows,
    /// The codes of every row that is taken were compared, and the best of them exactly.
    Flat,
    /// The graph was followed over codes, and the best of them compared exactly.
    Graph,
}

impl Plan {
    /// Its name, the same in every language.
    pub const fn name(self) -> &'static str {
        match self {
            Plan::Documents => "documents",
            Plan::Rows => "rows",
            Plan::Flat => "flat",
            Plan::Graph => "graph",
        }
    }
}

/// How a search was carried out, and why so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// How.
    pub plan: Plan,
    /// Why.
    pub reason: String,
    /// Rows of the index, or documents where there is none, that the search began with.
    pub rows: u64,
    /// Those of them that the moment, the keys and the filter take.
    pub taken: u64,
    /// Vectors that were compared exactly.
    pub compared: u64,
    /// Whether the index could not be used and everything was compared instead.
    pub degraded: bool,
}

/// The hits of a search, best first, and how they were found.
#[derive(Clone, Debug)]
pub struct Hits {
    pub(crate) hits: Vec<Hit>,
    pub(crate) explain: Explain,
    /// The index is not what it is to be: maintenance has something to do.
    pub(crate) lags: bool,
}

impl Hits {
    /// How they were found, and why so.
    pub fn explain(&self) -> &Explain {
        &self.explain
    }
}

impl core::ops::Deref for Hits {
    type Target = [Hit];

    fn deref(&self) -> &[Hit] {
        &self.hits
    }
}

impl IntoIterator for Hits {
    type Item = Hit;
    type IntoIter = alloc::vec::IntoIter<Hit>;

    fn into_iter(self) -> Self::IntoIter {
        self.hits.into_iter()
    }
}

/// A document that was compared exactly.
pub(super) struct Scored {
    pub(super) score: f32,
    pub(super) key: String,
    pub(super) version: Version,
}

/// The best of what was compared, best first: their scores, and the numbers by which they are known to who compares.
pub(super) struct Best {
    metric: Metric,
    k: usize,
    threshold: Option<f32>,
    found: Vec<(f32, u32)>,
}

impl Best {
    pub(super) fn new(metric: Metric, k: usize, threshold: Option<f32>) -> Best {
        Best { metric, k, threshold, found: Vec::new() }
    }

    /// Whether one with this score may be among them.
    pub(super) fn wants(&self, score: f32) -> bool {
        let near = self.threshold.is_none_or(|threshold| self.metric.better(score, threshold).is_le());
        near && (self.found.len() < self.k
            || self.found.last().is_none_or(|last| self.metric.better(score, last.0).is_le()))
    }

    /// Takes one in if it is among the best, and returns the one that there is no room for. Where scores are equal the keys
    /// decide.
    pub(super) fn add<'k>(&mut self, score: f32, number: u32, key: &dyn Fn(u32) -> &'k str) -> Option<u32> {
        let before =
            |each: &(f32, u32)| self.metric.better(each.0, score).then_with(|| key(each.1).cmp(key(number))).is_lt();
        let at = self.found.partition_point(before);
        if at >= self.k {
            return Some(number);
        }
        let last = if self.found.len() < self.k { None } else { self.found.pop() };
        self.found.insert(at, (score, number));
        last.map(|(_, number)| number)
    }

    pub(super) fn into_found(self) -> Vec<(f32, u32)> {
        self.found
    }
}

/// What a search came to.
pub(super) struct Searched {
    pub(super) best: Vec<Scored>,
    pub(super) explain: Explain,
    pub(super) lags: bool,
}

/// A search with everything that it needs to know.
pub(super) struct Asked<'a> {
    pub(super) named: Named,
    pub(super) search: &'a Search,
    pub(super) query: score::Query,
    /// The document that is searched from.
    pub(super) left_out: Option<&'a str>,
}

impl Asked<'_> {
    /// Whether a document of this key may be a hit, as far as the key says.
    pub(super) fn takes_key(&self, key: &str) -> bool {
        self.left_out != Some(key) && self.search.keys.contains(key)
    }
}

#[driven]
impl<S: AsyncStorage> Engine<S> {
    /// The documents that a view shows and whose vector is nearest.
    ///
    /// # Errors
    /// `NOT_FOUND` for vectors or a document that there are not, `DIMENSION_MISMATCH`, `INVALID_ARGUMENT`.
    pub(crate) async fn search(&self, view: &View, collection: &str, search: &Search) -> Result<Hits> {
        self.check_open()?;
        check_collection(collection)?;
        search.check()?;
        let view = &match &search.as_of {
            None => view.clone(),
            Some(moment) => self.view_at(moment).await?,
        };
        let named = (collection.to_owned(), search.name.clone());
        let now = self.view();
        let known = self.with_index(&named, |index| index.config(now.sequence)).flatten();
        let config = match known {
            None => self.vector_config(&now, collection, &search.name).await?,
            known => known,
        };
        let Some(config) = config else {
            let what = format!("{collection} has no vectors {}: put a document with one first", quoted(&search.name));
            return Err(Error::new(ErrorCode::NotFound, what));
        };
        if known.is_none() {
            self.with_index(&named, |index| index.keep_config(now.sequence, config));
        }
        let (vector, left_out) = self.target(view, collection, search, &config).await?;
        let asked = Asked { named, search, query: score::Query::new(config.metric, &vector), left_out };
        let Searched { best, explain, lags } = match self.search_index(view, &asked, &config).await? {
            Some(found) => found,
            None => self.search_documents(view, &asked).await?,
        };
        let mut hits = Vec::with_capacity(best.len());
        for Scored { score, key, version } in best {
            let document = match search.values {
                true => self.document_at(collection, &key, &version).await?,
                false => None,
            };
            let vectors = match search.vectors {
                true => Some(self.vectors_of(&version).await?),
                false => None,
            };
            hits.push(Hit { key, score, version, document, vectors });
        }
        Ok(Hits { hits, explain, lags })
    }

    /// The vector that is searched for, and the document that it is of.
    async fn target<'s>(
        &self,
        view: &View,
        collection: &str,
        search: &'s Search,
        config: &VectorConfig,
    ) -> Result<(Vec<f32>, Option<&'s str>)> {
        match &search.target {
            Target::Vector(vector) => {
                vectors::check(&search.name, vector)?;
                check_dimension(collection, &search.name, vector.len(), config)?;
                Ok((vector.clone(), None))
            }
            Target::Document(key) => {
                let vectors = self.vectors_in(view, collection, key).await?;
                let vector = vectors.as_ref().and_then(|v| v.get(&search.name));
                let vector = vector.ok_or_else(|| {
                    let what = match &vectors {
                        None => format!("there is no document {collection}/{key}"),
                        Some(_) => format!("{collection}/{key} has no vector {}", quoted(&search.name)),
                    };
                    Error::new(ErrorCode::NotFound, what)
                })?;
                Ok((vector.to_vec(), Some(key)))
            }
        }
    }

    /// Reads every document that is taken and compares it.
    pub(super) async fn search_documents(&self, view: &View, asked: &Asked<'_>) -> Result<Searched> {
        let Asked { named: (collection, _), search, query, .. } = asked;
        let mut best = Best::new(query.metric(), search.k, search.threshold);
        let (mut rows, mut taken) = (0, 0);
        let mut row = Vec::new();
        // By their numbers: the best, and one that is not.
        let mut kept: Vec<Option<(String, Version)>> = vec![None];
        let mut free = 0;
        let mut scan = self.scan(view.clone(), collection, &search.keys, Order::Ascending)?;
        while let Some((key, version)) = scan.next_version(self).await? {
            rows += 1;
            let Some(at) = version.vectors.filter(|_| asked.takes_key(&key)) else { continue };
            if let Some(filter) = &search.filter {
                let document = self.document_at(collection, &key, &version).await?;
                let Some(document) = document else { continue };
                if !filter.matches_encoded(document.encoded())? {
                    continue;
                }
            }
            if !self.read_vector(at, &search.name, &mut row).await? {
                continue;
            }
            check_dimension(collection, &search.name, row.len(), &VectorConfig::new(query.vector().len()))?;
            taken += 1;
            let score = score::score(query, &row);
            if best.wants(score) {
                kept[free as usize] = Some((key, version));
                let key = |number: u32| kept[number as usize].as_ref().map_or("", |(key, _)| key);
                free = match best.add(score, free, &key) {
                    Some(number) => number,
                    None => {
                        kept.push(None);
                        kept.len() as u32 - 1
                    }
                };
            }
        }
        let reason = "the index is not there yet: every document was compared".into();
        let explain = Explain { plan: Plan::Documents, reason, rows, taken, compared: taken, degraded: true };
        let scored = |(score, number): (f32, u32)| {
            let (key, version) = kept[number as usize].take()?;
            Some(Scored { score, key, version })
        };
        let best = best.into_found().into_iter().filter_map(scored).collect();
        Ok(Searched { best, explain, lags: false })
    }
}
