//! What follows an attempt, by table and for any numbers.

use proptest::prelude::*;

use crate::channel::Channel;
use crate::delivery::{AFTER_MAX_MS, AddressFate, Ended, OnEnded, RetryPolicy, Tried, on_ended};
use crate::plan::Reason;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

fn tried(attempts_before: u32) -> Tried {
    Tried { channel: Channel::Push, attempts_before, expires_at: None, now: NOW }
}

fn failed(reason: Reason, address: AddressFate) -> OnEnded {
    OnEnded::Fail { reason, address }
}

/// Gives the wait that a retry was given, or fails.
fn wait(ended: OnEnded, expected: Reason) -> i64 {
    match ended {
        OnEnded::Retry { at, reason } if reason == expected => at.as_ms() - NOW.as_ms(),
        other => panic!("a retry was expected, not {other:?}"),
    }
}

#[test]
fn what_a_provider_settles_is_settled() {
    let check = |ended: Ended, expected: OnEnded| {
        assert_eq!(on_ended(ended, tried(0), RetryPolicy::default(), 0), expected);
    };
    check(Ended::Sent, OnEnded::Sent);
    check(Ended::Gone, failed(Reason::AddressGone, AddressFate::Removed));
    check(Ended::OptedOut, failed(Reason::OptedOut, AddressFate::Suppressed));
    check(Ended::Refused, failed(Reason::Refused, AddressFate::Kept));
}

#[test]
fn the_back_off_doubles_up_to_its_cap() {
    let policy = RetryPolicy { attempts_max: 100, ..RetryPolicy::default() };
    let range = |attempts_before| {
        let later = Ended::Later { after_ms: None };
        let wait = |jitter| {
            wait(on_ended(later, tried(attempts_before), policy, jitter), Reason::TryLater)
        };
        // The bits pick from half of the back-off to all of it.
        (wait(0), wait(policy.cap_ms as u64 / 2))
    };
    assert_eq!(range(0).0, 10_000);
    assert_eq!(range(1).0, 20_000);
    assert_eq!(range(2).0, 40_000);
    assert_eq!(range(20), (1_800_000, 3_600_000));
    assert_eq!(range(98), (1_800_000, 3_600_000));
}

#[test]
fn a_provider_is_not_asked_before_it_said() {
    let later = |ms| Ended::Later { after_ms: Some(ms) };
    let wait = |ended, jitter| {
        wait(on_ended(ended, tried(0), RetryPolicy::default(), jitter), Reason::TryLater)
    };
    assert_eq!(wait(later(60_000), 0), 60_000);
    assert_eq!(wait(later(60_000), 6_000), 66_000);
    assert_eq!(wait(later(1), 0), 10_000);
    assert_eq!(wait(later(-5), 0), 10_000);
    assert_eq!(wait(later(i64::MAX), 0), AFTER_MAX_MS);
}

#[test]
fn the_last_attempt_is_the_last() {
    let later = Ended::Later { after_ms: None };
    for ended in [later, Ended::Broken, Ended::Unknown] {
        let end = on_ended(ended, tried(7), RetryPolicy::default(), 0);
        assert_eq!(end, failed(Reason::Exhausted, AddressFate::Kept));
        let on = on_ended(ended, tried(6), RetryPolicy::default(), 0);
        assert!(matches!(on, OnEnded::Retry { .. }));
    }
    // What was not tried is no attempt.
    let kept_back = Ended::NotTried { after_ms: 100 };
    assert!(!kept_back.is_attempt());
    assert_eq!(
        wait(on_ended(kept_back, tried(7), RetryPolicy::default(), 0), Reason::KeptBack),
        100
    );
}

#[test]
fn nothing_is_tried_again_after_it_expired() {
    let expiring = |ms| Tried { expires_at: Some(NOW.plus_ms(ms)), ..tried(0) };
    let check = |ended, ms| on_ended(ended, expiring(ms), RetryPolicy::default(), 0);
    let expired = failed(Reason::Expired, AddressFate::Kept);
    assert_eq!(check(Ended::Later { after_ms: None }, 10_000), expired);
    assert!(matches!(check(Ended::Later { after_ms: None }, 10_001), OnEnded::Retry { .. }));
    assert_eq!(check(Ended::NotTried { after_ms: 10 }, 10), expired);
    assert_eq!(check(Ended::Sent, -1), OnEnded::Sent);
}

