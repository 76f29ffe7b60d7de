//! What `docs/templates.md` shows works as it stands there.

use serde_json::json;

use super::{Folder, built_in, render, told};

const DOCS: &str = include_str!("../../../../docs/templates.md");

/// Gives the fenced example that begins with these words.
fn example(begins: &str) -> &'static str {
    let examples = DOCS.split("```").skip(1).step_by(2);
    let mut bodies = examples.filter_map(|example| example.split_once('\n').map(|(_, body)| body));
    bodies.find(|body| body.starts_with(begins)).unwrap()
}

#[test]
fn the_documented_template_loads_and_is_filled_in() {
    let folder = Folder::new(&[
        ("welcome/template.toml", example("description")),
        ("welcome/en.j2", example("{% block title")),
        ("languages/en-US.toml", example("months")),
    ]);
    let templates = folder.load().unwrap_or_else(|faults| panic!("{}", told(&faults)));
    let json = json!({
        "name": "Ada", "starts_at": "2025-09-15T14:00:00Z", "courses": ["Art", "Music"],
    });
    let rendered = render(&templates, "welcome", &json, "en-US").unwrap();
    assert_eq!(rendered.title, "Welcome, Ada");
    assert_eq!(rendered.message, "We begin on Sep 15, 2025, 2:00 PM UTC.");
    let html = rendered.email.unwrap().html.unwrap();
    assert!(html.contains("<p>Your courses: Art and Music.</p>"), "{html}");
}

#[test]
fn the_table_of_templates_is_the_templates() {
    let templates = built_in();
    let mut documented = 0;
    for line in
        DOCS.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 6)
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let mut required: Vec<&str> =
            cells[5].split(", ").map(|name| name.trim_matches('`')).collect();
        required.sort_unstable();
        for id in cells[1].split(", ").map(|id| id.trim_matches('`')) {
            let template = templates.get(id).unwrap();
            let channels: Vec<&str> = template.channels().iter().map(|c| c.as_str()).collect();
            assert_eq!(cells[3], channels.join(", "), "{id}");
            assert_eq!(cells[4], template.priority().as_str(), "{id}");
            assert_eq!(required, template.required().collect::<Vec<_>>(), "{id}");
            documented += 1;
        }
    }
    assert_eq!(documented, templates.iter().len());
}
