//! Settings of `[store]`.

use std::path::{Path, PathBuf};

use landfall_store::postgres::{self, Address};
use landfall_store::sqlite;
use serde::Deserialize;

use super::{Config, Mib, Seconds};
use crate::secret::Secret;

/// The store and how much it takes at once.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// `sqlite:PATH`, `postgres://…` with its password, or empty.
    url: Secret,
    /// Connections that read at the same time.
    pub readers: usize,
    /// Units committed together at most.
    pub group_max_units: usize,
    /// Units that may wait for a commit.
    pub queue_max_units: usize,
    /// Page cache of each connection.
    pub cache_mib: Mib,
    /// Mapped part of the file; 0 maps nothing.
    pub mmap_mib: Mib,
    /// To which the file may grow; 0 is no bound.
    pub max_mib: Mib,
    /// Connections to PostgreSQL that read, at most.
    pub connections: usize,
    /// Connections to PostgreSQL that commit.
    pub committers: usize,
    /// In which a connection to PostgreSQL has to be there.
    pub connect_seconds: Seconds,
    /// For which a read may wait for one of the connections.
    pub wait_seconds: Seconds,
    /// In which PostgreSQL has to answer a statement.
    pub statement_seconds: Seconds,
}

impl StoreSettings {
    /// Returns the path of the SQLite file: the one of `url`, else `landfall.db` in the data folder.
    pub fn sqlite_path(&self, data_dir: &Path) -> PathBuf {
        match self.url.expose().strip_prefix("sqlite:") {
            Some(path) => PathBuf::from(path),
            None => data_dir.join("landfall.db"),
        }
    }

    /// Tells whether other nodes may use the same store, so that they need the same keys.
    pub fn is_shared(&self) -> bool {
        self.address().is_some()
    }

    fn address(&self) -> Option<Address> {
        // Another URL than one of PostgreSQL was refused, or is one of SQLite.
        Address::parse(self.url.expose()).ok()
    }
}

/// Which store the configuration names, and how it is opened.
#[derive(Debug, Clone)]
pub enum Backend {
    /// A file of this server's own.
    Sqlite(sqlite::Settings),
    /// A database that other nodes may use, too.
    Postgres(Box<postgres::Settings>),
}

impl Backend {
    /// Reads it off the configuration.
    pub fn of(config: &Config) -> Self {
        let Some(address) = config.store.address() else {
            return Self::Sqlite(store_settings(config));
        };
        let store = &config.store;
        Self::Postgres(Box::new(postgres::Settings {
            address,
            connections: store.connections,
            committers: store.committers,
            group_max: store.group_max_units,
            queue_max: store.queue_max_units,
            wait: store.wait_seconds.duration(),
            connect_timeout: store.connect_seconds.duration(),
            statement_timeout: store.statement_seconds.duration(),
        }))
    }
}

/// Shows where the store is; never a password.
impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(settings) => settings.path.display().fmt(f),
            Self::Postgres(settings) => settings.address.fmt(f),
        }
    }
}

/// The store's pages have 4 KiB.
const PAGES_PER_MIB: u32 = 256;

/// Returns how the embedded store is opened.
pub fn store_settings(config: &Config) -> sqlite::Settings {
    let store = &config.store;
    sqlite::Settings {
        path: store.sqlite_path(&config.server.data_dir),
        readers: store.readers,
        group_max: store.group_max_units,
        queue_max: store.queue_max_units,
        cache_kib: store.cache_mib.0 as usize * 1_024,
        mmap_bytes: store.mmap_mib.bytes(),
        max_pages: (store.max_mib.0 > 0).then(|| store.max_mib.0.saturating_mul(PAGES_PER_MIB)),
    }
}
