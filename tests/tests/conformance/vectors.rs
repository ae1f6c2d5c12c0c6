//! Vectors and searches in scripts: numbers in, exact bits out.

use super::{
    arguments::{Arguments, number},
    run::{Failure, Fallible},
    tree::Tree,
};
use koru_delta::{Codes, Filter, Hits, IndexKind, Metric, Result, Search, VectorConfig, Vectors, to_value};
use serde_json::Value as Json;

/// A list of numbers, each the nearest f32; or their bits.
fn vector(tree: Tree) -> Option<Vec<f32>> {
    match tree {
        Tree::List(numbers) => numbers.iter().map(|each| number(each).map(|n| n as f32)).collect(),
        Tree::Text(bits) => from_bits(&bits),
        _ => None,
    }
}

fn named(tree: Tree) -> Option<Vectors> {
    let Tree::Map(map) = tree else { return None };
    map.into_iter().map(|(name, tree)| Some((name, vector(tree)?))).collect()
}

/// Those of a document that may have none.
pub(crate) fn named_or_none(tree: Option<Tree>) -> Option<Vectors> {
    tree.map_or(Some(Vectors::new()), named)
}

fn from_bits(digits: &str) -> Option<Vec<f32>> {
    let number = |at| Some(f32::from_bits(u32::from_str_radix(digits.get(at..at + 8)?, 16).ok()?));
    (0..digits.len()).step_by(8).map(number).collect()
}

/// Eight digits for each number.
fn bits(numbers: &[f32]) -> Tree {
    numbers.iter().map(|number| format!("{:08x}", number.to_bits())).collect::<String>().into()
}

/// The vectors that a step puts: none, one, or several by name.
pub(crate) fn of_step(args: &Arguments<'_>) -> Fallible<Vectors> {
    let read = |args: &Arguments<'_>, name: &str, read: fn(Tree) -> Option<Vectors>| {
        read(args.tree(name)?).map_or_else(|| args.bad(name), Ok)
    };
    let one = args.optional("vector", |args, name| read(args, name, |tree| vector(tree).map(Vectors::from)))?;
    let several = args.optional("vectors", |args, name| read(args, name, named))?;
    match (one, several) {
        (Some(_), Some(_)) => args.bad("vectors"),
        (one, several) => Ok(one.or(several).unwrap_or_default()),
    }
}

/// The documents of a `put_many`.
pub(crate) fn documents(args: &Arguments<'_>) -> Fallible<Vec<(String, Tree, Vectors)>> {
    let documents = args.list("documents", |document| {
        let Tree::List(parts) = document else { return None };
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Tree::Text(key)), Some(value), vectors, None) => Some((key, value, named_or_none(vectors)?)),
            _ => None,
        }
    })?;
    let Some(rows) = args.optional("vectors", |args, name| args.list(name, vector))? else { return Ok(documents) };
    if rows.len() != documents.len() || documents.iter().any(|(_, _, own)| !own.is_empty()) {
        return args.bad("vectors");
    }
    Ok(documents.into_iter().zip(rows).map(|((key, value, _), row)| (key, value, row.into())).collect())
}

/// What a step searches for. Values and vectors are included only if it says so.
pub(crate) fn search(args: &Arguments<'_>) -> Fallible<Search> {
    let target = |args: &Arguments<'_>, name: &str| vector(args.tree(name)?).map_or_else(|| args.bad(name), Ok);
    let mut search = match (args.optional("vector", target)?, args.optional("like", Arguments::text)?) {
        (Some(vector), None) => Search::vector(&vector),
        (None, Some(key)) => Search::like(key),
        _ => return Err(Failure::Script("a search has either vector or like".into())),
    };
    if let Some(name) = args.optional("name", Arguments::text)? {
        search = search.name(name);
    }
    if let Some(k) = args.optional("k", Arguments::size)? {
        search = search.k(k);
    }
    if let Some(filter) = args.optional("filter", Arguments::tree)? {
        search = search.filter(Filter::parse(&to_value(&filter)?)?);
    }
    if let Some(threshold) = args.optional("threshold", Arguments::float)? {
        search = search.threshold(threshold as f32);
    }
    if let Some(ef) = args.optional("ef", Arguments::size)? {
        search = search.ef(ef);
    }
    if let Some(moment) = args.optional("as_of", Arguments::moment)? {
        search = search.as_of(moment);
    }
    let include = args.step.get("include").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let includes = |what: &str| include.iter().any(|word| word == what);
    let search = search.include_values(includes("values")).include_vectors(includes("vectors"));
    Ok(search.keys(args.range()?.0).exact(args.flag("exact")?))
}

/// What `configure_vectors` sets.
pub(crate) fn config(args: &Arguments<'_>) -> Fallible<VectorConfig> {
    fn word<T>(args: &Arguments<'_>, name: &str, of: impl Fn(&str) -> Option<T>) -> Fallible<Option<T>> {
        args.optional(name, |args, name| of(&args.text(name)?).map_or_else(|| args.bad(name), Ok))
    }
    let mut config = VectorConfig::new(args.size("dimension")?);
    config.metric = word(args, "metric", Metric::from_name)?.unwrap_or(config.metric);
    config.index = word(args, "index", IndexKind::from_name)?.unwrap_or(config.index);
    config.codes = word(args, "codes", Codes::from_name)?.unwrap_or(config.codes);
    Ok(config)
}

pub(crate) fn show(vectors: &Vectors) -> Tree {
    Tree::Map(vectors.iter().map(|(name, vector)| (name.to_owned(), bits(vector))).collect())
}

pub(crate) fn show_hits(hits: &Hits) -> Result<Tree> {
    let rows = hits.iter().map(|hit| {
        let mut row = vec![hit.key.clone().into(), bits(&[hit.score]), hit.version.id.into()];
        if let Some(document) = &hit.document {
            row.push(document.value()?.into());
        }
        row.extend(hit.vectors.as_ref().map(show));
        Ok(Tree::from(row))
    });
    Ok(rows.collect::<Result<Vec<Tree>>>()?.into())
}

pub(crate) fn show_config(config: VectorConfig) -> Tree {
    Tree::map([
        ("dimension", (config.dimension as u64).into()),
        ("metric", config.metric.name().into()),
        ("index", config.index.name().into()),
        ("codes", config.codes.name().into()),
    ])
}
