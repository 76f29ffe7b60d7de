//! Offline work: operations with all that they do, once each; entities in the order of their changes.

use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::Tenant;
use landfall_core::sync::EntityName;
use landfall_store::{
    BranchNext, Conflict, ConflictFilter, ConflictNext, EntityRange, Outcome, StoredEntity,
    SyncWrite, Write,
};

use super::make::{at, tenant, user};
use super::make_sync::{branch, conflict, data, json, name, put, write};
use super::world::{World, assert_stale};

pub async fn an_operation_is_kept_with_all_that_it_does(mut world: World) {
    let t = tenant("t");
    let entity = name("notes", "n1");
    let branch = branch(1);
    let new = conflict();
    let first = SyncWrite {
        branch: Some(branch.clone()),
        conflict: Some(Box::new(ConflictNext::New(new.clone()))),
        ..write(&t, "op1", entity.clone(), (0, 1))
    };
    let Outcome::Numbered(number) = world.done(&t, put(first.clone())).await else {
        panic!("a number")
    };
    world.reopen().await;
    let store = &world.store;
    assert_first_version(&world, &entity, number).await;
    let [kept] = &world.branches(&entity).await[..] else { panic!("one branch") };
    assert_eq!(
        (&*kept.operation, kept.client_version, kept.base_version, &kept.fields),
        ("op1", Some(1), 1, &branch.fields)
    );
    assert_eq!((kept.changed, kept.is_refused), (number, false));
    assert_eq!(world.operations(&["op1", "op2"]).await, [first.operation]);
    let stored = store.conflict(&t, new.id).await.unwrap().unwrap();
    assert_eq!(
        (&stored.conflict, &stored.feed, &stored.name, &*stored.operation),
        (&new, &data(&t), &entity, "op1")
    );
    assert_eq!((stored.created_at, stored.resolved), (at(1), None));
}

