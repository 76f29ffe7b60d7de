//! Live connections: the WebSocket wire and what is served over it. Nothing here decides what a session is sent; that
//! is core's, and nothing here touches the store.

pub mod frame;
pub mod handshake;
