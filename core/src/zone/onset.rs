//! By which offsets a zone tells the time, and from when on.
//!
//! What calendars call an observance (RFC 5545 3.6.5) begins at its onset. This file must never
//! list changes backwards: jiff 0.2.43 has one of Winamac's an hour early there.

use jiff::civil::DateTime;
use jiff::tz::{Dst, Offset, TimeZoneOffsetInfo};
use jiff::{SignedDuration, ToSpan};

use super::Zone;
use crate::time::Timestamp;

/// The beginning of an observance: from here on clocks have another offset, another name of the
/// time they tell, or another kind of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onset {
    /// Since when.
    pub at: Timestamp,
    /// What clocks were ahead of UTC until then (`TZOFFSETFROM`).
    pub offset_from: Offset,
    /// What they are ahead of it since (`TZOFFSETTO`).
    pub offset_to: Offset,
    /// What the time is called since, such as `CEST`, or `-03` where it has no name (`TZNAME`).
    pub name: String,
    /// Which kind of time it is since.
    pub kind: Observance,
}

/// The kinds of time that RFC 5545 3.6.5 knows.
///
/// The tz database says which it is, in the form in which daylight saving time is ahead of standard
/// time: Ireland's is that of summer, although its law has it the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Observance {
    /// Standard time.
    Standard,
    /// Daylight saving time.
    Daylight,
}

impl Onset {
    /// Gives the local time of the onset as the clocks before it have it (`DTSTART` of an
    /// observance).
    pub fn local(&self) -> DateTime {
        self.offset_from.to_datetime(self.at.instant())
    }
}

impl Zone {
    /// Says whether clocks there have always shown UTC, under whatever name.
    pub fn is_utc(&self) -> bool {
        let at = jiff::Timestamp::MIN;
        self.0.to_offset(at) == Offset::UTC && self.0.following(at).next().is_none()
    }

    /// Lists the onsets from that of the observance in force at `from` on, in order.
    ///
    /// There is always a first. Where clocks tell since ever what they tell at `from`, it is at the
    /// beginning of times, and its two offsets are one. A zone that changes clocks by a yearly rule
    /// has onsets until the year 9999.
    pub fn onsets(&self, from: Timestamp) -> impl Iterator<Item = Onset> + '_ {
        let from = from.instant();
        let first = self.onset_in_force(from);
        std::iter::once(first).chain(self.onsets_after(from))
    }

    /// Finds the onset of what is in force at a time.
    fn onset_in_force(&self, at: jiff::Timestamp) -> Onset {
        // Most changed within two years; for the others all changes are gone through.
        let recent = at.saturating_sub((2 * 366 * 24).hours()).unwrap_or(jiff::Timestamp::MIN);
        let is_past = |onset: &Onset| onset.at.instant() <= at;
        let last = |since| self.onsets_after(since).take_while(is_past).last();
        last(recent).or_else(|| last(jiff::Timestamp::MIN)).unwrap_or_else(|| {
            let since = Timestamp::from_ms(jiff::Timestamp::MIN.as_millisecond());
            let told = self.0.to_offset_info(at);
            onset(since, told.offset(), &told)
        })
    }

    fn onsets_after(&self, after: jiff::Timestamp) -> impl Iterator<Item = Onset> + '_ {
        self.0.following(after).filter_map(|change| {
            let at = change.timestamp();
            let since = self.0.to_offset_info(at);
            let until =
                self.0.to_offset_info(at.saturating_sub(SignedDuration::from_secs(1)).ok()?);
            (since != until)
                .then(|| onset(Timestamp::from_ms(at.as_millisecond()), until.offset(), &since))
        })
    }
}

fn onset(at: Timestamp, offset_from: Offset, since: &TimeZoneOffsetInfo<'_>) -> Onset {
    let kind = match since.dst() {
        Dst::No => Observance::Standard,
        Dst::Yes => Observance::Daylight,
    };
    let name = since.abbreviation().to_owned();
    Onset { at, offset_from, offset_to: since.offset(), name, kind }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::zone::ZONES;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// Lists onsets as the local time, both offsets in hours, the name and the kind.
    fn listed(zone: &str, from: &str, most: usize) -> Vec<String> {
        let zone = Zone::parse(zone).unwrap();
        let hours = |offset: Offset| f64::from(offset.seconds()) / 3_600.0;
        let shown = zone.onsets(at(from)).take(most).map(|onset| {
            let (from, to) = (hours(onset.offset_from), hours(onset.offset_to));
            format!("{} {from}→{to} {} {:?}", onset.local(), onset.name, onset.kind)
        });
        shown.collect()
    }

    #[test]
    fn onsets_begin_with_what_is_in_force() {
        let madrid = [
            "2026-03-29T02:00:00 1→2 CEST Daylight",
            "2026-10-25T03:00:00 2→1 CET Standard",
            "2027-03-28T02:00:00 1→2 CEST Daylight",
        ];
        assert_eq!(listed("Europe/Madrid", "2026-03-29T01:00:00Z", 3), madrid);
        let before = listed("Europe/Madrid", "2026-03-29T00:59:59.999Z", 2);
        assert_eq!(before, ["2025-10-26T03:00:00 2→1 CET Standard", madrid[0]]);
        let moscow = ["2014-10-26T02:00:00 4→3 MSK Standard"];
        assert_eq!(listed("Europe/Moscow", "2026-01-01T00:00:00Z", 3), moscow);
    }

    #[test]
    fn what_was_told_since_ever_has_its_onset_at_the_beginning_of_times() {
        let check = |zone: &str, from: &str| Zone::parse(zone).unwrap().onsets(at(from)).next();
        let fixed = check("Etc/GMT+5", "2026-01-01T00:00:00Z").unwrap();
        assert_eq!(fixed.at.instant(), jiff::Timestamp::MIN);
        assert_eq!((fixed.offset_from, fixed.offset_to), (Offset::constant(-5), fixed.offset_from));
        assert_eq!(check("Europe/Madrid", "1850-01-01T00:00:00Z").unwrap().name, "LMT");
    }

    #[test]
    fn a_zone_is_utc_by_what_its_clocks_show() {
        let check = |name: &str| Zone::parse(name).unwrap().is_utc();
        assert!(Zone::utc().is_utc());
        assert!(["UTC", "Etc/Zulu", "GMT"].into_iter().all(check));
        assert!(!["Europe/London", "Africa/Abidjan", "Etc/GMT+1"].into_iter().any(check));
    }

    #[test]
    fn onsets_of_every_zone_say_which_offset_holds_when() {
        let end = at("2045-01-01T00:00:00Z");
        for name in ZONES.available().map(|name| name.to_string()) {
            let Ok(zone) = Zone::parse(&name) else { continue };
            let from = Timestamp::from_ms(jiff::Timestamp::MIN.as_millisecond());
            let onsets = zone.onsets(from).take_while(|onset| onset.at < end);
            let onsets: Vec<Onset> = onsets.collect();
            for (place, onset) in onsets.iter().enumerate() {
                let next = onsets.get(place + 1);
                let until = next.map_or(end, |next| next.at);
                assert!(onset.at < until, "{name} {onset:?}");
                assert!(next.is_none_or(|next| next.offset_from == onset.offset_to), "{name}");
                let steps = 0..=9_i64;
                for at in steps.map(|step| {
                    onset.at.as_ms() + (until.as_ms() - 1 - onset.at.as_ms()) / 9 * step
                }) {
                    let at = Timestamp::from_ms(at);
                    assert_eq!(zone.local(at).offset(), onset.offset_to, "{name} {at}");
                }
            }
        }
    }
}
