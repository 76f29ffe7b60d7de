//! Channels and the words that say how a delivery on one stands (`docs/glossary.md`).

use std::fmt;

/// A way to reach a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A live connection: WebSocket, SSE or Socket.IO.
    Websocket,
    /// Web Push, FCM or APNs.
    Push,
    /// A text message.
    Sms,
    /// E-mail.
    Email,
}

impl Channel {
    /// Every channel, in the order in which they are tried.
    pub const ALL: [Channel; 4] = [Self::Websocket, Self::Push, Self::Sms, Self::Email];

    /// Names the channel as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Push => "push",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the delivery of one notification on one channel stands (contract 3, "Words").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Under way, or waiting for a device to connect.
    Queued,
    /// Waits for a time that a rule named.
    Held,
    /// The provider took it.
    Sent,
    /// A device confirmed it.
    Delivered,
    /// Never tried, for a reason.
    Skipped,
    /// Tried, and given up for a reason.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [DeliveryState; 6] =
        [Self::Queued, Self::Held, Self::Sent, Self::Delivered, Self::Skipped, Self::Failed];

    /// Names the state as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}
