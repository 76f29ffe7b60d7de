//! Encrypts a message for one browser (RFC 8291 over RFC 8188, aes128gcm).
//!
//! Pure but for the random key pair and salt, which are new for every message. Must never reuse
//! either: two messages under one key and nonce give both away.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::rand;

/// Bytes of an uncompressed P-256 point.
pub const PUBLIC_KEY_BYTES: usize = 65;
/// Bytes of a subscription's authentication secret.
pub const AUTH_BYTES: usize = 16;
/// The most plaintext that fits the 4,096 bytes every push service takes (RFC 8030 section 7.2).
pub const PLAINTEXT_MAX: usize = RECORD_BYTES - HEADER_BYTES - 1 - TAG_BYTES;

const RECORD_BYTES: usize = 4_096;
const SALT_BYTES: usize = 16;
/// Salt, record size, length of the key, key.
const HEADER_BYTES: usize = SALT_BYTES + 4 + 1 + PUBLIC_KEY_BYTES;
const TAG_BYTES: usize = 16;
/// Marks the last record, which is the only one.
const LAST_RECORD: u8 = 2;

/// A browser's keys, as its subscription names them.
#[derive(Clone, Copy)]
pub struct SubscriptionKeys<'a> {
    /// Its public key: 65 bytes.
    pub p256dh: &'a [u8],
    /// Its authentication secret: 16 bytes.
    pub auth: &'a [u8],
}

/// Why nothing can be encrypted for a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncryptFault {
    /// The public key is no point of the curve.
    #[error("p256dh is no key")]
    PublicKey,
    /// The authentication secret has another length.
    #[error("auth is no key")]
    Auth,
    /// More than [`PLAINTEXT_MAX`].
    #[error("message too long")]
    TooLong,
    /// The crypto library failed.
    #[error("crypto failed")]
    Crypto,
}

/// Encrypts a message of at most [`PLAINTEXT_MAX`] bytes; gives the whole body of the request.
///
/// # Errors
/// When a key is none, or the message is too long.
pub fn encrypt(keys: SubscriptionKeys<'_>, plaintext: &[u8]) -> Result<Vec<u8>, EncryptFault> {
    let mut salt = [0; SALT_BYTES];
    rand::fill(&mut salt).map_err(|_| EncryptFault::Crypto)?;
    let ours = PrivateKey::generate(&ECDH_P256).map_err(|_| EncryptFault::Crypto)?;
    seal(keys, plaintext, &ours, &salt)
}

fn seal(
    keys: SubscriptionKeys<'_>,
    plaintext: &[u8],
    ours: &PrivateKey,
    salt: &[u8; SALT_BYTES],
) -> Result<Vec<u8>, EncryptFault> {
    if plaintext.len() > PLAINTEXT_MAX {
        return Err(EncryptFault::TooLong);
    }
    if keys.auth.len() != AUTH_BYTES {
        return Err(EncryptFault::Auth);
    }
    if !is_uncompressed(keys.p256dh) {
        return Err(EncryptFault::PublicKey);
    }
    let our_public = ours.compute_public_key().map_err(|_| EncryptFault::Crypto)?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, keys.p256dh);
    let (key, nonce) = agree(ours, theirs, EncryptFault::PublicKey, |secret| {
        derive(keys, our_public.as_ref(), secret, salt)
    })?;
    let mut body = Vec::with_capacity(HEADER_BYTES + plaintext.len() + 1 + TAG_BYTES);
    body.extend_from_slice(salt);
    body.extend_from_slice(&(RECORD_BYTES as u32).to_be_bytes());
    body.push(PUBLIC_KEY_BYTES as u8);
    body.extend_from_slice(our_public.as_ref());
    body.extend_from_slice(plaintext);
    body.push(LAST_RECORD);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::empty(), &mut body[HEADER_BYTES..])
        .map_err(|_| EncryptFault::Crypto)?;
    body.extend_from_slice(tag.as_ref());
    Ok(body)
}

