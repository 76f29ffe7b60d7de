//! Calendars, letter by letter. That programs which are not ours read them is what
//! `scripts/calendar_judge.py` is for.

use landfall_core::recurrence::Rule;

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn local(text: &str) -> DateTime {
    text.parse().unwrap()
}

fn once(start: &str, zone: &str) -> When {
    let zone = Zone::parse(zone).unwrap();
    When { start: local(start), zone, rule: None, added: vec![], left_out: vec![] }
}

fn by_rule(start: &str, zone: &str, rule: &str) -> When {
    When { rule: Some(Rule::parse(rule).unwrap()), ..once(start, zone) }
}

fn details(title: &str) -> Details<'_> {
    Details {
        title,
        description: None,
        link: None,
        duration_minutes: 90,
        changed: at("2026-09-01T08:00:00.999Z"),
        sequence: 0,
    }
}

fn event(when: &When) -> Event<'_> {
    Event {
        uid: "1@landfall",
        kind: "",
        created: at("2026-08-01T08:00:00Z"),
        when,
        details: details("Maths"),
        changes: vec![],
    }
}

fn text(event: Event<'_>) -> String {
    Calendar { name: "", events: vec![event] }.text()
}

/// Gives the lines of the components of a kind, put together where they were folded.
fn lines(text: &str, component: &str) -> Vec<String> {
    let text = text.replace("\r\n ", "");
    let (begin, end) = (format!("BEGIN:{component}"), format!("END:{component}"));
    let mut is_within = false;
    let mut lines = Vec::new();
    for line in text.split_terminator("\r\n") {
        is_within |= line == begin;
        if is_within {
            lines.push(line.to_owned());
        }
        is_within &= line != end;
    }
    lines
}

/// Gives what a line says, in an event or in a zone.
fn said(text: &str, name: &str) -> Vec<String> {
    let lines = [lines(text, "VEVENT"), lines(text, "VTIMEZONE")].concat();
    lines.into_iter().filter(|line| line.starts_with(name)).collect()
}

fn zone_of(start: &str, zone: &str) -> Vec<String> {
    lines(&text(event(&once(start, zone))), "VTIMEZONE")
}

#[test]
fn a_calendar_without_zones_is_told_in_utc() {
    let when = By { added: &["2026-09-17T10:00"], ..By::NOTHING };
    let when = when.of(by_rule("2026-09-15T14:00", "UTC", "FREQ=DAILY;COUNT=3"));
    let details = Details {
        description: Some("Bring\r\na pen"),
        link: Some("https://example.org/a?b=c,d;e"),
        sequence: u64::MAX,
        ..details("Maths")
    };
    let calendar = Calendar {
        name: "Ada, her calendar",
        events: vec![Event { details, kind: "live_class", ..event(&when) }],
    };
    let expected = "\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Landfall//Calendar//EN
CALSCALE:GREGORIAN
NAME:Ada\\, her calendar
X-WR-CALNAME:Ada\\, her calendar
REFRESH-INTERVAL;VALUE=DURATION:PT1H
X-PUBLISHED-TTL:PT1H
BEGIN:VEVENT
UID:1@landfall
SEQUENCE:2147483647
DTSTAMP:20260901T080000Z
CREATED:20260801T080000Z
LAST-MODIFIED:20260901T080000Z
DTSTART:20260915T140000Z
DURATION:PT1H30M
RRULE:FREQ=DAILY;COUNT=3
RDATE:20260917T100000Z
SUMMARY:Maths
DESCRIPTION:Bring\\na pen
URL:https://example.org/a?b=c,d;e
CATEGORIES:live_class
END:VEVENT
END:VCALENDAR
";
    assert_eq!(calendar.text(), expected.replace('\n', "\r\n"));
}

/// Dates besides a rule.
struct By<'a> {
    added: &'a [&'a str],
    left_out: &'a [&'a str],
}

