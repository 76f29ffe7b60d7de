//! The inbox: list, read, delete, acknowledge; and the admin's view over all of them.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use landfall_core::audit::{Action, Entity};
use landfall_core::auth::Caller;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{NotificationId, Tenant, UserId};
use landfall_core::notification::Notification;
use landfall_core::session::{Page, Read};
use landfall_core::time::Timestamp;
use landfall_store::{AdminFilter, Expired, InboxQuery, Outcome, Unit, Write};
use serde_json::json;

use super::audit::require_admin;
use super::revocations::unit_of;
use super::tally::Tally;
use super::{ServiceError, Services, deciding};

/// What marking everything read did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllRead {
    /// How many were unread.
    pub marked: u64,
    /// It covers notifications up to here.
    pub up_to: Number,
    /// The number of the mark itself, where one was needed.
    pub number: Option<Number>,
}

/// Devices confirmed notifications: one user's, by the numbers at which they became visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// Whose inbox.
    pub feed: Arc<FeedKey>,
    /// Which.
    pub numbers: Vec<Number>,
    /// By which device.
    pub device: Option<Arc<str>>,
}

/// A device connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// The inbox that it follows.
    pub feed: Arc<FeedKey>,
    /// Whose it is.
    pub user: UserId,
    /// The device as it names itself.
    pub device: Option<Arc<str>>,
    /// When.
    pub at: Timestamp,
}

/// What happened on live connections that is stored afterwards, many at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveEvent {
    /// The device confirmed them.
    Confirmed(Confirmed),
    /// The device went away without a word.
    Lost(Confirmed),
    /// A device connected.
    Connected(Connected),
}

impl LiveEvent {
    /// Counts the notifications that it names.
    pub(super) fn numbers(&self) -> usize {
        match self {
            Self::Confirmed(confirmed) | Self::Lost(confirmed) => confirmed.numbers.len(),
            Self::Connected(_) => 0,
        }
    }
}

/// Undelivered notifications that one acknowledgement may cover.
const ACK_MAX: usize = 1_000;
/// Expired notifications that are given up at the same time.
const EXPIRE_AT_ONCE: usize = 64;

