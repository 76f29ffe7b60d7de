//! What a store promises, whichever it is: traits whose comments are contracts, and their values.
//!
//! No SQL and no database shows here.

mod audits;
mod blobs;
mod commits;
mod deliveries;
mod devices;
mod error;
mod inbox;
mod lessons;
mod lives;
mod messages;
mod notices;
mod people;
mod presences;
mod retention;
mod revocations;
mod schedule;
mod sends;
mod sync;
mod tallies;
mod topics;
mod unit;
mod write;

pub use audits::{AuditFilter, AuditRecord, Audits, SealReport, Verification};
pub use blobs::{BLOB_WEIGHT_MIN, Blob, BlobRoom, Blobs, StoredBlob};
pub use commits::{Change, ChangeSink, Commits};
pub use deliveries::{
    AskAgain, Backlog, BroughtWith, Claimed, Claiming, Deliveries, Delivery, DeliveryFilter,
    KeptAttempt, NewDelivery, Settlement, Standing,
};
pub use devices::{
    ACTIVITIES_COUNTED_MAX, ActivityCounts, ActivityFilter, ActivityNext, ActivityStatus,
    DeviceNext, Devices, SessionCounts, SessionNext, StoredActivity, StoredDevice, StoredSession,
};
pub use error::{Answer, Answered, StoreError};
pub use inbox::{AdminFilter, Expired, Inbox, InboxQuery, InboxSlice};
pub use lessons::{EndedLesson, LessonFilter, Lessons};
pub use lives::{Lives, NewEpoch};
pub use messages::{MessageSlice, Messages, StoredMessage};
pub use notices::{NotedMember, NotedMembers, Notice, NoticePace, Notices, Untold};
pub use people::{
    ADDRESSES_MAX, Address, AddressKind, People, Person, Recipient, Recipients, Sealed,
    StoredPreferences, Suppression, SuppressionFilter,
};
pub use presences::{Attended, Presences};
pub use retention::{ForgottenWork, InboxPlace, OldInboxes, Retention};
pub use revocations::{Revocation, Revocations};
pub use schedule::{
    DueAsk, DueMoment, EventFilter, EventsOf, Firing, ScheduleWrite, Schedules, StoredEvent,
    StoredOccurrence, StoredQuiz, Track,
};
pub use sends::{
    DigestNext, DigestWrite, DueDigest, Later, Reminds, SendNext, SendState, SendTo, Sends,
    StoredSend,
};
pub use sync::{
    BranchNext, Conflict, ConflictFilter, ConflictNext, EntityNext, EntityRange, EntityVersion,
    OperationKeep, Standings, StandingsAsk, StoredBranch, StoredConflict, StoredEntity,
    StoredOperation, SyncWrite, Syncs,
};
pub use tallies::{
    Countable, CountedNotification, Tallies, Tally, TallyFilter, TallyKey, Uncounted,
};
pub use topics::{MEMBERSHIPS_MAX, Membership, TopicView, Topics};
pub use unit::{
    AuditDraft, Guard, IdempotencyKey, MemberOutcome, Outcome, Receipt, SaltedDetails,
    StoredAnswer, Unit,
};
pub use write::Write;

/// Everything a server asks of its store.
pub trait Store:
    Commits
    + Inbox
    + Topics
    + Messages
    + Notices
    + Lessons
    + Blobs
    + Sends
    + Retention
    + Schedules
    + Deliveries
    + People
    + Presences
    + Syncs
    + Devices
    + Tallies
    + Audits
    + Revocations
    + Lives
    + Send
    + Sync
{
}

impl<T> Store for T where
    T: Commits
        + Inbox
        + Topics
        + Messages
        + Notices
        + Lessons
        + Blobs
        + Sends
        + Retention
        + Schedules
        + Deliveries
        + People
        + Presences
        + Presences
        + Syncs
        + Devices
        + Tallies
        + Audits
        + Revocations
        + Lives
        + Send
        + Sync
{
}
