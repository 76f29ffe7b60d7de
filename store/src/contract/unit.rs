//! A unit: everything one decision commits, as values.
//!
//! Decisions name rows by their ids and say under which conditions they hold; the store turns
//! them into its own statements. No SQL shows here.

use landfall_core::audit::{Action, Details, Entity, Hash, Salt, details_digest};
use landfall_core::auth::TokenMark;
use landfall_core::feed::Number;
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;
use landfall_core::topic::MemberRole;

use super::write::Write;

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
