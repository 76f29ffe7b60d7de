//! The Landfall server as a library: its parts, which the binary `landfall` and the tests put together.

pub mod bench;
pub mod realtime;
