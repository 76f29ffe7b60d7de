//! The contract of the outbox: deliveries that are due are claimed, tried, and settled.
//!
//! A delivery is stored with its notification. Whoever claims it has it until the lease ends; what
//! became of it is committed in one unit with what follows from it.

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::Next;
use landfall_core::id::{AddressId, DeliveryId, NotificationId, SendId, Tenant, TopicId, UserId};
use landfall_core::notification::Priority;
use landfall_core::plan::{Reason, Strategy};
use landfall_core::time::Timestamp;

use super::error::Answered;

/// What a phone number waits with that a request brought along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BroughtWith {
    /// A delivery.
    Delivery(DeliveryId),
    /// A send that goes out later.
    Send(SendId),
}

/// A delivery that is about to be committed with its notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its name.
    pub id: DeliveryId,
    /// On which channel.
    pub channel: Channel,
    /// Its place in the plan, from 0.
    pub position: u8,
    /// To which of the user's addresses; all of them where none is named.
    pub address: Option<AddressId>,
    /// `Queued` or `Held`.
    pub state: DeliveryState,
    /// Why.
    pub reason: Reason,
    /// When its turn comes; without one, when something of an earlier place says so.
    pub due_at: Option<Timestamp>,
    /// How the channels of its plan follow each other.
    pub strategy: Strategy,
    /// Milliseconds without a read after which a fallback goes on.
    pub escalate_after_ms: Option<i64>,
    /// A phone number that the request brought along, sealed, instead of the profile's.
    pub to: Option<Vec<u8>>,
}

/// A stored delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its name.
    pub id: DeliveryId,
    /// Whose server.
    pub tenant: Tenant,
    /// Of which notification.
    pub notification: NotificationId,
    /// For whom.
    pub user: UserId,
    /// How urgent.
    pub priority: Priority,
    /// On which channel.
    pub channel: Channel,
    /// Its place in the plan, from 0.
    pub position: u8,
    /// To which of the user's addresses.
    pub address: Option<AddressId>,
    /// How the channels of its plan follow each other.
    pub strategy: Strategy,
    /// Milliseconds without a read after which a fallback goes on.
    pub escalate_after_ms: Option<i64>,
    /// A phone number that the request brought along, sealed, instead of the profile's.
    pub to: Option<Vec<u8>>,
    /// How it stands.
    pub state: DeliveryState,
    /// Why.
    pub reason: Reason,
    /// The provider's code of the last attempt.
    pub code: Option<String>,
    /// The provider's name of it, once it took it.
    pub reference: Option<String>,
    /// Which provider had it last.
    pub provider: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Which claim of it is the newest; settling names it.
    pub claim: u64,
    /// When its turn comes, or the lease of the one who has it ends.
    pub due_at: Option<Timestamp>,
    /// When its provider is asked what became of it; only while it is `Sent`.
    pub ask_at: Option<Timestamp>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Whether another notification took the place of the one that it was planned for.
    pub is_replaced: bool,
}

/// Who claims, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claiming {
    /// On which channel: each is claimed for by itself, as much as its providers have room for.
    pub channel: Channel,
    /// The time.
    pub now: Timestamp,
    /// Until then nobody else claims what this gives.
    pub lease_until: Timestamp,
    /// Only tenants after this one.
    pub after: Option<Tenant>,
    /// So many tenants are looked at.
    pub tenants: usize,
    /// So many deliveries of one tenant are given at most, the most urgent first, of those that
    /// waited longest first.
    pub per_tenant: usize,
    /// So many in all.
    pub limit: usize,
}

/// What a claim gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    /// Now the claimer's.
    pub deliveries: Vec<Delivery>,
    /// The last tenant that was looked at; none when there is no tenant after it, so that the next
    /// claim begins anew.
    pub last: Option<Tenant>,
}

/// What became of a claimed delivery, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Which.
    pub id: DeliveryId,
    /// By which claim.
    pub claim: u64,
    /// How it stands now.
    pub state: DeliveryState,
    /// Why.
    pub reason: Reason,
    /// When it is due again; only with `Queued` and `Held`.
    pub due_at: Option<Timestamp>,
    /// When its provider is to be asked what became of it; only with `Sent`.
    pub ask_at: Option<Timestamp>,
    /// Whether it was tried.
    pub is_attempt: bool,
    /// The provider's code, where there is one.
    pub code: Option<String>,
    /// The provider's name of it.
    pub reference: Option<String>,
    /// The provider.
    pub provider: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The one address that it goes to from now on.
    pub address: Option<AddressId>,
    /// Deliveries of the same place, to its user's other addresses.
    pub split: Vec<NewDelivery>,
    /// What it means for the deliveries of later places that wait without a time.
    pub next: Next,
}

