//! Days that a rule names: every part that speaks of days, asked of one day at a time.
//!
//! A day is the number of days since 1970-01-01. This file must never look at a time of day or at
//! how days are grouped into the periods of a rule, but for what weekdays are counted in.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Weekday};

use super::rule::Rule;
use super::table::{By, Frequency};

const EPOCH: Date = Date::constant(1970, 1, 1);

/// What a day must be like.
#[derive(Debug, Clone)]
pub(super) struct Days {
    /// A bit for each month from 1; all where any will do.
    months: u16,
    /// A bit for each day of the month from 1, counted from its begin; and from its end.
    month_days: (u32, u32),
    /// From 1, or counted from the end of the year from -1; as the next two empty where any will do.
    year_days: Vec<i16>,
    week_numbers: Vec<i16>,
    /// A bit for each day of the week from Monday that is named without a number.
    weekdays: u8,
    nth_weekdays: Vec<(i16, Weekday)>,
    counted_in: Group,
    week_start: Weekday,
}

/// In what weekdays are counted.
#[derive(Debug, Clone, Copy)]
enum Group {
    Month,
    Year,
}

impl Days {
    /// Takes what the rule says. Where it names no day at all, the day of the start is meant:
    /// of the year, month or week, or any day where periods are days and shorter.
    pub(super) fn of(rule: &Rule, start: DateTime) -> Self {
        let numbers = |by: By| rule.numbers(by).to_vec();
        let bits = |numbers: &[i16]| numbers.iter().fold(0, |bits, number| bits | 1_u32 << number);
        let (begin, end): (Vec<i16>, Vec<i16>) =
            rule.numbers(By::MonthDay).iter().partition(|number| **number > 0);
        let end: Vec<i16> = end.into_iter().map(i16::abs).collect();
        let named = |by: By| !rule.numbers(by).is_empty();
        let nth = rule.weekdays.iter().filter_map(|day| Some((day.nth?, day.weekday)));
        let every = rule.weekdays.iter().filter(|day| day.nth.is_none());
        let in_months = rule.frequency == Frequency::Monthly || named(By::Month);
        let mut days = Self {
            months: bits(rule.numbers(By::Month)) as u16,
            month_days: (bits(&begin), bits(&end)),
            year_days: numbers(By::YearDay),
            week_numbers: numbers(By::WeekNo),
            weekdays: every.fold(0, |bits, day| bits | weekday_bit(day.weekday)),
            nth_weekdays: nth.collect(),
            counted_in: if in_months { Group::Month } else { Group::Year },
            week_start: rule.week_start,
        };
        if ![By::WeekNo, By::YearDay, By::MonthDay].into_iter().any(named)
            && rule.weekdays.is_empty()
        {
            days.take_from(start, rule.frequency);
        }
        if days.months == 0 {
            days.months = ALL_MONTHS;
        }
        days
    }

    /// Takes the day of the start, by the parts that would expand.
    fn take_from(&mut self, start: DateTime, frequency: Frequency) {
        if By::Month.expands(frequency) && self.months == 0 {
            self.months = 1 << start.month();
        }
        if By::MonthDay.expands(frequency) {
            self.month_days.0 = 1 << start.day();
        } else if By::Day.expands(frequency) {
            self.weekdays = weekday_bit(start.weekday());
        }
    }

    /// Says whether a day is named.
    pub(super) fn holds(&self, day: i64) -> bool {
        date(day).is_some_and(|date| {
            self.has_month(date.month())
                && self.month_days_of(date) >> date.day() & 1 == 1
                && self.holds_otherwise(date)
        })
    }

    /// Adds the days of a month that are named, and gives how many were looked at.
    pub(super) fn of_month(&self, year: i64, month: i8, found: &mut Vec<i64>) -> u32 {
        let first = i16::try_from(year).ok().and_then(|year| Date::new(year, month, 1).ok());
        let Some(first) = first.filter(|_| self.has_month(month)) else { return 1 };
        let number = number(first);
        let mut left = self.month_days_of(first);
        let looks = 1 + left.count_ones();
        while left != 0 {
            let day = number + i64::from(left.trailing_zeros()) - 1;
            if date(day).is_some_and(|date| self.holds_otherwise(date)) {
                found.push(day);
            }
            left &= left - 1;
        }
        looks
    }

