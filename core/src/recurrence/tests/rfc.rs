//! The examples of RFC 5545 3.8.5.3, in its order. Nothing else: what we added to it is elsewhere.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};

use super::*;

/// Checks the first occurrences in New York, or all of a rule that ends.
///
/// Expected is written as `1997: 9/2 9/3T10:20 …`; without a time that of the start is meant, and
/// a last `…` says that there are more.
fn check(start: &str, text: &str, expected: &str) {
    let start = local(start);
    let found = recurrence(by_rule(&start.to_string(), "America/New_York", text));
    let (expected, goes_on) = match expected.strip_suffix(" …") {
        Some(expected) => (times(start, expected), 0),
        None => (times(start, expected), 1),
    };
    let from = found.occurrences_from(Timestamp::from_ms(0));
    let found: Vec<DateTime> = from.map(|one| one.local).take(expected.len() + goes_on).collect();
    assert_eq!(found, expected, "{text}");
}

fn times(start: DateTime, written: &str) -> Vec<DateTime> {
    let mut year = start.year();
    let mut times = Vec::new();
    for word in written.split(' ') {
        if let Some(next) = word.strip_suffix(':') {
            year = next.parse().unwrap();
            continue;
        }
        let (date, time) = word.split_once('T').map_or((word, None), |(d, t)| (d, Some(t)));
        let (month, day) = date.split_once('/').unwrap();
        let date = Date::new(year, month.parse().unwrap(), day.parse().unwrap()).unwrap();
        let time = time.map_or(start.time(), |time| time.parse().unwrap());
        times.push(date.to_datetime(time));
    }
    times
}

/// Checks how many occurrences there are, and the last.
fn check_all(start: &str, text: &str, count: usize, last: &str) {
    let found = recurrence(by_rule(start, "America/New_York", text));
    let found: Vec<DateTime> =
        found.occurrences_from(Timestamp::from_ms(0)).map(|one| one.local).collect();
    assert_eq!((found.len(), found.last()), (count, Some(&local(last))), "{text}");
}

const START: &str = "1997-09-02T09:00:00";

#[test]
fn days() {
    check(START, "FREQ=DAILY;COUNT=10", "1997: 9/2 9/3 9/4 9/5 9/6 9/7 9/8 9/9 9/10 9/11");
    check_all(START, "FREQ=DAILY;UNTIL=19971224T000000Z", 113, "1997-12-23T09:00:00");
    check(START, "FREQ=DAILY;INTERVAL=2", "1997: 9/2 9/4 9/6 9/8 …");
    check(START, "FREQ=DAILY;INTERVAL=10;COUNT=5", "1997: 9/2 9/12 9/22 10/2 10/12");
    for january in ["FREQ=YEARLY;BYDAY=SU,MO,TU,WE,TH,FR,SA", "FREQ=DAILY"] {
        let text = format!("{january};UNTIL=20000131T140000Z;BYMONTH=1");
        check_all("1998-01-01T09:00:00", &text, 93, "2000-01-31T09:00:00");
    }
}

#[test]
fn weeks() {
    let ten = "1997: 9/2 9/9 9/16 9/23 9/30 10/7 10/14 10/21 10/28 11/4";
    check(START, "FREQ=WEEKLY;COUNT=10", ten);
    check_all(START, "FREQ=WEEKLY;UNTIL=19971224T000000Z", 17, "1997-12-23T09:00:00");
    let other = "1997: 9/2 9/16 9/30 10/14 10/28 11/11 11/25 12/9 12/23 1998: 1/6 1/20 2/3 …";
    check(START, "FREQ=WEEKLY;INTERVAL=2;WKST=SU", other);
    let five = "1997: 9/2 9/4 9/9 9/11 9/16 9/18 9/23 9/25 9/30 10/2";
    check(START, "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH", five);
    check(START, "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", five);
    check(
        "1997-09-01T09:00:00",
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        "1997: 9/1 9/3 9/5 9/15 9/17 9/19 9/29 10/1 10/3 10/13 10/15 10/17 10/27 10/29 10/31 \
         11/10 11/12 11/14 11/24 11/26 11/28 12/8 12/10 12/12 12/22",
    );
    let eight = "1997: 9/2 9/4 9/16 9/18 9/30 10/2 10/14 10/16";
    check(START, "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", eight);
    let start = "1997-08-05T09:00:00";
    let rule = "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=";
    check(start, &format!("{rule}MO"), "1997: 8/5 8/10 8/19 8/24");
    check(start, &format!("{rule}SU"), "1997: 8/5 8/17 8/19 8/31");
}

