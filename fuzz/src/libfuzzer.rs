//! Gives one target to libFuzzer: the one that the first argument names by its folder of inputs.
//!
//! `make fuzz` builds and calls it.

#![no_main]
#![allow(unsafe_code, reason = "the macro exports the function that libFuzzer calls")]

use std::sync::OnceLock;

use landfall_fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<Target> = OnceLock::new();

fn target() -> Target {
    let named = std::env::args().nth(1).unwrap_or_default();
    let folder = std::path::Path::new(&named).file_name().unwrap_or_default().to_owned();
    let found = TARGETS.into_iter().find(|target| target.name == folder);
    found.expect("the first argument is a folder with the name of a target")
}

fuzz_target!(|data: &[u8]| (TARGET.get_or_init(target).run)(data));
