//! What an event looks like inside the store: JSON that nobody else reads.
//!
//! Rows of today are read by the server of tomorrow: fields may be added, none may change.

use std::collections::BTreeMap;

use landfall_core::due::LocalTime;
use landfall_core::id::EventId;
use landfall_core::recurrence::{Rule, When};
use landfall_core::schedule::{Change, Event, EventKind, Plan, Words};
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;
use landfall_store::{IdempotencyKey, StoreError, StoredAnswer, StoredEvent};
use serde::{Deserialize, Serialize};

use crate::service::notify::RequestKey;

#[derive(Serialize, Deserialize)]
struct Body {
    kind: String,
    words: StoredWords,
    zone: String,
    start: String,
    minutes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    added: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<StoredChange>,
}

#[derive(Serialize, Deserialize)]
struct StoredWords {
    title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredChange {
    name: String,
    start: String,
    minutes: u32,
    words: StoredWords,
}

impl From<&Words> for StoredWords {
    fn from(Words { title, description, link }: &Words) -> Self {
        Self { title: title.clone(), description: description.clone(), link: link.clone() }
    }
}

impl From<StoredWords> for Words {
    fn from(StoredWords { title, description, link }: StoredWords) -> Self {
        Self { title, description, link }
    }
}

/// Writes what is kept of an event.
pub(super) fn body_of(kind: EventKind, plan: &Plan) -> String {
    let Plan { words, when, minutes, changes } = plan;
    let When { start, zone, rule, added, left_out } = when;
    let text = |local: &_| LocalTime::of(*local).to_string();
    let body = Body {
        kind: kind.as_str().to_owned(),
        words: words.into(),
        zone: zone.name().to_owned(),
        start: text(start),
        minutes: *minutes,
        rule: rule.as_ref().map(Rule::to_string),
        added: added.iter().map(text).collect(),
        left_out: left_out.iter().map(text).collect(),
        changes: changes.iter().map(stored_change).collect(),
    };
    serde_json::to_string(&body).expect("texts and numbers are always JSON")
}

fn stored_change((name, change): (&LocalTime, &Change)) -> StoredChange {
    let Change { start, minutes, words } = change;
    StoredChange {
        name: name.to_string(),
        start: start.to_string(),
        minutes: *minutes,
        words: words.into(),
    }
}

/// Reads a stored event.
pub(super) fn event_of(stored: &StoredEvent) -> Result<Event, StoreError> {
    let body: Option<Body> = serde_json::from_str(&stored.body).ok();
    let (kind, plan) = body
        .and_then(read)
        .ok_or_else(|| StoreError::Internal("a stored event cannot be read".into()))?;
    Ok(Event {
        id: stored.id,
        class: stored.class.clone(),
        kind,
        quiz: stored.quiz.clone(),
        plan,
        version: stored.version,
        created_by: stored.created_by.clone(),
        created_at: stored.created_at,
        updated_at: stored.updated_at,
    })
}

fn read(body: Body) -> Option<(EventKind, Plan)> {
    let local = |text: &str| LocalTime::parse(text).ok();
    let all = |texts: &[String]| {
        texts.iter().map(|text| Some(local(text)?.shown())).collect::<Option<Vec<_>>>()
    };
    let when = When {
        start: local(&body.start)?.shown(),
        zone: Zone::parse(&body.zone).ok()?,
        rule: body.rule.as_deref().map(Rule::parse).transpose().ok()?,
        added: all(&body.added)?,
        left_out: all(&body.left_out)?,
    };
    let change = |one: StoredChange| {
        let change =
            Change { start: local(&one.start)?, minutes: one.minutes, words: one.words.into() };
        Some((local(&one.name)?, change))
    };
    let changes: Option<BTreeMap<_, _>> = body.changes.into_iter().map(change).collect();
    let plan = Plan { words: body.words.into(), when, minutes: body.minutes, changes: changes? };
    Some((EventKind::parse(&body.kind)?, plan))
}

/// What is kept with an idempotency key to give the first answer again.
#[derive(Serialize, Deserialize)]
struct Memo {
    id: String,
    version: u64,
    created_at: i64,
    updated_at: i64,
    body: String,
}

/// Keeps an event that was put under a key.
pub(super) fn put(key: &RequestKey, event: &Event) -> IdempotencyKey {
    let RequestKey { scope, key, digest } = key.clone();
    let memo = Memo {
        id: event.id.to_string(),
        version: event.version,
        created_at: event.created_at.as_ms(),
        updated_at: event.updated_at.as_ms(),
        body: body_of(event.kind, &event.plan),
    };
    let memo = serde_json::to_string(&memo).expect("texts and numbers are always JSON");
    IdempotencyKey { scope, key, digest, memo, at: event.updated_at }
}

/// Gives the event that was put first under the key of one that is put again.
pub(super) fn first_put(again: Event, answer: &StoredAnswer) -> Result<Event, StoreError> {
    let memo: Option<Memo> = serde_json::from_str(&answer.memo).ok();
    let first = memo.and_then(|Memo { id, version, created_at, updated_at, body }| {
        let (kind, plan) = read(serde_json::from_str(&body).ok()?)?;
        let [created_at, updated_at] = [created_at, updated_at].map(Timestamp::from_ms);
        let id = EventId::parse(&id).ok()?;
        Some(Event { id, kind, plan, version, created_at, updated_at, ..again })
    });
    first.ok_or_else(|| StoreError::Internal("a stored answer cannot be read".into()))
}
