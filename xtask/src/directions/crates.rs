//! Which crate of the house may depend on which, and what from outside it must not know.
//!
//! Only what is built into the crate counts: its tests may use more.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::Violation;
use crate::tree::Tree;

const RULE: &str = "crate direction";
const PREFIX: &str = "landfall-";

/// What one crate may know.
struct Wall {
    name: &'static str,
    /// The crates of the house it may depend on.
    may: &'static [&'static str],
    /// The crates from outside it must not depend on.
    never: &'static [&'static str],
    advice: &'static str,
}

const WALLS: &[Wall] = &[
    Wall {
        name: "landfall-core",
        may: &[],
        never: &["tokio", "rusqlite", "axum", "hyper", "serde", "serde_json", "reqwest", "rand"],
        advice: "core decides on values and does nothing: do it in the caller",
    },
    Wall {
        name: "landfall-protocol",
        may: &["landfall-core"],
        never: &["tokio", "rusqlite", "axum", "hyper"],
        advice: "protocol only describes what goes over the wire",
    },
    Wall {
        name: "landfall-store",
        may: &["landfall-core"],
        never: &["axum", "hyper", "reqwest"],
        advice: "store keeps rows and knows no wire",
    },
    Wall {
        name: "landfall-bus",
        may: &["landfall-core"],
        never: &["rusqlite", "axum"],
        advice: "bus carries nudges; the store is the truth",
    },
    Wall {
        name: "landfall-channels",
        may: &["landfall-core"],
        never: &["rusqlite"],
        advice: "channels talk to providers; the caller stores the outcome",
    },
    Wall {
        name: "landfall-socketio",
        may: &[],
        never: &["tokio", "rusqlite", "axum", "hyper", "reqwest", "rand"],
        advice: "socketio decides on packets and does nothing: do it in the caller",
    },
    Wall {
        name: "landfall-server",
        may: &[
            "landfall-core",
            "landfall-protocol",
            "landfall-store",
            "landfall-bus",
            "landfall-channels",
            "landfall-socketio",
        ],
        // rusqlite and tokio-postgres are allowed: the benchmark measures the bare database as
        // its floor. The check of modules keeps them there.
        never: &[],
        advice: "the server puts the house together",
    },
    Wall {
        name: "landfall-client",
        may: &["landfall-core", "landfall-protocol"],
        never: &["axum"],
        advice: "the client shares decisions and wire shapes with the server, nothing else",
    },
    Wall {
        name: "landfall-fixtures",
        may: &[],
        never: &[],
        advice: "fixtures start servers for anybody's tests and know nothing of the house",
    },
    Wall {
        name: "landfall-fuzz",
        may: &["landfall-core", "landfall-protocol", "landfall-socketio", "landfall-server"],
        never: &["rusqlite", "tokio"],
        advice: "the fuzz targets only call parsers",
    },
    Wall { name: "xtask", may: &[], never: &[], advice: "xtask must build when nothing else does" },
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing for an ordinary one.
    kind: Option<String>,
}

/// Checks what `cargo metadata --no-deps` printed. Fails when that is not what cargo prints.
pub(super) fn check(tree: &Tree, metadata: &str) -> Result<Vec<Violation>> {
    let metadata: Metadata = serde_json::from_str(metadata).context("read cargo metadata")?;
    Ok(metadata.packages.iter().flat_map(|package| check_package(tree, package)).collect())
}

fn check_package(tree: &Tree, package: &Package) -> Vec<Violation> {
    let manifest = Path::new(&package.manifest_path);
    let path = manifest.strip_prefix(&tree.root).unwrap_or(manifest).display().to_string();
    let Some(wall) = WALLS.iter().find(|wall| wall.name == package.name) else {
        let advice = format!("`{}` has no place: add it to WALLS in xtask", package.name);
        return vec![Violation::new(&path, 1, RULE, advice)];
    };
    let built_in = package.dependencies.iter().filter(|dep| dep.kind.as_deref() != Some("dev"));
    built_in
        .filter(|dependency| !wall.allows(&dependency.name))
        .map(|dependency| {
            let line = line_of(tree, &path, &dependency.name);
            let advice = format!("`{}` in `{}`: {}", dependency.name, wall.name, wall.advice);
            Violation::new(&path, line, RULE, advice)
        })
        .collect()
}

impl Wall {
    fn allows(&self, dependency: &str) -> bool {
        if dependency.starts_with(PREFIX) {
            self.may.contains(&dependency)
        } else {
            !self.never.contains(&dependency)
        }
    }
}

fn line_of(tree: &Tree, path: &str, dependency: &str) -> usize {
    let manifest = tree.files.iter().find(|file| file.path == path);
    let mut lines = manifest.map_or("", |file| &file.text).lines();
    lines
        .position(|line| {
            line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        })
        .map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_dependency(package: &str, dependency: &str, kind: &str) -> Vec<String> {
        let manifest = format!("[dependencies]\n{dependency}.workspace = true\n");
        let tree = Tree::of(&[("a/Cargo.toml", &manifest)]);
        let metadata = format!(
            r#"{{"packages": [{{"name": "{package}", "manifest_path": "a/Cargo.toml",
                "dependencies": [{{"name": "{dependency}", "kind": {kind}}}]}}]}}"#
        );
        let found = check(&tree, &metadata).expect("the fixture is metadata");
        found.into_iter().map(|violation| violation.to_string()).collect()
    }

    #[test]
    fn an_arrow_outside_the_table_is_refused() {
        assert_eq!(
            check_dependency("landfall-core", "landfall-store", "null"),
            ["a/Cargo.toml:2: crate direction: `landfall-store` in `landfall-core`: core decides \
              on values and does nothing: do it in the caller"]
        );
        assert_eq!(check_dependency("landfall-store", "landfall-protocol", "null").len(), 1);
        assert_eq!(check_dependency("xtask", "landfall-core", "\"build\"").len(), 1);
        assert_eq!(check_dependency("landfall-server", "landfall-client", "null").len(), 1);
        assert!(check_dependency("landfall-store", "landfall-core", "null").is_empty());
    }

    #[test]
    fn outside_crates_stay_where_they_belong() {
        assert_eq!(check_dependency("landfall-core", "serde", "null").len(), 1);
        assert_eq!(check_dependency("landfall-protocol", "axum", "null").len(), 1);
        assert_eq!(check_dependency("landfall-bus", "rusqlite", "null").len(), 1);
        assert!(check_dependency("landfall-server", "rusqlite", "null").is_empty());
    }

    #[test]
    fn tests_may_use_more() {
        assert!(check_dependency("landfall-server", "landfall-client", "\"dev\"").is_empty());
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        assert_eq!(check_dependency("landfall-attic", "serde", "null").len(), 1);
    }
}
