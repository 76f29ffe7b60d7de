//! What holds of every plan, whatever it is decided from.

use proptest::prelude::*;

use super::{ALL, Case, HOUR_MS, NOON, quiet_until_seven};
use crate::channel::{Channel, DeliveryState};
use crate::notification::Priority;
use crate::plan::{Planned, Reason, Refusal, Strategy as Sequence, Way};
use crate::preference::{PreferenceRule, Preferences, Say};
use crate::time::Timestamp;

fn channels() -> impl Strategy<Value = Vec<Channel>> {
    prop::collection::vec(prop::sample::select(&ALL), 0..5)
}

fn way() -> impl Strategy<Value = Way> {
    let refusal = prop::sample::select(&[None, None, None, Some(Refusal::OptedOut)]);
    (prop::bool::weighted(0.8), prop::bool::weighted(0.8), refusal).prop_map(
        |(is_configured, has_address, refusal)| Way { is_configured, has_address, refusal },
    )
}

fn rules() -> impl Strategy<Value = Vec<PreferenceRule>> {
    let types = prop::sample::select(&[None, Some("quiz"), Some("exam")]);
    let channel = prop::option::of(prop::sample::select(&ALL));
    let one =
        (types, channel, any::<bool>()).prop_map(|(types, channel, enabled)| PreferenceRule {
            notification_type: types.map(str::to_owned),
            channel,
            enabled: Some(enabled),
            ..PreferenceRule::default()
        });
    prop::collection::vec(one, 0..4)
}

fn preferences() -> impl Strategy<Value = Preferences> {
    let until = prop::option::of(-2 * HOUR_MS..9 * HOUR_MS);
    (rules(), until, any::<bool>()).prop_map(|(rules, until, is_quiet)| Preferences {
        rules,
        do_not_disturb_until: until.map(|ms| NOON.plus_ms(ms)),
        ..if is_quiet { quiet_until_seven() } else { Preferences::default() }
    })
}

prop_compose! {
    fn cases()(
        requested in channels(),
        template in channels(),
        priority in prop::sample::select(&Priority::ALL),
        strategy in prop::option::of(prop::sample::select(&Sequence::ALL)),
        escalate_after_ms in prop::option::of(0..HOUR_MS),
        ways in [way(), way(), way(), way()],
        preferences in preferences(),
        is_online: bool,
        expires_after in prop::option::of(1..12 * HOUR_MS),
    ) -> Case {
        let expires_at = expires_after.map(|ms: i64| NOON.plus_ms(ms));
        Case {
            requested, template, priority, strategy, escalate_after_ms, ways, preferences,
            is_online, expires_at,
        }
    }
}

fn leads_out(case: &Case) -> Vec<Planned> {
    case.plan().into_iter().filter(|step| step.channel != Channel::Websocket).collect()
}

/// The lowest rule that keeps a channel from going out now, asked in the contract's own words.
fn first_rule_against(case: &Case, channel: Channel) -> Option<u8> {
    let way = case.ways[channel as usize];
    let say = case.resolved().say(channel);
    if way.refusal.is_some() || say == Say::OffAsAWhole {
        Some(1)
    } else if say == Say::Off && case.priority != Priority::Critical {
        Some(3)
    } else if !way.is_configured || !way.has_address {
        Some(4)
    } else {
        None
    }
}

proptest! {
    /// No rule overrides one before it: what a rule forbids is skipped, and that rule is the reason.
    #[test]
    fn the_order_of_say_holds(case in cases()) {
        for step in leads_out(&case) {
            match first_rule_against(&case, step.channel) {
                Some(rule) => {
                    prop_assert_eq!(step.state, DeliveryState::Skipped);
                    prop_assert_eq!(step.reason.rule(), Some(rule));
                }
                // Only the end of the plan is left to skip it.
                None => prop_assert!(
                    step.state != DeliveryState::Skipped || step.reason.rule() == Some(5)
                ),
            }
        }
    }

    /// The channels are those that rule 2 names, each once and in its order.
    #[test]
    fn rule_2_alone_names_channels(case in cases()) {
        let planned: Vec<Channel> = case.plan().iter().map(|step| step.channel).collect();
        let named = if case.requested.is_empty() { &case.template } else { &case.requested };
        let mut expected: Vec<Channel> = vec![];
        for channel in named {
            if !expected.contains(channel) {
                expected.push(*channel);
            }
        }
        if named.is_empty() {
            prop_assert_eq!(&planned[..2], &[Channel::Websocket, Channel::Push]);
        } else {
            prop_assert_eq!(planned, expected);
        }
    }

    /// Nobody pays for a text message, or gets an e-mail, that nobody asked for.
    #[test]
    fn no_low_priority_costs_what_nobody_asked_for(case in cases()) {
        let named = if case.requested.is_empty() { &case.template } else { &case.requested };
        for step in case.plan() {
            if matches!(step.channel, Channel::Sms | Channel::Email) && !named.contains(&step.channel) {
                prop_assert!(case.priority >= Priority::High);
                prop_assert!(named.is_empty());
                prop_assert_eq!(case.resolved().say(step.channel), Say::Wished);
            }
        }
    }

    /// Every step ends: it is skipped, due at a time, or waits for one before it that ends.
    #[test]
    fn every_plan_ends(case in cases()) {
        let mut before: Option<Channel> = None;
        for step in leads_out(&case) {
            match (step.state, step.due_at) {
                (DeliveryState::Skipped, due_at) => {
                    prop_assert_eq!(due_at, None);
                    continue;
                }
                (DeliveryState::Queued | DeliveryState::Held, Some(due)) => {
                    prop_assert!(due >= NOON);
                    prop_assert!(case.expires_at.is_none_or(|at| due < at));
                    prop_assert_eq!(step.state == DeliveryState::Held, step.reason.rule() == Some(3));
                }
                (DeliveryState::Queued, None) => {
                    prop_assert!(before.is_some());
                    prop_assert_eq!(Some(step.reason), before.map(Reason::waits_for));
                }
                other => prop_assert!(false, "{:?}", other),
            }
            before = Some(step.channel);
        }
    }

    /// The live stream is never held up, and nothing but it is due while rule 3 holds.
    #[test]
    fn rule_3_holds_while_it_holds(case in cases()) {
        for step in case.plan() {
            if step.channel == Channel::Websocket {
                prop_assert_eq!((step.state, step.due_at), (DeliveryState::Queued, None));
            } else if let Some(due) = step.due_at
                && case.priority != Priority::Critical
            {
                let found = case.resolved();
                prop_assert!(found.do_not_disturb_until.is_none_or(|until: Timestamp| until <= due));
                prop_assert!(found.quiet_hours.is_none_or(|quiet| quiet.held_until(due).is_none()));
            }
        }
    }

    /// Critical is never put off; only its place in the chain gives it a later time.
    #[test]
    fn critical_is_never_held(case in cases()) {
        let case = Case { priority: Priority::Critical, ..case };
        for step in case.plan() {
            prop_assert!(step.state != DeliveryState::Held);
            prop_assert!(step.reason.rule() != Some(3));
        }
    }

    /// Fallback starts one channel at a time, and each further one no sooner than the one before.
    #[test]
    fn a_fallback_is_in_order(case in cases()) {
        let case = Case { strategy: Some(Sequence::Fallback), ..case };
        let due: Vec<Timestamp> = leads_out(&case).iter().filter_map(|step| step.due_at).collect();
        prop_assert!(due.is_sorted());
        if case.escalate_after_ms.is_none() {
            prop_assert!(due.len() <= 1);
        }
    }
}