impl By<'_> {
    const NOTHING: Self = Self { added: &[], left_out: &[] };

    fn of(&self, when: When) -> When {
        let locals = |texts: &[&str]| texts.iter().map(|text| local(text)).collect();
        When { added: locals(self.added), left_out: locals(self.left_out), ..when }
    }
}

#[test]
fn an_event_is_told_in_its_zone_with_the_rules_of_its_clocks() {
    let when = By { added: &[], left_out: &["2026-09-21T09:00", "2026-09-28T09:00"] };
    let when = when.of(by_rule("2026-09-14T09:00", "Europe/Madrid", "FREQ=WEEKLY;UNTIL=20261231"));
    let expected = [
        "BEGIN:VTIMEZONE",
        "TZID:Europe/Madrid",
        "BEGIN:DAYLIGHT",
        "DTSTART:20260329T020000",
        "TZOFFSETFROM:+0100",
        "TZOFFSETTO:+0200",
        "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU",
        "TZNAME:CEST",
        "END:DAYLIGHT",
        "BEGIN:STANDARD",
        "DTSTART:20261025T030000",
        "TZOFFSETFROM:+0200",
        "TZOFFSETTO:+0100",
        "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU",
        "TZNAME:CET",
        "END:STANDARD",
        "END:VTIMEZONE",
    ];
    let text = text(event(&when));
    assert_eq!(lines(&text, "VTIMEZONE"), expected);
    let times = [
        "DTSTART;TZID=Europe/Madrid:20260914T090000",
        "DURATION:PT1H30M",
        "RRULE:FREQ=WEEKLY;UNTIL=20261231T225959Z",
        "EXDATE;TZID=Europe/Madrid:20260921T090000,20260928T090000",
        "SUMMARY:Maths",
        "END:VEVENT",
    ];
    assert_eq!(lines(&text, "VEVENT")[6..], times);
}

#[test]
fn an_occurrence_that_was_changed_alone_is_an_event_of_its_own() {
    let when = By { added: &[], left_out: &["2026-09-21T09:00", "2026-09-28T09:00"] };
    let when = when.of(by_rule("2026-09-14T09:00", "Asia/Kolkata", "FREQ=WEEKLY"));
    let details = Details {
        duration_minutes: 120,
        sequence: 4,
        changed: at("2026-09-20T10:00:00Z"),
        ..details("Maths, moved")
    };
    let (recurrence_id, start) = (local("2026-09-21T09:00"), local("2026-09-22T18:30"));
    let changes = vec![Change { recurrence_id, start, details }];
    let text = text(Event { changes, kind: "exam", ..event(&when) });
    let left_out = "EXDATE;TZID=Asia/Kolkata:20260928T090000".to_owned();
    assert_eq!(said(&text, "EXDATE"), [left_out]);
    let expected = [
        "BEGIN:VEVENT",
        "UID:1@landfall",
        "SEQUENCE:4",
        "DTSTAMP:20260920T100000Z",
        "CREATED:20260801T080000Z",
        "LAST-MODIFIED:20260920T100000Z",
        "RECURRENCE-ID;TZID=Asia/Kolkata:20260921T090000",
        "DTSTART;TZID=Asia/Kolkata:20260922T183000",
        "DURATION:PT2H",
        "SUMMARY:Maths\\, moved",
        "CATEGORIES:exam",
        "END:VEVENT",
    ];
    let all = lines(&text, "VEVENT");
    assert_eq!(all[all.len() - expected.len()..], expected);
}

#[test]
fn words_stay_within_their_line() {
    let check = |words: &str, expected: &str| {
        let when = once("2026-09-15T14:00", "UTC");
        let link = Some("https://example.org/\r\nATTENDEE:x");
        let details = Details { description: Some(words), link, ..details("") };
        let text = text(Event { details, ..event(&when) });
        assert_eq!(said(&text, "DESCRIPTION:"), [format!("DESCRIPTION:{expected}")], "{words:?}");
        assert_eq!(said(&text, "URL:"), ["URL:https://example.org/ATTENDEE:x"]);
        assert!(said(&text, "SUMMARY").is_empty());
    };
    check("a,b;c\\d:\"e\"", "a\\,b\\;c\\\\d:\"e\"");
    check("a\nEND:VEVENT\r\nb\rc", "a\\nEND:VEVENT\\nbc");
    check("a\u{2028}b\u{2029}\u{0}\u{1b}\u{7f}\u{85}\tc", "a\\nb\\n\tc");
}

