//! Attachments of lessons and messages (S1, contract 4 and 6).

use landfall_core::attachment::{Attachment, AttachmentDraft, name_fault, type_fault};
use landfall_core::blob::BlobHash;
use landfall_core::notify::FieldError;
use serde::{Deserialize, Serialize};

/// A blob that a lesson or a message is to refer to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttachmentPut {
    /// The blob's name.
    pub sha256: String,
    /// What people call the file.
    pub name: String,
    /// Its media type; the blob's where absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Its length, which is compared with the blob's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Reads attachments, `max` at most; adds every fault, and gives those that have none.
pub(crate) fn read_attachments(
    attachments: Vec<AttachmentPut>,
    max: usize,
    faults: &mut Vec<FieldError>,
) -> Vec<AttachmentDraft> {
    if attachments.len() > max {
        let detail = format!("must have at most {max} entries");
        faults.push(FieldError::new("/attachments", detail));
        return Vec::new();
    }
    let entries = attachments.into_iter().enumerate();
    entries.filter_map(|(index, one)| one.read(index, faults)).collect()
}

impl AttachmentPut {
    fn read(self, index: usize, faults: &mut Vec<FieldError>) -> Option<AttachmentDraft> {
        let Self { sha256, name, media_type, bytes } = self;
        let mut fault = |field: &str, detail: &str| {
            faults.push(FieldError::new(&format!("/attachments/{index}/{field}"), detail));
        };
        if let Some(detail) = name_fault(&name) {
            fault("name", detail);
        }
        if let Some(detail) = media_type.as_deref().and_then(type_fault) {
            fault("type", detail);
        }
        let hash = BlobHash::parse(&sha256).map_err(|error| fault("sha256", &error.to_string()));
        hash.ok().map(|hash| AttachmentDraft { hash, name, media_type, bytes })
    }
}

/// A blob that a lesson or a message refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttachmentItem {
    /// The blob's name: `GET /api/v1/blobs/{sha256}` gives its bytes.
    pub sha256: String,
    /// What people call the file.
    pub name: String,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Its length.
    pub bytes: u64,
}

impl From<&Attachment> for AttachmentItem {
    fn from(attachment: &Attachment) -> Self {
        let Attachment { hash, name, media_type, bytes } = attachment;
        let (sha256, name, media_type) = (hash.to_string(), name.clone(), media_type.clone());
        Self { sha256, name, media_type, bytes: *bytes }
    }
}
