//! How the channels of a plan follow each other in time (contract 3, rules 4 and 5).
//!
//! Only channels that have somewhere to go come here; what rules 1 to 3 say is settled before,
//! except for how long they put a channel off.

use super::say::held;
use super::{Planned, Reason, Route, Step, Strategy};
use crate::channel::{Channel, DeliveryState};
use crate::time::Timestamp;

/// How long a connected device has to confirm before the channel behind `websocket` goes out, in
/// milliseconds (contract 3, rule 4).
pub const WEBSOCKET_GRACE_MS: i64 = 10_000;

/// Where a channel stands in a fallback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// Nothing stands before it.
    First,
    /// `websocket` alone stands before it.
    BehindLive,
    /// Another channel that leads out of the server stands before it.
    Behind(Channel),
}

/// Says where a channel stands among a notification's steps; what was skipped has no place.
pub fn place_of(channel: Channel, steps: &[Step]) -> Place {
    let before = steps.iter().take_while(|step| step.channel != channel);
    let stands = |step: &&Step| step.state != DeliveryState::Skipped;
    match before.filter(stands).map(|step| step.channel).fold(None, nearest) {
        None => Place::First,
        Some(Channel::Websocket) => Place::BehindLive,
        Some(other) => Place::Behind(other),
    }
}

/// A live connection between two other channels holds nothing up: it was served at once.
fn nearest(before: Option<Channel>, next: Channel) -> Option<Channel> {
    match (before, next) {
        (Some(other), Channel::Websocket) => Some(other),
        (_, next) => Some(next),
    }
}

pub(super) const fn skipped(channel: Channel, reason: Reason) -> Planned {
    Planned { channel, state: DeliveryState::Skipped, reason, due_at: None }
}

/// Gives each channel its time, in the order of the plan.
pub(super) struct Chain<'a> {
    route: Route<'a>,
    is_behind_live: bool,
    /// The last channel that leads out of the server, and when it is due.
    before: Option<(Channel, Option<Timestamp>)>,
}

impl<'a> Chain<'a> {
    pub(super) fn new(route: Route<'a>) -> Self {
        Self { route, is_behind_live: false, before: None }
    }

    pub(super) fn next(&mut self, channel: Channel, why: Reason) -> Planned {
        if channel == Channel::Websocket {
            self.is_behind_live = true;
            return Planned { channel, state: DeliveryState::Queued, reason: why, due_at: None };
        }
        let planned = match self.turn(why) {
            Some((at, reason)) => self.timed(channel, at, reason),
            None => self.waiting(channel),
        };
        if planned.state != DeliveryState::Skipped {
            self.before = Some((channel, planned.due_at));
        }
        planned
    }

    /// Says when it would be the next channel's turn; nothing when only a failure makes it so.
    fn turn(&self, why: Reason) -> Option<(Timestamp, Reason)> {
        let now = self.route.now;
        if self.route.strategy() == Strategy::All {
            return Some((now, why));
        }
        match (self.before, self.route.escalate_after_ms) {
            (None, _) if self.is_behind_live && self.route.is_online => {
                Some((now.plus_ms(WEBSOCKET_GRACE_MS), Reason::AfterWebsocket))
            }
            (None, _) => Some((now, why)),
            (Some((_, Some(due))), Some(after_ms)) => {
                Some((due.plus_ms(after_ms.max(0)), Reason::UnlessRead))
            }
            (Some(_), _) => None,
        }
    }

    fn timed(&self, channel: Channel, at: Timestamp, why: Reason) -> Planned {
        let hold = held(self.route.priority, self.route.preferences, at);
        let (due, state, reason) = match hold {
            Some((until, reason)) => (until, DeliveryState::Held, reason),
            None => (at, DeliveryState::Queued, why),
        };
        if self.route.expires_at.is_some_and(|expires_at| expires_at <= due) {
            return skipped(channel, Reason::Expired);
        }
        Planned { channel, state, reason, due_at: Some(due) }
    }

    fn waiting(&self, channel: Channel) -> Planned {
        let before = self.before.map_or(Channel::Websocket, |(before, _)| before);
        let reason = Reason::waits_for(before);
        Planned { channel, state: DeliveryState::Queued, reason, due_at: None }
    }
}
