//! What activities begin from: one device's own never stand in each other's way, those of two do.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Server, finish};
use crate::s0_sync::{ann, expect, store, sync, viewed};
use crate::s1_sync::{PULL, pull};

fn from(device: &str, activity: &Value) -> Value {
    let mut activity = activity.clone();
    activity["device_id"] = json!(device);
    activity
}

/// The server's slide 1.
async fn slide(server: &Server) -> Value {
    let pulled = sync(server, json!({})).await;
    pulled["server_activities"][0]["activity_data"].clone()
}

async fn conflicts(server: &Server) -> Value {
    server.get(&ann(), "/api/v1/sync/conflicts?status=all").await.json()["items"].clone()
}

const STEPS: [&str; 4] = ["opened", "viewed", "read", "completed"];

#[tokio::test]
async fn one_device_in_sequence_is_never_in_its_own_way() {
    let server = Server::start().await;
    for (at, status) in STEPS.iter().enumerate() {
        let activity = from("phone", &viewed(status, 1, status));
        let done = Server::ok(store(&server, activity).await, StatusCode::CREATED);
        expect(
            &done,
            "synced",
            if at == 0 { "on its base" } else { done["reason"].as_str().unwrap() },
            at as u64 + 1,
        );
    }
    assert_eq!(slide(&server).await["status"], "completed");
    // A queue in one request, which begins from before all of that.
    let queue: Vec<Value> =
        (0..250).map(|n| viewed(&format!("q{n}"), 1, &format!("s{n}"))).collect();
    let body =
        json!({"device_id": "phone", "activities": queue, "last_sync_at": "2024-01-15T10:30:00Z"});
    let answer = sync(&server, body).await;
    assert_eq!(
        (&answer["activities_synced"], &answer["conflicts_resolved"]),
        (&json!(250), &json!(0))
    );
    assert_eq!(answer["server_activities"][0]["activity_data"]["status"], "s249");
    // Goes on after it has been given its own.
    let more = json!({"device_id": "phone", "activities": [viewed("m", 1, "more")], "cursor": answer["cursor"]});
    expect(&sync(&server, more).await["results"][0], "synced", "on its base", 255);
    assert_eq!(conflicts(&server).await, json!([]));
}

#[tokio::test]
async fn lost_answers_change_nothing() {
    let server = Server::start().await;
    let queue = |upto: usize| -> Vec<Value> {
        STEPS[..upto].iter().map(|status| viewed(status, 1, status)).collect()
    };
    for upto in 1..=4 {
        // As the device never hears anything, it sends all of it each time.
        let body = json!({"device_id": "phone", "activities": queue(upto), "last_sync_at": "2024-01-15T10:30:00Z"});
        let results = sync(&server, body).await["results"].clone();
        let replayed: Vec<&Value> =
            results.as_array().unwrap().iter().map(|one| &one["replayed"]).collect();
        assert_eq!(replayed.iter().filter(|one| **one == true).count(), upto - 1);
        assert_eq!(results[upto - 1]["version"], json!(upto));
    }
    assert_eq!(slide(&server).await["status"], "completed");
    assert_eq!(conflicts(&server).await, json!([]));
}

