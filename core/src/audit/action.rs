//! What the trail tells of: a closed list, so that filters and documents can name each.
//!
//! Names are stored; one may be added but never respelled.

macro_rules! actions {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal)+) => {
        /// What happened; a closed list, so that filters and documents can name each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])+ $variant,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: [Action; [$($name),+].len()] = [$(Self::$variant),+];

            /// Names the action as records and filters spell it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

actions! {
    /// A notification was stored.
    NotificationCreated = "notification_created"
    /// A notification was accepted that goes out later.
    NotificationScheduled = "notification_scheduled"
    /// A notification went out with others, as one.
    NotificationDigested = "notification_digested"
    /// A newer one took a notification's place.
    NotificationReplaced = "notification_replaced"
    /// A device confirmed a notification for the first time.
    NotificationDelivered = "notification_delivered"
    /// A notification was written to a device that never confirmed it, or expired.
    NotificationFailed = "notification_failed"
    /// Its owner read a notification, or all of them.
    NotificationRead = "notification_read"
    /// Its owner deleted a notification.
    NotificationDeleted = "notification_deleted"
    /// A send to many users was accepted.
    SendAccepted = "send_accepted"
    /// A send to many users reached its end.
    SendCompleted = "send_completed"
    /// A device opened a live connection.
    Connected = "connected"
    /// A request or a connection was refused.
    Refused = "refused"
    /// A topic was made or changed.
    TopicChanged = "topic_changed"
    /// A topic was deleted.
    TopicDeleted = "topic_deleted"
    /// A lesson was made or changed.
    LessonChanged = "lesson_changed"
    /// A lesson was deleted by somebody who may write it.
    LessonDeleted = "lesson_deleted"
    /// A lesson ended because its time was over.
    LessonExpired = "lesson_expired"
    /// A message of a topic was changed by its sender.
    MessageChanged = "message_changed"
    /// A message of a topic was deleted.
    MessageDeleted = "message_deleted"
    /// Two edits were in each other's way, and a person has to say what becomes of them.
    ConflictOpened = "conflict_opened"
    /// Two edits were in each other's way, and a rule said what becomes of them.
    ConflictDecided = "conflict_decided"
    /// A person said what becomes of two edits.
    ConflictResolved = "conflict_resolved"
    /// Bytes that lessons and messages can refer to were stored.
    BlobStored = "blob_stored"
    /// Bytes that nothing referred to any more were forgotten.
    BlobForgotten = "blob_forgotten"
    /// Something was scheduled for a class.
    EventScheduled = "event_scheduled"
    /// What was scheduled was changed, as a whole or one occurrence.
    EventChanged = "event_changed"
    /// What was scheduled was deleted.
    EventDeleted = "event_deleted"
    /// A quiz was made or changed.
    QuizPut = "quiz_put"
    /// A calendar got another secret.
    CalendarRotated = "calendar_rotated"
    /// Members of a topic were added, changed or removed.
    MembersChanged = "members_changed"
    /// A user's tokens, or one token, were revoked.
    TokensRevoked = "tokens_revoked"
    /// A revocation was lifted.
    RevocationLifted = "revocation_lifted"
    /// A new epoch began: the store was restored, or found to have gone back.
    EpochBegun = "epoch_begun"
    /// A provider was tried, and it goes on: the outcome and the next time are told.
    DeliveryAttempted = "delivery_attempted"
    /// A provider took a delivery.
    DeliverySent = "delivery_sent"
    /// A provider or a receipt said that a delivery arrived.
    DeliveryConfirmed = "delivery_confirmed"
    /// A delivery was given up.
    DeliveryFailed = "delivery_failed"
    /// A rule put a delivery off to a later time.
    DeliveryHeld = "delivery_held"
    /// A rule kept a delivery from being tried, or from being tried again.
    DeliverySkipped = "delivery_skipped"
    /// An admin had a failed delivery tried once more.
    DeliveryReplayed = "delivery_replayed"
    /// What had not gone out of a notification was stopped.
    NotificationCanceled = "notification_canceled"
    /// A notification was stopped and removed from its inbox by its sender.
    NotificationRecalled = "notification_recalled"
    /// What had not gone out of a send to many users was stopped.
    SendCanceled = "send_canceled"
    /// A device reported that a push reached it.
    ReceiptDelivered = "receipt_delivered"
    /// A device reported that it showed a push.
    ReceiptShown = "receipt_shown"
    /// A device reported a click on a push.
    ReceiptClicked = "receipt_clicked"
    /// A device reported that a push was dismissed.
    ReceiptDismissed = "receipt_dismissed"
    /// A provider told how a delivery stands.
    ProviderReported = "provider_reported"
    /// A device token, a subscription, a phone number or a mailbox was added.
    AddressAdded = "address_added"
    /// A device token, a subscription, a phone number or a mailbox was removed.
    AddressRemoved = "address_removed"
    /// A user's preferences were changed.
    PreferencesChanged = "preferences_changed"
    /// A user's profile was made or changed.
    ProfileChanged = "profile_changed"
    /// A user's profile was deleted.
    ProfileDeleted = "profile_deleted"
    /// An admin let something be sent again to a suppressed phone number or mailbox.
    SuppressionLifted = "suppression_lifted"
    /// A recipient asked for no more on a channel.
    OptedOut = "opted_out"
    /// A recipient asked for a channel again.
    OptedIn = "opted_in"
}

impl Action {
    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_reads_back_by_its_own_name() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
        assert_eq!(Action::parse("delivery_planned"), None);
    }
}
