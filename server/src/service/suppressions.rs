//! Phone numbers and mailboxes to which nothing is sent: what admins see and lift.
//!
//! An address comes in to be looked for by its keyed hash, and goes no further: neither the trail
//! nor an answer holds it.

use landfall_core::audit::{Action, Entity, Hash};
use landfall_core::auth::Caller;
use landfall_core::channel::Channel;
use landfall_store::{Suppression, SuppressionFilter, Write};
use serde_json::json;

use super::audit::require_admin;
use super::revocations::unit_of;
use super::{ServiceError, Services};

/// Bytes of a hash that tell suppressions apart for people.
const SHORT: usize = 6;

/// Writes the beginning of an address's hash.
pub fn short(address: &Hash) -> String {
    address[..SHORT].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Services {
    /// Lists what is suppressed in the caller's tenant, by channel and hash.
    ///
    /// # Errors
    /// `Forbidden` without the scope `admin`.
    pub async fn suppressions(
        &self,
        caller: &Caller,
        filter: SuppressionFilter,
    ) -> Result<Vec<Suppression>, ServiceError> {
        require_admin(caller)?;
        Ok(self.store.suppressions(&caller.tenant, filter).await?)
    }

    /// Lets messages go to an address again.
    ///
    /// # Errors
    /// `Forbidden` without the scope `admin`; `NotFound` unless it is suppressed.
    pub async fn lift_suppression(
        &self,
        caller: &Caller,
        channel: Channel,
        address: &str,
    ) -> Result<(), ServiceError> {
        require_admin(caller)?;
        let hash = self.address_hash(&caller.tenant, channel, address);
        let found = self.store.suppression(&caller.tenant, channel, hash).await?;
        let found = found.ok_or(ServiceError::NotFound("suppression"))?;
        let mut unit = unit_of(caller);
        unit.writes.push(Write::Unsuppress { channel, address: hash });
        let metadata = json!({
            "channel": channel.as_str(),
            "reason": found.reason,
            "source": found.source,
        });
        let entity = Entity::Other("suppression", short(&hash));
        unit.audit.push(self.entry(caller, Action::SuppressionLifted, entity, metadata));
        match self.commit(unit).await?.changed_nothing() {
            // Somebody else lifted it meanwhile.
            true => Err(ServiceError::NotFound("suppression")),
            false => Ok(()),
        }
    }
}
