//! Forgetting by age: no more than is old, and nobody who has not read it goes on as if nothing had been.

use landfall_core::audit::Action;
use landfall_core::feed::Number;
use landfall_core::notification::{NewNotification, Priority};
use landfall_store::{InboxPlace, Later, OldInboxes, SendState, SendTo, StoredSend, Write};

use super::make::{at, draft, mark_read, note_at, publish, send_id, tenant, unit, user};
use super::make_reach::{enqueue, new_delivery};
use super::sends::send;
use super::world::World;

async fn old(world: &World, before_ms: i64) -> Vec<InboxPlace> {
    let found = world.store.old_inboxes(None, at(before_ms), 99).await.unwrap();
    assert_eq!(found.last, None);
    found.old
}

pub async fn old_notifications_are_forgotten_and_the_horizon_says_so(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let notes: Vec<_> = (0..5).map(|n| note_at(&u, &n.to_string(), at(n * 10))).collect();
    for one in &notes {
        world.publish(&t, one).await;
    }
    world.publish(&tenant("t2"), &note_at(&u, "young", at(90))).await;
    world.done(&t, mark_read(&u, notes[1].id, at(50))).await;
    assert_eq!(old(&world, 0).await, []);
    let [inbox] = old(&world, 25).await[..] else { panic!("one inbox") };
    let forget =
        async |limit| world.store.forget_notifications(inbox, at(25), limit).await.unwrap();
    assert_eq!((forget(0).await, forget(2).await), (0, 2));
    // Whoever has not heard that one was read has to start over; others go on.
    assert_eq!(world.head(&t, &u).await.horizon, Number(6));
    let unread = world.store.unread(&t, &u).await.unwrap().0;
    assert_eq!((unread, world.inbox(&t, &u).await.len()), (3, 3));
    assert_eq!((forget(9).await, forget(9).await), (1, 0));
    assert_eq!(old(&world, 25).await, []);
    let titles: Vec<_> =
        world.inbox(&t, &u).await.iter().map(|n| n.content.title.clone()).collect();
    assert_eq!(titles, ["4", "3"]);
    assert_eq!(world.store.unread(&t, &u).await.unwrap().0, 2);
    assert_eq!(world.inbox(&tenant("t2"), &u).await.len(), 1);
}

pub async fn what_is_still_to_go_out_is_not_forgotten(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let (open, done) = (note_at(&u, "open", at(0)), note_at(&u, "done", at(0)));
    for one in [&open, &done] {
        world.done(&t, publish(one)).await;
    }
    world.done(&t, enqueue(&open, Priority::Normal, vec![new_delivery(0, Some(at(7)))])).await;
    let [inbox] = old(&world, 5).await[..] else { panic!("one inbox") };
    assert_eq!(world.store.forget_notifications(inbox, at(5), 9).await.unwrap(), 1);
    assert_eq!(world.inbox(&t, &u).await[0].id, open.id);
    assert_eq!(world.store.deliveries_of(&t, vec![open.id]).await.unwrap().len(), 1);
}

pub async fn inboxes_are_walked_page_by_page(world: World) {
    let t = tenant("t");
    for n in 0..5 {
        let u = user(&format!("u{n}"));
        world.publish(&t, &note_at(&u, "a", at(n))).await;
    }
    let (mut place, mut found) = (None, 0);
    loop {
        let page = world.store.old_inboxes(place, at(4), 2).await.unwrap();
        let OldInboxes { old, last } = page;
        found += old.len();
        if last.is_none() {
            break;
        }
        assert!(last != place);
        place = last;
    }
    assert_eq!(found, 4);
}

fn later(due_ms: i64) -> Option<Later> {
    let due_at = at(due_ms);
    Some(Later { due_at, local: None, lives_ms: None, part_of: None, phone: None })
}

pub async fn sends_are_forgotten_once_they_went_out(world: World) {
    let t = tenant("t");
    let to = || SendTo::Users(vec![user("u")]);
    let ended = StoredSend { state: SendState::Ended, ..send(&t, to()) };
    let active = send(&t, to());
    let went = StoredSend { later: later(3), id: send_id(), ..ended.clone() };
    let just_went = StoredSend { later: later(9), id: send_id(), ..ended.clone() };
    let recalled = StoredSend { id: send_id(), ..ended.clone() };
    let left = StoredSend { id: send_id(), ..ended.clone() };
    let new = NewNotification { send: Some(left.id), ..note_at(&user("u"), "n", at(0)) };
    world.done(&t, publish(&new)).await;
    let waited_for = StoredSend { id: send_id(), ..ended.clone() };
    let part = later(9).map(|later| Later { part_of: Some(waited_for.id), ..later });
    let part = StoredSend { id: send_id(), later: part, ..active.clone() };
    for one in [&ended, &active, &went, &just_went, &recalled, &left, &waited_for, &part] {
        world.done(&t, Write::CreateSend(Box::new((*one).clone()))).await;
    }
    world.done(&t, Write::CancelSend { id: recalled.id, at: at(1), recalls: true }).await;
    assert_eq!(world.store.forget_sends(at(0), 9).await.unwrap(), 0);
    assert_eq!(world.store.forget_sends(at(5), 1).await.unwrap(), 1);
    assert_eq!(world.store.forget_sends(at(5), 9).await.unwrap(), 1);
    for (one, is_there) in [
        (ended, false),
        (active, true),
        (went, false),
        (just_went, true),
        (left, true),
        (waited_for, true),
        (part, true),
        (recalled, true),
    ] {
        assert_eq!(
            world.store.send(&t, one.id).await.unwrap().is_some(),
            is_there,
            "{:?}",
            one.later
        );
    }
}

pub async fn old_details_are_erased_and_the_chain_verifies(world: World) {
    let (t, t2) = (tenant("t"), tenant("t2"));
    for (tenant, times) in [(&t, vec![1, 2, 3, 8]), (&t2, vec![2, 9])] {
        let mut unit = unit(tenant, vec![]);
        unit.audit = times.into_iter().map(|ms| draft(Action::Refused, "u", ms)).collect();
        world.store.commit(unit).await.unwrap();
    }
    assert_eq!(world.store.forget_details(at(5), 9).await.unwrap(), 0, "nothing is sealed");
    world.store.seal(at(9), 3).await.unwrap();
    assert_eq!(world.store.forget_details(at(1), 9).await.unwrap(), 0);
    assert_eq!(world.store.forget_details(at(5), 2).await.unwrap(), 2);
    assert_eq!(world.store.forget_details(at(5), 9).await.unwrap(), 2);
    assert_eq!(world.store.forget_details(at(5), 9).await.unwrap(), 0);
    world.store.seal(at(9), 3).await.unwrap();
    assert_eq!(world.store.forget_details(at(99), 9).await.unwrap(), 2);
    for tenant in [&t, &t2] {
        let found = world.store.verify(tenant).await.unwrap();
        assert_eq!((found.erased, found.unsealed, found.broken), (found.entries, 0, None));
        assert!(world.trail(tenant).await.iter().all(|entry| entry.is_erased));
    }
}
