//! A device: comes back with its last number after every break, and counts what it is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use crate::process::{Api, token};
use crate::{Listed, World};

type Done = watch::Receiver<Option<BTreeMap<String, Listed>>>;

/// What a device remembers over its connections.
#[derive(Default)]
struct Memory {
    /// How often it was given each notification.
    seen: BTreeMap<String, u32>,
    /// The last number.
    last: u64,
}

/// Runs until it has everything that its inbox has in the end; gives what it saw.
pub async fn run(world: Arc<World>, user: String, mut done: Done) -> BTreeMap<String, u32> {
    let mut memory = Memory::default();
    let mut address = world.address.clone();
    loop {
        let now = address.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let is_complete = connected(&now, &user, &mut memory, &mut done).await;
        if is_complete {
            return memory.seen;
        }
    }
}

/// Says whether everything has arrived that the inbox has in the end.
fn is_complete(memory: &Memory, user: &str, done: &Done) -> bool {
    done.borrow().as_ref().is_some_and(|heads| memory.last >= heads[user].newest)
}

/// Serves one connection; true when the device has everything, false when the connection broke.
async fn connected(address: &str, user: &str, memory: &mut Memory, done: &mut Done) -> bool {
    let bearer = token(user, "student");
    let last = memory.last;
    let url = format!("ws://{address}/ws?token={bearer}&ack=1&replay_from={last}");
    let Ok((mut socket, _)) = tokio_tungstenite::connect_async(url).await else {
        return is_complete(memory, user, done);
    };
    loop {
        if is_complete(memory, user, done) {
            return true;
        }
        let message = tokio::select! {
            message = socket.next() => message,
            changed = done.changed() => {
                changed.unwrap();
                continue;
            }
        };
        let Some(Ok(message)) = message else { return false };
        let Message::Text(text) = message else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] == "replay_gap" && !fill_gap(address, user, &frame, memory).await {
            return false;
        }
        let Some(at) = number(&frame["replay_id"]) else { continue };
        assert!(at > memory.last, "{user} got {at} after {}", memory.last);
        let prev = number(&frame["prev"]).unwrap();
        assert!(prev <= memory.last, "{user} has {} and missed up to {prev}", memory.last);
        memory.last = at;
        *memory.seen.entry(frame["id"].as_str().unwrap().to_owned()).or_default() += 1;
        let ack = json!({ "type": "ack", "replay_id": frame["replay_id"] });
        if socket.send(Message::text(ack.to_string())).await.is_err() {
            return false;
        }
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_str().and_then(|text| text.parse().ok())
}

/// Asks the inbox for what a replay left out, as a client that is told of a gap does.
/// False when the server is away: the device comes back with the number it had.
async fn fill_gap(address: &str, user: &str, frame: &Value, memory: &mut Memory) -> bool {
    let (from, to) = (number(&frame["from"]).unwrap(), number(&frame["to"]).unwrap());
    let api = Api::new(address.to_owned());
    let Some(items) = api.try_inbox(user).await else { return false };
    for item in items {
        let at = number(&item["replay_id"]).unwrap();
        if at > from && at <= to {
            *memory.seen.entry(item["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    memory.last = to;
    true
}
