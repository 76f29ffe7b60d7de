//! `landfall restore --check --vouch FILE`: the operator says that a backup is safe.
//!
//! Servers tell devices then up to when they may forget what was answered. Must never vouch for a
//! backup that was not read through, nor for more than it surely holds.

use std::io::Write;

use anyhow::bail;
use landfall_core::time::Timestamp;
use landfall_store::Summary;
use tokio::runtime::Runtime;

use crate::backend;
use crate::clock::now_ms;
use crate::config::{Backend, Config};

/// How far the clocks of the nodes that answered, and of the one that made the backup, may be apart.
const MARGIN_MS: i64 = 10 * 60 * 1_000;

/// Notes in the running store what a backup that was read through makes safe, and says it.
pub(super) fn vouch(
    runtime: &Runtime,
    config: &Config,
    summary: &Summary,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let made_at = summary.about.made_at;
    if made_at > Timestamp::from_ms(now_ms()) {
        bail!("the backup was made at {made_at}, which is still to come: set the clocks right");
    }
    let up_to = made_at.plus_ms(-MARGIN_MS);
    let noted = runtime.block_on(backend::vouch(&Backend::of(config), &summary.about, up_to))?;
    if noted > up_to {
        writeln!(out, "a later backup is vouched for already")?;
    }
    writeln!(out, "devices may forget what was answered before {noted}")?;
    Ok(())
}
