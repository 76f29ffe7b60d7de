//! Devices that sync, their sessions, and what apps that send activities are shown.

use landfall_core::feed::Number;
use landfall_store::{
    ActivityCounts, ActivityFilter, ActivityNext, ActivityStatus, ConflictNext, DeviceNext,
    OperationKeep, Outcome, SessionCounts, SessionNext, StoredActivity, StoredDevice,
    StoredSession, SyncWrite, Write,
};
use uuid::Uuid;

use super::make::{at, tenant, user};
use super::make_sync::{ask, conflict, json, name, put, write};
use super::world::{World, assert_stale};

fn synced(name: &str, ms: i64) -> DeviceNext {
    DeviceNext::seen(&user("u"), name, at(ms))
}

fn counts(n: u64) -> SessionCounts {
    SessionCounts {
        operations: n,
        applied: n + 1,
        merged: n + 2,
        conflicts: n + 3,
        rejected: n + 4,
        replayed: n + 5,
        pulled: n + 6,
    }
}

fn session(id: u128, n: u64) -> Option<SessionNext> {
    Some(SessionNext { id: Uuid::from_u128(id), counts: counts(n) })
}

async fn note(world: &World, next: DeviceNext) {
    let done = world.done(&tenant("t"), Write::Synced(Box::new(next))).await;
    assert_eq!(done, Outcome::Done);
}

async fn devices(world: &World, after: Option<&str>, limit: usize) -> Vec<StoredDevice> {
    let after = after.map(Into::into);
    world.store.devices(&tenant("t"), &user("u"), after, limit).await.unwrap()
}

pub async fn what_is_known_of_a_device_only_grows(mut world: World) {
    let t = tenant("t");
    assert_eq!(world.standings(ask(&t, &[])).await.device, None);
    note(&world, synced("phone", 5)).await;
    let [first] = &devices(&world, None, 9).await[..] else { panic!("one device") };
    assert_eq!((first.first_at, first.seen_at, first.stamp), (at(5), at(5), None));
    assert_eq!((first.place, first.session), (Number::ZERO, None));
    let steps = [
        (9, Some((at(7), 3)), Some(Number(4)), session(1, 0)),
        (8, Some((at(7), 2)), Some(Number(3)), None),
        (6, Some((at(6), 9)), None, None),
        (7, None, None, None),
    ];
    for (ms, stamp, place, session) in steps {
        note(&world, DeviceNext { stamp, place, session, ..synced("phone", ms) }).await;
    }
    world.reopen().await;
    let found = world.standings(ask(&t, &[])).await.device.unwrap();
    assert_eq!((found.first_at, found.seen_at), (at(5), at(9)));
    assert_eq!((found.stamp, found.place), (Some((at(7), 3)), Number(4)));
    assert_eq!(found.session, Some(Uuid::from_u128(1)));
    assert_eq!(found.pending, None);
    for (ms, pending, given) in [(10, Some(3), 6), (11, Some(0), 5), (12, None, 0)] {
        let given = Some(Number(given)).filter(|given| *given > Number::ZERO);
        note(&world, DeviceNext { pending, given, ..synced("phone", ms) }).await;
    }
    let found = world.standings(ask(&t, &[])).await.device.unwrap();
    assert_eq!((found.pending, found.given), (Some((0, at(11))), Number(6)));
}

pub async fn the_devices_of_a_user_are_listed_by_name(world: World) {
    let t = tenant("t");
    let more = DeviceNext { stamp: Some((at(7), 4)), ..synced("phone", 9) };
    note(&world, more).await;
    note(&world, synced("a tablet", 1)).await;
    let names = async |after, limit| {
        let found = devices(&world, after, limit).await;
        found.iter().map(|one| (one.device.to_string(), one.stamp)).collect::<Vec<_>>()
    };
    let phone = ("phone".to_owned(), Some((at(7), 4)));
    assert_eq!(names(None, 9).await, [("a tablet".to_owned(), None), phone.clone()]);
    assert_eq!((names(None, 1).await.len(), names(Some("a tablet"), 9).await), (1, vec![phone]));
    // Another user's, and another tenant's.
    assert_eq!(world.store.devices(&t, &user("v"), None, 9).await.unwrap(), []);
    assert_eq!(world.store.devices(&tenant("o"), &user("u"), None, 9).await.unwrap(), []);
}

pub async fn the_generation_of_a_device_only_grows(world: World) {
    for generation in [Some(7), None, Some(3)] {
        note(&world, DeviceNext { generation, ..synced("phone", 9) }).await;
    }
    let found = world.standings(ask(&tenant("t"), &[])).await.device.unwrap();
    assert_eq!(found.generation, 7);
}

async fn sessions(
    world: &World,
    before: Option<u128>,
    device: Option<&str>,
    limit: usize,
) -> Vec<u128> {
    let (before, device) = (before.map(Uuid::from_u128), device.map(Into::into));
    let (t, u) = (tenant("t"), user("u"));
    let found = world.store.sync_sessions(&t, &u, before, device, limit).await.unwrap();
    found.iter().map(|one| one.id.as_u128()).collect()
}

