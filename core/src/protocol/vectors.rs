//! Vectors and searches: their arguments, results and calls.
//!
//! Numbers of a vector are the bytes of little-endian f32s, never values one by one: a language's array of floats is
//! copied as it is.

#![deny(clippy::indexing_slicing)]

use super::{
    Inner,
    arguments::{Arguments, WriteInfo, wrong},
    results::{self, Results},
    write::Once,
};
use crate::{
    Error, Filter, Map, Order, Result, Value,
    codec::{
        self,
        value::{Item, write},
    },
    engine::{Draft, Explain, Hit, Search, VectorInfo},
    error::quoted,
    storage::AsyncStorage,
    vector::{Codes, DEFAULT_VECTOR, IndexKind, Metric, VectorConfig, Vectors},
};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

fn floats(name: &str, bytes: &[u8]) -> Result<Vec<f32>> {
    match bytes.as_chunks() {
        (numbers, []) => Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()),
        _ => {
            Err(Error::invalid(format!("vector {} has {} bytes, not four for each number", quoted(name), bytes.len())))
        }
    }
}

/// The vectors behind a value: the bytes of one, or a map from name to bytes. They are left out where there are none.
pub(super) fn vectors(given: &mut Arguments<'_>) -> Result<Vectors> {
    let mut ahead = *given;
    let next = if ahead.is_empty() { None } else { Some(ahead.take("vectors")?) };
    let named = match next.map(|next| (next.item, next.bytes)) {
        Some((Item::Bytes(bytes), _)) => [(DEFAULT_VECTOR.to_owned(), floats(DEFAULT_VECTOR, bytes)?)].into(),
        Some((Item::Map, encoded)) => match codec::value::decode(encoded)? {
            Value::Map(map) => map.iter().map(|(name, value)| named(name, value)).collect::<Result<Vec<_>>>()?,
            _ => return Err(wrong("vectors", "a map")),
        },
        _ => return Ok(Vectors::new()),
    };
    *given = ahead;
    Ok(named.into_iter().collect())
}

fn named(name: &str, value: &Value) -> Result<(String, Vec<f32>)> {
    match value {
        Value::Bytes(bytes) => Ok((name.to_owned(), floats(name, bytes)?)),
        _ => Err(wrong("vectors", "bytes, or a map of bytes")),
    }
}

/// A map from name to bytes.
fn write_vectors(out: &mut Results, vectors: &Vectors) {
    write::map(out, vectors.len());
    let mut bytes = Vec::new();
    for (name, vector) in vectors.iter() {
        bytes.clear();
        vector.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        write::key(out, name);
        write::bytes(out, &bytes);
    }
}

fn query(given: &mut Arguments<'_>) -> Result<Search> {
    let mut search = match given.take("target")?.item {
        Item::Bytes(bytes) => Search::vector(&floats("target", bytes)?),
        Item::Text(key) => Search::like(key),
        _ => return Err(wrong("target", "a vector, as bytes, or the key of a document that hits are to be like")),
    };
    if let Some(name) = given.text_or_null("name")? {
        search = search.name(name);
    }
    if let Some(k) = size_or_null(given, "k")? {
        search = search.k(k);
    }
    match given.value("filter")? {
        NULL => {}
        filter => search = search.filter(Filter::parse(&codec::value::decode(filter)?)?),
    }
    match given.take("threshold")?.item {
        Item::Null => {}
        Item::Bytes(bytes) => match *floats("threshold", bytes)? {
            [threshold] => search = search.threshold(threshold),
            _ => return Err(wrong("threshold", "one number")),
        },
        _ => return Err(wrong("threshold", "the bytes of a number")),
    }
    if let Some(ef) = size_or_null(given, "ef")? {
        search = search.ef(ef);
    }
    search = search.exact(given.bool("exact")?);
    Ok(search.include_values(given.bool("values")?).include_vectors(given.bool("vectors")?))
}

/// The encoding of null.
const NULL: &[u8] = &[0xf0];

