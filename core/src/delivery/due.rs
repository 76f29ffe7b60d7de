//! The look that a worker takes before each attempt, and what the end of one channel means for
//! the next.

use crate::channel::{Channel, DeliveryState};
use crate::notification::Priority;
use crate::plan::{Place, Reason, Strategy, Way, say};
use crate::preference::Resolved;
use crate::time::Timestamp;

/// How long a text message that its provider took may still be reported as not delivered, in
/// milliseconds: a sender's queue at Twilio fails what has waited for ten hours, and a quarter of an
/// hour is left to hear of it.
pub const SMS_REPORT_WAIT_MS: i64 = 10 * 3_600_000 + 15 * 60_000;

/// How a channel before this one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Its state.
    pub state: DeliveryState,
    /// When it last went out; when it is due, if it has not.
    pub at: Timestamp,
}

/// What is known, now, of a delivery that is due.
#[derive(Debug, Clone, Copy)]
pub struct DueView<'a> {
    /// On which channel.
    pub channel: Channel,
    /// How urgent the notification is.
    pub priority: Priority,
    /// How the channels of its plan follow each other.
    pub strategy: Strategy,
    /// Milliseconds without a read after which a fallback goes on.
    pub escalate_after_ms: Option<i64>,
    /// Where the channel stands in its plan; see [`crate::plan::place_of`].
    pub place: Place,
    /// How the nearest place before it stands of those that were neither skipped nor failed.
    pub before: Option<Before>,
    /// How often it was tried.
    pub attempts: u32,
    /// When the notification was accepted.
    pub created_at: Timestamp,
    /// From then on nobody wants it.
    pub expires_at: Option<Timestamp>,
    /// When it was read.
    pub read_at: Option<Timestamp>,
    /// When a device first confirmed it on its live connection.
    pub delivered_at: Option<Timestamp>,
    /// Whether its owner, or a recall, removed it.
    pub is_deleted: bool,
    /// Whether its sender stopped it.
    pub is_canceled: bool,
    /// Whether another notification took its place since the delivery was planned.
    pub is_replaced: bool,
    /// What the recipient's preferences say of this kind and topic.
    pub preferences: &'a Resolved,
    /// How the channel leads to the recipient.
    pub way: Way,
    /// The time of the decision.
    pub now: Timestamp,
}

/// What to do with a delivery that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDue {
    /// Make an attempt.
    Try,
    /// Look again then: the delivery is `held`.
    Hold {
        /// After now.
        until: Timestamp,
        /// Which rule says so.
        reason: Reason,
    },
    /// Do not try it, or not again: the delivery is `skipped`.
    Skip(Reason),
    /// Give up what was tried: the delivery is `failed`.
    Fail(Reason),
}

/// Decides what to do with a delivery that is due, by what holds now and not when it was planned.
///
/// In the order of say: opt-outs, preferences and a missing address end it (rules 1, 3, 4); then
/// what ends the whole plan does (rule 5: read, deleted, canceled, replaced, expired), for every strategy and
/// priority; then do-not-disturb and quiet hours put it off (rule 3), retries included; then a
/// fallback looks at what stands before it (rule 4). Nothing goes out after a read.
///
/// A device's confirmation stops a fallback that does not escalate, except on the first channel of
/// a plan in which no `websocket` stands before it: there the sender asked for that very channel.
/// With the strategy `all` every channel goes out although a device confirmed: contract 3 lets only
/// expiry, cancel and read end that plan.
pub fn on_due(view: &DueView<'_>) -> OnDue {
    if let Some(reason) = say::forbidden(view.channel, view.priority, view.way, view.preferences) {
        return OnDue::Skip(reason);
    }
    if let Some(ended) = plan_ended(view) {
        return ended;
    }
    if let Some((until, reason)) = say::held(view.priority, view.preferences, view.now) {
        return hold(view, until, reason);
    }
    match view.strategy {
        Strategy::All => OnDue::Try,
        Strategy::Fallback => in_turn(view),
    }
}

