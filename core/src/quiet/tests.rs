//! Quiet hours by table, and against a clock that is looked at minute by minute.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn hours(start: &str, end: &str, zone: &str) -> QuietHours {
    let minute = |text| MinuteOfDay::parse(text).unwrap();
    QuietHours { start: minute(start), end: minute(end), zone: Zone::parse(zone).unwrap() }
}

fn check(quiet: &QuietHours, now: &str, expected: &str) {
    let until = quiet.held_until(at(now)).map(|until| until.to_string());
    assert_eq!(until.as_deref().unwrap_or("not quiet"), expected, "at {now}");
}

#[test]
fn a_minute_is_read_as_it_is_written() {
    let check = |text: &str| MinuteOfDay::parse(text).map(|minute| minute.to_string());
    for text in ["00:00", "07:05", "23:59"] {
        assert_eq!(check(text), Ok(text.into()));
    }
    for text in ["", "7:05", "24:00", "12:60", "12", "12:5", "+1:00", "12:00:00", "ab:cd", "٠٧:٠٥"]
    {
        assert_eq!(check(text), Err(MinuteError), "{text}");
    }
    assert_eq!(MinuteOfDay::new(1_439).map(MinuteOfDay::number), Ok(1_439));
    assert_eq!(MinuteOfDay::new(1_440), Err(MinuteError));
}

#[test]
fn the_start_is_quiet_and_the_end_is_not() {
    let noon = hours("12:00", "14:00", "UTC");
    check(&noon, "2026-05-01T11:59:59.999Z", "not quiet");
    check(&noon, "2026-05-01T12:00:00Z", "2026-05-01T14:00:00.000Z");
    check(&noon, "2026-05-01T13:59:59.999Z", "2026-05-01T14:00:00.000Z");
    check(&noon, "2026-05-01T14:00:00Z", "not quiet");
}

#[test]
fn they_last_over_midnight_where_the_person_is() {
    let night = hours("22:00", "07:00", "Asia/Kolkata");
    check(&night, "2026-05-01T16:29:00Z", "not quiet");
    check(&night, "2026-05-01T16:30:00Z", "2026-05-02T01:30:00.000Z");
    check(&night, "2026-05-01T20:00:00Z", "2026-05-02T01:30:00.000Z");
    check(&night, "2026-05-02T01:30:00Z", "not quiet");
}

#[test]
fn equal_ends_are_never_quiet_and_all_but_a_minute_nearly_always() {
    check(&hours("08:00", "08:00", "UTC"), "2026-05-01T08:00:00Z", "not quiet");
    let ever = hours("00:00", "23:59", "UTC");
    check(&ever, "2026-05-01T00:00:00Z", "2026-05-01T23:59:00.000Z");
    check(&ever, "2026-05-01T23:59:00Z", "not quiet");
}

#[test]
fn a_night_with_a_clock_put_forward_is_an_hour_shorter() {
    // 02:00 is followed by 03:00 on this night.
    let night = hours("22:00", "07:00", "Europe/Madrid");
    check(&night, "2026-03-28T21:00:00Z", "2026-03-29T05:00:00.000Z");
    // What would end within the hour that is left out ends where it begins.
    let gap = hours("22:00", "02:30", "Europe/Madrid");
    check(&gap, "2026-03-29T00:59:00Z", "2026-03-29T01:00:00.000Z");
    // What would begin within it has begun when it is over.
    let start = hours("02:30", "04:00", "Europe/Madrid");
    check(&start, "2026-03-29T00:59:59Z", "not quiet");
    check(&start, "2026-03-29T01:00:00Z", "2026-03-29T02:00:00.000Z");
    // All of it lies within it: on that night there is none.
    let whole = hours("02:10", "02:50", "Europe/Madrid");
    check(&whole, "2026-03-29T01:00:00Z", "not quiet");
}

