//! What a desk reads before it decides, and what it relied on; and what is left of what was deleted.

use landfall_core::feed::{FeedKey, Head, Number};
use landfall_core::sync::EntityName;
use landfall_core::topic::MemberRole;
use landfall_store::{BranchNext, Conflict, ConflictNext, Outcome, StandingsAsk, SyncWrite, Write};

use super::make::{at, put_member, put_topic, remove_member, tenant, topic, topic_id, user};
use super::make_lessons::{lesson, put as put_lesson};
use super::make_sync::{ask, branch, conflict, data, name, put, write};
use super::world::{World, assert_stale};

/// Makes three versions of one entity by the phone, and one of another by the tablet; gives the open
/// conflict about the first, and the numbers that they took.
async fn fill(world: &World, (one, two): (&EntityName, &EntityName)) -> (Conflict, Vec<Number>) {
    let (t, open) = (tenant("t"), conflict());
    let first = SyncWrite {
        branch: Some(branch(1)),
        conflict: Some(Box::new(ConflictNext::New(open.clone()))),
        ..write(&t, "op1", one.clone(), (0, 1))
    };
    let (device, branch) = ("tablet".into(), Some(branch(1)));
    let of_tablet = SyncWrite { device, branch, ..write(&t, "op2", two.clone(), (0, 1)) };
    let chain = (2..=3).map(|n| {
        let from_branch = Some("op1".into());
        let id = format!("op{}", n + 1);
        put(SyncWrite { from_branch, ..write(&t, &id, one.clone(), (n - 1, n)) })
    });
    let writes = [put(first), put(of_tablet)].into_iter().chain(chain).collect();
    (open, world.commit(&t, writes).await.unwrap().numbers())
}

pub async fn a_desk_gets_all_that_it_names(world: World) {
    let t = tenant("t");
    let (one, two) = (name("notes", "1"), name("notes", "2"));
    let (open, numbers) = fill(&world, (&one, &two)).await;
    let asked = StandingsAsk {
        operations: vec!["op2".into(), "op1".into(), "none".into(), "op1".into()],
        versions: vec![(one.clone(), 3), (one.clone(), 9), (two.clone(), 1)],
        had: Some(numbers[1]),
        ..ask(&t, &[two.clone(), one.clone(), name("notes", "3"), one.clone()])
    };
    let found = world.standings(asked.clone()).await;
    let entities: Vec<_> = found.entities.iter().map(|e| (&*e.name.id, e.version)).collect();
    assert_eq!(entities, [("1", 3), ("2", 1)]);
    let branches: Vec<_> = found.branches.iter().map(|b| (&*b.name.id, &*b.operation)).collect();
    assert_eq!(branches, [("1", "op1")]);
    let operations: Vec<_> = found.operations.iter().map(|o| &*o.id).collect();
    assert_eq!(operations, ["op1", "op2"]);
    let versions: Vec<_> =
        found.versions.iter().map(|v| (&*v.name.id, v.version, v.changed)).collect();
    assert_eq!(versions, [("1", 1, numbers[0]), ("1", 3, numbers[3]), ("2", 1, numbers[1])]);
    assert_eq!(found.conflicts.len(), 1);
    assert_eq!((&found.conflicts[0].conflict, found.device), (&open, None));
    // What it had is the newest up to there, and nothing of what came later.
    for (had, versions) in [(Number::ZERO, vec![]), (numbers[1], vec![1]), (numbers[2], vec![2])] {
        let asked = StandingsAsk { had: Some(had), ..ask(&t, std::slice::from_ref(&one)) };
        let found = world.standings(asked).await.versions;
        assert_eq!(found.iter().map(|v| v.version).collect::<Vec<_>>(), versions);
    }
    assert_nothing_of_others(&world, &asked).await;
}

/// Another tenant, another user and another device are told nothing of it.
async fn assert_nothing_of_others(world: &World, asked: &StandingsAsk) {
    let other = tenant("other");
    let found = world.standings(StandingsAsk { feed: data(&other), ..asked.clone() }).await;
    assert_eq!(found, Default::default());
    let feed = FeedKey::data(&tenant("t"), &user("v"));
    let found = world.standings(StandingsAsk { feed, user: user("v"), ..asked.clone() }).await;
    assert_eq!(found, Default::default());
    let found = world.standings(StandingsAsk { user: user("v"), ..asked.clone() }).await;
    assert_eq!((found.operations.len(), found.entities.len()), (0, 2));
    let found = world.standings(StandingsAsk { device: "tablet".into(), ..asked.clone() }).await;
    assert_eq!(found.branches.iter().map(|b| &*b.operation).collect::<Vec<_>>(), ["op2"]);
}

