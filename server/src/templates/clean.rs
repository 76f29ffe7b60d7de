//! Makes what was filled in fit its medium: one line or several, and no control characters.
//!
//! Works on what comes out, so that neither a template nor a sender's data can break a line that
//! has to be one: a subject with a line break would be two header fields (RFC 5322, section 2.2).

/// Writes a text as one line: space of any kind becomes one space, control characters go.
pub(super) fn one_line(text: String) -> String {
    if is_plain(&text) { text } else { joined(&text) }
}

/// Says whether a text has nothing that would have to go: most have not.
fn is_plain(text: &str) -> bool {
    let mut before = ' ';
    let is_kept = |c: char| {
        let after_space = std::mem::replace(&mut before, c) == ' ';
        !c.is_control() && (!c.is_whitespace() || c == ' ' && !after_space)
    };
    text.chars().all(is_kept) && !text.ends_with(' ')
}

fn joined(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut is_parted = false;
    for c in text.chars() {
        if c.is_whitespace() {
            is_parted = !line.is_empty();
        } else if !c.is_control() {
            if std::mem::take(&mut is_parted) {
                line.push(' ');
            }
            line.push(c);
        }
    }
    line
}

/// Writes a text of several lines: control characters and space at a line's end go, and no two
/// lines in a row are empty.
pub(super) fn lines(text: String) -> String {
    if is_plain(&text) { text } else { parted(&text) }
}

fn parted(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    let (mut breaks, mut spaces) = (0, 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            c if is_break(c) => (breaks, spaces) = (breaks + 1, 0),
            ' ' | '\t' => spaces += 1,
            c if c.is_control() => {}
            c => {
                if !lines.is_empty() {
                    lines.extend(std::iter::repeat_n('\n', breaks.min(2)));
                    lines.extend(std::iter::repeat_n(' ', spaces));
                }
                (breaks, spaces) = (0, 0);
                lines.push(c);
            }
        }
    }
    lines
}

/// Cuts a text to so many characters, and says so where it had more. The sign is three dots: the
/// one character for it would turn a text message into one of 70 characters a part.
pub(super) fn cut(text: String, chars: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(chars) else { return text };
    let keep = text[..end].char_indices().nth(chars.saturating_sub(3)).map_or(end, |(at, _)| at);
    format!("{}...", text[..keep].trim_end())
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_line_of(text: &str) -> String {
        one_line(text.to_owned())
    }

    fn lines_of(text: &str) -> String {
        lines(text.to_owned())
    }

    #[test]
    fn a_text_with_nothing_to_change_is_left_as_it_is() {
        for plain in ["", "a", "a b, ñ \u{1f600} c", "São Paulo"] {
            assert!(is_plain(plain), "{plain}");
            assert_eq!((joined(plain), parted(plain)), (plain.to_owned(), plain.to_owned()));
        }
        for other in [" ", " a", "a ", "a  b", "a\nb", "a\tb", "a\u{7f}", "a\u{85}b", "a\u{2028}"] {
            assert!(!is_plain(other), "{other:?}");
        }
    }

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(one_line_of("  a\r\nBcc: b\t c\u{0}\u{2028}d\u{85}e \n"), "a Bcc: b c d e");
        assert_eq!(one_line_of("a\u{1}b\u{7f}c\u{9b}d"), "abcd");
        assert_eq!(one_line_of(" \n "), "");
    }

    #[test]
    fn lines_keep_their_paragraphs() {
        assert_eq!(lines_of("\n\n a  \r\nb\n\n\n\nc\u{0}\t\n"), "a\nb\n\nc");
        assert_eq!(lines_of("a\u{2028}b\rc"), "a\nb\nc");
        assert_eq!(lines_of("x\n  - y"), "x\n  - y");
    }

    #[test]
    fn what_is_too_long_says_so() {
        assert_eq!(cut("añ".repeat(4), 8), "añañañañ");
        assert_eq!(cut("añ".repeat(4) + "b", 8), "añaña...");
    }
}
