//! A unit: everything one decision commits, as values.
//!
//! Decisions name rows by their ids and say under which conditions they hold; the store turns
//! them into its own statements. No SQL shows here.

use landfall_core::audit::{Action, Details, Entity, Hash, Salt, details_digest};
use landfall_core::auth::{Revoked, TokenMark};
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::feed::Number;
use landfall_core::id::{AddressId, DeliveryId, NotificationId, SendId, Tenant, TopicId, UserId};
use landfall_core::notification::{NewNotification, Priority};
use landfall_core::plan::Reason;
use landfall_core::time::Timestamp;
use landfall_core::topic::{MemberRole, Topic};

use super::deliveries::{NewDelivery, Settlement};
use super::people::{Address, Person, StoredPreferences, Suppression};
use super::sends::StoredSend;

/// Everything that one decision commits: all of it or nothing.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Whose.
    pub tenant: Tenant,
    /// What must still hold.
    pub guards: Vec<Guard>,
    /// What is done, in this order.
    pub writes: Vec<Write>,
    /// What the trail says of it; nothing where there were writes and all of them left everything
    /// as it was.
    pub audit: Vec<AuditDraft>,
    /// Makes a repetition harmless.
    pub idempotency: Option<IdempotencyKey>,
}

impl Unit {
    /// Begins a unit with nothing in it.
    pub fn new(tenant: &Tenant) -> Self {
        Self {
            tenant: tenant.clone(),
            guards: Vec::new(),
            writes: Vec::new(),
            audit: Vec::new(),
            idempotency: None,
        }
    }
}

/// Something a decision relied on, checked again in its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// The topic is there.
    TopicThere(TopicId),
    /// The user is in the topic with at least this role.
    MemberAtLeast(TopicId, UserId, MemberRole),
    /// The topic's last change is this number; or, without one, it is not there.
    TopicAt(TopicId, Option<Number>),
    /// The first user is in a topic in which the second is at least a teacher.
    TaughtBy(UserId, UserId),
    /// The token that caused the unit is not revoked; `Revoked` where it is, before anything else
    /// is looked at, the unit's idempotency key too.
    NotRevoked(TokenMark),
}

