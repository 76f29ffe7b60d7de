//! The server as a process, killed again and again around the moment at which something is due: every member is reminded
//! once, and what was to go out later or together does so once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use landfall_core::time::Timestamp;
use landfall_server::clock::now_ms;
use serde_json::{Value, json};

use crate::killed::{Ground, token};

const ROUNDS: i64 = 50;
/// Three chunks of a send.
const MEMBERS: usize = 250;
/// Of them so many are asked what they got, of each chunk some.
const ASKED: usize = 25;
/// From the request until the moment.
const AHEAD_MS: i64 = 600;
const REMINDER_MS: i64 = 15 * 60_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// What was accepted: titles of events, of what goes out later, and of what goes out together.
#[derive(Default)]
struct Accepted {
    events: BTreeSet<String>,
    later: BTreeSet<String>,
    together: BTreeSet<String>,
}

async fn class(ground: &Ground, address: &str) {
    let admin = token("root", "admin");
    let topic = json!({ "kind": "class", "title": "7b" });
    ground.ask(address, "PUT", "/api/v1/topics/c1", &admin, topic).await.unwrap();
    let members: Vec<_> =
        (0..MEMBERS).map(|member| json!({ "user_id": format!("m{member}") })).collect();
    let members = json!({ "members": members });
    ground.ask(address, "POST", "/api/v1/topics/c1/members", &admin, members).await.unwrap();
}

/// Schedules what is due in a moment, and kills the server around it.
async fn round(ground: &Ground, number: i64, accepted: &mut Accepted) {
    let (mut child, address) = ground.process().await;
    if number == 0 {
        class(ground, &address).await;
    }
    let (admin, due_ms) = (token("root", "admin"), now_ms() + AHEAD_MS);
    let at = |ms| Timestamp::from_ms(ms).to_string();
    let name = format!("no-{number}");
    let event =
        json!({ "class_id": "c1", "title": name, "scheduled_at": at(due_ms + REMINDER_MS) });
    let later = json!({ "user_id": "m0", "type": "later", "title": name, "message": "m",
        "deliver_at": at(due_ms) });
    let together = json!({ "user_id": "m1", "type": "together", "title": name, "message": "m",
        "digest": { "key": "k", "window": 1 } });
    for (path, body, accepted) in [
        ("/api/v1/notifications/events", event, &mut accepted.events),
        ("/api/v1/notify", later, &mut accepted.later),
        ("/api/v1/notify", together, &mut accepted.together),
    ] {
        if ground.ask(&address, "POST", path, &admin, body).await.is_some() {
            accepted.insert(name.clone());
        }
    }
    // From a fifth of a second before it until most of it is done.
    let killed_ms = due_ms - 200 + number * 37 % 800;
    while now_ms() < killed_ms {
        ground.ask(&address, "GET", "/health", &admin, Value::Null).await;
    }
    child.kill().await.unwrap();
}

/// Gives what is in somebody's inbox, by type and title, each as often as it is there.
async fn told(ground: &Ground, address: &str, user: &str) -> BTreeMap<(String, String), usize> {
    let (mut told, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let path = format!("/api/v1/notifications?limit=100{cursor}");
        let page = ground.ask(address, "GET", &path, &token(user, "student"), Value::Null).await;
        let page = page.unwrap();
        for item in page["items"].as_array().unwrap() {
            let kind = item["notification_type"].as_str().unwrap().to_owned();
            let titles: Vec<&Value> = match item["data"]["items"].as_array() {
                Some(items) => items.iter().map(|item| &item["title"]).collect(),
                None if kind == "event_reminder" => vec![&item["data"]["title"]],
                None => vec![&item["title"]],
            };
            for title in titles {
                *told.entry((kind.clone(), title.as_str().unwrap().to_owned())).or_default() += 1;
            }
        }
        let Some(next) = page["next_cursor"].as_str() else { return told };
        cursor = format!("&cursor={next}");
    }
}

async fn until_told(
    ground: &Ground,
    address: &str,
    user: &str,
    kind: &str,
    all: &BTreeSet<String>,
) {
    let expected: Vec<_> = all.iter().map(|title| (kind.to_owned(), title.clone())).collect();
    let wait = async {
        loop {
            let told = told(ground, address, user).await;
            if expected.iter().all(|one| told.contains_key(one)) {
                assert!(told.values().all(|times| *times == 1), "{user} was told twice: {told:?}");
                return;
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.unwrap_or_else(|_| panic!("{user} was not told of all of {kind}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_when_something_is_due_tells_everybody_once() {
    let ground = Ground::new("on-time").await;
    let mut accepted = Accepted::default();
    for number in 0..ROUNDS {
        round(&ground, number, &mut accepted).await;
    }
    let (_child, address) = ground.process().await;
    for member in (0..MEMBERS).step_by(MEMBERS / ASKED) {
        let member = format!("m{member}");
        until_told(&ground, &address, &member, "event_reminder", &accepted.events).await;
    }
    until_told(&ground, &address, "m0", "later", &accepted.later).await;
    until_told(&ground, &address, "m1", "together", &accepted.together).await;
    // Nor once more, after all were told.
    for member in (0..MEMBERS).step_by(MEMBERS / ASKED) {
        let told = told(&ground, &address, &format!("m{member}")).await;
        assert!(told.values().all(|times| *times == 1), "m{member} was told twice: {told:?}");
    }
    let enough = ROUNDS as usize / 2;
    assert!(accepted.events.len() > enough && accepted.together.len() > enough);
}
