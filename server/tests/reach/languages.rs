//! In whose language and by whose clock somebody is written to: the request's word goes before their
//! own preferences, these before their profile, that before what their tenant said, and that before
//! what the server is set to.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::token;
use crate::world::World;

const ENGLISH: &str = "IEP meeting for Sarah Johnson";
const SPANISH: &str = "Reunión del IEP de Sarah Johnson";
const PHONE: &str = "+15005550123";

/// S2's example.
fn meeting(more: Value) -> Value {
    let mut fields = json!({
        "title": null,
        "message": null,
        "template_id": "iep_meeting_reminder",
        "data": {
            "student_name": "Sarah Johnson",
            "meeting_date": "2025-09-15T14:00:00Z",
            "location": "Room A",
            "attendees": ["Teacher", "Parent"],
            "iep_id": "iep_12345",
        },
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fields
}

/// Notifies Ana by template; gives title, message and language as her inbox has them.
async fn stored(world: &World, more: Value) -> (String, String, Value) {
    let id = world.notify("ana", &["websocket"], meeting(more)).await;
    let path = format!("/api/v1/notifications/{id}");
    let (_, item) = world.get(&path, &token("ana", "student")).await;
    let text = |field: &str| item[field].as_str().unwrap().to_owned();
    (text("title"), text("message"), item["locale"].clone())
}

/// Lets Ana's tenant, her profile and her preferences say one thing after the other.
async fn say(world: &World, level: &str, wish: Value) {
    let (admin, ana) = (token("root", "admin"), token("ana", "student"));
    let (method, path, token) = match level {
        "tenant" => ("PUT", "/api/v1/admin/preferences", admin),
        "profile" => ("PATCH", "/api/v1/users/ana", admin),
        _ => ("POST", "/api/v1/notifications/preferences", ana),
    };
    world.landfall.call(method, path, &token, Some(wish)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_level_goes_before_the_next_in_language() {
    let world = World::with(&[("LANDFALL_NOTIFY_LOCALE", "es")]).await;
    world.person("ana", PHONE).await;
    let title = async |more: Value| {
        let (title, message, locale) = stored(&world, more).await;
        let (words, month) = if title == SPANISH { ("Con ", " sept ") } else { ("With ", " Sep ") };
        assert!(message.contains(words) && message.contains(month), "{title}: {message}");
        (title, locale)
    };
    let spanish = (SPANISH.to_owned(), json!("es"));
    let english = (ENGLISH.to_owned(), json!("en"));
    assert_eq!(title(json!({})).await, spanish, "the server's");
    say(&world, "tenant", json!({ "locale": "en" })).await;
    assert_eq!(title(json!({})).await, english, "the tenant's");
    say(&world, "profile", json!({ "locale": "es" })).await;
    assert_eq!(title(json!({})).await, spanish, "the profile's");
    say(&world, "own", json!({ "locale": "en" })).await;
    assert_eq!(title(json!({})).await, english, "her own");
    assert_eq!(title(json!({ "locale": "es" })).await, spanish, "the request's");

    // And back: whatever is taken away leaves the word to the next.
    say(&world, "own", json!({ "locale": null })).await;
    assert_eq!(title(json!({})).await, spanish, "the profile's");
    say(&world, "profile", json!({ "locale": null })).await;
    assert_eq!(title(json!({})).await, english, "the tenant's");
    say(&world, "tenant", json!({})).await;
    assert_eq!(title(json!({})).await, spanish, "the server's");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_level_goes_before_the_next_in_time_zone() {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    let when = async || stored(&world, json!({})).await.1;
    let check = |message: String, expected: &str| {
        assert!(message.contains(expected), "{expected} in {message}");
    };
    check(when().await, "15 Sep 2025, 14:00 UTC");
    say(&world, "tenant", json!({ "tz": "Asia/Kolkata" })).await;
    check(when().await, "15 Sep 2025, 19:30 IST");
    say(&world, "profile", json!({ "tz": "America/Mexico_City" })).await;
    check(when().await, "15 Sep 2025, 08:00 CST");
    say(&world, "own", json!({ "tz": "Asia/Tokyo" })).await;
    check(when().await, "15 Sep 2025, 23:00 JST");
    say(&world, "own", json!({ "tz": null })).await;
    check(when().await, "15 Sep 2025, 08:00 CST");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_of_a_country_is_kept_for_every_channel() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("landfall-languages-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("languages")).unwrap();
    let american = r#"
        months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        date = "{month} {day}, {year}"
        time = "{hour12}:{minute} {half}"
        datetime = "{date}, {time} {zone}"
        and = "and"
    "#;
    std::fs::write(folder.join("languages/en-US.toml"), american).unwrap();
    let world = World::with(&[("LANDFALL_TEMPLATES_DIR", folder.to_str().unwrap())]).await;
    world.person("ana", PHONE).await;
    let when = "Sep 15, 2025, 2:00 PM UTC";
    let channels = json!({ "channels": ["sms", "email"], "strategy": "all", "locale": "en-US" });
    let id = world.notify("ana", &["sms", "email"], meeting(channels)).await;
    world.until_stands(&id, "sms", "sent").await;
    world.until_stands(&id, "email", "sent").await;
    let (_, item) =
        world.get(&format!("/api/v1/notifications/{id}"), &token("ana", "student")).await;
    let sms = world.on.twilio.messages().pop().unwrap().body;
    let mail = world.on.smtp.mails().pop().unwrap().part("text/plain").unwrap();
    for text in [item["message"].as_str().unwrap(), &sms, &mail] {
        assert!(text.contains(when), "{text}");
    }
    assert_eq!(item["locale"], "en-US");
    let (_, _, locale) = stored(&world, json!({ "locale": "de-AT" })).await;
    assert_eq!(locale, "en", "what is not in a language says in which one it is");
    std::fs::remove_dir_all(folder).unwrap();
}
