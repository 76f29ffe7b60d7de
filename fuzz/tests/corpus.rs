//! Every kept input goes through its target, and a bounded search goes a little beyond.

#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use landfall_fuzz::mutate::{Draw, mutated};
use landfall_fuzz::{TARGETS, Target};

fn folder(target: Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn kept(target: Target) -> Vec<(String, Vec<u8>)> {
    let folder = folder(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|_| panic!("no {}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds nothing", folder.display());
    let read = |path: PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
    };
    files.into_iter().map(read).collect()
}

/// Runs an input; on failure says how to keep it.
fn run(target: Target, what: &str, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        panic!(
            "{} {what}: keep this input in corpus/{}: {}",
            target.name,
            target.name,
            input.escape_ascii()
        );
    }
}

fn each_target(check: impl Fn(Target) + Sync) {
    // Twice the work of one target for another must not make the whole wait.
    std::thread::scope(|scope| {
        for target in TARGETS {
            let check = &check;
            scope.spawn(move || check(target));
        }
    });
}

#[test]
fn every_kept_input_goes_through() {
    each_target(|target| {
        for (name, input) in kept(target) {
            run(target, &name, &input);
        }
    });
}

#[test]
fn a_bounded_search_finds_nothing() {
    each_target(|target| {
        let inputs: Vec<Vec<u8>> = kept(target).into_iter().map(|(_, input)| input).collect();
        let mut draw = Draw::new(20_250_911);
        for count in 0..target.tries {
            run(target, &format!("try {count}"), &mutated(&inputs, &mut draw));
        }
    });
}
