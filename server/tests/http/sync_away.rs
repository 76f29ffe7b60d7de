//! Devices that come back after a long time, or to a server that was put back from a backup: they start over with what
//! the server has, and bring their own queue as always.

use landfall_core::auth::Role;
use landfall_core::feed::Epoch;
use landfall_core::id::DeviceId;
use landfall_core::sync::Status;
use landfall_core::time::Timestamp;
use landfall_protocol::sync::read_operation;
use landfall_server::clock::now_ms;
use landfall_server::service::Ids;
use landfall_server::service::lives::epoch_entry;
use landfall_server::service::sync::{Brought, PullAsk, PushAsk, Since};
use landfall_store::NewEpoch;
use serde_json::{Value, json};

use crate::harness::Server;
use crate::s1_lessons::{caller, services_at};
use crate::s1_sync::{CONFLICTS, PUSH, ann, operation, pull, push};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn note(id: &str, entity: &str, verb: &str, base: u64) -> Value {
    let mut one = operation(id, "notes", entity, verb, json!({"text": id}), base + 1);
    one["baseVersion"] = json!(base);
    one
}

/// Forgets what is old, as a server does by a clock that is so many days ahead.
async fn forget_after(server: &Server, days: i64) -> usize {
    let later = services_at(server, now_ms() + days * DAY_MS, None);
    later.forget_sync(1_000).await.unwrap().total()
}

#[tokio::test]
async fn what_was_deleted_is_known_for_as_long_as_a_device_may_be_away() {
    let server = Server::start().await;
    push(&server, "desk", json!([note("1", "n", "CREATE", 0), note("2", "m", "CREATE", 0)])).await;
    let had = pull(&server, json!({})).await;
    push(&server, "desk", json!([note("3", "n", "DELETE", 1)])).await;
    let after = pull(&server, json!({"cursor": had["cursor"]})).await;
    assert_eq!(after["changes"][0]["operation"], "DELETE");
    assert_eq!(forget_after(&server, 179).await, 0);
    let told = pull(&server, json!({"cursor": had["cursor"]})).await;
    assert_eq!(
        (&told["reset"], &told["changes"][0]["operation"]),
        (&Value::Null, &json!("DELETE"))
    );
    assert!(forget_after(&server, 181).await > 0);
    // Who was told of it goes on; who was not starts over, by a cursor or by a time.
    let goes_on = pull(&server, json!({"cursor": after["cursor"]})).await;
    assert_eq!((&goes_on["reset"], &goes_on["changes"]), (&Value::Null, &json!([])));
    let early = "2024-01-15T10:30:00Z";
    for body in [json!({"cursor": had["cursor"]}), json!({"lastSyncTimestamp": early})] {
        let over = pull(&server, body.clone()).await;
        assert_eq!(over["reset"], true, "{body}");
        let names: Vec<&Value> =
            over["changes"].as_array().unwrap().iter().map(|one| &one["entityId"]).collect();
        assert_eq!(names, ["m"], "{body}");
    }
    // Its work on what is forgotten is kept for a person, and makes nothing anew.
    let late = push(&server, "phone", json!([note("4", "n", "UPDATE", 1)])).await;
    assert_eq!((&late[0]["status"], &late[0]["version"]), (&json!("conflict"), &json!(0)));
    assert_eq!(pull(&server, json!({})).await["changes"].as_array().unwrap().len(), 1);
    let list = server.get(&ann(), CONFLICTS).await.json();
    assert_eq!(list["items"][0]["clientData"], json!({"text": "4"}));
}

#[tokio::test]
async fn names_of_operations_stay_known_when_their_outcomes_are_forgotten() {
    let server = Server::start().await;
    push(&server, "phone", json!([note("1", "n", "CREATE", 0)])).await;
    push(&server, "phone", json!([note("2", "n", "UPDATE", 1)])).await;
    assert!(forget_after(&server, 181).await > 0);
    let again = push(&server, "phone", json!([note("1", "n", "CREATE", 0)])).await;
    assert_eq!((&again[0]["status"], &again[0]["replayed"]), (&json!("duplicate"), &json!(false)));
    assert_eq!(again[0]["serverData"], json!({"text": "2"}));
    let mut other = note("1", "n", "CREATE", 0);
    other["data"] = json!({"text": "another"});
    assert_eq!(push(&server, "phone", json!([other])).await[0]["reason"], "id_reused");
}

/// Begins another life of the store, as one that was put back from a backup does.
pub async fn begin_again(server: &Server) {
    let (from, to) = (server.store.epoch(), Epoch(now_ms() as u64 + 60_000));
    let entry = epoch_entry(&Ids::new(), Timestamp::from_ms(0), "restored", from, to);
    server.store.begin_epoch(NewEpoch { from, to, entry }).await.unwrap();
    server.store.life().await.unwrap();
}

#[tokio::test]
async fn a_cursor_of_an_earlier_life_of_the_store_starts_the_device_over() {
    let server = Server::start().await;
    push(&server, "desk", json!([note("1", "n", "CREATE", 0)])).await;
    let had = pull(&server, json!({})).await["cursor"].clone();
    begin_again(&server).await;
    let over = pull(&server, json!({ "cursor": had })).await;
    assert_eq!((&over["reset"], &over["changes"][0]["entityId"]), (&json!(true), &json!("n")));
    let next = pull(&server, json!({"cursor": over["cursor"]})).await;
    assert_eq!((&next["reset"], &next["changes"]), (&Value::Null, &json!([])));
    // What it kept answers as it did.
    let again = push(&server, "desk", json!([note("1", "n", "CREATE", 0)])).await;
    assert_eq!(again[0]["replayed"], true);
}

