//! `landfall restore FILE`: a backup in the place of the store, in a new epoch; or only read through.
//!
//! Must never touch the store while a server runs on the data folder, nor lose what was there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use clap::Args;
use landfall_core::feed::Epoch;
use landfall_core::time::Timestamp;
use landfall_store::{BackupError, BackupFile, KeyFile, Overwrite, RestoreOrder, Restored};
use tokio::runtime::Runtime;

use super::ConfigArgs;
use super::backup::contents;
use super::progress::{Loudness, Progress};
use crate::backend;
use crate::clock::now_ms;
use crate::config::{Backend, Config, Environment};
use crate::keys::{self, DataLock};
use crate::service::Ids;
use crate::service::lives::epoch_entry;
use crate::witness;

#[derive(Args)]
#[command(after_help = "The backup is read through before anything changes. What was there, the \
    embedded store and keys that differ, stays beside under a name with the time. A new epoch \
    begins: devices that know of more than the backup has are told so and start over.")]
pub(super) struct RestoreArgs {
    /// Backup to restore.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only read the backup through and say what it holds.
    #[arg(long, conflicts_with = "replace")]
    check: bool,
    /// Say that the backup is safe, once it was copied away: if it is one of the store as it is
    /// now, devices may forget what was answered before it. Servers may be running.
    #[arg(long, requires = "check", conflicts_with = "replace")]
    vouch: bool,
    /// Put it in the place of a store that is there, and of keys that differ. In PostgreSQL the
    /// store's tables are dropped: back them up first.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    loudness: Loudness,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: RestoreArgs, env: Environment, out: &mut dyn Write) -> anyhow::Result<()> {
    let RestoreArgs { file, check, vouch, replace, loudness, config } = args;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let backup = BackupFile::open(&file)?;
    if check {
        let mut progress = Progress::new(loudness);
        let tell = &mut |table: &str, rows| progress.tell(table, rows);
        let summary = runtime.block_on(backup.verify(tell))?;
        drop(progress);
        writeln!(out, "{}: {}", file.display(), contents(&summary))?;
        if vouch {
            let config = config.load_for_store(env)?.config;
            super::vouch::vouch(&runtime, &config, &summary, out)?;
        }
        return Ok(());
    }
    let config = config.load_for_store(env)?.config;
    let _lock = DataLock::take(&config.server.data_dir)?;
    let replace = if replace { Overwrite::Always } else { Overwrite::Never };
    let keys = runtime.block_on(backup.keys())?;
    refuse_differing(&config.server.data_dir, &keys, replace)?;
    let (restored, moved_keys) =
        restore(&runtime, &config, (&backup, &keys), replace, Progress::new(loudness))?;
    witness::forget(&config.server.data_dir).context("the witness cannot be removed")?;
    say(out, &file, &restored, &moved_keys)?;
    if config.store.is_shared() && !keys.is_empty() {
        let folder = config.server.data_dir.join("keys");
        writeln!(out, "{} {}", folder.display(), KEYS_FOR_NODES)?;
    }
    Ok(())
}

/// What to do with self-made keys where nodes share a store.
const KEYS_FOR_NODES: &str = "has the keys of the backup: give every node jwt-hs256.key as \
    JWT_SECRET_KEY, the pair of vapid.json, sealing.key as LANDFALL_SECRETS_KEYS and lookup.key as \
    LANDFALL_SECRETS_LOOKUP, or tokens and push subscriptions hold no more and addresses stay shut";

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

fn restore(
    runtime: &Runtime,
    config: &Config,
    (backup, keys): (&BackupFile, &[KeyFile]),
    replace: Overwrite,
    mut progress: Progress,
) -> anyhow::Result<(Restored, Vec<PathBuf>)> {
    let (ids, at, data_dir) = (Ids::new(), Timestamp::from_ms(now_ms()), &config.server.data_dir);
    let known = witness::read(data_dir).map_or(Epoch(1), |life| life.epoch);
    let reason = format!("restored from a backup made at {}", backup.about().made_at);
    let suffix = format!(".replaced-{}", at.to_string().replace(['-', ':', '.'], ""));
    let moved = Mutex::new(Vec::new());
    let order = RestoreOrder {
        file: backup,
        replace,
        later_than: known,
        at,
        before: &|| {
            let put_back = keys::put_back(data_dir, keys, &suffix)?;
            moved.lock().unwrap_or_else(PoisonError::into_inner).extend(put_back);
            Ok(())
        },
        entry: &|from, to| epoch_entry(&ids, at, &reason, from, to),
    };
    let tell = &mut |table: &str, rows| progress.tell(table, rows);
    let restored = match runtime.block_on(backend::restore(&Backend::of(config), &order, tell)) {
        Err(error @ BackupError::StoreThere(_)) => {
            bail!("{error}: name another place, or put the backup in its place with --replace")
        }
        restored => restored?,
    };
    Ok((restored, moved.into_inner().unwrap_or_else(PoisonError::into_inner)))
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