fn size_or_null(given: &mut Arguments<'_>, name: &str) -> Result<Option<usize>> {
    // What does not fit is beyond every bound.
    Ok(given.count_or_null(name)?.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
}

fn config(given: &mut Arguments<'_>) -> Result<VectorConfig> {
    let dimension = size_or_null(given, "dimension")?.ok_or_else(|| wrong("dimension", "an integer"))?;
    let VectorConfig { metric, index, codes, .. } = VectorConfig::new(dimension);
    Ok(VectorConfig {
        dimension,
        metric: word(given, "metric", metric, Metric::from_name)?,
        index: word(given, "index", index, IndexKind::from_name)?,
        codes: word(given, "codes", codes, Codes::from_name)?,
    })
}

/// One of a few words, or null for `default`.
fn word<T>(given: &mut Arguments<'_>, name: &str, default: T, of: fn(&str) -> Option<T>) -> Result<T> {
    match given.text_or_null(name)? {
        None => Ok(default),
        Some(word) => of(word).ok_or_else(|| Error::invalid(format!("there is no {name} {}", quoted(word)))),
    }
}

fn write_hit(out: &mut Results, hit: &Hit) {
    write::array(out, 4 + usize::from(hit.document.is_some()) + usize::from(hit.vectors.is_some()));
    write::text(out, &hit.key);
    write::float32(out, hit.score);
    results::version(out, hit.version.id);
    write::int(out, hit.version.timestamp.to_bits());
    out.extend(hit.document.iter().flat_map(|document| document.encoded()));
    hit.vectors.iter().for_each(|vectors| write_vectors(out, vectors));
}

fn write_explain(out: &mut Results, explain: &Explain) {
    write::array(out, 6);
    write::text(out, explain.plan.name());
    write::text(out, &explain.reason);
    [explain.rows, explain.taken, explain.compared].into_iter().for_each(|number| results::count(out, number));
    write::bool(out, explain.degraded);
}

#[driven]
impl<S: AsyncStorage + 'static> Inner<S> {
    pub(super) async fn search_vectors(&self, mut given: Arguments<'_>) -> Result<Results> {
        let collection = given.text("collection")?;
        let search = query(&mut given)?;
        let (keys, order) = given.range()?;
        let at = given.moment("moment")?;
        given.end()?;
        if order == Order::Descending {
            return Err(Error::invalid("the hits of a search are ordered by score: its range has no order"));
        }
        let search = search.keys(keys);
        let hits = self.database.0.search(&self.view(&at).await?, collection, &search).await?;
        let mut out = Results::new();
        write_explain(&mut out, hits.explain());
        for hit in hits.iter() {
            write_hit(&mut out, hit);
            results::within_bound(out.len())?;
        }
        Ok(out)
    }

    pub(super) async fn vectors(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, key) = (given.text("collection")?, given.text("key")?);
        let at = given.moment("moment")?;
        given.end()?;
        let found = self.engine().vectors_in(&self.view(&at).await?, collection, key).await?;
        let mut out = Results::new();
        found.iter().for_each(|vectors| write_vectors(&mut out, vectors));
        Ok(out)
    }

    pub(super) async fn configure_vectors(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, name) = (given.text("collection")?, given.text("name")?);
        let WriteInfo { info, token, after } = given.info()?;
        let config = config(&mut given)?;
        given.end()?;
        let database = &self.database.0;
        database.relieve().await?;
        let version = match self.once(token, after).await? {
            Once::Now(turn) => {
                let draft = self.engine().draft_vector_config(collection, name, config, info).await?;
                let appended = database.append(Draft { token, ..draft }, None).await?;
                self.settle(turn, appended).await?
            }
            Once::Before(version) => Some(version),
        };
        if version.is_some() {
            database.vectors_lag().await;
        }
        Ok(self.written(version))
    }

    pub(super) async fn vector_config(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, name) = (given.text("collection")?, given.text("name")?);
        given.end()?;
        self.engine().check_open()?;
        let config = self.engine().vector_config(&self.engine().view(), collection, name).await?;
        super::read::encode(&config.map_or(Value::Null, VectorConfig::to_value))
    }

    pub(super) async fn vector_info(&self, mut given: Arguments<'_>) -> Result<Results> {
        let collection = given.text("collection")?;
        given.end()?;
        self.engine().check_open()?;
        self.database.0.know_vectors(self.engine().published()).await?;
        let infos = self.engine().vector_info(collection).await?;
        super::read::encode(&Value::Array(infos.iter().map(info).collect()))
    }
}

fn info(info: &VectorInfo) -> Value {
    let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    Value::from(Map::from([
        ("name", Value::from(&*info.name)),
        ("config", info.config.to_value()),
        ("documents", number(info.documents)),
        ("versions", number(info.versions)),
        ("index", Value::from(info.index.name())),
        ("codes", Value::from(info.codes.name())),
        ("linked", number(info.linked)),
        ("memory_bytes", number(info.memory_bytes)),
        ("ready", Value::Bool(info.ready)),
    ]))
}
