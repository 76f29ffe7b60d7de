//! The store keeps to what every database with PostgreSQL's protocol offers.
//!
//! Says what a statement or a migration must not use. Whether the database understands the rest is
//! for the store's own tests.

use super::RustFile;
use crate::Violation;
use crate::tree::SourceFile;

const RULE: &str = "not portable";
const ADVICE: &str = "distributed databases have no such thing: use row locks for order, the bus \
    for news, and a statement of the same transaction for what has to follow";

/// Checks the string literals of one file of the store.
pub(super) fn statements(rust: &RustFile<'_>) -> Vec<Violation> {
    let path = &rust.file.path;
    if !path.starts_with("store/") || rust.file.is_test() {
        return Vec::new();
    }
    let found = rust.source.strings.iter().filter(|literal| {
        let inside = literal.text.trim_start_matches(['b', 'c', 'r', '#', '"']);
        is_tied(inside.trim_end_matches(['#', '"']))
    });
    found
        .map(|literal| Violation::new(path, rust.source.line_of(literal.offset), RULE, ADVICE))
        .collect()
}

/// Checks a migration.
pub(super) fn migration(file: &SourceFile) -> Option<Violation> {
    let is_migration = file.path.starts_with("store/") && file.extension() == "sql";
    (is_migration && is_tied(&file.text)).then(|| Violation::new(&file.path, 1, RULE, ADVICE))
}

/// Tells whether SQL uses advisory locks, notifications or triggers.
fn is_tied(sql: &str) -> bool {
    let code = |line: &str| line.split("--").next().unwrap_or_default().to_lowercase();
    let sql: String = sql.lines().map(code).collect::<Vec<_>>().join("\n");
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = sql.split(|c: char| !is_part(c));
    let mut opening = sql.split(';').filter_map(|statement| statement.split_whitespace().next());
    words.any(|word| word.contains("advisory") || matches!(word, "pg_notify" | "trigger"))
        || opening.any(|word| matches!(word, "listen" | "unlisten" | "notify"))
}

#[cfg(test)]
mod tests {
    use super::super::rust_file;
    use super::*;

    fn is_found(path: &str, literal: &str) -> bool {
        let text = format!("const A: &str = {literal};\n");
        !statements(&rust_file(&SourceFile { path: path.into(), text })).is_empty()
    }

    #[test]
    fn finds_what_ties_the_store_to_one_database() {
        for literal in [
            "\"select pg_advisory_xact_lock($1)\"",
            "\"SELECT pg_try_advisory_lock(1)\"",
            "\"listen changes\"",
            "r#\"begin; NOTIFY changes\"#",
            "\"select pg_notify($1, $2)\"",
            "\"create or replace trigger t after insert on a\"",
        ] {
            assert!(is_found("store/src/postgres/a.rs", literal), "{literal}");
            assert!(!is_found("store/tests/postgres/a.rs", literal), "{literal}");
            assert!(!is_found("server/src/a.rs", literal), "{literal}");
        }
        let path = "store/migrations/0001_a.postgres.sql".to_owned();
        let migration =
            |text: &str| migration(&SourceFile { path: path.clone(), text: text.into() });
        assert!(
            migration("create table a (b int);\ncreate trigger c before insert on a").is_some()
        );
        assert!(migration("-- no trigger, no advisory lock\ncreate table a (b int);").is_none());
    }

    #[test]
    fn leaves_everything_else_alone() {
        for literal in ["\"select id from listen\"", "\"cannot listen\"", "\"who to notify\""] {
            assert!(!is_found("store/src/sql/a.rs", literal), "{literal}");
        }
    }
}
