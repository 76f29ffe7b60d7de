//! The binary `landfall`.
fn main() {}
