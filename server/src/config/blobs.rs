//! Settings of `[blobs]`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Config, Hours, Mib};
use crate::service::ClassSettings;

/// The files that lessons and messages refer to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobSettings {
    dir: PathBuf,
    /// The largest file of who writes lessons.
    pub max_mib: Mib,
    /// The largest file of other members.
    pub member_max_mib: Mib,
    /// All files of one of them.
    pub member_mib: Mib,
    /// All files of one tenant.
    pub tenant_mib: Mib,
    /// For which a file is kept that nothing refers to.
    pub orphan_hours: Hours,
}

impl BlobSettings {
    /// Returns the folder: the one that is set, else `blobs` in the data folder.
    pub fn dir(&self, data_dir: &Path) -> PathBuf {
        match self.dir.as_os_str().is_empty() {
            true => data_dir.join("blobs"),
            false => self.dir.clone(),
        }
    }
}

impl Config {
    /// Returns what lessons and blobs are held to.
    pub fn class_settings(&self) -> ClassSettings {
        ClassSettings {
            lessons_max: self.limits.lessons_per_class_max,
            blob_bytes: self.blobs.max_mib.bytes(),
            member_blob_bytes: self.blobs.member_max_mib.bytes(),
            member_bytes: self.blobs.member_mib.bytes(),
            tenant_bytes: self.blobs.tenant_mib.bytes(),
            orphan_ms: self.blobs.orphan_hours.millis(),
        }
    }
}
