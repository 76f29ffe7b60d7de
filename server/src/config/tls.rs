//! Settings of `[tls]`.

use std::path::PathBuf;

use serde::Deserialize;

use super::problem::Problems;
use super::{Effective, Seconds};
use crate::tls::{Certificate, Files};

/// The certificate of the server's own port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    cert: PathBuf,
    key: PathBuf,
    /// Between two looks at the files.
    pub reload_seconds: Seconds,
}

impl TlsSettings {
    /// Returns the certificate's and the key's files; `None` speaks plain HTTP.
    pub fn files(&self) -> Option<Files> {
        let Self { cert, key, .. } = self;
        let is_set = !cert.as_os_str().is_empty();
        is_set.then(|| Files { cert: cert.clone(), key: key.clone() })
    }

    /// Reads both files, so that a certificate that cannot be used stops the start; tells of a key that is open to all.
    pub(super) fn check(
        &self,
        effective: &Effective,
        problems: &mut Problems,
        warnings: &mut Vec<String>,
    ) {
        let are_empty = [&self.cert, &self.key].map(|path| path.as_os_str().is_empty());
        let missing = match are_empty {
            [true, true] => return,
            [true, false] => Some(("tls.cert", "tls.key")),
            [false, true] => Some(("tls.key", "tls.cert")),
            [false, false] => None,
        };
        if let Some((name, set)) = missing {
            let what = format!("must be set where {set} is");
            return problems.add(name, what, &effective.origin(set));
        }
        let files = Files { cert: self.cert.clone(), key: self.key.clone() };
        warnings.extend(Certificate::open_key(&files));
        if let Err(fault) = Certificate::read(files) {
            problems.add(fault.setting, fault.what, &effective.origin(fault.setting));
        }
    }
}
