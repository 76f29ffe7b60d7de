//! A device that does work and pushes it, again and again until it is answered, in batches that overlap.
//!
//! Two devices of a user write lines into the same entities: each line is a version, so that one which took effect twice
//! is a version too many, and one that is lost is a line too few.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::World;
use crate::process::{Api, token};

/// Devices of the one user.
const DEVICES: usize = 2;
/// Operations of one request.
const BATCH: u64 = 5;
/// Operations of a device after which the entity that it shares is another.
const PAGE: u64 = 300;
const USER: &str = "pusher";

/// What a device was told of its operations: the status of each, by its name.
pub type Pushed = BTreeMap<String, String>;

/// Names the entity that an operation is about: one that the devices share, or its own.
fn entity(id: &str) -> String {
    let number: u64 = id.split('-').nth(1).unwrap().parse().unwrap();
    if number.is_multiple_of(3) { format!("page-{}", number / PAGE) } else { id.to_owned() }
}

fn operation(device: usize, number: u64) -> Value {
    let id = format!("{device}-{number}");
    let data = json!({ (id.clone()): 1 });
    json!({
        "id": id, "entityType": "notes", "entityId": entity(&id), "operation": "UPDATE",
        "data": data, "baseData": {}, "timestamp": "2026-01-01T00:00:00Z",
    })
}

/// Starts all devices.
pub fn start(world: &Arc<World>) -> Vec<JoinHandle<Pushed>> {
    (0..DEVICES).map(|device| tokio::spawn(run(Arc::clone(world), device))).collect()
}

/// Waits for their ends; gives what they were told.
pub async fn ended(running: Vec<JoinHandle<Pushed>>) -> Vec<Pushed> {
    let mut pushed = Vec::new();
    for device in running {
        pushed.push(device.await.unwrap());
    }
    pushed
}

/// Pushes until the test is over; gives what it was told.
async fn run(world: Arc<World>, device: usize) -> Pushed {
    let client = reqwest::Client::new();
    let bearer = token(USER, "student");
    let mut told = Pushed::new();
    let mut first = 1;
    while !*world.is_over.borrow() {
        // Half of it was answered before.
        let from = u64::max(1, first - first.min(BATCH / 2));
        let operations: Vec<Value> =
            (from..first + BATCH).map(|number| operation(device, number)).collect();
        let body = json!({ "deviceId": format!("device-{device}"), "operations": operations });
        let answer = until_answered(&world, &client, &bearer, &body).await;
        for result in answer["results"].as_array().unwrap() {
            let id = result["id"].as_str().unwrap().to_owned();
            let status = result["status"].as_str().unwrap().to_owned();
            assert!(["applied", "merged"].contains(&&*status), "{result}");
            let before = told.insert(id, status.clone());
            assert!(
                before.is_none_or(|before| before == status),
                "{result} ended otherwise before"
            );
        }
        first += BATCH;
    }
    told
}

/// Repeats a push over restarts until it is answered.
async fn until_answered(
    world: &World,
    client: &reqwest::Client,
    bearer: &str,
    body: &Value,
) -> Value {
    let mut address = world.address.clone();
    loop {
        let now = address.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let request = client.post(format!("http://{now}/api/v1/sync/push"));
        let Ok(response) = request.bearer_auth(bearer).json(body).send().await else { continue };
        if response.status() == 200 {
            if let Ok(answer) = response.json().await {
                return answer;
            }
            continue;
        }
        assert_eq!(response.status(), 503, "{}", response.text().await.unwrap());
        world.refused.fetch_add(1, Ordering::SeqCst);
        world.progress.notify_one();
    }
}

/// Checks that everything that was pushed took effect once; tells how many operations there were.
pub async fn check(api: &Api, pushed: &[Pushed]) -> usize {
    let mut expected: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for id in pushed.iter().flat_map(BTreeMap::keys) {
        expected.entry(entity(id)).or_default().insert(id);
    }
    let found = api.pulled(USER).await;
    assert!(found.keys().eq(expected.keys()), "an entity is lost, or nobody was told of it");
    for (entity, (version, lines)) in &found {
        let lines: BTreeSet<&str> = lines.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(lines, expected[entity], "{entity} lacks a line");
        assert_eq!(*version, lines.len() as u64, "{entity} was changed too often");
    }
    pushed.iter().map(BTreeMap::len).sum()
}
