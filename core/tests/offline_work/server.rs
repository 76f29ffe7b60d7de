//! The server: a store in memory around the desk, with one feed.

use std::collections::BTreeMap;

use landfall_core::id::ConflictId;
use landfall_core::json::Object;
use landfall_core::merge::{Deletion, Fields, Rule};
use landfall_core::sync::{
    BranchTip, Desk, Effect, Entity, EntityKind, EntityName, Known, Next, Operation, Seen, Stamp,
    Standing, Status, Strategy, Verdict,
};
use landfall_core::time::Timestamp;
use uuid::Uuid;

/// One request: it pushes, and pulls what came after a number.
#[derive(Clone)]
pub struct Request {
    pub place: usize,
    pub operations: Vec<Operation>,
    pub sent_at: Timestamp,
    /// The device has everything up to here.
    pub after: u64,
}

/// What is answered: how operations ended, and entities with their versions.
pub struct Answer {
    pub verdicts: Vec<(Box<str>, Verdict)>,
    pub rows: Vec<(String, u64, Object)>,
    /// The rows begin after this number and reach up to the other.
    pub from: u64,
    pub to: u64,
}

#[derive(Default)]
struct Row {
    standing: Standing,
    changed: u64,
    /// Each device's branch.
    branches: BTreeMap<usize, BranchTip>,
}

#[derive(Default)]
pub struct Server {
    rows: BTreeMap<EntityName, Row>,
    known: BTreeMap<Box<str>, Known>,
    newest: u64,
    stamps: BTreeMap<usize, Stamp>,
}

fn kind() -> EntityKind {
    let named = [("n".to_owned(), Rule::Counter), ("tags".to_owned(), Rule::Set)].into();
    let fields = Fields { named, other: Box::new(Rule::LastWrite) };
    EntityKind { strategy: Strategy::Merge(fields), deletion: Deletion::UpdateRevives }
}

impl Server {
    pub fn entities(&self) -> impl Iterator<Item = (&str, &Object)> {
        self.rows
            .iter()
            .filter_map(|(name, row)| Some((&*name.id, &row.standing.entity.as_ref()?.data)))
    }

    /// Does everything of a request, or nothing.
    pub fn serve(&mut self, request: &Request, now: i64) -> Answer {
        let device = format!("device {}", request.place);
        let seen = Seen { now: Timestamp::from_ms(now), sent_at: Some(request.sent_at) };
        let mut desk = Desk::new(&device, seen, self.stamps.get(&request.place).cloned());
        for operation in &request.operations {
            desk.lay(operation.name.clone(), self.standing(operation, request));
            if let Some(known) = self.known.get(&operation.id) {
                desk.lay_known(operation.id.clone(), known.clone());
            }
        }
        let mut verdicts = Vec::new();
        for operation in &request.operations {
            let taken = desk.take(operation, Ok((&kind()).into()), ConflictId(Uuid::nil()));
            if let Some(effect) = taken.effect {
                let known = Known { digest: operation.digest, verdict: Some(taken.verdict) };
                let before = self.known.insert(operation.id.clone(), known);
                assert!(before.is_none(), "{} took effect twice", operation.id);
                self.store(operation, request.place, effect);
            }
            assert!(
                matches!(taken.verdict.status, Status::Applied | Status::Merged),
                "{taken:?}",
                taken = taken.verdict
            );
            verdicts.push((operation.id.clone(), taken.verdict));
        }
        if let Some(stamp) = desk.last() {
            self.stamps.insert(request.place, stamp.clone());
        }
        let changed = self.rows.iter().filter(|(_, row)| row.changed > request.after);
        let row = |(name, row): (&EntityName, &Row)| {
            (name.id.to_string(), row.standing.version, row.standing.entity.clone().unwrap().data)
        };
        Answer { verdicts, rows: changed.map(row).collect(), from: request.after, to: self.newest }
    }

    fn standing(&self, operation: &Operation, request: &Request) -> Standing {
        let Some(row) = self.rows.get(&operation.name) else { return Standing::default() };
        let branch = row.branches.get(&request.place).map(|tip| {
            let mut tip = tip.clone();
            // The device has what became of it, and a count that may be of either.
            let is_heard = request.operations.iter().all(|other| other.id != tip.operation);
            let is_either = tip.branch.client_version == Some(row.standing.version);
            tip.branch.is_left = is_heard && is_either && request.after >= row.changed;
            tip
        });
        Standing { branch, ..row.standing.clone() }
    }

    fn store(&mut self, operation: &Operation, place: usize, effect: Effect) {
        let row = self.rows.entry(operation.name.clone()).or_default();
        assert_eq!(effect.from, (row.standing.revision, row.standing.version));
        if let Some((Next { data, is_deleted, stamps }, version)) = effect.next {
            row.standing.revision += 1;
            if version != row.standing.version {
                self.newest += 1;
                row.changed = self.newest;
                row.standing.version = version;
                row.standing.versions.insert(version, data.clone());
            }
            row.standing.entity = Some(Entity { data, is_deleted, stamps });
        }
        if let Some(tip) = effect.tip {
            row.branches.insert(place, tip);
        }
    }
}
