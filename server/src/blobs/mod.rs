//! The files of blobs: one folder for each tenant, a file for each blob.
//!
//! A file is written beside, checked, synced and renamed, so that whatever bears a blob's name holds
//! all of its bytes. Which file holds which blob is for the store to say: one that it does not know is
//! nobody's and is swept up later. Must never take a path from a request, nor hold a blob in memory.

mod folder;
mod incoming;
mod sweep;

pub use folder::{BlobFolder, Name, read_at};
pub use incoming::{Incoming, Mismatch};
pub use sweep::{PAGE as SWEEP_PAGE, Place};
