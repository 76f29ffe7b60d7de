//! Relative links in Markdown lead to files that exist.
//!
//! Links to other sites are not followed: a check that needs a network fails for strangers.

use crate::Violation;
use crate::tree::{SourceFile, Tree};

/// Checks the links of every Markdown file.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.with_extension("md") {
        for (line, target) in relative_links(file) {
            let path = locate(&file.path, &target);
            if !exists(tree, &path) {
                let advice = format!("there is no `{path}`: put the link right or remove it");
                found.push(Violation::new(&file.path, line, "dead link", advice));
            }
        }
    }
    found
}

fn exists(tree: &Tree, path: &str) -> bool {
    let folder = format!("{path}/");
    path.is_empty()
        || tree.paths.contains(path)
        || tree.paths.range(folder.clone()..).next().is_some_and(|next| next.starts_with(&folder))
}

fn relative_links(file: &SourceFile) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut is_fenced = false;
    for (number, line) in (1..).zip(file.text.lines()) {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            links.extend(targets(&prose(line)).into_iter().map(|target| (number, target)));
        }
    }
    links
}

/// Drops what stands between backticks.
fn prose(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Finds `[text](target)` and `[name]: target`, without their anchors, leaving out other sites.
fn targets(line: &str) -> Vec<String> {
    let inline = line.split("](").skip(1);
    let definition = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    inline
        .chain(definition.map(|(_, target)| target))
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|target| !target.contains(':'))
        .filter_map(|target| target.split('#').next())
        .filter(|target| !target.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Writes a link's target from the repository root.
fn locate(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect(),
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_link(text: &str) -> Option<String> {
        let tree = Tree::of(&[("docs/a.md", text), ("docs/b.md", ""), ("core/src/lib.rs", "")]);
        check(&tree).pop().map(|violation| violation.to_string())
    }

    #[test]
    fn follows_relative_links() {
        let text = "[b](b.md) [b](b.md#part) [c](../core/src) [c](/core/src/lib.rs) [r](../)\n";
        assert_eq!(check_link(text), None);
    }

    #[test]
    fn finds_dead_ones() {
        let advice = "docs/a.md:2: dead link: there is no `docs/c.md`: put the link right or \
                      remove it";
        assert_eq!(check_link("\n[c](c.md#part)\n").as_deref(), Some(advice));
        assert!(check_link("[name]: ../b.md\n").is_some());
        assert!(check_link("[b](b.md) and [c](c.md)\n").is_some());
    }

    #[test]
    fn leaves_code_anchors_and_other_sites_alone() {
        assert_eq!(check_link("`[c](c.md)` [d](#d) [e](https://example.org/e)\n"), None);
        assert_eq!(check_link("```\n[c](c.md)\n```\n"), None);
    }
}
