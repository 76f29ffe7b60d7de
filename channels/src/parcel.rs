//! What is carried to one address: where, what, and how urgently.
//!
//! Holds values only. Texts are rendered and addresses opened before; a parcel is made for one
//! attempt and must never be logged, since its address is a secret.

use landfall_core::id::NotificationId;
use landfall_core::notification::{JsonText, Priority};
use landfall_core::time::Timestamp;
use uuid::Uuid;

/// What one attempt carries.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// The delivery that it is an attempt of: the same for each of its attempts.
    pub delivery: Uuid,
    /// The notification that it tells of.
    pub notification: NotificationId,
    /// How urgent it is.
    pub priority: Priority,
    /// After that nobody wants it; a provider that can keep it is told.
    pub expires_at: Option<Timestamp>,
    /// The time of the attempt.
    pub now: Timestamp,
    /// What, and to which address.
    pub load: Load,
}

/// What is carried, by medium, with its address.
#[derive(Debug, Clone)]
pub enum Load {
    /// To a browser.
    WebPush(Subscription, Note),
    /// To an app through Firebase.
    Fcm(FcmTarget, Note),
    /// To a phone number.
    Sms(Sms),
    /// To a mailbox.
    Email(Box<Email>),
}

/// What a load is, without what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadKind {
    /// To a browser.
    WebPush,
    /// To an app through Firebase.
    Fcm,
    /// To a phone number.
    Sms,
    /// To a mailbox.
    Email,
}

impl Load {
    /// Says what it is.
    pub const fn kind(&self) -> LoadKind {
        match self {
            Self::WebPush(..) => LoadKind::WebPush,
            Self::Fcm(..) => LoadKind::Fcm,
            Self::Sms(_) => LoadKind::Sms,
            Self::Email(_) => LoadKind::Email,
        }
    }
}

/// A browser's push subscription (W3C Push API, RFC 8291).
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Where the push service takes messages: an https URL that a user supplied.
    pub endpoint: String,
    /// The browser's P-256 public key: 65 bytes, uncompressed.
    pub p256dh: Vec<u8>,
    /// The browser's authentication secret: 16 bytes.
    pub auth: Vec<u8>,
    /// The application server key that it was made with, where it is known: 65 bytes.
    pub server_key: Option<Vec<u8>>,
}

/// An app's registration with Firebase.
#[derive(Clone, PartialEq, Eq)]
pub enum FcmTarget {
    /// A registration token.
    Token(String),
    /// A Firebase installation id, which replaces tokens.
    InstallationId(String),
}

/// What a push notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Headline.
    pub title: String,
    /// Text.
    pub body: String,
    /// Kind of news.
    pub notification_type: String,
    /// Its number on the inbox, by which the app knows what it has.
    pub replay_id: Option<String>,
    /// The app's own data: a JSON object.
    pub data: JsonText,
    /// URL of a picture.
    pub image: Option<String>,
    /// Buttons: a JSON array.
    pub actions: Option<JsonText>,
    /// Where a click leads.
    pub link: Option<String>,
    /// Language of the texts.
    pub locale: Option<String>,
    /// Where the device reports that it was shown or clicked: a signed URL.
    pub receipt_url: Option<String>,
    /// Unread notifications of the recipient's inbox, for the badge of the app.
    pub badge: Option<u64>,
    /// Notifications of one tag replace each other on the device; at most 64 characters.
    pub tag: String,
}

/// A text message.
#[derive(Clone, PartialEq, Eq)]
pub struct Sms {
    /// `+` and 7 to 15 digits.
    pub to: String,
    /// The text, at most 1,600 characters.
    pub text: String,
    /// Where the provider reports what became of it: a signed URL.
    pub callback_url: Option<String>,
}

/// An e-mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// The mailbox.
    pub to: String,
    /// The recipient's name.
    pub name: Option<String>,
    /// The subject, one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: Option<String>,
    /// Where one click ends these mails (RFC 8058); `None` for what must not be ended.
    pub unsubscribe_url: Option<String>,
}

/// Shows that there is an address without showing it.
macro_rules! secret_debug {
    ($($kind:ident),+) => {$(
        impl std::fmt::Debug for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($kind), "(…)"))
            }
        }
    )+};
}
secret_debug!(Subscription, FcmTarget, Sms, Email);
