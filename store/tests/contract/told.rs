//! What is told of entities, conflicts and lessons, once it is committed.

use std::sync::Arc;

use landfall_core::change::{ConflictBegan, EntityChange, FeedChange, Origin, TopicChange};
use landfall_core::feed::{FeedKey, Number};
use landfall_core::sync::Verb;
use landfall_core::topic::MemberRole;
use landfall_store::{Change, Conflict, ConflictNext, SyncWrite, Write};
use tokio::task::JoinSet;

use super::make::{at, never, put_member, put_topic, remove_member, tenant, topic, topic_id, user};
use super::make_lessons::{lesson, put as put_lesson};
use super::make_sync::{conflict, data, name, put, write};
use super::world::{World, assert_stale, number};

/// Says what was told of entities: number, verb, type, id, version, device.
fn told(heard: &[Change]) -> Vec<String> {
    let entity = |change: &Change| match &change.change {
        FeedChange::Entity { number, change } => {
            let EntityChange { name, verb, version, by } = change;
            let device = by.as_ref().map_or("none", |by| &by.device);
            Some(format!("{number} {} {}/{} {version} {device}", verb.as_str(), name.kind, name.id))
        }
        _ => None,
    };
    heard.iter().filter_map(entity).collect()
}

pub async fn entities_are_told_in_the_order_of_their_numbers_and_once(world: World) {
    let t = tenant("t");
    let entity = name("notes", "n1");
    world.done(&t, put(write(&t, "op1", entity.clone(), (0, 1)))).await;
    let mut deletes = write(&t, "op3", entity.clone(), (2, 3));
    deletes.next.as_mut().unwrap().is_deleted = true;
    let elsewhere = SyncWrite {
        feed: FeedKey::topic(&t, &topic_id("c")),
        device: "tablet".into(),
        ..write(&t, "op4", name("progress", "p"), (0, 1))
    };
    let writes = [write(&t, "op2", entity.clone(), (1, 2)), deletes, elsewhere];
    world.commit(&t, writes.map(put).into()).await.unwrap();
    world.done(&t, put(write(&t, "op5", entity, (3, 4)))).await;
    let (own, others): (Vec<_>, Vec<_>) =
        world.heard().into_iter().partition(|one| *one.feed == data(&t));
    let expected = [
        "1 CREATE notes/n1 1 phone",
        "2 UPDATE notes/n1 2 phone",
        "3 DELETE notes/n1 3 phone",
        "4 UPDATE notes/n1 4 phone",
    ];
    assert_eq!(told(&own), expected);
    assert_eq!(told(&others), ["1 CREATE progress/p 1 tablet"]);
    assert_eq!(*others[0].feed, FeedKey::topic(&t, &topic_id("c")));
    assert_eq!(world.store.replay_sequence().0, 0, "these are no inboxes");
}

pub async fn those_who_write_at_once_are_told_in_order(world: World) {
    let t = tenant("t");
    let mut running = JoinSet::new();
    for n in 0..20 {
        let one = put(write(&t, &format!("op{n}"), name("notes", &format!("n{n}")), (0, 1)));
        let (store, unit) = (Arc::clone(&world.store), super::make::unit(&t, vec![one]));
        running.spawn(async move { store.commit(unit).await.unwrap() });
    }
    while running.join_next().await.is_some() {}
    let numbers: Vec<u64> = world.heard().iter().map(number).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
}

pub async fn what_nobody_has_to_see_or_is_refused_is_not_told(world: World) {
    let t = tenant("t");
    let entity = name("notes", "n1");
    let refused = vec![put(write(&t, "op1", entity.clone(), (0, 1))), never(&user("u"))];
    assert_stale(world.commit(&t, refused).await);
    let nothing = SyncWrite { next: None, ..write(&t, "op2", entity.clone(), (0, 1)) };
    world.done(&t, put(nothing)).await;
    assert_eq!(world.heard().len(), 0);
    world.done(&t, put(write(&t, "op3", entity.clone(), (0, 1)))).await;
    let mut restamped = write(&t, "op4", entity, (1, 2));
    restamped.from_version = 1;
    restamped.next.as_mut().unwrap().version = 1;
    world.done(&t, put(restamped)).await;
    assert_eq!(world.heard().len(), 1);
}

