//! What can be told from a file's bytes: whitespace, its last line, its opening, foreign paths.
//!
//! It knows no syntax; what needs tokens lives beside it.

use crate::Violation;
use crate::tree::SourceFile;

const CHECKED: [&str; 6] = ["rs", "md", "toml", "sql", "py", "html"];
/// Split, or this very file would hold what it forbids.
const BUILD_PLACE: &str = concat!("/wo", "rk/");

/// Checks one file.
pub(super) fn check(file: &SourceFile) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut add = |line, rule, advice: &str| {
        found.push(Violation::new(&file.path, line, rule, advice));
    };
    let is_strict = ["rs", "md"].contains(&file.extension());
    for (number, line) in (1..).zip(file.text.lines()) {
        if line.contains(BUILD_PLACE) {
            add(number, "foreign path", "name files from the repository root");
        }
        if is_strict && line.ends_with([' ', '\t', '\r']) {
            add(number, "trailing whitespace", "remove it");
        }
        if is_strict && line.contains('\t') {
            add(number, "tab", "use spaces; write \\t inside a literal");
        }
    }
    let last = file.text.lines().count();
    if CHECKED.contains(&file.extension()) && !file.text.is_empty() && !file.text.ends_with('\n') {
        add(last, "last line", "end the file with a newline");
    }
    if file.extension() == "rs" && !file.text.starts_with("//!") {
        add(1, "module docs", "open with `//!`: what the file is for, what it must never do");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        let file = SourceFile { path: path.into(), text: text.into() };
        check(&file).into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn a_clean_file_passes() {
        assert!(rules("a.rs", "//! Docs.\n\nfn f() {}\n").is_empty());
        assert!(rules("a.md", "# Title\n").is_empty());
    }

    #[test]
    fn rust_opens_with_docs() {
        assert_eq!(rules("a.rs", "// Docs.\nfn f() {}\n"), ["module docs"]);
        assert_eq!(rules("a.rs", ""), ["module docs"]);
    }

    #[test]
    fn whitespace_is_plain() {
        assert_eq!(rules("a.md", "a \n"), ["trailing whitespace"]);
        assert_eq!(rules("a.rs", "//! A\tb\n"), ["tab"]);
        assert!(rules("Makefile", "all:\n\ttrue\n").is_empty());
        assert_eq!(rules("a.sql", "select 1"), ["last line"]);
    }

    #[test]
    fn a_path_of_the_build_machine_is_found_everywhere() {
        assert_eq!(rules("Makefile", &format!("cd {BUILD_PLACE}x\n")), ["foreign path"]);
    }
}
