//! Blobs: who may bring and read them, what they may weigh, and when they go.
//!
//! A blob is there when its row is: the row names the file, and is written when the file is whole.
//! Must never tell anything of another tenant's blobs.

use std::fs::File;
use std::io;
use std::sync::{Arc, PoisonError};

use landfall_core::audit::{Action, Entity};
use landfall_core::auth::{Caller, Scope};
use landfall_core::blob::BlobHash;
use landfall_core::notify::FieldError;
use landfall_store::{Blob, Outcome, StoreError, StoredBlob, Unit, Write};
use serde_json::json;

use super::lessons::reads_all;
use super::revocations::unit_of;
use super::{ServiceError, Services, deciding};
use crate::blobs::{Incoming, Mismatch, Name};

/// A blob whose bytes are at hand.
#[derive(Debug, Clone)]
pub struct OpenBlob {
    /// What is known of it.
    pub blob: Blob,
    /// Its bytes.
    pub file: Arc<File>,
}

/// What a caller has to do to bring a blob.
#[derive(Debug)]
pub enum Upload {
    /// Nothing: it is there.
    There(Blob),
    /// Send its bytes.
    Awaited(Box<Receiving>),
}

/// A blob that arrives.
#[derive(Debug)]
pub struct Receiving {
    name: Name,
    incoming: Incoming,
    max: u64,
    /// The file that should have held it and does not.
    missing: Option<uuid::Uuid>,
}

impl Receiving {
    /// Takes the next part.
    ///
    /// # Errors
    /// `TooLarge`; `Store` when the disk does not take it.
    pub async fn push(&mut self, part: &[u8]) -> Result<(), ServiceError> {
        if self.incoming.bytes() + part.len() as u64 > self.max {
            return Err(too_large(self.max));
        }
        self.incoming.push(part).await.map_err(disk)
    }
}

impl Services {
    /// Opens a blob that the caller may read: they uploaded it, or are in a class with a lesson that
    /// refers to it, or manage all classes.
    ///
    /// # Errors
    /// `NotFound`; `Missing` when its file is not there.
    pub async fn open_blob(
        &self,
        caller: &Caller,
        hash: BlobHash,
    ) -> Result<OpenBlob, ServiceError> {
        let (tenant, user) = (&caller.tenant, &caller.user);
        let may_read =
            reads_all(caller) || self.store.may_read_blob(tenant, hash, user, self.now()).await?;
        let blob = match may_read {
            true => self.store.blobs(tenant, vec![hash]).await?.pop(),
            false => None,
        };
        let blob = blob.ok_or(ServiceError::NotFound("blob"))?;
        let file = self.blobs.open(&name_of(caller, &blob), blob.bytes).await.map_err(disk)?;
        let Some(file) = file else {
            tracing::error!(file = %blob.file, "the file of a blob is missing; was its folder restored?");
            let what = "the blob is known, but its file is missing on the server; upload it again";
            return Err(ServiceError::Missing(what.into()));
        };
        Ok(OpenBlob { blob, file })
    }

    /// Begins to take a blob of which `announced` bytes are said to come.
    ///
    /// # Errors
    /// `Forbidden` for whoever may write no lesson; `TooLarge`; `Conflict` when the tenant has no
    /// room for it.
    pub async fn begin_blob(
        &self,
        caller: &Caller,
        hash: BlobHash,
        announced: Option<u64>,
    ) -> Result<Upload, ServiceError> {
        let writes = caller.may(&Scope::LessonsManage)
            && (reads_all(caller) || self.store.teaches(&caller.tenant, &caller.user).await?);
        if !writes {
            let why = "needs the scope lessons:manage, and to be a teacher of a class";
            return Err(ServiceError::Forbidden(why.into()));
        }
        deciding(|| self.begin_blob_once(caller, hash, announced)).await
    }

    async fn begin_blob_once(
        &self,
        caller: &Caller,
        hash: BlobHash,
        announced: Option<u64>,
    ) -> Result<Upload, ServiceError> {
        let known = self.store.blobs(&caller.tenant, vec![hash]).await?.pop();
        if let Some(blob) = &known {
            let name = name_of(caller, blob);
            if self.blobs.open(&name, blob.bytes).await.map_err(disk)?.is_some() {
                let (file, by, at) = (blob.file, caller.user.clone(), self.now());
                let mut unit = unit_of(caller);
                unit.writes.push(Write::UseBlob { hash, file, by, at });
                self.commit(unit).await?;
                return Ok(Upload::There(blob.clone()));
            }
        }
        let max = self.settings.classes.blob_bytes;
        if announced.is_some_and(|bytes| bytes > max) {
            return Err(too_large(max));
        }
        if known.is_none() {
            self.refuse_no_room(caller, announced.unwrap_or(0)).await?;
        }
        let file = self.ids.file(self.now());
        let name = Name { tenant: caller.tenant.clone(), hash, file };
        let incoming = self.blobs.receive(name.clone()).await.map_err(disk)?;
        let missing = known.map(|blob| blob.file);
        Ok(Upload::Awaited(Box::new(Receiving { name, incoming, max, missing })))
    }