#[test]
fn weekdays_of_months() {
    let first = "1997: 9/5 10/3 11/7 12/5 1998: 1/2 2/6 3/6 4/3 5/1 6/5";
    check("1997-09-05T09:00:00", "FREQ=MONTHLY;COUNT=10;BYDAY=1FR", first);
    let until = "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR";
    check("1997-09-05T09:00:00", until, "1997: 9/5 10/3 11/7 12/5");
    let both = "1997: 9/7 9/28 11/2 11/30 1998: 1/4 1/25 3/1 3/29 5/3 5/31";
    check("1997-09-07T09:00:00", "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU", both);
    let last = "1997: 9/22 10/20 11/17 12/22 1998: 1/19 2/16";
    check("1997-09-22T09:00:00", "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", last);
    let tuesdays =
        "1997: 9/2 9/9 9/16 9/23 9/30 11/4 11/11 11/18 11/25 1998: 1/6 1/13 1/20 1/27 3/3 …";
    check(START, "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU", tuesdays);
    let unlucky = "1998: 2/13 3/13 11/13 1999: 8/13 2000: 10/13 …";
    check("1998-02-13T09:00:00", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", unlucky);
    let rule = "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13";
    let saturdays = "1997: 9/13 10/11 11/8 12/13 1998: 1/10 2/7 3/7 4/11 5/9 6/13 …";
    check("1997-09-13T09:00:00", rule, saturdays);
    let third = "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3";
    check("1997-09-04T09:00:00", third, "1997: 9/4 10/7 11/6");
    let last_but_one = "1997: 9/29 10/30 11/27 12/30 1998: 1/29 2/26 3/30 …";
    check("1997-09-29T09:00:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", last_but_one);
}

#[test]
fn days_of_months() {
    let third_last = "1997: 9/28 10/29 11/28 12/29 1998: 1/29 2/26 …";
    check("1997-09-28T09:00:00", "FREQ=MONTHLY;BYMONTHDAY=-3", third_last);
    let two = "1997: 9/2 9/15 10/2 10/15 11/2 11/15 12/2 12/15 1998: 1/2 1/15";
    check(START, "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15", two);
    let ends = "1997: 9/30 10/1 10/31 11/1 11/30 12/1 12/31 1998: 1/1 1/31 2/1";
    check("1997-09-30T09:00:00", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1", ends);
    let rule = "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15";
    let later = "1997: 9/10 9/11 9/12 9/13 9/14 9/15 1999: 3/10 3/11 3/12 3/13";
    check("1997-09-10T09:00:00", rule, later);
    let invalid = "2007: 1/15 1/30 2/15 3/15 3/30";
    check("2007-01-15T09:00:00", "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", invalid);
}

#[test]
fn years() {
    let summers = "1997: 6/10 7/10 1998: 6/10 7/10 1999: 6/10 7/10 2000: 6/10 7/10 2001: 6/10 7/10";
    check("1997-06-10T09:00:00", "FREQ=YEARLY;COUNT=10;BYMONTH=6,7", summers);
    let winters = "1997: 3/10 1999: 1/10 2/10 3/10 2001: 1/10 2/10 3/10 2003: 1/10 2/10 3/10";
    check("1997-03-10T09:00:00", "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3", winters);
    let rule = "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200";
    let days = "1997: 1/1 4/10 7/19 2000: 1/1 4/9 7/18 2003: 1/1 4/10 7/19 2006: 1/1";
    check("1997-01-01T09:00:00", rule, days);
    let twentieth = "1997: 5/19 1998: 5/18 1999: 5/17 …";
    check("1997-05-19T09:00:00", "FREQ=YEARLY;BYDAY=20MO", twentieth);
    let week = "1997: 5/12 1998: 5/11 1999: 5/17 …";
    check("1997-05-12T09:00:00", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", week);
    let march = "1997: 3/13 3/20 3/27 1998: 3/5 3/12 3/19 3/26 1999: 3/4 3/11 3/18 3/25 …";
    check("1997-03-13T09:00:00", "FREQ=YEARLY;BYMONTH=3;BYDAY=TH", march);
    let summer = "1997: 6/5 6/12 6/19 6/26 7/3 7/10 7/17 7/24 7/31 8/7 8/14 8/21 8/28 1998: 6/4 …";
    check("1997-06-05T09:00:00", "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8", summer);
    let rule = "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8";
    check("1996-11-05T09:00:00", rule, "1996: 11/5 2000: 11/7 2004: 11/2 …");
}

#[test]
fn parts_of_days() {
    // The RFC's own text says 170000Z here, which is before its third occurrence (erratum 3883).
    let until = "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z";
    check(START, until, "1997: 9/2T09:00 9/2T12:00 9/2T15:00");
    let quarters = "1997: 9/2T09:00 9/2T09:15 9/2T09:30 9/2T09:45 9/2T10:00 9/2T10:15";
    check(START, "FREQ=MINUTELY;INTERVAL=15;COUNT=6", quarters);
    let ninety = "1997: 9/2T09:00 9/2T10:30 9/2T12:00 9/2T13:30";
    check(START, "FREQ=MINUTELY;INTERVAL=90;COUNT=4", ninety);
    let hours = "BYHOUR=9,10,11,12,13,14,15,16";
    let minutes = (0..24).map(|step| local(START) + (20 * step).minutes());
    let next_day = minutes.clone().map(|time| time + 1.day());
    let both: Vec<DateTime> = minutes.chain(next_day).collect();
    for every in ["FREQ=DAILY;BYMINUTE=0,20,40", "FREQ=MINUTELY;INTERVAL=20"] {
        let rule = rule(&format!("{every};{hours}"));
        assert_eq!(rule.local_times(local(START)).take(48).collect::<Vec<_>>(), both);
    }
}
