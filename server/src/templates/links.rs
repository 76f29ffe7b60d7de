//! Where links may lead, and where the HTML of a template may be filled in.
//!
//! Escaping keeps a value inside the quotes of its attribute; it does not keep `javascript:` out of
//! an `href`, nor anything out of a script. That is decided here, when a template is loaded.

/// Attributes that lead somewhere.
const LEADING: [&str; 8] =
    ["href", "src", "action", "formaction", "background", "poster", "cite", "srcset"];

/// Bytes of a link.
const LINK_BYTES_MAX: usize = 2_048;

/// Says whether a text may stand in a link: `https:`, `http:` or `mailto:`, or a path of the app.
pub fn is_link(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let leads = ["https://", "http://", "mailto:"].iter().any(|start| lower.starts_with(start));
    // A browser reads two slashes as another host, and a backslash as a slash.
    let is_path = text.starts_with('/') && !text.starts_with("//") && !text.contains('\\');
    let is_plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    is_plain && text.len() <= LINK_BYTES_MAX && (leads || is_path)
}

/// Where in a tag the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between tags.
    Text,
    /// In a tag, outside quotes.
    Tag,
    /// In an attribute's value with this quote, which began at this byte.
    Quoted(char, usize),
}

/// What is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    /// A field of the kind `link`, as it is.
    Link,
    /// Anything else.
    Other,
}

/// Finds where a template's HTML would let a value do harm: the byte and what is wrong there.
///
/// `is_link_field` says whether a name is a field of the kind `link`.
pub(super) fn faults(html: &str, is_link_field: impl Fn(&str) -> bool) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let (mut at, mut place, mut tag_at) = (0, Place::Text, 0);
    while let Some(c) = html[at..].chars().next() {
        let rest = &html[at..];
        if let Some(inside) = rest.strip_prefix("{{") {
            let end = inside.find("}}").unwrap_or(inside.len());
            let name = inside[..end].trim_matches(['-', '+', ' ', '\n']);
            let filled = if is_link_field(name) { Filled::Link } else { Filled::Other };
            let what = objection(&html[..at], place, tag_at, filled);
            found.extend(what.map(|what| (at, what.to_owned())));
            at += (end + 4).min(rest.len());
            continue;
        }
        if rest.starts_with("{%") || rest.starts_with("{#") {
            let end = if rest.starts_with("{%") { "%}" } else { "#}" };
            at += rest.find(end).map_or(rest.len(), |end| end + 2);
            continue;
        }
        if place == Place::Text && rest.to_ascii_lowercase().starts_with("<script") {
            found.push((at, "an e-mail must not hold a script".to_owned()));
        }
        if place == Place::Text && c == '<' {
            tag_at = at;
        }
        place = next_place(place, c, at, rest);
        at += c.len_utf8();
    }
    found
}

fn next_place(place: Place, c: char, at: usize, rest: &str) -> Place {
    match (place, c) {
        (Place::Text, '<') if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Place::Tag
        }
        (Place::Tag, '>') => Place::Text,
        (Place::Tag, '"' | '\'') => Place::Quoted(c, at + 1),
        (Place::Quoted(quote, _), c) if quote == c => Place::Tag,
        (place, _) => place,
    }
}

/// Says what is wrong with filling something in after `html`, which ends at such a place.
fn objection(html: &str, place: Place, tag_at: usize, filled: Filled) -> Option<&'static str> {
    match place {
        Place::Text => {
            let tag = html.get(tag_at..tag_at + 6).unwrap_or_default().to_ascii_lowercase();
            (tag == "<style").then_some("nothing can be filled into a style")
        }
        Place::Tag => Some("what is filled into a tag must stand in quotes"),
        Place::Quoted(_, begins) => {
            let before = html[..begins - 1].trim_end().trim_end_matches('=').trim_end();
            let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != ':');
            let name = before[start.map_or(0, |start| start + 1)..].to_ascii_lowercase();
            let leads = LEADING.iter().any(|known| name == *known || name.ends_with(":href"));
            if name == "style" || name.starts_with("on") {
                Some("nothing can be filled into a style or a script")
            } else if leads && html[begins..].trim().is_empty() && filled == Filled::Other {
                Some("a link must be filled in from a field of the kind link, with no filter")
            } else {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_web_to_mail_or_into_the_app() {
        for good in ["https://a.example/b?c=d", "HTTP://a.example", "mailto:a@b.example", "/iep/7"]
        {
            assert!(is_link(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " https://a.example",
            "data:text/html,x",
            "//a.example",
            "/\\a.example",
            "https://a.example/ b",
            "java\nscript:x",
            "a",
            "",
            "ж",
        ] {
            assert!(!is_link(bad), "{bad}");
        }
    }

    fn check(html: &str, expected: &[(usize, &str)]) {
        let found = faults(html, |name| name == "link");
        let found: Vec<(usize, &str)> = found.iter().map(|(at, what)| (*at, &**what)).collect();
        assert_eq!(found.len(), expected.len(), "{html}: {found:?}");
        for ((at, what), (expected_at, part)) in found.iter().zip(expected) {
            assert!(at == expected_at && what.contains(part), "{html}: {found:?}");
        }
    }

    #[test]
    fn values_stand_in_text_and_in_quotes() {
        check("<p class=\"{{ a }}\">{{ b }} a={{ c }} < {{ d }}</p>", &[]);
        check("<a href=\"{{ link }}\">x</a> <a href='{{- link -}}'>", &[]);
        check("<a href=\"https://a.example/?q={{ a }}\">", &[]);
        check("{% if a > 1 %}<p>{{ b }}</p>{% endif %}{# <a {{ #}", &[]);
    }

    #[test]
    fn values_that_could_do_harm_are_found() {
        check("<p class={{ a }}>", &[(9, "in quotes")]);
        check("<a href=\"{{ a }}\">", &[(9, "kind link")]);
        check("<a href=\"{{ link | upper }}\">", &[(9, "kind link")]);
        check("<IMG SRC = ' {{ a }}'>", &[(13, "kind link")]);
        check("<p onclick=\"f('{{ a }}')\">", &[(15, "a script")]);
        check("<p style='color:{{ a }}'>", &[(16, "a script")]);
        check("<style>p { color: {{ a }} }</style>", &[(18, "a style")]);
        check("<SCRIPT>x</SCRIPT>", &[(0, "a script")]);
    }
}
