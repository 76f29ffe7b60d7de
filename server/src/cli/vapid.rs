//! `landfall vapid`: a new Web Push key pair, ready to be put into the environment.
//!
//! Stores nothing.

use std::io::Write;

use crate::keys::generate_vapid;

pub(super) fn run(out: &mut dyn Write) -> anyhow::Result<()> {
    let pair = generate_vapid()?;
    writeln!(out, "VAPID_PUBLIC_KEY={}", pair.public_key)?;
    writeln!(out, "VAPID_PRIVATE_KEY={}", pair.private_key.expose())?;
    Ok(())
}
