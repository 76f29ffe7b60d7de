//! What others do between two steps of a call of sync: nothing of it is passed over, and nothing is written for who may
//! not write any more.
//!
//! A call is held where it waits for the store: after its first step, after its second, and so on, until it ends
//! before that. So each gap between two reads, or between a read and the commit, is met.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use landfall_core::auth::{Caller, Role};
use landfall_core::feed::FeedKey;
use landfall_core::id::{ConflictId, DeviceId, Tenant, TopicId};
use landfall_core::sync::{EntityName, Resolution};
use landfall_protocol::sync::read_operation;
use landfall_server::service::Services;
use landfall_server::service::sync::{Brought, PullAsk, PushAsk, ResolveAsk, Since};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::coop;

use crate::harness::{Server, admin, token};
use crate::s1_lessons::{caller, teacher};
use crate::s1_sync::{CONFLICTS, PUSH, operation};

/// What a task may take of channels before the runtime has others come first.
const BUDGET: usize = 128;

/// Leaves a task no more than one answer, so that it takes one step though the store is quicker than it.
fn leave_one(context: &mut Context<'_>) {
    for _ in 1..BUDGET {
        let Poll::Ready(taken) = coop::poll_proceed(context) else { return };
        taken.made_progress();
    }
}

/// Runs a call for so many steps, then something else, and then the rest of the call; tells whether it had not ended
/// before.
async fn with_between<T>(
    call: impl Future<Output = T>,
    steps: usize,
    between: impl Future<Output = ()>,
) -> (T, bool) {
    let mut call = pin!(call);
    let mut polled = 0;
    let ended = std::future::poll_fn(|context| {
        if polled == steps {
            return Poll::Ready(None);
        }
        polled += 1;
        leave_one(context);
        call.as_mut().poll(context).map(Some)
    });
    match ended.await {
        Some(done) => (done, false),
        None => {
            between.await;
            (call.await, true)
        }
    }
}

fn pupil(user: &str) -> Caller {
    caller(user, Role::parse("student").unwrap())
}

/// An operation about an entity of a topic.
fn board(topic: &str, id: &str, base: u64) -> Value {
    let verb = if base == 0 { "CREATE" } else { "UPDATE" };
    let mut one = operation(id, "board", id, verb, json!({"text": id}), base + 1);
    (one["topicId"], one["baseVersion"]) = (json!(topic), json!(base));
    one
}

/// A topic of its own for each step, with a member.
async fn topic(server: &Server, step: usize) -> (String, String) {
    let (topic, user) = (format!("t{step}"), format!("u{step}"));
    server.topic(&topic, &[(&user, "member"), ("ms-t", "teacher")]).await;
    let path = format!("/api/v1/topics/{topic}");
    let class = server.call(&admin(), "PUT", &path, json!({"kind": "class"})).await;
    assert_eq!(class.status, 200, "{}", class.text);
    (topic, user)
}

async fn push(server: &Server, user: &str, one: Value) -> Value {
    let body = json!({"deviceId": "desk", "operations": [one]});
    let token = token(user, &["student"]);
    let made = Server::ok(server.call(&token, "POST", PUSH, body).await, StatusCode::OK);
    made["results"][0].clone()
}

async fn leave(server: &Server, topic: &str, user: &str) {
    let path = format!("/api/v1/topics/{topic}/members/{user}");
    assert!(server.call(&admin(), "DELETE", &path, Value::Null).await.status < 300);
}

/// Gives the version in which an entity of a topic is.
async fn version(server: &Server, topic: &str, id: &str) -> Option<u64> {
    let tenant = Tenant::parse("default").unwrap();
    let feed = FeedKey::topic(&tenant, &TopicId::parse(topic).unwrap());
    let name = EntityName { kind: "board".into(), id: id.into() };
    let found = server.store.entities(&feed, vec![name]).await.unwrap();
    found.first().map(|entity| entity.version)
}

/// Pulls page after page; gives the names of what came.
async fn rest(services: &Services, caller: &Caller, cursor: Option<String>) -> Vec<String> {
    let mut since = cursor.map_or(Since::Beginning, |text| Since::Cursor(text, Vec::new()));
    let mut names = Vec::new();
    loop {
        let pulled = services.pull(caller, &asks(since)).await.unwrap();
        names.extend(pulled.changes.iter().map(|change| change.name.id.to_string()));
        since = Since::Cursor(pulled.cursor, Vec::new());
        if !pulled.has_more {
            return names;
        }
    }
}

/// Asks for pages of two, which an entity and a lesson fill.
fn asks(since: Since) -> PullAsk {
    PullAsk { device: None, since, kinds: Vec::new(), limit: 2, deltas: false, pending: None }
}

