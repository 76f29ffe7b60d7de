//! Files fit a reader's patience and functions fit a screen.
//!
//! Over the soft limit needs an entry in the ratchet, over the hard limit is never allowed, and
//! the ratchet must be turned when the code shrank. Prose and settings have no size limit.

use super::RustFile;
use super::ratchet::{LongFile, Ratchet};
use crate::Violation;
use crate::tree::{SourceFile, Tree};

const FILE_LINES: usize = 400;
const FILE_LINES_EVER: usize = 600;
const FUNCTION_LINES: usize = 40;
const FUNCTION_LINES_EVER: usize = 70;
/// How far a file may be below its entry, so that not every edit touches the ratchet.
const SLACK: usize = 20;
const SIZED: [&str; 4] = ["rs", "sql", "py", "html"];
const FILE_SIZE: &str = "file size";
const FUNCTION_SIZE: &str = "function size";

/// Checks the length of every source file against the limits and the ratchet.
pub(super) fn files(tree: &Tree, ratchet: &Ratchet) -> Vec<Violation> {
    let gone =
        ratchet.files.iter().filter(|entry| !tree.paths.contains(&entry.path)).map(|entry| {
            let advice = format!("`{}` is gone: remove its entry", entry.path);
            Violation::new(super::RATCHET, 1, FILE_SIZE, advice)
        });
    let sized = tree.files.iter().filter(|file| SIZED.contains(&file.extension()));
    sized
        .filter_map(|file| {
            let entry = ratchet.files.iter().find(|entry| entry.path == file.path);
            let (line, advice) = judge_file(file, entry)?;
            Some(Violation::new(&file.path, line, FILE_SIZE, advice))
        })
        .chain(gone)
        .collect()
}

fn judge_file(file: &SourceFile, entry: Option<&LongFile>) -> Option<(usize, String)> {
    let lines = file.text.lines().count();
    let advice = match entry {
        _ if lines > FILE_LINES_EVER => {
            format!("{lines} lines; {FILE_LINES_EVER} is the limit without exception: split it")
        }
        None if lines > FILE_LINES => format!(
            "{lines} lines; split it, or give {} an entry with the reason it is one file",
            super::RATCHET
        ),
        None => return None,
        Some(_) if lines <= FILE_LINES => {
            format!("{lines} lines need no exception: remove its entry from {}", super::RATCHET)
        }
        Some(entry) if lines > entry.lines => {
            format!("{lines} lines, {} were agreed: move something out", entry.lines)
        }
        Some(entry) if lines + SLACK < entry.lines => {
            format!("shrank to {lines} lines: lower {} in {}", entry.lines, super::RATCHET)
        }
        Some(_) => return None,
    };
    Some((lines, advice))
}

/// Checks the length of every function, and the number of long ones against the ratchet.
pub(super) fn functions(sources: &[RustFile<'_>], ratchet: &Ratchet) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut long = Vec::new();
    for rust in sources {
        for function in &rust.source.functions {
            let (path, lines) = (&rust.file.path, function.body_lines);
            let advice = format!("`{}` has {lines} lines: take a step of it out", function.name);
            let violation = Violation::new(path, function.line, FUNCTION_SIZE, advice);
            if lines > FUNCTION_LINES_EVER {
                found.push(violation);
            } else if lines > FUNCTION_LINES {
                long.push(violation);
            }
        }
    }
    if long.len() > ratchet.long_functions {
        // Which of them is new is not known here, so all are named.
        found.append(&mut long);
    } else if long.len() < ratchet.long_functions {
        let advice = format!("only {} are left: lower `long_functions` to that", long.len());
        found.push(Violation::new(super::RATCHET, 1, FUNCTION_SIZE, advice));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::rust_file;
    use super::*;

    fn check_file(lines: usize, agreed: Option<usize>) -> Option<String> {
        let tree = Tree::of(&[("a.rs", &"x\n".repeat(lines))]);
        let entry =
            agreed.map(|lines| LongFile { path: "a.rs".into(), lines, reason: "one table".into() });
        let ratchet = Ratchet { long_functions: 0, files: entry.into_iter().collect() };
        files(&tree, &ratchet).pop().map(|violation| violation.advice)
    }

    #[test]
    fn a_long_file_needs_an_entry() {
        assert_eq!(check_file(400, None), None);
        assert!(check_file(401, None).is_some_and(|advice| advice.contains("reason")));
        assert_eq!(check_file(450, Some(450)), None);
        assert!(check_file(451, Some(450)).is_some_and(|advice| advice.contains("agreed")));
    }

    #[test]
    fn the_entry_only_goes_down() {
        assert_eq!(check_file(430, Some(450)), None);
        assert!(check_file(429, Some(450)).is_some_and(|advice| advice.contains("lower")));
        assert!(check_file(400, Some(410)).is_some_and(|advice| advice.contains("remove")));
    }

    #[test]
    fn no_entry_lifts_the_hard_limit() {
        assert!(check_file(601, Some(601)).is_some_and(|advice| advice.contains("split")));
    }

    #[test]
    fn an_entry_for_a_lost_file_is_refused() {
        let text = "long_functions = 0\n[[file]]\npath = 'b.rs'\nlines = 410\nreason = 'x'";
        let ratchet = Ratchet::parse(text).expect("well formed");
        assert_eq!(files(&Tree::of(&[("a.rs", "")]), &ratchet).len(), 1);
    }

    fn check_functions(lines: usize, agreed: usize) -> Vec<String> {
        let file = SourceFile {
            path: "a.rs".into(),
            text: format!("fn long() {{\n{}}}\n", "x;\n".repeat(lines)),
        };
        let ratchet = Ratchet { long_functions: agreed, files: Vec::new() };
        functions(&[rust_file(&file)], &ratchet).into_iter().map(|v| v.to_string()).collect()
    }

    #[test]
    fn long_functions_are_counted() {
        assert!(check_functions(40, 0).is_empty());
        assert!(check_functions(41, 1).is_empty());
        assert_eq!(
            check_functions(41, 0),
            ["a.rs:1: function size: `long` has 41 lines: take a step of it out"]
        );
        assert!(check_functions(40, 1)[0].contains("lower `long_functions`"));
    }

    #[test]
    fn very_long_functions_are_never_allowed() {
        assert!(check_functions(70, 1).is_empty());
        assert_eq!(check_functions(71, 0).len(), 1);
    }
}
