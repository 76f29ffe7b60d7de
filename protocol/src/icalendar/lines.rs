//! Content lines of RFC 5545: a name and a value each, folded and escaped.
//!
//! This file must never fold within a character, and must never let a value end its line.

use jiff::civil::DateTime;
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;

/// Octets of a line without its end (RFC 5545 3.1).
const LINE_MAX: usize = 75;

/// Lines that were written so far.
#[derive(Debug, Default)]
pub(super) struct Lines(String);

impl Lines {
    /// Gives all of it.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Writes a line that has no control characters, and folds it (RFC 5545 3.1).
    pub(super) fn put(&mut self, line: &str) {
        let mut room = LINE_MAX;
        for character in line.chars() {
            if character.len_utf8() > room {
                self.0.push_str("\r\n ");
                room = LINE_MAX - 1;
            }
            self.0.push(character);
            room -= character.len_utf8();
        }
        self.0.push_str("\r\n");
    }

    /// Writes words, unless there are none.
    pub(super) fn text(&mut self, name: &str, words: &str) {
        if !words.is_empty() {
            self.put(&format!("{name}:{}", escaped(words)));
        }
    }

    /// Writes a URI, unless it is empty. What no URI can have in it is left out.
    pub(super) fn uri(&mut self, name: &str, uri: &str) {
        let uri: String = uri.chars().filter(|character| !character.is_control()).collect();
        if !uri.is_empty() {
            self.put(&format!("{name}:{uri}"));
        }
    }

    /// Writes an instant, in UTC.
    pub(super) fn instant(&mut self, name: &str, at: Timestamp) {
        self.put(&format!("{name}:{}Z", date_time(Zone::utc().local(at).datetime())));
    }

    /// Writes local times of a zone, unless there are none.
    pub(super) fn times(
        &mut self,
        name: &str,
        zone: &Zone,
        locals: impl IntoIterator<Item = DateTime>,
    ) {
        let (zone, utc) = match zone.is_utc() {
            true => (String::new(), "Z"),
            false => (format!(";TZID={}", zone.name()), ""),
        };
        let times = locals.into_iter().map(|local| format!("{}{utc}", date_time(local)));
        let times: Vec<String> = times.collect();
        if !times.is_empty() {
            self.put(&format!("{name}{zone}:{}", times.join(",")));
        }
    }

    /// Writes how long something takes, unless that is no time at all.
    ///
    /// Days would be those of the calendar, with 23 to 25 hours (RFC 5545 3.3.6).
    pub(super) fn duration(&mut self, minutes: u32) {
        match (minutes / 60, minutes % 60) {
            (0, 0) => {}
            (0, minutes) => self.put(&format!("DURATION:PT{minutes}M")),
            (hours, 0) => self.put(&format!("DURATION:PT{hours}H")),
            (hours, minutes) => self.put(&format!("DURATION:PT{hours}H{minutes}M")),
        }
    }
}

/// Writes a time without its zone, in whole seconds (RFC 5545 3.3.5).
pub(super) fn date_time(local: DateTime) -> String {
    local.strftime("%Y%m%dT%H%M%S").to_string()
}

/// Escapes words (RFC 5545 3.3.11). Every kind of line break becomes one; other control characters
/// are left out.
fn escaped(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '\\' | ';' | ',' => escaped.extend(['\\', character]),
            '\n' | '\u{2028}' | '\u{2029}' => escaped.push_str("\\n"),
            '\t' => escaped.push('\t'),
            _ if character.is_control() => {}
            _ => escaped.push(character),
        }
    }
    escaped
}
