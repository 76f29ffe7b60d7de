//! Quizzes, live sessions and other events: who hears what, and when (S0, contract 5).

mod calendar;
mod changes;
mod late;
mod refused;
mod s0;

use serde_json::{Value, json};

use crate::harness::{token, until};
use crate::world::World;

/// So many seconds after the start, at 08:00 UTC on 15 January 2027.
pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 24 * HOUR;
pub const MINUTE: i64 = 60;

pub fn tom() -> String {
    token("tom", "teacher")
}

/// Makes the class `c1`, which Tom teaches, with these members.
pub async fn class(world: &World, members: &[&str]) {
    let admin = token("root", "admin");
    let topic = json!({ "kind": "class", "title": "Biology 1" });
    world.landfall.call("PUT", "/api/v1/topics/c1", &admin, Some(topic)).await;
    for (member, role) in
        [("tom", "teacher")].into_iter().chain(members.iter().map(|m| (*m, "member")))
    {
        join(world, member, role).await;
    }
    // Who teaches hears of it as any member; here it would only be in the way.
    world.prefer("tom", json!({ "reminder_minutes": [] , "notification_type": "quiz"})).await;
}

pub async fn join(world: &World, member: &str, role: &str) {
    let path = format!("/api/v1/topics/c1/members/{member}");
    let body = Some(json!({ "role": role }));
    world.landfall.call("PUT", &path, &token("root", "admin"), body).await;
}

pub async fn post(world: &World, path: &str, body: Value) -> (u16, Value) {
    world.try_call("POST", &format!("/api/v1/notifications/{path}"), &tom(), body).await
}

/// Lets everything happen that is due by now.
pub async fn settle(world: &World) {
    let services = &world.landfall.server.app.services;
    let mut quiet = 0;
    while quiet < 2 {
        let done = services.expand_events().await.unwrap()
            + services.fire_due().await.unwrap().pieces
            + services.expand_sends().await.unwrap();
        quiet = if done == 0 { quiet + 1 } else { 0 };
    }
}

/// Makes it so many seconds after the start, and lets everything happen that is due.
pub async fn at(world: &World, seconds: i64) {
    world.go_to(seconds);
    settle(world).await;
}

/// Gives types and words of somebody's inbox, the oldest first.
pub async fn told(world: &World, user: &str) -> Vec<String> {
    let inbox = world.landfall.inbox(user, "limit=500").await;
    let items = inbox["items"].as_array().unwrap().iter().rev();
    items
        .map(|item| {
            let text = |field: &str| item[field].as_str().unwrap().to_owned();
            format!("{}: {} {}", text("notification_type"), text("title"), text("message"))
        })
        .collect()
}

pub async fn types(world: &World, user: &str) -> Vec<String> {
    let told = told(world, user).await;
    told.iter().map(|one| one.split(':').next().unwrap().to_owned()).collect()
}

pub async fn timeline(world: &World, id: &Value) -> Vec<(String, String, String)> {
    let path = format!("/api/v1/notifications/events/{}/timeline", id.as_str().unwrap());
    let (status, answer) = world.get(&path, &tom()).await;
    assert_eq!(status, 200, "{answer}");
    let items = answer["items"].as_array().unwrap().iter().rev();
    let line = |item: &Value| {
        let text = |field: &str| item[field].as_str().unwrap().to_owned();
        let minutes = item["reminder_minutes"].as_u64().map(|m| format!(" {m}"));
        let moment = text("moment") + &minutes.unwrap_or_default();
        (text("scheduled_at"), moment, text("status"))
    };
    items.map(line).collect()
}
