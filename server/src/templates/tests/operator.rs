//! An operator's own folder: what it may change, and how its faults are told.

use serde_json::json;

use super::{Folder, render, told};

const MANIFEST: &str = "description = \"d\"\nchannels = [\"email\"]\npriority = \"high\"\n[required]\nname = \"text\"\n";
const TEXT: &str =
    "{% block title %}T {{ name }}{% endblock %}\n{% block message %}M{% endblock %}\n";

#[test]
fn files_take_the_place_of_built_in_ones_and_add_to_them() {
    let english =
        "{% block title %}Mine: {{ title }}{% endblock %}{% block message %}M{% endblock %}";
    let hindi =
        "{% block title %}हिन्दी: {{ title }}{% endblock %}{% block message %}M{% endblock %}";
    let folder = Folder::new(&[
        ("quiz_ended/en.j2", english),
        ("quiz_ended/hi.j2", hindi),
        ("welcome/template.toml", MANIFEST),
        ("welcome/en.j2", TEXT),
        ("README.md", "Ours."),
        (".git/config", ""),
        ("welcome/.en.j2.swp", ""),
    ]);
    let templates = folder.load().unwrap_or_else(|faults| panic!("{}", told(&faults)));
    let title = |id: &str, locale: &str| {
        let json = json!({ "title": "x", "name": "Ada" });
        render(&templates, id, &json, locale).unwrap().title
    };
    assert_eq!(title("quiz_ended", "en"), "Mine: x");
    assert_eq!(title("quiz_ended", "hi-IN"), "हिन्दी: x");
    assert_eq!(title("quiz_ended", "es"), "Terminó el cuestionario: x");
    assert_eq!(title("welcome", "es"), "T Ada");
    let locales: Vec<&str> = templates.get("quiz_ended").unwrap().locales().collect();
    assert_eq!(locales, ["en", "es", "hi"]);
    // What a template does not have is taken from what it has.
    let rendered = render(&templates, "welcome", &json!({ "name": "Ada" }), "en").unwrap();
    assert_eq!(rendered.sms.as_deref(), Some("M"));
    let email = rendered.email.unwrap();
    assert_eq!((&*email.subject, &*email.text, email.html), ("T Ada", "M", None));
}

/// Expects exactly these faults, as `file:line: what` with the beginning of what.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let folder = Folder::new(files);
    let faults = folder.load().unwrap_err();
    let root = format!("{}/", folder.path().display());
    let told: Vec<String> =
        faults.iter().map(|fault| fault.to_string().replace(&root, "")).collect();
    let fits = |(told, expected): (&String, &&str)| told.starts_with(expected);
    let all_fit = told.len() == expected.len() && told.iter().zip(expected).all(fits);
    assert!(all_fit, "{told:#?}");
}

#[test]
fn every_fault_of_every_template_is_told_at_once() {
    check(
        &[
            (
                "a/template.toml",
                "description = \"d\"\nchannels = [\n\"email\", \"fax\"]\npriority = \"urgent\"\n[required]\nname = \"word\"\n_x = \"text\"\n",
            ),
            ("a/en.j2", TEXT),
            ("b/template.toml", MANIFEST),
            (
                "b/en.j2",
                "{% block title %}\n{{ nam }}\n{% endblock %}\n{% block message %}{{ name\n{% endblock %}\n",
            ),
            ("b/fr.j2", "{% block title %}x{% endblock %}\nBonjour\n"),
            ("c/en.j2", TEXT),
            ("d/template.toml", MANIFEST),
            ("d/pl.j2", TEXT),
            ("e/template.toml", "description = 1\n"),
            ("e/en.j2", TEXT),
            ("heartbeat/template.toml", MANIFEST),
            ("stray.j2", TEXT),
            ("quiz_ended/notes.txt", ""),
            ("languages/fr.toml", "months = []\n"),
        ],
        &[
            "a/template.toml:3: a channel is one of websocket, push, sms, email",
            "a/template.toml:4: priority must be one of low, normal, high, critical",
            "a/template.toml:6: a field is one of text, number, time, list, link, flag, any",
            "a/template.toml:7: a field's name is letters, digits and _",
            "b/en.j2:2: nam is no field of template.toml",
            "b/en.j2:4: syntax error",
            "b/fr.j2:2: stands outside a block",
            "c/en.j2:1: there is no template.toml beside it",
            "d/template.toml:1: there is no en.j2 beside it",
            "e/template.toml:1: ",
            "heartbeat/template.toml:1: the folder's name cannot name a template",
            "languages/fr.toml:1: ",
            "quiz_ended/notes.txt:1: must be template.toml or named for a locale",
            "stray.j2:1: must lie in a folder",
        ],
    );
}

