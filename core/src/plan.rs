//! The routing plan: which channels a notification takes, when, and why (contract 3, order of say).
//!
//! A pure function returns every channel with its state, its time and the rule that decided it. It
//! must never try anything itself; the plan is carried out elsewhere, and looked at again with
//! [`crate::delivery::on_due`] each time before something goes out.

mod chain;
mod reason;
pub(crate) mod say;
mod strategy;
#[cfg(test)]
mod tests;

pub use chain::{Place, WEBSOCKET_GRACE_MS, place_of};
pub use reason::Reason;
pub use strategy::Strategy;

use crate::channel::{Channel, DeliveryState};
use crate::notification::Priority;
use crate::preference::Resolved;
use crate::time::Timestamp;

/// One channel of a plan, as a notification keeps and shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The channel.
    pub channel: Channel,
    /// How it stands.
    pub state: DeliveryState,
    /// Why it stands so.
    pub reason: Reason,
}

/// One channel of a plan with its time, as the outbox keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// The channel.
    pub channel: Channel,
    /// How it stands.
    pub state: DeliveryState,
    /// Why it stands so.
    pub reason: Reason,
    /// When it is to be tried; nothing for `websocket`, for what is skipped, and for what waits
    /// until a channel before it fails.
    pub due_at: Option<Timestamp>,
}

impl Planned {
    /// Gives the part that the notification keeps.
    pub const fn step(self) -> Step {
        Step { channel: self.channel, state: self.state, reason: self.reason }
    }
}

/// Why a person is not to be reached on a channel, whatever the priority (rule 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// They told the provider or us to stop.
    OptedOut,
    /// The address bounced or was complained about.
    Suppressed,
}

/// How one channel leads to one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Way {
    /// Whether a provider for it is configured on this server.
    pub is_configured: bool,
    /// Whether the person has an address on it: a device, a number, a mailbox.
    pub has_address: bool,
    /// Whether it must not be used, though there may be an address.
    pub refusal: Option<Refusal>,
}

impl Way {
    /// Leads there.
    pub const OPEN: Self = Self { is_configured: true, has_address: true, refusal: None };
}

/// How each channel leads to one person; `websocket` always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    ways: [Way; Channel::ALL.len()],
}

impl Reach {
    /// Asks for each channel how it leads to the person.
    pub fn of(way: impl FnMut(Channel) -> Way) -> Self {
        Self { ways: Channel::ALL.map(way) }
    }

    /// Gives the way of one channel.
    pub const fn way(&self, channel: Channel) -> Way {
        self.ways[channel as usize]
    }
}

/// What the plan is decided from.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// The request's channels, in its order; empty when it named none.
    pub requested: &'a [Channel],
    /// The template's channels, in its order; empty when it names none or there is no template.
    pub template: &'a [Channel],
    /// How urgent it is.
    pub priority: Priority,
    /// One channel after the other or all at once; by priority where it is not given.
    pub strategy: Option<Strategy>,
    /// Milliseconds without a read after which a fallback goes on to the next channel although
    /// the one before did not fail; a strategy of all at once has no use for it.
    pub escalate_after_ms: Option<i64>,
    /// How each channel leads to the recipient.
    pub reach: &'a Reach,
    /// What the recipient's preferences say of this kind and topic.
    pub preferences: &'a Resolved,
    /// Whether a device of the recipient is connected.
    pub is_online: bool,
    /// The time of the decision.
    pub now: Timestamp,
    /// From then on nobody wants it.
    pub expires_at: Option<Timestamp>,
}

impl Route<'_> {
    /// Says which strategy holds.
    pub fn strategy(&self) -> Strategy {
        Strategy::of(self.strategy, self.priority)
    }
}

/// Decides the channels of a notification, once each, in the order in which they were named.
///
/// 1. Opt-outs, suppressions and a channel that its owner switched off as a whole skip it, for
///    every priority.
/// 2. The channels are the request's, else the template's, else `websocket` and `push`. A
///    priority by itself adds no channel: what `high` allows somebody still has to name. So where
///    nothing is named, `sms` and `email` join at priority high and above if a preference of the
///    tenant or the user switches that very channel on, and never below.
/// 3. Preferences skip, do-not-disturb and quiet hours put off; `critical` passes them.
/// 4. Without provider or address it is skipped and the next takes its place. A fallback tries the
///    first at once (behind a connected `websocket` ten seconds later); each further one waits for
///    the one before it to fail or, with `escalate_after_ms`, is due that long after it. Otherwise
///    all are due at once.
/// 5. What would become due only when the notification has expired is skipped.
///
/// `websocket` is always queued: the inbox and the live stream get every notification whatever the
/// plan says. Every step ends: it is skipped, due at a time, or waits for one before it.
pub fn plan(route: Route<'_>) -> Vec<Planned> {
    let candidates = say::candidates(&route);
    let judged = candidates.into_iter().map(|(channel, why)| {
        let forbidden = match channel {
            Channel::Websocket => None,
            _ => {
                say::forbidden(channel, route.priority, route.reach.way(channel), route.preferences)
            }
        };
        (channel, why, forbidden)
    });
    let mut chain = chain::Chain::new(route);
    judged
        .map(|(channel, why, forbidden)| match forbidden {
            Some(reason) => chain::skipped(channel, reason),
            None => chain.next(channel, why),
        })
        .collect()
}