    async fn refuse_no_room(&self, caller: &Caller, bytes: u64) -> Result<(), ServiceError> {
        let max = self.settings.classes.tenant_bytes;
        let total = self.store.blob_total(&caller.tenant).await?;
        match total.saturating_add(bytes) > max {
            true => Err(no_room(max)),
            false => Ok(()),
        }
    }

    /// Ends a blob: it is there, and on disk, when this says so.
    ///
    /// # Errors
    /// `Invalid` when its bytes are others than its name says; `Conflict` when the tenant has no room
    /// for it; `Store`. Nothing of it is left then.
    pub async fn finish_blob(
        &self,
        caller: &Caller,
        receiving: Receiving,
        media_type: String,
    ) -> Result<Blob, ServiceError> {
        let Receiving { name, incoming, missing, .. } = receiving;
        let blob = Blob { hash: name.hash, file: name.file, bytes: incoming.bytes(), media_type };
        if let Err(Mismatch) = incoming.finish().await.map_err(disk)? {
            let fault = FieldError::new("/path/sha256", "is not the SHA-256 of the body");
            return Err(ServiceError::Invalid(vec![fault]));
        }
        let committed = self.commit(self.unit_of_blob(caller, &blob, missing)).await;
        match &committed {
            Ok(receipt) if receipt.outcomes == [Outcome::Done] => {}
            // It may have been stored: what is nobody's is swept up later.
            Err(StoreError::Unavailable(_)) => {}
            _ => self.blobs.remove(&name).await.map_err(disk)?,
        }
        match committed {
            Ok(_) => Ok(blob),
            Err(StoreError::Stale) => Err(no_room(self.settings.classes.tenant_bytes)),
            Err(error) => Err(error.into()),
        }
    }

    fn unit_of_blob(&self, caller: &Caller, blob: &Blob, missing: Option<uuid::Uuid>) -> Unit {
        let mut unit = unit_of(caller);
        let metadata = json!({ "bytes": blob.bytes, "type": blob.media_type });
        unit.audit.push(self.entry(caller, Action::BlobStored, entity(blob), metadata));
        unit.writes.push(Write::PutBlob {
            blob: Box::new(blob.clone()),
            by: caller.user.clone(),
            instead_of: missing,
            total_max: self.settings.classes.tenant_bytes,
            at: self.now(),
        });
        unit
    }

    /// Forgets blobs that no lesson refers to and nobody had a use for lately; tells how many.
    ///
    /// # Errors
    /// When the store or the disk is away.
    pub async fn forget_blobs(&self, limit: usize) -> Result<usize, ServiceError> {
        let before = self.now().plus_ms(-self.settings.classes.orphan_ms);
        let unneeded = self.store.unneeded_blobs(before, limit).await?;
        let looked_at = unneeded.len();
        for StoredBlob { tenant, blob } in unneeded {
            let (hash, file) = (blob.hash, blob.file);
            let mut unit = Unit::new(&tenant);
            let metadata = json!({ "bytes": blob.bytes });
            unit.audit.push(self.entry_of_nobody(Action::BlobForgotten, entity(&blob), metadata));
            unit.writes.push(Write::ForgetBlob { hash, file, before });
            match self.commit(unit).await {
                // The row is gone, so that nobody finds the file any more.
                Ok(_) => self.blobs.remove(&Name { tenant, hash, file }).await.map_err(disk)?,
                // Somebody needs it after all, or another server was quicker.
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(looked_at)
    }

    /// Looks at a part of the folder of blobs, and removes files there that are nobody's; tells how
    /// many.
    ///
    /// # Errors
    /// When the store or the disk is away.
    pub async fn sweep_blobs(&self) -> Result<usize, ServiceError> {
        let place = self.swept_up_to.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = self.blobs.look(place, self.now()).await.map_err(disk)?;
        let ids = found.files.iter().map(|(id, _)| *id).collect();
        let known = self.store.blob_files(ids).await?;
        let is_nobodys = |(id, path)| (!known.contains(&id)).then_some(path);
        let nobodys: Vec<_> = found.files.into_iter().filter_map(is_nobodys).collect();
        let removed = nobodys.len();
        self.blobs.remove_all(nobodys).await.map_err(disk)?;
        *self.swept_up_to.lock().unwrap_or_else(PoisonError::into_inner) = found.next;
        Ok(removed)
    }
}

fn name_of(caller: &Caller, blob: &Blob) -> Name {
    Name { tenant: caller.tenant.clone(), hash: blob.hash, file: blob.file }
}

fn entity(blob: &Blob) -> Entity {
    Entity::Other("blob", blob.hash.to_string())
}

fn too_large(max: u64) -> ServiceError {
    ServiceError::TooLarge(format!("a blob must have at most {max} bytes"))
}

fn no_room(max: u64) -> ServiceError {
    let why = format!("all blobs together may have {max} bytes, and this one would be too much");
    ServiceError::Conflict(why)
}

/// Says what a disk that does not do its work means to a caller.
fn disk(error: io::Error) -> ServiceError {
    let passes = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
    ServiceError::Store(match passes.contains(&error.kind()) {
        true => StoreError::Unavailable("disk full: no blob can be stored".into()),
        false => StoreError::Internal(Box::new(error)),
    })
}
