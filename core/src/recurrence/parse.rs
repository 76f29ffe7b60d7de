//! Reads a rule from the text that people and calendars write (RFC 5545 3.3.10).
//!
//! What the RFC forbids is refused with the part that is wrong. This file must never guess what
//! was meant.

use jiff::civil::{Date, DateTime, Time, Weekday};

use super::rule::{COUNT_MAX, End, INTERVAL_MAX, NthWeekday, Rule, TEXT_MAX, Until, letters};
use super::table::{By, Effect, Frequency};

/// Says what is wrong with a rule, in words that follow the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It is longer than [`TEXT_MAX`].
    #[error("must have at most {TEXT_MAX} bytes")]
    Long,
    /// It holds more than one rule.
    #[error(
        "must be one rule such as FREQ=WEEKLY;BYDAY=MO: start, RDATE and EXDATE have fields of their own"
    )]
    NotOneRule,
    /// A part is not a name and a value.
    #[error("has `{0}` where a part such as BYDAY=MO belongs")]
    Malformed(String),
    /// There is no such part.
    #[error("has the part `{0}`, which RFC 5545 does not know")]
    Unknown(String),
    /// A part is there more than once.
    #[error("says {0} more than once")]
    Twice(String),
    /// It does not say how often.
    #[error("must say how often, such as FREQ=WEEKLY")]
    NoFrequency,
    /// A part has a value that it does not take.
    #[error("has `{value}` in {part}, which takes {expected}")]
    Value {
        /// The part's name.
        part: &'static str,
        /// What it says.
        value: String,
        /// What it could say.
        expected: String,
    },
    /// Two parts end the rule.
    #[error("says both COUNT and UNTIL, of which only one can end it")]
    CountAndUntil,
    /// A part is there that this frequency refuses.
    #[error("has {part}, which cannot be said with FREQ={frequency}")]
    NotWith {
        /// The part's name.
        part: &'static str,
        /// The rule's frequency.
        frequency: Frequency,
    },
    /// Weekdays are counted where there is nothing to count them in.
    #[error(
        "counts weekdays (as 1MO does), which needs FREQ=MONTHLY, or FREQ=YEARLY without BYWEEKNO"
    )]
    Nth,
    /// There is nothing to choose from.
    #[error("has BYSETPOS, which needs another BY part to choose from")]
    PositionAlone,
}

impl Rule {
    /// Reads the value of an `RRULE`, in either case, with or without `RRULE:` before it.
    ///
    /// A second 60 is read as 59, as RFC 5545 3.3.12 has it for who knows no leap seconds.
    ///
    /// # Errors
    /// The RFC forbids it (3.3.10), or it goes beyond [`TEXT_MAX`], [`COUNT_MAX`] or
    /// [`INTERVAL_MAX`]; the error names the part.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        if text.len() > TEXT_MAX {
            return Err(RuleError::Long);
        }
        let text = text.trim().to_ascii_uppercase();
        let text = text.strip_prefix("RRULE:").unwrap_or(&text);
        let is_property = text.split_once(':').is_some_and(|(name, _)| !name.contains('='));
        if is_property || text.contains(['\n', '\r']) || text.starts_with("DTSTART") {
            return Err(RuleError::NotOneRule);
        }
        let mut said = Said::default();
        for part in text.split(';') {
            said.take(part)?;
        }
        said.into_rule()
    }
}

/// The parts that were read so far.
#[derive(Default)]
struct Said {
    frequency: Option<Frequency>,
    interval: Option<u32>,
    count: Option<u32>,
    until: Option<Until>,
    numbers: [Vec<i16>; By::ALL.len()],
    weekdays: Vec<NthWeekday>,
    week_start: Option<Weekday>,
}

impl Said {
    fn take(&mut self, part: &str) -> Result<(), RuleError> {
        let malformed = || RuleError::Malformed(part.to_owned());
        let (name, value) = part.split_once('=').ok_or_else(malformed)?;
        match name {
            "FREQ" => once(&mut self.frequency, name, frequency(value)?),
            "INTERVAL" => once(&mut self.interval, name, whole("INTERVAL", value, INTERVAL_MAX)?),
            "COUNT" => once(&mut self.count, name, whole("COUNT", value, COUNT_MAX)?),
            "UNTIL" => once(&mut self.until, name, until(value)?),
            "WKST" => {
                let day = weekday(value).ok_or_else(|| wrong("WKST", value, "MO to SU"))?;
                once(&mut self.week_start, name, day)
            }
            _ => match By::ALL.into_iter().find(|by| by.name() == name) {
                Some(By::Day) if self.weekdays.is_empty() => {
                    self.weekdays = weekdays(value)?;
                    Ok(())
                }
                Some(by) if by != By::Day && self.numbers[by as usize].is_empty() => {
                    self.numbers[by as usize] = numbers(by, value)?;
                    Ok(())
                }
                Some(by) => Err(RuleError::Twice(by.name().to_owned())),
                None => Err(RuleError::Unknown(name.to_owned())),
            },
        }
    }

