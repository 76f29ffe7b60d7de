//! A naive client, as the protocol says what one must keep: the server's rows, its own operations over them, a place in
//! the server's changes, and what it did lately though it was answered.
//!
//! All of that is one storage, which it changes in single steps: a step is done, or it never was.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use landfall_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Pulled, Result};

pub type Fields = Map<String, Value>;

/// Names an entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub topic: Option<String>,
    pub kind: String,
    pub id: String,
}

/// How a device says what its edits began from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// By the server version that it had, and the operation that each follows.
    Versions,
    /// As S1's clients, by its own count of versions.
    Counts,
    /// By the fields themselves.
    BaseData,
}

/// Where a device stands in the server's changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Position {
    #[default]
    Beginning,
    Cursor(String),
    /// As S1's clients: by the server's time.
    Time(String),
}

/// An entity as the device has it; no fields where it is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    pub version: u64,
    pub fields: Option<Fields>,
}

/// Something that its user did.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub key: Key,
    pub verb: &'static str,
    pub data: Fields,
    /// As it goes over the wire, always the same.
    pub said: Fields,
    pub made_at: i64,
}

/// What an edit is to be.
pub struct Edit {
    pub key: Key,
    pub verb: &'static str,
    pub data: Fields,
}

#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub rows: BTreeMap<Key, Row>,
    /// Rows that came while work on them was pending, of a device that does not tell what its edits began from.
    aside: BTreeMap<Key, Row>,
    pub queue: VecDeque<Operation>,
    /// Answered once, and offered again: the server may have lost it. What it shows is none of it.
    again: VecDeque<Operation>,
    /// Answered, but not for long.
    pub kept: VecDeque<Operation>,
    /// How operations ended, as it was last told.
    pub seen: BTreeMap<String, Result>,
    pub position: Position,
    counts: BTreeMap<Key, u64>,
    /// What came since it was told to start over.
    fresh: Option<BTreeSet<Key>>,
    made: u64,
    /// How often it started over.
    life: u64,
}

pub struct Device {
    pub name: String,
    pub user: usize,
    pub speech: Speech,
    /// Whether it says where it stands by time.
    pub is_by_time: bool,
    /// Whether it has a clock that nobody sets.
    pub has_age: bool,
    /// By how much its clock is off.
    pub clock: i64,
    /// How many answered operations it keeps.
    pub keeps: usize,
    pub disk: Disk,
}

/// A request on its way.
#[derive(Debug, Clone)]
pub struct Request {
    pub device: usize,
    pub path: &'static str,
    pub body: String,
    pub operations: Vec<String>,
    pub position: Position,
    life: u64,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    Both,
    Push,
    Pull,
}

impl Device {
    /// What its user sees of an entity.
    pub fn view(&self, key: &Key) -> Option<Fields> {
        let mut fields = self.disk.rows.get(key).and_then(|row| row.fields.clone());
        for operation in self.disk.queue.iter().filter(|one| one.key == *key) {
            lay_over(&mut fields, operation);
        }
        fields
    }

    /// Counts the operations that wait for an answer.
    pub fn waiting(&self) -> usize {
        self.disk.again.len() + self.disk.queue.len()
    }

    /// Takes an edit of its user into its storage; gives the operation's name.
    pub fn edit(&mut self, edit: Edit, now: i64) -> String {
        let Edit { key, verb, data } = edit;
        let disk = &self.disk;
        let id = format!("{}-{}", self.name, disk.made + 1);
        let version = disk.rows.get(&key).map_or(0, |row| row.version);
        let count = disk.counts.get(&key).copied().unwrap_or(version) + 1;
        let at = Timestamp::from_ms(now + self.clock).to_string();
        let mut said = json!({
            "id": id, "entityType": key.kind, "entityId": key.id, "operation": verb, "timestamp": at,
        });
        if verb != "DELETE" {
            said["data"] = Value::Object(data.clone());
        }
        if let Some(topic) = &key.topic {
            said["topicId"] = json!(topic);
        }
        self.say_base(&mut said, (&key, verb, &data), (version, count));
        let Value::Object(said) = said else { unreachable!("it was written as an object") };
        self.disk.made += 1;
        self.disk.counts.insert(key.clone(), count);
        self.disk.queue.push_back(Operation {
            id: id.clone(),
            key,
            verb,
            data,
            said,
            made_at: now,
        });
        id
    }

    /// Says what an edit began from, in the device's own way.
    fn say_base(
        &self,
        said: &mut Value,
        (key, verb, data): (&Key, &str, &Fields),
        (version, count): (u64, u64),
    ) {
        let pending = || self.disk.queue.iter().filter(|operation| operation.key == *key);
        match self.speech {
            Speech::Versions => {
                let first = pending().next().and_then(|first| first.said.get("baseVersion"));
                said["baseVersion"] = first.cloned().unwrap_or(json!(version));
                if let Some(before) = pending().next_back() {
                    said["after"] = json!(before.id);
                }
            }
            Speech::Counts => said["clientVersion"] = json!(count),
            Speech::BaseData => {
                let mut base = self.view(key).unwrap_or_default();
                base.retain(|field, _| verb == "DELETE" || data.contains_key(field));
                said["baseData"] = Value::Object(base);
            }
        }
    }

