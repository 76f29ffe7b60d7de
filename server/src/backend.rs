//! Opens the store that the configuration names.
//!
//! The one place that knows which backends there are; must never show a URL's password.

use std::sync::Arc;

use anyhow::Context as _;
use landfall_core::time::Timestamp;
use landfall_store::postgres::Postgres;
use landfall_store::sqlite::Sqlite;
use landfall_store::{
    About, BackupError, BackupOrder, ChangeSink, Progress, RestoreOrder, Restored, Store, Summary,
};

use crate::config::Backend;

/// Opens the store, migrating it first where needed; `sink` hears of every change.
///
/// # Errors
/// When it cannot be opened or reached, or was written by a newer version.
pub async fn open(backend: &Backend, sink: ChangeSink) -> anyhow::Result<Arc<dyn Store>> {
    let opened: Result<Arc<dyn Store>, _> = match backend {
        Backend::Sqlite(settings) => {
            Sqlite::open(settings, sink).map(|store| Arc::new(store) as Arc<dyn Store>)
        }
        Backend::Postgres(settings) => {
            Postgres::open(settings, sink).await.map(|store| Arc::new(store) as Arc<dyn Store>)
        }
    };
    opened.with_context(|| format!("the store {backend} cannot be opened"))
}

/// Brings a store's schema up to date without serving it; tells from and to which version.
///
/// # Errors
/// As [`open`].
pub async fn migrate(backend: &Backend) -> anyhow::Result<(u32, u32)> {
    let migrated = match backend {
        Backend::Sqlite(settings) => Sqlite::migrate(settings),
        Backend::Postgres(settings) => Postgres::migrate(settings).await,
    };
    migrated.with_context(|| backend.to_string())
}

/// Writes the store to a file; servers may be using it.
///
/// # Errors
/// As [`Sqlite::backup`] and [`Postgres::backup`].
pub async fn backup(
    backend: &Backend,
    order: &BackupOrder<'_>,
    progress: &mut Progress<'_>,
) -> Result<Summary, BackupError> {
    match backend {
        Backend::Sqlite(settings) => Sqlite::backup(settings, order, progress).await,
        Backend::Postgres(settings) => Postgres::backup(settings, order, progress).await,
    }
}

/// Notes that everything up to a time is in a backup that is safe; servers may be using the store.
///
/// # Errors
/// As [`Sqlite::vouch`] and [`Postgres::vouch`].
pub async fn vouch(
    backend: &Backend,
    about: &About,
    up_to: Timestamp,
) -> Result<Timestamp, BackupError> {
    match backend {
        Backend::Sqlite(settings) => Sqlite::vouch(settings, about, up_to),
        Backend::Postgres(settings) => Postgres::vouch(settings, about, up_to).await,
    }
}

/// Puts a backup in the store's place; no server may be using it.
///
/// # Errors
/// As [`Sqlite::restore`] and [`Postgres::restore`].
pub async fn restore(
    backend: &Backend,
    order: &RestoreOrder<'_>,
    progress: &mut Progress<'_>,
) -> Result<Restored, BackupError> {
    match backend {
        Backend::Sqlite(settings) => Sqlite::restore(settings, order, progress).await,
        Backend::Postgres(settings) => Postgres::restore(settings, order, progress).await,
    }
}
