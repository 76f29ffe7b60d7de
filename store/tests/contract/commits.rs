//! Commits: all or nothing, under the conditions of the decision, one unit apart from another.

use std::sync::Arc;

use landfall_core::audit::Action;
use landfall_core::feed::{FeedKind, Number};
use landfall_core::topic::MemberRole;
use landfall_store::{Guard, MemberOutcome, Outcome, SendTo, StoreError, Unit, Write};
use tokio::task::JoinSet;

use super::make::{
    at, details, draft, key, mark_read, never, note, publish, put_member, put_topic, remove_member,
    tenant, topic, topic_id, unit, user,
};
use super::sends::send;
use super::world::{World, assert_stale, number as number_of};

pub async fn a_unit_whose_last_write_is_stale_leaves_nothing(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let first = note(&u, "first");
    world.publish(&t, &first).await;
    let lost = note(&u, "lost");
    let send = send(&t, SendTo::Users(vec![u.clone()]));
    let (number, at) = (Number(1), at(1));
    let confirm = Write::Confirm { user: u.clone(), number, at, details: details("u", "{}") };
    let writes = vec![
        publish(&lost),
        mark_read(&u, first.id, at),
        Write::MarkAllRead { user: u.clone(), at },
        confirm,
        put_topic(&topic("c", "A")),
        put_member("c", "u", MemberRole::Owner),
        Write::CreateSend(Box::new(send.clone())),
        never(&u),
    ];
    let audit = vec![draft(Action::NotificationCreated, "u", 1)];
    let bad = Unit { audit, idempotency: Some(key("k", 1)), ..unit(&t, writes) };
    assert_stale(world.store.commit(bad.clone()).await);

    assert_eq!(world.inbox(&t, &u).await, [first.clone().numbered(Number(1))]);
    let (unread, head) = world.store.unread(&t, &u).await.unwrap();
    assert_eq!((unread, head.newest), (1, Number(1)));
    assert_eq!(world.store.topic(&t, &topic_id("c"), &u).await.unwrap(), None);
    assert_eq!(world.store.send(&t, send.id).await.unwrap(), None);
    assert_eq!(world.trail(&t).await, []);
    assert_eq!(world.heard().len(), 1, "only of the first notification");
    assert_stale(world.store.commit(bad).await);
    assert_eq!(world.publish(&t, &note(&u, "next")).await, Number(2));
    assert_eq!(world.store.replay_sequence(), Number(2));
}

pub async fn guards_are_checked_in_the_transaction(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let guarded = |guard: Guard| Unit {
        guards: vec![guard],
        ..unit(&t, vec![publish(&note(&user("to"), "n"))])
    };
    let there = Guard::TopicThere(topic_id("c"));
    let at_least = |role| Guard::MemberAtLeast(topic_id("c"), u.clone(), role);
    assert_stale(world.store.commit(guarded(there.clone())).await);
    assert_stale(world.store.commit(guarded(at_least(MemberRole::Member))).await);
    world.done(&t, put_topic(&topic("c", "A"))).await;
    world.store.commit(guarded(there.clone())).await.unwrap();
    assert_stale(world.store.commit(guarded(at_least(MemberRole::Member))).await);
    world.done(&t, put_member("c", "u", MemberRole::Teacher)).await;
    for role in [MemberRole::Member, MemberRole::Teacher] {
        world.store.commit(guarded(at_least(role))).await.unwrap();
    }
    assert_stale(world.store.commit(guarded(at_least(MemberRole::Owner))).await);
    world.done(&t, remove_member("c", "u")).await;
    assert_stale(world.store.commit(guarded(at_least(MemberRole::Member))).await);
    world.done(&t, Write::DeleteTopic { topic: topic_id("c"), at: at(1) }).await;
    assert_stale(world.store.commit(guarded(there.clone())).await);
    let elsewhere = Unit { guards: vec![there], ..Unit::new(&tenant("t2")) };
    assert_stale(world.store.commit(elsewhere).await);
    assert_eq!(world.head(&t, &user("to")).await.newest, Number(3));
}

