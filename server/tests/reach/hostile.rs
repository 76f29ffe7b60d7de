//! Input that means harm: addresses inside the network, links that run code, words that would break
//! out of a template or a header.

use landfall_fixtures::Callback;
use serde_json::{Value, json};

use crate::harness::{Landfall, token, until};
use crate::world::{PUBLIC, TWILIO_TOKEN, World, subscription};

const PHONE: &str = "+15005550116";

async fn refused(world: &World, field: &str, more: Value) -> Value {
    let mut body = json!({ "user_id": "ana", "notification_type": "news", "message": "m" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let app = token("app", "service");
    let (status, problem) = world.try_call("POST", "/api/v1/notify", &app, body).await;
    assert_eq!(status, 422, "{problem}");
    let pointers = problem["errors"].to_string();
    assert!(pointers.contains(field), "{problem}");
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_inside_the_network_is_refused_when_it_is_brought_and_when_it_is_used() {
    let world = World::with(&[("LANDFALL_OUTBOUND_ALLOW", "127.0.0.0/8")]).await;
    let browser = world.on.push.subscribe(None);
    let ana = token("ana", "student");
    for endpoint in [
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.7/push",
        "https://[::ffff:10.0.0.7]/push",
        "https://[fd00::1]/push",
        "https://localhost.localdomain:1/push",
        "https://0x0a000007/push",
        "file:///etc/passwd",
    ] {
        let mut body = subscription(&browser);
        body["endpoint"] = json!(endpoint);
        let (status, problem) = world.try_call("POST", "/push/subscribe", &ana, body).await;
        assert_eq!(status, 422, "{endpoint}: {problem}");
    }
    world.browser("ana").await;
    let World { landfall, on, .. } = world;
    let mut settings = on.settings();
    settings.retain(|(name, _)| name != "LANDFALL_OUTBOUND_ALLOW");
    let settings: Vec<_> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
    let clock = landfall.clock.clone();
    let landfall = Landfall::on(landfall.stop().await, &settings, clock).await;
    let more = json!({ "channels": ["push"] });
    let answer = landfall.notify_with("ana", "Trip", more).await;
    let id = answer["notification_id"].as_str().unwrap();
    let path = format!("/api/v1/notifications/{id}/timeline?limit=500");
    let admin = token("root", "admin");
    until("it has failed", async || {
        let timeline = landfall.call("GET", &path, &admin, None).await;
        timeline["channels"]["push"]["state"] == "failed"
    })
    .await;
    assert_eq!(on.push.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_runs_code_is_refused() {
    let world = World::start().await;
    for link in
        ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "data:text/html,x"]
    {
        refused(&world, "/link", json!({ "link": link })).await;
    }
    for name in ["navigate", "url", "icon"] {
        let action = json!({ "action": "open", "title": "Open", name: "javascript:alert(1)" });
        let actions = json!({ "actions": [{ "action": "later", "title": "Later" }, action] });
        refused(&world, &format!("/actions/1/{name}"), actions).await;
    }
    for image in ["javascript:alert(1)", "data:image/png;base64,AA"] {
        let answer = refused(&world, "/image", json!({ "image": image })).await;
        assert!(!answer.to_string().contains("alert(1)"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_stay_words_in_every_template() {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    let evil = "{{ 7 * 7 }}{% for x in range(9) %}x{% endfor %}<script>alert(1)</script>\r\nBcc: eve@evil.example";
    let data = json!({
        "student_name": evil, "meeting_date": "2027-09-15T14:00:00Z",
        "location": evil, "attendees": [evil], "iep_id": "iep_1",
    });
    let more = json!({ "template_id": "iep_meeting_reminder", "channels": ["email", "sms"],
        "strategy": "all", "data": data, "priority": "high" });
    let mut body = json!({ "user_id": "ana", "notification_type": "iep_reminder" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let app = token("app", "service");
    let (status, answer) = world.try_call("POST", "/notify", &app, body).await;
    assert_eq!(status, 202, "{answer}");
    let id = answer["notification_id"].as_str().unwrap();
    world.until_stands(id, "email", "sent").await;
    world.until_stands(id, "sms", "sent").await;
    let mail = world.on.smtp.mails().pop().unwrap();
    assert_eq!(mail.recipients, ["ana@home.example"]);
    assert!(mail.header("bcc").is_none(), "{:?}", mail.headers);
    let text = mail.part("text/plain").unwrap();
    assert!(text.contains("{{ 7 * 7 }}") && !text.contains("xxxxxxxxx"), "{text}");
    let html = mail.part("text/html").unwrap();
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
    let sms = world.on.twilio.messages().pop().unwrap();
    assert!(sms.body.contains("{{ 7 * 7 }}"), "{}", sms.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_break_in_a_title_starts_no_header_and_no_field() {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    let title = "Trip\r\nBcc: eve@evil.example\r\n\r\nbody&To=+15005550199";
    let more = json!({ "title": title, "strategy": "all" });
    let id = world.notify("ana", &["email", "sms"], more).await;
    world.until_stands(&id, "email", "sent").await;
    world.until_stands(&id, "sms", "sent").await;
    let mail = world.on.smtp.mails().pop().unwrap();
    assert_eq!(mail.recipients, ["ana@home.example"]);
    assert!(mail.header("bcc").is_none(), "{:?}", mail.headers);
    let subject = "Trip  Bcc: eve@evil.example    body&To=+15005550199";
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(mail.header("subject").unwrap()), words(subject));
    assert!(!mail.part("text/plain").unwrap().contains("eve"), "the text is the message's alone");
    let [sms] = &world.on.twilio.messages()[..] else { panic!("one text message") };
    assert_eq!(sms.to, PHONE);
    assert!(sms.body.starts_with("Trip\nBcc: eve@evil.example\n\nbody&To="), "{}", sms.body);
    assert!(!sms.body.contains('\r'), "{:?}", sms.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_are_refused_at_the_door() {
    let world = World::start().await;
    let huge = "x".repeat(10 * 1_024 * 1_024);
    let body = json!({ "user_id": "ana", "notification_type": "news", "message": "m",
        "data": { "huge": huge } });
    let url = format!("http://{}/api/v1/notify", world.landfall.address);
    let request = world.client().post(url).bearer_auth(token("app", "service")).json(&body);
    // The server may close the connection before everything was sent.
    if let Ok(answer) = request.send().await {
        assert_eq!(answer.status(), 413);
    }
    let id = world.notify("ana", &["websocket"], json!({})).await;
    assert!(!id.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_signed_for_one_address_is_believed_at_no_other() {
    let world = World::start().await;
    world.person("ana", PHONE).await;
    let url = format!("{PUBLIC}/api/v1/callbacks/sms/replies/other");
    let parameters = vec![("From", PHONE.to_owned()), ("OptOutType", "STOP".to_owned())];
    let mut stop = Callback::signed(url, parameters, TWILIO_TOKEN);
    let here = stop.url.replace("/other", "/default");
    let there = std::mem::replace(&mut stop.url, here);
    assert_eq!(world.call_back(&stop).await, 403, "the signature covers the URL");
    stop.url = there;
    assert_eq!(world.call_back(&stop).await, 204);
}