    fn into_rule(self) -> Result<Rule, RuleError> {
        let rule = Rule {
            frequency: self.frequency.ok_or(RuleError::NoFrequency)?,
            interval: self.interval.unwrap_or(1),
            end: match (self.count, self.until) {
                (Some(_), Some(_)) => return Err(RuleError::CountAndUntil),
                (Some(count), None) => End::Count(count),
                (None, Some(until)) => End::Until(until),
                (None, None) => End::Never,
            },
            numbers: self.numbers,
            weekdays: self.weekdays,
            week_start: self.week_start.unwrap_or(Weekday::Monday),
        };
        check(&rule)?;
        Ok(rule)
    }
}

/// Holds the parts to what the RFC says of them together.
fn check(rule: &Rule) -> Result<(), RuleError> {
    let frequency = rule.frequency;
    let is_said = |by: By| match by {
        By::Day => !rule.weekdays.is_empty(),
        _ => !rule.numbers(by).is_empty(),
    };
    let mut said = By::ALL.into_iter().filter(|by| is_said(*by));
    if let Some(by) = said.clone().find(|by| by.effect(frequency) == Effect::Refused) {
        return Err(RuleError::NotWith { part: by.name(), frequency });
    }
    let counts = rule.weekdays.iter().any(|day| day.nth.is_some());
    let can_count = frequency >= Frequency::Monthly && !is_said(By::WeekNo);
    if counts && !can_count {
        return Err(RuleError::Nth);
    }
    if is_said(By::SetPos) && said.all(|by| by == By::SetPos) {
        return Err(RuleError::PositionAlone);
    }
    Ok(())
}

fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), RuleError> {
    match place.replace(value) {
        Some(_) => Err(RuleError::Twice(name.to_owned())),
        None => Ok(()),
    }
}

fn wrong(part: &'static str, value: &str, expected: impl Into<String>) -> RuleError {
    RuleError::Value { part, value: value.to_owned(), expected: expected.into() }
}

fn frequency(value: &str) -> Result<Frequency, RuleError> {
    let known = Frequency::ALL.into_iter().find(|frequency| frequency.name() == value);
    known.ok_or_else(|| wrong("FREQ", value, Frequency::ALL.map(Frequency::name).join(", ")))
}

/// Reads a number from 1 to `most`.
fn whole(part: &'static str, value: &str, most: u32) -> Result<u32, RuleError> {
    let number = digits(value).filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| wrong(part, value, format!("1 to {most}")))
}

fn numbers(by: By, value: &str) -> Result<Vec<i16>, RuleError> {
    let read = |text: &str| {
        let number = by.range().read(text);
        number.ok_or_else(|| wrong(by.name(), text, by.range().to_string()))
    };
    let mut numbers: Vec<i16> = value.split(',').map(read).collect::<Result<_, _>>()?;
    if by == By::Second {
        numbers.iter_mut().for_each(|second| *second = (*second).min(59));
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn weekdays(value: &str) -> Result<Vec<NthWeekday>, RuleError> {
    let read = |text: &str| {
        let (nth, day) = text.split_at_checked(text.len().saturating_sub(2))?;
        let nth = if nth.is_empty() { None } else { Some(By::Day.range().read(nth)?) };
        Some(NthWeekday { nth, weekday: weekday(day)? })
    };
    let expected = || format!("MO to SU, each alone or after a number ({})", By::Day.range());
    let read = |text: &str| read(text).ok_or_else(|| wrong(By::Day.name(), text, expected()));
    let mut days: Vec<NthWeekday> = value.split(',').map(read).collect::<Result<_, _>>()?;
    days.sort_unstable_by_key(|day| (day.weekday.to_monday_zero_offset(), day.nth));
    days.dedup();
    Ok(days)
}

fn weekday(text: &str) -> Option<Weekday> {
    Weekday::Monday.cycle_forward().take(7).find(|day| letters(*day) == text)
}

/// Reads `YYYYMMDD`, `YYYYMMDDTHHMMSS`, or the latter with `Z`.
fn until(value: &str) -> Result<Until, RuleError> {
    let read = || {
        let Some((day, rest)) = value.split_once('T') else {
            return Some(Until::Date(date(value)?));
        };
        let at = DateTime::from_parts(date(day)?, time(rest.strip_suffix('Z').unwrap_or(rest))?);
        Some(if rest.ends_with('Z') { Until::Utc(at) } else { Until::Local(at) })
    };
    let expected = "a date such as 20261231 or a time such as 20261231T235959Z";
    read().ok_or_else(|| wrong("UNTIL", value, expected))
}

fn date(text: &str) -> Option<Date> {
    let number = digits(text).filter(|_| text.len() == 8)?;
    let [year, month, day] = [number / 10_000, number / 100 % 100, number % 100];
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn time(text: &str) -> Option<Time> {
    let number = digits(text).filter(|_| text.len() == 6)?;
    let [hour, minute, second] = [number / 10_000, number / 100 % 100, number % 100];
    let second = if second == 60 { 59 } else { second };
    Time::new(hour.try_into().ok()?, minute.try_into().ok()?, second.try_into().ok()?, 0).ok()
}

fn digits(text: &str) -> Option<u32> {
    let is_number = text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}
