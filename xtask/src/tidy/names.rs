//! Names that say nothing about what is inside are not names.

use std::collections::BTreeSet;

use super::RustFile;
use crate::Violation;

const EMPTY_NAMES: [&str; 4] = ["utils", "common", "helpers", "misc"];
const RULE: &str = "empty name";

/// Checks the names of folders and files, and of modules written inside a file.
pub(super) fn check(paths: &BTreeSet<String>, sources: &[RustFile<'_>]) -> Vec<Violation> {
    let of_files = paths.iter().filter_map(|path| {
        let name = path.split('/').map(stem).find(|part| EMPTY_NAMES.contains(part))?;
        Some(Violation::new(path, 1, RULE, advice(name)))
    });
    let of_modules = sources.iter().flat_map(|rust| {
        let code = &rust.source.code;
        EMPTY_NAMES.iter().filter_map(move |name| {
            let at = code
                .find(&format!("mod {name} {{"))
                .or_else(|| code.find(&format!("mod {name};")))?;
            let line = rust.source.line_of(at);
            Some(Violation::new(&rust.file.path, line, RULE, advice(name)))
        })
    });
    of_files.chain(of_modules).collect()
}

fn stem(part: &str) -> &str {
    part.split('.').next().unwrap_or(part)
}

fn advice(name: &str) -> String {
    format!("`{name}` could hold anything: name it for what it does")
}

#[cfg(test)]
mod tests {
    use super::super::rust_file;
    use super::*;
    use crate::tree::Tree;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let tree = Tree::of(&[(path, text)]);
        let sources: Vec<_> = tree.with_extension("rs").map(rust_file).collect();
        check(&tree.paths, &sources).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn finds_empty_names_of_files_and_folders() {
        assert_eq!(lines("core/src/utils.rs", ""), [1]);
        assert_eq!(lines("core/tests/common/mod.rs", ""), [1]);
        assert_eq!(lines("web/misc/a.html", ""), [1]);
        assert!(lines("core/src/uncommon.rs", "").is_empty());
    }

    #[test]
    fn finds_empty_names_of_modules() {
        assert_eq!(lines("a.rs", "//! mod misc;\nmod helpers {}\n"), [2]);
        assert!(lines("a.rs", "mod help;\n").is_empty());
    }
}