fn plan_ended(view: &DueView<'_>) -> Option<OnDue> {
    if view.is_canceled {
        Some(OnDue::Skip(Reason::Canceled))
    } else if view.is_deleted {
        Some(OnDue::Skip(Reason::Deleted))
    } else if view.is_replaced {
        Some(OnDue::Skip(Reason::Replaced))
    } else if view.read_at.is_some() {
        Some(OnDue::Skip(Reason::Read))
    } else if view.expires_at.is_some_and(|at| at <= view.now) {
        Some(expired(view))
    } else {
        None
    }
}

/// What would go out only when it has expired is not waited for.
fn hold(view: &DueView<'_>, until: Timestamp, reason: Reason) -> OnDue {
    match view.expires_at {
        Some(expires_at) if expires_at <= until => expired(view),
        _ => OnDue::Hold { until, reason },
    }
}

/// What was tried has failed, what was not is skipped.
fn expired(view: &DueView<'_>) -> OnDue {
    if view.attempts == 0 { OnDue::Skip(Reason::Expired) } else { OnDue::Fail(Reason::Expired) }
}

fn in_turn(view: &DueView<'_>) -> OnDue {
    match view.escalate_after_ms {
        None => without_escalation(view),
        Some(after_ms) => {
            let taken_at = match view.place {
                Place::First => None,
                Place::BehindLive => view.delivered_at.map(|_| view.created_at),
                Place::Behind(_) => view.before.filter(|b| !is_lost(b.state)).map(|b| b.at),
            };
            match taken_at.map(|at| at.plus_ms(after_ms.max(0))) {
                Some(until) if until > view.now => hold(view, until, Reason::UnlessRead),
                _ => OnDue::Try,
            }
        }
    }
}

fn without_escalation(view: &DueView<'_>) -> OnDue {
    let is_taken =
        |before: Before| matches!(before.state, DeliveryState::Sent | DeliveryState::Delivered);
    if view.place != Place::First && view.delivered_at.is_some() {
        OnDue::Skip(Reason::Confirmed)
    } else if view.before.is_some_and(is_taken) {
        OnDue::Skip(Reason::NotNeeded)
    } else {
        OnDue::Try
    }
}

const fn is_lost(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Failed | DeliveryState::Skipped)
}

/// What the new state of a delivery means for those of the same notification's later places that
/// wait without a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Next {
    /// They go on waiting.
    #[default]
    Wait,
    /// Those of the nearest later place that is open are due now, also those that are queued for
    /// later and were not tried yet; unless another delivery of this place is still queued or held,
    /// or was sent or delivered.
    DueNow,
    /// Those of the nearest later place that is open are due then, where they have no time yet.
    DueAt(Timestamp),
    /// All of them are skipped, for this reason; so are those of a fallback that does not escalate
    /// that wait for a time: they wait for this place alone.
    Skip(Reason),
}

/// Decides what the new state of a channel in a fallback means for the next one, which waits for
/// it without a time of its own.
///
/// `sent` is the last word of a push service and of a mail server, so nothing needs to follow it.
/// A text message may still be reported as not delivered: what waits for one is looked at when
/// no such report can come any more.
pub fn next(channel: Channel, state: DeliveryState, now: Timestamp) -> Next {
    match (state, channel) {
        (DeliveryState::Failed | DeliveryState::Skipped, _) => Next::DueNow,
        (DeliveryState::Delivered, _) => Next::Skip(Reason::NotNeeded),
        (DeliveryState::Sent, Channel::Sms) => Next::DueAt(now.plus_ms(SMS_REPORT_WAIT_MS)),
        (DeliveryState::Sent, _) => Next::Skip(Reason::NotNeeded),
        (DeliveryState::Queued | DeliveryState::Held, _) => Next::Wait,
    }
}
