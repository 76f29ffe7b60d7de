//! Runs the house's checks over the real tree, so that `cargo test` keeps them.
//!
//! What the checks can find is proved beside each of them; this only says the house is clean.

use xtask::tree::Tree;
use xtask::{Violation, directions, tidy};

fn assert_clean(violations: &[Violation]) {
    let lines: Vec<String> = violations.iter().map(Violation::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

#[test]
fn is_tidy() {
    let tree = Tree::read().expect("the tests run in a checkout");
    assert_clean(&tidy::check(&tree).expect("the ratchet is well formed"));
}

#[test]
fn keeps_its_directions() {
    let tree = Tree::read().expect("the tests run in a checkout");
    assert_clean(&directions::check(&tree).expect("cargo describes the workspace"));
}
