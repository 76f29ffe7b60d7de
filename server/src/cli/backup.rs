//! `landfall backup FILE`: the store and its keys in one file, while a server may be running.
//!
//! Must never hold a running server up, nor leave half a file under the name that was given.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use landfall_core::time::Timestamp;
use landfall_store::{BackupError, BackupOrder, Overwrite, Summary};

use super::ConfigArgs;
use super::progress::{Loudness, Progress};
use crate::backend;
use crate::clock::now_ms;
use crate::config::{Backend, Environment, SecretsSettings};
use crate::keys;

/// How this program calls itself in a backup.
const PROGRAM: &str = concat!("landfall ", env!("CARGO_PKG_VERSION"));

#[derive(Args)]
#[command(after_help = "The file holds everything, the keys of the data folder included: whoever \
    reads it can act as the server. It appears whole or not at all, readable by its owner alone. \
    `landfall restore --check FILE` reads it through.")]
pub(super) struct BackupArgs {
    /// File to write.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if it is there, once the new one is whole.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    loudness: Loudness,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: BackupArgs, env: Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let BackupArgs { file, force, loudness, config } = args;
    let config = config.load_for_store(env)?.config;
    let backend = Backend::of(&config);
    // Nodes that share a store are given their keys and make none.
    let keys = match backend {
        Backend::Sqlite(_) => keys::copies(&config.server.data_dir)?,
        Backend::Postgres(_) => Vec::new(),
    };
    let order = BackupOrder {
        file: &file,
        overwrite: if force { Overwrite::Always } else { Overwrite::Never },
        keys,
        program: PROGRAM,
        at: Timestamp::from_ms(now_ms()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut progress = Progress::new(loudness);
    let tell = &mut |table: &str, rows| progress.tell(table, rows);
    let summary = match runtime.block_on(backend::backup(&backend, &order, tell)) {
        Err(BackupError::FileThere(path)) => {
            bail!(
                "{} is there already: name another file, or replace it with --force",
                path.display()
            )
        }
        summary => summary?,
    };
    drop(progress);
    writeln!(out, "{}: {}", file.display(), contents(&summary))?;
    if let Some(needs) = needed(&config.secrets) {
        writeln!(out, "{needs}")?;
    }
    Ok(())
}

/// Says which keys open what a backup holds and are not in it.
fn needed(secrets: &SecretsSettings) -> Option<String> {
    let ring = secrets.ring();
    let names: Vec<&str> = ring.iter().map(|key| key.id.as_str()).collect();
    let keys = (!names.is_empty()).then(|| format!("secrets.keys ({})", names.join(", ")));
    let lookup = secrets.lookup().map(|_| "secrets.lookup".to_owned());
    let settings: Vec<String> = keys.into_iter().chain(lookup).collect();
    (!settings.is_empty()).then(|| {
        let settings = settings.join(" and ");
        format!("addresses in it open with {settings}, which it does not hold: keep them too")
    })
}

/// Says what a backup holds, in one line.
pub(super) fn contents(summary: &Summary) -> String {
    let Summary { about, tables, rows, keys } = summary;
    let (schema, epoch, made_at) = (about.schema, about.epoch.0, about.made_at);
    format!(
        "{rows} rows of {tables} tables and {keys} keys; schema {schema}, epoch {epoch}, made at \
         {made_at} by {}",
        about.program
    )
}
