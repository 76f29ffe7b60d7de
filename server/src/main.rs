//! The binary `landfall`.
//!
//! The only place that reads the process's arguments and environment. Must hold no logic.

use std::process::ExitCode;

use landfall_server::{cli, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(std::env::args_os(), std::env::vars_os().collect(), serve::run)
}
