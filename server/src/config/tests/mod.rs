//! Tests of loading: layers, names, problems, secrets.
#![allow(clippy::unwrap_used)]

mod auth;
mod documented_types;
mod entity_types;
mod environment;
mod layers;
mod problems;
mod schema;
mod templates;
mod tls;

use std::path::{Path, PathBuf};

use super::{Config, Environment, Flags, Inputs, Loaded, Problems};

/// Loads with an environment alone.
fn with_env(pairs: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let env = pairs.iter().copied().collect::<Environment>();
    Config::load(Inputs { env, ..Inputs::default() })
}

/// Loads a file with this text, an environment and flags.
fn with(text: &str, pairs: &[(&str, &str)], flags: Flags) -> (TempFile, Result<Loaded, Problems>) {
    let file = TempFile::new(text);
    let env = pairs.iter().copied().collect::<Environment>();
    let loaded = Config::load(Inputs {
        file: Some(file.path().to_owned()),
        env,
        flags,
        ..Inputs::default()
    });
    (file, loaded)
}

fn with_file(text: &str) -> Result<Loaded, Problems> {
    with(text, &[], Flags::default()).1
}

/// Returns the problems as `name: what` without their origin.
fn wrong(loaded: Result<Loaded, Problems>) -> Vec<String> {
    let problems = loaded.unwrap_err();
    problems.list().iter().map(|problem| format!("{}: {}", problem.name, problem.what)).collect()
}

/// A file that is gone after the test.
struct TempFile(PathBuf);

impl TempFile {
    fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("landfall-{}.toml", uuid::Uuid::now_v7()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}
