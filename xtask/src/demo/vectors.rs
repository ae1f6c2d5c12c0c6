//! The part of the demo that searches by meaning: the sample of WordNet with its embeddings, now and as of a moment at
//! which it was different.

use super::stage::Stage;
use crate::{Result, process::root};
use std::{fs, path::Path};

const COLLECTION: &str = "glosses";
const TAG: &str = "before-deletion";
/// Hits of each search.
const K: &str = "3";

/// Imports the sample and searches it.
pub(super) fn walk(stage: &Stage) -> Result<()> {
    let sample = root().join("docs/examples/data/wordnet-5k");
    let path = |name: &str| sample.join(name).to_string_lossy().into_owned();
    let questions = questions(&sample.join("queries.json"))?;
    let (row, question) = questions
        .iter()
        .enumerate()
        .find(|(_, text)| text.contains("strings"))
        .ok_or("queries.json has no question about strings")?;

    stage.begin(
        "Search by meaning: 5,000 glosses of WordNet, each with the vector that a sentence encoder made of it",
    )?;
    stage.koru(
        &["import", "jsonl", &path("glosses.jsonl"), "--key", "key", "--vector-file", &path("vectors.f16.npy")],
        4,
    )?;
    stage.say(&format!(
        "\nThe {} questions have vectors too. Which glosses are near to \"{question}\"?",
        questions.len()
    ))?;
    let (file, row) = (path("queries.f32.npy"), row.to_string());
    let search = ["search", COLLECTION, "--vector-file", &file, "--row", &row, "-k", K];
    let with = |more: &[&'static str]| [&search[..], more].concat();
    stage.koru(&with(&["--explain"]), 4)?;
    stage.say("\nOnly what is no artifact, and what is near to the nearest one itself:")?;
    stage.koru(&with(&["--filter", r#"{"topic": {"$ne": "noun.artifact"}}"#]), 4)?;
    let nearest = stage.keys_of(&search)?.into_iter().next().ok_or("the search found nothing")?;
    stage.koru(&["search", COLLECTION, "--like", &nearest, "-k", K], 4)?;

    stage.begin(
        "Time travel holds for search too: a deleted gloss is not found, and as of before it is, ranked as it was",
    )?;
    stage.koru(&["tag", TAG], 4)?;
    stage.koru(&["delete", &format!("{COLLECTION}/{nearest}")], 4)?;
    stage.koru(&search, 4)?;
    stage.koru(&with(&["--as-of", TAG]), 4)
}

/// The questions of the sample, in the order of their vectors.
fn questions(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(crate::tools::json_strings(&text, "text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_questions() {
        let questions = questions(&root().join("docs/examples/data/wordnet-5k/queries.json"));
        assert!(questions.is_ok_and(|questions| questions.len() == 40));
    }
}
