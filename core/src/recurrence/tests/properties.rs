//! What holds for every rule, on rules that nobody chose.

use proptest::prelude::*;

use super::*;

fn numbers(least: i16, most: i16) -> impl Strategy<Value = String> {
    let number = (least..=most).prop_filter("a place is not 0", move |n| least >= 0 || *n != 0);
    prop::collection::vec(number, 1..4)
        .prop_map(|all| all.iter().map(i16::to_string).collect::<Vec<_>>().join(","))
}

/// A part that may be there or not.
fn part(name: &'static str, value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::option::weighted(0.2, value)
        .prop_map(move |value| value.map_or(String::new(), |value| format!(";{name}={value}")))
}

fn end() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        1 => (1_u32..40).prop_map(|count| format!(";COUNT={count}")),
        1 => (2026..2031, 1..=12).prop_map(|(year, month)| format!(";UNTIL={year}{month:02}01")),
        1 => (2026..2031, 1..=12)
            .prop_map(|(year, month)| format!(";UNTIL={year}{month:02}01T013000Z")),
    ]
}

/// Texts of rules, of which the RFC refuses some.
fn rules() -> impl Strategy<Value = Rule> {
    let weekdays = prop::sample::subsequence(vec!["MO", "WE", "1SU", "-1FR", "SA"], 1..4);
    let days = (
        part("BYMONTH", numbers(1, 12)),
        part("BYWEEKNO", numbers(-53, 53)),
        part("BYYEARDAY", numbers(-366, 366)),
        part("BYMONTHDAY", numbers(-31, 31)),
        part("BYDAY", weekdays.prop_map(|days| days.join(","))),
    );
    let times = (
        part("BYHOUR", numbers(0, 23)),
        part("BYMINUTE", numbers(0, 59)),
        part("BYSECOND", numbers(0, 60)),
        part("BYSETPOS", numbers(-4, 4)),
    );
    let frequency = prop::sample::select(Frequency::ALL.to_vec());
    let texts = (frequency, 1_u32..6, days, times, end()).prop_map(|(often, every, d, t, end)| {
        let days = [d.0, d.1, d.2, d.3, d.4].concat();
        let times = [t.0, t.1, t.2, t.3].concat();
        format!("FREQ={often};INTERVAL={every}{days}{times}{end}")
    });
    texts.prop_filter_map("the RFC forbids it", |text| Rule::parse(&text).ok())
}

/// Events in zones that change their clocks in many ways, near a change; those of them that are.
fn events() -> impl Strategy<Value = Recurrence> {
    let zones = [
        "Europe/London",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Antarctica/Troll",
        "America/New_York",
        "Asia/Kathmandu",
    ];
    let starts = [
        "2026-03-08T00:00:00",
        "2026-03-28T22:30:00",
        "2026-04-04T12:15:00",
        "2026-10-25T01:30:00",
    ];
    let lists = prop::collection::vec((0_i64..30, 0_i64..48), 0..4);
    let parts =
        (rules(), prop::sample::select(zones.to_vec()), prop::sample::select(starts.to_vec()));
    (parts, lists.clone(), lists).prop_filter_map("it is never", |(parts, added, left_out)| {
        let (rule, zone_name, start) = parts;
        let start = rule.local_times(local(start)).next()?;
        let day = |(day, half): &(i64, i64)| {
            start.checked_add(jiff::SignedDuration::from_mins(day * 1_440 + half * 30)).ok()
        };
        let list = |days: &[(i64, i64)]| days.iter().filter_map(day).collect::<Vec<_>>();
        let (zone, added, left_out) = (zone(zone_name), list(&added), list(&left_out));
        Recurrence::new(When { start, zone, rule: Some(rule), added, left_out }).ok()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_as_the_same(rule in rules()) {
        let written = rule.to_string();
        prop_assert_eq!(Rule::parse(&written), Ok(rule), "{}", written);
    }

    #[test]
    fn no_text_breaks_the_reader(text in "(FREQ=DAILY;|BY|DAY|UNTIL=|T|Z|[0-9]{1,9}|[-+,;=:é]){0,12}") {
        let _ = Rule::parse(&text);
    }

    #[test]
    fn occurrences_come_in_order_and_once(event in events()) {
        let found: Vec<Timestamp> =
            event.occurrences_from(Timestamp::from_ms(0)).map(|one| one.at).take(60).collect();
        prop_assert!(found.is_sorted_by(|one, next| one < next), "{:?}", found);
    }

    #[test]
    fn a_search_from_the_middle_finds_what_one_from_the_start_does(
        event in events(), place in 0_usize..60, ms in -1_i64..=1,
    ) {
        let all: Vec<Occurrence> =
            event.occurrences_from(Timestamp::from_ms(0)).take(60).collect();
        let Some(from) = all.get(place).map(|one| one.at.plus_ms(ms)) else { return Ok(()) };
        let expected: Vec<Occurrence> = all.iter().copied().filter(|one| one.at >= from).collect();
        let found: Vec<Occurrence> = event.occurrences_from(from).take(expected.len()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn an_occurrence_is_found_by_its_name(event in events()) {
        for one in event.occurrences_from(Timestamp::from_ms(0)).take(20) {
            let named = event.occurrence(one.local);
            prop_assert_eq!(named.map(|named| named.local), Some(one.local));
        }
    }
}
