//! The order of say by table, and what holds of every plan.
#![allow(clippy::unwrap_used)]

mod properties;

use super::*;
use crate::channel::Channel::{Email, Push, Sms, Websocket};
use crate::preference::{About, PreferenceRule, Preferences};
use crate::quiet::{MinuteOfDay, QuietHours};
use crate::zone::Zone;

/// Noon of some day.
pub(super) const NOON: Timestamp = Timestamp::from_ms(20_000 * 86_400_000 + 12 * 3_600_000);
const HOUR_MS: i64 = 3_600_000;

/// What a plan is decided from, owned, so that a case only says what is special about it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) requested: Vec<Channel>,
    pub(super) template: Vec<Channel>,
    pub(super) priority: Priority,
    pub(super) strategy: Option<Strategy>,
    pub(super) escalate_after_ms: Option<i64>,
    pub(super) ways: [Way; 4],
    pub(super) preferences: Preferences,
    pub(super) is_online: bool,
    pub(super) expires_at: Option<Timestamp>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            requested: vec![],
            template: vec![],
            priority: Priority::Normal,
            strategy: None,
            escalate_after_ms: None,
            ways: [Way::OPEN; 4],
            preferences: Preferences::default(),
            is_online: false,
            expires_at: None,
        }
    }
}

impl Case {
    pub(super) fn resolved(&self) -> Resolved {
        let about = About { notification_type: "quiz_started", topic: None };
        Resolved::of(&Preferences::default(), &self.preferences, about)
    }

    pub(super) fn plan(&self) -> Vec<Planned> {
        plan(Route {
            requested: &self.requested,
            template: &self.template,
            priority: self.priority,
            strategy: self.strategy,
            escalate_after_ms: self.escalate_after_ms,
            reach: &Reach::of(|channel| self.ways[channel as usize]),
            preferences: &self.resolved(),
            is_online: self.is_online,
            now: NOON,
            expires_at: self.expires_at,
        })
    }
}

fn show(planned: &Planned) -> String {
    let Planned { channel, state, reason, due_at } = planned;
    let due = due_at.map_or(String::new(), |due| {
        format!(" +{}s", (due.as_ms() - NOON.as_ms()).div_euclid(1_000))
    });
    format!("{channel} {}{due} ({})", state.as_str(), reason.as_str())
}

fn check(change: impl FnOnce(&mut Case), expected: &[&str]) {
    let mut case = Case::default();
    change(&mut case);
    assert_eq!(case.plan().iter().map(show).collect::<Vec<_>>(), expected, "{case:?}");
}

fn off(channel: Option<Channel>, notification_type: Option<&str>) -> Preferences {
    let notification_type = notification_type.map(str::to_owned);
    let enabled = Some(false);
    let rule = PreferenceRule { notification_type, channel, enabled, ..PreferenceRule::default() };
    Preferences { rules: vec![rule], ..Preferences::default() }
}

fn quiet_until_seven() -> Preferences {
    let minute = |number| MinuteOfDay::new(number).unwrap();
    let zone = Zone::utc();
    let quiet_hours = Some(QuietHours { start: minute(11 * 60), end: minute(19 * 60), zone });
    Preferences { quiet_hours, ..Preferences::default() }
}

const ALL: [Channel; 4] = [Websocket, Push, Sms, Email];

#[test]
fn rule_1_holds_for_critical_too() {
    for refusal in [Refusal::OptedOut, Refusal::Suppressed] {
        let words = if refusal == Refusal::OptedOut { "opted out" } else { "suppressed" };
        check(
            |case| {
                case.requested = vec![Sms];
                case.priority = Priority::Critical;
                case.ways[Sms as usize].refusal = Some(refusal);
                // A lower rule forbids it as well, and is not the reason.
                case.ways[Sms as usize].has_address = false;
            },
            &[&format!("sms skipped ({words})")],
        );
    }
    check(
        |case| {
            case.requested = vec![Push];
            case.priority = Priority::Critical;
            case.preferences = off(Some(Push), None);
        },
        &["push skipped (channel switched off)"],
    );
}

#[test]
fn rule_2_names_the_channels() {
    check(|_| (), &["websocket queued (by default)", "push queued +0s (by default)"]);
    check(|case| case.requested = vec![Push, Push], &["push queued +0s (requested)"]);
    check(
        |case| {
            case.requested = vec![Websocket];
            case.template = vec![Sms];
        },
        &["websocket queued (requested)"],
    );
    check(|case| case.template = vec![Sms], &["sms queued +0s (in the template)"]);
}

#[test]
fn a_high_priority_alone_adds_no_channel() {
    let pair = ["websocket queued (by default)", "push queued +0s (by default)"];
    check(|case| case.priority = Priority::High, &pair);
    check(|case| case.priority = Priority::Critical, &pair);
    let wish = |case: &mut Case| {
        case.preferences = off(Some(Sms), None);
        case.preferences.rules[0].enabled = Some(true);
    };
    check(wish, &pair);
    check(
        |case| {
            wish(case);
            case.priority = Priority::High;
        },
        &[pair[0], pair[1], "sms queued +0s (wished for)"],
    );
}

