//! `VTIMEZONE`: what readers need to know of a zone to tell its times (RFC 5545 3.6.5).

use jiff::tz::Offset;
use landfall_core::time::Timestamp;
use landfall_core::zone::{Observance, Onset, Zone};

use super::lines::{Lines, date_time};
use super::observances::{Recurs, Series, observances};

/// Writes by which offsets a zone tells the time since `from`.
pub(super) fn write(lines: &mut Lines, zone: &Zone, from: Timestamp) {
    lines.put("BEGIN:VTIMEZONE");
    lines.put(&format!("TZID:{}", zone.name()));
    for series in observances(zone, from) {
        write_series(lines, &series);
    }
    lines.put("END:VTIMEZONE");
}

fn write_series(lines: &mut Lines, Series { first, recurs }: &Series) {
    let Onset { at: _, offset_from, offset_to, name, kind } = first;
    let kind = match kind {
        Observance::Standard => "STANDARD",
        Observance::Daylight => "DAYLIGHT",
    };
    lines.put(&format!("BEGIN:{kind}"));
    lines.put(&format!("DTSTART:{}", date_time(first.local())));
    lines.put(&format!("TZOFFSETFROM:{}", offset(*offset_from)));
    lines.put(&format!("TZOFFSETTO:{}", offset(*offset_to)));
    match recurs {
        Recurs::Yearly(rule) => lines.put(&format!("RRULE:{rule}")),
        Recurs::At(dates) if dates.is_empty() => {}
        Recurs::At(dates) => {
            let dates: Vec<String> = dates.iter().copied().map(date_time).collect();
            lines.put(&format!("RDATE:{}", dates.join(",")));
        }
    }
    lines.text("TZNAME", name);
    lines.put(&format!("END:{kind}"));
}

/// Writes an offset, with seconds only where it has some: those of times before there were zones
/// (RFC 5545 3.3.14).
fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let [hours, minutes, rest] = [3_600, 60, 1].map(|unit| seconds.abs() / unit % 60);
    match rest {
        0 => format!("{sign}{hours:02}{minutes:02}"),
        _ => format!("{sign}{hours:02}{minutes:02}{rest:02}"),
    }
}
