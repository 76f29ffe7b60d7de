//! Settings of `[store]`.

use std::path::{Path, PathBuf};

use landfall_store::sqlite;
use serde::Deserialize;

use super::{Config, Mib};

/// The store and how much it takes at once.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// `sqlite:PATH`, or empty.
    url: String,
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
}

impl StoreSettings {
    /// Returns the path of the SQLite file: the one of `url`, else `landfall.db` in the data folder.
    pub fn sqlite_path(&self, data_dir: &Path) -> PathBuf {
        match self.url.strip_prefix("sqlite:") {
            Some(path) => PathBuf::from(path),
            None => data_dir.join("landfall.db"),
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
