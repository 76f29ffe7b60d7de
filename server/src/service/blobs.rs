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
use landfall_store::{
    BLOB_WEIGHT_MIN, Blob, BlobRoom, Outcome, StoreError, StoredBlob, Unit, Write,
};
use serde_json::json;

use super::lessons::reads_all;
use super::revocations::unit_of;
use super::uploads::{Others, Reserved, UPLOADS_MAX};
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

/// What somebody may upload, in bytes.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// One blob.
    blob: u64,
    /// All of them.
    room: BlobRoom,
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
    bounds: Bounds,
    /// The file that should have held it and does not.
    missing: Option<uuid::Uuid>,
    reserved: Reserved,
}

impl Receiving {
    /// Takes the next part.
    ///
    /// # Errors
    /// `TooLarge`; `Store` when the disk does not take it.
    pub async fn push(&mut self, part: &[u8]) -> Result<(), ServiceError> {
        let max = self.bounds.blob;
        if self.incoming.bytes() + part.len() as u64 > max {
            return Err(too_large(max));
        }
        self.incoming.push(part).await.map_err(disk)
    }
}

impl Services {
    /// Says whether the caller may read a blob: they uploaded it, or are in a class with a lesson that
    /// refers to it or in a topic with a message that carries it, or manage all topics.
    pub(super) async fn may_read_blob(
        &self,
        caller: &Caller,
        hash: BlobHash,
    ) -> Result<bool, ServiceError> {
        let (tenant, user) = (&caller.tenant, &caller.user);
        Ok(reads_all(caller) || self.store.may_read_blob(tenant, hash, user, self.now()).await?)
    }

