//! Generations: a device that counts its pushes finds out that another one pushes under its name, such as a
//! phone and the phone that was set up from its backup.
//!
//! Each push brings the generation that the last answer gave. A copy brings one that is behind; so does who
//! lost an answer, but that one brings again what was not answered.

use landfall_core::auth::Caller;
use landfall_core::feed::FeedKey;
use landfall_core::id::DeviceId;
use landfall_store::StandingsAsk;

use super::Brought;
use crate::service::{ServiceError, Services};

/// Operations of a push that are looked at: what was not answered comes first.
const LOOKED_AT: usize = 100;

impl Services {
    /// Gives the generation of a device after a push, by the one that it brings.
    ///
    /// # Errors
    /// `Forked` where another device pushed under this name since; when the store is away.
    pub async fn generation_after(
        &self,
        caller: &Caller,
        device: &DeviceId,
        had: u64,
        brought: &[Brought],
    ) -> Result<u64, ServiceError> {
        let own = FeedKey::data(&caller.tenant, &caller.user);
        let operations = brought.iter().take(LOOKED_AT).map(|one| one.operation.id.clone());
        let ask = StandingsAsk {
            operations: operations.collect(),
            ..StandingsAsk::of(&own, &caller.user, device.as_str())
        };
        let standings = self.store.standings(ask).await?;
        let known = standings.device.map_or(0, |device| device.generation);
        if had < known && standings.operations.is_empty() {
            return Err(ServiceError::Forked);
        }
        // One that is ahead of the server was there before a restore.
        Ok(known.max(had).saturating_add(1))
    }
}
