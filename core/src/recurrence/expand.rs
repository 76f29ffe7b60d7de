//! The times that a rule says from a start on, by a clock that nobody changes.
//!
//! Periods are numbered, so that a search begins at the period it needs, however long ago the
//! rule began. Each period has days and times of day; what fits both is meant. This file must
//! never walk further than [`LOOKS_MAX`] without a find, and must never look at a zone.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Weekday};

use super::days::{Days, date, number, week_begin};
use super::rule::Rule;
use super::table::{By, Frequency};
use super::times::{DAY, Times};

/// How many periods and days one search looks at in vain before it gives up: about 137 years of
/// days. Counting up to where it begins is part of a search.
pub const LOOKS_MAX: u32 = 50_000;

/// Why no more times come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// There are none: the rule has ended, or the calendar has (in the year 9999).
    Over,
    /// There may be, but [`LOOKS_MAX`] looks found none.
    GaveUp,
}

/// A search for the times that a rule says, in order; each is found once.
///
/// `COUNT` is not its affair, nor is the zone of an `UNTIL` in UTC.
#[derive(Debug, Clone)]
pub(super) struct Expansion {
    frequency: Frequency,
    interval: i64,
    week_start: Weekday,
    days: Days,
    times: Times,
    positions: Vec<i64>,
    /// The period to look at next.
    period: i64,
    /// What the period before it has left.
    found: Found,
    /// The earliest time that is wanted, and the latest.
    least: i64,
    last: i64,
    looks: u32,
    ending: Option<Ending>,
}

/// What is meant of a period, in seconds since 1970 by a clock that nobody changes.
#[derive(Debug, Clone)]
struct Found {
    /// Each of these days, as days since 1970, …
    days: Vec<i64>,
    /// … at each of these times.
    times: Times,
    /// What was chosen of that by `BYSETPOS`; unused without.
    chosen: Vec<i64>,
    /// How many of either are behind.
    behind: usize,
}

impl Expansion {
    /// Begins a search for times at or after `from`, and not before the start nor after `last`.
    pub(super) fn of(rule: &Rule, start: DateTime, from: DateTime, last: DateTime) -> Self {
        let times = Times::of(rule, start);
        let mut expansion = Self {
            frequency: rule.frequency,
            interval: i64::from(rule.interval),
            week_start: rule.week_start,
            days: Days::of(rule, start),
            times,
            positions: rule.numbers(By::SetPos).iter().map(|place| i64::from(*place)).collect(),
            period: 0,
            found: Found { days: Vec::new(), times, chosen: Vec::new(), behind: 0 },
            least: seconds(from).max(seconds(start)),
            last: seconds(last),
            looks: 0,
            ending: None,
        };
        expansion.period = expansion.period_of(seconds(start));
        expansion.go_to(expansion.period_of(expansion.least));
        expansion
    }

    /// Says why no more times come; none while they may.
    pub(super) const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Lets the search look [`LOOKS_MAX`] times more.
    pub(super) const fn look_again(&mut self) {
        self.looks = LOOKS_MAX;
    }

    /// Finds the next time, while looks are left.
    pub(super) fn find(&mut self) -> Option<DateTime> {
        while self.ending.is_none() {
            match self.next_found() {
                Some(second) if second > self.last => self.ending = Some(Ending::Over),
                Some(second) => {
                    self.least = second + 1;
                    return civil(second);
                }
                None => self.look(),
            }
        }
        None
    }

    /// Gives the next of what is left of a period.
    fn next_found(&mut self) -> Option<i64> {
        let Found { days, times, chosen, behind } = &mut self.found;
        if !self.positions.is_empty() {
            *behind += chosen[*behind..].iter().take_while(|second| **second < self.least).count();
            return chosen.get(*behind).copied();
        }
        while let Some(day) = days.get(*behind) {
            let midnight = day * DAY;
            let wanted = (self.least - midnight).max(0);
            if wanted < DAY
                && let Some(time) = times.from(wanted)
            {
                return Some(midnight + time);
            }
            *behind += 1;
        }
        None
    }

    /// Looks at a period, or skips those that can have nothing.
    fn look(&mut self) {
        let begin = self.begin_of(self.period);
        if begin > self.last {
            self.ending = Some(Ending::Over);
        } else if let Some(period) = self.skip(begin) {
            self.spend(1);
            self.go_to(period);
        } else {
            let spent = self.fill();
            self.period += self.interval;
            self.spend(if self.found.days.is_empty() { spent } else { spent - 1 });
        }
    }

