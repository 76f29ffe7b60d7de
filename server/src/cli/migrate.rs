//! `landfall migrate`: the store's schema, brought up to date without serving.
//!
//! Must never touch an embedded store while a server runs on the data folder.

use std::io::Write;

use anyhow::Context as _;

use super::ConfigArgs;
use crate::backend;
use crate::config::{Backend, Environment};
use crate::keys::DataLock;

pub(super) fn run(args: ConfigArgs, env: Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let config = args.load_for_store(env)?.config;
    let backend = Backend::of(&config);
    let _lock = match backend {
        Backend::Sqlite(_) => Some(DataLock::take(&config.server.data_dir)?),
        Backend::Postgres(_) => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the async runtime cannot be started")?;
    let (from, to) = runtime.block_on(backend::migrate(&backend))?;
    if from == to {
        writeln!(out, "schema {to}: nothing to do")?;
    } else {
        writeln!(out, "schema {from} -> {to}")?;
    }
    Ok(())
}
