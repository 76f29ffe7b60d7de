//! `landfall migrate`: the embedded store's schema, brought up to date without serving.
//!
//! Must never touch the store while a server runs on the data folder.

use std::io::Write;

use anyhow::Context;
use landfall_store::sqlite::Sqlite;

use super::ConfigArgs;
use crate::config::{Environment, store_settings};
use crate::keys::DataLock;

pub(super) fn run(args: ConfigArgs, env: Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let config = args.load(env, None)?.config;
    let _lock = DataLock::take(&config.server.data_dir)?;
    let settings = store_settings(&config);
    let (from, to) =
        Sqlite::migrate(&settings).with_context(|| settings.path.display().to_string())?;
    if from == to {
        writeln!(out, "schema {to}: nothing to do")?;
    } else {
        writeln!(out, "schema {from} -> {to}")?;
    }
    Ok(())
}