    /// Counts looks in vain.
    fn spend(&mut self, looks: u32) {
        match self.looks.checked_sub(looks) {
            Some(left) => self.looks = left,
            None => self.ending = Some(Ending::GaveUp),
        }
    }

    /// Goes on to the first of the rule's periods that is not before this one.
    fn go_to(&mut self, period: i64) {
        let missing = (period - self.period).max(0);
        self.period += (missing + self.interval - 1) / self.interval * self.interval;
    }

    /// Finds a later period before which nothing is meant, where periods are days or shorter.
    fn skip(&self, begin: i64) -> Option<i64> {
        if self.frequency > Frequency::Daily {
            return None;
        }
        let (day, second) = (begin.div_euclid(DAY), begin.rem_euclid(DAY));
        let next = if self.days.holds(day) {
            self.times.from(second).map_or((day + 1) * DAY, |time| day * DAY + time)
        } else {
            self.days.skip(day).saturating_mul(DAY)
        };
        let period = self.period_of(next);
        (period > self.period).then_some(period)
    }

    /// Finds what is meant of the period, and gives how many looks that took, at least one.
    fn fill(&mut self) -> u32 {
        let begin = self.begin_of(self.period);
        self.found.behind = 0;
        self.found.days.clear();
        self.found.times = self.times.within(self.frequency, begin.rem_euclid(DAY));
        let spent = self.fill_days(begin.div_euclid(DAY));
        if !self.positions.is_empty() {
            self.choose();
            // A period of which nothing was chosen is as good as one without days.
            if self.found.chosen.is_empty() {
                self.found.days.clear();
            }
        }
        spent
    }

    fn fill_days(&mut self, first: i64) -> u32 {
        let days = &mut self.found.days;
        match self.frequency {
            Frequency::Yearly => {
                (1..=12).map(|month| self.days.of_month(self.period, month, days)).sum()
            }
            Frequency::Monthly => {
                let (year, month) = (self.period.div_euclid(12), self.period.rem_euclid(12));
                self.days.of_month(year, month as i8 + 1, days)
            }
            Frequency::Weekly => {
                days.extend((first..first + 7).filter(|day| self.days.holds(*day)));
                7
            }
            // Only days that hold are not skipped.
            _ => {
                days.push(first);
                1
            }
        }
    }

    /// Keeps the places that `BYSETPOS` names among all days at all times.
    fn choose(&mut self) {
        let Found { days, times, chosen, .. } = &mut self.found;
        let each = times.len();
        let all = days.len() as i64 * each;
        let of = |position: &i64| {
            let place = if *position < 0 { all + position } else { position - 1 };
            let day = days.get(usize::try_from(place.div_euclid(each)).ok()?)?;
            Some(day * DAY + times.nth(place.rem_euclid(each))?)
        };
        *chosen = self.positions.iter().filter_map(of).collect();
        chosen.sort_unstable();
        chosen.dedup();
    }

    /// Gives the number of the period that a second is in.
    fn period_of(&self, second: i64) -> i64 {
        let day = second.div_euclid(DAY);
        let (year, month) = date(day).map_or((i64::from(i16::MAX), 0), |date| {
            (i64::from(date.year()), i64::from(date.month()) - 1)
        });
        match (self.frequency, self.frequency.seconds_within_a_day()) {
            (_, Some(length)) => second.div_euclid(length),
            (Frequency::Weekly, None) => week_begin(day, self.week_start).div_euclid(7),
            (Frequency::Monthly, None) => year * 12 + month,
            (Frequency::Yearly, None) => year,
            (_, None) => day,
        }
    }

    /// Gives the first second of a period; one beyond all for a year that no calendar has.
    fn begin_of(&self, period: i64) -> i64 {
        let first = |year: i64, month: i64| {
            let year = i16::try_from(year).ok();
            let first = year.and_then(|year| Date::new(year, month as i8, 1).ok());
            first.map_or(i64::MAX, |first| number(first) * DAY)
        };
        match (self.frequency, self.frequency.seconds_within_a_day()) {
            (_, Some(length)) => period.saturating_mul(length),
            (Frequency::Weekly, None) => week_begin(period * 7 + 6, self.week_start) * DAY,
            (Frequency::Monthly, None) => first(period.div_euclid(12), period.rem_euclid(12) + 1),
            (Frequency::Yearly, None) => first(period, 1),
            (_, None) => period.saturating_mul(DAY),
        }
    }
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

fn seconds(at: DateTime) -> i64 {
    at.duration_since(EPOCH).as_secs()
}

fn civil(second: i64) -> Option<DateTime> {
    EPOCH.checked_add(SignedDuration::from_secs(second)).ok()
}
