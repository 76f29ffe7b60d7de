//! Notifications: one message for one user, with its life from created to read.
//!
//! Holds values and the rules that tie them together; must never hold wire names of fields.

use std::sync::Arc;

use crate::feed::Number;
use crate::id::{NotificationId, SendId, UserId};
use crate::plan::Step;
use crate::time::Timestamp;

/// How urgent a notification is (S2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Can wait.
    Low,
    /// The usual.
    #[default]
    Normal,
    /// May use every channel at once.
    High,
    /// Passes preferences and quiet hours.
    Critical,
}

impl Priority {
    /// Every priority, from the lowest.
    pub const ALL: [Priority; 4] = [Self::Low, Self::Normal, Self::High, Self::Critical];

    /// Names the priority as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text)
    }
}

/// JSON text that was parsed once at the edge and is passed on as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText(Box<str>);

impl JsonText {
    /// Takes a text that the caller knows to be one complete JSON value.
    pub fn trusted(text: &str) -> Self {
        Self(text.into())
    }

    /// Shows the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a notification says, and who says it: the part that never changes once it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What kind of news it is, such as `iep_reminder` (S2) or `ride_accepted` (S4).
    pub notification_type: String,
    /// The template it was made from.
    pub template_id: Option<String>,
    /// Headline.
    pub title: String,
    /// Text.
    pub message: String,
    /// The app's own data: a JSON object.
    pub data: JsonText,
    /// How urgent it is.
    pub priority: Priority,
    /// Language of the texts, such as `en-US`.
    pub locale: Option<String>,
    /// Who sent it (S4).
    pub sender_id: Option<UserId>,
    /// The sender's name at that time (S4).
    pub sender_name: Option<String>,
    /// URL of a picture.
    pub image: Option<String>,
    /// Buttons: a JSON array.
    pub actions: Option<JsonText>,
    /// Where a click leads.
    pub link: Option<String>,
}

/// One message for one user, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its name.
    pub id: NotificationId,
    /// Whose inbox it is in.
    pub user: UserId,
    /// What it says.
    pub content: Arc<Content>,
    /// The number at which it became visible: its `replay_id`.
    pub number: Number,
    /// The number of its last change; equals `number` until it is read or deleted.
    pub changed: Number,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// From then on it is delivered no more.
    pub expires_at: Option<Timestamp>,
    /// When the first device confirmed it.
    pub delivered_at: Option<Timestamp>,
    /// How often it was written to the user's devices.
    pub attempts: u32,
    /// When it was read on its own; see [`Notification::is_read`].
    pub read_at: Option<Timestamp>,
    /// Whether its owner deleted it; such a row only tells other devices so.
    pub deleted: bool,
    /// How each channel stands.
    pub channels: Vec<Step>,
    /// The send it was expanded from.
    pub send: Option<SendId>,
}

impl Notification {
    /// Says whether its owner has read it.
    pub fn is_read(&self) -> bool {
        self.read_at.is_some()
    }
}

/// What a device is told of a notification: the part that its session needs, and a frame shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Its name.
    pub id: NotificationId,
    /// What it says.
    pub content: Arc<Content>,
    /// The number at which it became visible.
    pub number: Number,
    /// The number of its last change.
    pub changed: Number,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// From then on it is delivered no more.
    pub expires_at: Option<Timestamp>,
    /// When the first device confirmed it.
    pub delivered_at: Option<Timestamp>,
    /// When it was read, on its own or with all others.
    pub read_at: Option<Timestamp>,
    /// Whether its owner deleted it.
    pub deleted: bool,
}

impl News {
    /// Says whether a device should still be given it.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

impl From<&Notification> for News {
    fn from(notification: &Notification) -> Self {
        Self {
            id: notification.id,
            content: Arc::clone(&notification.content),
            number: notification.number,
            changed: notification.changed,
            created_at: notification.created_at,
            expires_at: notification.expires_at,
            delivered_at: notification.delivered_at,
            read_at: notification.read_at,
            deleted: notification.deleted,
        }
    }
}

/// A notification that is about to be committed; the store numbers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// Its name.
    pub id: NotificationId,
    /// Whose inbox it goes to.
    pub user: UserId,
    /// What it says.
    pub content: Arc<Content>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// From then on it is delivered no more.
    pub expires_at: Option<Timestamp>,
    /// How each channel stands at first.
    pub channels: Vec<Step>,
    /// The send it was expanded from.
    pub send: Option<SendId>,
}

impl NewNotification {
    /// Makes the stored notification once its number is known.
    pub fn numbered(self, number: Number) -> Notification {
        let Self { id, user, content, created_at, expires_at, channels, send } = self;
        Notification {
            id,
            user,
            content,
            number,
            changed: number,
            created_at,
            expires_at,
            delivered_at: None,
            attempts: 0,
            read_at: None,
            deleted: false,
            channels,
            send,
        }
    }
}

/// A row of an inbox feed, as a reader above its cursor finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxRow {
    /// A notification at its last change.
    Notification(Arc<News>),
    /// Everything up to `up_to` was marked read in one go, at `number`.
    AllRead {
        /// The number of the mark itself.
        number: Number,
        /// Covers notifications up to this number.
        up_to: Number,
        /// When it was done.
        at: Timestamp,
    },
}

impl InboxRow {
    /// Gives the row's place on the feed.
    pub fn number(&self) -> Number {
        match self {
            Self::Notification(notification) => notification.changed,
            Self::AllRead { number, .. } => *number,
        }
    }
}

/// What a commit did to an inbox feed: the content of a nudge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxChange {
    /// A notification became visible.
    Published(Arc<Notification>),
    /// A notification was read.
    Read {
        /// Which one.
        id: NotificationId,
        /// When.
        at: Timestamp,
    },
    /// A notification was deleted.
    Deleted {
        /// Which one.
        id: NotificationId,
    },
    /// All were read.
    AllRead {
        /// Covers notifications up to this number.
        up_to: Number,
        /// When.
        at: Timestamp,
    },
}
