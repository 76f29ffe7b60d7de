//! Engine.IO 4 and Socket.IO 5, as the official clients speak them: what is read, what is written and what follows
//! from it. It must never touch a socket, a clock, a store or randomness: milliseconds and ids come in as values, and
//! every answer is data for the caller to carry out.
//!
//! Sources: the Engine.IO protocol, revision 4, and the Socket.IO protocol, revision 5, as published with the reference
//! implementation; where they leave something open, what the official clients do.
//!
//! | layer | module | what it is |
//! |---|---|---|
//! | terms | [`terms`] | intervals and limits; the open packet that tells them |
//! | | [`id`] | the two names of a connection, the secret one and the one that others may see |
//! | HTTP | [`request`] | what a request asks for, by its method and query; the six errors |
//! | | [`payload`] | bodies of polls and posts: many packets in one |
//! | Engine.IO | [`engine`] | one packet: text behind a digit, or bytes |
//! | | [`heart`] | when the next ping is due, and who is dead |
//! | | [`session`] | a session that polls: its polls, posts and upgrade, as a table of states |
//! | Socket.IO | [`packet`] | connect, disconnect, event, acknowledgement: read and written |
//! | | [`namespaces`] | what a client has joined, and what it may say |
//!
//! A packet is written once, with everything that Engine.IO puts before it (`42["name",{…}]`), so that the same bytes
//! go to every receiver: as a WebSocket text message, or behind others in the body of a poll. Only acknowledgements and
//! answers to a connect are a client's own.

pub mod engine;
pub mod heart;
pub mod id;
pub mod namespaces;
pub mod packet;
pub mod payload;
pub mod request;
pub mod session;

pub mod terms;
