//! What lessons and messages may refer to: blobs that are there and that whoever refers to them may read.

use landfall_core::attachment::{Attachment, AttachmentDraft};
use landfall_core::auth::Caller;
use landfall_core::blob::BlobHash;
use landfall_core::notify::FieldError;
use landfall_store::Blob;

use super::{ServiceError, Services};

impl Services {
    /// Fills in what the blobs say of themselves.
    ///
    /// One that the caller may not read is as one that is not there, so that nobody gets a file by its name.
    ///
    /// # Errors
    /// `Invalid` with every fault.
    pub(super) async fn attachments(
        &self,
        caller: &Caller,
        drafts: &[AttachmentDraft],
    ) -> Result<Vec<Attachment>, ServiceError> {
        let mut attachments = Vec::with_capacity(drafts.len());
        let mut faults = Vec::new();
        if drafts.is_empty() {
            return Ok(attachments);
        }
        let hashes = drafts.iter().map(|one| one.hash).collect();
        let known = self.readable_blobs(caller, hashes).await?;
        for (index, one) in drafts.iter().enumerate() {
            let AttachmentDraft { hash, name, media_type, bytes } = one;
            let mut fault = |field: &str, detail: &str| {
                faults.push(FieldError::new(&format!("/attachments/{index}/{field}"), detail));
            };
            let Some(blob) = known.iter().find(|blob| blob.hash == *hash) else {
                fault("sha256", "is no blob that is there: upload it first");
                continue;
            };
            if bytes.is_some_and(|bytes| bytes != blob.bytes) {
                fault("bytes", "is not the length of the blob");
            }
            attachments.push(Attachment {
                hash: *hash,
                name: name.clone(),
                media_type: media_type.clone().unwrap_or_else(|| blob.media_type.clone()),
                bytes: blob.bytes,
            });
        }
        if faults.is_empty() { Ok(attachments) } else { Err(ServiceError::Invalid(faults)) }
    }

    /// Gives those of these blobs that are there and that the caller may read.
    ///
    /// Whoever loses that right a moment later had it: they could have kept the bytes.
    async fn readable_blobs(
        &self,
        caller: &Caller,
        hashes: Vec<BlobHash>,
    ) -> Result<Vec<Blob>, ServiceError> {
        let mut readable = Vec::with_capacity(hashes.len());
        for blob in self.store.blobs(&caller.tenant, hashes).await? {
            if self.may_read_blob(caller, blob.hash).await? {
                readable.push(blob);
            }
        }
        Ok(readable)
    }
}
