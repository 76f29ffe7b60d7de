//! Whether a device holds what the server holds: digests of entities, their sums, and the parts of a range
//! in which two holders find where they differ.
//!
//! What [`Divider`] keeps must never grow with the entities that it is told of.

use std::fmt;
use std::ops::AddAssign;

use super::EntityName;
use crate::audit::digest;
use crate::json::{Number, Object, Value};

/// At most so many entities are named one by one.
pub const ROWS_MAX: usize = 64;
/// More are divided into at most so many parts.
pub const PARTS_MAX: usize = 16;

/// The digest of an entity, or the sum modulo 2^64 of those of several, in whatever order.
///
/// It tells mistakes, and is no proof against whoever makes entities up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checksum(pub u64);

impl Checksum {
    /// Digests an entity: the first 8 bytes, big-endian, of the SHA-256 of the canonical text of
    /// `[type, id, version, data]`.
    pub fn of(name: &EntityName, version: u64, data: Object) -> Self {
        let version = i64::try_from(version).ok().and_then(Number::whole);
        let row = Value::List(vec![
            Value::Text(name.kind.to_string()),
            Value::Text(name.id.to_string()),
            Value::Number(version.expect("no entity has had 2^53 versions")),
            Value::Object(data),
        ]);
        let digest = digest(row.canonical().as_bytes());
        let (first, _) = digest.split_first_chunk().expect("a digest has 32 bytes");
        Self(u64::from_be_bytes(*first))
    }
}

impl AddAssign for Checksum {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl fmt::Display for Checksum {
    /// Writes 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One entity of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedRow {
    /// Which.
    pub name: EntityName,
    /// Its version.
    pub version: u64,
    /// Its digest.
    pub digest: Checksum,
}

/// A part of a range: it begins behind the part before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPart {
    /// The last name that belongs to it, whether or not it is there; nothing where it has no end.
    pub up_to: Option<EntityName>,
    /// How many entities it has.
    pub count: u64,
    /// The sum of their digests.
    pub sum: Checksum,
}

/// What a range has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// How many entities.
    pub count: u64,
    /// The sum of their digests.
    pub sum: Checksum,
    /// All of it in parts, in their order; empty where `rows` has all.
    pub parts: Vec<CheckedPart>,
    /// The entities in the order of their names; empty where there are more than [`ROWS_MAX`].
    pub rows: Vec<CheckedRow>,
}

/// Divides a range of unknown length as its entities go by.
///
/// All parts but the last have `size` entities. Where there would be one part too many, each two become
/// one.
#[derive(Debug)]
pub struct Divider {
    size: u64,
    parts: Vec<CheckedPart>,
    rows: Vec<CheckedRow>,
}

impl Default for Divider {
    fn default() -> Self {
        Self { size: (ROWS_MAX / PARTS_MAX) as u64, parts: Vec::new(), rows: Vec::new() }
    }
}

impl Divider {
    /// Counts an entity whose name is behind all before it.
    pub fn add(&mut self, row: CheckedRow) {
        if self.parts.last().is_none_or(|part| part.count == self.size) {
            if self.parts.len() == PARTS_MAX {
                self.halve();
            }
            let empty = CheckedPart { up_to: None, count: 0, sum: Checksum::default() };
            self.parts.push(empty);
        }
        if let Some(part) = self.parts.last_mut() {
            part.up_to = Some(row.name.clone());
            part.count += 1;
            part.sum += row.digest;
        }
        // One more tells that there are too many to name.
        if self.rows.len() <= ROWS_MAX {
            self.rows.push(row);
        }
    }

    /// Makes one part of each two.
    fn halve(&mut self) {
        let both = |two: &[CheckedPart]| {
            two.iter().cloned().reduce(|mut first, second| {
                first.up_to = second.up_to;
                first.count += second.count;
                first.sum += second.sum;
                first
            })
        };
        self.parts = self.parts.chunks(2).filter_map(both).collect();
        self.size *= 2;
    }

