//! Tokens against the verifier: what is accepted, what is refused and why, and what stops the start.
#![allow(clippy::unwrap_used)]

mod accepted;
mod issuer;
mod jwks;
mod openssl;
mod refused;
mod setup;
mod signing;
