//! Occurrences with their changes, moments, and what is wrong with a plan.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::recurrence::Rule;
use crate::zone::Zone;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn plan(start: &str, rule: Option<&str>) -> Plan {
    Plan {
        words: Words { title: "Algebra".into(), ..Words::default() },
        when: When {
            start: start.parse().unwrap(),
            zone: Zone::parse("Europe/Madrid").unwrap(),
            rule: rule.map(|rule| Rule::parse(rule).unwrap()),
            added: vec![],
            left_out: vec![],
        },
        minutes: 60,
        changes: BTreeMap::new(),
    }
}

fn local(text: &str) -> LocalTime {
    LocalTime::parse(text).unwrap()
}

fn change(start: &str, minutes: u32) -> Change {
    Change { start: local(start), minutes, words: plan(start, None).words }
}

fn planned(plan: &Plan, from: &str, to: &str) -> Vec<String> {
    let planned = Schedule::new(plan).unwrap().planned(at(from), at(to), 100);
    planned
        .iter()
        .map(|one| format!("{} {}-{}", one.name, one.span.starts, one.span.ends))
        .collect()
}

#[test]
fn what_is_going_on_at_the_beginning_of_a_span_belongs_to_it() {
    let plan = plan("2026-10-19T10:00:00", Some("FREQ=WEEKLY"));
    let found = planned(&plan, "2026-10-19T08:59:59.999Z", "2026-10-26T09:00:00.001Z");
    assert_eq!(
        found,
        [
            "2026-10-19T10:00:00 2026-10-19T08:00:00.000Z-2026-10-19T09:00:00.000Z",
            "2026-10-26T10:00:00 2026-10-26T09:00:00.000Z-2026-10-26T10:00:00.000Z",
        ],
        "local time stays over the change of clocks"
    );
    assert!(planned(&plan, "2026-10-19T09:00:00Z", "2026-10-26T09:00:00Z").is_empty());
}

