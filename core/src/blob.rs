//! Blobs: bytes that are named by their content.
//!
//! A blob belongs to one tenant: the same bytes of two tenants are two blobs. This file names
//! blobs and says what may be shown of them; it must never hold their bytes.

use std::fmt;

/// The SHA-256 of a blob's bytes; written as 64 hexadecimal digits in small letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobHash(pub [u8; 32]);

/// Says that a text names no blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a SHA-256 as 64 hexadecimal digits in small letters")]
pub struct BlobHashError;

impl BlobHash {
    /// Reads 64 hexadecimal digits in small letters: one blob has one name.
    pub fn parse(text: &str) -> Result<Self, BlobHashError> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(BlobHashError),
        };
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| BlobHashError)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The longest media type that is kept, in bytes.
pub const MEDIA_TYPE_BYTES_MAX: usize = 128;
/// What bytes are whose sender says nothing of them (RFC 9110, 8.3).
pub const MEDIA_TYPE_UNKNOWN: &str = "application/octet-stream";

/// Says whether a text is a media type as a header may carry it: `type/subtype`, perhaps with
/// parameters (RFC 9110, 8.3.1).
pub fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !part.is_empty() && part.bytes().all(fits)
    };
    let essence = essence(text);
    text.len() <= MEDIA_TYPE_BYTES_MAX
        && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
        && essence.split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
}

fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Says whether a browser may show a blob by itself: pictures, sound, moving pictures and PDF. All
/// else is offered as a file, and so is SVG, which can hold scripts.
pub fn is_shown_inline(media_type: &str) -> bool {
    let kind = essence(media_type).to_ascii_lowercase();
    let is_medium = ["image/", "audio/", "video/"].iter().any(|kinds| kind.starts_with(kinds));
    (is_medium && !kind.contains("xml")) || kind == "application/pdf"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_blob_has_one_name() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(BlobHash::parse(text).unwrap().to_string(), text);
        for other in ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &"g".repeat(64)] {
            assert_eq!(BlobHash::parse(other), Err(BlobHashError), "{other}");
        }
        assert_eq!(BlobHash::parse(&"é".repeat(32)), Err(BlobHashError));
    }

    #[test]
    fn a_media_type_has_two_parts_and_fits_a_header() {
        for good in ["image/png", "text/plain; charset=utf-8", "application/vnd.a+json"] {
            assert!(is_media_type(good), "{good}");
        }
        let long = format!("text/{}", "x".repeat(MEDIA_TYPE_BYTES_MAX));
        for bad in ["", "png", "/png", "a/", "a/b\r\nc: d", "a b/c", "é/x", &long] {
            assert!(!is_media_type(bad), "{bad}");
        }
    }

    #[test]
    fn only_what_holds_no_script_is_shown() {
        for shown in ["image/png", "Audio/mpeg", "video/mp4; codecs=avc1", "application/pdf"] {
            assert!(is_shown_inline(shown), "{shown}");
        }
        for offered in ["text/html", "image/svg+xml", "application/json", "imagery/x"] {
            assert!(!is_shown_inline(offered), "{offered}");
        }
    }
}
