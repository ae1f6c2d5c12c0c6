//! Runs a script: against its expectations, or to write down what they are.

use super::{
    host::FixedHost,
    perform,
    script::{Script, Step, compact},
    tree::{Saved, Tree, Unreadable},
};
use koru_delta::{
    Database, Error, ErrorCode, Maintenance, Options, Snapshot,
    storage::{FileName, memory::MemoryStorage},
};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt, fs, path::PathBuf, sync::Arc};

/// Where a script's database is.
pub(crate) enum Place {
    Memory(MemoryStorage),
    Files(PathBuf),
}

/// Why a step gave no result.
pub(crate) enum Failure {
    /// The database refused it.
    Refused(Error),
    /// The script is wrong.
    Script(String),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Failure::Refused(e)
    }
}

impl From<Unreadable> for Failure {
    fn from(e: Unreadable) -> Self {
        match e {
            // What a binding does for a language whose text can hold it.
            Unreadable::NotText(what) => Failure::Refused(Error::new(ErrorCode::InvalidArgument, what)),
            Unreadable::Script(what) => Failure::Script(what),
        }
    }
}

pub(crate) type Fallible<T> = Result<T, Failure>;

/// What a step gave.
pub(crate) type Outcome = Fallible<Tree>;

/// What becomes of expectations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Check,
    Write,
}

/// A step that did not do what was expected of it.
#[derive(Debug)]
pub(crate) struct Mismatch {
    /// Steps count from 1, steps inside of a transaction behind a dot.
    pub(crate) step: String,
    what: String,
    expected: String,
    got: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { step, what, expected, got } = self;
        write!(f, "step {step}: {what}\n  expected {expected}\n  got      {got}")
    }
}

/// Runs a script and compares everything with what it expects.
pub(crate) fn check(script: &Script, place: Place) -> Result<(), Mismatch> {
    run(&mut script.clone(), place, Mode::Check)
}

/// Runs a script and replaces what it expects by what came.
pub(crate) fn write(script: &mut Script, place: Place) -> Result<(), Mismatch> {
    run(script, place, Mode::Write)
}

fn run(script: &mut Script, place: Place, mode: Mode) -> Result<(), Mismatch> {
    let host = FixedHost::new(script.clock_ms, script.seed);
    let options = script.options.clone();
    let mut world = World {
        place,
        host,
        options,
        database: None,
        open: false,
        saved: Saved::new(),
        snapshots: BTreeMap::new(),
        mode,
    };
    for (at, step) in script.steps.iter_mut().enumerate() {
        world.play(step, &(at + 1).to_string())?;
    }
    match world.open {
        true => Err(mismatch("the end", &Step::new(), "a closed database", "an open one")),
        false => Ok(()),
    }
}

fn mismatch(at: &str, step: &Step, expected: impl Into<String>, got: impl Into<String>) -> Mismatch {
    let what = compact(&Json::Object(step.clone()));
    Mismatch { step: at.into(), what, expected: expected.into(), got: got.into() }
}

/// A script's database and everything around it.
pub(crate) struct World {
    place: Place,
    pub(crate) host: FixedHost,
    options: Map<String, Json>,
    /// The last handle. It stays when it is closed, for the steps that show what it answers then.
    database: Option<Database>,
    open: bool,
    pub(crate) saved: Saved,
    /// Snapshots of the last handle.
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    mode: Mode,
}

impl World {
    fn play(&mut self, step: &mut Step, at: &str) -> Result<(), Mismatch> {
        let outcome = if step.get("op").is_some_and(|op| op == "transaction") {
            self.transaction(step, at)?
        } else {
            perform::perform(self, step)
        };
        self.settle(step, outcome, at)
    }

