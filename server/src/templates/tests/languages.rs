//! Locales, plurals, dates and lists.

use landfall_core::zone::Zone;
use serde_json::json;

use super::{Ask, Folder, Rules, Templates, built_in, data, render, rules};

const MANIFEST: &str = "description = \"d\"\nchannels = []\npriority = \"low\"\n[required]\nn = \"number\"\n[optional]\nat = \"time\"\nitems = \"list\"\n";

/// A template whose title is `text`, written in the locale.
fn written(locale: &str, text: &str) -> Templates {
    let text =
        format!("{{% block title %}}{text}{{% endblock %}}{{% block message %}}m{{% endblock %}}");
    let name = format!("probe/{locale}.j2");
    let files = [
        ("probe/template.toml", MANIFEST),
        (&*name, &*text),
        ("probe/en.j2", "{% block title %}English{% endblock %}{% block message %}m{% endblock %}"),
    ];
    Folder::new(&files[..if locale == "en" { 2 } else { 3 }]).load().unwrap()
}

fn title(templates: &Templates, locale: &str, json: serde_json::Value) -> String {
    render(templates, "probe", &json, locale).unwrap().title
}

#[test]
fn numbers_take_the_form_of_the_language() {
    let check = |locale: &str, forms: &str, expected: &[(&str, &str)]| {
        let templates = written(locale, &format!("{{{{ n | plural({forms}) }}}}"));
        for (n, expected) in expected {
            let n: serde_json::Value = n.parse().unwrap();
            assert_eq!(title(&templates, locale, json!({ "n": n })), *expected, "{locale} {n}");
        }
    };
    let english = r#"one="{n} day", other="{n} days""#;
    check(
        "en",
        english,
        &[("1", "1 day"), ("0", "0 days"), ("1.5", "1.5 days"), ("1.0", "1 day"), ("-1", "-1 day")],
    );
    let polish = r#"one="{n} dzień", few="{n} dni (few)", many="{n} dni (many)", other="{n} dnia""#;
    check(
        "pl",
        polish,
        &[
            ("1", "1 dzień"),
            ("2", "2 dni (few)"),
            ("5", "5 dni (many)"),
            ("22", "22 dni (few)"),
            ("12", "12 dni (many)"),
            ("1.5", "1.5 dnia"),
        ],
    );
    let arabic = r#"zero="zero", one="one", two="two", few="few", many="many", other="other""#;
    check(
        "ar",
        arabic,
        &[
            ("0", "zero"),
            ("1", "one"),
            ("2", "two"),
            ("3", "few"),
            ("11", "many"),
            ("100", "other"),
        ],
    );
    check("es", r#"one="día", other="días""#, &[("1", "día"), ("2", "días"), ("1000000", "días")]);
}

#[test]
fn a_locale_falls_back_to_its_language_and_then_to_the_default() {
    let templates = written("es", "Español");
    for (asked, expected) in [
        ("es", "Español"),
        ("es-MX", "Español"),
        ("ES_mx", "Español"),
        ("es-419-x-a", "Español"),
        ("en-US", "English"),
        ("fr", "English"),
        ("", "English"),
        ("no such thing at all \u{0}", "English"),
        ("español", "English"),
    ] {
        assert_eq!(title(&templates, asked, json!({ "n": 1 })), expected, "{asked}");
    }
    let spanish = Templates::load(None, Rules { locale: "es-ES".to_owned(), ..rules() }).unwrap();
    let json = data(&json!({ "title": "x" }));
    for (locale, expected) in [(None, "es"), (Some("fr"), "es"), (Some("en-GB"), "en")] {
        let ask = Ask { locale, ..Ask::default() };
        assert_eq!(spanish.render("quiz_ended", Some(&json), &ask).unwrap().locale, expected);
    }
    let hindi = Templates::load(None, Rules { locale: "hi".to_owned(), ..rules() }).unwrap();
    assert_eq!(hindi.render("quiz_ended", Some(&json), &Ask::default()).unwrap().locale, "en");
}

#[test]
fn times_are_shown_in_the_readers_zone_and_language() {
    let all = "{% if at %}{{ at | datetime }}; {{ at | date }}; {{ at | time }}{% endif %}x";
    let check = |templates: &Templates, locale: &str, zone: &str, at: &str, expected: &str| {
        let ask = Ask { locale: Some(locale), zone: Zone::parse(zone).ok(), channels: &[] };
        let json = data(&json!({ "n": 1, "at": at }));
        let title = templates.render("probe", Some(&json), &ask).unwrap().title;
        assert_eq!(title.trim_end_matches('x'), expected);
    };
    let english = written("en", all);
    let at = "2025-09-15T14:00:00Z";
    check(&english, "en", "nowhere", at, "15 Sep 2025, 14:00 UTC; 15 Sep 2025; 14:00 UTC");
    check(&english, "en", "Asia/Kolkata", at, "15 Sep 2025, 19:30 IST; 15 Sep 2025; 19:30 IST");
    check(
        &english,
        "fr",
        "America/Sao_Paulo",
        at,
        "15 Sep 2025, 11:00 UTC-03; 15 Sep 2025; 11:00 UTC-03",
    );
    let late = "2025-12-31T23:30:00.5-05:00";
    check(&english, "en", "Europe/Madrid", late, "1 Jan 2026, 05:30 CET; 1 Jan 2026; 05:30 CET");
    let spanish = written("es", all);
    check(
        &spanish,
        "es-MX",
        "Europe/Madrid",
        at,
        "15 sept 2025, 16:00 CEST; 15 sept 2025; 16:00 CEST",
    );
    let hindi = written("hi", all);
    check(&hindi, "hi", "UTC", at, "2025-09-15 14:00 UTC; 2025-09-15; 14:00 UTC");
}

#[test]
fn a_country_may_write_its_language_in_its_own_way() {
    let american = r#"
        months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        date = "{month} {day}, {year}"
        time = "{hour12}:{minute} {half}"
        datetime = "{date} at {time} ({zone})"
        and = "and"
    "#;
    let folder = Folder::new(&[("languages/en-US.toml", american)]);
    let templates = folder.load().unwrap();
    let check = |locale: &str, at: &str, expected: &str| {
        let json = json!({ "title": "x", "scheduled_at": at });
        let message = render(&templates, "quiz_reminder", &json, locale).unwrap().message;
        assert!(message.contains(expected), "{message}");
    };
    check("en-US", "2025-09-15T14:00:00Z", "Sep 15, 2025 at 2:00 PM (UTC)");
    check("en-US", "2025-09-15T00:05:00Z", "Sep 15, 2025 at 12:05 AM (UTC)");
    check("en-US", "2025-09-15T12:05:00Z", "12:05 PM");
    check("en-GB", "2025-09-15T14:00:00Z", "15 Sep 2025, 14:00 UTC");
    check("es-US", "2025-09-15T14:00:00Z", "15 sept 2025, 14:00 UTC");
}

#[test]
fn lists_are_joined_as_people_say_them() {
    let check = |locale: &str, items: &[&str], expected: &str| {
        let templates = written(locale, "{{ (items or []) | listed }}x");
        let title = title(&templates, locale, json!({ "n": 1, "items": items }));
        assert_eq!(title.trim_end_matches('x'), expected);
    };
    check("en", &["Teacher", "Parent", "Counselor"], "Teacher, Parent and Counselor");
    check("en", &["Teacher", "Parent"], "Teacher and Parent");
    check("en", &["Teacher"], "Teacher");
    check("es", &["maestra", "madre", "consejero"], "maestra, madre y consejero");
    check("es", &["padre", "hijo"], "padre e hijo");
    check("es", &["Ana", "Irene"], "Ana e Irene");
    check("es", &["agua", "hielo"], "agua y hielo");
    check("es", &["sol", "Iowa"], "sol y Iowa");
    check("hi", &["a", "b", "c"], "a, b, c");
    assert!(built_in().iter().len() > 1);
}