    /// Opens a blob that the caller may read.
    ///
    /// # Errors
    /// `NotFound`; `Missing` when its file is not there.
    pub async fn open_blob(
        &self,
        caller: &Caller,
        hash: BlobHash,
    ) -> Result<OpenBlob, ServiceError> {
        let blob = match self.may_read_blob(caller, hash).await? {
            true => self.store.blobs(&caller.tenant, vec![hash]).await?.pop(),
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
    /// `Forbidden` for whoever may write neither lessons nor messages; `TooLarge`; `Conflict` when the tenant has
    /// no room for it, or the caller's files take all that theirs may.
    pub async fn begin_blob(
        &self,
        caller: &Caller,
        hash: BlobHash,
        announced: Option<u64>,
    ) -> Result<Upload, ServiceError> {
        let bounds = self.bounds_of_uploads(caller).await?;
        deciding(|| self.begin_blob_once(caller, hash, (announced, bounds))).await
    }

    /// Says what the caller may upload: teachers what lessons need, other members what messages need.
    async fn bounds_of_uploads(&self, caller: &Caller) -> Result<Bounds, ServiceError> {
        let (tenant, user) = (&caller.tenant, &caller.user);
        let limits = &self.settings.classes;
        let of_tenant = limits.tenant_bytes;
        let writes_lessons = caller.may(&Scope::LessonsManage)
            && (reads_all(caller) || self.store.teaches(tenant, user).await?);
        if writes_lessons {
            let room = BlobRoom { of_tenant, of_user: u64::MAX };
            Ok(Bounds { blob: limits.blob_bytes, room })
        } else if self.store.belongs(tenant, user).await? {
            let room = BlobRoom { of_tenant, of_user: limits.member_bytes };
            Ok(Bounds { blob: limits.member_blob_bytes, room })
        } else {
            let why = "needs to be a member of a topic";
            Err(ServiceError::Forbidden(why.into()))
        }
    }

    async fn begin_blob_once(
        &self,
        caller: &Caller,
        hash: BlobHash,
        (announced, bounds): (Option<u64>, Bounds),
    ) -> Result<Upload, ServiceError> {
        let known = self.store.blobs(&caller.tenant, vec![hash]).await?.pop();
        let mut missing = None;
        if let Some(blob) = &known {
            let name = name_of(caller, blob);
            let is_there = self.blobs.open(&name, blob.bytes).await.map_err(disk)?.is_some();
            if is_there && self.may_read_blob(caller, hash).await? {
                return self.use_blob(caller, blob).await.map(Upload::There);
            }
            // Else whoever brings it shows that they have it: its name alone opens nothing.
            missing = (!is_there).then_some(blob.file);
        }
        if announced.is_some_and(|bytes| bytes > bounds.blob) {
            return Err(too_large(bounds.blob));
        }
        // Who does not say how much comes keeps room for all that may.
        let bytes = announced.unwrap_or(bounds.blob);
        let reserved = self.uploads.reserve(&caller.tenant, &caller.user, bytes);
        let reserved = reserved.ok_or_else(too_many)?;
        let Others { of_tenant, of_user } = reserved.others;
        let to_tenant = of_tenant + if known.is_some() { 0 } else { bytes };
        self.refuse_no_room(caller, (to_tenant, of_user + bytes), bounds.room).await?;
        let file = self.ids.file(self.now());
        let name = Name { tenant: caller.tenant.clone(), hash, file };
        let incoming = self.blobs.receive(name.clone()).await.map_err(disk)?;
        Ok(Upload::Awaited(Box::new(Receiving { name, incoming, bounds, missing, reserved })))
    }

    /// Notes that a blob is needed once more. Who brings no bytes is not its uploader: they may read it as long
    /// as they might anyway.
    async fn use_blob(&self, caller: &Caller, blob: &Blob) -> Result<Blob, ServiceError> {
        let (hash, file, at) = (blob.hash, blob.file, self.now());
        let mut unit = unit_of(caller);
        unit.writes.push(Write::UseBlob { hash, file, at });
        self.commit(unit).await?;
        Ok(blob.clone())
    }

    /// Says why there is no room for what is to come, if there is none.
    async fn refuse_no_room(
        &self,
        caller: &Caller,
        (to_tenant, to_user): (u64, u64),
        room: BlobRoom,
    ) -> Result<(), ServiceError> {
        let total = self.store.blob_total(&caller.tenant).await?;
        if total.saturating_add(to_tenant) > room.of_tenant {
            return Err(no_room("all blobs", room.of_tenant));
        }
        let total = self.store.blob_total_of_user(&caller.tenant, &caller.user).await?;
        if total.saturating_add(to_user.max(BLOB_WEIGHT_MIN)) > room.of_user {
            return Err(no_room("your blobs", room.of_user));
        }
        Ok(())
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
        let Receiving { name, incoming, missing, bounds, reserved: _held } = receiving;
        let blob = Blob { hash: name.hash, file: name.file, bytes: incoming.bytes(), media_type };
        if let Err(Mismatch) = incoming.finish().await.map_err(disk)? {
            let fault = FieldError::new("/path/sha256", "is not the SHA-256 of the body");
            return Err(ServiceError::Invalid(vec![fault]));
        }
        let committed = self.commit(self.unit_of_blob(caller, &blob, (missing, bounds.room))).await;
        match &committed {
            Ok(receipt) if receipt.outcomes == [Outcome::Done] => {}
            // It may have been stored: what is nobody's is swept up later.
            Err(StoreError::Unavailable(_)) => {}
            _ => self.blobs.remove(&name).await.map_err(disk)?,
        }
        match committed {
            Ok(_) => Ok(blob),
            Err(StoreError::Stale) => {
                self.refuse_no_room(caller, (blob.bytes, blob.bytes), bounds.room).await?;
                Err(StoreError::Stale.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn unit_of_blob(
        &self,
        caller: &Caller,
        blob: &Blob,
        (missing, room): (Option<uuid::Uuid>, BlobRoom),
    ) -> Unit {
        let mut unit = unit_of(caller);
        let metadata = json!({ "bytes": blob.bytes, "type": blob.media_type });
        unit.audit.push(self.entry(caller, Action::BlobStored, entity(blob), metadata));
        unit.writes.push(Write::PutBlob {
            blob: Box::new(blob.clone()),
            by: caller.user.clone(),
            instead_of: missing,
            room,
            at: self.now(),
        });
        unit
    }

    /// Forgets blobs that nothing refers to and nobody had a use for lately; tells how many.
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

fn too_many() -> ServiceError {
    ServiceError::Conflict(format!("bring at most {UPLOADS_MAX} blobs at the same time"))
}

fn no_room(which: &str, max: u64) -> ServiceError {
    let why = format!("{which} together may have {max} bytes, and this one would be too much");
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