pub async fn an_operation_relies_on_where_its_branch_ended(world: World) {
    let t = tenant("t");
    let entity = name("notes", "n1");
    let from = |id: &str, stand, from_branch: Option<&str>| SyncWrite {
        branch: Some(branch(1)),
        from_branch: from_branch.map(Into::into),
        ..write(&t, id, entity.clone(), stand)
    };
    assert_stale(world.commit(&t, vec![put(from("a", (0, 1), Some("z")))]).await);
    world.done(&t, put(from("a", (0, 1), None))).await;
    assert_stale(world.commit(&t, vec![put(from("b", (1, 2), None))]).await);
    assert_stale(world.commit(&t, vec![put(from("b", (1, 2), Some("z")))]).await);
    // Within a unit each ends it for the next one.
    let chain = vec![put(from("b", (1, 2), Some("a"))), put(from("c", (2, 3), Some("b")))];
    world.commit(&t, chain).await.unwrap();
    let late = vec![put(from("d", (3, 4), Some("c"))), put(from("e", (4, 5), Some("c")))];
    assert_stale(world.commit(&t, late).await);
    // Another device has its own.
    let tablet = SyncWrite { device: "tablet".into(), ..from("d", (3, 4), None) };
    world.done(&t, put(tablet)).await;
    let refused = BranchNext { is_refused: true, fields: None, ..branch(0) };
    let hangs = SyncWrite { next: None, branch: Some(refused), ..from("e", (4, 5), Some("c")) };
    assert_eq!(world.done(&t, put(hangs)).await, Outcome::Done);
    let [found] = &world.branches(&entity).await[..] else { panic!("one branch") };
    assert_eq!((&*found.operation, found.is_refused, &found.fields), ("e", true, &None));
}

/// Deletes an entity that stands at its first version.
fn delete(id: &str, entity: EntityName, ms: i64) -> SyncWrite {
    let mut gone = write(&tenant("t"), id, entity, (1, 2));
    gone.next.as_mut().unwrap().is_deleted = true;
    gone.operation.at = at(ms);
    gone
}

pub async fn the_last_trace_of_what_was_deleted_goes_with_its_time(world: World) {
    let t = tenant("t");
    let names: Vec<_> = ["1", "2", "3", "4"].map(|id| name("notes", id)).to_vec();
    for (entity, id) in names.iter().zip(["a", "b", "c", "d"]) {
        let made = SyncWrite { branch: Some(branch(1)), ..write(&t, id, entity.clone(), (0, 1)) };
        world.done(&t, put(made)).await;
    }
    let about = Some(Box::new(ConflictNext::New(conflict())));
    let mut numbers = Vec::new();
    for (id, entity, ms, conflict) in
        [("e", &names[0], 5, None), ("f", &names[1], 6, about), ("g", &names[2], 9, None)]
    {
        let from_branch = world.branches(entity).await.first().map(|b| b.operation.clone());
        let gone = SyncWrite { conflict, from_branch, ..delete(id, entity.clone(), ms) };
        let Outcome::Numbered(number) = world.done(&t, put(gone)).await else { panic!("a number") };
        numbers.push(number);
    }
    let head = async || world.store.heads(vec![data(&t).into()]).await.unwrap()[0];
    assert_eq!(head().await, Head { newest: numbers[2], horizon: Number::ZERO });
    assert_eq!(world.store.forget_tombstones(at(5), 9).await.unwrap(), 0);
    assert_eq!(world.store.forget_tombstones(at(9), 0).await.unwrap(), 0);
    assert_eq!(world.store.forget_tombstones(at(9), 9).await.unwrap(), 1);
    assert_eq!(head().await, Head { newest: numbers[2], horizon: numbers[0] });
    let left = world.standings(StandingsAsk {
        versions: names.iter().flat_map(|one| [(one.clone(), 1), (one.clone(), 2)]).collect(),
        ..ask(&t, &names)
    });
    let left = left.await;
    let ids: Vec<_> = left.entities.iter().map(|e| &*e.name.id).collect();
    assert_eq!(ids, ["2", "3", "4"]);
    assert_eq!((left.versions.len(), left.branches.len()), (5, 3));
    // Its name can be taken anew, its operations cannot.
    world.done(&t, put(write(&t, "h", names[0].clone(), (0, 1)))).await;
    assert_eq!(world.operations(&["a", "e"]).await.len(), 2);
    assert_eq!(world.store.forget_tombstones(at(10), 9).await.unwrap(), 1);
    assert_eq!(head().await.horizon, numbers[2]);
}

