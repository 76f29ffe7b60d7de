//! Operations that many devices bring at once, compared with a naive model of what they leave.

use std::collections::{BTreeMap, BTreeSet};

use landfall_core::feed::{FeedKey, Number};
use landfall_core::sync::EntityName;
use landfall_store::{BranchNext, Outcome, StandingsAsk, StoreError, SyncWrite, Write};

use super::make::{at, tenant, topic_id, user};
use super::make_sync::{ask, branch, json, name, put, write};
use super::world::World;

/// A small generator of numbers that replays exactly.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What there is, as plainly as it can be said.
#[derive(Clone, Default)]
struct Model {
    newest: u64,
    /// Revision, version, number and data of each entity.
    entities: BTreeMap<String, (u64, u64, u64, String)>,
    /// The operation and the number with which each device's branch ends.
    branches: BTreeMap<(String, String), (String, u64)>,
    versions: BTreeMap<(String, u64), (String, u64)>,
    operations: BTreeSet<String>,
}

impl Model {
    /// Keeps an operation, if it may be.
    fn keep(&mut self, write: &SyncWrite) -> Option<Outcome> {
        let (entity, id) = (write.name.id.to_string(), write.operation.id.to_string());
        let (revision, _, changed, _) = self.entities.get(&entity).cloned().unwrap_or_default();
        let branch = (entity.clone(), write.device.to_string());
        let ends = self.branches.get(&branch).map(|(ends, _)| ends.as_str());
        let stands = revision == write.from && ends == write.from_branch.as_deref();
        if !stands || !self.operations.insert(id.clone()) {
            return None;
        }
        let (mut number, mut outcome) = (changed, Outcome::Done);
        if let Some(next) = &write.next {
            let data = next.data.as_str().to_owned();
            if next.version != write.from_version {
                self.newest += 1;
                number = self.newest;
                outcome = Outcome::Numbered(Number(number));
                self.versions.insert((entity.clone(), next.version), (data.clone(), number));
            }
            self.entities.insert(entity, (revision + 1, next.version, number, data));
        }
        if write.branch.is_some() {
            self.branches.insert(branch, (id, number));
        }
        Some(outcome)
    }

    /// Keeps a unit's operations, all of them or none.
    fn unit(&mut self, writes: &[SyncWrite]) -> Option<Vec<Outcome>> {
        let mut after = self.clone();
        let outcomes: Option<Vec<_>> = writes.iter().map(|write| after.keep(write)).collect();
        if outcomes.is_some() {
            *self = after;
        }
        outcomes
    }
}

const ENTITIES: u64 = 4;
const DEVICES: [&str; 2] = ["phone", "tablet"];

fn class() -> FeedKey {
    FeedKey::topic(&tenant("t"), &topic_id("c"))
}

/// Makes an operation that mostly fits what there is, and sometimes does not.
fn any_operation(dice: &mut Dice, model: &Model, made: u64) -> SyncWrite {
    let entity = format!("e{}", dice.roll(ENTITIES));
    let device = DEVICES[dice.roll(2) as usize];
    let (revision, version, ..) = model.entities.get(&entity).cloned().unwrap_or_default();
    let ends = model.branches.get(&(entity.clone(), device.to_owned()));
    let is_wrong = |dice: &mut Dice| dice.roll(40) == 0;
    let from = revision + u64::from(is_wrong(dice));
    // Taken before, now and then.
    let id = if is_wrong(dice) { dice.roll(made + 1) } else { made };
    let from_branch = match is_wrong(dice) {
        true => Some("none".into()),
        false => ends.map(|(ends, _)| ends.as_str().into()),
    };
    let stand = (from, version + 1);
    let mut one = SyncWrite {
        feed: class(),
        device: device.into(),
        from_branch,
        branch: (dice.roll(3) > 0)
            .then(|| BranchNext { is_refused: dice.roll(2) == 0, ..branch(1) }),
        ..write(&tenant("t"), &format!("op{id}"), name("notes", &entity), stand)
    };
    one.operation.at = at(made as i64);
    match dice.roll(6) {
        0 => one.next = None,
        // Nobody has to see it.
        1 if version > 0 => {
            let next = one.next.as_mut().unwrap();
            (next.version, next.data) = (version, json(&format!("{{\"stamp\":{made}}}")));
        }
        _ => {}
    }
    one
}

