//! One difference within a document, for people: values on a line each, text of several lines as a unified diff.

use crate::{
    exit::{Failure, Result},
    output::{Output, Tone, plain},
};
use koru_delta::{Value, diff::Change};
use similar::{Algorithm, ChangeTag, TextDiff};
use std::time::Duration;

/// Longest time that lines are compared for; what is left then is shown as replaced.
const PATIENCE: Duration = Duration::from_secs(2);

/// Unchanged lines around changed ones.
const CONTEXT_LINES: usize = 3;

pub(super) fn print(out: &mut Output, change: &Change) -> Result<()> {
    let path = change.path.to_string();
    let path = plain(&path);
    match (&change.before, &change.after) {
        (Some(Value::String(before)), Some(Value::String(after))) if has_lines(before) || has_lines(after) => {
            lines(out, &path, before, after)
        }
        (None, Some(Value::String(after))) if has_lines(after) => lines(out, &path, "", after),
        (Some(Value::String(before)), None) if has_lines(before) => lines(out, &path, before, ""),
        (before, after) => {
            let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
            if let Some(value) = before {
                out.toned(Tone::Removed, format_args!("- {place}{}", json(value)?))?;
            }
            if let Some(value) = after {
                out.toned(Tone::Added, format_args!("+ {place}{}", json(value)?))?;
            }
            Ok(())
        }
    }
}

fn has_lines(text: &str) -> bool {
    text.contains('\n')
}

fn json(value: &Value) -> Result<String> {
    if let Value::Bytes(bytes) = value {
        return Ok(format!("({} bytes)", bytes.len()));
    }
    serde_json::to_string(value).map_err(|e| Failure::usage(format!("the value cannot be printed: {e}")))
}

fn lines(out: &mut Output, path: &str, before: &str, after: &str) -> Result<()> {
    if !path.is_empty() {
        out.toned(Tone::Title, path)?;
    }
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).timeout(PATIENCE).diff_lines(before, after);
    for hunk in diff.unified_diff().context_radius(CONTEXT_LINES).iter_hunks() {
        out.toned(Tone::Place, hunk.header())?;
        for change in hunk.iter_changes() {
            let line = change.value();
            let text = plain_line(line.strip_suffix('\n').unwrap_or(line));
            match change.tag() {
                ChangeTag::Equal => out.line(format_args!(" {text}"))?,
                ChangeTag::Delete => out.toned(Tone::Removed, format_args!("-{text}"))?,
                ChangeTag::Insert => out.toned(Tone::Added, format_args!("+{text}"))?,
            }
            if change.missing_newline() {
                out.line("\\ No newline at end of file")?;
            }
        }
    }
    Ok(())
}

/// As [`plain`], but tabs stay: lines of text are indented with them.
fn plain_line(line: &str) -> String {
    line.split('\t').map(plain).collect::<Vec<_>>().join("\t")
}