pub async fn lessons_are_read_in_the_order_of_their_changes(world: World) {
    let t = tenant("t");
    world.done(&t, put_topic(&topic("c", "C"))).await;
    for (id, version) in [("a", 1), ("b", 1), ("a", 2), ("z", 1)] {
        world.done(&t, put_lesson(&lesson(id, version, &[]))).await;
    }
    let changed = async |after: Number, limit| {
        let found = world.store.changed_lessons(&t, &topic_id("c"), after, limit).await.unwrap();
        found.iter().map(|one| (one.id.to_string(), one.changed.0)).collect::<Vec<_>>()
    };
    let rows = |rows: &[(&str, u64)]| {
        rows.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect::<Vec<_>>()
    };
    assert_eq!(changed(Number::ZERO, 9).await, rows(&[("b", 3), ("a", 4), ("z", 5)]));
    assert_eq!(changed(Number(3), 1).await, rows(&[("a", 4)]));
    let all = world.store.changed_lessons(&t, &topic_id("c"), Number(3), 1).await.unwrap();
    assert_eq!(all[0].data.as_str(), r#"{"a":[1]}"#);
    // By time, with the entities of the class.
    let feed = FeedKey::topic(&t, &topic_id("c"));
    let before = async |ms| world.store.number_before(&feed, at(ms)).await.unwrap();
    assert_eq!((before(2).await, before(3).await), (Number(3), Number(5)));
    let shared = SyncWrite { feed: feed.clone(), ..write(&t, "op", name("notes", "1"), (0, 1)) };
    world.done(&t, put(shared)).await;
    assert_eq!((before(1).await, before(3).await), (Number(2), Number(6)));
    world.done(&t, Write::DeleteTopic { topic: topic_id("c"), at: at(60) }).await;
    // They went together, and are read together.
    let gone = rows(&[("a", 7), ("b", 7), ("z", 7)]);
    assert_eq!(changed(Number(6), 1).await, gone);
    assert_eq!(changed(Number(7), 9).await, []);
    let other = world.store.changed_lessons(&tenant("o"), &topic_id("c"), Number::ZERO, 9);
    assert_eq!(other.await.unwrap(), []);
}

pub async fn memberships_tell_since_when(world: World) {
    let t = tenant("t");
    for id in ["b", "a", "c"] {
        world.done(&t, put_topic(&topic(id, "T"))).await;
    }
    world.done(&t, put_member("b", "u", MemberRole::Member)).await;
    world.done(&t, put_member("c", "u", MemberRole::Member)).await;
    let teacher = Write::PutMember {
        topic: topic_id("a"),
        user: user("u"),
        role: MemberRole::Teacher,
        at: at(7),
    };
    world.done(&t, teacher).await;
    world.done(&t, remove_member("c", "u")).await;
    let found = world.store.memberships(&t, &user("u")).await.unwrap();
    let told: Vec<_> = found.iter().map(|m| (m.topic.as_str(), m.role, m.joined_at)).collect();
    assert_eq!(told, [("a", MemberRole::Teacher, at(7)), ("b", MemberRole::Member, at(0))]);
    assert_eq!(world.store.left_topics(&t, &user("u")).await.unwrap(), [topic_id("c")]);
    for (tenant, user) in [(tenant("o"), user("u")), (t, user("v"))] {
        assert_eq!(world.store.memberships(&tenant, &user).await.unwrap(), []);
        assert_eq!(world.store.left_topics(&tenant, &user).await.unwrap(), []);
    }
}