pub async fn a_conflict_is_told_of_when_it_begins_to_wait(world: World) {
    let t = tenant("t");
    let entity = name("notes", "n1");
    world.done(&t, put(write(&t, "op1", entity.clone(), (0, 1)))).await;
    let (open, closed) = (conflict(), Conflict { is_open: false, ..conflict() });
    let resolved = ConflictNext::Resolved {
        id: open.id,
        resolution: "client_wins".into(),
        result: None,
        by: user("u"),
    };
    let shared = FeedKey::topic(&t, &topic_id("c"));
    for (operation, next) in [
        ("a", ConflictNext::New(closed)),
        ("b", ConflictNext::New(open.clone())),
        ("c", ConflictNext::GoesOn { id: open.id, client: None }),
        ("d", resolved),
    ] {
        let one = SyncWrite {
            feed: shared.clone(),
            next: None,
            conflict: Some(Box::new(next)),
            ..write(&t, operation, entity.clone(), (0, 1))
        };
        world.done(&t, put(one)).await;
    }
    let heard = world.heard();
    let [_, Change { feed, change: FeedChange::Conflict(began) }] = &heard[..] else {
        panic!("{heard:?}")
    };
    // The entity is a topic's, the conflict the user's.
    assert_eq!(**feed, data(&t));
    let expected = ConflictBegan {
        id: open.id,
        name: entity,
        suggested: "manual".into(),
        by: Origin { user: user("u"), device: "phone".into() },
    };
    assert_eq!(*began, expected);
}

pub async fn topics_are_told_to_those_who_follow_them(world: World) {
    let t = tenant("t");
    world.done(&t, put_topic(&topic("c", "A"))).await;
    world.done(&t, put_topic(&topic("c", "A"))).await;
    for role in [MemberRole::Member, MemberRole::Member, MemberRole::Teacher] {
        world.done(&t, put_member("c", "u", role)).await;
    }
    world.done(&t, remove_member("c", "u")).await;
    assert_stale(world.commit(&t, vec![remove_member("c", "u")]).await);
    world.done(&t, Write::DeleteTopic { topic: topic_id("c"), at: at(5) }).await;
    let heard = world.heard();
    assert!(heard.iter().all(|one| *one.feed == FeedKey::topic(&t, &topic_id("c"))));
    let changes: Vec<FeedChange> = heard.into_iter().map(|one| one.change).collect();
    use TopicChange::{Deleted, Left, Stays};
    let expected = [Stays, Stays, Stays, Left(user("u")), Deleted];
    let numbered = |(number, change)| FeedChange::Topic { number: Number(number), change };
    assert_eq!(changes, (1..).zip(expected).map(numbered).collect::<Vec<_>>());
}

pub async fn lessons_are_told_on_the_feed_of_their_class(world: World) {
    let t = tenant("t");
    world.done(&t, put_topic(&topic("c", "A"))).await;
    world.done(&t, put_member("c", "u", MemberRole::Member)).await;
    let before = world.heard().len();
    let first = lesson("l", 1, &[]);
    world.done(&t, put_lesson(&first)).await;
    world.done(&t, put_lesson(&lesson("l", 2, &[]))).await;
    assert_stale(world.commit(&t, vec![put_lesson(&first)]).await);
    let delete = Write::DeleteLesson { id: first.id, class: first.class, version: 2, at: at(3) };
    world.done(&t, delete).await;
    let heard = world.heard().split_off(before);
    let verbs: Vec<&str> = heard
        .iter()
        .map(|change| match &change.change {
            FeedChange::Entity { change, .. } => change.verb.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(verbs, [Verb::Create, Verb::Update, Verb::Delete].map(Verb::as_str));
    assert!(heard.iter().all(|change| *change.feed == FeedKey::topic(&t, &topic_id("c"))));
    let last = told(&heard).pop().unwrap();
    assert!(last.ends_with("DELETE lesson/l 3 none"), "{last}");
}