#[test]
fn lines_fold_after_75_octets_and_between_characters() {
    let folded = |line: &str| {
        let mut lines = Lines::default();
        lines.put(line);
        lines.into_text()
    };
    let [full, more] = [75, 76].map(|letters| "x".repeat(letters));
    assert_eq!(folded(&full), format!("{full}\r\n"));
    assert_eq!(folded(&more), format!("{full}\r\n x\r\n"));
    assert_eq!(folded(&more.repeat(2)), format!("{full}\r\n {}\r\n xxx\r\n", "x".repeat(74)));
    // A character of two octets, and one of four, that would be on both sides of a fold.
    assert_eq!(folded(&format!("{}é", "x".repeat(74))), format!("{}\r\n é\r\n", "x".repeat(74)));
    assert_eq!(folded(&format!("{}😀", "x".repeat(71))), format!("{}😀\r\n", "x".repeat(71)));
    assert_eq!(folded(&format!("{}😀", "x".repeat(72))), format!("{}\r\n 😀\r\n", "x".repeat(72)));
}

#[test]
fn durations_count_minutes_that_pass() {
    let check = |minutes: u32| {
        let mut lines = Lines::default();
        lines.duration(minutes);
        lines.into_text().replace("\r\n", "")
    };
    assert_eq!(
        [0, 45, 60, 61].map(check),
        ["", "DURATION:PT45M", "DURATION:PT1H", "DURATION:PT1H1M"]
    );
    assert_eq!(check(2 * 1_440), "DURATION:PT48H");
}

#[test]
fn a_zone_begins_with_its_first_event_and_is_said_once() {
    let [later, first] = ["2030-01-15T14:00", "2026-01-15T14:00"];
    let [madrid, kolkata, utc] = ["Europe/Madrid", "Asia/Kolkata", "Etc/Zulu"];
    let whens = [once(later, madrid), once(first, kolkata), once(first, utc), once(later, madrid)];
    let mut events: Vec<Event<'_>> = whens.iter().map(event).collect();
    // What takes the place of an occurrence may be before all the others.
    events[3].changes = vec![Change {
        recurrence_id: local(later),
        start: local(first),
        details: details("Maths"),
    }];
    let text = Calendar { name: "", events }.text();
    assert_eq!(said(&text, "TZID:"), [format!("TZID:{kolkata}"), format!("TZID:{madrid}")]);
    let starts = ["DTSTART:19700101T000000", "DTSTART:20251026T030000", "DTSTART:20260329T020000"];
    assert_eq!(said(&text, "DTSTART:2")[1..], starts[1..]);
    assert_eq!(said(&text, "DTSTART:1"), starts[..1]);
}

#[test]
fn a_zone_that_changes_no_clocks_has_one_observance() {
    let expected = |zone: &str, start: &str, offset: &str, name: &str| {
        let lines = [
            "BEGIN:VTIMEZONE",
            &format!("TZID:{zone}"),
            "BEGIN:STANDARD",
            &format!("DTSTART:{start}"),
            &format!("TZOFFSETFROM:{offset}"),
            &format!("TZOFFSETTO:{offset}"),
            &format!("TZNAME:{name}"),
            "END:STANDARD",
            "END:VTIMEZONE",
        ];
        lines.map(str::to_owned)
    };
    let since_ever = "19700101T000000";
    for (zone, offset, name) in [("Asia/Kolkata", "+0530", "IST"), ("Etc/GMT+5", "-0500", "-05")] {
        assert_eq!(zone_of("2026-09-15T14:00", zone), expected(zone, since_ever, offset, name));
    }
    let monrovia = "Africa/Monrovia";
    let early = expected(monrovia, "19650915T140000", "-004430", "MMT");
    assert_eq!(zone_of("1965-09-15T14:00", monrovia)[..8], early[..8]);
}