#[test]
fn rule_3_skips_or_puts_off_all_but_the_live_stream() {
    check(
        |case| {
            case.requested = ALL.to_vec();
            case.preferences = off(None, Some("quiz"));
        },
        &[
            "websocket queued (requested)",
            "push skipped (switched off in preferences)",
            "sms skipped (switched off in preferences)",
            "email skipped (switched off in preferences)",
        ],
    );
    check(
        |case| case.preferences = quiet_until_seven(),
        &["websocket queued (by default)", "push held +25200s (quiet hours)"],
    );
    // Do-not-disturb ends within quiet hours, which go on.
    check(
        |case| {
            case.preferences = quiet_until_seven();
            case.preferences.do_not_disturb_until = Some(NOON.plus_ms(HOUR_MS));
        },
        &["websocket queued (by default)", "push held +25200s (do not disturb)"],
    );
    check(
        |case| case.preferences.do_not_disturb_until = Some(NOON.plus_ms(HOUR_MS)),
        &["websocket queued (by default)", "push held +3600s (do not disturb)"],
    );
}

#[test]
fn critical_passes_rule_3() {
    check(
        |case| {
            case.priority = Priority::Critical;
            case.requested = vec![Push, Sms];
            case.preferences = quiet_until_seven();
            case.preferences.do_not_disturb_until = Some(NOON.plus_ms(HOUR_MS));
            case.preferences.rules = off(None, Some("quiz")).rules;
        },
        &["push queued +0s (requested)", "sms queued +0s (requested)"],
    );
}

#[test]
fn rule_4_tries_one_after_the_other() {
    check(
        |case| case.requested = ALL.to_vec(),
        &[
            "websocket queued (requested)",
            "push queued +0s (requested)",
            "sms queued (waits for push to fail)",
            "email queued (waits for sms to fail)",
        ],
    );
    check(
        |case| {
            case.requested = ALL.to_vec();
            case.is_online = true;
            case.ways[Push as usize].has_address = false;
            case.ways[Email as usize].is_configured = false;
        },
        &[
            "websocket queued (requested)",
            "push skipped (no address)",
            "sms queued +10s (after websocket)",
            "email skipped (not configured)",
        ],
    );
    // Only a live connection that stands before it makes a channel wait.
    check(
        |case| {
            case.requested = vec![Sms, Websocket, Push];
            case.is_online = true;
        },
        &[
            "sms queued +0s (requested)",
            "websocket queued (requested)",
            "push queued (waits for sms to fail)",
        ],
    );
}

#[test]
fn rule_4_escalates_unless_read() {
    check(
        |case| {
            case.requested = ALL.to_vec();
            case.is_online = true;
            case.escalate_after_ms = Some(60_000);
        },
        &[
            "websocket queued (requested)",
            "push queued +10s (after websocket)",
            "sms queued +70s (unless read)",
            "email queued +130s (unless read)",
        ],
    );
    // The one that is put off puts off those behind it.
    check(
        |case| {
            case.requested = vec![Push, Sms];
            case.escalate_after_ms = Some(60_000);
            case.preferences = quiet_until_seven();
        },
        &["push held +25200s (quiet hours)", "sms queued +25260s (unless read)"],
    );
}

#[test]
fn rule_4_tries_all_at_once() {
    let all = |case: &mut Case| {
        case.requested = vec![Websocket, Push, Sms];
        case.is_online = true;
        case.escalate_after_ms = Some(60_000);
    };
    let at_once = [
        "websocket queued (requested)",
        "push queued +0s (requested)",
        "sms queued +0s (requested)",
    ];
    check(
        |case| {
            all(case);
            case.priority = Priority::High;
        },
        &at_once,
    );
    check(
        |case| {
            all(case);
            case.strategy = Some(Strategy::All);
        },
        &at_once,
    );
}

#[test]
fn rule_5_skips_what_would_come_too_late() {
    check(
        |case| {
            case.requested = vec![Websocket, Push, Sms, Email];
            case.is_online = true;
            case.escalate_after_ms = Some(60_000);
            case.expires_at = Some(NOON.plus_ms(70_000));
        },
        &[
            "websocket queued (requested)",
            "push queued +10s (after websocket)",
            "sms skipped (expired)",
            "email skipped (expired)",
        ],
    );
}

#[test]
fn a_place_is_counted_among_those_that_stand() {
    let step = |channel, state| Step { channel, state, reason: Reason::Requested };
    let queued = |channel| step(channel, DeliveryState::Queued);
    let skipped = |channel| step(channel, DeliveryState::Skipped);
    let check = |steps: &[Step], channel: Channel, expected: Place| {
        assert_eq!(place_of(channel, steps), expected);
    };
    check(&[queued(Push), queued(Sms)], Push, Place::First);
    check(&[queued(Push), queued(Sms)], Sms, Place::Behind(Push));
    check(&[queued(Websocket), queued(Push)], Push, Place::BehindLive);
    check(&[queued(Websocket), skipped(Push), queued(Sms)], Sms, Place::BehindLive);
    check(&[skipped(Push), queued(Sms)], Sms, Place::First);
    check(&[queued(Sms), queued(Websocket), queued(Push)], Push, Place::Behind(Sms));
}

#[test]
fn strategies_read_what_they_write() {
    for strategy in Strategy::ALL {
        assert_eq!(Strategy::parse(strategy.as_str()), Some(strategy));
    }
    assert_eq!(Strategy::parse("first"), None);
}