/// An attempt whose end was not stored when news of its message came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAttempt {
    /// Of which delivery.
    pub id: DeliveryId,
    /// By which claim.
    pub claim: u64,
    /// How often the delivery had been tried before.
    pub attempts_before: u32,
    /// How the delivery stands since the news.
    pub state: DeliveryState,
    /// The provider's code, where the news brought none.
    pub code: Option<String>,
    /// The provider's name of it.
    pub reference: Option<String>,
    /// The provider.
    pub provider: Option<String>,
    /// When its provider is to be asked what became of it; only with `Sent`.
    pub ask_at: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
}

/// A delivery of which the provider is asked what became of it, once more or never again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskAgain {
    /// Whose server.
    pub tenant: Tenant,
    /// Which delivery.
    pub id: DeliveryId,
    /// The time at which it was to be asked for.
    pub from: Timestamp,
    /// The time at which it is now; without one, never again.
    pub to: Option<Timestamp>,
}

/// What is to be asked of an outbox (S0's log).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only on this channel.
    pub channel: Option<Channel>,
    /// Only those that stand in this state.
    pub state: Option<DeliveryState>,
    /// Only of this type of notification.
    pub notification_type: Option<String>,
    /// Only those stored at or after this time.
    pub since: Option<Timestamp>,
    /// Only those stored before this time.
    pub until: Option<Timestamp>,
    /// Only those that come after this one in the list (newest first).
    pub below: Option<DeliveryId>,
    /// Leaves out so many first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// What stands about a notification beside its inbox: what a due delivery is decided from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The notification, deleted ones too.
    pub notification: std::sync::Arc<landfall_core::notification::Notification>,
    /// When its sender took it back, or the send that it came from.
    pub canceled_at: Option<Timestamp>,
    /// The topic or class that its send went to, or of whose messages it tells.
    pub topic: Option<TopicId>,
    /// Unread notifications of its inbox.
    pub unread: u64,
}

/// Reads and claims deliveries.
pub trait Deliveries {
    /// Claims what is due. What two claimers ask for at once, one of them gets. Costs the same
    /// however much waits.
    fn claim(&self, claiming: Claiming) -> Answered<'_, Claimed>;

    /// Gives what an ended process of the only server of this store had claimed back to be due at
    /// once; tells how many. Where several servers may share a store, nothing is done: there,
    /// leases end by themselves.
    fn release_claims(&self, now: Timestamp) -> Answered<'_, u64>;

    /// Gives the time at which the next delivery is due or the next lease ends, if any waits for a
    /// time.
    fn next_due(&self) -> Answered<'_, Option<Timestamp>>;

    /// Gives deliveries of which the provider is to be asked by now what became of them, of all
    /// tenants, those first that wait longest. Costs what it gives, however many were sent.
    fn unreported(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<Delivery>>;

    /// Moves the time at which a delivery is asked for, and nothing else of it; `false` when it
    /// ended meanwhile or somebody else moved it, so that of two who would ask one does.
    fn ask_again(&self, again: AskAgain) -> Answered<'_, bool>;

    /// Gives how these notifications stand, in the order asked, without those that are not there.
    fn notification_standings(
        &self,
        tenant: &Tenant,
        notifications: Vec<NotificationId>,
    ) -> Answered<'_, Vec<Standing>>;

    /// Finds one delivery.
    fn delivery(&self, tenant: &Tenant, id: DeliveryId) -> Answered<'_, Option<Delivery>>;

    /// Gives all deliveries of these notifications, by notification and place.
    fn deliveries_of(
        &self,
        tenant: &Tenant,
        notifications: Vec<NotificationId>,
    ) -> Answered<'_, Vec<Delivery>>;

    /// Lists deliveries, newest first.
    fn deliveries(&self, tenant: &Tenant, filter: DeliveryFilter) -> Answered<'_, Vec<Delivery>>;

    /// Counts what is due now and what waits, over all tenants, up to `limit` each.
    fn backlog(&self, now: Timestamp, limit: usize) -> Answered<'_, Backlog>;

    /// Forgets the deliveries of notifications of which none has a time or changed since `before`:
    /// all ended, or wait for a failure that never came. The notification keeps how its channels
    /// stand. Picks them by at most `limit` deliveries, those first that changed longest ago; tells
    /// by how many.
    fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Answered<'_, usize>;
}

/// What waits to go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Due now.
    pub due: u64,
    /// Waiting for a time, for another channel, or for the one who claimed them.
    pub waiting: u64,
    /// Since when the oldest of the due ones is due.
    pub oldest_due: Option<Timestamp>,
    /// Since when the oldest send is due that goes out later and has not begun to.
    pub oldest_later: Option<Timestamp>,
    /// Since when the oldest digest is due.
    pub oldest_digest: Option<Timestamp>,
}
