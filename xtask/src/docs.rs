//! `docs/reference`: the pages that are generated from the code, so that they cannot tell anything else.

use crate::{
    Result, node, npm,
    process::{cargo, output, root},
    release,
};
use std::{fs, process::Command};

struct Page {
    name: &'static str,
    text: String,
}

/// Writes the pages.
pub(crate) fn write() -> Result<()> {
    let folder = root().join("docs/reference");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for page in pages()? {
        let path = folder.join(page.name);
        fs::write(&path, &page.text).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("docs/reference/{}: {} lines", page.name, page.text.lines().count());
    }
    Ok(())
}

/// Compares the pages with the code.
pub(crate) fn check() -> Result<String> {
    let folder = root().join("docs/reference");
    let pages = pages()?;
    let stale: Vec<String> = pages
        .iter()
        .filter_map(|page| {
            let kept = fs::read_to_string(folder.join(page.name)).unwrap_or_default();
            difference(&kept, &page.text).map(|line| format!("docs/reference/{} differs at line {line}", page.name))
        })
        .collect();
    if stale.is_empty() {
        return Ok(format!("{} pages", pages.len()));
    }
    Err(format!("{}\n`cargo xtask docs` writes the pages anew", stale.join("\n")))
}

fn pages() -> Result<Vec<Page>> {
    let mut pages = Vec::new();
    for (name, what) in [("limits.md", "limits"), ("errors.md", "errors")] {
        // The profile of the tests, so that a run after them finds everything built.
        let arguments =
            ["run", "--quiet", "--profile", "test", "--package", "koru-delta", "--example", "reference", "--", what];
        pages.push(Page { name, text: output(cargo().args(arguments))? });
    }
    let kept = root().join("docs/reference/cli.md").exists();
    match output(Command::new(release::koru()?).arg("reference")) {
        Ok(text) if !text.is_empty() => pages.push(Page { name: "cli.md", text }),
        // Once there is a page, `koru` must be able to print it; before that there is nothing to compare.
        Ok(_) if kept => return Err("`koru reference` printed nothing".into()),
        Err(error) if kept => return Err(error),
        _ => eprintln!("docs/reference/cli.md is left out: `koru reference` does not print it yet"),
    }
    npm::build()?;
    let declared = output(node::node().arg("reference.mjs").current_dir(npm::folder()))?;
    pages.push(Page { name: "typescript.md", text: declared });
    Ok(pages)
}

/// The first line, from 1, at which two texts differ. The ends of lines may be those of another platform.
fn difference(one: &str, other: &str) -> Option<usize> {
    let (mut one, mut other) = (one.lines(), other.lines());
    let mut number = 1;
    loop {
        match (one.next(), other.next()) {
            (None, None) => return None,
            (a, b) if a != b => return Some(number),
            _ => number += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_page_that_differs_is_noticed_at_its_line() {
        assert_eq!(difference("a\nb\n", "a\r\nb\r\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(difference("a\n", "a\nb\n"), Some(2));
        assert_eq!(difference("", "a\n"), Some(1));
    }
}
