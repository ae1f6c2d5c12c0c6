//! The browsers that the npm package is tested in: found, or installed from the distribution. The tests start them.

use crate::{Result, packages, process::works};
use std::{env, path::PathBuf};

struct Browser {
    /// The variable of the environment that says which one to take.
    variable: &'static str,
    /// What it is called on the PATH, and where it is on a system that has none of them there.
    names: &'static [&'static str],
    /// What it is called by the package manager.
    package: &'static str,
}

const CHROMIUM: Browser = Browser {
    variable: "CHROME",
    names: &[
        "chromium",
        "google-chrome",
        "google-chrome-stable",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ],
    package: "chromium",
};

const FIREFOX: Browser = Browser {
    variable: "FIREFOX",
    names: &["firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"],
    package: "firefox-esr",
};

/// The path of a Chromium: that in `CHROME`, one that is installed, or one that is installed now.
pub(crate) fn chromium() -> Result<PathBuf> {
    CHROMIUM.find()
}

/// The path of a Firefox: that in `FIREFOX`, one that is installed, or one that is installed now.
pub(crate) fn firefox() -> Result<PathBuf> {
    FIREFOX.find()
}

impl Browser {
    fn find(&self) -> Result<PathBuf> {
        let Browser { variable, package, .. } = self;
        if let Some(chosen) = env::var_os(variable).filter(|value| !value.is_empty()) {
            let chosen = PathBuf::from(chosen);
            if works(&chosen, &["--version"]) {
                return Ok(chosen);
            }
            return Err(format!("{variable} is {}, which does not start", chosen.display()));
        }
        if let Some(found) = self.installed() {
            return Ok(found);
        }
        packages::install(&[package])
            .map_err(|e| format!("{e}\nno {package} was found: install it, or set {variable} to its path"))?;
        self.installed().ok_or_else(|| format!("{package} was installed, but is not found: set {variable} to its path"))
    }

    /// The first that starts; what some distributions put on the PATH only tells how to get the browser.
    fn installed(&self) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        let candidates =
            self.names.iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
        candidates.into_iter().find(|candidate| candidate.is_file() && works(candidate, &["--version"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_found_by_any_of_its_names_and_only_if_it_starts() {
        let browser = |names| Browser { variable: "KORU_TEST_NO_BROWSER", names, package: "" };
        assert_eq!(browser(&["koru-no-such-browser"]).installed(), None);
        assert_eq!(browser(&["false"]).installed(), None);
        let cargo = browser(&["koru-no-such-browser", "false", "cargo"]).installed().expect("cargo runs this test");
        assert!(cargo.is_absolute() && cargo.ends_with("cargo"), "{}", cargo.display());
    }
}
