//! Which module of the server may name what.
//!
//! Paths are read as written, so a re-export could hide an arrow; nobody writes one by accident.

use crate::Violation;
use crate::rust_source::{NamedPath, RustSource};

const RULE: &str = "module direction";
const SERVER: &str = "server/src/";

/// What one part of the server must not name.
struct Wall {
    module: &'static str,
    never: &'static [&'static str],
    advice: &'static str,
}

const WALLS: &[Wall] = &[
    Wall {
        module: "service",
        never: &[
            "axum",
            "hyper",
            "landfall_protocol",
            "crate::http",
            "crate::realtime",
            "crate::worker",
        ],
        advice: "a service takes and gives values of core; the edge maps them",
    },
    Wall {
        module: "http",
        never: &["landfall_store::sqlite", "crate::worker"],
        advice: "a handler calls one service",
    },
    Wall {
        module: "blobs",
        never: &[
            "axum",
            "landfall_protocol",
            "landfall_store",
            "crate::http",
            "crate::service",
            "crate::worker",
        ],
        advice: "the folder knows files and their names; whose they are, the store says",
    },
    Wall {
        module: "worker",
        never: &["crate::http", "landfall_protocol", "axum"],
        advice: "a worker calls services and knows no wire",
    },
    Wall {
        module: "templates",
        never: &[
            "axum",
            "hyper",
            "landfall_protocol",
            "landfall_store",
            "landfall_channels",
            "crate::http",
            "crate::realtime",
            "crate::service",
            "crate::worker",
        ],
        advice: "a template knows texts and data: the caller has both",
    },
    Wall {
        module: "realtime",
        never: &["crate::http", "crate::worker"],
        advice: "a session calls services; what both edges need lives below them",
    },
];

/// Checks the paths that one file of the server names; other files have nothing to answer for.
pub(super) fn check(path: &str, source: &RustSource) -> Vec<Violation> {
    let Some(inside) = path.strip_prefix(SERVER) else { return Vec::new() };
    let module = module_of(inside);
    let mut found = Vec::new();
    for named in &source.paths {
        let resolved = named.resolve(&module);
        if let Some(advice) = objection(&module, &resolved) {
            let advice = format!("`{}`: {advice}", resolved.segments.join("::"));
            found.push(Violation::new(path, named.line, RULE, advice));
        }
    }
    found.dedup();
    found
}

fn objection(module: &[String], path: &NamedPath) -> Option<&'static str> {
    let home = module.first().map_or("", String::as_str);
    // The benchmark measures the bare database as the floor of its ratio; all else asks store.
    let is_bare = ["rusqlite", "tokio_postgres"].iter().any(|bare| path.starts_with(bare));
    if home != "bench" && is_bare {
        return Some("only the benchmark's floor may; ask `landfall_store`");
    }
    let wall = WALLS.iter().find(|wall| wall.module == home)?;
    wall.never.iter().any(|never| path.starts_with(never)).then_some(wall.advice)
}

/// Names the module of a file: `http/sync.rs` is `http::sync`, `http/mod.rs` is `http`.
fn module_of(inside: &str) -> Vec<String> {
    let mut names: Vec<String> =
        inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|name| ["mod", "lib", "main"].contains(&name.as_str())) {
        names.pop();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let source = RustSource::read(text).expect("the fixture is Rust");
        check(path, &source).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_service_knows_no_edge() {
        let service = "server/src/service/notify.rs";
        assert_eq!(lines(service, "\nuse axum::Router;\n"), [2]);
        assert_eq!(lines(service, "use crate::{http, service};\n"), [1]);
        assert_eq!(lines(service, "fn f() { super::super::realtime::nudge() }\n"), [1]);
        assert_eq!(lines("server/src/service.rs", "use landfall_protocol::Problem;\n"), [1]);
        let clean = "//! axum::Router\nuse crate::clock::Clock;\nuse super::inbox;\n";
        assert!(lines(service, clean).is_empty());
    }

    #[test]
    fn the_edges_do_not_know_each_other() {
        assert_eq!(lines("server/src/realtime/a.rs", "use crate::http::auth;\n"), [1]);
        assert_eq!(lines("server/src/worker/a.rs", "use axum::Json;\n"), [1]);
        assert_eq!(lines("server/src/http/a.rs", "use landfall_store::sqlite::Pool;\n"), [1]);
        assert_eq!(lines("server/src/http/mod.rs", "use super::worker;\n"), [1]);
        assert!(lines("server/src/http/a.rs", "use axum::Json;\n").is_empty());
    }

    #[test]
    fn a_template_knows_texts_and_data() {
        assert_eq!(lines("server/src/templates/a.rs", "use crate::service::Services;\n"), [1]);
        assert_eq!(lines("server/src/templates/a.rs", "use landfall_store::Store;\n"), [1]);
        assert!(
            lines("server/src/templates/a.rs", "use landfall_core::notify::Draft;\n").is_empty()
        );
    }

    #[test]
    fn the_bare_database_is_for_the_benchmark() {
        assert_eq!(lines("server/src/app.rs", "use rusqlite::Connection;\n"), [1]);
        assert_eq!(lines("server/src/app.rs", "use tokio_postgres::Client;\n"), [1]);
        assert!(lines("server/src/bench/floor.rs", "use rusqlite::Connection;\n").is_empty());
        assert!(lines("server/src/bench/floor.rs", "use tokio_postgres::Client;\n").is_empty());
    }

    #[test]
    fn a_local_name_is_not_a_path() {
        assert!(lines("server/src/service/a.rs", "fn f() { let http = 1; g(http) }\n").is_empty());
    }
}
