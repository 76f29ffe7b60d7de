//! The look before an attempt, by table and by what holds of every look.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use crate::channel::Channel::{Email, Push, Sms};
use crate::channel::{Channel, DeliveryState};
use crate::delivery::{Before, DueView, Next, OnDue, SMS_REPORT_WAIT_MS, next, on_due};
use crate::notification::Priority;
use crate::plan::{Place, Reason, Refusal, Strategy as Sequence, Way};
use crate::preference::{About, PreferenceRule, Preferences, Resolved};
use crate::quiet::{MinuteOfDay, QuietHours};
use crate::time::Timestamp;
use crate::zone::Zone;

const NOON: Timestamp = Timestamp::from_ms(20_000 * 86_400_000 + 12 * 3_600_000);
const MINUTE_MS: i64 = 60_000;

fn resolved(preferences: &Preferences) -> Resolved {
    let about = About { notification_type: "quiz_started", topic: None };
    Resolved::of(&Preferences::default(), preferences, about)
}

fn plain(preferences: &Resolved) -> DueView<'_> {
    DueView {
        channel: Push,
        priority: Priority::Normal,
        strategy: Sequence::Fallback,
        escalate_after_ms: None,
        place: Place::First,
        before: None,
        attempts: 0,
        created_at: NOON.plus_ms(-MINUTE_MS / 2),
        expires_at: None,
        read_at: None,
        delivered_at: None,
        is_deleted: false,
        is_canceled: false,
        is_replaced: false,
        preferences,
        way: Way::OPEN,
        now: NOON,
    }
}

fn check(change: impl FnOnce(&mut DueView<'_>), expected: OnDue) {
    let nothing_set = Resolved::default();
    let mut view = plain(&nothing_set);
    change(&mut view);
    assert_eq!(on_due(&view), expected, "{view:?}");
}

fn check_with(preferences: &Preferences, change: impl FnOnce(&mut DueView<'_>), expected: OnDue) {
    let resolved = resolved(preferences);
    let mut view = DueView { preferences: &resolved, ..plain(&resolved) };
    change(&mut view);
    assert_eq!(on_due(&view), expected, "{view:?}");
}

fn quiet(start: u16, end: u16) -> Preferences {
    let minute = |hour: u16| MinuteOfDay::new(hour * 60).unwrap();
    let hours = QuietHours { start: minute(start), end: minute(end), zone: Zone::utc() };
    Preferences { quiet_hours: Some(hours), ..Preferences::default() }
}

#[test]
fn what_changed_since_the_plan_counts() {
    check(|_| (), OnDue::Try);
    let refused = |refusal| move |view: &mut DueView<'_>| view.way.refusal = Some(refusal);
    check(refused(Refusal::OptedOut), OnDue::Skip(Reason::OptedOut));
    check(refused(Refusal::Suppressed), OnDue::Skip(Reason::Suppressed));
    check(|view| view.way.has_address = false, OnDue::Skip(Reason::NoAddress));
    check(|view| view.way.is_configured = false, OnDue::Skip(Reason::NotConfigured));
    check(|view| view.is_canceled = true, OnDue::Skip(Reason::Canceled));
    check(|view| view.is_replaced = true, OnDue::Skip(Reason::Replaced));
    check(|view| view.is_deleted = true, OnDue::Skip(Reason::Deleted));
    check(|view| view.read_at = Some(NOON), OnDue::Skip(Reason::Read));
    check(|view| view.expires_at = Some(NOON), OnDue::Skip(Reason::Expired));
    check(|view| view.expires_at = Some(NOON.plus_ms(1)), OnDue::Try);
    let tried = |view: &mut DueView<'_>| {
        view.expires_at = Some(NOON);
        view.attempts = 1;
    };
    check(tried, OnDue::Fail(Reason::Expired));
}

#[test]
fn preferences_are_asked_again() {
    let enabled = Some(false);
    let rule = PreferenceRule { channel: Some(Push), enabled, ..PreferenceRule::default() };
    let off = Preferences { rules: vec![rule.clone()], ..Preferences::default() };
    check_with(&off, |view| view.priority = Priority::Critical, OnDue::Skip(Reason::SwitchedOff));
    let rule = PreferenceRule { notification_type: Some("quiz".into()), ..rule };
    let off = Preferences { rules: vec![rule], ..Preferences::default() };
    check_with(&off, |_| (), OnDue::Skip(Reason::PreferredOff));
    check_with(&off, |view| view.priority = Priority::Critical, OnDue::Try);
}

#[test]
fn quiet_hours_put_retries_off_too() {
    let until = NOON.plus_ms(3 * 60 * MINUTE_MS);
    let held = OnDue::Hold { until, reason: Reason::QuietHours };
    check_with(&quiet(11, 15), |view| view.attempts = 3, held);
    check_with(&quiet(11, 15), |view| view.priority = Priority::Critical, OnDue::Try);
    check_with(&quiet(11, 15), |view| view.read_at = Some(NOON), OnDue::Skip(Reason::Read));
    let expires = |view: &mut DueView<'_>| view.expires_at = Some(until);
    check_with(&quiet(11, 15), expires, OnDue::Skip(Reason::Expired));
    let mut both = quiet(13, 15);
    both.do_not_disturb_until = Some(NOON.plus_ms(90 * MINUTE_MS));
    check_with(&both, |_| (), OnDue::Hold { until, reason: Reason::DoNotDisturb });
}

#[test]
fn a_confirmation_stops_a_fallback() {
    let confirmed = |place| {
        move |view: &mut DueView<'_>| {
            view.delivered_at = Some(NOON);
            view.place = place;
        }
    };
    check(confirmed(Place::BehindLive), OnDue::Skip(Reason::Confirmed));
    check(confirmed(Place::Behind(Push)), OnDue::Skip(Reason::Confirmed));
    check(confirmed(Place::First), OnDue::Try);
    let all = |view: &mut DueView<'_>| {
        confirmed(Place::BehindLive)(view);
        view.strategy = Sequence::All;
    };
    check(all, OnDue::Try);
}