#[test]
fn a_night_with_a_clock_put_back_is_an_hour_longer() {
    // 03:00 is followed by 02:00 on this night.
    let night = hours("22:00", "07:00", "Europe/Madrid");
    check(&night, "2026-10-24T20:00:00Z", "2026-10-25T06:00:00.000Z");
    // The hour that comes twice is quiet twice, up to its half.
    let fold = hours("22:00", "02:30", "Europe/Madrid");
    check(&fold, "2026-10-25T00:10:00Z", "2026-10-25T00:30:00.000Z");
    check(&fold, "2026-10-25T00:45:00Z", "not quiet");
    check(&fold, "2026-10-25T01:00:00Z", "2026-10-25T01:30:00.000Z");
    // The clock is put back into quiet hours before they would have ended.
    let end = hours("22:00", "03:00", "Europe/Madrid");
    check(&end, "2026-10-25T00:30:00Z", "2026-10-25T02:00:00.000Z");
}

#[test]
fn a_change_that_swallows_the_waking_part_of_a_day_costs_that_day() {
    // Cairo leaves out the hour after midnight, in which alone it would not be quiet.
    let quiet = hours("00:30", "00:00", "Africa/Cairo");
    check(&quiet, "2026-04-22T22:30:00Z", "2026-04-24T21:00:00.000Z");
}

/// Zones that change by an hour, by half an hour, at midnight, within Ramadan, or never.
const ZONES: [&str; 12] = [
    "UTC",
    "Asia/Kolkata",
    "Europe/Madrid",
    "Europe/Dublin",
    "America/New_York",
    "America/Havana",
    "America/Santiago",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
];

prop_compose! {
    /// Any quiet hours, and a time that is often near a change of the clocks.
    fn nights()(
        zone in prop::sample::select(&ZONES),
        start in 0_u16..1_440,
        end in 0_u16..1_440,
        ms in 1_577_836_800_000_i64..2_145_916_800_000,
        near in prop::option::of(-100_000_000_i64..10_000_000),
    ) -> (QuietHours, Timestamp) {
        let minute = |number| MinuteOfDay::new(number).unwrap();
        let zone = Zone::parse(zone).unwrap();
        let some_time = Timestamp::from_ms(ms);
        let now = match (near, zone.next_change(some_time)) {
            (Some(offset), Some(change)) => change.plus_ms(offset),
            _ => some_time,
        };
        (QuietHours { start: minute(start), end: minute(end), zone }, now)
    }
}

/// What a person sees who looks at the clock on the wall.
fn is_quiet(quiet: &QuietHours, at: Timestamp) -> bool {
    let wall = quiet.zone.wall_ms(at) / MINUTE_MS;
    let (start, end) = (i64::from(quiet.start.number()), i64::from(quiet.end.number()));
    if start <= end { start <= wall && wall < end } else { wall >= start || wall < end }
}

proptest! {
    /// The answer is the first minute after now at which the clock on the wall says so.
    #[test]
    fn quiet_lasts_until_the_clock_says_otherwise((quiet, now) in nights()) {
        let first = now.as_ms() / MINUTE_MS * MINUTE_MS;
        let minutes = (1..=49 * 60).map(|minute| Timestamp::from_ms(first + minute * MINUTE_MS));
        let expected = if is_quiet(&quiet, now) {
            minutes.into_iter().find(|minute| !is_quiet(&quiet, *minute))
        } else {
            None
        };
        prop_assert_eq!(quiet.held_until(now), expected);
    }

    /// It ends: after now, quiet no more, and within 25 hours unless there is hardly a waking part.
    #[test]
    fn quiet_ends((quiet, now) in nights()) {
        if let Some(until) = quiet.held_until(now) {
            prop_assert!(until > now);
            prop_assert_eq!(quiet.held_until(until), None);
            let waking = (quiet.start.as_ms() - quiet.end.as_ms()).rem_euclid(DAY_MS);
            let hours = if waking > 60 * MINUTE_MS { 25 } else { 49 };
            prop_assert!(until.as_ms() - now.as_ms() <= hours * 60 * MINUTE_MS);
        }
    }

    /// Any time is safe, however far from ours.
    #[test]
    fn any_time_is_safe(ms: i64, start in 0_u16..1_440, end in 0_u16..1_440) {
        let minute = |number| MinuteOfDay::new(number).unwrap();
        let zone = Zone::parse("America/New_York").unwrap();
        let quiet = QuietHours { start: minute(start), end: minute(end), zone };
        let _ = quiet.held_until(Timestamp::from_ms(ms));
    }
}