/// Units of four kinds, submitted at once: one in four is stale, one in four breaks a key of the
/// database, which is a fault of the caller's.
pub async fn one_bad_unit_of_a_group_fails_alone(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let taken = note(&user("other"), "taken");
    world.publish(&t, &taken).await;
    let mut running = JoinSet::new();
    for n in 0..80 {
        let new = note(&u, &format!("n{n}"));
        let mut writes = vec![publish(&new), publish(&note(&u, "twin"))];
        match n % 4 {
            0 => writes.push(never(&u)),
            1 => writes.push(publish(&taken)),
            _ => {}
        }
        let unit = Unit { audit: vec![draft(Action::Connected, "u", 1)], ..unit(&t, writes) };
        let store = Arc::clone(&world.store);
        running.spawn(async move { (n % 4, new.id, store.commit(unit).await) });
    }
    let mut kept = Vec::new();
    while let Some(result) = running.join_next().await {
        match result.unwrap() {
            (0, _, answer) => assert_stale(answer),
            (1, _, answer) => assert!(matches!(answer, Err(StoreError::Internal(_)))),
            (_, id, answer) => kept.push((answer.unwrap().numbers()[0], id)),
        }
    }
    assert_eq!(kept.len(), 40);
    for (number, id) in kept {
        let found = world.store.get(&t, &u, id).await.unwrap().unwrap();
        assert_eq!(found.number, number);
    }
    let mut numbers: Vec<u64> =
        world.inbox(&t, &u).await.iter().map(|found| found.number.0).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=80).collect::<Vec<_>>());
    assert_eq!(world.trail(&t).await.len(), 40);
}

pub async fn a_unit_may_carry_many_kinds_of_writes(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let (a, b) = (note(&u, "a"), note(&u, "b"));
    let (number, at) = (Number(1), at(5));
    let confirm = || Write::Confirm { user: u.clone(), number, at, details: details("u", "{}") };
    let writes = vec![
        put_topic(&topic("c", "A")),
        put_member("c", "u", MemberRole::Member),
        put_member("c", "u", MemberRole::Member),
        publish(&a),
        publish(&b),
        confirm(),
        confirm(),
        Write::Delete { user: u.clone(), id: a.id },
        Write::MarkAllRead { user: u.clone(), at },
        Write::MarkAllRead { user: u.clone(), at },
    ];
    let guards = vec![];
    let receipt = world.store.commit(Unit { guards, ..unit(&t, writes) }).await.unwrap();
    let all_read = Outcome::AllRead { number: Number(4), up_to: Number(3), marked: 1 };
    let expected = [
        Outcome::Numbered(Number(1)),
        Outcome::Member(MemberOutcome::Added),
        Outcome::Member(MemberOutcome::Unchanged),
        Outcome::Numbered(Number(1)),
        Outcome::Numbered(Number(2)),
        Outcome::Done,
        Outcome::Unchanged,
        Outcome::Numbered(Number(3)),
        all_read,
        Outcome::Unchanged,
    ];
    assert_eq!(receipt.outcomes, expected);
    let heard = world.heard();
    let of_inbox = heard.iter().filter(|change| change.feed.kind == FeedKind::Inbox);
    let heard: Vec<u64> = of_inbox.map(number_of).collect();
    assert_eq!(heard, [1, 2, 3, 4], "in one unit, too, in the order of their numbers");
}

pub async fn a_closed_store_finishes_what_it_took_and_takes_no_more(mut world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let mut running = JoinSet::new();
    for n in 0..200 {
        let unit = unit(&t, vec![publish(&note(&u, &format!("n{n}")))]);
        let store = Arc::clone(&world.store);
        running.spawn(async move { store.commit(unit).await });
    }
    running.join_next().await.unwrap().unwrap().unwrap();
    let store = Arc::clone(&world.store);
    tokio::task::spawn_blocking(move || store.close()).await.unwrap();
    let mut committed = 1;
    while let Some(answer) = running.join_next().await {
        match answer.unwrap() {
            Ok(_) => committed += 1,
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}"),
        }
    }
    let late = world.commit(&t, vec![publish(&note(&u, "late"))]).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");
    assert!(matches!(world.store.check().await, Err(StoreError::Unavailable(_))));
    world.reopen().await;
    world.store.check().await.unwrap();
    let (unread, head) = world.store.unread(&t, &u).await.unwrap();
    assert_eq!((unread, head.newest), (committed, Number(committed)));
}
