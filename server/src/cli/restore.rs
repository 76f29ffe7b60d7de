//! `landfall restore FILE`: a backup in the place of the store, in a new epoch.
//!
//! Must never touch the store while a server runs on the data folder, nor lose what was there.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use landfall_core::feed::Epoch;
use landfall_core::time::Timestamp;
use landfall_store::sqlite::Sqlite;
use landfall_store::{BackupError, BackupFile, KeyFile, Overwrite, RestoreOrder, Restored};
use tokio::runtime::Runtime;

use super::ConfigArgs;
use super::backup::contents;
use super::progress::{Loudness, Progress};
use crate::clock::now_ms;
use crate::config::{Config, Environment, store_settings};
use crate::keys::{self, DataLock};
use crate::service::Ids;
use crate::service::lives::epoch_entry;
use crate::witness;

#[derive(Args)]
#[command(after_help = "The backup is read through before anything changes. What was there, the \
    store and keys that differ, stays beside under a name with the time. A new epoch begins: \
    devices that know of more than the backup has are told so and start over.")]
pub(super) struct RestoreArgs {
    /// Backup to restore.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only read the backup through and say what it holds.
    #[arg(long, conflicts_with = "replace")]
    check: bool,
    /// Put it in the place of a store that is there, and of keys that differ.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    loudness: Loudness,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: RestoreArgs, env: Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let RestoreArgs { file, check, replace, loudness, config } = args;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let backup = BackupFile::open(&file)?;
    if check {
        let summary = verify(&runtime, &backup, loudness)?;
        writeln!(out, "{}: {}", file.display(), contents(&summary))?;
        return Ok(());
    }
    let config = config.load(env, None)?.config;
    let _lock = DataLock::take(&config.server.data_dir)?;
    let replace = if replace { Overwrite::Always } else { Overwrite::Never };
    let keys = runtime.block_on(backup.keys())?;
    refuse_differing(&config.server.data_dir, &keys, replace)?;
    refuse_there(&config, replace)?;
    verify(&runtime, &backup, loudness)?;
    let at = Timestamp::from_ms(now_ms());
    let suffix = format!(".replaced-{}", at.to_string().replace(['-', ':', '.'], ""));
    let moved_keys = keys::put_back(&config.server.data_dir, &keys, &suffix)?;
    let restored = restore(&runtime, &config, &backup, (replace, at), loudness)?;
    witness::forget(&config.server.data_dir).context("the witness cannot be removed")?;
    say(out, &file, &restored, &moved_keys)
}

fn verify(
    runtime: &Runtime,
    backup: &BackupFile,
    loudness: Loudness,
) -> Result<landfall_store::Summary, BackupError> {
    let mut progress = Progress::new(loudness);
    runtime.block_on(backup.verify(&mut |table, rows| progress.tell(table, rows)))
}

fn refuse_differing(data_dir: &Path, keys: &[KeyFile], replace: Overwrite) -> anyhow::Result<()> {
    if replace == Overwrite::Always {
        return Ok(());
    }
    match keys::differing(data_dir, keys)?.first() {
        None => Ok(()),
        Some(path) => bail!(
            "{} is there and is not the backup's: name an empty folder, or give --replace, which \
             keeps it under another name",
            path.display()
        ),
    }
}

fn refuse_there(config: &Config, replace: Overwrite) -> anyhow::Result<()> {
    let path = store_settings(config).path;
    let is_there = path.metadata().is_ok_and(|file| file.len() > 0);
    if is_there && replace == Overwrite::Never {
        bail!(
            "there is a store at {} already: name another folder, or give --replace, which keeps \
             it under another name",
            path.display()
        );
    }
    Ok(())
}

fn restore(
    runtime: &Runtime,
    config: &Config,
    backup: &BackupFile,
    (replace, at): (Overwrite, Timestamp),
    loudness: Loudness,
) -> anyhow::Result<Restored> {
    let ids = Ids::new();
    let known = witness::read(&config.server.data_dir).map_or(Epoch(1), |life| life.epoch);
    let reason = format!("restored from a backup made at {}", backup.about().made_at);
    let order = RestoreOrder {
        file: backup,
        replace,
        later_than: known,
        at,
        entry: &|from, to| epoch_entry(&ids, at, &reason, from, to),
    };
    let mut progress = Progress::new(loudness);
    let tell = &mut |table: &str, rows| progress.tell(table, rows);
    Ok(runtime.block_on(Sqlite::restore(&store_settings(config), &order, tell))?)
}

fn say(
    out: &mut dyn Write,
    file: &Path,
    restored: &Restored,
    moved_keys: &[PathBuf],
) -> anyhow::Result<()> {
    writeln!(out, "restored {}: {}", file.display(), contents(&restored.summary))?;
    writeln!(out, "epoch {} has begun", restored.epoch.0)?;
    for path in restored.moved.iter().chain(moved_keys) {
        writeln!(out, "what was there is now {}", path.display())?;
    }
    Ok(())
}
