//! Which rule speaks, by table; and what is refused.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::channel::Channel::{Email, Push, Sms, Websocket};
use crate::quiet::MinuteOfDay;

/// Writes a rule as `type/channel/topic=on|off`, with `-` for any.
fn rule(text: &str) -> PreferenceRule {
    let (whom, what) = text.split_once('=').unwrap();
    let [types, channel, topic] = whom.split('/').collect::<Vec<_>>().try_into().unwrap();
    let named = |part: &str| (part != "-").then(|| part.to_owned());
    let numbers = |text: &str| text.split(' ').filter_map(|n| n.parse().ok()).collect();
    PreferenceRule {
        notification_type: named(types),
        channel: named(channel).map(|name| Channel::parse(&name).unwrap()),
        topic: named(topic).map(|name| TopicId::parse(&name).unwrap()),
        enabled: matches!(what, "on" | "off").then_some(what == "on"),
        reminder_minutes: what.strip_prefix("remind").map(numbers),
    }
}

fn preferences(rules: &[&str]) -> Preferences {
    Preferences { rules: rules.iter().map(|text| rule(text)).collect(), ..Preferences::default() }
}

fn resolved(defaults: &[&str], own: &[&str]) -> Resolved {
    let topic = TopicId::parse("c7").unwrap();
    let about = About { notification_type: "quiz_final_reminder", topic: Some(&topic) };
    Resolved::of(&preferences(defaults), &preferences(own), about)
}

fn check(defaults: &[&str], own: &[&str], expected: Say) {
    assert_eq!(resolved(defaults, own).say(Push), expected, "{defaults:?} under {own:?}");
}

#[test]
fn the_most_specific_rule_speaks() {
    check(&[], &[], Say::Allowed);
    // From the weakest to the strongest; each beats all before it, in any order.
    let ladder = [
        "-/-/-",
        "-/push/-",
        "quiz/-/-",
        "quiz/push/-",
        "quiz_final/-/-",
        "quiz_final/push/-",
        "quiz_final_reminder/-/-",
        "quiz_final_reminder/push/-",
        "-/-/c7",
        "-/push/c7",
        "quiz/-/c7",
        "quiz_final_reminder/push/c7",
    ];
    for (index, strong) in ladder.iter().enumerate() {
        for weak in &ladder[..index] {
            let (on, off) = (format!("{weak}=on"), format!("{strong}=off"));
            let whole = *strong == "-/push/-";
            let expected = if whole { Say::OffAsAWhole } else { Say::Off };
            check(&[], &[&on, &off], expected);
            check(&[], &[&off, &on], expected);
        }
    }
}

#[test]
fn a_rule_about_something_else_is_silent() {
    for other in
        ["quizzes/-/-", "quiz_final_rem/-/-", "exam/-/-", "-/sms/-", "-/-/c8", "quiz/push/c8"]
    {
        check(&[], &[&format!("{other}=off")], Say::Allowed);
    }
    check(&[], &["quiz/-/-=remind30"], Say::Allowed);
}

#[test]
fn the_users_rules_lie_above_the_tenants() {
    check(&["quiz_final_reminder/push/c7=off"], &[], Say::Off);
    check(&["quiz_final_reminder/push/c7=off"], &["-/-/-=on"], Say::Allowed);
    check(&["quiz_final_reminder/push/c7=on"], &["-/-/-=off"], Say::Off);
    check(&["-/push/-=on"], &[], Say::Wished);
    // Only the owner switches a channel off for good.
    check(&["-/push/-=off"], &[], Say::Off);
    check(&["-/push/-=off"], &["-/push/-=on"], Say::Wished);
    check(&["-/push/-=on"], &["-/push/-=off", "quiz/push/c7=on"], Say::OffAsAWhole);
}

#[test]
fn the_live_stream_is_always_allowed() {
    let off = ["-/-/-=off", "-/websocket/-=off"];
    assert_eq!(resolved(&off, &off).say(Websocket), Say::Allowed);
}

#[test]
fn reminders_are_the_users_then_the_tenants_then_fifteen_minutes() {
    let check = |defaults: &[&str], own: &[&str], expected: &[u32]| {
        let topic = TopicId::parse("c7").unwrap();
        let about = About { notification_type: "quiz_final_reminder", topic: Some(&topic) };
        let found = reminder_minutes(&preferences(defaults), &preferences(own), about);
        assert_eq!(found, expected);
    };
    check(&[], &[], &[15]);
    check(&["-/-/-=remind30"], &[], &[30]);
    check(&["-/-/-=remind30"], &["quiz/-/-=remind"], &[]);
    check(&["-/-/-=remind30"], &["quiz/-/-=remind0"], &[0]);
    check(&[], &["quiz/-/-=remind5 60 5 0"], &[60, 5, 0]);
    check(&[], &["quiz/-/-=remind5", "-/-/c7=remind10"], &[10]);
    // What switches on or off does not hide what reminds, nor the other way round.
    check(&[], &["quiz/-/-=remind5", "-/-/c7=off"], &[5]);
}

