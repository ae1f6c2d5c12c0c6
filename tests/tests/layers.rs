//! The layers of the core: a module uses only those before it, so that each can be read, tested and replaced without
//! what is built on top of it, and so that the pure ones never see a medium, a clock or entropy.
//!
//! The check reads the source. It would miss a path that is put together by a macro; nothing of the kind is there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Each module may use those to its left.
const ORDER: &[&str] = &[
    "limits", "driven", "error", "name", "bug", "sync", "sort", "sorted", "host", "id", "clock", "value", "codec",
    "vector", "storage", "log", "index", "history", "query", "engine", "local", "protocol", "database", "fuzzing",
];

/// Pure modules, and what they must not see although it is to their left.
const PURE: &[(&str, &[&str])] = &[
    ("codec", &["host"]),
    ("history/diff", &["storage", "host", "log", "index"]),
    ("query", &["storage", "host", "clock", "log", "index", "history"]),
    ("vector", &["storage", "host"]),
];

#[test]
fn a_module_of_the_core_uses_only_the_layers_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src");
    let exports = exports(&read(&root.join("lib.rs")));
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 10, "only {} files were found below {}", files.len(), root.display());
    let violations: Vec<String> = files
        .iter()
        .filter(|path| path.as_path() != root.join("lib.rs"))
        .flat_map(|path| {
            let name = path.strip_prefix(&root).expect("it was found below").to_string_lossy().replace('\\', "/");
            violations(&name, &read(path), &exports)
        })
        .collect();
    assert!(violations.is_empty(), "\n{}\nthe order is: {}\n", violations.join("\n"), ORDER.join(" "));
}

#[test]
fn the_check_notices_every_form_of_a_violation() {
    let exports = exports("pub use error::{Error, Result};\npub use engine::Engine;\n");
    let found = |name: &str, text: &str| violations(name, text, &exports);

    assert_eq!(found("log/mod.rs", "use crate::{codec::Frame, error::Result};\nuse crate::storage;"), [""; 0]);
    let plain = found("codec/frame.rs", "//! crate::log is fine here\n\nuse crate::log::Log;\n");
    assert_eq!(plain, ["core/src/codec/frame.rs:3: `codec` must not use `log`, which is above it"]);

    assert_eq!(found("codec/mod.rs", "use crate::{\n    error::Error,\n    log::{a, b},\n};\n").len(), 1, "in a group");
    assert_eq!(found("codec/mod.rs", "fn f() -> crate::engine::Engine {}").len(), 1, "in a path");
    assert_eq!(found("codec/mod.rs", "use crate::Engine;").len(), 1, "through an export of the crate");
    assert_eq!(found("codec.rs", "use super::log::Log;").len(), 1, "through super");
    assert_eq!(found("codec/a/b.rs", "use super::super::super::log::Log;").len(), 1, "through several supers");
    assert_eq!(found("codec/a.rs", "use super::log::Log;").len(), 0, "super is the module itself");
    assert_eq!(found("history/diff.rs", "use crate::storage::Storage;").len(), 1, "a pure module");
    assert_eq!(found("history/walk.rs", "use crate::storage::Storage;").len(), 0, "its neighbour is not");
    assert_eq!(found("codec/mod.rs", "use crate::Unheard;").len(), 1, "a name that is no module's");
    assert_eq!(found("gossip.rs", "use crate::error::Error;").len(), 1, "a module without a place in the order");
    assert_eq!(found("codec/tests/log.rs", "use crate::log::Log;").len(), 0, "nor in a folder of tests");
    assert_eq!(found("codec/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::log::Log;\n}").len(), 0, "tests may");
}

/// What one file uses that it must not, one line each.
fn violations(name: &str, text: &str, exports: &BTreeMap<String, String>) -> Vec<String> {
    let path = name.trim_end_matches(".rs").trim_end_matches("/mod");
    let segments: Vec<&str> = path.split('/').collect();
    if segments.contains(&"tests") {
        return Vec::new();
    }
    let module = segments[0];
    let Some(place) = position(module) else {
        return vec![format!("core/src/{name}: `{module}` has no place in the order of tests/tests/layers.rs")];
    };
    let hidden = PURE.iter().find(|(pure, _)| *pure == path || path.starts_with(&format!("{pure}/")));
    let mut found = Vec::new();
    for (line, used) in uses(text, segments.len()) {
        let used = exports.get(&used).unwrap_or(&used).as_str();
        let problem = match position(used) {
            _ if used == module => continue,
            None => "which is neither a layer nor exported by the crate",
            Some(other) if other > place => "which is above it",
            Some(_) if hidden.is_some_and(|(_, names)| names.contains(&used)) => "because it is pure",
            Some(_) => continue,
        };
        found.push(format!(
            "core/src/{name}:{line}: `{}` must not use `{used}`, {problem}",
            hidden.map_or(module, |h| h.0)
        ));
    }
    found
}

fn position(module: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == module)
}

/// The names after `crate::` in a file that lies `depth` modules deep, with their lines, from 1. Enough `super::` are
/// the same as `crate::`.
fn uses(text: &str, depth: usize) -> Vec<(usize, String)> {
    let code = code(text);
    let to_root = "super::".repeat(depth);
    let mut found = Vec::new();
    for prefix in ["crate::", to_root.as_str()] {
        // A module within a file has a `super` of its own, so a name that is no layer is one of that file's.
        let relative = prefix != "crate::";
        for (at, _) in code.match_indices(prefix) {
            let before = &code[..at];
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            for (offset, name) in names(&code[at + prefix.len()..]) {
                let line = code[..at + prefix.len() + offset].matches('\n').count() + 1;
                if !relative || position(&name).is_some() {
                    found.push((line, name));
                }
            }
        }
    }
    found
}

/// The first names of a path or of each path in a group, with their places.
fn names(text: &str) -> Vec<(usize, String)> {
    let identifier =
        |from: usize| -> String { text[from..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    if !text.starts_with('{') {
        return vec![(0, identifier(0))];
    }
    let (mut found, mut depth, mut expected) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '{' => {
                depth += 1;
                expected = depth == 1;
            }
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' => expected = depth == 1,
            c if expected && !c.is_whitespace() => {
                found.push((at, identifier(at)));
                expected = false;
            }
            _ => {}
        }
    }
    found
}

/// The text without comments and without the unit tests at its end, with every line in its place.
fn code(text: &str) -> String {
    let mut lines = text.lines().peekable();
    let mut code = String::new();
    while let Some(line) = lines.next() {
        let tests = lines.peek().is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
        if line == "#[cfg(test)]" && tests {
            break;
        }
        code.push_str(line.split("//").next().unwrap_or_default());
        code.push('\n');
    }
    code
}

/// Which module each name that `lib.rs` exports belongs to.
fn exports(lib: &str) -> BTreeMap<String, String> {
    let code = code(lib);
    let mut exports = BTreeMap::new();
    for (_, after) in code.match_indices("pub use ").map(|(at, prefix)| (at, &code[at + prefix.len()..])) {
        let Some((path, _)) = after.split_once(';') else { continue };
        let Some((module, rest)) = path.split_once("::") else { continue };
        for name in rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|name| !name.is_empty()) {
            exports.insert(name.to_owned(), module.trim().to_owned());
        }
    }
    exports
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("the source is UTF-8")
}
