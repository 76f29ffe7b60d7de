//! The audit trail's chain: how entries are bound together so that a change shows.
//!
//! An entry binds a salted digest of its details, never the details themselves, so that personal
//! data can be erased and the chain still verifies. This file must never store anything.

use sha2::{Digest as _, Sha256};

use crate::id::{NotificationId, Tenant, UserId};
use crate::time::Timestamp;

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// What happened; a closed list, so that filters and documents can name each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A notification was stored.
    NotificationCreated,
    /// A device confirmed a notification for the first time.
    NotificationDelivered,
    /// A notification was written to a device that never confirmed it, or expired.
    NotificationFailed,
    /// Its owner read a notification, or all of them.
    NotificationRead,
    /// Its owner deleted a notification.
    NotificationDeleted,
    /// A send to many users was accepted.
    SendAccepted,
    /// A send to many users reached its end.
    SendCompleted,
    /// A device opened a live connection.
    Connected,
    /// A request or a connection was refused.
    Refused,
    /// A topic was made or changed.
    TopicChanged,
    /// A topic was deleted.
    TopicDeleted,
    /// Members of a topic were added, changed or removed.
    MembersChanged,
    /// A user's tokens, or one token, were revoked.
    TokensRevoked,
    /// A revocation was lifted.
    RevocationLifted,
    /// A new epoch began: the store was restored, or found to have gone back.
    EpochBegun,
    /// A provider was tried, and it goes on: the outcome and the next time are told.
    DeliveryAttempted,
    /// A provider took a delivery.
    DeliverySent,
    /// A provider or a receipt said that a delivery arrived.
    DeliveryConfirmed,
    /// A delivery was given up.
    DeliveryFailed,
    /// A rule put a delivery off to a later time.
    DeliveryHeld,
    /// A rule kept a delivery from being tried, or from being tried again.
    DeliverySkipped,
    /// A later channel became due, because an earlier one failed or nobody read it.
    DeliveryEscalated,
    /// An admin had a failed delivery tried once more.
    DeliveryReplayed,
    /// What had not gone out of a notification was stopped.
    NotificationCanceled,
    /// A notification was stopped and removed from its inbox by its sender.
    NotificationRecalled,
    /// What had not gone out of a send to many users was stopped.
    SendCanceled,
    /// A device reported that a push reached it.
    ReceiptDelivered,
    /// A device reported that it showed a push.
    ReceiptShown,
    /// A device reported a click on a push.
    ReceiptClicked,
    /// A device reported that a push was dismissed.
    ReceiptDismissed,
    /// A provider told how a delivery stands.
    ProviderReported,
    /// A provider's callback, or a receipt, was refused.
    CallbackRefused,
    /// A device token, a subscription, a phone number or a mailbox was added.
    AddressAdded,
    /// A device token, a subscription, a phone number or a mailbox was removed.
    AddressRemoved,
    /// A user's preferences were changed.
    PreferencesChanged,
    /// A user's profile was made or changed.
    ProfileChanged,
    /// A user's profile was deleted.
    ProfileDeleted,
    /// A recipient asked for no more on a channel.
    OptedOut,
    /// A recipient asked for a channel again.
    OptedIn,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 39] = [
        Self::NotificationCreated,
        Self::NotificationDelivered,
        Self::NotificationFailed,
        Self::NotificationRead,
        Self::NotificationDeleted,
        Self::SendAccepted,
        Self::SendCompleted,
        Self::Connected,
        Self::Refused,
        Self::TopicChanged,
        Self::TopicDeleted,
        Self::MembersChanged,
        Self::TokensRevoked,
        Self::RevocationLifted,
        Self::EpochBegun,
        Self::DeliveryAttempted,
        Self::DeliverySent,
        Self::DeliveryConfirmed,
        Self::DeliveryFailed,
        Self::DeliveryHeld,
        Self::DeliverySkipped,
        Self::DeliveryEscalated,
        Self::DeliveryReplayed,
        Self::NotificationCanceled,
        Self::NotificationRecalled,
        Self::SendCanceled,
        Self::ReceiptDelivered,
        Self::ReceiptShown,
        Self::ReceiptClicked,
        Self::ReceiptDismissed,
        Self::ProviderReported,
        Self::CallbackRefused,
        Self::AddressAdded,
        Self::AddressRemoved,
        Self::PreferencesChanged,
        Self::ProfileChanged,
        Self::ProfileDeleted,
        Self::OptedOut,
        Self::OptedIn,
    ];

    /// Names the action as records and filters spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotificationCreated => "notification_created",
            Self::NotificationDelivered => "notification_delivered",
            Self::NotificationFailed => "notification_failed",
            Self::NotificationRead => "notification_read",
            Self::NotificationDeleted => "notification_deleted",
            Self::SendAccepted => "send_accepted",
            Self::SendCompleted => "send_completed",
            Self::Connected => "connected",
            Self::Refused => "refused",
            Self::TopicChanged => "topic_changed",
            Self::TopicDeleted => "topic_deleted",
            Self::MembersChanged => "members_changed",
            Self::TokensRevoked => "tokens_revoked",
            Self::RevocationLifted => "revocation_lifted",
            Self::EpochBegun => "epoch_begun",
            Self::DeliveryAttempted => "delivery_attempted",
            Self::DeliverySent => "delivery_sent",
            Self::DeliveryConfirmed => "delivery_confirmed",
            Self::DeliveryFailed => "delivery_failed",
            Self::DeliveryHeld => "delivery_held",
            Self::DeliverySkipped => "delivery_skipped",
            Self::DeliveryEscalated => "delivery_escalated",
            Self::DeliveryReplayed => "delivery_replayed",
            Self::NotificationCanceled => "notification_canceled",
            Self::NotificationRecalled => "notification_recalled",
            Self::SendCanceled => "send_canceled",
            Self::ReceiptDelivered => "receipt_delivered",
            Self::ReceiptShown => "receipt_shown",
            Self::ReceiptClicked => "receipt_clicked",
            Self::ReceiptDismissed => "receipt_dismissed",
            Self::ProviderReported => "provider_reported",
            Self::CallbackRefused => "callback_refused",
            Self::AddressAdded => "address_added",
            Self::AddressRemoved => "address_removed",
            Self::PreferencesChanged => "preferences_changed",
            Self::ProfileChanged => "profile_changed",
            Self::ProfileDeleted => "profile_deleted",
            Self::OptedOut => "opted_out",
            Self::OptedIn => "opted_in",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

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
    fn every_action_reads_back_by_its_own_name() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
        assert_eq!(Action::parse("delivery_planned"), None);
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