#[tokio::test]
async fn what_is_stored_between_two_reads_of_a_pull_is_not_passed_over() {
    let server = Server::start().await;
    let services = &server.app.services;
    let mut steps = 1;
    loop {
        let (topic, user) = topic(&server, steps).await;
        push(&server, &user, board(&topic, &format!("{topic}-first"), 0)).await;
        let between = async {
            push(&server, &user, board(&topic, &format!("{topic}-second"), 0)).await;
            let lesson = json!({"class_id": topic, "title": "Water", "data": {}});
            let path = format!("/api/v1/lessons/{topic}-lesson");
            let put = server.call(&teacher(), "PUT", &path, lesson).await;
            assert_eq!(put.status, 201, "{}", put.text);
        };
        let caller = pupil(&user);
        let (pulled, was_held) =
            with_between(services.pull(&caller, &asks(Since::Beginning)), steps, between).await;
        if !was_held {
            break;
        }
        let pulled = pulled.unwrap();
        let mut names: Vec<String> =
            pulled.changes.iter().map(|change| change.name.id.to_string()).collect();
        names.extend(rest(services, &caller, Some(pulled.cursor)).await);
        names.sort_unstable();
        let all = ["first", "lesson", "second"].map(|name| format!("{topic}-{name}"));
        assert_eq!(names, all, "after {steps} steps");
        steps += 1;
    }
    // Memberships, heads, entities and lessons are read one after the other.
    assert!(steps > 4, "{steps}");
}

#[tokio::test]
async fn what_was_not_stored_when_its_author_left_is_never_stored() {
    let server = Server::start().await;
    let services = &server.app.services;
    let (mut steps, mut refused) = (1, 0);
    loop {
        let (topic, user) = topic(&server, steps).await;
        let text = board(&topic, "b", 0).to_string();
        let fields = read_operation(&text).unwrap();
        let brought = Brought { operation: fields.operation, topic: fields.topic, activity: None };
        let ask = PushAsk {
            device: Some(DeviceId::parse("phone").unwrap()),
            sent_at: None,
            has: Since::Beginning,
            operations: vec![brought],
            pending: None,
            generation: None,
        };
        let (caller, mut then) = (pupil(&user), None);
        let between = async {
            leave(&server, &topic, &user).await;
            then = version(&server, &topic, "b").await;
        };
        let (pushed, was_held) = with_between(services.push(&caller, &ask), steps, between).await;
        if !was_held {
            break;
        }
        let why = pushed.unwrap()[0].verdict.why.as_str();
        assert_eq!(version(&server, &topic, "b").await, then, "after {steps} steps: {why}");
        assert_eq!(why == "forbidden", then.is_none(), "after {steps} steps: {why}");
        refused += usize::from(then.is_none());
        steps += 1;
    }
    assert!(refused > 1, "{refused} of {steps}");
}

#[tokio::test]
async fn a_word_of_who_left_before_it_was_stored_changes_nothing() {
    let server = Server::start().await;
    let services = &server.app.services;
    let (mut steps, mut refused) = (1, 0);
    loop {
        let (topic, user) = topic(&server, steps).await;
        let result = push(&server, &user, board(&topic, "b", 3)).await;
        assert_eq!(result["status"], "conflict", "{result}");
        let id = ConflictId::parse(result["conflictId"].as_str().unwrap()).unwrap();
        let ask =
            ResolveAsk { resolution: Resolution::ClientWins, base_version: None, device: None };
        let (caller, mut then) = (pupil(&user), None);
        let between = async {
            leave(&server, &topic, &user).await;
            then = version(&server, &topic, "b").await;
        };
        let (resolved, was_held) =
            with_between(services.resolve_conflict(&caller, id, &ask), steps, between).await;
        if !was_held {
            break;
        }
        assert_eq!(version(&server, &topic, "b").await, then, "after {steps} steps");
        assert_eq!(resolved.is_err(), then.is_none(), "after {steps} steps");
        let waits =
            Server::ok(server.get(&token(&user, &["student"]), CONFLICTS).await, StatusCode::OK);
        assert_eq!(waits["items"].as_array().unwrap().len(), usize::from(then.is_none()));
        refused += usize::from(then.is_none());
        steps += 1;
    }
    assert!(refused > 1, "{refused} of {steps}");
}

#[tokio::test]
async fn two_pushes_of_one_operation_at_once_take_effect_once() {
    let server = Arc::new(Server::start().await);
    for round in 0..5 {
        let one = operation(
            &format!("o{round}"),
            "notes",
            &format!("n{round}"),
            "CREATE",
            json!({"text": "x"}),
            1,
        );
        let results =
            futures_util::future::join_all((0..6).map(|_| push(&server, "ann", one.clone()))).await;
        let fresh = results.iter().filter(|result| result["replayed"] == false).count();
        assert_eq!(fresh, 1, "{results:?}");
        assert!(
            results.iter().all(|result| result["version"] == 1 && result["status"] == "applied")
        );
    }
}
