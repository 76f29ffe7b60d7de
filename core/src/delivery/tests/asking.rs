//! When a text message is asked for, by table and by what holds of every question.

use proptest::prelude::*;

use crate::channel::{Channel, DeliveryState};
use crate::delivery::{ASK_AFTER_MS, Asked, ask_again, ask_first};
use crate::time::Timestamp;

const TAKEN: Timestamp = Timestamp::from_ms(1_790_000_000_000);
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const LAST_MS: i64 = 24 * HOUR_MS;

/// Asks so many milliseconds after the message was taken; gives the next time in the same way.
fn again(at_ms: i64, asked: Asked, jitter: u64) -> Option<i64> {
    let next = ask_again(TAKEN, TAKEN.plus_ms(at_ms), asked, jitter);
    next.map(|next| next.as_ms() - TAKEN.as_ms())
}

fn unanswered(after_ms: impl Into<Option<i64>>) -> Asked {
    Asked::Unanswered { after_ms: after_ms.into() }
}

#[test]
fn only_a_text_message_that_was_taken_is_asked_for() {
    for channel in Channel::ALL {
        for state in DeliveryState::ALL {
            let is_taken = channel == Channel::Sms && state == DeliveryState::Sent;
            let first = is_taken.then(|| TAKEN.plus_ms(15 * MINUTE_MS));
            assert_eq!(ask_first(channel, state, TAKEN), first, "{channel:?} {state:?}");
        }
    }
}

#[test]
fn a_message_on_its_way_is_asked_for_five_times() {
    let mut at = Some(15 * MINUTE_MS);
    let mut times = Vec::new();
    while let Some(now) = at {
        times.push(now);
        at = again(now, Asked::OnItsWay, 0);
    }
    assert_eq!(times, [15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, 10 * HOUR_MS, LAST_MS]);
    // What a server that was away had to ask meanwhile is asked once.
    assert_eq!(again(5 * HOUR_MS, Asked::OnItsWay, 0), Some(10 * HOUR_MS));
    assert_eq!(again(30 * HOUR_MS, Asked::OnItsWay, 0), None);
}

#[test]
fn what_was_not_answered_is_asked_soon_and_at_the_end_for_the_last_time() {
    assert_eq!(again(HOUR_MS, unanswered(None), 0), Some(65 * MINUTE_MS));
    assert_eq!(again(HOUR_MS, unanswered(None), MINUTE_MS as u64), Some(66 * MINUTE_MS));
    assert_eq!(again(HOUR_MS, unanswered(MINUTE_MS), 0), Some(65 * MINUTE_MS));
    assert_eq!(again(HOUR_MS, unanswered(HOUR_MS), 0), Some(2 * HOUR_MS));
    assert_eq!(again(LAST_MS - MINUTE_MS, unanswered(None), 0), Some(LAST_MS));
    assert_eq!(again(HOUR_MS, unanswered(i64::MAX), 0), Some(LAST_MS));
    assert_eq!(again(LAST_MS, unanswered(None), 0), None);
}

proptest! {
    /// Asking moves on, never beyond the last of the times.
    #[test]
    fn a_question_comes_after_the_last_and_ends_with_the_day(
        at_ms in 0..2 * LAST_MS,
        after_ms in proptest::option::of(any::<i64>()),
        jitter: u64,
    ) {
        for asked in [Asked::OnItsWay, unanswered(after_ms)] {
            match again(at_ms, asked, jitter) {
                Some(next) => prop_assert!(at_ms < next && next <= LAST_MS),
                None => prop_assert!(at_ms >= LAST_MS),
            }
        }
        if let Some(next) = again(at_ms, Asked::OnItsWay, jitter) {
            prop_assert!(ASK_AFTER_MS.contains(&next));
        }
    }
}
