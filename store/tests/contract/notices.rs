//! Members who are to be told of messages because they are not there.

use landfall_core::feed::Number;
use landfall_core::id::{NodeId, NotificationId};
use landfall_core::notification::NewNotification;
use landfall_core::topic::MemberRole;
use landfall_store::{
    Attended, NotedMember, NotedMembers, Notice, NoticePace, Outcome, Untold, Write,
};
use uuid::Uuid;

use super::make::{at, note, put_member, put_topic, remove_member, tenant, topic, topic_id, user};
use super::make_messages::{message, send};
use super::world::{World, assert_stale};

const WINDOW: i64 = 60_000;

fn pace(ms: i64) -> NoticePace {
    NoticePace {
        now: at(ms),
        since: at(0),
        window_ms: WINDOW,
        waits_for_connected: false,
        again_ms: 10_000,
    }
}

fn notice(up_to: u64) -> Notice {
    Notice { tenant: tenant("t"), topic: topic_id("c"), up_to: Number(up_to) }
}

fn untold(name: &str, read: u64, notified: u64) -> Untold {
    Untold {
        user: user(name),
        read_up_to: Number(read),
        notified_up_to: Number(notified),
        notification: None,
    }
}

fn noted(name: &str, from: u64, up_to: u64, ms: i64, id: Option<NotificationId>) -> Write {
    let member = NotedMember { user: user(name), from: Number(from), notification: id };
    let (topic, up_to) = (topic_id("c"), Number(up_to));
    Write::NoteMembers(Box::new(NotedMembers { topic, up_to, at: at(ms), members: vec![member] }))
}

/// Makes the topic `c` with the members a, b and c; its feed stands at 4.
async fn class(world: &World) {
    let t = tenant("t");
    world.done(&t, put_topic(&topic("c", "A"))).await;
    for name in ["a", "b", "c"] {
        world.done(&t, put_member("c", name, MemberRole::Member)).await;
    }
}

async fn claim(world: &World, ms: i64) -> Vec<Notice> {
    world.store.claim_notices(at(ms), at(ms + 500), 9).await.unwrap()
}

async fn found(world: &World, up_to: u64, ms: i64) -> Vec<Untold> {
    world.store.untold(&notice(up_to), pace(ms), String::new(), 9).await.unwrap()
}

pub async fn a_message_leaves_one_notice_for_its_topic(world: World) {
    class(&world).await;
    let t = tenant("t");
    world.done(&t, send(&message(1, "a", "x"))).await;
    world.done(&t, send(&message(2, "b", "y"))).await;
    assert_eq!(claim(&world, 1_000).await, [], "a moment is left for what follows");
    assert_eq!(claim(&world, 1_001).await, [notice(6)]);
    assert_eq!(claim(&world, 1_001).await, [], "one of two gets it");
    assert_eq!(claim(&world, 1_501).await, [notice(6)], "and where it died, another");
    world.done(&t, send(&message(3, "a", "z"))).await;
    world.store.settle_notice(&notice(6), Some(pace(1_600))).await.unwrap();
    assert_eq!(claim(&world, 2_000).await, [notice(7)], "what came meanwhile stays");
    world.store.settle_notice(&notice(7), None).await.unwrap();
    assert_eq!(claim(&world, 9_999).await, []);
}

pub async fn who_has_not_read_and_is_not_there_is_to_be_told(world: World) {
    class(&world).await;
    let t = tenant("t");
    world.done(&t, send(&message(1, "a", "x"))).await;
    assert_eq!(found(&world, 5, 0).await, [untold("b", 3, 0), untold("c", 4, 0)]);
    let read = Write::ReadMessages { topic: topic_id("c"), user: user("b"), up_to: Number(5) };
    world.done(&t, read).await;
    assert_eq!(found(&world, 5, 0).await, [untold("c", 4, 0)]);
    let node = NodeId(Uuid::from_u128(1));
    world.store.begin_node(node, at(0)).await.unwrap();
    let came = Attended { tenant: t.clone(), user: user("c"), went_at: None };
    world.store.attend(node, vec![came], at(0)).await.unwrap();
    assert_eq!(found(&world, 5, 0).await, []);
    let waits = NoticePace { waits_for_connected: true, ..pace(2_000) };
    world.store.settle_notice(&notice(5), Some(waits)).await.unwrap();
    assert_eq!(claim(&world, 11_999).await, []);
    assert_eq!(claim(&world, 12_000).await, [notice(5)], "it is looked whether they went");
    let dead = NoticePace { since: at(1), ..pace(0) };
    let after = world.store.untold(&notice(5), dead, String::new(), 9).await.unwrap();
    assert_eq!(after, [untold("c", 4, 0)], "a node that is dead has nobody");
    world.store.settle_notice(&notice(5), Some(pace(12_000))).await.unwrap();
    assert_eq!(claim(&world, 999_999).await, []);
    world.done(&t, remove_member("c", "c")).await;
    assert_eq!(found(&world, 5, 0).await, []);
}