    /// Writes down what a request says: the operations at these places among those that wait.
    pub fn request(
        &self,
        (index, asks): (usize, Asks),
        places: &[usize],
        limit: Option<u64>,
        now: i64,
    ) -> Request {
        let waiting: Vec<&Operation> = self.disk.again.iter().chain(&self.disk.queue).collect();
        let operations: Vec<&Operation> = places.iter().map(|place| waiting[*place]).collect();
        let mut body = json!({ "deviceId": self.name });
        let mut pull = json!({});
        if let Some(limit) = limit {
            pull["limit"] = json!(limit);
        }
        match &self.disk.position {
            Position::Beginning => {}
            Position::Cursor(cursor) => pull["cursor"] = json!(cursor),
            Position::Time(at) => body["lastSyncTimestamp"] = json!(at),
        }
        if asks == Asks::Pull {
            let Value::Object(pull) = pull else { unreachable!("it was written as an object") };
            body.as_object_mut().unwrap().extend(pull);
        } else {
            body["sentAt"] = json!(Timestamp::from_ms(now + self.clock).to_string());
            body["operations"] = operations.iter().map(|one| self.written(one, now)).collect();
            if asks == Asks::Both {
                body["pull"] = pull;
            }
        }
        let is_pull = asks == Asks::Pull;
        Request {
            device: index,
            path: if is_pull { "/api/v1/sync/pull" } else { "/api/v1/sync/push" },
            body: body.to_string(),
            operations: if is_pull {
                Vec::new()
            } else {
                operations.iter().map(|one| one.id.clone()).collect()
            },
            position: self.disk.position.clone(),
            life: self.disk.life,
        }
    }

    fn written(&self, operation: &Operation, now: i64) -> Value {
        let mut said = operation.said.clone();
        if self.has_age {
            said.insert("ageMs".into(), json!(now - operation.made_at));
        }
        Value::Object(said)
    }

    /// Takes an answer into its storage, in one step. Says whether there is more to ask for.
    pub fn hear(&mut self, request: &Request, answer: Answer) -> bool {
        // What was asked before it started over is of a life that may be no more.
        if request.life != self.disk.life {
            return false;
        }
        let mut disk = self.disk.clone();
        for (id, result) in request.operations.iter().zip(answer.results) {
            assert_eq!(result.id.as_deref(), Some(&**id), "results stand in their order");
            assert_ne!(result.reason, "id_reused", "{id}");
            self.take_result(&mut disk, id, result);
        }
        let mut has_more = false;
        // Of a place that it has left nothing is taken.
        if let Some(pulled) = answer.pulled.filter(|_| disk.position == request.position) {
            has_more = pulled.has_more;
            self.take_pull(&mut disk, pulled);
        }
        self.settle(&mut disk);
        while disk.kept.len() > self.keeps {
            disk.kept.pop_front();
        }
        self.disk = disk;
        has_more
    }

    fn take_result(&self, disk: &mut Disk, id: &str, result: Result) {
        let is_it = |operation: &Operation| operation.id == id;
        if let Some(place) = disk.again.iter().position(is_it) {
            disk.kept.extend(disk.again.remove(place));
            disk.seen.insert(id.to_owned(), result);
            return;
        }
        let Some(place) = disk.queue.iter().position(is_it) else { return };
        let operation = disk.queue.remove(place).expect("it was found there");
        let has_effect = ["applied", "merged"].contains(&&*result.status);
        // What was answered stays part of what it has until it takes the server's row.
        if self.speech != Speech::BaseData && has_effect && !result.is_gone {
            let row = disk.rows.entry(operation.key.clone()).or_default();
            lay_over(&mut row.fields, &operation);
        }
        disk.seen.insert(id.to_owned(), result);
        disk.kept.push_back(operation);
    }

    fn take_pull(&self, disk: &mut Disk, pulled: Pulled) {
        let is_gone =
            |key: &Key| key.topic.as_ref().is_some_and(|topic| pulled.removed.contains(topic));
        disk.rows.retain(|key, _| !is_gone(key));
        disk.aside.retain(|key, _| !is_gone(key));
        disk.counts.retain(|key, _| !is_gone(key));
        let begins = pulled.is_reset || disk.position == Position::Beginning;
        if begins {
            // What it did may be of a life that is no more, and is offered again.
            disk.aside.clear();
            disk.fresh = Some(BTreeSet::new());
            disk.life += 1;
            disk.again.append(&mut disk.kept);
            order(&mut disk.again);
        }
        for (key, row) in pulled.changes {
            if let Some(fresh) = &mut disk.fresh {
                fresh.insert(key.clone());
            }
            disk.aside.insert(key, row);
        }
        if !pulled.has_more
            && let Some(fresh) = disk.fresh.take()
        {
            disk.rows.retain(|key, _| fresh.contains(key));
            disk.counts.retain(|key, _| fresh.contains(key));
        }
        disk.position = match (self.is_by_time, pulled.has_more) {
            (true, false) => Position::Time(pulled.at),
            _ => Position::Cursor(pulled.cursor),
        };
    }

    /// Takes the rows that may be taken.
    fn settle(&self, disk: &mut Disk) {
        for (key, row) in std::mem::take(&mut disk.aside) {
            let is_pending = disk.queue.iter().any(|operation| operation.key == key);
            if is_pending && self.speech != Speech::BaseData {
                disk.aside.insert(key, row);
                continue;
            }
            if !is_pending {
                disk.counts.insert(key.clone(), row.version);
            }
            // By their order, not by their versions: those of one that was forgotten begin anew.
            disk.rows.insert(key, row);
        }
    }
}

/// Puts operations into the order in which they were made.
fn order(queue: &mut VecDeque<Operation>) {
    let number = |operation: &Operation| -> u64 {
        operation
            .id
            .rsplit('-')
            .next()
            .and_then(|text| text.parse().ok())
            .expect("it ends with a number")
    };
    queue.make_contiguous().sort_by_key(number);
}

fn lay_over(fields: &mut Option<Fields>, operation: &Operation) {
    if operation.verb == "DELETE" {
        *fields = None;
        return;
    }
    fields.get_or_insert_default().extend(operation.data.clone());
}