/// One change. What each gives as its [`Outcome`] stands beside it.
#[derive(Debug, Clone)]
pub enum Write {
    /// Puts a notification on its user's inbox feed. `Numbered`.
    Publish(Box<NewNotification>),
    /// Marks one notification read; `Stale` unless it is there, unread and not deleted. `Numbered`.
    MarkRead {
        /// Whose.
        user: UserId,
        /// Which.
        id: NotificationId,
        /// When.
        at: Timestamp,
    },
    /// Marks everything up to the head read. `AllRead`, or `Unchanged` when nothing was unread.
    MarkAllRead {
        /// Whose.
        user: UserId,
        /// When.
        at: Timestamp,
    },
    /// Deletes one notification; `Stale` unless it is there and not deleted. `Numbered`.
    Delete {
        /// Whose.
        user: UserId,
        /// Which.
        id: NotificationId,
    },
    /// Marks a notification delivered if it is not yet, with an audit entry. `Done` or `Unchanged`.
    Confirm {
        /// Whose.
        user: UserId,
        /// Which, by the number at which it became visible.
        number: Number,
        /// When.
        at: Timestamp,
        /// For the audit entry.
        details: SaltedDetails,
    },
    /// Counts a write to a device that nobody confirmed, if it is not delivered by now, with an
    /// audit entry the first time. `Done` or `Unchanged`.
    Unconfirmed {
        /// Whose.
        user: UserId,
        /// Which, by the number at which it became visible.
        number: Number,
        /// When.
        at: Timestamp,
        /// For the audit entry.
        details: SaltedDetails,
    },
    /// Gives a notification up that expired undelivered, with an audit entry; one that the "all
    /// read" mark covers is settled without one. `Done` or `Unchanged`.
    Expire {
        /// Whose.
        user: UserId,
        /// Which, by the number at which it became visible.
        number: Number,
        /// When.
        at: Timestamp,
        /// For the audit entry.
        details: SaltedDetails,
    },
    /// Stores a send to many, as it is given, for the unit's tenant. `Done`.
    CreateSend(Box<StoredSend>),
    /// Moves a send on; `Stale` unless it is active and its cursor is `from`. `Done`.
    AdvanceSend {
        /// Which.
        id: SendId,
        /// The last user it had reached.
        from: String,
        /// The last user it has reached now.
        to: String,
        /// How many users this step reached.
        reached: u64,
        /// Whether nobody is left.
        is_complete: bool,
    },
    /// Makes or changes a topic. `Numbered` on the topic's feed, or `Unchanged`.
    PutTopic(Box<Topic>),
    /// Deletes a topic and its memberships; `Stale` unless it is there. `Numbered`.
    DeleteTopic {
        /// Which.
        topic: TopicId,
        /// When.
        at: Timestamp,
    },
    /// Adds a member or changes their role; `Stale` unless the topic is there. `Member`.
    PutMember {
        /// Where.
        topic: TopicId,
        /// Who.
        user: UserId,
        /// As what.
        role: MemberRole,
        /// When.
        at: Timestamp,
    },
    /// Revokes a user's tokens until now, or one token; one that is in force already stays the
    /// newer of the two. `Numbered`, in one order over all tenants.
    Revoke {
        /// What.
        of: Revoked,
        /// When.
        at: Timestamp,
        /// Why.
        reason: Option<String>,
        /// By whom.
        by: UserId,
    },
    /// Lifts the revocation whose last change has this number; `Stale` unless it is in force.
    /// `Numbered`, as [`Write::Revoke`].
    Lift {
        /// Which.
        number: Number,
        /// When.
        at: Timestamp,
    },
    /// Removes a member; `Stale` unless they are one. `Numbered`.
    RemoveMember {
        /// From where.
        topic: TopicId,
        /// Whom.
        user: UserId,
    },
    /// Puts deliveries of a notification into the outbox. `Done`.
    Enqueue {
        /// Of which notification.
        notification: NotificationId,
        /// For whom.
        user: UserId,
        /// How urgent.
        priority: Priority,
        /// When.
        at: Timestamp,
        /// What, in the order of their places.
        deliveries: Vec<NewDelivery>,
    },
    /// Says what became of a claimed delivery; `Stale` unless that claim is its newest and it is
    /// queued or held. When nothing of its place is queued, held, sent or delivered any more and
    /// this failed or was skipped, what waits at the next place is due at once. `Done`.
    Settle(Box<Settlement>),
    /// Says what a provider or a device told of a delivery afterwards; `Stale` unless it stands as
    /// `from`. What follows from a failure is as with [`Write::Settle`]. `Done`.
    Report {
        /// Which.
        id: DeliveryId,
        /// How it stood.
        from: DeliveryState,
        /// How it stands.
        to: DeliveryState,
        /// Why.
        reason: Reason,
        /// The provider's code.
        code: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// Makes deliveries that failed for good due again, with their attempts forgotten; those that
    /// stand otherwise stay as they are. `Done` or `Unchanged`.
    Replay {
        /// Which.
        ids: Vec<DeliveryId>,
        /// When.
        at: Timestamp,
    },
    /// Takes a notification back, so that nothing more of it goes out; `Stale` unless it is there
    /// and not taken back. It stays in the inbox. `Done`.
    Cancel {
        /// Whose.
        user: UserId,
        /// Which.
        id: NotificationId,
        /// When.
        at: Timestamp,
    },
    /// Takes a send back: it is expanded no more, and nothing more of it goes out. With `recalls`
    /// its notifications are to be deleted too, which [`Write::AdvanceRecall`] follows. `Stale`
    /// unless it is there and not taken back in this way. `Done`.
    CancelSend {
        /// Which.
        id: SendId,
        /// When.
        at: Timestamp,
        /// Whether its notifications are to be deleted.
        recalls: bool,
    },
    /// Moves the recall of a send on; `Stale` unless it is under way and stands at `from`. `Done`.
    AdvanceRecall {
        /// Which.
        id: SendId,
        /// The last user whose notification was recalled.
        from: String,
        /// The last one now.
        to: String,
        /// Whether nobody is left.
        is_complete: bool,
    },
    /// Writes what is known of a user; `Stale` unless its version follows the stored one. `Done`.
    PutPerson(Box<Person>),
    /// Notes a user whom a token names, where nothing is known of them yet. `Done` or `Unchanged`.
    MeetPerson(Box<Person>),
    /// Forgets a user's profile, addresses and preferences, though not what they opted out of;
    /// `Stale` unless they are known. `Done`.
    DeletePerson(UserId),
    /// Registers an address. Whoever had the same token or endpoint loses it; another address of
    /// the same user, kind and device is replaced; of too many the one that was seen longest ago
    /// goes. One that is there already, by user and hash, keeps its id and `created_at`. `Done`.
    PutAddress(Box<Address>),
    /// Removes an address; `Stale` unless it is there. `Done`.
    RemoveAddress {
        /// Whose.
        user: UserId,
        /// Which.
        id: AddressId,
    },
    /// Writes a user's preferences, or the tenant's; `Stale` unless the version follows the stored
    /// one. `Done`.
    PutPreferences {
        /// Whose; the tenant's where nobody is named.
        user: Option<UserId>,
        /// What.
        preferences: StoredPreferences,
        /// When.
        at: Timestamp,
    },
    /// Suppresses an address; one that is suppressed stays as it was. `Done` or `Unchanged`.
    Suppress(Box<Suppression>),
    /// Lifts what [`Write::Suppress`] did. `Done` or `Unchanged`.
    Unsuppress {
        /// On which channel.
        channel: Channel,
        /// Which address, by its keyed hash.
        address: Hash,
    },
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect.
    Done,
    /// There was nothing to do.
    Unchanged,
    /// It took effect with this number on its feed.
    Numbered(Number),
    /// Everything up to a number was marked read.
    AllRead {
        /// The number of the mark.
        number: Number,
        /// It covers notifications up to here.
        up_to: Number,
        /// How many were unread.
        marked: u64,
    },
    /// What became of a membership.
    Member(MemberOutcome),
}

/// What putting a member did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberOutcome {
    /// They were none before.
    Added,
    /// They had another role.
    Updated,
    /// They were one already.
    Unchanged,
}

