//! `koru search`: finds the documents whose vector is nearest.

use crate::{
    args::AsOf,
    context::Context,
    exit::{Exit, Failure, Result},
    moment,
    output::{count, plain},
    vector,
};
use clap::Args;
use koru_delta::{DEFAULT_VECTOR, Filter, Hit, KeyRange, Search as Query, Value, Vectors};
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

/// Find the documents whose vector is nearest
///
/// They come nearest first, one a line: score, tab, key, tab, value as JSON. The score is the cosine or dot product, larger
/// for nearer, or the Euclidean distance, smaller for nearer. On a terminal lines are cut to its width.
#[derive(Args, Debug)]
pub(crate) struct Search {
    /// The collection
    collection: String,
    #[command(flatten)]
    target: Target,
    /// Which row of a .npy file that has several, counted from 0
    #[arg(long, value_name = "N", requires = "vector_file", conflicts_with_all = ["vector", "like"])]
    row: Option<u64>,
    /// How many documents at most
    #[arg(short, value_name = "N", default_value = "10")]
    k: usize,
    /// Search among the vectors of this name
    #[arg(long, value_name = "NAME", default_value = DEFAULT_VECTOR)]
    name: String,
    /// Only documents that match: {"year": {"$gte": 2020}}, as the page about filters has it
    #[arg(long, value_name = "JSON", value_parser = filter)]
    filter: Option<Filter>,
    /// Only keys that start with this
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    prefix: String,
    /// Only documents at least so near: the least score, or the largest distance
    #[arg(long, value_name = "SCORE", allow_hyphen_values = true)]
    threshold: Option<f32>,
    /// How many candidates are followed in a graph; more find more of the nearest, and take longer
    #[arg(long, value_name = "N")]
    ef: Option<usize>,
    /// Compare with every document, whatever that costs: none is missed
    #[arg(long)]
    exact: bool,
    /// Print keys and scores only
    #[arg(long)]
    keys: bool,
    /// With --json, print the vectors too
    #[arg(long, requires = "json")]
    vectors: bool,
    /// Say how they were found, and why so
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    as_of: AsOf,
}

/// What is searched for.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Target {
    /// What is nearest to this vector: '[0.1, 0.2]'
    #[arg(long, value_name = "JSON", allow_hyphen_values = true, value_parser = vector::typed_one)]
    vector: Option<Vectors>,
    /// What is nearest to the vector in this file, .npy or JSON
    #[arg(long, value_name = "FILE")]
    vector_file: Option<PathBuf>,
    /// What is nearest to the document of this key, which is itself left out
    #[arg(long, value_name = "KEY")]
    like: Option<String>,
}

fn filter(text: &str) -> Result<Filter, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
    Filter::parse(&value).map_err(|e| e.message().to_owned())
}

impl Search {
    pub(crate) fn run(self, context: &mut Context) -> Result {
        context.path()?;
        let search = self.query()?;
        let db = context.read()?;
        let moment = moment::resolve_or_now(&db, self.as_of.as_of.as_deref())?;
        let hits = db.as_of(moment)?.collection(&self.collection).search(&search)?;
        for hit in hits.iter() {
            self.print(context, hit)?;
        }
        if self.explain {
            let explain = hits.explain();
            if context.json() {
                context.out.json(&json!({"explain": {
                    "plan": explain.plan.name(),
                    "reason": explain.reason,
                    "rows": explain.rows,
                    "taken": explain.taken,
                    "compared": explain.compared,
                    "degraded": explain.degraded,
                }}))?;
            } else {
                context.out.flush()?;
                context.note(format_args!(
                    "plan {}: {}; {}, {} of them taken, {} compared exactly{}",
                    explain.plan.name(),
                    explain.reason,
                    count(explain.rows, "row"),
                    explain.taken,
                    count(explain.compared, "vector"),
                    if explain.degraded { "; the index could not be used" } else { "" },
                ));
            }
        } else if hits.is_empty() && !context.json() {
            context.note(format_args!("nothing found in {}", plain(&self.collection)));
        }
        Ok(Exit::Ok)
    }

    fn query(&self) -> Result<Query> {
        let Target { vector, vector_file, like } = &self.target;
        let query = match (vector, vector_file, like) {
            (_, Some(path), _) => Query::vector(&vector::of_file(path, self.row)?),
            (_, _, Some(key)) => Query::like(key.as_str()),
            (vector, ..) => Query::vector(vector.as_ref().and_then(|v| v.get(DEFAULT_VECTOR)).unwrap_or_default()),
        };
        let mut query = (query.k(self.k).name(&*self.name).keys(KeyRange::prefix(&*self.prefix)))
            .exact(self.exact)
            .include_values(!self.keys)
            .include_vectors(self.vectors);
        if let Some(filter) = &self.filter {
            query = query.filter(filter.clone());
        }
        if let Some(threshold) = self.threshold {
            query = query.threshold(threshold);
        }
        if let Some(ef) = self.ef {
            query = query.ef(ef);
        }
        Ok(query)
    }

    fn print(&self, context: &mut Context, hit: &Hit) -> Result<()> {
        let value = hit.document.as_ref().map(koru_delta::Document::value).transpose()?;
        if context.json() {
            return context.out.json(&HitJson {
                collection: &self.collection,
                key: &hit.key,
                score: hit.score,
                version: hit.version.id.to_string(),
                value,
                vectors: hit.vectors.as_ref().map(vector::Json),
            });
        }
        let value = value.map(serde_json::to_string).transpose();
        let value =
            value.map_err(|e| Failure::usage(format!("{}: the value cannot be printed: {e}", plain(&hit.key))))?;
        let value = value.map(|value| format!("\t{value}")).unwrap_or_default();
        context.out.short_line(&format!("{:.4}\t{}{value}", hit.score, plain(&hit.key)))
    }
}

/// A hit as it is printed.
#[derive(Serialize)]
struct HitJson<'a> {
    collection: &'a str,
    key: &'a str,
    score: f32,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vectors: Option<vector::Json<'a>>,
}
