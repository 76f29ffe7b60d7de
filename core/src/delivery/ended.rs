//! What follows an attempt: done, another one and when, or given up.
//!
//! Randomness comes in as bits, so that a decision can be repeated exactly.

use crate::channel::Channel;
use crate::plan::Reason;
use crate::time::Timestamp;

/// The longest wait that a provider is granted, in milliseconds: a day. One that asks for more is
/// asked again then, so that no answer can bury a delivery.
pub const AFTER_MAX_MS: i64 = 86_400_000;

/// How an attempt ended, as every provider's answers are brought to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The provider took it.
    Sent,
    /// The address is no more.
    Gone,
    /// The recipient does not want it.
    OptedOut,
    /// It will never be taken; the address stays.
    Refused,
    /// It was not taken now.
    Later {
        /// Milliseconds that the provider asked to wait.
        after_ms: Option<i64>,
    },
    /// It was sent and no answer came: it may have been taken.
    Unknown,
    /// Our credentials or settings are refused until an operator mends them.
    Broken,
    /// It was not tried: limits, or an open circuit, kept it back.
    NotTried {
        /// Milliseconds until it may be tried.
        after_ms: i64,
    },
}

impl Ended {
    /// Says whether the provider was asked at all.
    pub const fn is_attempt(self) -> bool {
        !matches!(self, Self::NotTried { .. })
    }
}

/// How often, and how soon, a delivery is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, from 1.
    pub attempts_max: u32,
    /// The shortest wait after the first attempt, in milliseconds; it doubles with each one.
    pub base_ms: i64,
    /// The longest wait, in milliseconds.
    pub cap_ms: i64,
}

impl Default for RetryPolicy {
    /// Firebase wants ten seconds before a retry and an end after about an hour: these eight
    /// attempts take 21 to 42 minutes.
    fn default() -> Self {
        Self { attempts_max: 8, base_ms: 10_000, cap_ms: 3_600_000 }
    }
}

impl RetryPolicy {
    /// Gives the wait after the attempt of this number, from 1: between half of the back-off and
    /// all of it, by the random bits, so that the first is never shorter than `base_ms`.
    fn back_off_ms(&self, attempt: u32, jitter: u64) -> i64 {
        let doubled = 1_i64.checked_shl(attempt.min(62)).unwrap_or(i64::MAX);
        let full = self.base_ms.max(1).saturating_mul(doubled).min(self.cap_ms.max(1));
        let half = full / 2;
        half + share(full - half, jitter)
    }
}

/// Picks from 0 to `most`, both included.
pub(super) fn share(most: i64, bits: u64) -> i64 {
    let choices = u64::try_from(most).unwrap_or(0) + 1;
    i64::try_from(bits % choices).unwrap_or(0)
}

/// The delivery whose attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// On which channel.
    pub channel: Channel,
    /// How often it had been tried before.
    pub attempts_before: u32,
    /// From then on nobody wants it.
    pub expires_at: Option<Timestamp>,
    /// When the attempt ended.
    pub now: Timestamp,
}

/// What becomes of the address that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressFate {
    /// It stays.
    Kept,
    /// It is removed: the provider said that it is no more.
    Removed,
    /// It is suppressed: nothing goes there until the recipient opts in again.
    Suppressed,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnEnded {
    /// The delivery is `sent`.
    Sent,
    /// The delivery stays `queued` and is due again.
    Retry {
        /// After now.
        at: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// The delivery is `failed`, and what waits for it becomes due.
    Fail {
        /// Why.
        reason: Reason,
        /// What becomes of the address.
        address: AddressFate,
    },
}

/// Decides what follows an attempt.
///
/// What may succeed later is tried again after a back-off with jitter, never sooner than the
/// provider asked, unless the attempts are used up or the notification has expired by then. What
/// was kept back counts as no attempt.
///
/// An attempt without answer is repeated, although the provider may have taken it: a device shows
/// one of two pushes with the same tag, and a second e-mail harms less than none. A text message
/// costs money each time, so it is repeated only when it was the first attempt.
pub fn on_ended(ended: Ended, tried: Tried, policy: RetryPolicy, jitter: u64) -> OnEnded {
    let fail = |reason, address| OnEnded::Fail { reason, address };
    let attempt = tried.attempts_before.saturating_add(1);
    let again = |reason, after_ms: Option<i64>| {
        if attempt >= policy.attempts_max {
            return fail(Reason::Exhausted, AddressFate::Kept);
        }
        let asked = after_ms.map_or(0, |after_ms| spread(after_ms, jitter));
        retry(tried, policy.back_off_ms(attempt, jitter).max(asked), reason)
    };
    match ended {
        Ended::Sent => OnEnded::Sent,
        Ended::Gone => fail(Reason::AddressGone, AddressFate::Removed),
        Ended::OptedOut => fail(Reason::OptedOut, AddressFate::Suppressed),
        Ended::Refused => fail(Reason::Refused, AddressFate::Kept),
        Ended::Later { after_ms } => again(Reason::TryLater, after_ms),
        Ended::Broken => again(Reason::Broken, None),
        Ended::Unknown if tried.channel == Channel::Sms && tried.attempts_before > 0 => {
            fail(Reason::NoAnswer, AddressFate::Kept)
        }
        Ended::Unknown => again(Reason::NoAnswer, None),
        Ended::NotTried { after_ms } => {
            retry(tried, spread(after_ms, jitter).max(1), Reason::KeptBack)
        }
    }
}

/// Adds up to a tenth, so that those who were told the same time do not all come back at it.
fn spread(after_ms: i64, jitter: u64) -> i64 {
    let after_ms = after_ms.clamp(0, AFTER_MAX_MS);
    after_ms + share(after_ms / 10, jitter)
}

fn retry(tried: Tried, wait_ms: i64, reason: Reason) -> OnEnded {
    let at = tried.now.plus_ms(wait_ms.max(1));
    if tried.expires_at.is_some_and(|expires_at| expires_at <= at) {
        return OnEnded::Fail { reason: Reason::Expired, address: AddressFate::Kept };
    }
    OnEnded::Retry { at, reason }
}