#[test]
fn quiet_hours_and_the_rest_fall_back_to_the_tenants() {
    let minute = |text| MinuteOfDay::parse(text).unwrap();
    let quiet = |end| QuietHours { start: minute("22:00"), end: minute(end), zone: Zone::utc() };
    let about = About { notification_type: "a", topic: None };
    let defaults = Preferences {
        quiet_hours: Some(quiet("07:00")),
        locale: Some("es".into()),
        ..Preferences::default()
    };
    let mut own = Preferences::default();
    let found = Resolved::of(&defaults, &own, about);
    assert_eq!(
        (found.quiet_hours, found.locale),
        (defaults.quiet_hours.clone(), Some("es".into()))
    );
    own.quiet_hours = Some(quiet("22:00"));
    assert_eq!(Resolved::of(&defaults, &own, about).quiet_hours, own.quiet_hours);
}

#[test]
fn every_fault_is_named_with_its_place() {
    let check = |preferences: &Preferences, expected: &[&str]| {
        let places: Vec<String> = faults(preferences).into_iter().map(|f| f.pointer).collect();
        assert_eq!(places, expected);
    };
    check(&preferences(&["quiz/sms/c7=off", "quiz/sms/-=off", "-/-/-=remind0"]), &[]);
    check(&preferences(&["a b/-/-=on"]), &["/rules/0/notification_type"]);
    check(&preferences(&["quiz/-/-=perhaps"]), &["/rules/0"]);
    check(&preferences(&["-/websocket/-=off"]), &["/rules/0/channel"]);
    check(&preferences(&["-/push/-=remind5"]), &["/rules/0/reminder_minutes"]);
    check(&preferences(&["quiz/-/-=remind5 40321"]), &["/rules/0/reminder_minutes/1"]);
    let many = format!("-/-/-=remind{}", "1 ".repeat(11));
    check(&preferences(&[&many]), &["/rules/0/reminder_minutes"]);
    check(&preferences(&["quiz/-/-=on", "-/-/-=on", "quiz/-/-=remind5"]), &["/rules/2"]);
    check(&preferences(&["-/-/-=on"; 201]), &["/rules"]);
    for (locale, expected) in [
        ("es-MX", &[][..]),
        ("zh-Hant-TW", &[]),
        ("e", &["/locale"]),
        ("es_MX", &["/locale"]),
        ("", &["/locale"]),
        ("es-", &["/locale"]),
    ] {
        let locale = Some(locale.to_owned());
        check(&Preferences { locale, ..Preferences::default() }, expected);
    }
}

fn any_rules() -> impl Strategy<Value = Vec<PreferenceRule>> {
    let part = |names: &'static [&'static str]| prop::sample::select(names);
    let whom = (
        part(&["-", "quiz", "quiz_final", "quiz_final_reminder", "exam"]),
        part(&["-", "push", "sms", "email"]),
        part(&["-", "c7", "c8"]),
        part(&["on", "off"]),
    );
    let one = whom.prop_map(|(types, channel, topic, what)| {
        rule(&format!("{types}/{channel}/{topic}={what}"))
    });
    prop::collection::vec(one, 0..8)
}

proptest! {
    /// A channel that its owner switched off stays off, whatever else anybody set.
    #[test]
    fn off_as_a_whole_is_off(defaults in any_rules(), mut own in any_rules(), place: usize) {
        own.insert(place % (own.len() + 1), rule("-/sms/-=off"));
        let of = |rules| Preferences { rules, ..Preferences::default() };
        let about = About { notification_type: "quiz_final_reminder", topic: None };
        let found = Resolved::of(&of(defaults), &of(own), about);
        prop_assert_eq!(found.say(Sms), Say::OffAsAWhole);
    }

    /// What a rule does not name it does not touch.
    #[test]
    fn other_channels_are_not_touched(own in any_rules()) {
        let own: Vec<_> = own.into_iter().filter(|rule| rule.channel == Some(Sms)).collect();
        let about = About { notification_type: "quiz_final_reminder", topic: None };
        let own = Preferences { rules: own, ..Preferences::default() };
        let found = Resolved::of(&Preferences::default(), &own, about);
        prop_assert_eq!((found.say(Push), found.say(Email)), (Say::Allowed, Say::Allowed));
    }
}
