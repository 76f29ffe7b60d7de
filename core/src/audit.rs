//! The audit trail's chain: how entries are bound together so that a change shows.
//!
//! An entry binds a salted digest of its details, never the details themselves, so that personal
//! data can be erased and the chain still verifies. This file must never store anything.

mod action;

pub use action::Action;

use sha2::{Digest as _, Sha256};

use crate::id::{NotificationId, Tenant, UserId};
use crate::time::Timestamp;

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// What an entry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entity {
    /// A notification.
    Notification(NotificationId),
    /// Anything else, by type and id.
    Other(&'static str, String),
}

impl Entity {
    /// Names the type.
    pub fn kind(&self) -> &str {
        match self {
            Self::Notification(_) => "notification",
            Self::Other(kind, _) => kind,
        }
    }

    /// Names the thing.
    pub fn id(&self) -> String {
        match self {
            Self::Notification(id) => id.to_string(),
            Self::Other(_, id) => id.clone(),
        }
    }
}

/// The personal part of an entry; it can be erased.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// Who did it.
    pub actor: Option<UserId>,
    /// To whom.
    pub target: Option<UserId>,
    /// More, as a JSON object (S4: notification type, delivered, message, sender's name).
    pub metadata: String,
}

/// An entry that is about to be committed with what it records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// About what.
    pub entity: Entity,
    /// Who, to whom, and what else.
    pub details: Details,
}

/// Random bytes that keep a digest from being guessed.
pub type Salt = [u8; 16];

/// Digests bytes, to tell whether two that were never kept are the same.
pub fn digest(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

/// Digests an entry's details with its salt.
pub fn details_digest(salt: &Salt, details: &Details) -> Hash {
    let mut hash = Sha256::new();
    hash.update(b"landfall audit details 1");
    hash.update(salt);
    for part in [
        details.actor.as_ref().map_or("", UserId::as_str),
        details.target.as_ref().map_or("", UserId::as_str),
        &details.metadata,
    ] {
        text(&mut hash, part);
    }
    hash.finalize().into()
}

/// The part of an entry that stays for ever, and what stands for its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealable<'a> {
    /// Place in the trail.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What, as stored.
    pub action: &'a str,
    /// About what type.
    pub entity_type: &'a str,
    /// About which.
    pub entity_id: &'a str,
    /// Digest of its details.
    pub details: Hash,
}

/// Chains blocks: each binds the one before it and its own entries, in order.
pub struct BlockHasher(Sha256);

impl BlockHasher {
    /// Begins the block that follows `previous`; the first follows 32 zero bytes.
    pub fn new(tenant: &Tenant, block: u64, previous: &Hash) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"landfall audit block 1");
        text(&mut hash, tenant.as_str());
        hash.update(block.to_be_bytes());
        hash.update(previous);
        Self(hash)
    }

    /// Adds the next entry.
    pub fn add(&mut self, entry: &Sealable<'_>) {
        let Sealable { number, at, action, entity_type, entity_id, details } = entry;
        self.0.update(number.to_be_bytes());
        self.0.update(at.as_ms().to_be_bytes());
        for part in [action, entity_type, entity_id] {
            text(&mut self.0, part);
        }
        self.0.update(details);
    }

    /// Ends the block.
    pub fn finish(self) -> Hash {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn block(previous: Hash, entries: &[(u64, &str, Hash)]) -> Hash {
        let mut hasher = BlockHasher::new(&Tenant::parse("default").unwrap(), 1, &previous);
        for (number, action, details) in entries {
            hasher.add(&Sealable {
                number: *number,
                at: Timestamp::from_ms(0),
                action,
                entity_type: "notification",
                entity_id: "x",
                details: *details,
            });
        }
        hasher.finish()
    }

    #[test]
    fn any_change_changes_the_block() {
        let original = block([0; 32], &[(1, "refused", [1; 32]), (2, "connected", [2; 32])]);
        let changed = [
            block([9; 32], &[(1, "refused", [1; 32]), (2, "connected", [2; 32])]),
            block([0; 32], &[(1, "refused", [1; 32])]),
            block([0; 32], &[(2, "connected", [2; 32]), (1, "refused", [1; 32])]),
            block([0; 32], &[(1, "refused", [3; 32]), (2, "connected", [2; 32])]),
            block([0; 32], &[(1, "connected", [1; 32]), (2, "connected", [2; 32])]),
        ];
        assert!(changed.iter().all(|hash| *hash != original));
        assert_eq!(original, block([0; 32], &[(1, "refused", [1; 32]), (2, "connected", [2; 32])]));
    }

    #[test]
    fn parts_of_details_cannot_be_shifted_into_each_other() {
        let user = |text| Some(UserId::parse(text).unwrap());
        let one = Details { actor: user("ab"), target: user("c"), metadata: String::new() };
        let other = Details { actor: user("a"), target: user("bc"), metadata: String::new() };
        assert_ne!(details_digest(&[0; 16], &one), details_digest(&[0; 16], &other));
        assert_ne!(details_digest(&[0; 16], &one), details_digest(&[1; 16], &one));
    }
}