/// The entity and its version stand as the first operation made them.
async fn assert_first_version(world: &World, entity: &EntityName, number: Number) {
    let (t, store) = (tenant("t"), &world.store);
    let [found] =
        &store.entities(&data(&t), vec![entity.clone(), name("notes", "none")]).await.unwrap()[..]
    else {
        panic!("one entity")
    };
    assert_eq!((found.version, found.revision, found.changed), (1, 1, number));
    assert_eq!(
        (found.data.as_str(), found.is_deleted, &*found.device),
        (r#"{"n":1}"#, false, "phone")
    );
    assert_eq!((found.created_at, found.updated_at), (at(1), at(1)));
    let [version] = &world.versions(entity, &[1, 2]).await[..] else { panic!("one version") };
    assert_eq!((version.version, version.data.as_str()), (1, r#"{"n":1}"#));
    assert_eq!((version.changed, version.is_deleted), (number, false));
}

pub async fn nothing_crosses_to_another_tenant_or_user(world: World) {
    let t = tenant("t");
    let (entity, new) = (name("notes", "n1"), conflict());
    let next = Some(Box::new(ConflictNext::New(new.clone())));
    world
        .done(&t, put(SyncWrite { conflict: next, ..write(&t, "op1", entity.clone(), (0, 1)) }))
        .await;
    let store = &world.store;
    let other = tenant("other");
    assert_eq!(store.entities(&data(&other), vec![entity.clone()]).await.unwrap(), []);
    assert_eq!(store.entities(&FeedKey::data(&t, &user("v")), vec![entity]).await.unwrap(), []);
    assert_eq!(store.conflict(&other, new.id).await.unwrap(), None);
}

pub async fn an_operation_takes_effect_once(world: World) {
    let t = tenant("t");
    let entity = name("notes", "n1");
    world.done(&t, put(write(&t, "op1", entity.clone(), (0, 1)))).await;
    // The same one again, decided from what stands now.
    assert_stale(world.commit(&t, vec![put(write(&t, "op1", entity.clone(), (1, 2)))]).await);
    // Another one that was decided from what stood before.
    assert_stale(world.commit(&t, vec![put(write(&t, "op2", entity.clone(), (0, 1)))]).await);
    let both = vec![
        put(write(&t, "op2", entity.clone(), (1, 2))),
        put(write(&t, "op3", entity.clone(), (1, 2))),
    ];
    assert_stale(world.commit(&t, both).await);
    let [found] = &world.store.entities(&data(&t), vec![entity.clone()]).await.unwrap()[..] else {
        panic!("one entity")
    };
    assert_eq!((found.version, found.revision), (1, 1), "of what is refused nothing is left");
    assert_eq!(world.operations(&["op2", "op3"]).await, []);
    // Another user's operation may have the same name.
    let theirs = SyncWrite {
        user: user("v"),
        feed: FeedKey::data(&t, &user("v")),
        ..write(&t, "op1", entity, (0, 1))
    };
    world.done(&t, put(theirs)).await;
}

pub async fn operations_of_one_unit_build_on_each_other(world: World) {
    let t = tenant("t");
    let entity = name("notes", "n1");
    let chain = (1..=3).map(|n| put(write(&t, &format!("op{n}"), entity.clone(), (n - 1, n))));
    let receipt = world.commit(&t, chain.collect()).await.unwrap();
    let numbers = receipt.numbers();
    assert!(numbers.windows(2).all(|two| two[1] == two[0].next()), "{numbers:?}");
    let [found] = &world.store.entities(&data(&t), vec![entity.clone()]).await.unwrap()[..] else {
        panic!("one entity")
    };
    assert_eq!((found.version, found.revision, found.changed), (3, 3, numbers[2]));
    assert_eq!((found.created_at, found.updated_at), (at(1), at(3)));
    let versions = world.versions(&entity, &[3, 1, 2]).await;
    let stood: Vec<_> = versions.iter().map(|one| (one.version, one.changed)).collect();
    assert_eq!(stood, [(1, numbers[0]), (2, numbers[1]), (3, numbers[2])]);
}

pub async fn what_nobody_has_to_see_takes_no_number(world: World) {
    let t = tenant("t");
    let entity = name("notes", "n1");
    let Outcome::Numbered(number) =
        world.done(&t, put(write(&t, "op1", entity.clone(), (0, 1)))).await
    else {
        panic!("a number")
    };
    let nothing = SyncWrite { next: None, ..write(&t, "op2", entity.clone(), (1, 2)) };
    assert_eq!(world.done(&t, put(nothing)).await, Outcome::Done);
    let mut restamped = write(&t, "op3", entity.clone(), (1, 2));
    restamped.from_version = 1;
    restamped.next.as_mut().unwrap().version = 1;
    assert_eq!(world.done(&t, put(restamped)).await, Outcome::Done);
    let [found] = &world.store.entities(&data(&t), vec![entity]).await.unwrap()[..] else {
        panic!("one entity")
    };
    assert_eq!((found.version, found.revision, found.changed), (1, 2, number));
    let heads = world.store.heads(vec![data(&t).into()]).await.unwrap();
    assert_eq!(heads[0].newest, number);
}

pub async fn entities_come_in_the_order_of_their_changes(world: World) {
    let t = tenant("t");
    for (operation, kind, id, stand) in [
        ("a", "notes", "1", (0, 1)),
        ("b", "progress", "1", (0, 1)),
        ("c", "notes", "2", (0, 1)),
        ("d", "notes", "1", (1, 2)),
    ] {
        world.done(&t, put(write(&t, operation, name(kind, id), stand))).await;
    }
    let page = async |after, kinds: &[&str], limit| {
        let kinds = kinds.iter().map(|kind| (*kind).into()).collect();
        let found = world.store.changed_entities(&data(&t), after, kinds, limit).await.unwrap();
        found
            .into_iter()
            .map(|one| (format!("{}/{}", one.name.kind, one.name.id), one.changed))
            .collect::<Vec<_>>()
    };
    let all = page(Number::ZERO, &[], 10).await;
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["progress/1", "notes/2", "notes/1"]);
    assert_eq!(page(Number::ZERO, &[], 2).await, all[..2]);
    assert_eq!(page(all[0].1, &[], 10).await, all[1..]);
    assert_eq!(page(Number::ZERO, &["notes", "none"], 10).await, all[1..]);
    assert_eq!(page(Number::ZERO, &["note"], 10).await, []);
    // By time: never less than was asked.
    let number = |ms| world.store.number_before(&data(&t), at(ms));
    assert_eq!(number(2).await.unwrap(), all[2].1.before());
    assert_eq!(page(number(1).await.unwrap(), &[], 10).await, all);
    assert_eq!(page(number(3).await.unwrap(), &[], 10).await, []);
    assert_eq!(
        world.store.number_before(&FeedKey::data(&t, &user("v")), at(0)).await.unwrap(),
        Number::ZERO
    );
}

pub async fn entities_that_are_there_come_in_the_order_of_their_names(world: World) {
    let t = tenant("t");
    // By bytes: capitals first, and what is beyond 16 bits behind everything else.
    let names =
        [("A", "z"), ("a", "B"), ("a", "a"), ("a", "\u{ffee}"), ("a", "\u{1f600}"), ("b", "1")];
    for (n, (kind, id)) in names.into_iter().enumerate().rev() {
        world.done(&t, put(write(&t, &format!("op{n}"), name(kind, id), (0, 1)))).await;
    }
    let mut gone = write(&t, "gone", name("a", "b"), (0, 1));
    gone.next.as_mut().unwrap().is_deleted = true;
    world.done(&t, put(gone)).await;
    let theirs = FeedKey::data(&t, &user("v"));
    let other =
        SyncWrite { feed: theirs, user: user("v"), ..write(&t, "v", name("a", "c"), (0, 1)) };
    world.done(&t, put(other)).await;
    let read = async |after: Option<usize>, up_to: Option<usize>, kinds: &[&str], limit| {
        let at = |place: Option<usize>| place.map(|n| name(names[n].0, names[n].1));
        let kinds = kinds.iter().map(|kind| (*kind).into()).collect();
        let range = EntityRange { after: at(after), up_to: at(up_to), kinds, limit };
        let found = world.store.entities_in(&data(&t), range).await.unwrap();
        let place = |one: StoredEntity| {
            names.iter().position(|at| *at == (&*one.name.kind, &*one.name.id)).unwrap()
        };
        found.into_iter().map(place).collect::<Vec<_>>()
    };
    assert_eq!(read(None, None, &[], 9).await, [0, 1, 2, 3, 4, 5]);
    assert_eq!(read(Some(0), None, &[], 2).await, [1, 2]);
    assert_eq!(read(Some(1), Some(4), &[], 9).await, [2, 3, 4]);
    assert_eq!(read(None, Some(0), &[], 9).await, [0]);
    assert!(read(Some(4), Some(1), &[], 9).await.is_empty());
    assert_eq!(read(Some(0), None, &["A", "b"], 9).await, [5]);
    assert!(read(None, None, &["none"], 9).await.is_empty());
}

fn with(t: &Tenant, operation: &str, stand: (u64, u64), next: ConflictNext) -> Write {
    let conflict = Some(Box::new(next));
    put(SyncWrite { conflict, ..write(t, operation, name("notes", "n1"), stand) })
}

pub async fn conflicts_are_listed_by_whose_they_are(world: World) {
    let t = tenant("t");
    let (open, closed) = (conflict(), Conflict { is_open: false, ..conflict() });
    world.done(&t, with(&t, "a", (0, 1), ConflictNext::New(open.clone()))).await;
    world.done(&t, with(&t, "b", (1, 2), ConflictNext::New(closed.clone()))).await;
    let listed = async |filter: ConflictFilter| {
        let found = world.store.conflicts(&t, filter).await.unwrap();
        found.into_iter().map(|one| one.conflict.id).collect::<Vec<_>>()
    };
    let usual = ConflictFilter { limit: 10, ..ConflictFilter::default() };
    let of_u = ConflictFilter { user: Some(user("u")), ..usual.clone() };
    assert_eq!(listed(usual.clone()).await, [open.id, closed.id]);
    assert_eq!(listed(ConflictFilter { limit: 1, ..of_u.clone() }).await, [open.id]);
    assert_eq!(listed(ConflictFilter { after: Some(open.id), ..of_u.clone() }).await, [closed.id]);
    assert_eq!(listed(ConflictFilter { is_open: Some(true), ..of_u.clone() }).await, [open.id]);
    assert_eq!(listed(ConflictFilter { is_open: Some(false), ..of_u }).await, [closed.id]);
    assert_eq!(listed(ConflictFilter { user: Some(user("v")), ..usual }).await, []);
}

pub async fn a_conflict_goes_on_until_it_is_resolved(world: World) {
    let t = tenant("t");
    let (entity, open) = (name("notes", "n1"), conflict());
    world.done(&t, with(&t, "a", (0, 1), ConflictNext::New(open.clone()))).await;
    let client = Some(json(r#"{"n":9}"#));
    let goes_on = ConflictNext::GoesOn { id: open.id, client: client.clone() };
    world.done(&t, with(&t, "b", (1, 2), goes_on)).await;
    let [found] = &world.open_conflicts(&entity).await[..] else { panic!("one conflict") };
    assert_eq!((&found.conflict.client, &*found.operation), (&client, "b"));
    let resolved = || ConflictNext::Resolved {
        id: open.id,
        resolution: "client_wins".into(),
        result: client.clone(),
        by: user("teacher"),
    };
    world.done(&t, with(&t, "c", (2, 3), resolved())).await;
    assert_eq!(world.open_conflicts(&entity).await, []);
    let found = world.store.conflict(&t, open.id).await.unwrap().unwrap();
    let by = Some((at(3), Some(user("teacher")), Some("client_wins".into())));
    assert_eq!((found.resolved, found.conflict.is_open), (by, false));
    assert_eq!(found.conflict.result, client);
    assert_stale(world.commit(&t, vec![with(&t, "d", (3, 4), resolved())]).await);
    let late = ConflictNext::GoesOn { id: open.id, client: None };
    assert_stale(world.commit(&t, vec![with(&t, "d", (3, 4), late)]).await);
}

pub async fn what_is_old_is_forgotten_and_operations_stay_known(world: World) {
    let t = tenant("t");
    let entity = name("notes", "n1");
    for (n, is_open) in [(1, false), (2, true), (3, false)] {
        let next = Some(Box::new(ConflictNext::New(Conflict { is_open, ..conflict() })));
        let one = SyncWrite {
            branch: Some(BranchNext { fields: None, ..branch(1) }),
            from_branch: (n > 1).then(|| format!("op{}", n - 1).into()),
            conflict: next,
            ..write(&t, &format!("op{n}"), entity.clone(), (n - 1, n))
        };
        world.done(&t, put(one)).await;
    }
    // Versions 1 and 2, outcomes 1 and 2, and the resolved conflict of the first.
    assert_eq!(world.store.forget_sync(at(3), 1).await.unwrap().total(), 3);
    assert_eq!(world.store.forget_sync(at(3), 10).await.unwrap().total(), 2);
    assert_eq!(world.store.forget_sync(at(3), 10).await.unwrap().total(), 0);
    assert_eq!(world.versions(&entity, &[1, 2, 3]).await.len(), 1);
    assert_eq!(world.branches(&entity).await.len(), 1);
    let known = world.operations(&["op1", "op2", "op3"]).await;
    assert_eq!(
        known.iter().map(|one| one.outcome.is_some()).collect::<Vec<_>>(),
        [false, false, true]
    );
    let again = SyncWrite { from_branch: Some("op3".into()), ..write(&t, "op1", entity, (3, 4)) };
    assert_stale(world.commit(&t, vec![put(again)]).await);
    let all = ConflictFilter { limit: 10, ..ConflictFilter::default() };
    assert_eq!(world.store.conflicts(&t, all).await.unwrap().len(), 2, "one is open, one is young");
}

pub async fn of_writers_at_once_each_sees_what_the_others_did(world: World) {
    let t = tenant("t");
    let entity = name("notes", "n1");
    let count = async |writer: u64| {
        for step in 0..10_u64 {
            loop {
                let found = world.store.entities(&data(&t), vec![entity.clone()]).await.unwrap();
                let stand = found.first().map_or((0, 1), |one| (one.revision, one.version + 1));
                let one = write(&t, &format!("op{writer}-{step}"), entity.clone(), stand);
                if world.commit(&t, vec![put(one)]).await.is_ok() {
                    break;
                }
            }
        }
    };
    futures_util::future::join_all((0..4).map(count)).await;
    let [found] = &world.store.entities(&data(&t), vec![entity]).await.unwrap()[..] else {
        panic!("one entity")
    };
    assert_eq!((found.version, found.revision), (40, 40));
}