pub async fn who_was_told_and_has_not_read_is_told_again_after_the_window(world: World) {
    class(&world).await;
    let t = tenant("t");
    world.done(&t, send(&message(1, "a", "x"))).await;
    let (first, told) = (note(&user("b"), "1"), |name: &str| noted(name, 0, 5, 1_000, None));
    world.done(&t, Write::Publish(Box::new(first.clone()))).await;
    world.done(&t, noted("b", 0, 5, 1_000, Some(first.id))).await;
    assert_eq!(world.done(&t, told("c")).await, Outcome::Done);
    assert_stale(world.commit(&t, vec![told("c")]).await);
    assert_eq!(found(&world, 5, 99_999).await, [], "of this one both were told");
    world.done(&t, send(&message(2, "a", "y"))).await;
    let again = Untold { notification: Some(first.id), ..untold("b", 3, 5) };
    assert_eq!(found(&world, 6, 60_999).await, [], "nor is who was to be told nothing looked at");
    assert_eq!(found(&world, 6, 61_000).await, [again, untold("c", 4, 5)]);
    world.done(&t, noted("c", 5, 6, 2_000, None)).await;
    world.store.settle_notice(&notice(6), Some(pace(2_000))).await.unwrap();
    assert_eq!(claim(&world, 60_999).await, []);
    assert_eq!(claim(&world, 61_000).await, [notice(6)]);
    let told_by = async |names: &[&str]| {
        let members = names.iter().map(|name| (topic_id("c"), user(name))).collect();
        world.store.told_by(&t, members).await.unwrap()
    };
    assert_eq!(told_by(&["c", "b", "x"]).await, [None, Some((first.id, Number(5))), None]);
    let delete = Write::Delete { user: user("b"), id: first.id };
    world.done(&t, delete).await;
    assert_eq!(told_by(&["b"]).await, [None]);
    assert_eq!(found(&world, 6, 61_000).await, [untold("b", 3, 5)]);
}

pub async fn members_are_noted_together_or_not_at_all(world: World) {
    class(&world).await;
    let t = tenant("t");
    world.done(&t, send(&message(1, "a", "x"))).await;
    world.done(&t, noted("c", 0, 5, 1_000, None)).await;
    let member = |name: &str| NotedMember { user: user(name), from: Number(0), notification: None };
    let members = vec![member("b"), member("c")];
    let both = NotedMembers { topic: topic_id("c"), up_to: Number(5), at: at(2_000), members };
    assert_stale(world.commit(&t, vec![Write::NoteMembers(Box::new(both))]).await);
    assert_eq!(found(&world, 5, 99_999).await, [untold("b", 3, 0)], "b was not noted either");
}

pub async fn a_notification_takes_the_place_of_an_unread_one(world: World) {
    let t = tenant("t");
    let (first, second) = (note(&user("b"), "1"), note(&user("b"), "2"));
    world.done(&t, Write::Publish(Box::new(first.clone()))).await;
    let second = NewNotification { id: first.id, ..second };
    let replace = || Write::Replace(Box::new(second.clone()));
    assert_eq!(world.done(&t, replace()).await, Outcome::Numbered(Number(2)));
    let found = world.store.get(&t, &user("b"), first.id).await.unwrap().unwrap();
    assert_eq!((&*found.content.title, found.number, found.changed), ("2", Number(2), Number(2)));
    let (unread, head) = world.store.unread(&t, &user("b")).await.unwrap();
    assert_eq!((unread, head.newest), (1, Number(2)));
    let read = Write::MarkRead { user: user("b"), id: first.id, at: at(9) };
    world.done(&t, read).await;
    assert_stale(world.commit(&t, vec![replace()]).await);
    let stranger = NewNotification { user: user("c"), ..second.clone() };
    assert_stale(world.commit(&t, vec![Write::Replace(Box::new(stranger))]).await);
}
