//! What is known of a person: which names, numbers, mailboxes and languages are taken.
//!
//! Says what is plausible, never what exists: that a mailbox is there shows when something is sent.

use crate::notify::FieldError;
use crate::zone::Zone;

/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 200;
/// Bytes of an e-mail address (RFC 5321, 4.5.3.1.3, without the angle brackets).
const EMAIL_BYTES_MAX: usize = 254;
/// Bytes of what stands before the `@` (RFC 5321, 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;
/// Bytes of one label of a domain (RFC 1035, 2.3.4).
const LABEL_BYTES_MAX: usize = 63;
/// Characters of a language tag.
const LOCALE_CHARS_MAX: usize = 35;

/// The fields of a profile, for checking; the ones that are absent are sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProfileFields<'a> {
    /// What to call them.
    pub name: Option<&'a str>,
    /// Their mailbox.
    pub email: Option<&'a str>,
    /// Their phone number.
    pub phone: Option<&'a str>,
    /// Their language.
    pub locale: Option<&'a str>,
    /// Their time zone.
    pub tz: Option<&'a str>,
}

/// Lists everything that is wrong with a profile.
pub fn faults(fields: ProfileFields<'_>) -> Vec<FieldError> {
    let ProfileFields { name, email, phone, locale, tz } = fields;
    let mut faults = Vec::new();
    let mut check = |pointer: &str, is_sound: bool, detail: &str| {
        if !is_sound {
            faults.push(FieldError::new(pointer, detail));
        }
    };
    check("/name", name.is_none_or(is_name), "must be 1 to 200 characters, no control characters");
    check("/email", email.is_none_or(is_email), "must be an address such as sarah@example.org");
    check("/phone", phone.is_none_or(is_phone_number), "must be + and 7 to 15 digits");
    check("/locale", locale.is_none_or(is_locale), "must be a language tag such as es-MX");
    let zone = "must be the name of a time zone such as Asia/Kolkata";
    check("/tz", tz.is_none_or(|tz| Zone::parse(tz).is_ok()), zone);
    faults
}

/// Says whether a text can be a person's name.
pub fn is_name(text: &str) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= NAME_CHARS_MAX
        && !text.chars().any(char::is_control)
}

/// Says whether a text is `+` and 7 to 15 digits (S2, contract 3).
pub fn is_phone_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Says whether a text looks like one mailbox: nothing that ends a header or begins a list.
pub fn is_email(text: &str) -> bool {
    let in_address =
        |c: char| !c.is_control() && !c.is_whitespace() && !"()<>[]:;,\\\"@".contains(c);
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    text.len() <= EMAIL_BYTES_MAX
        && (1..=LOCAL_BYTES_MAX).contains(&local.len())
        && local.chars().all(in_address)
        && local.split('.').all(|part| !part.is_empty())
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let in_label = |c: char| c == '-' || c.is_alphanumeric();
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.chars().all(in_label)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Gives the form under which an e-mail address is looked up: most of the world's mailboxes do not
/// tell capitals apart, and whoever opted out as `Sarah@` must not be written to as `sarah@`.
pub fn email_key(text: &str) -> String {
    text.to_lowercase()
}

/// Says whether a text looks like a language tag (BCP 47): subtags of up to 8 letters and digits,
/// the first of 2 or 3 letters.
pub fn is_locale(text: &str) -> bool {
    let mut subtags = text.split('-');
    let language = subtags.next().unwrap_or_default();
    text.len() <= LOCALE_CHARS_MAX
        && (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(|tag| {
            (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(is_sound: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(is_sound(text), "{text}");
        }
        for text in bad {
            assert!(!is_sound(text), "{text:?}");
        }
    }

    #[test]
    fn plausible_mailboxes_are_taken() {
        let long = format!("{}@example.org", "a".repeat(65));
        let good = ["sarah@example.org", "a.b+c@mail.example.co", "jösé@münchen.example"];
        let bad = [
            "",
            "sarah",
            "@example.org",
            "sarah@",
            "sarah@example",
            "a@b@example.org",
            "a b@c.de",
            "a@b..de",
            ".a@b.de",
            "a@-b.de",
            "a\r\nBcc: x@y.de@b.de",
            "<a@b.de>",
            "a,b@c.de",
            &long,
        ];
        check(is_email, &good, &bad);
        let label = "b".repeat(63);
        let of = |last: usize| format!("{}@{label}.{label}.{}", "a".repeat(64), "c".repeat(last));
        assert_eq!(of(61).len(), 254);
        check(is_email, &[&of(61)], &[&of(62)]);
    }

    #[test]
    fn phone_numbers_have_a_plus_and_digits() {
        let bad = ["", "+", "1234567", "+123456", "+1234567890123456", "+12345 67", "+12345६7"];
        check(is_phone_number, &["+1234567890", "+1234567", "+123456789012345"], &bad);
    }

    #[test]
    fn language_tags_are_made_of_subtags() {
        let bad = ["", "e", "engl", "en_US", "en-", "-en", "en-verylongtag", "e1", "en US"];
        check(is_locale, &["en", "es-MX", "zh-Hant-TW", "sl-rozaj-biske"], &bad);
        let of = |last: usize| format!("en{}-{}", "-abcdefgh".repeat(3), "a".repeat(last));
        assert_eq!(of(5).len(), 35);
        check(is_locale, &[&of(5)], &[&of(6)]);
    }

    #[test]
    fn every_fault_is_named() {
        let fields = ProfileFields {
            name: Some(" "),
            email: Some("x"),
            phone: Some("1"),
            locale: Some("?"),
            tz: Some("Mars/Olympus"),
        };
        let pointers: Vec<String> = faults(fields).into_iter().map(|f| f.pointer).collect();
        assert_eq!(pointers, ["/name", "/email", "/phone", "/locale", "/tz"]);
        assert_eq!(faults(ProfileFields::default()), []);
    }
}
