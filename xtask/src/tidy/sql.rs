//! SQL stands in `store` and nowhere else.
//!
//! The benchmark is the one exception: it measures the bare database as the floor of its ratio.

use super::RustFile;
use crate::Violation;

const HOMES: [&str; 3] = ["store/", "server/src/bench", "xtask/"];

/// Checks the string literals of one file.
pub(super) fn check(rust: &RustFile<'_>) -> Vec<Violation> {
    if HOMES.iter().any(|home| rust.file.path.starts_with(home)) {
        return Vec::new();
    }
    let statements = rust.source.strings.iter().filter(|literal| is_sql(&literal.text));
    statements
        .map(|literal| {
            let line = rust.source.line_of(literal.offset);
            let advice = "move the statement into `store`, beside the function that runs it";
            Violation::new(&rust.file.path, line, "SQL outside store", advice)
        })
        .collect()
}

/// Recognises a statement by the two words that make it one, so that prose may say "select".
fn is_sql(literal: &str) -> bool {
    let text = literal.trim_start_matches(['b', 'c', 'r', '#']).trim_start_matches('"');
    let text = text.to_lowercase();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let opens = |word: &str| text.starts_with(word);
    ["insert into ", "delete from ", "create table ", "create index ", "create unique index "]
        .iter()
        .any(|pair| text.contains(pair))
        || opens("pragma ")
        || (opens("select ") || text.contains("(select ") || opens("with "))
            && text.contains(" from ")
        || opens("update ") && text.contains(" set ")
}

#[cfg(test)]
mod tests {
    use super::super::rust_file;
    use super::*;
    use crate::tree::SourceFile;

    fn count(path: &str, literal: &str) -> usize {
        let text = format!("const A: &str = {literal};\n");
        check(&rust_file(&SourceFile { path: path.into(), text })).len()
    }

    #[test]
    fn finds_statements() {
        for literal in [
            "\"select id from users\"",
            "r#\"\n  INSERT INTO users (id) values (?1)\"#",
            "\"update users\n set a = 1\"",
            "\"delete from users\"",
            "\"pragma journal_mode\"",
            "\"with a as (select 1) select * from a\"",
        ] {
            assert_eq!(count("server/src/service/a.rs", literal), 1, "{literal}");
        }
    }

    #[test]
    fn leaves_prose_and_the_store_alone() {
        assert_eq!(count("server/src/a.rs", "\"select one of the topics\""), 0);
        assert_eq!(count("server/src/a.rs", "\"update the token\""), 0);
        assert_eq!(count("store/src/a.rs", "\"select id from users\""), 0);
        assert_eq!(count("server/src/bench/floor.rs", "\"select id from users\""), 0);
    }
}
