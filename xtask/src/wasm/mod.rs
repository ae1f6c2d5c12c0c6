//! `wasm/`, the bindings for browsers and Node: built for release into `npm/wasm/`, and tested in Node.
//!
//! Without wasm-pack: it would call the same three programs in the same order, and write a `package.json` that `npm/`
//! has already. What it adds, finding wasm-bindgen and wasm-opt, it does by downloading binaries that no lock file
//! names; here both come from the registries, pinned. Its `test` starts `wasm-bindgen-test-runner`, as we do.

mod bindgen;
mod optimise;
mod order;
pub(crate) mod sizes;
mod toolchain;

pub(crate) use toolchain::{TARGET, Toolchain, find as toolchain};

use crate::{
    Result, browsers, node, npm,
    process::{output, root, run},
    report::timed,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

const PACKAGE: &str = "koru-wasm";
/// What cargo calls the module.
const MODULE: &str = "koru_wasm.wasm";
/// What the outputs of wasm-bindgen are called: `koru.js`, `koru.d.ts` and `koru_bg.wasm`.
const NAME: &str = "koru";
const PROFILE: &str = "wasm";
/// What a function may cost to be inlined where all crates become one module. At opt-level "s" LLVM takes 50; at 5 the
/// module is 2.5 % smaller as gzip, and as fast or faster; with instructions that count twice as much another 0.4 %.
const INLINE: &str = "-Cllvm-args=-inline-threshold=5 -inline-instr-cost=10";

/// What stands behind the code that loads the module.
const TASKS: &str = include_str!("tasks.js");

/// Told to koru-wasm where it becomes the module: there is no standard library then, which tests need.
const MODULE_ALONE: &str = "koru_module";

/// What the module may use beyond the target: vectors of 128 bits, which make searches several times quicker. Chrome 91,
/// Firefox 89, Safari 16.4 and Node 16.4 have them.
const TARGET_FEATURES: &str = "+simd128";

/// Leaves the module, the code that loads it and its types in `npm/wasm/`, and returns the sizes.
pub(crate) fn build() -> Result<String> {
    // Everything that may be missing is looked for before anything takes its time.
    node::install(&npm::folder())?;
    let optimiser = optimise::Optimiser::find()?;
    let tools = bindgen::find()?;
    let toolchain = toolchain()?;

    eprintln!("building {PACKAGE} for {TARGET}: some minutes the first time");
    let mut command = toolchain.cargo();
    // As a module alone: what other crates could call would be kept.
    command.args(["rustc", "--lib", "--crate-type", "cdylib", "--package", PACKAGE, "--target", TARGET]);
    command.args(["--profile", PROFILE, "--config", &flags(), "--message-format", "json-render-diagnostics"]);
    command.args(["--", "--cfg", MODULE_ALONE, INLINE]);
    let messages = output(&mut command)?;
    let built = built_module(&messages).ok_or("cargo built koru-wasm but did not say where the module is")?;

    let folder = npm::folder().join("wasm");
    let module = folder.join(format!("{NAME}_bg.wasm"));
    let stamp = Stamp::of(&built, &[tools.version(), &optimiser.version()?, TASKS])?;
    if !(stamp.is_current() && module.exists()) {
        stamp.remove();
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        let mut bind = tools.command("wasm-bindgen");
        // Without the default path, because who loads the module says where it is: bundlers would take it for a file.
        bind.args(["--target", "web", "--omit-default-module-path", "--out-name", NAME, "--out-dir"]);
        run(bind.arg(&folder).arg(&built))?;
        append(&folder.join(format!("{NAME}.js")), TASKS)?;
        timed("wasm-opt: up to a minute", || optimiser.run(&module))?;
        stamp.write()?;
    }
    let sizes = sizes::of(&module)?.to_string();
    println!("{}: {sizes}", module.display());
    Ok(sizes)
}

fn append(path: &Path, text: &str) -> Result<()> {
    let with = |whole: String| fs::write(path, whole + text);
    fs::read_to_string(path).and_then(with).map_err(|e| format!("{}: {e}", path.display()))
}

/// How all crates are compiled for the target. Panics name their files, which are not to tell where somebody's home is.
fn flags() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let sources = home.map(|home| format!("'--remap-path-prefix={}='", home.join("registry/src").display()));
    let features = format!("'-Ctarget-feature={TARGET_FEATURES}'");
    format!(
        "target.{TARGET}.rustflags=[{}]",
        [Some(features), sources].into_iter().flatten().collect::<Vec<_>>().join(", ")
    )
}