#[test]
fn what_only_shows_when_it_is_filled_in_is_found_at_the_start() {
    let manifest = "description = \"d\"\nchannels = []\npriority = \"low\"\n[required]\nat = \"time\"\nn = \"number\"\n[optional]\nwho = \"text\"\n";
    let text = |body: &str| {
        format!(
            "{{% block title %}}x{{% endblock %}}\n{{% block message %}}\n{body}\n{{% endblock %}}\n"
        )
    };
    for (body, what) in [
        ("{{ at }}", "invalid operation: a time is shown by one of the filters"),
        ("{{ who }}", "invalid operation: an optional field must stand inside an if"),
        ("{{ n | shout }}", "unknown filter"),
        ("{{ n | plural(one=\"x\") }}", "missing argument"),
        ("{{ n | plural(other=\"x\", some=\"y\") }}", "too many arguments"),
        ("{% if who is odd %}x{% endif %}", "unknown test"),
        ("{{ n.parts.first }}", "undefined value"),
        ("{{ n | datetime }}", "invalid operation"),
        ("{{ n | safe }}", "unknown filter"),
        ("{{ debug() }}", "debug is no field"),
    ] {
        let expected = format!("a/en.j2:3: {what}");
        check(&[("a/template.toml", manifest), ("a/en.j2", &text(body))], &[&expected]);
    }
    let included = text("{% include \"/etc/passwd\" %}");
    check(&[("a/template.toml", manifest), ("a/en.j2", &included)], &["a/en.j2:3: syntax error"]);
}

#[test]
fn html_in_which_a_value_could_do_harm_is_refused() {
    let html = "{% block email_html %}\n<p>{{ name }}</p>\n<a href=\"{{ name }}\">x</a>\n<p class={{ name }}>\n<script></script>\n{% endblock %}\n";
    let text = format!("{TEXT}{html}");
    check(
        &[("a/template.toml", MANIFEST), ("a/en.j2", &text)],
        &[
            "a/en.j2:5: a link must be filled in from a field of the kind link",
            "a/en.j2:6: what is filled into a tag must stand in quotes",
            "a/en.j2:7: an e-mail must not hold a script",
        ],
    );
}

#[test]
fn a_folder_that_is_not_there_and_files_that_are_too_large_are_told() {
    let folder = Folder::new(&[]);
    let missing = folder.path().join("nowhere");
    let faults = super::Templates::load(Some(&missing), super::rules()).unwrap_err();
    assert!(faults[0].to_string().contains("nowhere:1: cannot be read: "), "{}", told(&faults));
    let large = format!("{TEXT}{{# {} #}}", "x".repeat(70_000));
    check(
        &[("a/template.toml", MANIFEST), ("a/en.j2", &large)],
        &["a/en.j2:1: cannot be read: it has 70", "a/template.toml:1: there is no en.j2"],
    );
}

#[test]
fn a_folder_of_too_many_is_not_gone_through() {
    let names: Vec<String> = (0..1_001).map(|n| format!("t{n}/en.j2")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), TEXT)).collect();
    check(&files[..1], &["t0/en.j2:1: there is no template.toml"]);
    let folder = Folder::new(&files);
    let faults = folder.load().unwrap_err();
    assert_eq!(faults.len(), 1, "{}", told(&faults));
    assert!(faults[0].to_string().ends_with("holds more than 1000 entries"), "{}", faults[0]);
}

#[test]
fn a_changed_manifest_is_held_against_the_built_in_texts() {
    let folder = Folder::new(&[("quiz_ended/template.toml", MANIFEST)]);
    let faults = told(&folder.load().unwrap_err());
    assert!(faults.contains("templates/quiz_ended/es.j2 (built in):"), "{faults}");
    assert!(faults.contains("title is no field of template.toml"), "{faults}");
}
