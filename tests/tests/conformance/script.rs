//! Scripts as files: read, checked for words that nobody knows, and written in one form, a step a line, so that a change
//! of an expectation is a change of a line.

use serde_json::{Map, Value as Json};
use std::fmt::Write;

/// A step: `op`, its arguments, and what is expected of it.
pub(crate) type Step = Map<String, Json>;

/// A script.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Script {
    /// What it shows.
    pub(crate) about: String,
    /// Where the clock begins.
    pub(crate) clock_ms: i64,
    /// Where the entropy begins.
    pub(crate) seed: u32,
    /// `cache_bytes`, `segment_bytes` and `tail_bytes`.
    pub(crate) options: Map<String, Json>,
    pub(crate) steps: Vec<Step>,
}

/// Every operation with its arguments, in the order in which they are written.
pub(crate) const OPS: &[(&str, &[&str])] = &[
    ("clock", &["add_ms"]),
    ("open", &["read_only", "create", "cache_bytes"]),
    ("close", &[]),
    ("checkpoint", &[]),
    ("compact", &[]),
    ("sync", &[]),
    (
        "put",
        &["collection", "key", "value", "vector", "vectors", "expected", "expires_at", "author", "message", "causes"],
    ),
    ("delete", &["collection", "key", "expected", "author", "message", "causes"]),
    ("put_many", &["collection", "documents", "vectors"]),
    ("get", &["collection", "key", "at"]),
    ("scan", &["collection", "prefix", "from", "after", "through", "before", "reverse", "limit", "at"]),
    ("vectors", &["collection", "key", "at"]),
    (
        "search",
        &[
            "collection",
            "vector",
            "like",
            "name",
            "k",
            "filter",
            "prefix",
            "from",
            "after",
            "through",
            "before",
            "threshold",
            "ef",
            "exact",
            "include",
            "as_of",
            "at",
        ],
    ),
    ("configure_vectors", &["collection", "name", "dimension", "metric", "index", "codes"]),
    ("vector_config", &["collection", "name"]),
    ("snapshot", &["name", "moment"]),
    ("release", &["name"]),
    ("keys", &["collection", "prefix", "from", "after", "through", "before", "reverse", "limit"]),
    ("collections", &["at"]),
    ("transaction", &["author", "message", "causes", "rollback", "steps"]),
    ("history", &["collection", "key", "before", "limit", "at"]),
    ("version", &["collection", "key", "version"]),
    ("heads", &["collection", "key"]),
    ("diff", &["collection", "key", "before", "after"]),
    ("diff_moments", &["collection", "before", "after"]),
    ("tag", &["name", "moment"]),
    ("untag", &["name"]),
    ("tags", &[]),
    ("restore", &["collection", "key", "moment"]),
    ("lineage", &["collection", "key", "version", "direction", "depth"]),
    ("watch", &["token", "collection", "prefix", "limit"]),
    ("log", &["limit", "at"]),
    ("commit", &["version", "id"]),
    ("import", &["name", "time_ms", "author", "message", "causes", "changes", "state"]),
    ("verify", &[]),
    ("info", &[]),
    ("stats", &[]),
];

/// What a step may say beside its arguments.
const EXPECTATIONS: &[&str] = &["says", "save", "result", "error"];

/// Characters up to which a line is not broken before its expectation.
const LINE_MAX: usize = 150;

impl Script {
    /// Reads the text of a script.
    pub(crate) fn parse(text: &str) -> Result<Script, String> {
        let json: Map<String, Json> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let field = |name: &str| json.get(name).ok_or_else(|| format!("{name} is missing"));
        let is_not = |name: &str| format!("{name} is not what it has to be");
        let steps = field("steps")?.as_array().ok_or_else(|| is_not("steps"))?;
        let script = Script {
            about: field("about")?.as_str().ok_or_else(|| is_not("about"))?.into(),
            clock_ms: field("clock_ms")?.as_i64().ok_or_else(|| is_not("clock_ms"))?,
            seed: field("seed")?.as_u64().and_then(|n| n.try_into().ok()).ok_or_else(|| is_not("seed"))?,
            options: field("options")?.as_object().ok_or_else(|| is_not("options"))?.clone(),
            steps: steps
                .iter()
                .map(|s| s.as_object().cloned().ok_or_else(|| is_not("a step")))
                .collect::<Result<_, _>>()?,
        };
        script.steps.iter().try_for_each(check_words)?;
        Ok(script)
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let about = compact(&Json::String(self.about.clone()));
        let options = compact(&Json::Object(self.options.clone()));
        let (clock_ms, seed) = (self.clock_ms, self.seed);
        let _ = write!(
            out,
            "{{\n\"about\": {about},\n\"clock_ms\": {clock_ms},\n\"seed\": {seed},\n\"options\": {options},\n\"steps\": [\n"
        );
        lines(&mut out, self.steps.iter(), "");
        out.push_str("]\n}\n");
        out
    }