    /// A transaction plays the steps inside of it, each with its own expectation.
    fn transaction(&mut self, step: &mut Step, at: &str) -> Result<Outcome, Mismatch> {
        let mut transaction = match perform::begin(self, step) {
            Ok(transaction) => transaction,
            Err(failure) => return Ok(Err(failure)),
        };
        let mut inner = step.remove("steps").unwrap_or_default();
        for (number, step) in inner.as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut).enumerate() {
            let outcome = perform::perform_inside(self, &mut transaction, step);
            self.settle(step, outcome, &format!("{at}.{}", number + 1))?;
        }
        step.insert("steps".into(), inner);
        Ok(perform::end(transaction, step))
    }

    /// Compares an outcome with what the step expects, or writes it down.
    fn settle(&mut self, step: &mut Step, outcome: Outcome, at: &str) -> Result<(), Mismatch> {
        let (result, error) = match outcome {
            Ok(result) => (Some(result), None),
            Err(Failure::Refused(error)) => (None, Some(error)),
            Err(Failure::Script(what)) => return Err(mismatch(at, step, "a step that makes sense", what)),
        };
        if let (Some(name), Some(result)) = (step.get("save").and_then(Json::as_str), &result) {
            let kept = perform::kept(step, result);
            self.saved.insert(name.to_owned(), kept);
        }
        let got = match (&result, &error) {
            (Some(result), _) => compact(&result.write()),
            (None, error) => error.as_ref().map(ToString::to_string).unwrap_or_default(),
        };
        if self.mode == Mode::Write {
            step.remove("result");
            step.remove("error");
            match (&result, &error) {
                (_, Some(error)) => step.insert("error".into(), error.code().name().into()),
                (Some(Tree::Null), _) => None,
                (result, _) => step.insert("result".into(), result.as_ref().map(Tree::write).unwrap_or_default()),
            };
        }
        let met = match (step.get("error"), &result, &error) {
            (Some(expected), None, Some(error)) => expected == error.code().name(),
            (None, Some(result), None) => {
                let expected = Tree::read(step.get("result").unwrap_or(&Json::Null), &Saved::new());
                expected.is_ok_and(|expected| expected == *result)
            }
            _ => false,
        };
        if !met {
            let expected = step.get("error").or(step.get("result")).unwrap_or(&Json::Null);
            return Err(mismatch(at, step, compact(expected), got));
        }
        for words in step.get("says").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            if !error.as_ref().is_some_and(|error| error.message().contains(words)) {
                return Err(mismatch(at, step, format!("a message with {words:?}"), got));
            }
        }
        Ok(())
    }

    /// The handle, open or closed.
    pub(crate) fn database(&self) -> Fallible<Database> {
        self.database.clone().ok_or_else(|| Failure::Script("nothing was opened yet".into()))
    }

    /// Opens the database with the script's options and those of the step.
    pub(crate) fn open(&mut self, options: impl FnOnce(Options) -> Options) -> Outcome {
        if self.open {
            return Err(Failure::Script("it is open already".into()));
        }
        let size = |name: &str| {
            let size = self.options.get(name).and_then(Json::as_u64);
            size.ok_or_else(|| Failure::Script(format!("the options of the script have no {name}")))
        };
        let plain = Options::new()
            .maintenance(Maintenance::Inline)
            .host(self.host.clone())
            .cache_bytes(usize::try_from(size("cache_bytes")?).unwrap_or(usize::MAX))
            .limits_for_tests(size("segment_bytes")?, size("tail_bytes")?);
        let options = options(plain);
        self.snapshots.clear();
        self.database = Some(match &self.place {
            Place::Memory(storage) => options.open_storage(Arc::new(storage.clone()))?,
            Place::Files(path) => options.open(path)?,
        });
        self.open = true;
        Ok(Tree::Null)
    }

    /// Closes the database. What comes of it is its files, each with the hash of its bytes.
    pub(crate) fn close(&mut self) -> Outcome {
        self.database()?.close()?;
        self.open = false;
        let files = self.files().map_err(Failure::Script)?;
        let hashes = files.into_iter().map(|(name, bytes)| (name, Tree::Text(sha256(&bytes))));
        Ok(Tree::Map(hashes.collect()))
    }

    fn files(&self) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let path = match &self.place {
            Place::Memory(storage) => {
                return Ok(storage.files().into_iter().map(|(name, bytes)| (name.to_string(), bytes)).collect());
            }
            Place::Files(path) => path,
        };
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(path).map_err(|e| e.to_string())? {
            let entry = entry.map_err(|e| e.to_string())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if FileName::parse(&name).is_some() {
                files.insert(name, fs::read(entry.path()).map_err(|e| e.to_string())?);
            } else if name != "lock" {
                return Err(format!("there is a file that is not the database's: {name}"));
            }
        }
        Ok(files)
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
