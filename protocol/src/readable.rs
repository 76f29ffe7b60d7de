//! Whether JSON that is passed on as it came can be read by whoever gets it.
//!
//! The grammar allows half of a surrogate pair and numbers of any size (RFC 8259, sections 6 and
//! 8.2); many readers refuse the whole text for one of them. It must never copy what it looks at.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Says whether a JSON value holds only whole characters and numbers that a double can hold.
pub(crate) fn is_readable(json: &str) -> bool {
    serde_json::from_str::<Looked>(json).is_ok()
}

/// A value that was looked at, and nothing of it kept.
struct Looked;

impl<'de> Deserialize<'de> for Looked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Looked {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_and_endless_numbers_are_not_readable() {
        let check = |json: &str, expected: bool| assert_eq!(is_readable(json), expected, "{json}");
        check(r#"{"a":[1,-2.5e3,true,null,"\ud83d\ude00\u0000"],"b":{}}"#, true);
        check("18446744073709551616", true);
        check(r#"{"a":"\ud800"}"#, false);
        check(r#"{"\udc00":1}"#, false);
        check(r#"{"a":[1e999]}"#, false);
    }
}