    /// The script without what is expected.
    pub(crate) fn without_expectations(&self) -> Script {
        Script { steps: self.steps.iter().map(bare).collect(), ..self.clone() }
    }

    /// The operation of every step, those inside of transactions included.
    pub(crate) fn ops(&self) -> Vec<String> {
        let inner = |step: &Step| step.get("steps").and_then(Json::as_array).cloned().unwrap_or_default();
        let steps = self.steps.iter().flat_map(|step| [Json::Object(step.clone())].into_iter().chain(inner(step)));
        steps.filter_map(|step| step.get("op")?.as_str().map(str::to_owned)).collect()
    }
}

fn bare(step: &Step) -> Step {
    let mut step = step.clone();
    step.remove("result");
    step.remove("error");
    for inner in step.get_mut("steps").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(inner) = inner.as_object_mut() {
            *inner = bare(inner);
        }
    }
    step
}

/// Refuses a step with a word that has no meaning: a mistyped argument would otherwise be one that is not given.
fn check_words(step: &Step) -> Result<(), String> {
    let shown = || compact(&Json::Object(step.clone()));
    let Some(words) = words(step) else { return Err(format!("there is no such operation: {}", shown())) };
    for word in step.keys().filter(|word| *word != "op") {
        if !words.contains(&word.as_str()) && !EXPECTATIONS.contains(&word.as_str()) {
            return Err(format!("{word} means nothing in {}", shown()));
        }
    }
    if step.contains_key("result") && step.contains_key("error") {
        return Err(format!("a result and an error are expected of {}", shown()));
    }
    for inner in step.get("steps").and_then(Json::as_array).into_iter().flatten() {
        check_words(inner.as_object().ok_or("a step inside of a transaction is no map")?)?;
    }
    Ok(())
}

fn words(step: &Step) -> Option<&'static [&'static str]> {
    let op = step.get("op")?.as_str()?;
    OPS.iter().find(|(name, _)| *name == op).map(|(_, words)| *words)
}

fn lines<'s>(out: &mut String, steps: impl ExactSizeIterator<Item = &'s Step>, indent: &str) {
    let count = steps.len();
    for (at, step) in steps.enumerate() {
        let _ = write!(out, "{indent}{}{}", line(step, indent), if at + 1 < count { ",\n" } else { "\n" });
    }
}

fn line(step: &Step, indent: &str) -> String {
    let mut out = String::from("{\"op\":") + &compact(&step["op"]);
    for word in words(step).unwrap_or_default().iter().chain(&["says", "save"]) {
        let Some(value) = step.get(*word) else { continue };
        if *word == "steps" {
            let inner: Vec<&Step> = value.as_array().into_iter().flatten().filter_map(Json::as_object).collect();
            out.push_str(",\"steps\":[\n");
            lines(&mut out, inner.into_iter(), &format!("{indent}  "));
            let _ = write!(out, "{indent}]");
        } else {
            let _ = write!(out, ",\"{word}\":{}", compact(value));
        }
    }
    for word in ["result", "error"] {
        let Some(value) = step.get(word) else { continue };
        let value = compact(value);
        let last = out.lines().last().unwrap_or_default().chars().count();
        let gap = if last + value.chars().count() > LINE_MAX { format!(",\n{indent} ") } else { ",".into() };
        let _ = write!(out, "{gap}\"{word}\":{value}");
    }
    out.push('}');
    out
}

/// JSON without spaces, keys in order, whatever order the map keeps, and in ASCII: what looks alike is told apart.
pub(crate) fn compact(json: &Json) -> String {
    match json {
        Json::String(text) => quoted(text),
        Json::Array(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(",")),
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            let entry = |(key, value): &(&String, &Json)| format!("{}:{}", quoted(key), compact(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    for char in Json::from(text).to_string().chars() {
        if char.is_ascii() && char != '\u{7f}' {
            out.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}
