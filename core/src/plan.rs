//! The routing plan: which channels a notification takes, and why (contract 3, order of say).
//!
//! A pure function returns every channel with its state and the rule that decided it. It must
//! never try anything itself; the plan is carried out elsewhere.

use crate::channel::{Channel, DeliveryState};
use crate::notification::Priority;

/// Why a channel stands as it does; `rule` is the place in the contract's order of say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Rule 2: the request named it.
    Requested,
    /// Rule 2: nothing was named, and it is one of the two that are always tried.
    ByDefault,
    /// Rule 4: no provider is configured for it, so it has nowhere to go.
    NotConfigured,
    /// A device confirmed it.
    Confirmed,
    /// Rule 5: it expired before anybody confirmed it.
    Expired,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 5] =
        [Self::Requested, Self::ByDefault, Self::NotConfigured, Self::Confirmed, Self::Expired];

    /// Says the reason in words, as answers and records show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::ByDefault => "by default",
            Self::NotConfigured => "not configured",
            Self::Confirmed => "confirmed by a device",
            Self::Expired => "expired",
        }
    }

    /// Reads the words.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// One channel of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The channel.
    pub channel: Channel,
    /// How it stands.
    pub state: DeliveryState,
    /// Why it stands so.
    pub reason: Reason,
}

/// What the plan is decided from.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// The request's channels, in its order; empty when it named none.
    pub requested: &'a [Channel],
    /// How urgent it is.
    pub priority: Priority,
    /// Channels that have somewhere to go on this server.
    pub configured: &'a [Channel],
}

/// Decides the channels of a notification: every channel named (or, when none is, `websocket`
/// and `push`), once each, in the order given.
///
/// The inbox and the live stream get every notification whatever the plan says; the plan speaks
/// of what is tried and reported.
pub fn plan(route: Route<'_>) -> Vec<Step> {
    let (named, why): (&[Channel], Reason) = if route.requested.is_empty() {
        (&[Channel::Websocket, Channel::Push], Reason::ByDefault)
    } else {
        (route.requested, Reason::Requested)
    };
    let mut steps: Vec<Step> = Vec::with_capacity(named.len());
    for &channel in named {
        if steps.iter().any(|step| step.channel == channel) {
            continue;
        }
        steps.push(if route.configured.contains(&channel) {
            Step { channel, state: DeliveryState::Queued, reason: why }
        } else {
            Step { channel, state: DeliveryState::Skipped, reason: Reason::NotConfigured }
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel::{Email, Push, Sms, Websocket};

    fn check(requested: &[Channel], configured: &[Channel], expected: &str) {
        let route = Route { requested, priority: Priority::Normal, configured };
        let steps: Vec<String> = plan(route)
            .iter()
            .map(|s| format!("{} {} ({})", s.channel, s.state.as_str(), s.reason.as_str()))
            .collect();
        assert_eq!(steps.join(", "), expected);
    }

    #[test]
    fn a_plan_names_every_channel_once_with_its_reason() {
        check(&[], &[Websocket], "websocket queued (by default), push skipped (not configured)");
        check(&[Websocket], &[Websocket], "websocket queued (requested)");
        check(
            &[Sms, Websocket, Sms, Email],
            &[Websocket],
            "sms skipped (not configured), websocket queued (requested), email skipped (not configured)",
        );
        check(&[Push], &[Websocket, Push], "push queued (requested)");
    }
}
