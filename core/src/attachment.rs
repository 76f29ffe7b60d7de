//! Attachments: blobs that a lesson or a message refers to.
//!
//! This file must never decide who may refer to a blob: that is known where blobs are.

use crate::blob::{self, BlobHash};

/// The longest name of an attachment, in characters.
pub const NAME_CHARS_MAX: usize = 200;

/// A blob that something refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Which blob.
    pub hash: BlobHash,
    /// What people call the file.
    pub name: String,
    /// Its media type, as whoever refers to it says.
    pub media_type: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A blob that something is to refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentDraft {
    /// Which.
    pub hash: BlobHash,
    /// What people call the file.
    pub name: String,
    /// Its media type; the blob's where absent.
    pub media_type: Option<String>,
    /// Its length, to be compared with the blob's.
    pub bytes: Option<u64>,
}

/// Says what is wrong with the name of an attachment, if anything is.
pub fn name_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        Some("must have 1 to 200 characters")
    } else if name.chars().any(char::is_control) {
        Some("must not hold control characters")
    } else {
        None
    }
}

/// Says what is wrong with the media type of an attachment, if anything is.
pub fn type_fault(media_type: &str) -> Option<&'static str> {
    (!blob::is_media_type(media_type)).then_some("must be a media type such as image/png")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_hold_no_control_characters() {
        assert_eq!(name_fault("Übung 1.pdf"), None);
        assert_eq!(name_fault(&"ü".repeat(NAME_CHARS_MAX)), None);
        for bad in ["", &"x".repeat(NAME_CHARS_MAX + 1), "a\nb"] {
            assert!(name_fault(bad).is_some(), "{bad}");
        }
    }
}
