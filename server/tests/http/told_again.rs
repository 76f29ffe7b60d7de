//! What is scheduled, comes due and cannot be told: others are, and it is when it can be.

use landfall_channels::Registry;
use landfall_core::time::Timestamp;
use landfall_server::clock::{Clock, now_ms};
use serde_json::{Value, json};

use crate::harness::{Server, sign};

const MINUTE_MS: i64 = 60_000;
const REFUSE_IN_SQLITE: &str =
    "create trigger refused before insert on firing when new.tenant = 'late'
    begin select raise(abort, 'no room'); end";
const REFUSE_IN_POSTGRES: &str = "create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'no room'; end $$;
    create trigger refused before insert on firing for each row
    when (new.tenant = 'late') execute function refuse()";

/// Makes a token that holds while the clock is put forward.
fn token_in(tenant: &str, sub: &str, roles: &[&str]) -> String {
    let exp = now_ms() / 1_000 + 24 * 3_600;
    sign(&json!({ "sub": sub, "tenant": tenant, "roles": roles, "exp": exp }))
}

/// Schedules a lesson of three hours for Ana's class.
async fn schedule(server: &Server, tenant: &str, starts: Timestamp) -> String {
    let root = token_in(tenant, "root", &["admin"]);
    let class = json!({ "kind": "class", "title": "Class" });
    server.call(&root, "PUT", "/api/v1/topics/c", class).await;
    let member = json!({ "role": "member" });
    server.call(&root, "PUT", "/api/v1/topics/c/members/ana", member).await;
    let event = json!({ "class_id": "c", "title": "Algebra", "scheduled_at": starts.to_string(),
        "duration_minutes": 180 });
    let made = server.call(&root, "POST", "/api/v1/notifications/events", event).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn tell(server: &Server) {
    // Where nothing could be told it says so; where something was, that it was.
    let _ = server.app.services.fire_due().await;
    while server.app.services.expand_sends().await.unwrap() > 0 {}
}

/// Gives the types of what Ana of a tenant has, the oldest first.
async fn told(server: &Server, tenant: &str) -> Vec<String> {
    let ana = token_in(tenant, "ana", &[]);
    let inbox = server.get(&ana, "/api/v1/notifications").await.json();
    let items: &Vec<Value> = inbox["items"].as_array().unwrap();
    items.iter().rev().map(|item| item["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_cannot_be_told_keeps_nothing_from_others_and_is_told_when_it_can_be() {
    let begun = now_ms();
    let at = |minutes: i64| Timestamp::from_ms(begun + minutes * MINUTE_MS);
    let clock = Clock::fixed(at(0));
    let server = Server::reaching_at(Registry::default(), clock.clone()).await;
    for tenant in ["late", "prompt"] {
        schedule(&server, tenant, at(60)).await;
    }
    tell(&server).await;
    server.behind_its_back(REFUSE_IN_SQLITE, REFUSE_IN_POSTGRES);
    for minutes in [46, 50] {
        clock.set(at(minutes));
        tell(&server).await;
    }
    assert_eq!(told(&server, "prompt").await, ["event_reminder"]);
    assert_eq!(told(&server, "late").await, Vec::<String>::new());
    let again = "drop trigger refused";
    server.behind_its_back(again, &format!("{again} on firing"));
    clock.set(at(51));
    tell(&server).await;
    for tenant in ["late", "prompt"] {
        assert_eq!(told(&server, tenant).await, ["event_reminder"], "{tenant}");
    }
}

#[tokio::test]
async fn what_could_not_be_told_for_hours_is_told_while_it_is_worth_something() {
    let begun = now_ms();
    let at = |minutes: i64| Timestamp::from_ms(begun + minutes * MINUTE_MS);
    let clock = Clock::fixed(at(0));
    let server = Server::reaching_at(Registry::default(), clock.clone()).await;
    let late = schedule(&server, "late", at(20)).await;
    schedule(&server, "prompt", at(100)).await;
    tell(&server).await;
    server.behind_its_back(REFUSE_IN_SQLITE, REFUSE_IN_POSTGRES);
    for minutes in (5..=90).step_by(5) {
        clock.set(at(minutes));
        tell(&server).await;
    }
    server.behind_its_back("drop trigger refused", "drop trigger refused on firing");
    clock.set(at(91));
    tell(&server).await;
    assert_eq!(told(&server, "prompt").await, ["event_reminder"]);
    // The reminder is missed, and shown so; the lesson goes on.
    assert_eq!(told(&server, "late").await, ["event_started"]);
    let root = token_in("late", "root", &["admin"]);
    let path = format!("/api/v1/notifications/events/{late}/timeline");
    let timeline = server.get(&root, &path).await.json();
    let items: &Vec<Value> = timeline["items"].as_array().unwrap();
    let missed = items.iter().filter(|item| item["status"] == "missed");
    assert_eq!(missed.map(|item| &item["moment"]).collect::<Vec<_>>(), ["reminder"]);
    assert_eq!(server.app.services.told_up_to(), at(91));
}
