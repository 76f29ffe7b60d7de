//! The two computations of the WebSocket opening handshake (RFC 6455 section 4.2.2). It reads no headers and writes no
//! response; HTTP does.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

/// The GUID of RFC 6455 section 1.3, which proves that the peer speaks WebSocket and is not a confused HTTP server.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// RFC 6455 asks that the key *decodes* to 16 bytes; some clients send random characters, so that the unused bits of
/// the last one are not zero.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Tells whether a `Sec-WebSocket-Key` is base64 of exactly 16 bytes, as RFC 6455 section 4.2.1 requires.
pub fn is_valid_key(sec_websocket_key: &str) -> bool {
    sec_websocket_key.len() == 24
        && LENIENT.decode(sec_websocket_key).is_ok_and(|nonce| nonce.len() == 16)
}

/// Computes the `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (RFC 6455 section 4.2.2, point 5.4).
pub fn accept_key(sec_websocket_key: &str) -> String {
    // SHA-1 is what the RFC prescribes; it protects nothing here.
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(sec_websocket_key.as_bytes());
    context.update(GUID.as_bytes());
    STANDARD.encode(context.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_the_key_of_the_rfc() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn takes_sixteen_bytes_of_base64_only() {
        let check = |key: &str, expected: bool| assert_eq!(is_valid_key(key), expected, "{key:?}");
        check("dGhlIHNhbXBsZSBub25jZQ==", true);
        check("AQIDBAUGBwgJCgsMDQ4PEC==", true);
        check("AQIDBAUGBwgJCgsMDQ4PEF==", true);
        check("", false);
        check("dGhlIHNhbXBsZSBub25jZQ", false);
        check("dGhlIHNhbXBsZSBub25jZQ= ", false);
        check("dGhlIHNhbXBsZSBub25j", false);
        check("dGhlIHNhbXBsZSBub25jZWRk", false);
        check("dGhlIHNhbXBsZSBub25_ZQ==", false);
    }
}
