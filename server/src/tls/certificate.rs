//! The certificate and its key: read from two PEM files, and read again when they change.
//!
//! What does not fit together is never used: a renewal that fails leaves the old pair in place.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::Error as TlsError;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Longer files are something else.
const BYTES_MAX: u64 = 1_024 * 1_024;

/// Where certificate and key stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate, then those that lead from it to an authority, as PEM.
    pub cert: PathBuf,
    /// Its private key, as PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// What is wrong with one of the files; its text follows the setting's name and shows nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {what}")]
pub struct Fault {
    /// `tls.cert` or `tls.key`.
    pub setting: &'static str,
    /// What is wrong, as the end of a sentence that starts with the setting.
    pub what: String,
}

/// How reading the files again ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// They hold what is in use.
    Unchanged,
    /// A new pair is in use from the next handshake on.
    Taken,
}

/// The certificate in use.
pub struct Certificate {
    files: Files,
    pair: RwLock<Pair>,
}

#[derive(Clone)]
struct Pair {
    /// The files' content, to see whether it changed.
    text: Arc<(Vec<u8>, Vec<u8>)>,
    key: Arc<CertifiedKey>,
}

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// When one cannot be read, holds something else, or they do not belong together.
    pub fn read(files: Files) -> Result<Self, Fault> {
        let pair = RwLock::new(Pair::of(content(&files)?, &files)?);
        Ok(Self { files, pair })
    }

    /// Reads both files again and takes what changed.
    ///
    /// # Errors
    /// As [`Self::read`]; the pair in use stays.
    pub fn renew(&self) -> Result<Renewal, Fault> {
        let text = content(&self.files)?;
        if *self.pair().text == text {
            return Ok(Renewal::Unchanged);
        }
        let pair = Pair::of(text, &self.files)?;
        *self.pair.write().unwrap_or_else(PoisonError::into_inner) = pair;
        Ok(Renewal::Taken)
    }

    /// Tells what is wrong with who may read the key, if anything.
    pub fn open_key(files: &Files) -> Option<String> {
        let mode = files.key.metadata().ok()?.permissions().mode();
        (mode & 0o007 != 0).then(|| {
            let path = files.key.display();
            format!("tls.key: everybody on this machine may use {path}; chmod o= it")
        })
    }

    fn pair(&self) -> Pair {
        self.pair.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.pair().key)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Pair {
    fn of(text: (Vec<u8>, Vec<u8>), files: &Files) -> Result<Self, Fault> {
        let path = files.cert.display();
        let of_cert = |what| Fault { setting: "tls.cert", what };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text.0).collect();
        let chain = chain.map_err(|_| of_cert(format!("{path} is no PEM")))?;
        if chain.is_empty() {
            return Err(of_cert(format!("{path} holds no certificate in PEM")));
        }
        let path = files.key.display();
        let of_key = |what| Fault { setting: "tls.key", what };
        let key = PrivateKeyDer::from_pem_slice(&text.1).map_err(|_| {
            of_key(format!("{path} holds no private key in PEM, or an encrypted one"))
        })?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        let key = key.map_err(|error| match error {
            TlsError::InconsistentKeys(_) => {
                of_key(format!("{path} is not the key of the certificate in tls.cert"))
            }
            TlsError::InvalidCertificate(_) => {
                of_cert(format!("{} holds a damaged certificate", files.cert.display()))
            }
            _ => of_key(format!("{path} holds a private key of a kind that is not supported")),
        })?;
        Ok(Self { text: Arc::new(text), key: Arc::new(key) })
    }
}

fn content(files: &Files) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    Ok((bytes("tls.cert", &files.cert)?, bytes("tls.key", &files.key)?))
}

fn bytes(setting: &'static str, path: &Path) -> Result<Vec<u8>, Fault> {
    let fault = |what: &dyn fmt::Display| Fault {
        setting,
        what: format!("{} cannot be read: {what}", path.display()),
    };
    let metadata = path.metadata().map_err(|error| fault(&error))?;
    if !metadata.is_file() || metadata.len() > BYTES_MAX {
        return Err(fault(&"it is no file of at most 1 MiB"));
    }
    std::fs::read(path).map_err(|error| fault(&error))
}