#[tokio::test]
async fn of_two_devices_the_servers_word_stays_and_the_other_is_kept() {
    let server = Server::start().await;
    let first =
        sync(&server, json!({"device_id": "phone", "activities": [viewed("1", 1, "viewed")]}))
            .await;
    let tablet = sync(&server, json!({"device_id": "tablet"})).await;
    let phone = json!({"device_id": "phone", "activities": [viewed("2", 1, "completed")], "cursor": first["cursor"]});
    expect(&sync(&server, phone).await["results"][0], "synced", "on its base", 2);
    let mut late = viewed("3", 1, "skipped");
    late["activity_data"]["bookmark"] = json!(true);
    let late = json!({"device_id": "tablet", "activities": [late], "cursor": tablet["cursor"]});
    let answer = sync(&server, late).await;
    let lost = &answer["results"][0];
    expect(lost, "synced", "server wins", 2);
    assert_eq!(lost["server_data"]["status"], "completed");
    assert_eq!((&answer["conflicts_resolved"], &answer["conflicts"]), (&json!(1), &json!(0)));
    let kept = conflicts(&server).await;
    assert_eq!((&kept[0]["id"], &kept[0]["status"]), (&lost["conflict_id"], &json!("resolved")));
    assert_eq!(kept[0]["clientData"]["status"], "skipped");
    // It has been given what the server has, and goes on from that.
    let next = json!({"device_id": "tablet", "activities": [viewed("4", 1, "again")], "cursor": answer["cursor"]});
    expect(&sync(&server, next).await["results"][0], "synced", "on its base", 3);
    // By its last answer alone, too, as a call of one activity says nothing.
    let one = Server::ok(
        store(&server, from("tablet", &viewed("5", 1, "more"))).await,
        StatusCode::CREATED,
    );
    assert_eq!((&one["sync_status"], &one["conflict_id"]), (&json!("synced"), &Value::Null));
}

#[tokio::test]
async fn what_a_stream_brings_is_had_once_the_device_says_so() {
    let server = Server::start().await;
    for part in 0..3_u64 {
        let one = |n: u64| viewed(&format!("{part}-{n}"), part * 400 + n, "viewed");
        let activities: Vec<Value> = (0..400).map(one).collect();
        sync(&server, json!({"device_id": "phone", "activities": activities})).await;
    }
    let request = server.request("POST", PULL).bearer_auth(ann());
    let request = request.header("accept", "application/x-ndjson");
    let streamed = finish(request.json(&json!({"deviceId": "tablet"}))).await.text;
    // It may have been cut off anywhere.
    let late = store(&server, from("tablet", &viewed("late", 0, "skipped"))).await.json();
    expect(&late, "synced", "server wins", 1);
    let last: Value = serde_json::from_str(streamed.lines().last().unwrap()).unwrap();
    pull(&server, json!({"deviceId": "tablet", "cursor": last["cursor"]})).await;
    let next = store(&server, from("tablet", &viewed("next", 0, "skipped"))).await.json();
    expect(&next, "synced", "on its base", 2);
}

#[tokio::test]
async fn a_request_may_ask_for_its_device_to_win_where_the_type_lets_it() {
    let server = Server::start().await;
    sync(&server, json!({"device_id": "phone", "activities": [viewed("1", 1, "viewed")]})).await;
    let mut mine = from("tablet", &viewed("2", 1, "completed"));
    mine["conflict_resolution"] = json!("client_wins");
    let done = Server::ok(store(&server, mine).await, StatusCode::CREATED);
    expect(&done, "synced", "client wins", 2);
    assert_eq!(slide(&server).await["status"], "completed");
    assert_eq!(conflicts(&server).await[0]["serverData"]["status"], "viewed");
    // For a whole request, but for those that say otherwise.
    let mut theirs = viewed("4", 1, "c");
    theirs["conflict_resolution"] = json!("server_wins");
    let body = json!({
        "device_id": "desk", "conflict_resolution": "client_wins", "last_sync_at": "2024-01-15T10:30:00Z",
        "activities": [theirs, viewed("3", 2, "d")],
    });
    expect(&sync(&server, body).await["results"][0], "synced", "server wins", 2);
    // A person's word is not asked away.
    let draft = |id: &str, text: &str| {
        json!({
            "activity_type": "draft", "offline_id": id, "conflict_resolution": "client_wins",
            "activity_data": {"draft_id": 1, "text": text},
        })
    };
    store(&server, from("phone", &draft("d1", "a"))).await;
    let asked = store(&server, from("tablet", &draft("d2", "b"))).await.json();
    expect(&asked, "conflict", "asks a person", 1);
}

