//! Feeds: gapless numbers in commit order, and where each feed stands.

use std::sync::Arc;

use landfall_core::feed::{FeedKey, Number};
use landfall_core::topic::MemberRole;
use landfall_store::{Outcome, Write};

use super::make::{
    at, mark_read, never, note, publish, put_member, put_topic, remove_member, tenant, topic,
    topic_id, user,
};
use super::world::{World, assert_stale};

pub async fn numbers_are_gapless_and_in_commit_order(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let notes: Vec<_> = (0..5).map(|n| note(&u, &format!("n{n}"))).collect();
    let mut numbers = Vec::new();
    for new in &notes[..3] {
        numbers.push(world.publish(&t, new).await);
    }
    assert_stale(world.commit(&t, vec![publish(&notes[3]), never(&u)]).await);
    let many = vec![publish(&notes[3]), publish(&notes[4]), mark_read(&u, notes[0].id, at(1))];
    numbers.extend(world.commit(&t, many).await.unwrap().numbers());
    let all_read = world.done(&t, Write::MarkAllRead { user: u.clone(), at: at(2) }).await;
    assert_eq!(all_read, Outcome::AllRead { number: Number(7), up_to: Number(6), marked: 4 });
    let gone = world.done(&t, Write::Delete { user: u.clone(), id: notes[1].id }).await;
    assert_eq!(gone, Outcome::Numbered(Number(8)));
    assert_eq!(numbers, (1..=6).map(Number).collect::<Vec<_>>());
    assert_eq!(world.head(&t, &u).await.newest, Number(8));
}

pub async fn inboxes_and_topics_number_on_their_own(world: World) {
    let (t, u) = (tenant("t"), user("same"));
    assert_eq!(world.publish(&t, &note(&u, "a")).await, Number(1));
    let put = world.done(&t, put_topic(&topic("same", "A"))).await;
    assert_eq!(put, Outcome::Numbered(Number(1)));
    world.done(&t, put_member("same", "u", MemberRole::Member)).await;
    assert_eq!(world.publish(&t, &note(&user("other"), "b")).await, Number(1));
    assert_eq!(world.publish(&t, &note(&u, "c")).await, Number(2));
    let removed = world.done(&t, remove_member("same", "u")).await;
    assert_eq!(removed, Outcome::Numbered(Number(3)));
    assert_eq!(world.publish(&tenant("t2"), &note(&u, "d")).await, Number(1));
}

pub async fn heads_come_in_the_order_asked(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    world.publish(&t, &note(&u, "a")).await;
    world.publish(&t, &note(&u, "b")).await;
    world.done(&t, put_topic(&topic("c", "A"))).await;
    let inbox = Arc::new(FeedKey::inbox(&t, &u));
    let nobody = Arc::new(FeedKey::inbox(&t, &user("nobody")));
    let class = Arc::new(FeedKey::topic(&t, &topic_id("c")));
    let asked = vec![nobody, Arc::clone(&class), Arc::clone(&inbox), class, inbox];
    let heads = world.store.heads(asked).await.unwrap();
    let newest: Vec<u64> = heads.iter().map(|head| head.newest.0).collect();
    assert_eq!(newest, [0, 1, 2, 1, 2]);
    assert_eq!(world.store.heads(vec![]).await.unwrap(), []);
}

pub async fn the_replay_sequence_is_the_highest_inbox_number(mut world: World) {
    let t = tenant("t");
    assert_eq!(world.store.replay_sequence(), Number::ZERO);
    for n in 0..3 {
        world.done(&t, put_topic(&topic("c", &format!("title {n}")))).await;
    }
    assert_eq!(world.store.replay_sequence(), Number::ZERO, "topics are no inboxes");
    world.publish(&t, &note(&user("a"), "a")).await;
    world.publish(&tenant("t2"), &note(&user("b"), "b")).await;
    world.publish(&tenant("t2"), &note(&user("b"), "c")).await;
    world.publish(&t, &note(&user("c"), "d")).await;
    assert_eq!(world.store.replay_sequence(), Number(2));
    world.reopen().await;
    assert_eq!(world.store.replay_sequence(), Number(2));
}
