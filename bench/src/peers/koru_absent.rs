//! Stands in for koru-delta in a build without the feature `koru`.

use super::{Settings, Store, VersionStore};
use crate::Result;
use std::path::Path;

/// What a get hands out: nothing ever.
pub(crate) enum Value {}

const ABSENT: &str = "koru-delta is not in this build: build it with `--features koru`";

pub(super) fn open(_: &Path, _: Settings) -> Result<Box<dyn Store>> {
    Err(ABSENT.into())
}

pub(super) fn open_versions(_: &Path, _: Settings) -> Result<Box<dyn VersionStore>> {
    Err(ABSENT.into())
}
