//! The official Socket.IO server under test, as a process of its own: fetched once by npm into a folder below `target`.
//! Nothing of it is part of Landfall.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::process::Subject;
use super::report::progress;

/// The version that is measured.
pub const VERSION: &str = "4.8.4";

/// The room that its script has.
pub const ROOM: &str = "topic";

const SCRIPT: &str = include_str!("socketio_server.mjs");

/// Starts it from `dir`, where it is installed unless it is there; fails with what to do where Node.js is missing.
pub fn start(dir: &Path) -> anyhow::Result<Subject> {
    needed("node")?;
    if !is_installed(dir) {
        install(dir)?;
    }
    let script = dir.join("socketio_server.mjs");
    fs::write(&script, SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
    let mut command = Command::new("node");
    command.arg(script);
    Subject::start(command)
}

fn is_installed(dir: &Path) -> bool {
    let package = fs::read(dir.join("node_modules/socket.io/package.json")).unwrap_or_default();
    let package: serde_json::Value = serde_json::from_slice(&package).unwrap_or_default();
    package["version"] == VERSION
}

fn install(dir: &Path) -> anyhow::Result<()> {
    needed("npm")?;
    progress(format_args!("fetching socket.io {VERSION} into {}", dir.display()));
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(dir);
    let ended = npm.arg(format!("socket.io@{VERSION}")).stdout(Stdio::null()).status()?;
    ensure!(ended.success() && is_installed(dir), "npm could not fetch socket.io {VERSION}");
    Ok(())
}

fn needed(program: &str) -> anyhow::Result<()> {
    match Command::new(program).arg("--version").stdout(Stdio::null()).status() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{program} is missing. Install it with: sudo apt-get install -y nodejs npm")
        }
        ended => {
            ensure!(ended?.success(), "{program} does not run");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::bench::landfall::Scratch;

    #[test]
    fn only_the_version_that_is_measured_counts() {
        let scratch = Scratch::create(&std::env::temp_dir()).unwrap();
        let package = scratch.path().join("node_modules/socket.io");
        fs::create_dir_all(&package).unwrap();
        let check = |version: &str, expected: bool| {
            let text = format!(r#"{{"name":"socket.io","version":"{version}"}}"#);
            fs::write(package.join("package.json"), text).unwrap();
            assert_eq!(is_installed(scratch.path()), expected);
        };
        check("4.8.3", false);
        check(VERSION, true);
        assert!(!is_installed(&package));
    }

    #[test]
    fn what_is_missing_is_named_with_what_installs_it() {
        let said = needed("landfall-has-no-such-program").unwrap_err().to_string();
        assert!(said.contains("is missing. Install it with: sudo apt-get"), "{said}");
    }
}