#[test]
fn what_an_earlier_channel_took_needs_no_other() {
    let behind = |state| {
        move |view: &mut DueView<'_>| {
            view.channel = Sms;
            view.place = Place::Behind(Push);
            view.before = Some(Before { state, at: NOON });
        }
    };
    check(behind(DeliveryState::Sent), OnDue::Skip(Reason::NotNeeded));
    check(behind(DeliveryState::Delivered), OnDue::Skip(Reason::NotNeeded));
    check(behind(DeliveryState::Failed), OnDue::Try);
    check(behind(DeliveryState::Skipped), OnDue::Try);
}

#[test]
fn escalation_waits_for_a_read_and_never_follows_one() {
    let behind = |state, ms: i64| {
        move |view: &mut DueView<'_>| {
            view.escalate_after_ms = Some(MINUTE_MS);
            view.place = Place::Behind(Push);
            view.before = Some(Before { state, at: NOON.plus_ms(ms) });
        }
    };
    let wait = |ms| OnDue::Hold { until: NOON.plus_ms(ms), reason: Reason::UnlessRead };
    check(behind(DeliveryState::Sent, -MINUTE_MS), OnDue::Try);
    check(behind(DeliveryState::Delivered, -MINUTE_MS), OnDue::Try);
    check(behind(DeliveryState::Sent, -1), wait(MINUTE_MS - 1));
    check(behind(DeliveryState::Held, 7 * MINUTE_MS), wait(8 * MINUTE_MS));
    check(behind(DeliveryState::Failed, 0), OnDue::Try);
    let read = |view: &mut DueView<'_>| {
        behind(DeliveryState::Sent, -MINUTE_MS)(view);
        view.read_at = Some(NOON.plus_ms(-1));
    };
    check(read, OnDue::Skip(Reason::Read));
    // A device confirmed, nobody read: what stands behind the live connection waits its time.
    let live = |view: &mut DueView<'_>| {
        view.escalate_after_ms = Some(MINUTE_MS);
        view.place = Place::BehindLive;
        view.delivered_at = Some(NOON);
    };
    check(live, wait(MINUTE_MS / 2));
    let unconfirmed = |view: &mut DueView<'_>| {
        live(view);
        view.delivered_at = None;
    };
    check(unconfirmed, OnDue::Try);
}

