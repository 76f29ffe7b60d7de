//! What keeps strangers out, on a whole server in this process: issuers' keys, TLS, revocation.
#![allow(clippy::unwrap_used)]
#![allow(dead_code, reason = "what other tests share is used in part")]

#[path = "../realtime/client.rs"]
mod client;
#[path = "../realtime/harness.rs"]
mod harness;
#[path = "../auth/issuer.rs"]
mod issuer;
#[path = "../auth/signing.rs"]
mod signing;

mod issuers;
mod revocations;
mod secured;
mod tls;
