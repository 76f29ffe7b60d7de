//! Every built-in template, in each locale and for each medium, against what it should say.
//!
//! After a template was changed on purpose, run these with `UPDATE_SNAPSHOTS=1` and read the diff.

use std::collections::BTreeSet;
use std::path::PathBuf;

use landfall_core::notification::Priority;
use landfall_core::zone::Zone;
use serde_json::{Value, json};

use super::super::sources::BUILT_IN;
use super::{Rendered, built_in, data};
use crate::templates::{Ask, RenderError};
use landfall_core::channel::Channel;

/// The data of S2's examples, or of its list of fields where it has no example.
fn iep(id: &str) -> Value {
    match id {
        "iep_meeting_reminder" => json!({
            "student_name": "Sarah Johnson",
            "meeting_date": "2025-09-15T14:00:00Z",
            "location": "Conference Room A",
            "attendees": ["Teacher", "Parent", "Counselor"],
            "iep_id": "iep_12345"
        }),
        "iep_deadline_warning" => json!({
            "student_name": "Michael Chen",
            "deadline_date": "2025-09-20T23:59:59Z",
            "days_remaining": 5,
            "action_required": "Submit IEP review documents",
            "iep_id": "iep_67890"
        }),
        _ => json!({
            "student_name": "Sarah Johnson",
            "student_id": "student_12345",
            "iep_id": "iep_67890",
            "meeting_date": "2025-09-15T14:00:00Z",
            "deadline_date": "2025-09-20T23:59:59Z",
            "location": "Conference Room A",
            "attendees": ["Teacher", "Parent", "Counselor"],
            "case_manager": "Ms. Smith",
            "action_required": "Submit review documents",
            "days_remaining": 5,
            "meeting_type": "Annual Review",
            "compliance_status": "On Track"
        }),
    }
}

/// The data of S0's example of a live session, and of a quiz like it.
fn schedule(id: &str) -> Value {
    match id {
        id if id.starts_with("quiz") => {
            json!({ "title": "Fractions", "scheduled_at": "2024-01-15T10:00:00Z" })
        }
        _ => json!({
            "class_id": 1,
            "title": "Introduction to AI",
            "scheduled_at": "2024-01-15T14:00:00Z",
            "duration_minutes": 90
        }),
    }
}

fn example(id: &str) -> Value {
    match id.split('_').next() {
        Some("iep") => iep(id),
        Some("topic") => json!({
            "sender": "Mr Tom", "topic": "Class 7b", "preview": "The test is on page 40",
            "link": "https://app.example/topics/class-7b"
        }),
        Some("digest") => {
            let item = |title: &str, message, link: Option<&str>| json!({ "title": title, "message": message, "link": link });
            let mut items = vec![item("Algebra: 7 <of> 10", "", None)];
            items.push(item("", "Bring a ruler", None));
            items.push(item("Trip", "We leave at 7", Some("/trip")));
            items.extend((4..7).map(|n| item(&format!("Lab {n}"), "", None)));
            json!({ "key": "grades", "count": items.len(), "items": items })
        }
        _ => schedule(id),
    }
}

fn written(rendered: &Rendered) -> String {
    let Rendered { locale, title, message, sms, email } = rendered;
    let (sms, email) = (sms.as_ref().unwrap(), email.as_ref().unwrap());
    let html = email.html.as_ref().unwrap();
    let (subject, text) = (&email.subject, &email.text);
    format!(
        "locale: {locale}\ntitle: {title}\nmessage: {message}\nsms: {sms}\nsubject: {subject}\n\
         \n--- text\n{text}\n\n--- html\n{html}"
    )
}

/// The basic characters of GSM 03.38: with these alone, a part of a text message holds 160.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKL\
                   MNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