#[test]
fn the_end_of_one_channel_is_the_turn_of_the_next() {
    let check = |channel: Channel, state: DeliveryState, expected: Next| {
        assert_eq!(next(channel, state, NOON), expected);
    };
    for channel in [Push, Sms, Email] {
        check(channel, DeliveryState::Failed, Next::DueNow);
        check(channel, DeliveryState::Skipped, Next::DueNow);
        check(channel, DeliveryState::Delivered, Next::Skip(Reason::NotNeeded));
        check(channel, DeliveryState::Queued, Next::Wait);
        check(channel, DeliveryState::Held, Next::Wait);
    }
    check(Push, DeliveryState::Sent, Next::Skip(Reason::NotNeeded));
    check(Email, DeliveryState::Sent, Next::Skip(Reason::NotNeeded));
    check(Sms, DeliveryState::Sent, Next::DueAt(NOON.plus_ms(SMS_REPORT_WAIT_MS)));
}

prop_compose! {
    fn views()(
        channel in prop::sample::select(&[Push, Sms, Email]),
        priority in prop::sample::select(&Priority::ALL),
        strategy in prop::sample::select(&Sequence::ALL),
        escalate_after_ms in prop::option::of(0..60 * MINUTE_MS),
        place in prop::sample::select(&[Place::First, Place::BehindLive, Place::Behind(Push)]),
        before in prop::option::of((
            prop::sample::select(&DeliveryState::ALL),
            -60 * MINUTE_MS..60 * MINUTE_MS,
        )),
        attempts in 0_u32..10,
        times in prop::array::uniform3(prop::option::of(-60 * MINUTE_MS..60 * MINUTE_MS)),
        flags: [bool; 6],
        refusal in prop::sample::select(&[None, None, Some(Refusal::OptedOut)]),
    ) -> DueView<'static> {
        static NOTHING_SET: std::sync::LazyLock<Resolved> = std::sync::LazyLock::new(Resolved::default);
        static QUIET: std::sync::LazyLock<Resolved> =
            std::sync::LazyLock::new(|| resolved(&quiet(11, 15)));
        let [expires_at, read_at, delivered_at] = times.map(|ms| ms.map(|ms: i64| NOON.plus_ms(ms)));
        let [is_deleted, is_canceled, is_replaced, is_configured, has_address, is_quiet] = flags;
        DueView {
            channel, priority, strategy, escalate_after_ms, place, attempts,
            before: before.map(|(state, ms)| Before { state, at: NOON.plus_ms(ms) }),
            created_at: NOON.plus_ms(-60 * MINUTE_MS),
            expires_at, read_at, delivered_at, is_deleted, is_canceled, is_replaced,
            preferences: if is_quiet { &QUIET } else { &NOTHING_SET },
            way: Way { is_configured, has_address, refusal },
            now: NOON,
        }
    }
}

proptest! {
    /// What goes out may go out: nothing after a read, an end, or against rules 1 and 3.
    #[test]
    fn nothing_goes_out_that_must_not(view in views()) {
        if on_due(&view) == OnDue::Try {
            prop_assert!(view.read_at.is_none() && !view.is_deleted && !view.is_canceled);
            prop_assert!(!view.is_replaced);
            prop_assert!(view.expires_at.is_none_or(|at| at > view.now));
            prop_assert_eq!(view.way, Way::OPEN);
            let is_quiet = view.preferences.quiet_hours.is_some();
            prop_assert!(!is_quiet || view.priority == Priority::Critical);
        }
    }

    /// A hold ends, before the notification does, and at its end it holds no more.
    #[test]
    fn every_hold_ends(view in views()) {
        if let OnDue::Hold { until, reason } = on_due(&view) {
            prop_assert!(until > view.now);
            prop_assert!(view.expires_at.is_none_or(|at| until < at));
            let later = on_due(&DueView { now: until, ..view });
            prop_assert!(
                !matches!(later, OnDue::Hold { reason: again, .. } if again == reason),
                "{:?}", later
            );
        }
    }

    /// Only what was tried fails; each other end names a rule.
    #[test]
    fn every_end_has_its_word(view in views()) {
        match on_due(&view) {
            OnDue::Fail(reason) => {
                prop_assert!(view.attempts > 0);
                prop_assert_eq!(reason, Reason::Expired);
            }
            OnDue::Skip(reason) => prop_assert!(reason.rule().is_some()),
            OnDue::Try | OnDue::Hold { .. } => {}
        }
    }
}
