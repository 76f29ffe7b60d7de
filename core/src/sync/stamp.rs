//! When something was written, by clocks that may be wrong: a hybrid logical clock.
//!
//! Nobody is refused for a wrong clock. A device's time is corrected by how far its clock was off
//! when it spoke to the server, and is never later than the server's own.

use crate::time::Timestamp;

/// When something was written; stamps of all devices have one order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// The time, corrected.
    pub at: Timestamp,
    /// Tells apart what one device wrote at the same time.
    pub count: u32,
    /// Settles ties between devices: by name.
    pub device: Box<str>,
}

/// What a device says of when it wrote something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// What its clock showed.
    pub at: Timestamp,
    /// Milliseconds since then by a clock that nobody sets, if it has one that still runs.
    pub age_ms: Option<u64>,
}

/// What the server sees of a device's clock as it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The server's time.
    pub now: Timestamp,
    /// What the device's clock showed as it sent the request, if it said so.
    pub sent_at: Option<Timestamp>,
}

/// Stamps what a device wrote; `last` is the stamp of what it wrote before, which stays before.
pub fn stamp(device: &str, written: Written, seen: Seen, last: Option<&Stamp>) -> Stamp {
    let by_age = written
        .age_ms
        .map(|age| seen.now.plus_ms(i64::try_from(age).unwrap_or(i64::MAX).saturating_neg()));
    let corrected = by_age.unwrap_or_else(|| {
        let off = seen.sent_at.map_or(0, |sent| seen.now.as_ms().saturating_sub(sent.as_ms()));
        written.at.plus_ms(off)
    });
    let at = corrected.min(seen.now);
    match last {
        // Its own last stamp may be of a time when the server's clock was ahead.
        Some(last) if last.at >= at => {
            Stamp { at: last.at, count: last.count.saturating_add(1), device: device.into() }
        }
        _ => Stamp { at, count: 0, device: device.into() },
    }
}
