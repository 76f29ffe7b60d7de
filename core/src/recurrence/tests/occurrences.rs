//! The set of an event's occurrences: its rule, what is added, what is left out, where it ends.

use super::*;

const SUMMER: &str = "2026-06-01T00:00:00Z";

fn weekly() -> When {
    by_rule("2026-06-01T09:00", "Europe/Madrid", "FREQ=WEEKLY;COUNT=3")
}

#[test]
fn an_event_without_a_rule_is_once() {
    let event = recurrence(When { rule: None, ..weekly() });
    assert_eq!(shown(&event, SUMMER, 9), ["06-01 09:00 +02:00"]);
    assert!(event.occurrences_from(at("2026-06-01T07:00:00.001Z")).next().is_none());
    assert_eq!(event.occurrence(local("2026-06-01T09:00")).unwrap().at, at("2026-06-01T07:00:00Z"));
}

#[test]
fn dates_are_added_and_left_out_in_order_and_once() {
    let added = ["2026-07-01T10:00", "2026-06-03T10:00", "2026-06-08T09:00", "2026-06-03T10:00"];
    let left_out = ["2026-06-08T09:00", "2026-06-09T09:00", "2026-07-01T10:00"];
    let added = added.map(local).to_vec();
    let event = recurrence(When { added: added.clone(), ..weekly() });
    let all = ["06-01", "06-03", "06-08", "06-15", "07-01"];
    let days = |event: &Recurrence| {
        shown(event, SUMMER, 9).iter().map(|one| one[..5].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(days(&event), all);
    let event = recurrence(When { added, left_out: left_out.map(local).to_vec(), ..weekly() });
    assert_eq!(days(&event), ["06-01", "06-03", "06-15"]);
    assert!(event.occurrence(local("2026-06-08T09:00")).is_none());
    assert!(event.occurrence(local("2026-06-03T10:00")).is_some());
    assert!(event.occurrence(local("2026-06-03T09:00")).is_none());
    assert!(event.occurrence(local("2026-06-22T09:00")).is_none());
}

#[test]
fn leaving_out_a_time_that_is_shown_twice_leaves_out_both() {
    let mut hourly = by_rule("2026-10-24T00:00", "Europe/London", "FREQ=HOURLY");
    hourly.left_out = vec![local("2026-10-25T01:00")];
    let expected = ["10-25 00:00 +01:00", "10-25 02:00 +00:00"];
    assert_eq!(shown(&recurrence(hourly), "2026-10-24T23:00:00Z", 2), expected);
}

#[test]
fn leaving_out_what_moved_leaves_out_what_it_moved_to() {
    let mut hourly = by_rule("2026-03-28T00:00", "Europe/London", "FREQ=HOURLY");
    for named in ["2026-03-29T01:00", "2026-03-29T02:00"] {
        hourly.left_out = vec![local(named)];
        let expected = ["03-29 00:00 +00:00", "03-29 03:00 +01:00"];
        let event = recurrence(hourly.clone());
        assert_eq!(shown(&event, "2026-03-29T00:00:00Z", 2), expected);
        assert!(event.occurrence(local("2026-03-29T02:00")).is_none());
    }
}

#[test]
fn until_is_compared_as_it_is_written() {
    let last = |until: &str| {
        let text = format!("FREQ=DAILY;UNTIL={until}");
        let event = recurrence(by_rule("2026-06-01T23:00", "America/New_York", &text));
        shown(&event, SUMMER, 99).pop().unwrap()[..5].to_owned()
    };
    assert_eq!(last("20260605"), "06-05");
    assert_eq!(last("20260605T230000"), "06-05");
    assert_eq!(last("20260605T225959"), "06-04");
    // 23:00 in New York is 03:00 on the next day in UTC.
    assert_eq!(last("20260605T230000Z"), "06-04");
    assert_eq!(last("20260606T030000Z"), "06-05");
    assert_eq!(last("20260606T025959Z"), "06-04");
}

#[test]
fn a_count_counts_occurrences_and_not_what_is_left_out() {
    let event = recurrence(When { left_out: vec![local("2026-06-08T09:00")], ..weekly() });
    assert_eq!(shown(&event, SUMMER, 9), ["06-01 09:00 +02:00", "06-15 09:00 +02:00"]);
    let from_second = shown(&recurrence(weekly()), "2026-06-02T00:00:00Z", 9);
    assert_eq!(from_second, ["06-08 09:00 +02:00", "06-15 09:00 +02:00"]);
}

#[test]
fn a_start_that_the_rule_does_not_say_is_refused_with_one_that_it_does() {
    let refused = |start: &str, text: &str| {
        Recurrence::new(by_rule(start, "Europe/Madrid", text)).unwrap_err()
    };
    let error = refused("2026-06-01T09:00", "FREQ=WEEKLY;BYDAY=TU,TH");
    let first = Some(local("2026-06-02T09:00"));
    assert_eq!(error, RecurrenceError::StartOutsideRule { first });
    let words =
        "does not fit the start of the event: the first time that it says is 2026-06-02T09:00:00";
    assert_eq!(error.to_string(), words);
    for never in ["FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;UNTIL=20260531"] {
        let error = refused("2026-06-01T09:00", never);
        assert_eq!(error, RecurrenceError::StartOutsideRule { first: None });
        let words = "does not fit the start of the event: it says no time from there on";
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn what_is_finer_than_a_second_is_cut() {
    let start = local("2026-06-01T09:00:00.75");
    let event = recurrence(When { start, added: vec![start], left_out: vec![start], ..weekly() });
    assert_eq!(event.when().start, local("2026-06-01T09:00"));
    assert_eq!(shown(&event, SUMMER, 1), ["06-08 09:00 +02:00"]);
}

#[test]
fn lists_have_bounds() {
    let many = vec![local("2026-06-01T09:00"); 1_001];
    let refused = |when: When| Recurrence::new(when).unwrap_err();
    assert_eq!(refused(When { added: many.clone(), ..weekly() }), RecurrenceError::AddedTooMany);
    assert_eq!(refused(When { left_out: many, ..weekly() }), RecurrenceError::LeftOutTooMany);
}

#[test]
fn a_rule_that_ends_in_utc_says_the_same() {
    let check = |zone: &str, until: &str, expected: &str| {
        let when = by_rule("2026-06-01T09:00", zone, &format!("FREQ=DAILY;BYHOUR=9,21;{until}"));
        let rule = when.rule_in_utc();
        assert_eq!(
            rule.as_ref().unwrap().to_string(),
            format!("FREQ=DAILY;{expected};BYHOUR=9,21")
        );
        let all = |when: When| shown(&recurrence(when), SUMMER, 1_000);
        assert_eq!(all(When { rule, ..when.clone() }), all(when), "{zone} {until}");
    };
    let [madrid, samoa] = ["Europe/Madrid", "Pacific/Apia"];
    check(madrid, "UNTIL=20260603T205959", "UNTIL=20260603T185959Z");
    check(madrid, "UNTIL=20260603T210000", "UNTIL=20260603T190000Z");
    check(madrid, "UNTIL=20261231", "UNTIL=20261231T225959Z");
    check(samoa, "UNTIL=20260603", "UNTIL=20260603T105959Z");
    check(samoa, "UNTIL=20260603T120000Z", "UNTIL=20260603T120000Z");
    check(samoa, "COUNT=3", "COUNT=3");
    assert_eq!(When { rule: None, ..weekly() }.rule_in_utc(), None);
}
