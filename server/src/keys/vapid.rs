//! The self-made Web Push pair (RFC 8292: ECDSA on P-256).

use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde::{Deserialize, Serialize};

use super::folder::KeyFolder;
use super::{KeysError, base64url};
use crate::config::VapidPair;
use crate::secret::Secret;

const FILE: &str = "vapid.json";

/// The file's content, in base64url.
#[derive(Serialize, Deserialize)]
struct Stored {
    public_key: String,
    private_key: String,
}

/// Makes a new pair.
///
/// # Errors
/// When the system gives no random bytes.
pub fn generate() -> Result<VapidPair, KeysError> {
    let pair =
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeysError::Random)?;
    let scalar: EcPrivateKeyBin<'_> =
        pair.private_key().as_be_bytes().map_err(|_| KeysError::Random)?;
    Ok(VapidPair {
        public_key: text(pair.public_key().as_ref()),
        private_key: Secret::new(text(scalar.as_ref())),
    })
}

pub(super) fn open(folder: &KeyFolder) -> Result<VapidPair, KeysError> {
    let content = folder.read_or_make(FILE, || generate().map(|pair| stored(&pair)))?;
    let Ok(Stored { public_key, private_key }) = serde_json::from_slice(&content) else {
        let what = "it is not JSON with public_key and private_key";
        return Err(folder.damaged(FILE, what.to_owned()));
    };
    VapidPair::parse(&public_key, &private_key)
        .map_err(|error| folder.damaged(FILE, error.to_string()))
}

fn stored(pair: &VapidPair) -> Vec<u8> {
    let private_key = pair.private_key.expose().to_owned();
    let stored = Stored { public_key: pair.public_key.clone(), private_key };
    serde_json::to_vec_pretty(&stored).expect("two texts are always JSON")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(base64url(bytes)).expect("base64url is ASCII")
}
