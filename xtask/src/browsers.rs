//! The browsers that the npm package is tested in: found, or installed from the distribution. The tests start them.

use crate::{Result, packages, process::works};
use std::{env, path::PathBuf};

/// A program that is a browser, or that one cannot be driven without.
struct Browser {
    /// The variable of the environment that says which one to take.
    variable: &'static str,
    /// What it is called on the PATH, and where it is on a system that has none of them there.
    names: &'static [&'static str],
    /// With what it ends well at once, if it works.
    proof: &'static str,
    /// What it is called by the package manager, first, and what that package only recommends and we need.
    packages: &'static [&'static str],
}

const CHROMIUM: Browser = Browser {
    variable: "CHROME",
    names: &[
        "chromium",
        "google-chrome",
        "google-chrome-stable",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ],
    proof: "--version",
    packages: &["chromium"],
};

/// What drives a Chromium by `WebDriver`.
const CHROMEDRIVER: Browser =
    Browser { variable: "CHROMEDRIVER", names: &["chromedriver"], proof: "--version", packages: &["chromium-driver"] };

const FIREFOX: Browser = Browser {
    variable: "FIREFOX",
    names: &["firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"],
    proof: "--version",
    packages: &["firefox-esr"],
};

const WEBKIT: Browser = Browser {
    variable: "WEBKIT_DRIVER",
    names: &["WebKitWebDriver"],
    proof: "--help",
    packages: &["webkit2gtk-driver"],
};

/// `WebKitGTK` has no mode without a display.
const DISPLAY: Browser =
    Browser { variable: "XVFB_RUN", names: &["xvfb-run"], proof: "--help", packages: &["xvfb", "xauth"] };

/// The path of a Chromium: that in `CHROME`, one that is installed, or one that is installed now.
pub(crate) fn chromium() -> Result<PathBuf> {
    CHROMIUM.find()
}

/// The path of a `chromedriver`: that in `CHROMEDRIVER`, one that is installed, or one that is installed now.
pub(crate) fn chromedriver() -> Result<PathBuf> {
    CHROMEDRIVER.find()
}

/// The path of a Firefox: that in `FIREFOX`, one that is installed, or one that is installed now.
pub(crate) fn firefox() -> Result<PathBuf> {
    FIREFOX.find()
}

/// The paths of a `WebKitWebDriver` and of an `xvfb-run`: those in `WEBKIT_DRIVER` and `XVFB_RUN`, those that are
/// installed, or those that are installed now.
pub(crate) fn webkit() -> Result<[PathBuf; 2]> {
    Ok([WEBKIT.find()?, DISPLAY.find()?])
}

impl Browser {
    fn find(&self) -> Result<PathBuf> {
        let Browser { variable, proof, packages, .. } = self;
        let package = packages.join(" ");
        if let Some(chosen) = env::var_os(variable).filter(|value| !value.is_empty()) {
            let chosen = PathBuf::from(chosen);
            if works(&chosen, &[proof]) {
                return Ok(chosen);
            }
            return Err(format!("{variable} is {}, which does not start", chosen.display()));
        }
        if let Some(found) = self.installed() {
            return Ok(found);
        }
        packages::install(packages)
            .map_err(|e| format!("{e}\nno {package} was found: install it, or set {variable} to its path"))?;
        self.installed().ok_or_else(|| format!("{package} was installed, but is not found: set {variable} to its path"))
    }

    /// The first that starts; what some distributions put on the PATH only tells how to get the browser.
    fn installed(&self) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        let candidates =
            self.names.iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
        candidates.into_iter().find(|candidate| candidate.is_file() && works(candidate, &[self.proof]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_found_by_any_of_its_names_and_only_if_it_starts() {
        let browser = |names| Browser { variable: "KORU_TEST_NO_BROWSER", names, proof: "--version", packages: &[] };
        assert_eq!(browser(&["koru-no-such-browser"]).installed(), None);
        assert_eq!(browser(&["false"]).installed(), None);
        let cargo = browser(&["koru-no-such-browser", "false", "cargo"]).installed().expect("cargo runs this test");
        assert!(cargo.is_absolute() && cargo.ends_with("cargo"), "{}", cargo.display());
    }
}
