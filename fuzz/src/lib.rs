//! What Landfall does with junk: one function for each parser that faces the network.
//!
//! A target takes any bytes and panics when a promise is broken; it must answer the same bytes the
//! same way each time, touch no file and ask no clock. `make fuzz` searches with libFuzzer, the
//! tests replay what is kept in `corpus` and search a little by themselves.

mod bodies;
mod client_messages;
mod cursors;
mod frames;
mod lines;
pub mod mutate;
mod parts;
mod queries;
mod socketio_packet;
mod socketio_payload;
mod tokens;

/// A parser under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Names its folder of kept inputs.
    pub name: &'static str,
    /// Feeds it; panics when a promise is broken.
    pub run: fn(&[u8]),
    /// Inputs that a bounded search in the tests tries.
    pub tries: u32,
}

/// Every target.
pub const TARGETS: [Target; 9] = [
    Target { name: "bodies", run: bodies::run, tries: 40_000 },
    Target { name: "client_messages", run: client_messages::run, tries: 40_000 },
    Target { name: "cursors", run: cursors::run, tries: 20_000 },
    Target { name: "frames", run: frames::run, tries: 20_000 },
    Target { name: "lines", run: lines::run, tries: 20_000 },
    Target { name: "queries", run: queries::run, tries: 40_000 },
    Target { name: "socketio_packet", run: socketio_packet::run, tries: 40_000 },
    Target { name: "socketio_payload", run: socketio_payload::run, tries: 40_000 },
    Target { name: "tokens", run: tokens::run, tries: 4_000 },
];
