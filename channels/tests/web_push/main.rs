//! Web Push against a push service on this machine that checks what real ones check, and opens
//! what browsers would.

#![allow(clippy::unwrap_used)]

mod faults;
mod messages;
mod reach;
mod rig;
