//! Late news about a delivery: a provider's reports and a device's receipts.
//!
//! They come twice, late and out of order (Twilio's documents say so), so what has ended stays as
//! it ended, and nothing goes back.

use crate::channel::DeliveryState;
use crate::plan::Reason;

/// How a provider says that a message stands; the words are Twilio's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Report {
    /// It was taken.
    Accepted,
    /// It is kept for a time that was asked for.
    Scheduled,
    /// It waits at the provider.
    Queued,
    /// It is being passed on.
    Sending,
    /// The next carrier took it.
    Sent,
    /// Some of its parts arrived.
    PartiallyDelivered,
    /// It arrived.
    Delivered,
    /// It was opened.
    Read,
    /// It did not arrive.
    Undelivered,
    /// It could not be sent.
    Failed,
    /// It was stopped at the provider.
    Canceled,
}

impl Report {
    /// Every report, from the first that can come to the last.
    pub const ALL: [Report; 11] = [
        Self::Accepted,
        Self::Scheduled,
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::PartiallyDelivered,
        Self::Delivered,
        Self::Read,
        Self::Undelivered,
        Self::Failed,
        Self::Canceled,
    ];

    /// Names the report as providers spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::PartiallyDelivered => "partially_delivered",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Reads the name; words about messages that came in (`receiving`, `received`) are none.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|report| report.as_str() == text)
    }

    /// Says how a delivery stands of which this is the newest report, and why.
    pub const fn state(self) -> (DeliveryState, Reason) {
        match self {
            Self::Delivered | Self::Read => (DeliveryState::Delivered, Reason::Reported),
            Self::Undelivered | Self::Failed | Self::Canceled => {
                (DeliveryState::Failed, Reason::Undelivered)
            }
            _ => (DeliveryState::Sent, Reason::Accepted),
        }
    }
}

/// What a device says about a push that reached it (contract 3, `/receipts/{signed}`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Receipt {
    /// It arrived.
    Delivered,
    /// It was shown.
    Shown,
    /// It was clicked.
    Clicked,
    /// It was dismissed.
    Dismissed,
}

impl Receipt {
    /// Every receipt.
    pub const ALL: [Receipt; 4] = [Self::Delivered, Self::Shown, Self::Clicked, Self::Dismissed];

    /// Names the receipt as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Shown => "shown",
            Self::Clicked => "clicked",
            Self::Dismissed => "dismissed",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|receipt| receipt.as_str() == text)
    }

    /// Says how a delivery stands that a device reported, and why: each receipt says that it
    /// arrived.
    pub const fn state(self) -> (DeliveryState, Reason) {
        (DeliveryState::Delivered, Reason::Receipt)
    }
}

/// Brings news to a delivery: its new state, or nothing when the news change nothing.
///
/// What has ended (`delivered`, `failed`, `skipped`) stays, and nothing goes back from `sent`. News
/// may come before the answer to the attempt was stored, so they may find it `queued`.
pub const fn apply(current: DeliveryState, news: DeliveryState) -> Option<DeliveryState> {
    use DeliveryState::{Delivered, Failed, Held, Queued, Sent, Skipped};
    match (current, news) {
        (Delivered | Failed | Skipped, _) => None,
        (Queued | Held, Sent | Delivered | Failed) => Some(news),
        (Sent, Delivered | Failed) => Some(news),
        _ => None,
    }
}
