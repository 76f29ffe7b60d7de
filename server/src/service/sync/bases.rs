//! What activities began from (contract 6): they name no version, so that it is found from what their
//! device had.
//!
//! Found once for each entity of a chunk. Activities of one device about one entity are a chain: what
//! the first began from is named by all, and the device's branch holds what they did since.

use std::borrow::Cow;
use std::collections::BTreeMap;

use landfall_core::auth::Caller;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::DeviceId;
use landfall_core::sync::{EntityName, Seen, Stamp, Stamps, stamp};
use landfall_core::time::Timestamp;
use landfall_store::{Standings, StandingsAsk, StoredDevice, StoredEntity};

use super::desk;
use super::records::read_entity;
use super::{Brought, PushAsk, Since};
use crate::service::{ServiceError, Services};

/// The version of each entity from which the activities of a chunk began; 0 where it was not there.
#[derive(Default)]
pub(super) struct Bases(BTreeMap<EntityName, u64>);

impl Services {
    /// Finds the number up to which the device had the feed as it wrote the activities of a chunk;
    /// nothing for a chunk without any.
    pub(super) async fn had(
        &self,
        caller: &Caller,
        ask: &PushAsk,
        feed: &FeedKey,
        chunk: &[Brought],
    ) -> Result<Option<Number>, ServiceError> {
        let Some(first) = chunk.iter().find(|one| one.activity.is_some()) else { return Ok(None) };
        let has = match (&ask.has, &ask.device) {
            (Since::Beginning, Some(device)) => {
                let known = self.known_device(caller, device).await?;
                known.map_or(Number::ZERO, |known| known.place.max(known.given))
            }
            _ => self.has(caller, ask, feed, &Standings::default()).await?,
        };
        if !desk::is_again(first) {
            return Ok(Some(has));
        }
        // What the device was given since it wrote this it did not have then.
        let then = self.store.number_before(feed, first.operation.written.at).await?;
        Ok(Some(has.min(then)))
    }

    /// Finds what is known of a device.
    pub(super) async fn known_device(
        &self,
        caller: &Caller,
        device: &DeviceId,
    ) -> Result<Option<StoredDevice>, ServiceError> {
        let own = FeedKey::data(&caller.tenant, &caller.user);
        let ask = StandingsAsk::of(&own, &caller.user, device.as_str());
        Ok(self.store.standings(ask).await?.device)
    }
}

impl Bases {
    /// Finds what the activities of a chunk began from.
    pub(super) fn of(
        standings: &Standings,
        (ask, chunk): (&PushAsk, &[Brought]),
        had: Option<Number>,
        seen: Seen,
    ) -> Result<Self, ServiceError> {
        let mut bases = Self::default();
        let Some(had) = had else { return Ok(bases) };
        let is_known = |id: &str| standings.operations.iter().any(|known| *known.id == *id);
        // A repeated one begins from nothing any more.
        let fresh = chunk
            .iter()
            .filter(|one| desk::is_again(one) || !is_known(&one.operation.id))
            .filter(|one| one.activity.is_some());
        for brought in fresh {
            let operation = &brought.operation;
            if bases.0.contains_key(&operation.name) {
                continue;
            }
            let written = stamp("", operation.written, seen, None).at;
            let base = base(standings, &operation.name, (ask, had), written)?;
            bases.0.insert(operation.name.clone(), base);
        }
        Ok(bases)
    }

    /// Names in an activity what it began from; gives what is none as it is.
    pub(super) fn based<'a>(&self, brought: &'a Brought) -> Cow<'a, Brought> {
        let base = self.0.get(&brought.operation.name).filter(|_| brought.activity.is_some());
        let Some(base) = base else { return Cow::Borrowed(brought) };
        let mut based = brought.clone();
        based.operation.base_version = Some(*base);
        Cow::Owned(based)
    }
}

fn base(
    standings: &Standings,
    name: &EntityName,
    (ask, had): (&PushAsk, Number),
    written: Timestamp,
) -> Result<u64, ServiceError> {
    let Some(entity) = standings.entities.iter().find(|entity| entity.name == *name) else {
        return Ok(0);
    };
    if is_taken_as_seen(entity, ask, written)? || entity.changed <= had {
        return Ok(entity.version);
    }
    // The device has not read what it did itself, but it did it.
    let branch = standings.branches.iter().find(|branch| branch.name == *name);
    if let Some(branch) = branch.filter(|branch| !branch.is_refused && branch.changed > had) {
        return Ok(branch.base_version);
    }
    let versions = standings.versions.iter().filter(|version| version.name == *name);
    let newest = versions.filter(|version| version.changed <= had).max_by_key(|one| one.version);
    Ok(newest.filter(|version| !version.is_deleted).map_or(0, |version| version.version))
}

/// Says whether an activity counts as written by somebody who saw the entity as it is. What devices
/// without a name bring tells nobody which of them wrote it: an app that does not name its device in
/// every call would be in its own way, so that what was written later goes on from it.
fn is_taken_as_seen(
    entity: &StoredEntity,
    ask: &PushAsk,
    written: Timestamp,
) -> Result<bool, ServiceError> {
    let stamps = read_entity(entity)?.0.stamps;
    let latest = latest(&stamps);
    let says_nothing = ask.device.is_none() && ask.has == Since::Beginning;
    Ok((latest.device.is_empty() || says_nothing) && written >= latest.at)
}

fn latest(stamps: &Stamps) -> &Stamp {
    stamps.fields.values().fold(&stamps.whole, std::cmp::max)
}
