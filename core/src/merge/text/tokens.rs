//! Cuts a text into tokens: words, runs of spaces, and single characters of all other kinds.

/// What a character makes a token with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Others of its kind.
    Word,
    /// Others of its kind.
    Space,
    /// Nothing.
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

/// Line breaks and ASCII's punctuation stand alone, and so does each character of the scripts that
/// write no spaces (from U+2E80 on, but for the surrogates' neighbours).
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

/// Cuts a text; put together, the tokens are the text.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let (mut begins, mut before) = (0, Kind::Single);
    for (at, c) in text.char_indices() {
        let kind = kind(c);
        if at > begins && (kind != before || kind == Kind::Single) {
            tokens.push(&text[begins..at]);
            begins = at;
        }
        before = kind;
    }
    if begins < text.len() {
        tokens.push(&text[begins..]);
    }
    tokens
}
