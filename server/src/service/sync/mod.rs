//! Keeping offline work: what devices bring, what they get, and what was in the way of what.
//!
//! What becomes of an operation is decided in `landfall_core::sync`. This folder loads what that
//! needs, and commits what it says.

mod activities;
mod bases;
mod check;
mod conflicts;
mod delta;
mod deltas;
mod desk;
mod devices;
mod feed_locks;
mod forgetting;
mod generations;
mod heard;
pub mod kinds;
mod misfit;
mod places;
mod pull;
mod push;
mod records;
pub mod schema;
mod trail;
mod upgrades;

use landfall_core::feed::{FeedKey, FeedKind};
use landfall_core::id::{DeviceId, TopicId};
use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::sync::{Operation, Verdict};
use landfall_core::time::Timestamp;

pub use activities::{ActivitiesAsk, Activity, ActivityOutcome, ActivityView, RETRIED_MAX};
pub use check::CheckAsk;
pub use conflicts::{ConflictView, ResolveAsk, Resolved};
pub use delta::{Delta, DeltaAsk, FieldDiffers};
pub use deltas::FieldChanges;
pub use devices::{Fares, Health, SessionView, Stall};
pub use feed_locks::FeedLocks;
pub use heard::Heard;
pub use kinds::Kinds;
pub use pull::{ChangedEntity, Held, LESSON, PullAsk, Pulled};
pub use records::ClashRecord;

/// From where a device wants to know what others did, or up to where it knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// From the beginning.
    Beginning,
    /// What was stored at a time or later.
    Time(Timestamp),
    /// Where a cursor stands, which was made for a pull of these types; of all where none is named.
    Cursor(String, Vec<Box<str>>),
}

/// What a device brings.
#[derive(Debug, Clone)]
pub struct PushAsk {
    /// Which device; nothing for one that has no name, of which nothing is remembered.
    pub device: Option<DeviceId>,
    /// What its clock showed as it sent this.
    pub sent_at: Option<Timestamp>,
    /// Up to where it has what the server has.
    pub has: Since,
    /// What it did, in the order in which it did it.
    pub operations: Vec<Brought>,
    /// How many operations it says it has not sent yet, if it says so.
    pub pending: Option<u64>,
    /// The generation of the device after this, if it counts them.
    pub generation: Option<u64>,
}

/// An operation as a device brings it.
#[derive(Debug, Clone)]
pub struct Brought {
    /// The operation.
    pub operation: Operation,
    /// The topic to whose entities it belongs; the user's own where there is none.
    pub topic: Option<TopicId>,
    /// How it came, where it came as an activity (S0).
    pub activity: Option<AsActivity>,
}

/// What goes with an operation that came as an activity: it is shown to apps that send such, and
/// began from what its device had by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsActivity {
    /// Whose word is asked for.
    pub wish: Wish,
    /// What is wrong with it, so that no entity can be made out.
    pub fault: Option<FieldError>,
    /// Whether it is decided for the first time.
    pub turn: Turn,
}

/// Whose word a request asks for where two edits meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    /// As the type says.
    #[default]
    AsTyped,
    /// The device's, where the type lets a request ask for that.
    ClientWins,
}

/// Whether an activity is decided for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is; or it was decided, and answers as it did.
    First,
    /// It failed, and is decided anew.
    Again,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Which.
    pub id: Box<str>,
    /// How it ended.
    pub verdict: Verdict,
    /// Whether it had been decided before.
    pub is_replay: bool,
    /// The entity as the server has it, where that may be something else than what was brought.
    pub server: Option<ServerData>,
    /// What is wrong with one that was rejected.
    pub errors: Vec<FieldError>,
}

/// An entity as the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerData {
    /// These are its fields.
    There(JsonText),
    /// It is not there.
    Gone,
}

/// Names the feed of a conflict's entity as the wire does: a topic, or nothing for the user's own.
fn topic_of(feed: &FeedKey) -> Option<TopicId> {
    let is_topic = feed.kind == FeedKind::Topic;
    is_topic.then(|| TopicId::parse(&feed.owner).ok()).flatten()
}