/// The same numbers were given to other changes since.
#[tokio::test]
async fn a_cursor_into_what_was_lost_starts_the_device_over_though_there_is_as_much_by_now() {
    let notes = |ids: std::ops::Range<usize>| -> Value {
        ids.map(|n| note(&n.to_string(), &n.to_string(), "CREATE", 0)).collect::<Vec<_>>().into()
    };
    let (lost, server) = (Server::start().await, Server::start().await);
    push(&lost, "desk", notes(0..5)).await;
    let had = pull(&lost, json!({})).await["cursor"].clone();
    push(&server, "desk", notes(0..2)).await;
    begin_again(&server).await;
    push(&server, "desk", notes(10..17)).await;
    let over = pull(&server, json!({ "cursor": had })).await;
    assert_eq!((&over["reset"], over["changes"].as_array().unwrap().len()), (&json!(true), 9));
    // What it says to have is nothing of this life, either.
    let body = json!({"deviceId": "a", "operations": [], "pull": {"cursor": had}});
    let pushed = server.call(&ann(), "POST", PUSH, body).await.json();
    assert_eq!(pushed["pull"]["reset"], true, "{pushed}");
}

/// Nothing that is there tells that there was more.
#[tokio::test]
async fn a_time_that_was_lost_starts_the_device_over_though_nothing_changed_since() {
    let server = Server::start().await;
    push(&server, "desk", json!([note("1", "n", "CREATE", 0)])).await;
    let stored = now_ms();
    while now_ms() <= stored {
        std::hint::spin_loop();
    }
    let had = pull(&server, json!({})).await["serverTimestamp"].clone();
    let goes_on = pull(&server, json!({ "lastSyncTimestamp": had })).await;
    assert_eq!((&goes_on["reset"], &goes_on["changes"]), (&Value::Null, &json!([])));
    begin_again(&server).await;
    let over = pull(&server, json!({ "lastSyncTimestamp": had })).await;
    assert_eq!((&over["reset"], &over["changes"][0]["entityId"]), (&json!(true), &json!("n")));
}

const COUNT: usize = 50_000;

/// A hundred edits of each of 500 notes, as their app counts them.
fn edit(n: usize) -> Brought {
    let (entity, step) = (format!("e{}", n % 500), n as u64 / 500);
    let verb = if step == 0 { "CREATE" } else { "UPDATE" };
    let data = json!({"text": n});
    let mut one = operation(&format!("q{n}"), "notes", &entity, verb, data, step + 1);
    one["ageMs"] = json!(COUNT - n);
    let fields = read_operation(&one.to_string()).unwrap();
    Brought { operation: fields.operation, topic: None, activity: None }
}

/// A thousand of them, by a device that has what a cursor says.
fn thousand(from: usize, had: &Since) -> PushAsk {
    PushAsk {
        device: Some(DeviceId::parse("phone").unwrap()),
        sent_at: None,
        has: had.clone(),
        operations: (from..from + 1_000).map(edit).collect(),
        pending: Some((COUNT - from - 1_000) as u64),
        generation: None,
    }
}

/// Half a year of somebody's work, brought at once by a device of which the server has forgotten everything.
#[tokio::test]
async fn fifty_thousand_operations_of_half_a_year_are_taken_once() {
    let server = Server::start().await;
    let made = json!([note("gone", "gone", "CREATE", 0), note("shared", "e7", "CREATE", 0)]);
    push(&server, "desk", made).await;
    let cursor = pull(&server, json!({"deviceId": "phone"})).await["cursor"].clone();
    let had = Since::Cursor(cursor.as_str().unwrap().to_owned(), Vec::new());
    push(&server, "desk", json!([note("goes", "gone", "DELETE", 1)])).await;
    let later = services_at(&server, now_ms() + 181 * DAY_MS, None);
    assert!(later.forget_sync(1_000).await.unwrap().total() > 0);
    let ann = caller("ann", Role::parse("student").unwrap());
    let mut taken = 0;
    for from in (0..COUNT).step_by(1_000) {
        let pushed = later.push(&ann, &thousand(from, &had)).await.unwrap();
        taken += pushed.iter().filter(|one| !one.is_replay).count();
        let is_kept =
            |status| matches!(status, Status::Applied | Status::Merged | Status::Conflict);
        assert!(pushed.iter().all(|one| is_kept(one.verdict.status)), "{from}");
    }
    assert_eq!(taken, COUNT);
    let again = later.push(&ann, &thousand(49_000, &had)).await.unwrap();
    assert!(again.iter().all(|one| one.is_replay));
    let (device, limit) = (DeviceId::parse("phone").ok(), 10_000);
    let ask =
        PullAsk { device, since: had, kinds: Vec::new(), limit, deltas: false, pending: None };
    let pulled = later.pull(&ann, &ask).await.unwrap();
    assert!(pulled.is_reset && !pulled.has_more);
    assert_eq!(pulled.changes.len(), 500);
    // But for the one that somebody else had made.
    let others = pulled.changes.iter().filter(|one| one.version != 100).count();
    assert!(others <= 1, "{others}");
}
