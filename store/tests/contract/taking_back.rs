//! Taking back: a notification, a send that is under way, and what a send left in inboxes.

use landfall_core::feed::Number;
use landfall_core::id::{NotificationId, SendId};
use landfall_core::notification::NewNotification;
use landfall_store::{Outcome, SendNext, SendState, SendTo, StoredSend, Write};

use super::make::{at, note, publish, send_id, tenant, user};
use super::sends::send;
use super::world::{World, assert_stale};

fn cancel(name: &str, id: NotificationId) -> Write {
    Write::Cancel { user: user(name), id, at: at(5) }
}

pub async fn a_notification_is_taken_back_once_and_stays_in_the_inbox(world: World) {
    let t = tenant("t");
    let (kept, deleted) = (note(&user("u"), "a"), note(&user("u"), "b"));
    world.commit(&t, vec![publish(&kept), publish(&deleted)]).await.unwrap();
    world.done(&t, Write::Delete { user: user("u"), id: deleted.id }).await;
    let heard = world.heard().len();
    assert_eq!(world.done(&t, cancel("u", kept.id)).await, Outcome::Done);
    assert_eq!(world.head(&t, &user("u")).await.newest, Number(3), "it takes no number");
    assert_eq!(world.heard().len(), heard);
    for refused in [cancel("u", kept.id), cancel("v", kept.id), cancel("u", deleted.id)] {
        assert_stale(world.commit(&t, vec![refused]).await);
    }
    assert_stale(world.commit(&tenant("other"), vec![cancel("u", kept.id)]).await);
    assert_eq!(world.inbox(&t, &user("u")).await.len(), 1);
}

fn take_back(id: SendId, ms: i64) -> Write {
    Write::CancelSend { id, at: at(ms), recalls: false }
}

fn recall(id: SendId, ms: i64) -> Write {
    Write::CancelSend { id, at: at(ms), recalls: true }
}

async fn made(world: &World) -> StoredSend {
    let t = tenant("t");
    let many = send(&t, SendTo::Users(["a", "b", "c"].map(user).to_vec()));
    world.done(&t, Write::CreateSend(Box::new(many.clone()))).await;
    many
}

pub async fn a_send_that_was_taken_back_is_expanded_no_more(world: World) {
    let t = tenant("t");
    let many = made(&world).await;
    assert_eq!(world.done(&t, take_back(many.id, 7)).await, Outcome::Done);
    let now = world.store.send(&t, many.id).await.unwrap().unwrap();
    assert_eq!((now.canceled_at, now.state), (Some(at(7)), SendState::Ended));
    assert_eq!(world.store.active_sends(&t, 9).await.unwrap(), []);
    let step = Write::AdvanceSend {
        id: many.id,
        from: String::new(),
        to: "a".into(),
        reached: 1,
        next: SendNext::GoesOn,
    };
    let chunk = vec![publish(&note(&user("a"), "late")), step];
    assert_stale(world.commit(&t, chunk).await);
    assert_eq!(world.inbox(&t, &user("a")).await, []);
    assert_stale(world.commit(&t, vec![take_back(many.id, 8)]).await);
    assert_stale(world.commit(&t, vec![take_back(send_id(), 8)]).await);
    assert_stale(world.commit(&tenant("other"), vec![recall(many.id, 8)]).await);
    assert_eq!(world.store.recalls(9).await.unwrap(), []);
    // More may be asked for afterwards.
    world.done(&t, recall(many.id, 9)).await;
    assert_stale(world.commit(&t, vec![recall(many.id, 10)]).await);
    let (recalled, place) = world.store.recalls(9).await.unwrap().remove(0);
    assert_eq!((recalled.id, recalled.canceled_at, place), (many.id, Some(at(7)), None));
}

/// Walks a recall in steps of two; each deletes, and moves on from where the last one ended.
pub async fn a_recall_walks_every_notification_of_its_send_once(world: World) {
    let t = tenant("t");
    let many = made(&world).await;
    let of_send = |name: &str| NewNotification { send: Some(many.id), ..note(&user(name), "n") };
    let mut notes: Vec<_> = ["c", "a", "b"].map(of_send).to_vec();
    notes.push(note(&user("a"), "not of it"));
    world.commit(&t, notes.iter().map(publish).collect()).await.unwrap();
    world.done(&t, Write::Delete { user: user("b"), id: notes[2].id }).await;
    world.done(&t, recall(many.id, 5)).await;
    let step = |from, to, is_complete| Write::AdvanceRecall { id: many.id, from, to, is_complete };
    assert_stale(world.commit(&t, vec![step(Some(notes[1].id), None, false)]).await);
    let mut seen = Vec::new();
    while let Some((recalled, place)) = world.store.recalls(9).await.unwrap().pop() {
        assert_eq!(recalled.id, many.id);
        let page = world.store.notifications_of_send(&t, many.id, place, 2).await.unwrap();
        let to = page.last().map(|(_, id)| *id).or(place);
        world.done(&t, step(place, to, page.len() < 2)).await;
        assert_stale(world.commit(&t, vec![step(place, to, false)]).await);
        seen.extend(page);
    }
    let expected: Vec<_> = notes[..3].iter().map(|one| (one.user.clone(), one.id)).collect();
    assert_eq!(seen, expected);
    let other = tenant("other");
    let page = world.store.notifications_of_send(&other, many.id, None, 9).await.unwrap();
    assert_eq!(page, []);
}