/// Makes a unit whose operations build on each other.
fn any_unit(dice: &mut Dice, model: &Model, made: &mut u64) -> Vec<SyncWrite> {
    let mut ahead = model.clone();
    let count = 1 + dice.roll(5);
    let operation = |_| {
        *made += 1;
        let one = any_operation(dice, &ahead, *made);
        let _ = ahead.keep(&one);
        one
    };
    (0..count).map(operation).collect()
}

async fn check(world: &World, model: &Model) {
    let names: Vec<EntityName> = (0..ENTITIES).map(|n| name("notes", &format!("e{n}"))).collect();
    for device in DEVICES {
        let versions =
            model.versions.keys().map(|(id, version)| (name("notes", id), *version)).collect();
        let asked = StandingsAsk {
            feed: class(),
            device: device.into(),
            operations: model.operations.iter().map(|id| id.as_str().into()).collect(),
            versions,
            ..ask(&tenant("t"), &names)
        };
        let found = world.standings(asked).await;
        let entities = found.entities.iter().map(|one| {
            let row = (one.revision, one.version, one.changed.0, one.data.as_str().to_owned());
            (one.name.id.to_string(), row)
        });
        assert_eq!(entities.collect::<BTreeMap<_, _>>(), model.entities);
        let versions = found.versions.iter().map(|one| {
            let key = (one.name.id.to_string(), one.version);
            (key, (one.data.as_str().to_owned(), one.changed.0))
        });
        assert_eq!(versions.collect::<BTreeMap<_, _>>(), model.versions);
        let branches = found.branches.iter().map(|one| {
            let key = (one.name.id.to_string(), device.to_owned());
            (key, (one.operation.to_string(), one.changed.0))
        });
        let mut expected = model.branches.clone();
        expected.retain(|(_, of), _| of == device);
        assert_eq!(branches.collect::<BTreeMap<_, _>>(), expected);
        assert_eq!(found.operations.len(), model.operations.len());
    }
}

pub async fn any_operations_leave_what_a_naive_model_says(world: World) {
    let (mut dice, mut model, mut made) = (Dice(88), Model::default(), 0);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..120 {
        let writes = any_unit(&mut dice, &model, &mut made);
        let expected = model.unit(&writes);
        let writes: Vec<Write> = writes.into_iter().map(put).collect();
        let answer = world.commit(&tenant("t"), writes).await;
        match (answer, expected) {
            (Ok(receipt), Some(outcomes)) => {
                assert_eq!(receipt.outcomes, outcomes);
                taken += 1;
            }
            (Err(StoreError::Stale), None) => refused += 1,
            (answer, expected) => panic!("{answer:?} instead of {expected:?}"),
        }
    }
    assert!(taken > 60 && refused > 5, "{taken} {refused}");
    check(&world, &model).await;
}

/// Units that wait together are kept or refused each by itself.
pub async fn of_units_at_once_each_is_taken_or_refused_by_itself(world: World) {
    let t = tenant("t");
    let unit = |n: u64| {
        let (own, shared) = (name("notes", &format!("own{n}")), name("notes", "shared"));
        let by = |id: String, entity: EntityName, stand| SyncWrite {
            feed: class(),
            user: user(&format!("u{n}")),
            ..write(&t, &id, entity, stand)
        };
        let first = by("a".into(), own.clone(), (0, 1));
        // Every fourth wants to have made what only one can have made.
        let second = match n % 4 {
            0 => by("b".into(), shared, (0, 1)),
            _ => by("b".into(), own, (1, 2)),
        };
        vec![put(first), put(second)]
    };
    let answers = (0..64).map(|n| world.commit(&t, unit(n)));
    let answers = futures_util::future::join_all(answers).await;
    let stale = answers.iter().filter(|one| matches!(one, Err(StoreError::Stale))).count();
    assert_eq!(stale, 15);
    let mut numbers: Vec<u64> =
        answers.iter().flatten().flat_map(|one| one.numbers()).map(|number| number.0).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=98).collect::<Vec<_>>());
    let found = world.store.changed_entities(&class(), Number::ZERO, vec![], 99).await.unwrap();
    assert_eq!(found.len(), 48 + 2);
    assert_eq!(world.store.heads(vec![class().into()]).await.unwrap()[0].newest, Number(98));
}
