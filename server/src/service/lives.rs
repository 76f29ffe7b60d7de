//! The store's lives: noticing that it went back, beginning a new epoch when it did, and up to when
//! it is in a backup.

use std::sync::{Mutex, PoisonError};

use landfall_core::audit::{Action, Details, Entity};
use landfall_core::feed::Epoch;
use landfall_core::life::{Life, Rollback, rollback};
use landfall_core::time::Timestamp;
use landfall_store::{AuditDraft, NewEpoch, StoreError};
use serde_json::json;

use super::{Ids, ServiceError, Services};

/// Says that an epoch began, when and why.
pub fn epoch_entry(ids: &Ids, at: Timestamp, reason: &str, from: Epoch, to: Epoch) -> AuditDraft {
    let metadata = json!({ "reason": reason, "epoch": to.0, "previous_epoch": from.0 });
    let details = Details { metadata: metadata.to_string(), ..Details::default() };
    AuditDraft {
        at,
        action: Action::EpochBegun,
        entity: Entity::Other("store", to.0.to_string()),
        details: ids.salted(details),
    }
}

/// When the store was last found rolled back by this process.
#[derive(Debug, Default)]
pub(super) struct Found(Mutex<Option<Timestamp>>);

/// Up to when everything is in a backup that the operator vouched for, as the store last said.
#[derive(Debug, Default)]
pub(super) struct BackedUp(Mutex<Option<Timestamp>>);

impl BackedUp {
    /// Takes what the store says; gives what was known before.
    fn replace(&self, up_to: Option<Timestamp>) -> Option<Timestamp> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), up_to)
    }
}

impl Services {
    /// Compares the store's life with the last one that was known, and begins a new epoch when the
    /// store went back behind it; gives the life that it is in now.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn follow_life(&self, known: Option<&Life>) -> Result<Life, ServiceError> {
        let found = self.store.life().await?;
        let moved = self.store.home().await?.has_moved().then_some(Rollback::Moved);
        let went_back = known.and_then(|known| rollback(known, &found));
        let Some(why) = went_back.or(moved) else { return Ok(found) };
        self.begin_epoch(why, known, &found).await?;
        Ok(self.store.life().await?)
    }

    async fn begin_epoch(
        &self,
        why: Rollback,
        known: Option<&Life>,
        found: &Life,
    ) -> Result<(), ServiceError> {
        let (at, from) = (self.now(), found.epoch);
        let to = known.map_or(from, |known| known.epoch.max(from)).following(at);
        let entry = epoch_entry(&self.ids, at, why.as_str(), from, to);
        match self.store.begin_epoch(NewEpoch { from, to, entry }).await {
            // Another node was faster: its epoch is as good.
            Ok(()) | Err(StoreError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
        *self.rolled_back.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        tracing::error!(
            why = why.as_str(),
            known_mark = known.map(|known| known.mark),
            found_mark = found.mark,
            epoch = to.0,
            "what was answered since may be lost: began a new epoch, in which devices start over; \
             find out who put the earlier state there, and send again what is missing"
        );
        Ok(())
    }

    /// Forgets what was known of an earlier life: sessions compare themselves with the store, and
    /// revocations are read anew.
    pub async fn start_over(&self) {
        self.backed_up.replace(None);
        self.connections.resync();
        self.in_force.read_anew().await;
    }

    /// Tells when this process last found that the store had gone back.
    pub fn rolled_back_at(&self) -> Option<Timestamp> {
        *self.rolled_back.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads up to when everything is in a backup that the operator vouched for, whichever node's
    /// machine they did it on.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn look_for_backup(&self) -> Result<usize, ServiceError> {
        let up_to = self.store.backed_up_to().await?;
        if self.backed_up.replace(up_to) != up_to {
            let up_to = up_to.map(|up_to| up_to.to_string());
            tracing::info!(up_to, "devices may forget what was answered before a backup");
        }
        Ok(0)
    }

    /// Tells up to when everything is in a backup that the operator vouched for, as last read.
    pub fn backed_up_to(&self) -> Option<Timestamp> {
        *self.backed_up.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
