//! Writes times and lists for one person: in their language and their time zone.
//!
//! The filters of the engine ask it. A template that shows a time always shows the zone with it.

use std::sync::Arc;

use jiff::Zoned;
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;

use super::languages::{Language, Words};

/// For whom something is written.
#[derive(Debug)]
pub(super) struct Reader {
    pub language: Arc<Language>,
    pub zone: Zone,
}

impl Reader {
    /// Writes a date and a time of day, with the zone.
    pub(super) fn datetime(&self, time: Timestamp) -> String {
        let at = self.zone.local(time);
        let pattern = self.words().map_or("{date} {time} {zone}", |words| &words.datetime);
        fill(pattern, |name| match name {
            "date" => self.write_date(&at),
            "time" => self.write_time(&at),
            _ => zone_name(&at),
        })
    }

    /// Writes a date.
    pub(super) fn date(&self, time: Timestamp) -> String {
        self.write_date(&self.zone.local(time))
    }

    /// Writes a time of day, with the zone.
    pub(super) fn time(&self, time: Timestamp) -> String {
        let at = self.zone.local(time);
        format!("{} {}", self.write_time(&at), zone_name(&at))
    }

    /// Joins a list: `a, b and c`.
    pub(super) fn listed(&self, items: &[String]) -> String {
        match (items, self.words()) {
            ([first @ .., last], Some(words)) if !first.is_empty() => {
                let and = words.and_before_i.as_ref().filter(|_| sounds_like_i(last));
                format!("{} {} {last}", first.join(", "), and.unwrap_or(&words.and))
            }
            _ => items.join(", "),
        }
    }

    fn words(&self) -> Option<&Words> {
        self.language.words.as_deref()
    }

    fn write_date(&self, at: &Zoned) -> String {
        let pattern = self.words().map_or("{year}-{mm}-{dd}", |words| &words.date);
        self.write(pattern, at)
    }

    fn write_time(&self, at: &Zoned) -> String {
        let pattern = self.words().map_or("{hour}:{minute}", |words| &words.time);
        self.write(pattern, at)
    }

    fn write(&self, pattern: &str, at: &Zoned) -> String {
        let month = usize::try_from(at.month() - 1).unwrap_or_default();
        fill(pattern, |name| match name {
            "day" => at.day().to_string(),
            "dd" => format!("{:02}", at.day()),
            "month" => self.words().map_or_else(String::new, |words| words.months[month].clone()),
            "mm" => format!("{:02}", at.month()),
            "year" => format!("{:04}", at.year()),
            "hour" => format!("{:02}", at.hour()),
            "hour12" => ((at.hour() + 11) % 12 + 1).to_string(),
            "minute" => format!("{:02}", at.minute()),
            _ => self.words().map_or_else(String::new, |words| {
                words.halves[usize::from(at.hour() >= 12)].clone()
            }),
        })
    }
}

/// Names a zone as people do, `CEST`; where they have no name for it, as `UTC-03`.
fn zone_name(at: &Zoned) -> String {
    let info = at.time_zone().to_offset_info(at.timestamp());
    let name = info.abbreviation();
    if name.starts_with(['+', '-']) { format!("UTC{name}") } else { name.to_owned() }
}

/// Fills the placeholders of a pattern, which was checked when it was read.
fn fill(pattern: &str, value: impl Fn(&str) -> String) -> String {
    let mut parts = pattern.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        filled.push_str(&value(name));
        filled.push_str(rest);
    }
    filled
}

/// In Spanish `hielo` begins with another sound than `hijo`.
fn sounds_like_i(word: &str) -> bool {
    let start: String = word.chars().take(3).flat_map(char::to_lowercase).collect();
    let rest = start.strip_prefix('h').unwrap_or(&start);
    let mut sounds = rest.chars();
    matches!(sounds.next(), Some('i' | 'í'))
        && !matches!(sounds.next(), Some('a' | 'e' | 'o' | 'u'))
}