/// Fails if what `build` left is larger than it may be.
fn check_size() -> Result<()> {
    let folder = npm::folder().join("wasm");
    sizes::check(&[sizes::of(&folder.join(format!("{NAME}_bg.wasm")))?, sizes::of(&folder.join(format!("{NAME}.js")))?])
}

/// Checks the bindings as the target sees them: its lints, its tests in Node and in Chromium, and the module's size.
pub(crate) fn test() -> Result<String> {
    node::require()?;
    let tools = bindgen::find()?;
    let toolchain = toolchain()?;
    let cargo = |subcommand| {
        let mut command = toolchain.cargo();
        command.args([subcommand, "--package", PACKAGE, "--target", TARGET, "--config", &flags()]);
        command
    };
    // What is only compiled for the target escapes the lints of the host. The distribution has no clippy for it.
    if let Toolchain::AtHand = toolchain {
        run(cargo("clippy").args(["--no-deps", "--all-targets", "--", "-D", "warnings"]))?;
    }
    // As a list, because a runner given as one text is split at its spaces.
    let runner = format!("target.{TARGET}.runner=['{}']", tools.path("wasm-bindgen-test-runner").display());
    let tests = || {
        let mut command = cargo("test");
        command.args(["--tests", "--config", &runner]);
        command
    };
    run(tests().env("WASM_BINDGEN_TEST_ONLY_NODE", "1"))?;
    run(tests()
        .env("WASM_BINDGEN_USE_BROWSER", "1")
        .env("CHROMEDRIVER", browsers::chromedriver()?)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities()?))?;
    let sizes = build()?;
    check_size()?;
    Ok(format!("{sizes}, with {}", toolchain.name()))
}

/// Leaves what the driver is to start, and how, in a file.
fn capabilities() -> Result<PathBuf> {
    let path = root().join("target/webdriver.json");
    let browser = browsers::chromium()?.display().to_string();
    let arguments = r#"["headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"]"#;
    let text = format!(r#"{{"goog:chromeOptions": {{"args": {arguments}, "binary": {browser:?}}}}}"#);
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}

/// The module among the files that cargo's messages name.
fn built_module(messages: &str) -> Option<PathBuf> {
    let texts = messages.lines().filter(|line| line.contains("\"compiler-artifact\"")).flat_map(|line| line.split('"'));
    // Only separators of Windows are escaped in a path.
    texts.rev().find(|text| text.ends_with(MODULE)).map(|path| PathBuf::from(path.replace(r"\\", r"\")))
}

/// What `npm/wasm/` was made of, so that it is not made again of the same: wasm-opt takes longer than all the rest.
struct Stamp {
    path: PathBuf,
    text: String,
}

impl Stamp {
    fn of(built: &Path, versions: &[&str]) -> Result<Self> {
        let data = fs::metadata(built).map_err(|e| format!("{}: {e}", built.display()))?;
        let modified = data.modified().map_err(|e| format!("{}: {e}", built.display()))?;
        let text = format!("{}\n{} bytes\n{modified:?}\n{versions:?}\n", built.display(), data.len());
        // Not beside what it speaks of, because all of `npm/wasm/` is published.
        Ok(Self { path: npm::folder().join("node_modules/.koru-wasm-stamp"), text })
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|kept| kept == self.text)
    }

    /// One that cannot be removed cannot be written either, which is an error there.
    fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.text).map_err(|e| format!("{}: {e}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_found_among_the_messages_of_cargo() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","filenames":["/t/libcore.rlib"],"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","filenames":["C:\\t\\koru_wasm.wasm","/t/libkoru_wasm.rlib"]}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(built_module(messages), Some(PathBuf::from(r"C:\t\koru_wasm.wasm")));
        assert_eq!(built_module(""), None);
    }
}
