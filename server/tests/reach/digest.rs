//! Notifications that wait for others and go out with them, as one.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{token, until};
use crate::later::{inbox, send, take_back, until_inbox};
use crate::world::World;

const MINUTE: i64 = 60;

fn to_ana(title: &str, more: Value) -> Value {
    let mut body = json!({ "user_id": "ana", "type": "grade", "title": title, "message": "m",
        "digest": { "key": "grades", "window": "10m" } });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Sends one that waits for others; gives its id.
async fn joins(world: &World, body: Value) -> String {
    let (status, answer) = send(world, body).await;
    assert_eq!((status, &answer["replay_id"]), (202, &Value::Null), "{answer}");
    answer["notification_id"].as_str().unwrap().to_owned()
}

fn titles(digest: &Value) -> Vec<&str> {
    let items = digest["data"]["items"].as_array().unwrap();
    items.iter().map(|item| item["title"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_shares_a_key_goes_out_once_at_the_end_of_the_window() {
    let world = World::start().await;
    let (_, first) = send(&world, to_ana("Algebra: 7", json!({ "link": "/g" }))).await;
    assert_eq!(first["estimated_delivery"], "2027-01-15T08:10:00.000Z");
    world.go_to(9 * MINUTE);
    let second = joins(&world, to_ana("Biology: 9", json!({ "link": "/g" }))).await;
    joins(&world, to_ana("other", json!({ "digest": { "key": "o", "window": 3600 } }))).await;
    world.landfall.server.app.services.close_digests(9).await.unwrap();
    assert_eq!(inbox(&world, "ana").await.len(), 0);
    world.go_to(10 * MINUTE);
    let digest = until_inbox(&world, "ana", 1).await.remove(0);
    assert_eq!(titles(&digest), ["Algebra: 7", "Biology: 9"]);
    let common = [&digest["notification_type"], &digest["link"], &digest["data"]["key"]];
    assert_eq!(common, ["grade", "/g", "grades"]);
    assert_eq!(
        (&digest["title"], &digest["data"]["count"]),
        (&json!("2 notifications"), &json!(2))
    );
    assert_eq!(digest["message"], "Algebra: 7\nBiology: 9");
    assert_eq!((&digest["replay_id"], &digest["template_id"]), (&json!("1"), &json!("digest")));
    let id = digest["id"].as_str().unwrap();
    let told = world.story(&second).await;
    let went = format!("notification_digested: went out with others as {id}");
    assert_eq!(told, ["notification_scheduled: waits for its digest".into(), went]);
    assert_eq!(take_back(&world, &second, "").await.0, 409);
    world.go_to(70 * MINUTE);
    let alone = until_inbox(&world, "ana", 2).await.remove(0);
    assert_eq!((&alone["title"], &alone["data"]), (&json!("other"), &json!({})));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_nothing_joined_goes_out_as_itself_and_one_taken_back_does_not() {
    let world = World::start().await;
    world.browser("ana").await;
    let id = joins(&world, to_ana("alone", json!({ "ttl": 60 }))).await;
    let gone = joins(&world, to_ana("gone", json!({}))).await;
    let empty = json!({ "digest": { "key": "empty", "window": 60 } });
    let last = joins(&world, to_ana("last", empty)).await;
    for id in [&gone, &last] {
        assert_eq!(take_back(&world, id, "").await.0, 200);
    }
    world.go_to(10 * MINUTE);
    let item = until_inbox(&world, "ana", 1).await.remove(0);
    assert_eq!((&item["id"], &item["title"]), (&json!(id), &json!("alone")));
    assert_eq!(item["expires_at"], "2027-01-15T08:11:00.000Z");
    assert_eq!(
        world.story(&gone).await.last().unwrap(),
        "notification_canceled: taken back by its sender"
    );
    world.until_stands(&id, "push", "sent").await;
    // Its key is free: the next begins a window of its own.
    joins(&world, to_ana("next", json!({}))).await;
    world.go_to(19 * MINUTE);
    assert_eq!(world.landfall.server.app.services.close_digests(9).await.unwrap(), 0);
    world.go_to(20 * MINUTE);
    until_inbox(&world, "ana", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_goes_the_way_of_the_first_template_in_it() {
    let world = World::start().await;
    world.person("ana", "+15550001111").await;
    let body = json!({ "user_id": "ana", "template_id": "iep_deadline_warning", "priority": "high",
        "digest": { "key": "iep", "window": "10m" },
        "data": { "student_name": "Ben", "deadline_date": "2027-01-20T10:00:00Z", "days_remaining": 5,
            "action_required": "Sign.", "iep_id": "1" } });
    for _ in 0..2 {
        joins(&world, body.clone()).await;
    }
    world.go_to(10 * MINUTE);
    let digest = until_inbox(&world, "ana", 1).await.remove(0);
    assert_eq!(digest["data"]["count"], 2);
    world.until_stands(digest["id"].as_str().unwrap(), "sms", "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_is_told_in_each_ones_language_with_what_each_got_besides() {
    let world = World::start().await;
    let admin = token("root", "admin");
    let class = json!({ "kind": "class", "title": "7b" });
    world.landfall.call("PUT", "/api/v1/topics/c1", &admin, Some(class)).await;
    for (user, locale) in [("ana", "es"), ("ben", "en"), ("kim", "en")] {
        let path = format!("/api/v1/topics/c1/members/{user}");
        world.landfall.call("PUT", &path, &admin, Some(json!({ "role": "member" }))).await;
        world.prefer(user, json!({ "locale": locale })).await;
    }
    let digest = json!({ "key": "grades", "window": "10m" });
    let quiz = json!({ "class_id": "c1", "template_id": "quiz_started", "digest": digest,
        "data": { "title": "Cells", "scheduled_at": "2027-01-15T08:00:00Z" } });
    let (_, first) = send(&world, quiz).await;
    let gone = json!({ "class_id": "c1", "type": "grade", "title": "wrong", "message": "m",
        "digest": digest });
    let (_, wrong) = send(&world, gone).await;
    let later = json!({ "deliver_at": "2027-01-15T08:05:00Z", "title": "Lab: 8" });
    let later = joins(&world, to_ana("", later)).await;
    assert_eq!(take_back(&world, wrong["send_id"].as_str().unwrap(), "").await.0, 200);
    world.go_to(5 * MINUTE);
    until("it joined", async || {
        world.timeline(&later).await["deliver_at"] == "2027-01-15T08:10:00.000Z"
    })
    .await;
    world.go_to(10 * MINUTE);
    let ana = until_inbox(&world, "ana", 1).await.remove(0);
    assert_eq!((&ana["title"], &ana["notification_type"]), (&json!("2 avisos"), &json!("digest")));
    let mut listed = titles(&ana);
    listed.sort_unstable();
    assert_eq!(listed, ["Lab: 8", "Ya empezó el cuestionario: Cells"]);
    for user in ["ben", "kim"] {
        let one = until_inbox(&world, user, 1).await.remove(0);
        assert_eq!(
            (&one["notification_type"], &one["send_id"]),
            (&json!("quiz_started"), &first["send_id"])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_joins_while_digests_go_out_is_in_one_of_them() {
    let world = std::sync::Arc::new(World::start().await);
    let mut senders = JoinSet::new();
    for sender in 0..4 {
        let world = std::sync::Arc::clone(&world);
        senders.spawn(async move {
            let mut sent = Vec::new();
            for number in 0..40 {
                let title = format!("{sender}.{number}");
                let digest = json!({ "digest": { "key": "k", "window": 1 } });
                joins(&world, to_ana(&title, digest)).await;
                sent.push(title);
                // Two who look at once do as two nodes do.
                world.go_to(i64::from(sender * 40 + number));
                let services = &world.landfall.server.app.services;
                let (one, other) =
                    tokio::join!(services.close_digests(9), services.close_digests(9));
                one.unwrap();
                other.unwrap();
            }
            sent
        });
    }
    let sent: BTreeSet<String> = senders.join_all().await.into_iter().flatten().collect();
    world.go_to(3_600);
    let told = async || {
        let mut told = Vec::new();
        for item in inbox(&world, "ana").await {
            match item["data"]["items"].as_array() {
                Some(_) => told.extend(titles(&item).into_iter().map(str::to_owned)),
                None => told.push(item["title"].as_str().unwrap().to_owned()),
            }
        }
        told
    };
    until("all are told", async || told().await.len() >= sent.len()).await;
    let told = told().await;
    assert_eq!(told.len(), sent.len(), "none twice: {told:?}");
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_for_one_goes_out_in_the_next_after_a_restart_too() {
    let world = World::start().await;
    let line = |number: u32| to_ana(&format!("{number}"), json!({})).to_string();
    let mut lines: Vec<String> = (0..103).map(line).collect();
    let wide =
        json!({ "data": { "a": "x".repeat(20_000) }, "digest": { "key": "wide", "window": 60 } });
    lines.extend((0..3).map(|number| to_ana(&format!("wide {number}"), wide.clone()).to_string()));
    let request = world.open("POST", "/api/v1/notify/batch").bearer_auth(token("app", "service"));
    let request = request.header("content-type", "application/x-ndjson").body(lines.join("\n"));
    let answer = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(answer.lines().filter(|line| line.contains("202")).count(), 106);
    let world = world.restart_at(3_600).await;
    let items = until_inbox(&world, "ana", 5).await;
    let mut many: Vec<u64> =
        items.iter().filter_map(|item| item["data"]["count"].as_u64()).collect();
    many.sort_unstable();
    assert_eq!(many, [3, 100]);
    let full = items.iter().find(|item| item["data"]["count"] == 100).unwrap();
    assert!(full["message"].as_str().unwrap().ends_with("and 95 more"), "{full}");
    let wide = items.iter().filter(|item| item["data"]["a"].is_string()).count();
    assert_eq!(wide, 3, "each as itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_cannot_be_is_refused_with_its_place() {
    let world = World::start().await;
    for (digest, more, pointer) in [
        (json!({ "key": "", "window": 60 }), json!({}), "/digest/key"),
        (json!({ "key": "k", "window": 0 }), json!({}), "/digest/window"),
        (json!({ "key": "k", "window": "8d" }), json!({}), "/digest/window"),
        (json!({ "key": "k", "window": "ten" }), json!({}), "/digest/window"),
        (json!({ "key": "k", "window": "99999999999999999999d" }), json!({}), "/digest/window"),
        (json!({ "key": "k", "window": "1d" }), json!({ "priority": "critical" }), "/digest"),
    ] {
        let mut body = to_ana("t", json!({ "digest": digest }));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, problem) =
            world.try_call("POST", "/notify", &token("root", "admin"), body).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{problem}");
    }
    let (status, _) = send(&world, to_ana("t", json!({ "digest": { "key": "k" } }))).await;
    assert!(matches!(status, 400 | 422), "{status}");
}
