//! When a provider is asked what became of a text message that it took, where its report has not
//! come: it was lost, or nobody could bring it.
//!
//! Asking is bounded in number and in time. Must never depend on what waits behind the message.

use super::ended::{AFTER_MAX_MS, share};
use crate::channel::{Channel, DeliveryState};
use crate::time::Timestamp;

/// When a message is asked for, in milliseconds after it was taken: most reports come within
/// seconds, a sender's queue at Twilio fails what has waited for ten hours, and carriers say nothing
/// more after a day.
pub const ASK_AFTER_MS: [i64; 5] =
    [15 * 60_000, 3_600_000, 4 * 3_600_000, 10 * 3_600_000, 24 * 3_600_000];

/// How long a question that was not answered is let rest, in milliseconds.
const REST_MS: i64 = 5 * 60_000;

/// How a question ended that told no end of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The provider has no more to say: the message is on its way, or it does not know it.
    OnItsWay,
    /// It was not answered, or not asked.
    Unanswered {
        /// As long as the provider asked to be left alone, in milliseconds.
        after_ms: Option<i64>,
    },
}

/// Says when a delivery is first asked for that stands so since `at`; only a text message that was
/// taken ever is.
pub fn ask_first(channel: Channel, state: DeliveryState, at: Timestamp) -> Option<Timestamp> {
    let is_taken = (channel, state) == (Channel::Sms, DeliveryState::Sent);
    is_taken.then(|| at.plus_ms(ASK_AFTER_MS[0]))
}

/// Says when to ask again for a message that was taken at `taken`; never again once it was asked
/// for at the last of the times.
///
/// A question that was not answered is repeated after five minutes and up to one more, not sooner
/// than the provider asked, and at the last of the times in any case.
pub fn ask_again(taken: Timestamp, now: Timestamp, asked: Asked, jitter: u64) -> Option<Timestamp> {
    let mut times = ASK_AFTER_MS.into_iter().map(|after_ms| taken.plus_ms(after_ms));
    match asked {
        Asked::OnItsWay => times.find(|at| *at > now),
        Asked::Unanswered { after_ms } => {
            let last = times.next_back().filter(|last| *last > now)?;
            let rest_ms = REST_MS + share(REST_MS / 5, jitter);
            let asked_ms = after_ms.map_or(0, |after_ms| after_ms.clamp(0, AFTER_MAX_MS));
            Some(now.plus_ms(rest_ms.max(asked_ms)).min(last))
        }
    }
}