#[test]
fn a_text_message_without_answer_is_repeated_once() {
    let sms = |attempts_before| Tried { channel: Channel::Sms, ..tried(attempts_before) };
    let check = |tried| on_ended(Ended::Unknown, tried, RetryPolicy::default(), 0);
    assert!(matches!(check(sms(0)), OnEnded::Retry { reason: Reason::NoAnswer, .. }));
    assert_eq!(check(sms(1)), failed(Reason::NoAnswer, AddressFate::Kept));
    assert!(matches!(check(tried(1)), OnEnded::Retry { reason: Reason::NoAnswer, .. }));
}

fn endings() -> impl Strategy<Value = Ended> {
    prop_oneof![
        prop::sample::select(&[
            Ended::Sent,
            Ended::Gone,
            Ended::OptedOut,
            Ended::Refused,
            Ended::Unknown,
            Ended::Broken,
        ]),
        prop::option::of(any::<i64>()).prop_map(|after_ms| Ended::Later { after_ms }),
        any::<i64>().prop_map(|after_ms| Ended::NotTried { after_ms }),
    ]
}

proptest! {
    /// A retry comes after now, before the notification expires, never sooner than was asked and
    /// never later than the longest wait; any numbers are safe.
    #[test]
    fn a_retry_comes_in_time(
        ended in endings(),
        attempts_before: u32,
        expires_after in prop::option::of(-1_000_i64..100_000_000),
        (attempts_max, base_ms, cap_ms) in any::<(u32, i64, i64)>(),
        jitter: u64,
    ) {
        let expires_at = expires_after.map(|ms| NOW.plus_ms(ms));
        let policy = RetryPolicy { attempts_max, base_ms, cap_ms };
        let tried = Tried { expires_at, ..tried(attempts_before) };
        if let OnEnded::Retry { at, .. } = on_ended(ended, tried, policy, jitter) {
            prop_assert!(at > NOW);
            prop_assert!(expires_at.is_none_or(|expires_at| at < expires_at));
            let asked = match ended {
                Ended::Later { after_ms } => after_ms.unwrap_or(0),
                Ended::NotTried { after_ms } => after_ms,
                _ => 0,
            };
            prop_assert!(at >= NOW.plus_ms(asked.min(AFTER_MAX_MS)));
            let longest = cap_ms.max(AFTER_MAX_MS + AFTER_MAX_MS / 10);
            prop_assert!(at <= NOW.plus_ms(longest));
        }
    }

    /// The first retry waits for ten to twenty seconds, and all of them for less than an hour.
    #[test]
    fn retries_keep_to_what_providers_ask(jitter: u64) {
        let waits = (0..7).map(|attempts_before| {
            let later = Ended::Later { after_ms: None };
            let end = on_ended(later, tried(attempts_before), RetryPolicy::default(), jitter);
            wait(end, Reason::TryLater)
        });
        let waits: Vec<i64> = waits.collect();
        prop_assert!((10_000..=20_000).contains(&waits[0]));
        prop_assert!(waits.iter().sum::<i64>() < 3_600_000);
    }

    /// A delivery that is tried again and again ends.
    #[test]
    fn attempts_end(endings in prop::collection::vec(endings(), 1..40), jitter: u64) {
        let mut attempts = 0;
        for ended in endings.into_iter().filter(|ended| ended.is_attempt()) {
            match on_ended(ended, tried(attempts), RetryPolicy::default(), jitter) {
                OnEnded::Retry { .. } => attempts += 1,
                OnEnded::Sent | OnEnded::Fail { .. } => break,
            }
            prop_assert!(attempts < RetryPolicy::default().attempts_max);
        }
    }
}
