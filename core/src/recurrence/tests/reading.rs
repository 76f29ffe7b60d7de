//! Rules as texts: what is taken, how it is written again, and what is refused with which words.

use super::*;

#[test]
fn equal_rules_are_written_alike() {
    let check = |text: &str, written: &str| {
        assert_eq!(rule(text).to_string(), written);
        assert_eq!(rule(written), rule(text));
    };
    check("FREQ=DAILY", "FREQ=DAILY");
    check(" rrule:wkst=mo;interval=1;freq=daily\n", "FREQ=DAILY");
    check("BYDAY=+2SU,MO,-1SU,MO;FREQ=MONTHLY", "FREQ=MONTHLY;BYDAY=MO,-1SU,2SU");
    check("FREQ=DAILY;BYHOUR=09,7;BYMONTH=12,1", "FREQ=DAILY;BYMONTH=1,12;BYHOUR=7,9");
    check("FREQ=WEEKLY;COUNT=007;WKST=SU", "FREQ=WEEKLY;COUNT=7;WKST=SU");
    check("FREQ=HOURLY;BYSECOND=60,59", "FREQ=HOURLY;BYSECOND=59");
    check("FREQ=DAILY;UNTIL=20261231", "FREQ=DAILY;UNTIL=20261231");
    check("FREQ=DAILY;UNTIL=20261231T235960", "FREQ=DAILY;UNTIL=20261231T235959");
    check("FREQ=DAILY;UNTIL=20261231T070000Z", "FREQ=DAILY;UNTIL=20261231T070000Z");
    check("FREQ=YEARLY;BYYEARDAY=-366,+366", "FREQ=YEARLY;BYYEARDAY=-366,366");
}

fn check(text: &str, error: &str) {
    assert_eq!(Rule::parse(text).unwrap_err().to_string(), error, "{text}");
}

#[test]
fn what_is_wrong_is_said_of_the_part() {
    check("", "has `` where a part such as BYDAY=MO belongs");
    check("FREQ=DAILY;", "has `` where a part such as BYDAY=MO belongs");
    check("INTERVAL=2", "must say how often, such as FREQ=WEEKLY");
    check("FREQ=DAILY;FREQ=DAILY", "says FREQ more than once");
    check("FREQ=DAILY;BYHOUR=1;BYHOUR=2", "says BYHOUR more than once");
    check("FREQ=WEEKLY;BYDAY=MO;BYDAY=TU", "says BYDAY more than once");
    check("FREQ=DAILY;X-DAY=1", "has the part `X-DAY`, which RFC 5545 does not know");
    check("FREQ=DAILY;BYEASTER=1", "has the part `BYEASTER`, which RFC 5545 does not know");
    let both = "says both COUNT and UNTIL, of which only one can end it";
    check("FREQ=DAILY;COUNT=1;UNTIL=20260101", both);
    check("FREQ=DAILY;INTERVAL=0", "has `0` in INTERVAL, which takes 1 to 999999999");
    check("FREQ=DAILY;COUNT=10001", "has `10001` in COUNT, which takes 1 to 10000");
    check("FREQ=DAILY;COUNT=+1", "has `+1` in COUNT, which takes 1 to 10000");
    check("FREQ=DAILY;BYMONTH=13", "has `13` in BYMONTH, which takes 1 to 12");
    check("FREQ=DAILY;BYMONTH=+1", "has `+1` in BYMONTH, which takes 1 to 12");
    check("FREQ=DAILY;BYHOUR=1,,2", "has `` in BYHOUR, which takes 0 to 23");
    check("FREQ=DAILY;BYSECOND=61", "has `61` in BYSECOND, which takes 0 to 60");
    let days = "has `0` in BYMONTHDAY, which takes 1 to 31 or -31 to -1";
    check("FREQ=DAILY;BYMONTHDAY=0", days);
}

#[test]
fn what_is_wrong_with_a_value_of_words_is_said_with_what_it_takes() {
    let week = "MO to SU, each alone or after a number (1 to 53 or -53 to -1)";
    for (text, day) in [("XX", "XX"), ("0MO", "0MO"), ("54MO", "54MO"), ("MO,", ""), ("É", "É")] {
        let error = format!("has `{day}` in BYDAY, which takes {week}");
        check(&format!("FREQ=MONTHLY;BYDAY={text}"), &error);
    }
    check("FREQ=MONTHLY;WKST=1MO", "has `1MO` in WKST, which takes MO to SU");
    let error = Rule::parse("FREQ=FORTNIGHTLY").unwrap_err().to_string();
    assert!(error.starts_with("has `FORTNIGHTLY` in FREQ, which takes SECONDLY, MINUTELY"));
    let expected = "a date such as 20261231 or a time such as 20261231T235959Z";
    for text in [
        "2026-12-31",
        "2026-12-31T09:00:00Z",
        "20260230",
        "20260101T240000",
        "20260101T0000",
        "20260101Z",
        "",
    ] {
        let error = format!("has `{text}` in UNTIL, which takes {expected}");
        check(&format!("FREQ=DAILY;UNTIL={text}"), &error);
    }
}

#[test]
fn what_the_rfc_forbids_together_is_refused() {
    let refused = |text: &str| Rule::parse(text).unwrap_err();
    for frequency in ["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY"] {
        let text = format!("FREQ={frequency};BYWEEKNO=1");
        let error = format!("has BYWEEKNO, which cannot be said with FREQ={frequency}");
        assert_eq!(refused(&text).to_string(), error);
    }
    for frequency in ["DAILY", "WEEKLY", "MONTHLY"] {
        let error = refused(&format!("FREQ={frequency};BYYEARDAY=1"));
        assert!(matches!(error, RuleError::NotWith { part: "BYYEARDAY", .. }));
    }
    let error = refused("FREQ=WEEKLY;BYMONTHDAY=1");
    assert!(matches!(error, RuleError::NotWith { part: "BYMONTHDAY", .. }));
    for text in ["FREQ=DAILY;BYDAY=1MO", "FREQ=WEEKLY;BYDAY=1MO"] {
        assert_eq!(refused(text), RuleError::Nth);
    }
    assert_eq!(refused("FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO"), RuleError::Nth);
    assert_eq!(refused("FREQ=DAILY;BYSETPOS=1"), RuleError::PositionAlone);
}

#[test]
fn a_rule_comes_alone() {
    for text in [
        "DTSTART:20260101T090000\nRRULE:FREQ=DAILY",
        "FREQ=DAILY\r\nEXDATE:20260101T090000",
        "RRULE:RRULE:FREQ=DAILY",
        "DTSTART=20260101;FREQ=DAILY",
        "EXRULE:FREQ=DAILY",
    ] {
        assert_eq!(Rule::parse(text), Err(RuleError::NotOneRule), "{text}");
    }
    let long = format!("FREQ=DAILY;BYHOUR={}", "1,".repeat(500));
    assert_eq!(Rule::parse(&long), Err(RuleError::Long));
}
