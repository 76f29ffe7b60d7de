//! Whose entity is whose: own ones, topics', other users' and other tenants'.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Server, admin, token, token_in};
use crate::s1_sync::{PULL, PUSH, ann, operation, pull, push};

async fn push_as(server: &Server, token: &str, operations: Value) -> Vec<Value> {
    let body = json!({"deviceId": "desk", "operations": operations});
    let made = Server::ok(server.call(token, "POST", PUSH, body).await, StatusCode::OK);
    made["results"].as_array().unwrap().clone()
}

async fn pull_as(server: &Server, token: &str) -> Vec<Value> {
    let pulled = Server::ok(server.call(token, "POST", PULL, json!({})).await, StatusCode::OK);
    pulled["changes"].as_array().unwrap().clone()
}

fn in_topic(topic: &str, mut operation: Value) -> Value {
    operation["topicId"] = json!(topic);
    operation
}

fn board(id: &str, entity: &str, text: &str) -> Value {
    operation(id, "board", entity, "CREATE", json!({"text": text}), 1)
}

/// Names what came, each with its topic.
fn names(changes: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = changes
        .iter()
        .map(|change| {
            let topic = change["topicId"].as_str().unwrap_or("own");
            format!("{topic}/{}", change["entityId"].as_str().unwrap())
        })
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn operations_of_several_topics_in_one_push_go_each_to_its_own() {
    let server = Server::start().await;
    server.topic("t", &[("ann", "member"), ("ben", "member")]).await;
    server.topic("u", &[("ann", "member"), ("cem", "member")]).await;
    let own = |id: &str| operation(id, "notes", id, "CREATE", json!({"text": "mine"}), 1);
    let (t, u) = (board("2", "b", "of t"), board("3", "b", "of u"));
    let mixed = json!([own("1"), in_topic("t", t), in_topic("u", u), own("4")]);
    let results = push(&server, "phone", mixed).await;
    let ids: Vec<&str> = results.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["1", "2", "3", "4"]);
    assert!(results.iter().all(|one| one["status"] == "applied"), "{results:?}");
    assert_eq!(names(&pull_as(&server, &ann()).await), ["own/1", "own/4", "t/b", "u/b"]);
    for (user, topic, text) in [("ben", "t", "of t"), ("cem", "u", "of u")] {
        let changes = pull_as(&server, &token(user, &["student"])).await;
        assert_eq!(names(&changes), [format!("{topic}/b")]);
        assert_eq!(changes[0]["data"], json!({"text": text}));
    }
}

#[tokio::test]
async fn who_is_no_member_changes_nothing_and_is_told_nothing() {
    let server = Server::start().await;
    server.topic("t", &[("ann", "member")]).await;
    push(&server, "phone", json!([in_topic("t", board("1", "b", "secret"))])).await;
    let strangers = [token("ben", &["student"]), token_in("acme", "ann", &["admin"])];
    for (n, stranger) in strangers.iter().enumerate() {
        let mut told = Vec::new();
        // A topic that is not there answers in the same way.
        for topic in ["t", "none"] {
            for verb in ["CREATE", "UPDATE", "DELETE"] {
                let id = format!("{n}-{topic}-{verb}");
                let one = operation(&id, "board", "b", verb, json!({"text": "mine"}), 2);
                let mut result =
                    push_as(&server, stranger, json!([in_topic(topic, one)])).await.remove(0);
                assert_eq!(result["reason"], "forbidden", "{result}");
                assert!(!result.to_string().contains("secret"), "{result}");
                result["id"] = json!(verb);
                told.push(result);
            }
        }
        assert_eq!(told[..3], told[3..]);
        let delta =
            json!({"entityType": "board", "entityId": "b", "topicId": "t", "clientFields": {}});
        let delta = server.call(stranger, "POST", "/api/v1/sync/delta", delta).await;
        assert_eq!((delta.status, delta.text.contains("secret")), (404, false), "{}", delta.text);
        assert_eq!(pull_as(&server, stranger).await, Vec::<Value>::new());
    }
    assert_eq!(pull_as(&server, &ann()).await[0]["data"], json!({"text": "secret"}));
}

#[tokio::test]
async fn who_manages_topics_writes_in_all_that_are_there() {
    let server = Server::start().await;
    server.topic("t", &[("ann", "member")]).await;
    let notice = operation("1", "notice", "n", "CREATE", json!({"text": "exam"}), 1);
    let made = push_as(&server, &admin(), json!([in_topic("t", notice)])).await;
    assert_eq!(made[0]["status"], "applied", "{}", made[0]);
    assert_eq!(names(&pull_as(&server, &ann()).await), ["t/n"]);
    let made = push_as(&server, &admin(), json!([in_topic("none", board("2", "b", "x"))])).await;
    assert_eq!(made[0]["reason"], "forbidden", "{}", made[0]);
}

#[tokio::test]
async fn a_type_is_its_users_own_or_its_topics() {
    let server = Server::start().await;
    server.topic("t", &[("ann", "teacher")]).await;
    let note = operation("1", "notes", "n", "CREATE", json!({"text": "x"}), 1);
    let results = push(&server, "phone", json!([in_topic("t", note)])).await;
    assert_eq!(
        (&results[0]["reason"], &results[0]["errors"][0]["pointer"]),
        (&json!("invalid"), &json!("/topicId"))
    );
    let results = push(&server, "phone", json!([board("2", "b", "x")])).await;
    assert_eq!(
        (&results[0]["reason"], &results[0]["errors"][0]["pointer"]),
        (&json!("invalid"), &json!("/topicId"))
    );
    assert_eq!(pull(&server, json!({})).await["changes"], json!([]));
}

#[tokio::test]
async fn an_entity_of_one_name_is_another_for_each_user_and_tenant() {
    let server = Server::start().await;
    let people = [ann(), token("ben", &["student"]), token_in("acme", "ann", &["student"])];
    // The names of operations are each user's own, too.
    let create = |n: usize| operation("1", "notes", "n", "CREATE", json!({"text": n}), 1);
    for (n, person) in people.iter().enumerate() {
        let result = push_as(&server, person, json!([create(n)])).await.remove(0);
        assert_eq!(
            (&result["status"], &result["version"]),
            (&json!("applied"), &json!(1)),
            "{result}"
        );
    }
    let gone = json!([operation("2", "notes", "n", "DELETE", Value::Null, 2)]);
    push_as(&server, &people[1], gone).await;
    for (n, person) in people.iter().enumerate().filter(|(n, _)| *n != 1) {
        let changes = pull_as(&server, person).await;
        assert_eq!((changes.len(), &changes[0]["data"]), (1, &json!({"text": n})));
        let again = push_as(&server, person, json!([create(n)])).await.remove(0);
        assert_eq!(again["replayed"], true, "{again}");
    }
}
