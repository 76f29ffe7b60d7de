//! A naive client: the server's rows, its own pending operations over them, and nothing else.

use std::collections::{BTreeMap, VecDeque};

use landfall_core::json::Object;
use landfall_core::sync::{EntityName, Operation, Verb, Written};
use landfall_core::time::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::server::{Answer, Request};

/// How a device says what its edits began from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// By the server version that it had, and the operation that each follows.
    Versions,
    /// As S1's clients, by its own count of versions.
    Branches,
    /// By the fields themselves.
    BaseData,
}

pub struct Device {
    pub place: usize,
    speech: Speech,
    /// By how much its clock is off.
    pub clock: i64,
    rows: BTreeMap<String, (u64, Object)>,
    /// Rows that came while work on them was pending, of a device that does not tell what its edits began from.
    aside: BTreeMap<String, (u64, Object)>,
    queue: VecDeque<Operation>,
    /// Its own count of versions of each entity.
    counts: BTreeMap<String, u64>,
    after: u64,
    made: u64,
}

impl Device {
    pub fn new(place: usize, speech: Speech) -> Self {
        Self {
            place,
            speech,
            clock: 0,
            rows: BTreeMap::new(),
            aside: BTreeMap::new(),
            queue: VecDeque::new(),
            counts: BTreeMap::new(),
            after: 0,
            made: 0,
        }
    }

    /// Says whether it tells what its edits began from, so that not a step can be lost; counts alone may mean a server
    /// version or its own.
    pub fn is_exact(&self) -> bool {
        self.speech != Speech::Branches
    }

    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// What its user sees: the server's rows with its own work over them.
    pub fn view(&self, entity: &str) -> Object {
        let mut fields =
            self.rows.get(entity).map(|(_, fields)| fields.clone()).unwrap_or_default();
        for operation in self.queue.iter().filter(|operation| &*operation.name.id == entity) {
            fields.extend(operation.data.clone());
        }
        fields
    }

    pub fn edit(&mut self, entity: &str, data: Object, now: i64) {
        self.made += 1;
        let id: Box<str> = format!("op {}-{}", self.place, self.made).into();
        let before = self.queue.iter().rev().find(|operation| &*operation.name.id == entity);
        let after = before.map(|operation| operation.id.clone());
        let version = self.rows.get(entity).map_or(0, |(version, _)| *version);
        let count = self.counts.entry(entity.to_owned()).or_insert(version);
        *count += 1;
        let count = *count;
        let view = self.view(entity);
        let touched = view.into_iter().filter(|(field, _)| data.contains_key(field)).collect();
        let (base_version, client_version, base_data) = match self.speech {
            Speech::Versions => (Some(self.base_version(entity, version)), None, None),
            Speech::Branches => (None, Some(count), None),
            Speech::BaseData => (None, None, Some(touched)),
        };
        let mut operation = Operation {
            digest: [0; 32],
            id,
            name: EntityName { kind: "notes".into(), id: entity.into() },
            verb: Verb::Update,
            data,
            base_data,
            base_version,
            client_version,
            after: after.filter(|_| self.speech == Speech::Versions),
            schema_version: None,
            written: Written { at: Timestamp::from_ms(now + self.clock), age_ms: None },
        };
        operation.digest = Sha256::digest(format!("{operation:?}")).into();
        self.queue.push_back(operation);
    }

    /// A chain names the version on which it began.
    fn base_version(&self, entity: &str, version: u64) -> u64 {
        let first = self.queue.iter().find(|operation| &*operation.name.id == entity);
        first.and_then(|operation| operation.base_version).unwrap_or(version)
    }

    pub fn request(&self, now: i64) -> Request {
        Request {
            place: self.place,
            operations: self.queue.iter().cloned().collect(),
            sent_at: Timestamp::from_ms(now + self.clock),
            after: self.after,
        }
    }

    /// Rows, cursor and queue move together.
    pub fn hear(&mut self, answer: &Answer) {
        if answer.from > self.after || answer.to < self.after {
            return;
        }
        let decided =
            |operation: &Operation| answer.verdicts.iter().any(|(id, _)| *id == operation.id);
        // What was answered stays part of what the device has until it takes the server's row.
        let keeps = self.speech != Speech::BaseData;
        for operation in self.queue.iter().filter(|operation| keeps && decided(operation)) {
            let row = self.rows.entry(operation.name.id.to_string()).or_default();
            row.1.extend(operation.data.clone());
        }
        self.queue.retain(|operation| !decided(operation));
        for (entity, version, fields) in &answer.rows {
            self.aside.insert(entity.clone(), (*version, fields.clone()));
        }
        self.after = answer.to;
        for (entity, row) in std::mem::take(&mut self.aside) {
            let is_pending = self.queue.iter().any(|operation| *operation.name.id == *entity);
            if is_pending && self.speech != Speech::BaseData {
                self.aside.insert(entity, row);
                continue;
            }
            if !is_pending {
                self.counts.insert(entity.clone(), row.0);
            }
            if self.rows.get(&entity).is_none_or(|(version, _)| *version <= row.0) {
                self.rows.insert(entity, row);
            }
        }
    }
}