#[test]
fn an_occurrence_that_was_changed_is_where_it_was_moved_to() {
    let mut plan = plan("2026-10-19T10:00:00", Some("FREQ=DAILY;COUNT=3"));
    plan.changes.insert(local("2026-10-20T10:00:00"), change("2026-10-25T12:00:00", 30));
    let all = planned(&plan, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z");
    assert_eq!(
        all,
        [
            "2026-10-19T10:00:00 2026-10-19T08:00:00.000Z-2026-10-19T09:00:00.000Z",
            "2026-10-21T10:00:00 2026-10-21T08:00:00.000Z-2026-10-21T09:00:00.000Z",
            "2026-10-20T10:00:00 2026-10-25T11:00:00.000Z-2026-10-25T11:30:00.000Z",
        ]
    );
    assert!(planned(&plan, "2026-10-20T00:00:00Z", "2026-10-21T00:00:00Z").is_empty());
    assert_eq!(Schedule::new(&plan).unwrap().over_by(), Some(at("2026-10-25T11:30:00Z")));
    // What is moved onto another one is one with it.
    plan.changes.insert(local("2026-10-21T10:00:00"), change("2026-10-19T10:00:00", 30));
    assert_eq!(planned(&plan, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z").len(), 2);
}

#[test]
fn the_end_of_a_plan_is_known_where_it_has_one() {
    let over_by = |plan: &Plan| Schedule::new(plan).unwrap().over_by();
    assert_eq!(over_by(&plan("2026-10-19T10:00", None)), Some(at("2026-10-19T09:00:00Z")));
    assert_eq!(over_by(&plan("2026-10-19T10:00", Some("FREQ=DAILY"))), None);
    let counted = plan("2026-10-19T10:00", Some("FREQ=DAILY;COUNT=10"));
    assert_eq!(over_by(&counted), Some(at("2026-10-28T10:00:00Z")));
    let until = plan("2026-10-19T10:00", Some("FREQ=DAILY;UNTIL=99981231"));
    assert!(over_by(&until).unwrap() >= at("9998-12-31T10:00:00Z"));
    let mut added = plan("2026-10-19T10:00", Some("FREQ=DAILY;UNTIL=20261020T080000Z"));
    assert_eq!(over_by(&added), Some(at("2026-10-20T09:00:00Z")));
    added.when.added.push("2027-01-01T10:00:00".parse().unwrap());
    assert_eq!(over_by(&added), Some(at("2027-01-01T10:00:00Z")));
}

#[test]
fn a_moment_is_told_until_it_is_worth_nothing() {
    let span = Span::of(at("2026-01-15T10:00:00Z"), 60);
    let check = |moment: Moment, due: &str, until: &str| {
        let until = at(until);
        assert_eq!(moment.due(span), at(due));
        assert_eq!(moment.lateness(span, at(due)), Lateness::Fires { until });
        assert_eq!(moment.lateness(span, until.plus_ms(-1)), Lateness::Fires { until });
        assert_eq!(moment.lateness(span, until), Lateness::Missed);
    };
    check(Moment::Reminder(15), "2026-01-15T09:45:00Z", "2026-01-15T10:00:00Z");
    check(Moment::Reminder(0), "2026-01-15T10:00:00Z", "2026-01-15T11:00:00Z");
    check(Moment::Start, "2026-01-15T10:00:00Z", "2026-01-15T11:00:00Z");
    check(Moment::End, "2026-01-15T11:00:00Z", "2026-01-15T12:00:00Z");
    assert_eq!(Moment::End.notification_type(EventKind::LiveSession), "live_session_ended");
    assert_eq!(Moment::Reminder(5).notification_type(EventKind::Quiz), "quiz_reminder");
}

#[test]
fn of_reminders_that_are_late_together_the_nearest_is_sent() {
    let starts = at("2026-01-15T10:00:00Z");
    let check =
        |minutes: u32, wanted: &[u32], now: &str| Moment::reminds(minutes, wanted, starts, at(now));
    assert!(check(60, &[60, 15], "2026-01-15T09:00:01Z"));
    assert!(check(15, &[60, 15], "2026-01-15T09:45:01Z"));
    assert!(!check(30, &[60, 15], "2026-01-15T09:30:01Z"));
    // After an outage until ten minutes before the start both are due.
    assert!(!check(60, &[60, 15], "2026-01-15T09:50:00Z"));
    assert!(check(15, &[60, 15], "2026-01-15T09:50:00Z"));
    assert!(check(60, &[60], "2026-01-15T09:50:00Z"));
    assert!(!check(15, &[], "2026-01-15T09:45:00Z"));
    // One that comes to the inbox when it has begun is none any more; the one for the start is.
    assert!(check(15, &[15], "2026-01-15T09:59:59Z") && !check(15, &[15], "2026-01-15T10:00:00Z"));
    assert!(check(0, &[0], "2026-01-15T10:00:01Z"));
}

#[test]
fn every_fault_of_a_plan_is_named() {
    let check = |mut plan: Plan, spoil: &dyn Fn(&mut Plan), expected: &[&str]| {
        spoil(&mut plan);
        let faults = faults(&plan);
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, expected);
    };
    let good = || plan("2026-10-19T10:00:00", Some("FREQ=WEEKLY"));
    check(good(), &|_| {}, &[]);
    check(good(), &|plan| plan.minutes = 0, &["/duration_minutes"]);
    check(good(), &|plan| plan.minutes = MINUTES_MAX + 1, &["/duration_minutes"]);
    check(good(), &|plan| plan.words.title = " ".into(), &["/title"]);
    check(good(), &|plan| plan.words.title = "x".repeat(201), &["/title"]);
    check(good(), &|plan| plan.words.link = Some("javascript:1".into()), &["/link"]);
    let rule = |text: &str| Some(Rule::parse(text).unwrap());
    check(good(), &|plan| plan.when.rule = rule("FREQ=WEEKLY;BYDAY=TU"), &["/rrule"]);
    check(good(), &|plan| plan.when.rule = rule("FREQ=MINUTELY"), &["/rrule"]);
    check(good(), &|plan| plan.when.rule = rule("FREQ=HOURLY"), &[]);
    // Ten times on the first day, and 86,400 times on that of each month behind it.
    let dense_later = |plan: &mut Plan| {
        plan.when.start = "2026-10-19T23:59:50".parse().unwrap();
        plan.when.rule = rule("FREQ=SECONDLY;BYMONTHDAY=19");
    };
    check(good(), &dense_later, &["/rrule"]);
    let alone = |plan: &mut Plan| {
        plan.when.rule = None;
        plan.when.left_out = vec![plan.when.start];
    };
    check(good(), &alone, &["/exdates"]);
}

fn names(plan: &Plan) -> Vec<String> {
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2028-01-01T00:00:00Z"));
    let planned = Schedule::new(plan).unwrap().planned(from, to, 100);
    planned.iter().map(|one| format!("{} {}", one.name, one.span.starts)).collect()
}

fn starting(start: &str) -> EventChange {
    EventChange { start: Some(Said::Local(local(start))), ..EventChange::default() }
}

#[test]
fn what_was_said_of_single_occurrences_moves_with_the_event() {
    let plan = plan("2026-11-02T10:00:00", Some("FREQ=DAILY;COUNT=4"));
    let renamed = EventChange { title: Some("Room 2".into()), ..EventChange::default() };
    let plan = plan.with_changed(local("2026-11-03T10:00:00"), &renamed).unwrap();
    let plan = plan.with_changed(local("2026-11-05T10:00:00"), &starting("2026-11-09T12:00:00"));
    let plan = plan.unwrap().without(local("2026-11-04T10:00:00")).unwrap();
    let later = plan.changed(&starting("2026-11-02T11:00:00")).unwrap();
    assert_eq!(
        names(&later),
        [
            "2026-11-02T11:00:00 2026-11-02T10:00:00.000Z",
            "2026-11-03T11:00:00 2026-11-03T10:00:00.000Z",
            "2026-11-05T11:00:00 2026-11-09T11:00:00.000Z",
        ],
        "what is left out stays so, and what was put elsewhere stays there"
    );
    assert_eq!(later.changes[&local("2026-11-03T11:00:00")].words.title, "Room 2");
    let said = EventChange { left_out: Some(vec![]), ..starting("2026-11-02T11:00:00") };
    assert_eq!(names(&plan.changed(&said).unwrap()).len(), 4, "unless it is said anew");
    let alone = EventChange { rule: Some(None), ..EventChange::default() };
    assert!(plan.changed(&alone).unwrap().changes.is_empty(), "the rule says them no more");
}

#[test]
fn an_occurrence_has_one_name() {
    let plan = plan("2027-03-26T02:30:00", Some("FREQ=DAILY;COUNT=4"));
    let missing = Err(Unplanned::NoSuchOccurrence);
    // On the 28th clocks leave out 02:30: it is at 03:30, which is no name of it.
    assert_eq!(plan.without(local("2027-03-28T03:30:00")), missing);
    assert_eq!(names(&plan.without(local("2027-03-28T02:30:00")).unwrap()).len(), 3);
    assert_eq!(plan.without(local("2027-03-28T02:31:00")), missing);
    let change = starting("2027-04-28T03:00:00");
    assert_eq!(plan.with_changed(local("2027-04-28T02:30:00"), &change), missing);
}

#[test]
fn a_time_that_clocks_show_a_second_time_is_kept_or_refused() {
    // On 25 October 2026 clocks in Madrid show 02:30 at 00:30 and at 01:30 UTC.
    let times = |rule: Option<&str>| EventTimes {
        start: Said::At(at("2026-10-25T01:30:00Z")),
        zone: Some(Zone::parse("Europe/Madrid").unwrap()),
        minutes: None,
        rule: rule.map(|rule| Rule::parse(rule).unwrap()),
        added: vec![],
        left_out: vec![],
    };
    let words = || plan("2026-10-19T10:00:00", None).words;
    let once = Plan::of(words(), &times(None), Zone::utc()).unwrap();
    assert_eq!(names(&once), ["2026-10-25T01:30:00 2026-10-25T01:30:00.000Z"]);
    let refused = Plan::of(words(), &times(Some("FREQ=WEEKLY")), Zone::utc());
    let Err(Unplanned::Invalid(faults)) = refused else { panic!("{refused:?}") };
    assert_eq!(faults[0].pointer, "/scheduled_at");
}
