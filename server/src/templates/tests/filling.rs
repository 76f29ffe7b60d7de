//! What a sender's data may do to what people read: fill it in, and nothing else.

use serde_json::{Value, json};

use super::{Ask, Folder, RenderError, Rendered, Rules, Templates, built_in, data, render, rules};

const MANIFEST: &str = r#"
description = "A test."
channels = ["websocket"]
priority = "low"

[required]
a = "text"

[optional]
link = "link"
items = "list"
n = "number"
at = "time"
"#;

const TEXT: &str = r#"
{% block title %}{{ a }}{% endblock %}
{% block message %}{{ a }}
{% if items %}{% for item in items %}{{ item }}{{ a }}{% endfor %}{% endif %}
{% endblock %}
{% block email_subject %}S: {{ a }}{% endblock %}
{% block email_html %}<p title="{{ a }}">{{ a }}</p>{% if link %}<a href="{{ link }}">x</a>{% endif %}{% endblock %}
"#;

fn probe() -> Templates {
    let files = [("probe/template.toml", MANIFEST), ("probe/en.j2", TEXT)];
    Folder::new(&files).load().unwrap()
}

fn filled(json: Value) -> Rendered {
    render(&probe(), "probe", &json, "en").unwrap()
}

fn faults(json: Value) -> Vec<String> {
    match render(&probe(), "probe", &json, "en") {
        Err(RenderError::Data(faults)) => faults.into_iter().map(|fault| fault.pointer).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn data_is_never_a_template() {
    let attack = "{{ 7*7 }} {% for a in b %} {{ _reader }} {# c #}";
    let rendered = filled(json!({ "a": attack }));
    assert_eq!(rendered.title, attack);
    assert_eq!(rendered.message, attack);
    assert_eq!(rendered.sms.as_deref(), Some(attack));
    let email = rendered.email.unwrap();
    assert_eq!((&*email.subject, &*email.text), (&*format!("S: {attack}"), attack));
    assert!(email.html.unwrap().contains("{{ 7*7 }}"));
}

#[test]
fn html_is_escaped_and_text_is_not() {
    let attack = r#"<script>alert("1")</script> & 'x'"#;
    let rendered = filled(json!({ "a": attack }));
    assert_eq!(rendered.title, attack);
    let html = rendered.email.unwrap().html.unwrap();
    assert!(!html.contains("<script"), "{html}");
    assert_eq!(html.matches("&lt;script&gt;").count(), 2, "{html}");
    let attack = r#"" onmouseover="x"#;
    let html = filled(json!({ "a": attack })).email.unwrap().html.unwrap();
    assert!(html.contains(r#"<p title="&quot; onmouseover=&quot;x">"#), "{html}");
}

#[test]
fn links_lead_to_no_script() {
    for link in ["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", "//evil", "x"] {
        assert_eq!(faults(json!({ "a": "x", "link": link })), ["/data/link"], "{link}");
    }
    let html = filled(json!({ "a": "x", "link": "https://a.example/?b=\"c" }));
    let html = html.email.unwrap().html.unwrap();
    assert!(html.contains("a.example") && html.contains("b=&quot;c\""), "{html}");
}

#[test]
fn lines_that_have_to_be_one_stay_one() {
    let attack = "Hello\r\nBcc: all@example.org\u{0}\u{7f}\u{2028}x";
    let rendered = filled(json!({ "a": attack }));
    let one = "Hello Bcc: all@example.org x";
    assert_eq!((&*rendered.title, rendered.sms.as_deref()), (one, Some(one)));
    assert_eq!(rendered.message, "Hello\nBcc: all@example.org\nx");
    let email = rendered.email.unwrap();
    assert_eq!(email.subject, format!("S: {one}"));
    assert!(!email.html.unwrap().contains(['\r', '\0', '\u{7f}']));
}

#[test]
fn values_of_the_wrong_kind_are_named_all_at_once() {
    let json = json!({ "a": [1], "link": 5, "items": ["x", {}], "n": "2", "at": "tomorrow" });
    assert_eq!(faults(json), ["/data/a", "/data/at", "/data/items", "/data/link", "/data/n"]);
    assert_eq!(faults(json!({ "a": " \n" })), ["/data/a"]);
    assert_eq!(filled(json!({ "a": 12 })).title, "12");
    for odd in [r#"{"a":"\ud800"}"#, r#"{"a":1e999}"#, "[]", "5", "nonsense"] {
        let odd = landfall_core::notification::JsonText::trusted(odd);
        let error = probe().render("probe", Some(&odd), &Ask::default()).unwrap_err();
        assert_eq!(error.into_faults()[0].pointer, "/data");
    }
}

#[test]
fn a_field_that_the_template_does_not_name_changes_nothing() {
    let rendered = filled(json!({ "a": "x", "b": "\u{1}", "c": { "d": [1, 2] } }));
    assert_eq!(rendered, filled(json!({ "a": "x" })));
}

#[test]
fn what_becomes_too_long_is_refused_and_a_text_message_is_cut() {
    assert_eq!(filled(json!({ "a": "ñ".repeat(200) })).title.chars().count(), 200);
    assert_eq!(faults(json!({ "a": "ñ".repeat(201) })), ["/data"]);
    assert_eq!(faults(json!({ "a": "x".repeat(1_000_000) })), ["/data"]);
    let files = [
        ("probe/template.toml", MANIFEST),
        ("probe/en.j2", &TEXT.replace("title %}{{ a }}", "title %}T")),
    ];
    let templates = Folder::new(&files).load().unwrap();
    let rendered = render(&templates, "probe", &json!({ "a": "y".repeat(3_999) }), "en").unwrap();
    let sms = rendered.sms.unwrap();
    assert_eq!(sms.chars().count(), 1_600);
    assert!(sms.ends_with("y..."), "{sms}");
}

#[test]
fn no_part_of_an_e_mail_is_larger_than_256_kib() {
    for part in ["email_text", "email_html"] {
        let text = format!(
            "{{% block title %}}T{{% endblock %}}{{% block message %}}M{{% endblock %}}\
             {{% block {part} %}}{{% for x in items or [] %}}{{{{ a }}}}{{% endfor %}}{{% endblock %}}"
        );
        let files = [("probe/template.toml", MANIFEST), ("probe/en.j2", &text)];
        let templates = Folder::new(&files).load().unwrap();
        let with = |count: usize| {
            let json = json!({ "a": "y".repeat(128), "items": vec!["x"; count] });
            render(&templates, "probe", &json, "en")
        };
        assert!(with(2_048).is_ok(), "{part}");
        let Err(RenderError::Data(faults)) = with(2_049) else { panic!("{part} has no bound") };
        assert!(faults[0].detail.contains("262144 bytes"), "{}", faults[0].detail);
    }
}

#[test]
fn a_template_cannot_run_away() {
    let items: Vec<&str> = vec!["x"; 1_000];
    let long = json!({ "a": "y".repeat(100), "items": items });
    assert_eq!(faults(long), ["/data"]);
    let text = "{% block title %}x{% endblock %}{% block message %}{% for x in items or [] %}{% for y in items %}{% for z in items %}{% set w = a %}{% endfor %}{% endfor %}{% endfor %}z{% endblock %}";
    let files = [("probe/template.toml", MANIFEST), ("probe/en.j2", text)];
    let templates = Folder::new(&files).load().unwrap();
    let json = json!({ "a": "x", "items": vec!["x"; 500] });
    let Err(RenderError::Broken(fault)) = render(&templates, "probe", &json, "en") else {
        panic!("it ended")
    };
    assert!(fault.what.contains("fuel"), "{fault}");
}

#[test]
fn only_what_is_asked_for_is_filled_in() {
    let json = data(&json!({ "title": "x", "scheduled_at": "2024-01-15T10:00:00Z" }));
    let rendered = built_in().render("quiz_reminder", Some(&json), &Ask::default()).unwrap();
    assert!(rendered.sms.is_none() && rendered.email.is_none());
    let unknown = built_in().render("nonsense", None, &Ask::default()).unwrap_err();
    assert_eq!(unknown, RenderError::Unknown);
    assert_eq!(unknown.into_faults()[0].pointer, "/template_id");
}

#[test]
fn data_is_checked_once_for_many() {
    let templates = built_in();
    let template = templates.get("quiz_ended").unwrap();
    let fields = template.read(Some(&data(&json!({ "title": "Fractions" })))).unwrap();
    for (locale, title) in
        [("en", "The quiz is over: Fractions"), ("es", "Terminó el cuestionario: Fractions")]
    {
        let ask = Ask { locale: Some(locale), ..Ask::default() };
        assert_eq!(template.render(&fields, &ask).unwrap().title, title);
    }
}

#[test]
fn the_bounds_of_title_and_message_are_the_servers() {
    let rules = Rules { title_chars: 10, ..rules() };
    let templates = Templates::load(None, rules).unwrap();
    let error = render(&templates, "quiz_ended", &json!({ "title": "x" }), "en").unwrap_err();
    let faults = error.into_faults();
    assert_eq!(faults[0].detail, "makes the template's title longer than 10 characters");
}
