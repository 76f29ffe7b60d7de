//! How much room a text takes within JSON, and cutting it to the room there is.
//!
//! Pure. Must never cut within a character, nor give more than fits.

const ELLIPSIS: &str = "…";

/// Cuts a text at a character so that its JSON spelling, quotes aside, has at most so many bytes,
/// and marks the place; where not even the mark fits, nothing is left.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    let mut used = 0;
    let mut kept = 0;
    for (at, letter) in text.char_indices() {
        used += letter_bytes(letter);
        if used > bytes_max && bytes_max < ELLIPSIS.len() {
            return String::new();
        }
        if used > bytes_max {
            return format!("{}{ELLIPSIS}", text[..kept].trim_end());
        }
        if used + ELLIPSIS.len() <= bytes_max {
            kept = at + letter.len_utf8();
        }
    }
    text.to_owned()
}

/// Counts the bytes of a text's JSON spelling, quotes aside.
pub(crate) fn spelled_bytes(text: &str) -> usize {
    text.chars().map(letter_bytes).sum()
}

/// Counts the bytes that a letter takes within a JSON text (RFC 8259 section 7).
fn letter_bytes(letter: char) -> usize {
    match letter {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => letter.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cut_never_splits_a_character() {
        let check = |text: &str, bytes_max, expected: &str| {
            assert_eq!(cut(text, bytes_max), expected, "{text} to {bytes_max}");
        };
        check("abcdefgh", 8, "abcdefgh");
        check("abcdefgh", 6, "abc…");
        check("ab😀😀", 9, "ab😀…");
        check("ab😀😀", 8, "ab…");
        check("ab\"\"\"", 7, "ab\"…");
        check("ab cdefgh", 6, "ab…");
        check("abcd", 3, "…");
        check("abcd", 2, "");
        check("", 0, "");
    }

    proptest! {
        /// Whatever is cut fits, and what fits stays as it is.
        #[test]
        fn what_is_cut_fits(text in "\\PC{0,60}|[\\x00-\\x7f]{0,60}", bytes_max in 0_usize..90) {
            let short = cut(&text, bytes_max);
            prop_assert!(spelled_bytes(&short) <= bytes_max);
            prop_assert_eq!(short == text, spelled_bytes(&text) <= bytes_max);
        }

        /// The reckoning of a spelling's length is the writer's own.
        #[test]
        fn a_letter_is_reckoned_as_it_is_written(letter: char) {
            let written = serde_json::to_string(&letter).expect("a text").len() - 2;
            prop_assert_eq!(letter_bytes(letter), written);
        }
    }
}