impl Services {
    /// Lists the caller's inbox.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn inbox(
        &self,
        caller: &Caller,
        query: InboxQuery,
    ) -> Result<Vec<Notification>, ServiceError> {
        Ok(self.store.list(&caller.tenant, &caller.user, query).await?)
    }

    /// Finds one of the caller's notifications.
    ///
    /// # Errors
    /// `NotFound` when it is not there or not the caller's.
    pub async fn notification(
        &self,
        caller: &Caller,
        id: NotificationId,
    ) -> Result<Arc<Notification>, ServiceError> {
        let found = self.store.get(&caller.tenant, &caller.user, id).await?;
        found.ok_or(ServiceError::NotFound("notification"))
    }

    /// Counts the caller's unread notifications.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn unread(&self, caller: &Caller) -> Result<u64, ServiceError> {
        let (unread, _) = self.store.unread(&caller.tenant, &caller.user).await?;
        Ok(unread)
    }

    /// Marks one notification read; one that is read stays as it is.
    ///
    /// # Errors
    /// `NotFound` when it is not there or not the caller's.
    pub async fn mark_read(
        &self,
        caller: &Caller,
        id: NotificationId,
    ) -> Result<Arc<Notification>, ServiceError> {
        deciding(|| async move {
            let found = self.notification(caller, id).await?;
            if found.is_read() {
                return Ok(found);
            }
            let mut unit = unit_of(caller);
            unit.writes.push(Write::MarkRead { user: caller.user.clone(), id, at: self.now() });
            let entity = Entity::Notification(id);
            unit.audit.push(self.entry(caller, Action::NotificationRead, entity, json!({})));
            self.commit(unit).await?;
            self.notification(caller, id).await
        })
        .await
    }

    /// Marks everything read that is in the inbox now.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn mark_all_read(&self, caller: &Caller) -> Result<AllRead, ServiceError> {
        let mut unit = unit_of(caller);
        unit.writes.push(Write::MarkAllRead { user: caller.user.clone(), at: self.now() });
        let entity = Entity::Other("inbox", caller.user.to_string());
        unit.audit.push(self.entry(caller, Action::NotificationRead, entity, json!({})));
        let receipt = self.commit(unit).await?;
        if let Some(Outcome::AllRead { number, up_to, marked }) = receipt.outcomes.first() {
            return Ok(AllRead { marked: *marked, up_to: *up_to, number: Some(*number) });
        }
        let (_, head) = self.store.unread(&caller.tenant, &caller.user).await?;
        Ok(AllRead { marked: 0, up_to: head.newest, number: None })
    }

    /// Deletes one notification for its owner.
    ///
    /// # Errors
    /// `NotFound` when it is not there or not the caller's.
    pub async fn delete(&self, caller: &Caller, id: NotificationId) -> Result<(), ServiceError> {
        deciding(|| async move {
            self.notification(caller, id).await?;
            let mut unit = unit_of(caller);
            unit.writes.push(Write::Delete { user: caller.user.clone(), id });
            let entity = Entity::Notification(id);
            unit.audit.push(self.entry(caller, Action::NotificationDeleted, entity, json!({})));
            self.commit(unit).await?;
            Ok(())
        })
        .await
    }

    /// Confirms everything undelivered up to a number, for clients without a socket; tells how
    /// many notifications it confirmed.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn acknowledge(
        &self,
        caller: &Caller,
        up_to: Number,
        device: Option<&str>,
    ) -> Result<usize, ServiceError> {
        let mut confirmed = 0;
        loop {
            let (tenant, user) = (&caller.tenant, &caller.user);
            let numbers = self.store.undelivered(tenant, user, up_to, ACK_MAX).await?;
            let count = numbers.len();
            let mut unit = unit_of(caller);
            let at = self.now();
            let write = |number| self.confirm_write(user, number, at, device);
            unit.writes = numbers.into_iter().map(write).collect();
            confirmed += self.settle_unit(unit).await?;
            if count < ACK_MAX {
                return Ok(confirmed);
            }
        }
    }

    /// Marks what devices confirmed delivered; tells how many notifications were not before.
    ///
    /// # Errors
    /// When the store is away: whatever was not committed is still undelivered.
    pub async fn confirm(&self, confirmed: &[Confirmed]) -> Result<usize, ServiceError> {
        let now = self.now();
        let mut count = 0;
        for (tenant, writes) in by_tenant(confirmed, |user, number, device| {
            self.confirm_write(user, number, now, device)
        }) {
            count += self.settle(tenant, writes).await?;
        }
        Ok(count)
    }

    /// Counts a write to devices that went away without a word.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn unconfirmed(&self, lost: &[Confirmed]) -> Result<usize, ServiceError> {
        let at = self.now();
        let mut count = 0;
        for (tenant, writes) in by_tenant(lost, |user, number, device| {
            let why = "the device went away without confirming";
            let metadata = json!({ "channel": "websocket", "device_id": device, "reason": why });
            let details = self.delivery_details(user, metadata);
            Write::Unconfirmed { user: user.clone(), number, at, details }
        }) {
            count += self.settle(tenant, writes).await?;
        }
        Ok(count)
    }

    /// Gives up what expired undelivered, at most `limit`; tells how many it dealt with. One that
    /// fails holds up nobody else's.
    ///
    /// # Errors
    /// When none could be given up.
    pub async fn expire(&self, limit: usize) -> Result<usize, ServiceError> {
        let at = self.now();
        let mut tally = Tally::default();
        // Together, so that they share commits.
        let expired = stream::iter(self.store.expired(at, limit).await?);
        let mut given_up =
            expired.map(|expired| self.expire_one(expired, at)).buffer_unordered(EXPIRE_AT_ONCE);
        while let Some(result) = given_up.next().await {
            tally.add(result);
        }
        tally.finish(&self.troubles)
    }

    async fn expire_one(&self, expired: Expired, at: Timestamp) -> Result<usize, ServiceError> {
        let Expired { tenant, user, number } = expired;
        let metadata = json!({ "channel": "websocket", "reason": "expired" });
        let details = self.delivery_details(&user, metadata);
        self.settle(&tenant, vec![Write::Expire { user, number, at, details }]).await
    }

    async fn settle(&self, tenant: &Tenant, writes: Vec<Write>) -> Result<usize, ServiceError> {
        self.settle_unit(Unit { writes, ..Unit::new(tenant) }).await
    }

    async fn settle_unit(&self, unit: Unit) -> Result<usize, ServiceError> {
        if unit.writes.is_empty() {
            return Ok(0);
        }
        let receipt = self.commit(unit).await?;
        Ok(receipt.outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count())
    }

    /// Reads what a session asked for.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn page(
        &self,
        tenant: &Tenant,
        user: &UserId,
        read: Read,
    ) -> Result<Page, ServiceError> {
        Ok(self.store.read(tenant, user, read).await?)
    }

    /// Lists notifications of the caller's whole tenant, for admins (S4).
    ///
    /// # Errors
    /// `Forbidden` without the scope `admin`.
    pub async fn all_notifications(
        &self,
        caller: &Caller,
        filter: AdminFilter,
    ) -> Result<Vec<Notification>, ServiceError> {
        require_admin(caller)?;
        let _turn = self.searching.acquire().await;
        Ok(self.store.find(&caller.tenant, filter).await?)
    }
}

/// Makes one list of writes per tenant.
fn by_tenant(
    confirmed: &[Confirmed],
    mut write: impl FnMut(&UserId, Number, Option<&str>) -> Write,
) -> Vec<(&Tenant, Vec<Write>)> {
    let mut tenants: Vec<(&Tenant, Vec<Write>)> = Vec::new();
    for Confirmed { feed, numbers, device } in confirmed {
        let Ok(user) = UserId::parse(&feed.owner) else { continue };
        let writes = numbers.iter().map(|number| write(&user, *number, device.as_deref()));
        match tenants.iter_mut().find(|(tenant, _)| **tenant == feed.tenant) {
            Some((_, all)) => all.extend(writes),
            None => tenants.push((&feed.tenant, writes.collect())),
        }
    }
    tenants
}