pub async fn sessions_add_up_what_their_devices_did(world: World) {
    let t = tenant("t");
    let with = |name, ms, id, n| DeviceNext { session: session(id, n), ..synced(name, ms) };
    note(&world, with("phone", 5, 1, 10)).await;
    note(&world, with("phone", 9, 1, 1)).await;
    note(&world, with("phone", 7, 1, 0)).await;
    note(&world, with("tablet", 8, 2, 0)).await;
    note(&world, with("phone", 10, 3, 0)).await;
    let found = world.store.sync_sessions(&t, &user("u"), None, None, 9).await.unwrap();
    let sum = SessionCounts {
        operations: 11,
        applied: 14,
        merged: 17,
        conflicts: 20,
        rejected: 23,
        replayed: 26,
        pulled: 29,
    };
    let (id, device) = (Uuid::from_u128(1), "phone".into());
    let first = StoredSession { id, device, started_at: at(5), ended_at: at(9), counts: sum };
    assert_eq!(found.last(), Some(&first));
    assert_eq!(sessions(&world, None, None, 9).await, [3, 2, 1]);
    assert_eq!(sessions(&world, None, None, 1).await, [3]);
    assert_eq!(sessions(&world, Some(3), None, 9).await, [2, 1]);
    assert_eq!(sessions(&world, None, Some("phone"), 9).await, [3, 1]);
    assert_eq!(sessions(&world, Some(3), Some("phone"), 9).await, [1]);
    for (t, u) in [("t", "v"), ("other", "u")] {
        let found = world.store.sync_sessions(&tenant(t), &user(u), None, None, 9);
        assert_eq!(found.await.unwrap(), []);
    }
    assert_eq!(world.store.forget_sync(at(9), 9).await.unwrap().sessions, 1);
    assert_eq!(sessions(&world, None, None, 9).await, [3, 1]);
}

