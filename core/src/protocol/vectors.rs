//! Vectors and searches: their arguments, results and calls.
//!
//! Numbers of a vector are the bytes of little-endian f32s, never values one by one: a language's array of floats is
//! copied as it is.

#![deny(clippy::indexing_slicing)]

use super::{
    Inner,
    arguments::{Arguments, WriteInfo, wrong},
    results::{self, Results},
};
use crate::{
    Error, Filter, Map, Order, Result, Value,
    codec::{
        self,
        value::{Item, write},
    },
    engine::{Draft, Hit, Hits, Search},
    limits::VECTORS_MAX,
    storage::AsyncStorage,
    vector::{Codes, DEFAULT_VECTOR, IndexKind, Metric, VectorConfig, Vectors},
};
use alloc::{borrow::ToOwned, format, vec::Vec};

fn floats(name: &str, bytes: &[u8]) -> Result<Vec<f32>> {
    match bytes.as_chunks() {
        (numbers, []) => Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()),
        _ => Err(Error::invalid(format!("vector {name:?} has {} bytes, not four for each number", bytes.len()))),
    }
}

/// The vectors behind a value, if there are any: the bytes of one, or a map from name to bytes.
pub(super) fn vectors(given: &mut Arguments<'_>) -> Result<Vectors> {
    let Some(walked) = given.bytes_or_map("vectors")? else { return Ok(Vectors::new()) };
    if let Item::Bytes(bytes) = walked.item {
        return Ok(Vectors::new().with(DEFAULT_VECTOR, floats(DEFAULT_VECTOR, bytes)?));
    }
    let Value::Map(map) = codec::value::decode(walked.bytes)? else { return Err(wrong("vectors", "a map")) };
    if map.len() > VECTORS_MAX {
        return Err(Error::limit(format!("{} vectors: a document has at most {VECTORS_MAX}", map.len())));
    }
    let named = |(name, value): (&crate::value::Text, &Value)| match value {
        Value::Bytes(bytes) => Ok((name.as_str().to_owned(), floats(name, bytes)?)),
        _ => Err(wrong("vectors", "a map of bytes")),
    };
    map.iter().map(named).collect::<Result<Vec<_>>>().map(Vectors::from_iter)
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

fn query(map: &Map) -> Result<Search> {
    let target = |name: &str| map.get(name).filter(|value| !value.is_null());
    let mut search = match (target("vector"), target("like")) {
        (Some(Value::Bytes(bytes)), None) => Search::vector(&floats("vector", bytes)?),
        (None, Some(Value::String(key))) => Search::like(key.as_str()),
        _ => return Err(wrong("query", "a vector, as bytes, or the key of a document that it is to be like")),
    };
    for (name, value) in map.iter() {
        let name = name.as_str();
        let count = || {
            let count = value.as_i64().and_then(|count| usize::try_from(count).ok());
            count.ok_or_else(|| wrong(name, "an integer from 0"))
        };
        let flag = || value.as_bool().ok_or_else(|| wrong(name, "a bool"));
        search = match (name, value) {
            ("vector" | "like", _) => search,
            ("name", Value::String(of)) => search.name(of.as_str()),
            ("k", _) => search.k(count()?),
            ("ef", _) => search.ef(count()?),
            ("exact", _) => search.exact(flag()?),
            ("values", _) => search.include_values(flag()?),
            ("vectors", _) => search.include_vectors(flag()?),
            ("filter", filter) => search.filter(Filter::parse(filter)?),
            ("threshold", Value::Bytes(bytes)) => match floats(name, bytes)?.as_slice() {
                [threshold] => search.threshold(*threshold),
                _ => return Err(wrong(name, "one number")),
            },
            ("name" | "threshold", _) => return Err(wrong(name, "a string, or the bytes of one number")),
            _ => return Err(Error::invalid(format!("a search has no {name:?}"))),
        };
    }
    Ok(search)
}

fn config(map: &Map) -> Result<VectorConfig> {
    let mut config = VectorConfig::new(0);
    for (name, value) in map.iter() {
        let name = name.as_str();
        let word = value.as_str().unwrap_or_default();
        let known = match name {
            "dimension" => {
                let dimension = value.as_i64().and_then(|dimension| usize::try_from(dimension).ok());
                dimension.map(|dimension| config.dimension = dimension)
            }
            "metric" => Metric::from_name(word).map(|metric| config.metric = metric),
            "index" => IndexKind::from_name(word).map(|index| config.index = index),
            "codes" => Codes::from_name(word).map(|codes| config.codes = codes),
            _ => None,
        };
        known.ok_or_else(|| Error::invalid(format!("a configuration of vectors has no {name:?} that is {value:?}")))?;
    }
    Ok(config)
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

fn explain(hits: &Hits) -> Value {
    let explain = hits.explain();
    let number = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    Value::from(Map::from([
        ("plan", Value::from(explain.plan.name())),
        ("reason", Value::from(&*explain.reason)),
        ("rows", number(explain.rows)),
        ("taken", number(explain.taken)),
        ("compared", number(explain.compared)),
        ("degraded", Value::Bool(explain.degraded)),
    ]))
}

impl<S: AsyncStorage + 'static> Inner<S> {
    pub(super) async fn search_vectors(&self, mut given: Arguments<'_>) -> Result<Results> {
        let collection = given.text("collection")?;
        let map = given.map_or_null("query")?.ok_or_else(|| wrong("query", "a map"))?;
        let (keys, order) = given.range()?;
        let at = given.moment("moment")?;
        given.end()?;
        if order == Order::Descending {
            return Err(Error::invalid("the hits of a search are ordered by score: its range has no order"));
        }
        let search = query(&map)?.keys(keys);
        let hits = self.engine().search(&self.view(&at).await?, collection, &search).await?;
        let mut out = Results::new();
        results::encoded(&mut out, &explain(&hits))?;
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
        let config = config(&given.map_or_null("config")?.unwrap_or_default())?;
        given.end()?;
        let database = &self.database.0;
        database.relieve().await?;
        let (version, _) = self
            .once((token, after), async || {
                let draft = self.engine().draft_vector_config(collection, name, config, info).await?;
                Ok((database.append(Draft { token, ..draft }, None).await?, ()))
            })
            .await?;
        Ok(self.written(version))
    }

    pub(super) async fn vector_config(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, name) = (given.text("collection")?, given.text("name")?);
        given.end()?;
        self.engine().check_open()?;
        let config = self.engine().vector_config(&self.engine().view(), collection, name).await?;
        super::read::encode(&config.map_or(Value::Null, VectorConfig::to_value))
    }
}