    /// Gives a day after one that is not named, before which there is no other that is.
    pub(super) fn skip(&self, day: i64) -> i64 {
        let Some(date) = date(day).filter(|date| !self.has_month(date.month())) else {
            return day + 1;
        };
        date.last_of_month().tomorrow().map_or(i64::MAX, number)
    }

    fn has_month(&self, month: i8) -> bool {
        self.months >> month & 1 == 1
    }

    /// Gives a bit for each day of this date's month that the month's days allow.
    fn month_days_of(&self, date: Date) -> u32 {
        let length = date.days_in_month();
        let all = ((1_u64 << length) - 1) << 1;
        let (begin, end) = self.month_days;
        if begin | end == 0 {
            return all as u32;
        }
        // Of those counted from the end, bit 1 is the last day: turn them round.
        let from_end = u64::from(end).reverse_bits() >> (62 - length);
        ((u64::from(begin) | from_end) & all) as u32
    }

    /// Says whether a day fits all but the months and their days.
    fn holds_otherwise(&self, date: Date) -> bool {
        self.holds_year_day(date) && self.holds_week(date) && self.holds_weekday(date)
    }

    fn holds_year_day(&self, date: Date) -> bool {
        let day = date.day_of_year();
        self.year_days.is_empty() || names(&self.year_days, day, date.days_in_year())
    }

    fn holds_week(&self, date: Date) -> bool {
        self.week_numbers.is_empty()
            || self.week(date).is_some_and(|(week, weeks)| names(&self.week_numbers, week, weeks))
    }

    /// Gives the number of a date's week, and how many weeks the year of that week has.
    ///
    /// A week belongs to the year that has at least four of its days, so to that of its fourth.
    fn week(&self, date: Date) -> Option<(i16, i16)> {
        let fourth = |date: Date| self::date(week_begin(number(date), self.week_start) + 3);
        let number = |fourth: Date| (fourth.day_of_year() - 1) / 7 + 1;
        let this = fourth(date)?;
        // The 28th of December is always in the last week of its year.
        let last = fourth(Date::new(this.year(), 12, 28).ok()?)?;
        Some((number(this), number(last)))
    }

    fn holds_weekday(&self, date: Date) -> bool {
        if self.weekdays == 0 && self.nth_weekdays.is_empty() {
            return true;
        }
        let (place, length) = match self.counted_in {
            Group::Month => (i16::from(date.day()), i16::from(date.days_in_month())),
            Group::Year => (date.day_of_year(), date.days_in_year()),
        };
        let from_begin = (place - 1) / 7 + 1;
        let from_end = -((length - place) / 7 + 1);
        self.weekdays & weekday_bit(date.weekday()) != 0
            || self.nth_weekdays.iter().any(|(nth, weekday)| {
                *weekday == date.weekday() && (*nth == from_begin || *nth == from_end)
            })
    }
}

const ALL_MONTHS: u16 = 0b1_1111_1111_1110;

/// Says whether numbers name a place from 1 of so many, from the begin or from the end.
fn names(numbers: &[i16], place: i16, of: i16) -> bool {
    numbers.contains(&place) || numbers.contains(&(place - of - 1))
}

fn weekday_bit(weekday: Weekday) -> u8 {
    1 << weekday.to_monday_zero_offset()
}

/// Gives the first day of the week that a day is in.
pub(super) fn week_begin(day: i64, week_start: Weekday) -> i64 {
    // 1970-01-01, day 0, was a Thursday.
    day - (day + 3 - i64::from(week_start.to_monday_zero_offset())).rem_euclid(7)
}

/// Gives the number of a date.
pub(super) fn number(date: Date) -> i64 {
    date.duration_since(EPOCH).as_hours() / 24
}

/// Gives the date of a number; none outside of the years -9999 to 9999.
pub(super) fn date(day: i64) -> Option<Date> {
    let hours = day.checked_mul(24)?;
    EPOCH.checked_add(SignedDuration::try_from_hours(hours)?).ok()
}
