//! The inbox: list, read, delete, acknowledge; and the admin's view over all of them.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
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
use super::reading::ReadOn;
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
    /// The device has what it was sent of a topic.
    Read(ReadOn),
}

impl LiveEvent {
    /// Counts the notifications that it names.
    pub(super) fn numbers(&self) -> usize {
        match self {
            Self::Confirmed(confirmed) | Self::Lost(confirmed) => confirmed.numbers.len(),
            Self::Connected(_) | Self::Read(_) => 0,
        }
    }
}

/// Undelivered notifications that one acknowledgement may cover.
const ACK_MAX: usize = 1_000;
/// Units that are settled at the same time.
const AT_ONCE: usize = 64;

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
        let mut rows = self.store.list(&caller.tenant, &caller.user, query).await?;
        self.bring_up_to_date(&caller.tenant, &mut rows).await?;
        Ok(rows)
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

    /// Finds one of the caller's notifications with its channels as they stand now.
    ///
    /// # Errors
    /// `NotFound` when it is not there or not the caller's.
    pub async fn shown(
        &self,
        caller: &Caller,
        id: NotificationId,
    ) -> Result<Notification, ServiceError> {
        let mut row = [Arc::unwrap_or_clone(self.notification(caller, id).await?)];
        self.bring_up_to_date(&caller.tenant, &mut row).await?;
        let [row] = row;
        Ok(row)
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
    ) -> Result<Notification, ServiceError> {
        deciding(|| async move {
            if self.notification(caller, id).await?.is_read() {
                return self.shown(caller, id).await;
            }
            let mut unit = unit_of(caller);
            unit.writes.push(Write::MarkRead { user: caller.user.clone(), id, at: self.now() });
            let entity = Entity::Notification(id);
            unit.audit.push(self.entry(caller, Action::NotificationRead, entity, json!({})));
            self.commit(unit).await?;
            self.shown(caller, id).await
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
        let (tenant, user) = (&caller.tenant, &caller.user);
        // A number from the future must not cover what is sent while this is stored.
        let (_, head) = self.store.unread(tenant, user).await?;
        let up_to = up_to.min(head.newest);
        let mut confirmed = 0;
        loop {
            let numbers = self.store.undelivered(tenant, user, up_to, ACK_MAX).await?;
            let count = numbers.len();
            let mut unit = unit_of(caller);
            let at = self.now();
            let write = |number| self.confirm_write(user, number, at, device);
            unit.writes = numbers.into_iter().map(write).collect();
            confirmed += self.settle(unit).await?;
            if count < ACK_MAX {
                self.connections.confirmed(&FeedKey::inbox(tenant, user), up_to);
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
        let write = |user: &UserId, number, device: Option<&str>| {
            self.confirm_write(user, number, now, device)
        };
        self.settle_all(by_tenant(confirmed, write)).await
    }

    /// Counts a write to devices that went away without a word.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn unconfirmed(&self, lost: &[Confirmed]) -> Result<usize, ServiceError> {
        let at = self.now();
        let write = |user: &UserId, number, device: Option<&str>| {
            let why = "the device went away without confirming";
            let metadata = json!({ "channel": "websocket", "device_id": device, "reason": why });
            let details = self.details_about(user, metadata);
            Write::Unconfirmed { user: user.clone(), number, at, details }
        };
        self.settle_all(by_tenant(lost, write)).await
    }

    /// Gives up what expired undelivered, at most `limit`; tells how many it dealt with. One that
    /// fails holds up nobody else's.
    ///
    /// # Errors
    /// When none could be given up.
    pub async fn expire(&self, limit: usize) -> Result<usize, ServiceError> {
        let at = self.now();
        let mut tally = Tally::of("expiry");
        // Together, so that they share commits.
        let expired = stream::iter(self.store.expired(at, limit).await?);
        let mut given_up =
            expired.map(|expired| self.expire_one(expired, at)).buffer_unordered(AT_ONCE);
        while let Some(result) = given_up.next().await {
            tally.add(result);
        }
        tally.finish(&self.troubles)
    }

    async fn expire_one(&self, expired: Expired, at: Timestamp) -> Result<usize, ServiceError> {
        let Expired { tenant, user, number } = expired;
        let metadata = json!({ "channel": "websocket", "reason": "expired" });
        let details = self.details_about(&user, metadata);
        let mut unit = Unit::new(&tenant);
        unit.writes.push(Write::Expire { user, number, at, details });
        self.settle(unit).await
    }

    /// Commits units at the same time, so that they share groups.
    async fn settle_all(&self, units: Vec<Unit>) -> Result<usize, ServiceError> {
        let settled = stream::iter(units).map(|unit| self.settle(unit));
        settled.buffer_unordered(AT_ONCE).try_fold(0, async |sum, count| Ok(sum + count)).await
    }

    async fn settle(&self, unit: Unit) -> Result<usize, ServiceError> {
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
        let _turn = self.turns.searching.acquire().await;
        let mut rows = self.store.find(&caller.tenant, filter).await?;
        self.bring_up_to_date(&caller.tenant, &mut rows).await?;
        Ok(rows)
    }
}

/// Writes of one unit: what many devices confirm is many units, because undoing one that grows
/// without bound costs the store more with each write.
const WRITES_MAX: usize = 256;

/// Makes units of writes, each of one tenant.
fn by_tenant(
    confirmed: &[Confirmed],
    mut write: impl FnMut(&UserId, Number, Option<&str>) -> Write,
) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for Confirmed { feed, numbers, device } in confirmed {
        let Ok(user) = UserId::parse(&feed.owner) else { continue };
        let writes = numbers.iter().map(|number| write(&user, *number, device.as_deref()));
        let has_room =
            |unit: &&mut Unit| unit.tenant == feed.tenant && unit.writes.len() < WRITES_MAX;
        match units.iter_mut().rev().find(has_room) {
            Some(unit) => unit.writes.extend(writes),
            None => {
                let mut unit = Unit::new(&feed.tenant);
                unit.writes.extend(writes);
                units.push(unit);
            }
        }
    }
    units
}