#[test]
fn every_template_says_in_each_locale_what_it_should() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/templates/tests/snapshots");
    let templates = built_in();
    let zone = Zone::parse("America/New_York").ok();
    let mut wrong = Vec::new();
    for template in templates.iter() {
        for (asked, locale) in [("en-US", "en"), ("es-MX", "es")] {
            let ask = Ask { locale: Some(asked), zone: zone.clone(), channels: &Channel::ALL };
            let json = data(&example(template.id()));
            let rendered = templates.render(template.id(), Some(&json), &ask).unwrap();
            let text = written(&rendered);
            let file = folder.join(format!("{}.{locale}.txt", template.id()));
            if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
                std::fs::write(&file, &text).unwrap();
            }
            if std::fs::read_to_string(&file).ok().as_ref() != Some(&text) {
                wrong.push(format!("{}:\n{text}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_text_message_is_one_part() {
    let templates = built_in();
    for template in templates.iter() {
        for locale in ["en", "es"] {
            let rendered =
                super::render(&templates, template.id(), &example(template.id()), locale).unwrap();
            let sms = rendered.sms.unwrap();
            let odd: String = sms.chars().filter(|c| !GSM.contains(*c)).collect();
            assert_eq!(odd, "", "{} {locale}: {sms}", template.id());
            assert!(sms.chars().count() <= 160, "{} {locale}: {sms}", template.id());
        }
    }
}

#[test]
fn channels_and_priorities_are_those_of_the_table() {
    let templates = built_in();
    let (live, push, sms) = (Channel::Websocket, Channel::Push, Channel::Sms);
    for (id, channels, priority) in [
        ("iep_meeting_reminder", &[live, push, sms][..], Priority::High),
        ("iep_deadline_warning", &[live, push, sms], Priority::Critical),
        ("iep_document_ready", &[live, push], Priority::Normal),
        ("iep_parent_consent", &[live, push, sms], Priority::High),
        ("iep_review_due", &[live, push], Priority::Normal),
        ("iep_progress_report", &[live, push], Priority::Normal),
        ("quiz_reminder", &[live, push], Priority::Normal),
        ("live_session_started", &[live, push], Priority::Normal),
        ("event_ended", &[live, push], Priority::Low),
        ("topic_mention", &[live, push], Priority::Normal),
    ] {
        let template = templates.get(id).unwrap();
        assert_eq!((template.channels(), template.priority()), (channels, priority), "{id}");
    }
    assert_eq!(templates.iter().len(), 18);
}

#[test]
fn required_are_the_fields_of_the_documented_examples() {
    let templates = built_in();
    for id in ["iep_meeting_reminder", "iep_deadline_warning"] {
        let json = iep(id);
        let fields: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let required: BTreeSet<&str> = templates.get(id).unwrap().required().collect();
        assert_eq!(required, fields, "{id}");
    }
}

#[test]
fn every_missing_field_is_named() {
    let templates = built_in();
    for template in templates.iter() {
        let required: Vec<String> =
            template.required().map(|name| format!("/data/{name}")).collect();
        assert!(!required.is_empty());
        for none in [None, Some(data(&json!({}))), Some(data(&json!({ "title": null })))] {
            let error = templates.render(template.id(), none.as_ref(), &Ask::default());
            let Err(RenderError::Data(faults)) = error else { panic!("{error:?}") };
            let named: Vec<&str> = faults.iter().map(|fault| &*fault.pointer).collect();
            assert_eq!(named, required, "{}", template.id());
        }
        for name in template.required() {
            let mut json = example(template.id());
            json.as_object_mut().unwrap().remove(name);
            let error = super::render(&templates, template.id(), &json, "en");
            let Err(RenderError::Data(faults)) = error else { panic!("{error:?}") };
            assert_eq!(faults.len(), 1);
            assert_eq!(faults[0].pointer, format!("/data/{name}"));
            assert_eq!(faults[0].detail, "is required by the template");
        }
    }
}

#[test]
fn every_file_of_the_folder_is_built_in() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../templates");
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let folder = path.file_name().unwrap().to_str().unwrap().to_owned();
        for file in std::fs::read_dir(path).unwrap() {
            there.insert((folder.clone(), file.unwrap().file_name().into_string().unwrap()));
        }
    }
    let known: BTreeSet<(String, String)> = BUILT_IN
        .iter()
        .map(|(folder, name, _)| ((*folder).to_owned(), (*name).to_owned()))
        .collect();
    assert_eq!(known, there);
}
