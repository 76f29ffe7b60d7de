//! How many segments a text message takes, and how long many of them take.
//!
//! A provider bills and paces segments, so both are computed before anything is sent. This file
//! must never change a text: a provider that swaps characters for cheaper ones only makes it less.

use std::num::NonZeroU32;

/// The longest text message, in characters: what Twilio takes.
pub const TEXT_CHARS_MAX: usize = 1_600;

/// The basic characters of GSM 03.38, one unit each; the escape is not one of them.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
    ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The characters of its extension table, an escape and another unit each.
const EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// How the characters of a message are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// GSM 03.38, seven bits a unit.
    Gsm7,
    /// UCS-2, sixteen bits a unit; a character beyond the basic plane takes two.
    Ucs2,
}

impl Encoding {
    /// Names the encoding.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Ucs2 => "ucs2",
        }
    }

    /// Gives the units of a message that fits one segment.
    const fn alone(self) -> u32 {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Gives the units of a segment that says which part it is.
    const fn as_part(self) -> u32 {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }
}

/// What a text takes as a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// How it is written: one character outside of GSM 03.38 turns all of it to UCS-2.
    pub encoding: Encoding,
    /// Units of all characters.
    pub units: u32,
    /// Segments; none for an empty text.
    pub count: u32,
}

fn gsm_units(character: char) -> Option<u32> {
    if BASIC.contains(character) {
        Some(1)
    } else if EXTENDED.contains(character) {
        Some(2)
    } else {
        None
    }
}

/// Computes the segments of a text.
///
/// A segment holds 160 units of GSM 03.38 or 70 of UCS-2; of a text that needs several, 153 or 67.
/// A character of two units, an escape with what follows or a surrogate pair, is never split over
/// two segments.
pub fn segments(text: &str) -> Segments {
    let gsm: Option<Vec<u32>> = text.chars().map(gsm_units).collect();
    let (encoding, units) = match gsm {
        Some(units) => (Encoding::Gsm7, units),
        None => {
            (Encoding::Ucs2, text.chars().map(|c| if c.len_utf16() == 2 { 2 } else { 1 }).collect())
        }
    };
    let total = units.iter().fold(0_u32, |sum, units| sum.saturating_add(*units));
    let count = match total {
        0 => 0,
        _ if total <= encoding.alone() => 1,
        _ => parts(&units, encoding.as_part()),
    };
    Segments { encoding, units: total, count }
}

fn parts(units: &[u32], room: u32) -> u32 {
    let (mut count, mut used) = (1_u32, 0);
    for &unit in units {
        if used + unit > room {
            count = count.saturating_add(1);
            used = 0;
        }
        used += unit;
    }
    count
}

/// Forecasts how many seconds a sender takes for so many segments, rounded up.
pub fn seconds(segments: u64, segments_per_second: NonZeroU32) -> u64 {
    segments.div_ceil(u64::from(segments_per_second.get()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, encoding: Encoding, units: u32, count: u32) {
        assert_eq!(segments(text), Segments { encoding, units, count }, "{text}");
    }

    #[test]
    fn segments_are_counted_as_carriers_do() {
        use Encoding::{Gsm7, Ucs2};
        check("", Gsm7, 0, 0);
        check("Hola", Gsm7, 4, 1);
        check(&"a".repeat(160), Gsm7, 160, 1);
        check(&"a".repeat(161), Gsm7, 161, 2);
        check(&"a".repeat(306), Gsm7, 306, 2);
        check(&"a".repeat(307), Gsm7, 307, 3);
        check("¿Mañana? Ñandú", Ucs2, 14, 1);
        check("¿Mañana? Ñandu", Gsm7, 14, 1);
        check("á", Ucs2, 1, 1);
        check(&"न".repeat(70), Ucs2, 70, 1);
        check(&"न".repeat(71), Ucs2, 71, 2);
        check(&"न".repeat(134), Ucs2, 134, 2);
        check(&"न".repeat(135), Ucs2, 135, 3);
        check("\u{1b}", Ucs2, 1, 1);
    }

    #[test]
    fn characters_of_two_units_are_never_split() {
        use Encoding::{Gsm7, Ucs2};
        check("^{}\\[~]|€\u{c}", Gsm7, 20, 1);
        check(&"€".repeat(80), Gsm7, 160, 1);
        // 76 of them leave one unit of a segment empty.
        check(&"€".repeat(81), Gsm7, 162, 2);
        check(&"€".repeat(153), Gsm7, 306, 3);
        check(&format!("{}€{}", "a".repeat(152), "a".repeat(152)), Gsm7, 306, 3);
        check("👍", Ucs2, 2, 1);
        check(&"👍".repeat(35), Ucs2, 70, 1);
        check(&"👍".repeat(66), Ucs2, 132, 2);
        // 33 of them leave one unit of a segment empty.
        check(&"👍".repeat(67), Ucs2, 134, 3);
    }

    #[test]
    fn ten_thousand_pupils_take_hours() {
        let one = NonZeroU32::new(1).unwrap();
        assert_eq!(seconds(20_000, one), 20_000);
        assert_eq!(seconds(20_001, NonZeroU32::new(100).unwrap()), 201);
        assert_eq!(seconds(0, one), 0);
        assert_eq!(seconds(u64::MAX, one), u64::MAX);
    }

    #[test]
    fn the_tables_are_those_of_the_standard() {
        // 128 places less the escape; nothing stands in both.
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENDED.chars().count(), 10);
        assert!(EXTENDED.chars().all(|c| !BASIC.contains(c)));
    }

    proptest! {
        /// Segments hold all units, and waste at most one in each but the last.
        #[test]
        fn segments_hold_what_they_must(text in "[a-zñ€^👍न]{0,400}") {
            let Segments { encoding, units, count } = segments(&text);
            let room = if count > 1 { encoding.as_part() } else { encoding.alone() };
            prop_assert!(units <= count * room);
            if count > 1 {
                prop_assert!(units > (count - 1) * (room - 1));
                prop_assert!(units > encoding.alone());
            }
        }
    }
}