#[test]
fn what_no_yearly_rule_says_is_listed() {
    let dates = |zone: &str, start: &str, name: &str| -> Vec<String> {
        zone_of(start, zone).into_iter().filter(|line| line.starts_with(name)).collect()
    };
    // The last rule of New York is of 2007.
    let new_york = "America/New_York";
    let starts = ["20041031T020000", "20050403T020000", "20070311T020000", "20071104T020000"];
    assert_eq!(
        dates(new_york, "2005-01-15T14:00", "DTSTART"),
        starts.map(|start| format!("DTSTART:{start}"))
    );
    let others = ["RDATE:20051030T020000,20061029T020000", "RDATE:20060402T020000"];
    assert_eq!(dates(new_york, "2005-01-15T14:00", "RDATE"), others);
    let rules = ["3;BYDAY=2SU", "11;BYDAY=1SU"];
    let rules = rules.map(|rule| format!("RRULE:FREQ=YEARLY;BYMONTH={rule}"));
    assert_eq!(dates(new_york, "2005-01-15T14:00", "RRULE"), rules);
    // Gaza's clocks go by the moon, as far as anybody has reckoned.
    let gaza = dates("Asia/Gaza", "2026-01-15T14:00", "RDATE");
    assert!(gaza.iter().map(|dates| dates.split(',').count()).sum::<usize>() > 150, "{gaza:?}");
    let rule = |month: i8| {
        format!("RRULE:FREQ=YEARLY;BYMONTH={month};BYMONTHDAY=24,25,26,27,28,29,30;BYDAY=SA")
    };
    assert_eq!(dates("Asia/Gaza", "2026-01-15T14:00", "RRULE"), [10, 3].map(rule));
}

#[test]
fn a_rule_names_the_days_of_its_week_where_no_number_does() {
    let rules = |zone: &str| -> Vec<String> {
        let lines = zone_of("2026-06-15T14:00", zone).into_iter();
        lines.filter_map(|line| Some(line.strip_prefix("RRULE:FREQ=YEARLY;")?.to_owned())).collect()
    };
    let santiago = [
        "BYMONTH=4;BYMONTHDAY=2,3,4,5,6,7,8;BYDAY=SU",
        "BYMONTH=9;BYMONTHDAY=2,3,4,5,6,7,8;BYDAY=SU",
    ];
    assert_eq!(rules("America/Santiago"), santiago);
    // The day after the last Thursday of October.
    let cairo = [
        "BYMONTH=4;BYDAY=-1FR",
        "BYMONTH=10;BYMONTHDAY=26,27,28,29,30,31;BYDAY=FR",
        "BYMONTH=11;BYMONTHDAY=1;BYDAY=FR",
    ];
    assert_eq!(rules("Africa/Cairo"), cairo);
    assert_eq!(rules("Australia/Lord_Howe"), ["BYMONTH=4;BYDAY=1SU", "BYMONTH=10;BYDAY=1SU"]);
}

#[test]
fn the_first_and_the_last_years_have_zones_too() {
    for zone in ["Europe/Madrid", "Africa/Cairo", "Asia/Kolkata", "Etc/GMT+12", "UTC"] {
        for start in ["0001-01-01T00:00", "9999-12-31T23:00"] {
            let text = text(event(&once(start, zone)));
            assert_eq!(said(&text, "TZID:").len(), usize::from(zone != "UTC"), "{text}");
            assert!(!said(&text, "DTSTART").is_empty(), "{text}");
        }
    }
    assert_eq!(zone_of("0001-01-01T00:00", "Europe/Madrid")[3], "DTSTART:00010101T000000");
}