#[tokio::test]
async fn an_app_that_does_not_name_its_device_is_not_in_its_own_way() {
    let server = Server::start().await;
    let synced = |done: Value| {
        assert_eq!(
            (&done["sync_status"], &done["conflict_id"]),
            (&json!("synced"), &Value::Null),
            "{done}"
        );
    };
    synced(store(&server, viewed("1", 1, "opened")).await.json());
    synced(store(&server, viewed("2", 1, "viewed")).await.json());
    // Its calls for many name the device, as documented.
    let named = json!({"device_id": "student_phone_001", "activities": [viewed("2", 1, "viewed"), viewed("3", 1, "read")]});
    let answer = sync(&server, named).await;
    assert_eq!(answer["results"][0]["replayed"], true);
    synced(answer["results"][1].clone());
    synced(store(&server, viewed("4", 1, "completed")).await.json());
    assert_eq!(slide(&server).await["status"], "completed");
    // A queue that was written before, and is sent one by one.
    for (id, at) in [("5", "09:00"), ("6", "09:05"), ("7", "09:10")] {
        let mut one = viewed(id, 2, id);
        one["created_at"] = json!(format!("2024-01-15T{at}:00Z"));
        synced(store(&server, one).await.json());
    }
    // What was written before what is there does not go on from it.
    let mut early = viewed("8", 2, "early");
    early["created_at"] = json!("2024-01-15T08:00:00Z");
    let lost = store(&server, early).await.json();
    assert_eq!(
        (&lost["reason"], conflicts(&server).await.as_array().unwrap().len()),
        (&json!("server wins"), 1)
    );
}

#[tokio::test]
async fn an_activity_sets_the_fields_that_it_has() {
    let server = Server::start().await;
    let with = |id: &str, field: &str, value: u64| json!({"activity_type": "slide_progress", "offline_id": id, "activity_data": {"slide_id": 1, field: value}});
    store(&server, from("phone", &with("1", "time_spent", 5))).await;
    let merged = store(&server, from("tablet", &with("2", "score", 7))).await.json();
    expect(&merged, "synced", "other fields had changed", 2);
    assert_eq!(slide(&server).await, json!({"slide_id": 1, "time_spent": 5, "score": 7}));
}

#[tokio::test]
async fn what_the_server_has_comes_page_by_page() {
    let server = Server::start().await;
    let many: Vec<Value> = (0..5).map(|n| viewed(&n.to_string(), n, "viewed")).collect();
    sync(&server, json!({"device_id": "phone", "activities": many})).await;
    let note = json!({
        "id": "n", "entityType": "notes", "entityId": "n", "operation": "CREATE", "data": {"text": "x"},
        "timestamp": "2024-01-15T10:35:00Z", "clientVersion": 1,
    });
    let push = json!({"deviceId": "phone", "operations": [note]});
    Server::ok(server.call(&ann(), "POST", "/api/v1/sync/push", push).await, StatusCode::OK);
    let (mut cursor, mut found) = (Value::Null, Vec::new());
    loop {
        let body = json!({"device_id": "tablet", "limit": 2, "cursor": cursor});
        let page = sync(&server, body).await;
        let items = page["server_activities"].as_array().unwrap().clone();
        found.extend(items.iter().map(|one| one["entity_id"].as_str().unwrap().to_owned()));
        cursor = page["cursor"].clone();
        if page["has_more"] == false {
            break;
        }
    }
    // No notes: they are no activities.
    assert_eq!(found, ["0", "1", "2", "3", "4"]);
    let since = sync(&server, json!({"cursor": cursor})).await;
    assert_eq!(since["server_activities"], json!([]));
    let by_time = sync(&server, json!({"last_sync_at": "2024-01-15T10:30:00Z"})).await;
    assert_eq!(by_time["server_activities"].as_array().unwrap().len(), 5);
    // Another call's cursor is none here.
    let pulled = server.call(&ann(), "POST", "/api/v1/sync/pull", json!({})).await.json();
    let answer =
        server.call(&ann(), "POST", "/api/v1/sync/sync", json!({"cursor": pulled["cursor"]})).await;
    assert_eq!(answer.pointers(), ["/cursor"]);
}
