//! Writes: every change that a unit can make, as values.
//!
//! What a write relies on stands in its comment; nothing here says how it is done.

use landfall_core::audit::Hash;
use landfall_core::auth::Revoked;
use landfall_core::blob::BlobHash;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::Next;
use landfall_core::feed::Number;
use landfall_core::id::{AddressId, DeliveryId, LessonId, NotificationId, SendId, TopicId, UserId};
use landfall_core::lesson::Lesson;
use landfall_core::message::Message;
use landfall_core::notification::{NewNotification, Priority};
use landfall_core::plan::Reason;
use landfall_core::time::Timestamp;
use landfall_core::topic::{MemberRole, Topic};
use uuid::Uuid;

use super::blobs::{Blob, BlobRoom};
use super::deliveries::{BroughtWith, KeptAttempt, NewDelivery, Settlement};
use super::devices::DeviceNext;
use super::notices::NotedMembers;
use super::people::{Address, Person, StoredPreferences, Suppression};
use super::schedule::ScheduleWrite;
use super::sends::{DigestWrite, SendNext, StoredSend};
use super::sync::SyncWrite;
use super::unit::SaltedDetails;

/// One change. What each gives as its [`Outcome`](super::Outcome) stands beside it.
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
    /// Stores a send, as it is given, for the unit's tenant. `Done`.
    CreateSend(Box<StoredSend>),
    /// Changes a user's digest.
    Digest(Box<DigestWrite>),
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
        /// What it does then.
        next: SendNext,
    },
    /// Makes or changes a topic. `Numbered` on the topic's feed, or `Unchanged`.
    PutTopic(Box<Topic>),
    /// Deletes a topic, its memberships and its lessons; `Stale` unless it is there. `Numbered`.
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
    /// Stores a message, and has its sender read up to it; `number` and `changed` are not looked at.
    /// `Stale` where the sender's device called another one of the topic so, or a blob that it carries is not
    /// there. `Numbered` on the topic's feed, which has to be there.
    SendMessage {
        /// What it is to be.
        message: Box<Message>,
        /// The digest of what the device sent.
        digest: Hash,
    },
    /// Changes or deletes a message, which keeps its `number` and gets no files; `Stale` unless it is there and `from` is
    /// the number of its last change. `Numbered` on the topic's feed.
    ChangeMessage {
        /// What it is to be.
        message: Box<Message>,
        /// The number of its last change.
        from: Number,
    },
    /// Moves a member's mark on, never back. `Done`, or `Unchanged` where it stands there already, or they are no member.
    ReadMessages {
        /// Where.
        topic: TopicId,
        /// Who.
        user: UserId,
        /// Up to where they have read.
        up_to: Number,
    },
    /// Puts a notification in the place of the one that has its id, with a number of its own; what has not gone
    /// out of that one does not. `Stale` unless that is there and unread. `Numbered`.
    Replace(Box<NewNotification>),
    /// Notes of members of a topic that they were told of its messages, or are not to be; `Stale` unless each
    /// of them is a member, has not read up to there, and was told as far as is said. `Done`.
    NoteMembers(Box<NotedMembers>),
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
    /// Makes or changes a lesson; `Stale` unless its version follows the stored one, where a
    /// tombstone counts as one that is stored, it stays in its class, every blob that it refers to
    /// is there, and its class has at most `class_max` lessons with it. `changed` is not looked at.
    /// `Numbered` on the feed of its class.
    PutLesson {
        /// What it is to be.
        lesson: Box<Lesson>,
        /// Lessons of its class at most; one that is there already may be changed all the same.
        class_max: usize,
    },
    /// Deletes a lesson and leaves a tombstone; `Stale` unless it is there in this version.
    /// `Numbered` on the feed of its class.
    DeleteLesson {
        /// Which.
        id: LessonId,
        /// Whose it is.
        class: TopicId,
        /// In which version it is there.
        version: u64,
        /// When.
        at: Timestamp,
    },
    /// Says that a blob is there, and that a user uploaded it. One that was there already keeps what
    /// is known of it, but for the file if that was `instead_of`. `Stale` where it finds no `room`. `Done` where `blob.file` holds its bytes from
    /// now on, else `Unchanged`.
    PutBlob {
        /// Which.
        blob: Box<Blob>,
        /// Who brought it.
        by: UserId,
        /// The file that was found missing.
        instead_of: Option<Uuid>,
        /// What there may be.
        room: BlobRoom,
        /// When.
        at: Timestamp,
    },
    /// Says that somebody has a use for a blob that is there; `Stale` unless that file holds it. `Done`.
    UseBlob {
        /// Which.
        hash: BlobHash,
        /// In which file it is.
        file: Uuid,
        /// When.
        at: Timestamp,
    },
    /// Forgets a blob; `Stale` unless that file still holds it, nothing refers to it, and nobody had
    /// a use for it since `before`. `Done`.
    ForgetBlob {
        /// Which.
        hash: BlobHash,
        /// In which file it was.
        file: Uuid,
        /// Since when nobody needs it.
        before: Timestamp,
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
    /// Says what became of a claimed delivery; `Stale` unless that claim is its newest, nobody
    /// settled it yet, and it is queued or held. What it means for later places is what
    /// [`Settlement::next`] says. `Done`.
    Settle(Box<Settlement>),
    /// Says what a provider or a device told of a delivery afterwards; `Stale` unless it stands as
    /// `from`. Which state may follow which is for the caller. `Done`.
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
        /// What it means for later places.
        next: Next,
        /// When.
        at: Timestamp,
    },
    /// Keeps what an attempt gave that news of its own message overtook: it is counted, and how the
    /// delivery stands stays. `Stale` unless that claim is its newest, which the news ended, and it
    /// stands and was tried as the attempt says. `Done`.
    KeepAttempt(Box<KeptAttempt>),
    /// Makes deliveries that failed for good due again, with their attempts forgotten; `Stale`
    /// unless all of them still stand so. `Done`.
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
    /// Takes a send back, with those that it left for later: it is expanded no more, and nothing more
    /// of it goes out. With `recalls` its notifications are to be deleted too, which
    /// [`Write::AdvanceRecall`] follows. `Stale` unless it is there and not taken back in this way, and,
    /// to one user, has not gone out: then its notification can be taken back. `Done`.
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
        /// The last notification that was recalled, if any was.
        from: Option<NotificationId>,
        /// The last one now.
        to: Option<NotificationId>,
        /// Whether nobody is left.
        is_complete: bool,
    },
    /// Writes what is known of a user; `Stale` unless its version follows the stored one. `Done`.
    PutPerson(Box<Person>),
    /// Notes a user whom a token names, where nothing is known of them yet. `Done` or `Unchanged`.
    MeetPerson(Box<Person>),
    /// Forgets a user's profile, addresses and preferences, and when they were last there, though no
    /// suppression of what they opted out of; `Stale` when there was none of it. `Done`.
    DeletePerson {
        /// Whose.
        user: UserId,
        /// What stays of the preferences; `Stale` unless its version follows the stored one.
        keep: Option<StoredPreferences>,
        /// When.
        at: Timestamp,
    },
    /// Registers an address. Whoever had the same token or endpoint loses it; another address of
    /// the same user, kind and device is replaced; of more than
    /// [`ADDRESSES_MAX`](super::ADDRESSES_MAX) the one that was seen longest ago goes. One that is
    /// there already, by user and hash, keeps its id and `created_at`. `Done`.
    PutAddress(Box<Address>),
    /// Seals an address anew and touches nothing else of it; `Stale` unless it is there and sealed
    /// as it was. `Done`.
    RenewAddress {
        /// Whose.
        user: UserId,
        /// Which.
        id: AddressId,
        /// The sealed bytes that were read.
        from: Vec<u8>,
        /// The same secret under another key.
        to: Vec<u8>,
    },
    /// Seals the phone number anew that a request brought along; `Stale` unless it is there and
    /// sealed as it was. `Done`.
    RenewBrought {
        /// What it waits with.
        with: BroughtWith,
        /// The sealed bytes that were read.
        from: Vec<u8>,
        /// The same number under another key.
        to: Vec<u8>,
    },
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
        /// Which reminders they ask for, in minutes.
        reminders: Vec<u32>,
        /// When.
        at: Timestamp,
    },
    /// Changes what is scheduled.
    Schedule(Box<ScheduleWrite>),
    /// Keeps an operation with all that it does, as [`SyncWrite`](super::SyncWrite) says.
    Sync(Box<SyncWrite>),
    /// Notes that a device synced, and adds what it did to its session, which is made where there is none. `Done`.
    Synced(Box<DeviceNext>),
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
