//! The command line of the house's checks: `cargo xtask tidy`, `directions` and `help`.
//!
//! It prints what a check found and sets the exit code; it never decides anything itself.
#![allow(clippy::print_stdout, reason = "a developer's tool: standard output is its interface")]

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use xtask::tree::Tree;
use xtask::{directions, tidy};

const HELP: &str = "\
Checks on Landfall's own source. Each violation is one line `path:line: rule: what to do instead`.

    cargo xtask tidy         sizes, names, banned words, links, whitespace
    cargo xtask directions   which crate and which module may name which
    cargo xtask help         this text";

fn main() -> Result<ExitCode> {
    let wanted = std::env::args().nth(1).context(HELP)?;
    let violations = match wanted.as_str() {
        "tidy" => tidy::check(&Tree::read()?)?,
        "directions" => directions::check(&Tree::read()?)?,
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            return Ok(ExitCode::SUCCESS);
        }
        other => bail!("there is no check called `{other}`\n\n{HELP}"),
    };
    for violation in &violations {
        println!("{violation}");
    }
    if violations.is_empty() {
        println!("{wanted}: clean");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{wanted}: {} to put right", violations.len());
    Ok(ExitCode::FAILURE)
}
