//! The floor of Web Push: the cryptography that RFC 8291 asks for with each message, and nothing else. It must do no less
//! than a push service could open.

use anyhow::{Context, anyhow};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::rand;

/// A browser's keys.
pub struct Browser {
    /// 65 bytes.
    pub p256dh: Vec<u8>,
    /// 16 bytes.
    pub auth: Vec<u8>,
}

impl Browser {
    /// Makes up a browser.
    pub fn generate() -> anyhow::Result<Self> {
        let private = PrivateKey::generate(&ECDH_P256).context("a key pair")?;
        let p256dh = private.compute_public_key().context("a public key")?.as_ref().to_vec();
        let mut auth = vec![0; 16];
        rand::fill(&mut auth).context("random bytes")?;
        Ok(Self { p256dh, auth })
    }
}

/// Encrypts one message: a new key pair, the agreement, five times HMAC, and the cipher.
pub fn encrypt(browser: &Browser, mut text: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let ours = PrivateKey::generate(&ECDH_P256).context("a key pair")?;
    let public = ours.compute_public_key().context("a public key")?;
    let mut salt = [0; 16];
    rand::fill(&mut salt).context("random bytes")?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &browser.p256dh);
    let (key, nonce) = agree(&ours, theirs, anyhow!("no agreement"), |secret| {
        let info = [&b"WebPush: info\0"[..], &browser.p256dh, public.as_ref()];
        let ikm: [u8; 32] = expand(&Salt::new(HKDF_SHA256, &browser.auth).extract(secret), &info)?;
        let record = Salt::new(HKDF_SHA256, &salt).extract(&ikm);
        let key: [u8; 16] = expand(&record, &[b"Content-Encoding: aes128gcm\0"])?;
        let nonce: [u8; 12] = expand(&record, &[b"Content-Encoding: nonce\0"])?;
        Ok((key, nonce))
    })?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).context("a key")?);
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut text).context("the cipher")?;
    Ok(text)
}

fn expand<const N: usize>(from: &Prk, info: &[&[u8]]) -> anyhow::Result<[u8; N]> {
    let mut out = [0; N];
    from.expand(info, Bytes(N)).and_then(|okm| okm.fill(&mut out)).context("HKDF")?;
    Ok(out)
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}