/// What a unit did, write by write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// One per write, in order.
    pub outcomes: Vec<Outcome>,
}

impl Receipt {
    /// Says whether there were writes and every one of them left everything as it was.
    pub fn changed_nothing(&self) -> bool {
        let left = |outcome: &Outcome| {
            matches!(outcome, Outcome::Unchanged | Outcome::Member(MemberOutcome::Unchanged))
        };
        !self.outcomes.is_empty() && self.outcomes.iter().all(left)
    }

    /// Gives the feed numbers that were given out, in order.
    pub fn numbers(&self) -> Vec<Number> {
        let number = |outcome: &Outcome| match outcome {
            Outcome::Numbered(number) | Outcome::AllRead { number, .. } => Some(*number),
            Outcome::Done | Outcome::Unchanged | Outcome::Member(_) => None,
        };
        self.outcomes.iter().filter_map(number).collect()
    }
}

/// Details with the salt of their digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaltedDetails {
    /// The details.
    pub details: Details,
    /// The salt.
    pub salt: Salt,
    /// Their digest.
    pub digest: Hash,
}

impl SaltedDetails {
    /// Digests details with a fresh random salt.
    pub fn new(details: Details, salt: Salt) -> Self {
        let digest = details_digest(&salt, &details);
        Self { details, salt, digest }
    }
}

/// An audit entry that is committed with what it records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditDraft {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// About what.
    pub entity: Entity,
    /// Who, to whom, and what else.
    pub details: SaltedDetails,
}

/// Names a request so that its repetition takes no second effect (contract 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Caller, method and canonical path.
    pub scope: String,
    /// What the client sent.
    pub key: String,
    /// Digest of the request's body.
    pub digest: Hash,
    /// What the answer is made from, besides the numbers of the receipt.
    pub memo: String,
    /// When.
    pub at: Timestamp,
}

/// What a request was answered, from which the answer is made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// As it was given with the key.
    pub memo: String,
    /// The numbers of the receipt.
    pub numbers: Vec<Number>,
}
