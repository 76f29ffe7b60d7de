//! Where searches end: rules that are never true, rules that are rarely true, and the calendar.

use super::*;

fn search(start: &str, text: &str) -> (usize, Ending) {
    let mut times = rule(text).local_times(local(start));
    (times.by_ref().take(50).count(), times.ending())
}

#[test]
fn a_rule_that_is_never_true_ends_or_is_given_up() {
    for text in [
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;BYSECOND=30;BYSETPOS=2",
        "FREQ=SECONDLY;INTERVAL=2;BYSECOND=1",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=3",
        "FREQ=DAILY;BYMONTH=2,4,6,9,11;BYMONTHDAY=31",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
    ] {
        let (found, ending) = search("2026-01-01T00:00:00", text);
        assert_eq!((found, ending), (0, Ending::GaveUp), "{text}");
    }
    // Here the years end sooner than patience does.
    for never in [
        "FREQ=YEARLY;INTERVAL=100;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MINUTELY;INTERVAL=86399;BYYEARDAY=366;BYMONTH=1",
    ] {
        assert_eq!(search("2026-01-01T00:00:00", never), (0, Ending::Over), "{never}");
    }
}

#[test]
fn a_rule_that_is_rarely_true_is_not_given_up() {
    for text in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
        "FREQ=YEARLY;BYYEARDAY=366;BYDAY=SU",
        "FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU",
        "FREQ=MINUTELY;BYYEARDAY=60;BYMONTHDAY=29;BYDAY=MO;BYHOUR=7;BYMINUTE=0",
        "FREQ=SECONDLY;INTERVAL=61;BYHOUR=3;BYMINUTE=3;BYSECOND=3",
    ] {
        assert_eq!(search("2026-01-01T00:00:00", text).0, 50, "{text}");
    }
}

#[test]
fn an_event_whose_next_occurrence_is_too_far_away_says_so() {
    // Clocks show 03:00:00 at a multiple of this interval once in 86,399 days.
    let text = "FREQ=SECONDLY;INTERVAL=86399;BYHOUR=3;BYMINUTE=0;BYSECOND=0;BYMONTHDAY=1";
    let event = recurrence(by_rule("2026-01-01T03:00", "UTC", text));
    let mut found = event.occurrences_from(at("2026-01-01T00:00:00Z"));
    assert_eq!(found.by_ref().count(), 1);
    assert!(found.has_given_up());
}

#[test]
fn a_period_with_millions_of_times_is_never_listed() {
    let list = |most: u32| (0..most).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let all = format!("BYHOUR={};BYMINUTE={};BYSECOND={}", list(24), list(60), list(60));
    let text = format!(
        "FREQ=YEARLY;BYMONTH={};BYDAY=MO,TU,WE,TH,FR,SA,SU;{all}",
        list(13).replace("0,1,", "1,")
    );
    let found =
        rule(&text).local_times_from(local("2015-01-01T00:00:00"), local("2026-06-30T23:59:58"));
    let found: Vec<String> = found.take(3).map(|time| time.to_string()).collect();
    assert_eq!(found, ["2026-06-30T23:59:58", "2026-06-30T23:59:59", "2026-07-01T00:00:00"]);
    let last = rule(&format!("{text};BYSETPOS=-1,366")).local_times(local("2026-01-01T00:00:00"));
    let last: Vec<String> = last.take(2).map(|time| time.to_string()).collect();
    assert_eq!(last, ["2026-01-01T00:06:05", "2026-12-31T23:59:59"]);
}

#[test]
fn the_calendar_ends_without_a_crash() {
    for frequency in Frequency::ALL {
        for (start, first) in [("9999-12-31T23:59:59", true), ("-009999-01-01T00:00:00", false)] {
            let text = format!("FREQ={frequency};INTERVAL=999999999");
            let mut times = rule(&text).local_times(local(start));
            assert_eq!(times.next(), Some(local(start)), "{text}");
            assert!(!first || times.next().is_none());
            for zone in ["Pacific/Kiritimati", "America/Los_Angeles", "UTC"] {
                let event = Recurrence::new(by_rule(start, zone, &format!("FREQ={frequency}")));
                let Ok(event) = event else { continue };
                for from in [i64::MIN, -377_705_116_800_000, 0, 253_402_300_799_000, i64::MAX] {
                    assert!(event.occurrences_from(Timestamp::from_ms(from)).take(3).count() <= 3);
                }
                event.occurrence(DateTime::MAX);
                event.occurrence(DateTime::MIN);
            }
        }
    }
    for until in ["00000101", "99991231", "99991231T235959", "99991231T235959Z"] {
        let when = by_rule("2026-01-01T00:00", "UTC", "FREQ=YEARLY");
        let rule = Some(rule(&format!("FREQ=YEARLY;UNTIL={until}")));
        let years = Recurrence::new(When { rule, ..when });
        let years = years.map(|event| event.occurrences_from(Timestamp::from_ms(0)).count());
        assert!(years.is_err() || years.is_ok_and(|years| years > 7_900));
    }
}

#[test]
fn a_search_begins_where_it_is_asked_for() {
    for (text, expected) in [
        ("FREQ=SECONDLY", "11-22 00:00 +00:00"),
        ("FREQ=MINUTELY;INTERVAL=11", "11-22 00:10 +00:00"),
        ("FREQ=DAILY", "11-22 09:00 +00:00"),
        ("FREQ=WEEKLY;INTERVAL=3;BYDAY=TH,SU", "11-26 09:00 +00:00"),
    ] {
        let event = recurrence(by_rule("2015-01-01T09:00", "Europe/London", text));
        assert_eq!(shown(&event, "2026-11-22T00:00:00Z", 1), [expected], "{text}");
    }
}