/// RFC 8291 section 3.4: the authentication secret first, then the two keys of RFC 8188.
fn derive(
    keys: SubscriptionKeys<'_>,
    our_public: &[u8],
    secret: &[u8],
    salt: &[u8; SALT_BYTES],
) -> Result<(LessSafeKey, Nonce), EncryptFault> {
    let ikm: [u8; 32] = expand(
        &Salt::new(HKDF_SHA256, keys.auth).extract(secret),
        &[b"WebPush: info\0", keys.p256dh, our_public],
    )?;
    let record = Salt::new(HKDF_SHA256, salt).extract(&ikm);
    let key: [u8; 16] = expand(&record, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = expand(&record, &[b"Content-Encoding: nonce\0"])?;
    let key = UnboundKey::new(&AES_128_GCM, &key).map_err(|_| EncryptFault::Crypto)?;
    Ok((LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)))
}

fn expand<const N: usize>(from: &Prk, info: &[&[u8]]) -> Result<[u8; N], EncryptFault> {
    let mut out = [0; N];
    let filled = from.expand(info, Bytes(N)).and_then(|okm| okm.fill(&mut out));
    filled.map(|()| out).map_err(|_| EncryptFault::Crypto)
}

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// Other encodings of a point are not what browsers give, and would change the derivation.
pub(super) fn is_uncompressed(key: &[u8]) -> bool {
    key.len() == PUBLIC_KEY_BYTES && key[0] == 4
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const P256DH: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn the_example_of_the_standard_comes_out_to_the_byte() {
        let (p256dh, auth) = (bytes(P256DH), bytes(AUTH));
        let keys = SubscriptionKeys { p256dh: &p256dh, auth: &auth };
        let private = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let ours = PrivateKey::from_private_key(&ECDH_P256, &private).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let body = seal(keys, b"When I grow up, I want to be a watermelon", &ours, &salt).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml\
             mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT\
             pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn the_longest_message_fills_what_every_push_service_takes() {
        let (p256dh, auth) = (bytes(P256DH), bytes(AUTH));
        let keys = SubscriptionKeys { p256dh: &p256dh, auth: &auth };
        assert_eq!(PLAINTEXT_MAX, 3_993);
        assert_eq!(encrypt(keys, &[b'x'; PLAINTEXT_MAX]).unwrap().len(), 4_096);
        assert_eq!(encrypt(keys, &[b'x'; PLAINTEXT_MAX + 1]), Err(EncryptFault::TooLong));
    }

    #[test]
    fn no_key_and_no_salt_comes_twice() {
        let (p256dh, auth) = (bytes(P256DH), bytes(AUTH));
        let keys = SubscriptionKeys { p256dh: &p256dh, auth: &auth };
        let [one, two] = [(); 2].map(|()| encrypt(keys, b"same").unwrap());
        assert_ne!(one[..16], two[..16]);
        assert_ne!(one[21..86], two[21..86]);
        assert_ne!(one[86..], two[86..]);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let check = |p256dh: &[u8], auth: &[u8], expected: EncryptFault| {
            let refused = encrypt(SubscriptionKeys { p256dh, auth }, b"x");
            assert_eq!(refused, Err(expected), "{p256dh:?} {auth:?}");
        };
        let (p256dh, auth) = (bytes(P256DH), bytes(AUTH));
        let mut off_curve = p256dh.clone();
        off_curve[64] ^= 1;
        let compressed = [&[2 + (p256dh[64] & 1)], &p256dh[1..33]].concat();
        check(&off_curve, &auth, EncryptFault::PublicKey);
        check(&compressed, &auth, EncryptFault::PublicKey);
        check(&[0], &auth, EncryptFault::PublicKey);
        check(&[], &auth, EncryptFault::PublicKey);
        check(&[4; 65], &auth, EncryptFault::PublicKey);
        check(&p256dh, &auth[1..], EncryptFault::Auth);
        check(&p256dh, &[], EncryptFault::Auth);
    }
}
