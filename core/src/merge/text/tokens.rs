//! Cuts a text into tokens: words and single characters of other kinds, each with the spaces before it.

/// What a character is to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Part of a word.
    Word,
    /// Part of what follows.
    Space,
    /// On its own.
    Single,
}

/// Says whether a character is a space, a line break included.
pub(super) const fn is_space(c: char) -> bool {
    matches!(
        c,
        '\u{9}'..='\u{d}' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}'
            | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Line breaks and ASCII's punctuation stand alone, and so does each character of scripts that
/// write no spaces between words: Thai, Lao, Burmese, Khmer, and all from U+2E80 on.
const fn kind(c: char) -> Kind {
    match c {
        '\n' => Kind::Single,
        '!'..='/' | ':'..='@' | '['..='`' | '{'..='~' => Kind::Single,
        c if is_space(c) => Kind::Space,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => Kind::Single,
        '\u{2e80}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'.. => Kind::Single,
        _ => Kind::Word,
    }
}

/// Cuts a text; put together, the tokens are the text. Spaces belong to what follows them on their
/// line, so that no two edits meet in a mere space.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let (mut begins, mut before) = (0, None);
    for (at, c) in text.char_indices() {
        let kind = kind(c);
        let goes_on = match (before, kind) {
            (None, _) | (Some(Kind::Space), _) => c != '\n',
            (Some(Kind::Word), Kind::Word) => true,
            _ => false,
        };
        if !goes_on && at > begins {
            tokens.push(&text[begins..at]);
            begins = at;
        }
        before = Some(kind);
    }
    if begins < text.len() {
        tokens.push(&text[begins..]);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_into_words_with_the_spaces_before_them() {
        let check = |text: &str, expected: &[&str]| assert_eq!(tokens(text), expected, "{text:?}");
        check("", &[]);
        check("The black  cat.", &["The", " black", "  cat", "."]);
        check(" a\t\n\n b ", &[" a", "\t", "\n", "\n", " b", " "]);
        check("¿Qué? (sí)", &["¿Qué", "?", " (", "sí", ")"]);
        check("白い 犬", &["白", "い", " 犬"]);
        check("สวัสดี", &["ส", "ว", "ั", "ส", "ด", "ี"]);
        check("x😀y", &["x😀y"]);
    }
}
