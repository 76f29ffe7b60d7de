//! Why a channel stands as it does, in words that are stored and shown.
//!
//! Each reason that follows from the contract's order of say names its rule. The words are a
//! closed list: records keep them, so one may be added but never respelled.

use crate::channel::Channel;

/// Why a channel stands as it does; `rule` is the place in the contract's order of say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Rule 2: the request named it.
    Requested,
    /// Rule 2: the request named none, and its template named it.
    InTemplate,
    /// Rule 2: nothing was named, and it is one of the two that are always tried.
    ByDefault,
    /// Rule 2: nothing was named, the priority allows it, and a preference asks for it.
    Wished,
    /// Rule 1: the recipient told the provider or us to stop.
    OptedOut,
    /// Rule 1: the address is on the list of those that are not to be used.
    Suppressed,
    /// Rule 1: its owner switched the channel off as a whole.
    SwitchedOff,
    /// Rule 3: a preference switches it off for this kind or topic.
    PreferredOff,
    /// Rule 3: the recipient is not to be disturbed until then.
    DoNotDisturb,
    /// Rule 3: the recipient's quiet hours last until then.
    QuietHours,
    /// Rule 4: no provider is configured for it, so it has nowhere to go.
    NotConfigured,
    /// Rule 4: the recipient has no address on it, so it has nowhere to go.
    NoAddress,
    /// Rule 4: a device is connected and has ten seconds to confirm.
    AfterWebsocket,
    /// Rule 4: `push` stands before it.
    WaitsForPush,
    /// Rule 4: `sms` stands before it.
    WaitsForSms,
    /// Rule 4: `email` stands before it.
    WaitsForEmail,
    /// Rule 4: it goes out then, unless the notification has been read.
    UnlessRead,
    /// Rule 4: a channel before it took or delivered the notification.
    NotNeeded,
    /// Rule 4: a device confirmed the notification on its live connection.
    Confirmed,
    /// Rule 5: it expired before it arrived.
    Expired,
    /// Rule 5: its owner read it.
    Read,
    /// Rule 5: its owner, or a recall, removed it from the inbox.
    Deleted,
    /// Rule 5: its sender stopped it.
    Canceled,
    /// Rule 5: a later notification took the place of its own.
    Replaced,
    /// The provider took it, which is not yet a delivery.
    Accepted,
    /// The provider reported that it arrived.
    Reported,
    /// A device reported that it arrived.
    Receipt,
    /// The provider did not take it now.
    TryLater,
    /// It was sent and no answer came: it may have been taken.
    NoAnswer,
    /// The provider refuses our credentials or settings until an operator mends them.
    Broken,
    /// The provider's limits, or its open circuit, kept it from being tried.
    KeptBack,
    /// The provider says that the address is no more.
    AddressGone,
    /// The provider will never take it.
    Refused,
    /// It was tried as often as the settings allow.
    Exhausted,
    /// The provider took it and reported later that it did not arrive.
    Undelivered,
    /// An admin had it tried once more.
    Replayed,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 36] = [
        Self::Requested,
        Self::InTemplate,
        Self::ByDefault,
        Self::Wished,
        Self::OptedOut,
        Self::Suppressed,
        Self::SwitchedOff,
        Self::PreferredOff,
        Self::DoNotDisturb,
        Self::QuietHours,
        Self::NotConfigured,
        Self::NoAddress,
        Self::AfterWebsocket,
        Self::WaitsForPush,
        Self::WaitsForSms,
        Self::WaitsForEmail,
        Self::UnlessRead,
        Self::NotNeeded,
        Self::Confirmed,
        Self::Expired,
        Self::Read,
        Self::Deleted,
        Self::Canceled,
        Self::Replaced,
        Self::Accepted,
        Self::Reported,
        Self::Receipt,
        Self::TryLater,
        Self::NoAnswer,
        Self::Broken,
        Self::KeptBack,
        Self::AddressGone,
        Self::Refused,
        Self::Exhausted,
        Self::Undelivered,
        Self::Replayed,
    ];

    /// Says the reason in words, as answers and records show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::InTemplate => "in the template",
            Self::ByDefault => "by default",
            Self::Wished => "wished for",
            Self::OptedOut => "opted out",
            Self::Suppressed => "suppressed",
            Self::SwitchedOff => "channel switched off",
            Self::PreferredOff => "switched off in preferences",
            Self::DoNotDisturb => "do not disturb",
            Self::QuietHours => "quiet hours",
            Self::NotConfigured => "not configured",
            Self::NoAddress => "no address",
            Self::AfterWebsocket => "after websocket",
            Self::WaitsForPush => "waits for push to fail",
            Self::WaitsForSms => "waits for sms to fail",
            Self::WaitsForEmail => "waits for email to fail",
            Self::UnlessRead => "unless read",
            Self::NotNeeded => "an earlier channel took it",
            Self::Confirmed => "confirmed by a device",
            Self::Expired => "expired",
            Self::Read => "read",
            Self::Deleted => "deleted",
            Self::Canceled => "canceled",
            Self::Replaced => "a later one took its place",
            Self::Accepted => "taken by the provider",
            Self::Reported => "delivered, says the provider",
            Self::Receipt => "reported by a device",
            Self::TryLater => "tried again later",
            Self::NoAnswer => "no answer from the provider",
            Self::Broken => "credentials or settings refused",
            Self::KeptBack => "kept back",
            Self::AddressGone => "address gone",
            Self::Refused => "refused by the provider",
            Self::Exhausted => "attempts exhausted",
            Self::Undelivered => "not delivered, says the provider",
            Self::Replayed => "replayed",
        }
    }

    /// Reads the words.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// Gives the number in the contract's order of say, 1 to 5; none for what a provider or a
    /// device said.
    pub const fn rule(self) -> Option<u8> {
        match self {
            Self::OptedOut | Self::Suppressed | Self::SwitchedOff => Some(1),
            Self::Requested | Self::InTemplate | Self::ByDefault | Self::Wished => Some(2),
            Self::PreferredOff | Self::DoNotDisturb | Self::QuietHours => Some(3),
            Self::NotConfigured
            | Self::NoAddress
            | Self::AfterWebsocket
            | Self::WaitsForPush
            | Self::WaitsForSms
            | Self::WaitsForEmail
            | Self::UnlessRead
            | Self::NotNeeded
            | Self::Confirmed => Some(4),
            Self::Expired | Self::Read | Self::Deleted | Self::Canceled | Self::Replaced => Some(5),
            Self::Accepted
            | Self::Reported
            | Self::Receipt
            | Self::TryLater
            | Self::NoAnswer
            | Self::Broken
            | Self::KeptBack
            | Self::AddressGone
            | Self::Refused
            | Self::Exhausted
            | Self::Undelivered
            | Self::Replayed => None,
        }
    }

    /// Says what a channel waits for that stands behind `before`.
    pub const fn waits_for(before: Channel) -> Self {
        match before {
            Channel::Websocket => Self::AfterWebsocket,
            Channel::Push => Self::WaitsForPush,
            Channel::Sms => Self::WaitsForSms,
            Channel::Email => Self::WaitsForEmail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back_from_its_own_words() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
            assert!(!reason.as_str().contains('\n'), "a plan is stored line by line");
        }
        assert_eq!(Reason::parse("because"), None);
    }

    #[test]
    fn a_wait_names_what_it_waits_for() {
        for channel in Channel::ALL {
            assert!(Reason::waits_for(channel).as_str().contains(channel.as_str()));
            assert_eq!(Reason::waits_for(channel).rule(), Some(4));
        }
    }
}