/// An operation of an activity that was decided so.
fn activity(id: &str, kind: &str, status: ActivityStatus, ms: i64) -> SyncWrite {
    let mut one = write(&tenant("t"), id, name(kind, id), (0, 1));
    one.operation.at = at(ms);
    one.next = None;
    let (entity_id, data, reason) = (id.into(), json(r#"{"a":1}"#), status.as_str().into());
    one.activity =
        Some(Box::new(ActivityNext { kind: kind.into(), entity_id, data, status, reason }));
    one
}

fn everything() -> ActivityFilter {
    ActivityFilter::of(&user("u"), 9)
}

async fn listed(world: &World, filter: ActivityFilter) -> Vec<String> {
    let found = world.store.activities(&tenant("t"), filter).await.unwrap();
    found.iter().map(|one| one.id.to_string()).collect()
}

async fn fill(world: &World) {
    use ActivityStatus::{Conflict, Failed, Synced};
    for (id, kind, status, ms) in [
        ("a", "quiz", Synced, 5),
        ("b", "slide", Failed, 3),
        ("c", "quiz", Conflict, 4),
        ("d", "slide", Synced, 4),
    ] {
        world.done(&tenant("t"), put(activity(id, kind, status, ms))).await;
    }
}

pub async fn activities_are_listed_by_when_they_came(mut world: World) {
    let t = tenant("t");
    fill(&world).await;
    world.reopen().await;
    assert_eq!(listed(&world, everything()).await, ["b", "c", "d", "a"]);
    assert_eq!(listed(&world, ActivityFilter { limit: 2, ..everything() }).await, ["b", "c"]);
    let after = Some((at(4), "c".into()));
    assert_eq!(listed(&world, ActivityFilter { after, ..everything() }).await, ["d", "a"]);
    let kind = Some("quiz".into());
    let quizzes = ActivityFilter { kind, ..everything() };
    assert_eq!(listed(&world, quizzes.clone()).await, ["c", "a"]);
    let status = Some(ActivityStatus::Synced);
    assert_eq!(listed(&world, ActivityFilter { status, ..everything() }).await, ["d", "a"]);
    assert_eq!(listed(&world, ActivityFilter { status, ..quizzes }).await, ["a"]);
    let counts = world.store.activity_counts(&t, &user("u")).await.unwrap();
    assert_eq!(counts, ActivityCounts { synced: 2, conflict: 1, failed: 1, open_conflicts: 0 });
    let ids = || vec!["d".into(), "none".into(), "b".into(), "b".into()];
    let named = world.store.named_activities(&t, &user("u"), ids()).await.unwrap();
    let failed = StoredActivity {
        id: "b".into(),
        kind: "slide".into(),
        entity_id: "b".into(),
        device: "phone".into(),
        data: json(r#"{"a":1}"#),
        status: ActivityStatus::Failed,
        reason: "failed".into(),
        created_at: at(3),
        decided_at: at(3),
    };
    assert_eq!((named.len(), &named[0]), (2, &failed));
    assert_nothing_of_others(&world, &failed).await;
    // What waits for somebody is never forgotten.
    assert_eq!(world.store.forget_sync(at(5), 0).await.unwrap().total(), 0);
    assert_eq!(
        world.store.forget_sync(at(5), 9).await.unwrap().total(),
        1 + 3,
        "three outcomes, too"
    );
    assert_eq!(listed(&world, everything()).await, ["b", "c", "a"]);
}

/// Another user and another tenant are shown nothing of it.
async fn assert_nothing_of_others(world: &World, one: &StoredActivity) {
    for (t, u) in [("t", "v"), ("other", "u")] {
        let (t, u) = (tenant(t), user(u));
        let theirs = ActivityFilter { user: u.clone(), ..everything() };
        assert_eq!(world.store.activities(&t, theirs).await.unwrap(), []);
        assert_eq!(world.store.named_activities(&t, &u, vec![one.id.clone()]).await.unwrap(), []);
        let counts = world.store.activity_counts(&t, &u).await.unwrap();
        assert_eq!(counts, ActivityCounts::default());
    }
}

pub async fn what_failed_is_decided_once_more(world: World) {
    use ActivityStatus::{Failed, Synced};
    let t = tenant("t");
    fill(&world).await;
    let again = |id: &str, status, ms| {
        let mut one = activity(id, "slide", status, ms);
        one.keeps = OperationKeep::Again;
        one.operation.outcome = Some(json(r#"{"status":"later"}"#));
        one.device = "tablet".into();
        one
    };
    // It took effect, it is not there, and it says something else.
    assert_stale(world.commit(&t, vec![put(again("d", Synced, 9))]).await);
    assert_stale(world.commit(&t, vec![put(again("none", Synced, 9))]).await);
    let mut other = again("b", Synced, 9);
    other.operation.digest = [8; 32];
    assert_stale(world.commit(&t, vec![put(other)]).await);
    for (status, ms) in [(Failed, 8), (Synced, 9)] {
        assert_eq!(world.done(&t, put(again("b", status, ms))).await, Outcome::Done);
    }
    assert_stale(world.commit(&t, vec![put(again("b", Synced, 10))]).await);
    let ids = vec!["b".into()];
    let found = world.store.named_activities(&t, &user("u"), ids).await.unwrap().remove(0);
    assert_eq!((found.status, &*found.reason, &*found.device), (Synced, "synced", "tablet"));
    assert_eq!((found.created_at, found.decided_at), (at(3), at(9)));
    let kept = world.operations(&["b"]).await.remove(0);
    assert_eq!((kept.at, kept.outcome), (at(9), Some(json(r#"{"status":"later"}"#))));
    assert_eq!(listed(&world, everything()).await, ["b", "c", "d", "a"]);
}

pub async fn what_waited_for_a_person_is_synced_once_they_said(world: World) {
    use ActivityStatus::{Conflict, Failed, Synced};
    let t = tenant("t");
    let opened = conflict();
    let id = opened.id;
    let mut first = activity("a", "quiz", Conflict, 3);
    first.conflict = Some(Box::new(ConflictNext::New(opened)));
    world.done(&t, put(first)).await;
    // Goes on with it; another entity's; another device's; one that failed.
    for (id, entity, device, status) in [
        ("b", "a", "phone", Conflict),
        ("c", "c", "phone", Conflict),
        ("d", "a", "tablet", Conflict),
        ("e", "a", "phone", Failed),
    ] {
        let mut one = activity(id, "quiz", status, 4);
        one.name = name("quiz", entity);
        one.device = device.into();
        one.activity.as_mut().unwrap().entity_id = entity.into();
        world.done(&t, put(one)).await;
    }
    let mut word = write(&t, "word", name("quiz", "a"), (0, 1));
    (word.next, word.device) = (None, "desk".into());
    word.operation.at = at(9);
    let waiting = async |user_id: &str| {
        world.store.activity_counts(&t, &user(user_id)).await.unwrap().open_conflicts
    };
    assert_eq!((waiting("u").await, waiting("v").await), (1, 0));
    let (resolution, by) = ("server_wins".into(), user("u"));
    let resolved = ConflictNext::Resolved { id, resolution, result: None, by };
    word.conflict = Some(Box::new(resolved));
    world.done(&t, put(word)).await;
    let found = world.store.activities(&t, everything()).await.unwrap();
    let stands: Vec<_> = found.iter().map(|one| (&*one.id, one.status)).collect();
    let expected = [("a", Synced), ("b", Synced), ("c", Conflict), ("d", Conflict), ("e", Failed)];
    assert_eq!(stands, expected);
    assert_eq!(waiting("u").await, 0);
    assert_eq!((&*found[0].reason, found[0].decided_at), ("a person said so", at(9)));
}