    /// Ends the range: its last part reaches to where the range does.
    pub fn finish(self, up_to: Option<EntityName>) -> Checked {
        let Self { mut parts, mut rows, .. } = self;
        let count = parts.iter().map(|part| part.count).sum();
        let mut sum = Checksum::default();
        parts.iter().for_each(|part| sum += part.sum);
        if rows.len() <= ROWS_MAX {
            parts.clear();
        } else {
            rows.clear();
        }
        if let Some(last) = parts.last_mut() {
            last.up_to = up_to;
        }
        Checked { count, sum, parts, rows }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(kind: &str, id: &str) -> EntityName {
        EntityName { kind: kind.into(), id: id.into() }
    }

    fn of(kind: &str, id: &str, version: u64, data: &str) -> Checksum {
        let Value::Object(data) = Value::parse(data).unwrap() else { panic!("an object") };
        Checksum::of(&name(kind, id), version, data)
    }

    /// Of the page, which was computed without this code.
    #[test]
    fn digests_are_as_documented() {
        let page = include_str!("../../../docs/protocol.md");
        let line = |text: &str, digest: Checksum| format!("| {text} | `{digest}` |");
        let water = of("progress", "water", 3, r#"{"minutes": 2e1, "done": 70.0}"#);
        let text = r#"`["progress","water",3,{"done":70,"minutes":20}]`"#;
        assert!(page.contains(&line(text, water)), "{water}");
        let note = of("notes", "n-1", 1, r#"{"text": "ä\n\"😀\"", "tags": [null, true, 0.50]}"#);
        let text = r#"`["notes","n-1",1,{"tags":[null,true,0.5],"text":"ä\n\"😀\""}]`"#;
        assert!(page.contains(&line(text, note)), "{note}");
        for (mut sum, other) in [(water, note), (note, water)] {
            sum += other;
            assert!(page.contains(&line("the sum of both", sum)), "{sum}");
        }
    }

    #[test]
    fn whatever_differs_is_another_digest() {
        let one = of("a", "b", 1, r#"{"c": 1}"#);
        assert_eq!(of("a", "b", 1, r#"{"c": 1.0}"#), one);
        for other in [
            of("b", "a", 1, r#"{"c": 1}"#),
            of("a", "b2", 1, r#"{"c": 1}"#),
            of("a", "b", 2, r#"{"c": 1}"#),
            of("a", "b", 1, r#"{"c": null}"#),
            of("a", "b", 1, "{}"),
        ] {
            assert_ne!(other, one);
        }
    }

    fn tallied(count: u64) -> Checked {
        let mut divider = Divider::default();
        for n in 0..count {
            let row = CheckedRow {
                name: name("a", &format!("{n:05}")),
                version: 1,
                digest: Checksum(u64::MAX - n),
            };
            divider.add(row);
        }
        divider.finish(Some(name("b", "")))
    }

    #[test]
    fn few_are_named_and_more_are_divided() {
        for count in 0..=64 {
            let Checked { parts, rows, .. } = tallied(count);
            assert_eq!((parts.len(), rows.len() as u64), (0, count));
        }
        for count in (65..300).chain([1_000, 1_024, 1_025, 9_999]) {
            let Checked { count: all, sum, parts, rows } = tallied(count);
            assert_eq!((all, rows.len()), (count, 0));
            assert!((9..=PARTS_MAX).contains(&parts.len()), "{count}: {}", parts.len());
            let [full @ .., last] = &parts[..] else { panic!("parts") };
            assert!(full.iter().all(|part| part.count == full[0].count), "{count}: {parts:?}");
            assert!((1..=full[0].count).contains(&last.count), "{count}: {parts:?}");
            let mut next = 0;
            let mut again = Checksum::default();
            for part in full {
                next += part.count;
                assert_eq!(part.up_to, Some(name("a", &format!("{:05}", next - 1))));
                again += part.sum;
            }
            again += last.sum;
            assert_eq!((next + last.count, again), (count, sum));
            assert_eq!(last.up_to, Some(name("b", "")));
        }
    }

    #[test]
    fn a_part_has_the_sum_of_its_own() {
        let parts = tallied(65).parts;
        let mut first = Checksum::default();
        (0..8).for_each(|n| first += Checksum(u64::MAX - n));
        assert_eq!((parts[0].count, parts[0].sum), (8, first));
        assert_eq!((parts[8].count, parts[8].sum), (1, Checksum(u64::MAX - 64)));
    }
}
