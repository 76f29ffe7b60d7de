//! Check: what the server holds of a feed, for a device that compares it with what it holds itself.
//!
//! It must never read a whole feed at once, nor tell sums of anything but one moment.

use std::sync::Arc;

use landfall_core::auth::Caller;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::TopicId;
use landfall_core::sync::{Checked, CheckedRow, Checksum, Divider, EntityName};
use landfall_store::{EntityRange, StoredEntity};

use super::records::read_object;
use crate::service::{ServiceError, Services};

/// Entities that are read at once; each may be as large as a request.
const PAGE: usize = 200;

/// What a device asks.
#[derive(Debug, Clone)]
pub struct CheckAsk {
    /// Where it stands.
    pub cursor: String,
    /// The types with which the cursor was made; all where none is named.
    pub kinds: Vec<Box<str>>,
    /// Of which topic; the user's own where there is none.
    pub topic: Option<TopicId>,
    /// Only what is behind this name.
    pub after: Option<EntityName>,
    /// Only what is up to this name.
    pub up_to: Option<EntityName>,
}

impl Services {
    /// Sums up what a range of a feed has; nothing where the device does not stand where the feed does.
    ///
    /// # Errors
    /// `Invalid` for a cursor that was not given for this; `NotFound` for a topic that no pull of the
    /// caller's brings.
    pub async fn check(
        &self,
        caller: &Caller,
        ask: &CheckAsk,
    ) -> Result<Option<Checked>, ServiceError> {
        let feed = Arc::new(self.checked_feed(caller, ask.topic.as_ref()).await?);
        let newest = self.newest(&feed).await?;
        let places = self.places_in(caller, &ask.kinds, &ask.cursor)?;
        let place = places.and_then(|places| match &ask.topic {
            None => Some(places.own),
            Some(topic) => places.topics.get(topic).copied(),
        });
        if place.is_none_or(|place| place.number != newest) {
            return Ok(None);
        }
        let checked = self.sum_up(&feed, ask).await?;
        // Every change takes a number: where none was given meanwhile, all pages are of one moment.
        let is_still = self.newest(&feed).await? == newest;
        Ok(is_still.then_some(checked))
    }

    /// Finds the feed, among those that a pull reads.
    async fn checked_feed(
        &self,
        caller: &Caller,
        topic: Option<&TopicId>,
    ) -> Result<FeedKey, ServiceError> {
        let Some(topic) = topic else { return Ok(FeedKey::data(&caller.tenant, &caller.user)) };
        let members = self.store.memberships(&caller.tenant, &caller.user).await?;
        if members.iter().all(|member| member.topic != *topic) {
            return Err(ServiceError::NotFound("topic"));
        }
        Ok(FeedKey::topic(&caller.tenant, topic))
    }

    async fn newest(&self, feed: &Arc<FeedKey>) -> Result<Number, ServiceError> {
        let heads = self.store.heads(vec![Arc::clone(feed)]).await?;
        Ok(heads.first().map_or(Number::ZERO, |head| head.newest))
    }

    /// Reads a range page after page. Each page waits for its turn, so that what is short overtakes what
    /// is long.
    async fn sum_up(&self, feed: &FeedKey, ask: &CheckAsk) -> Result<Checked, ServiceError> {
        let mut divider = Divider::default();
        let mut after = ask.after.clone();
        loop {
            let _turn = self.turns.checking.acquire().await;
            let (up_to, kinds) = (ask.up_to.clone(), ask.kinds.clone());
            let range = EntityRange { after, up_to, kinds, limit: PAGE };
            let page = self.store.entities_in(feed, range).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|row| row.name.clone());
            for row in page {
                divider.add(digested(row)?);
            }
            if is_last {
                return Ok(divider.finish(ask.up_to.clone()));
            }
        }
    }
}

fn digested(row: StoredEntity) -> Result<CheckedRow, ServiceError> {
    let StoredEntity { name, version, data, .. } = row;
    let digest = Checksum::of(&name, version, read_object(&data)?);
    Ok(CheckedRow { name, version, digest })
}
