//! Splits a template's file into its blocks: one text for each place where a person may read it.
//!
//! Blocks are split here and not by the engine, so that a reminder's title can be filled in without
//! its e-mail, and each block is escaped for its own medium.

use super::fault::line_at;

/// A part of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Block {
    /// The headline; one line.
    Title,
    /// The text under it.
    Message,
    /// A text message; without it, the message.
    Sms,
    /// An e-mail's subject; without it, the title.
    EmailSubject,
    /// An e-mail's plain text; without it, the message.
    EmailText,
    /// An e-mail's HTML; without it, the e-mail has none.
    EmailHtml,
}

impl Block {
    pub(super) const ALL: [Block; 6] = [
        Self::Title,
        Self::Message,
        Self::Sms,
        Self::EmailSubject,
        Self::EmailText,
        Self::EmailHtml,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Message => "message",
            Self::Sms => "sms",
            Self::EmailSubject => "email_subject",
            Self::EmailText => "email_text",
            Self::EmailHtml => "email_html",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|block| block.as_str() == word)
    }
}

/// A block's text and the line of the file in which it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub block: Block,
    pub line: usize,
    pub text: &'a str,
}

/// A fault and its line.
pub(super) type Fault = (usize, String);

/// A statement of a template: where it begins and ends, its first word, and the rest.
struct Tag<'a> {
    begins: usize,
    ends: usize,
    word: &'a str,
    rest: &'a str,
}

/// Splits a file; nothing but blocks and comments may stand in it.
pub(super) fn split(text: &str) -> (Vec<Part<'_>>, Vec<Fault>) {
    let (mut parts, mut faults) = (Vec::<Part<'_>>::new(), Vec::new());
    let mut at = 0;
    while let Some(tag) = next_tag(text, at) {
        let line = line_at(text, tag.begins);
        check_between(text, at, tag.begins, &mut faults);
        if tag.word != "block" {
            let what = format!("{} stands outside a block", tag.word);
            faults.push((line, what));
            return (parts, faults);
        }
        let Some(end) = end_of(text, tag.ends, &mut faults) else {
            faults.push((line, format!("the block {} has no endblock", tag.rest)));
            return (parts, faults);
        };
        match Block::parse(tag.rest) {
            None => {
                let known = Block::ALL.map(Block::as_str).join(", ");
                faults.push((line, format!("a block is one of {known}, not {}", tag.rest)));
            }
            Some(block) if parts.iter().any(|part| part.block == block) => {
                faults.push((line, format!("the block {} is there twice", tag.rest)));
            }
            Some(block) => {
                // Space around it would be taken out of whatever is filled in.
                let inside = &text[..end.begins];
                let begins = end.begins - inside[tag.ends..].trim_start().len();
                let text = inside[begins..].trim_end();
                parts.push(Part { block, line: line_at(inside, begins), text });
            }
        }
        at = end.ends;
    }
    check_between(text, at, text.len(), &mut faults);
    let is_sound = faults.is_empty();
    for block in [Block::Title, Block::Message] {
        if is_sound && !parts.iter().any(|part| part.block == block) {
            faults.push((1, format!("the block {} is missing", block.as_str())));
        }
    }
    (parts, faults)
}

/// Finds the end of the block that begins at a byte.
fn end_of<'a>(text: &'a str, mut at: usize, faults: &mut Vec<Fault>) -> Option<Tag<'a>> {
    loop {
        let tag = next_tag(text, at)?;
        match tag.word {
            "endblock" => return Some(tag),
            "block" => return None,
            "autoescape" => {
                let what = "what is escaped is not the template's to say".to_owned();
                faults.push((line_at(text, tag.begins), what));
            }
            _ => {}
        }
        at = tag.ends;
    }
}

fn next_tag(text: &str, from: usize) -> Option<Tag<'_>> {
    let mut at = from;
    loop {
        let begins = at + text[at..].find("{%")?;
        // A comment before it may hold what only looks like a statement.
        if let Some(comment) = text[at..begins].find("{#") {
            at += comment + 2 + text[at + comment + 2..].find("#}")? + 2;
            continue;
        }
        let ends = begins + text[begins..].find("%}")? + 2;
        let inside = text[begins + 2..ends - 2].trim_matches(['-', '+']).trim();
        let (word, rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        return Some(Tag { begins, ends, word, rest: rest.trim() });
    }
}

/// Between blocks only space and comments may stand.
fn check_between(text: &str, from: usize, to: usize, faults: &mut Vec<Fault>) {
    let mut at = from;
    while at < to {
        let rest = &text[at..to];
        let trimmed = rest.trim_start();
        if trimmed.is_empty() {
            return;
        }
        at += rest.len() - trimmed.len();
        match trimmed.strip_prefix("{#").and_then(|comment| comment.find("#}")) {
            Some(end) => at += end + 4,
            None => return faults.push((line_at(text, at), "stands outside a block".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_split_into_its_blocks() {
        let text = "{# {% x %} #}\n{% block title %}A{% endblock %}\n{%- block message -%}\nB\n{% if c %}D{% endif %}{%endblock%}\n";
        let (parts, faults) = split(text);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(parts[0], Part { block: Block::Title, line: 2, text: "A" });
        let text = "B\n{% if c %}D{% endif %}";
        assert_eq!(parts[1], Part { block: Block::Message, line: 4, text });
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let check = |text: &str, expected: &[(usize, &str)]| {
            let (_, found) = split(text);
            assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
            for ((line, what), (expected_line, part)) in found.iter().zip(expected) {
                assert!(line == expected_line && what.contains(part), "{text}: {found:?}");
            }
        };
        let title = "{% block title %}A{% endblock %}\n";
        let message = "{% block message %}A{% endblock %}\n";
        check(title, &[(1, "message is missing")]);
        check("", &[(1, "title is missing"), (1, "message is missing")]);
        check(&format!("{title}{title}{message}"), &[(2, "twice")]);
        check(&format!("{title}Hello\n{message}"), &[(2, "outside a block")]);
        check(
            &format!("{title}{{% block body %}}{{% endblock %}}{message}"),
            &[(2, "one of title")],
        );
        check(&format!("{title}\n{{% block message %}}A"), &[(3, "no endblock")]);
        check(&format!("{title}{{% if a %}}{{% endif %}}"), &[(2, "outside a block")]);
        check(
            &format!(
                "{title}{{% block message %}}{{% autoescape false %}}{{% endautoescape %}}{{% endblock %}}"
            ),
            &[(2, "not the template's to say")],
        );
    }
}
