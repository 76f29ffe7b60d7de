//! The outbox as it is listed, and how notifications stand.

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::id::DeliveryId;
use landfall_core::notification::Content;
use landfall_core::notification::Priority::Normal;
use landfall_store::{DeliveryFilter, NewDelivery, Write};
use uuid::Uuid;

use super::make::{at, content, note_at, notification_id, publish, tenant, topic_id, user};
use super::make_reach::{enqueue, ids, new_delivery, settle};
use super::queueing::claim;
use super::sends::send;
use super::world::World;

/// Puts three notifications with two deliveries each into the outbox, one each ten milliseconds;
/// gives the ids of the deliveries, newest first.
async fn fill(world: &World) -> Vec<DeliveryId> {
    let mut all = Vec::new();
    for n in 0..3_u8 {
        let time = at(10 * i64::from(n));
        let mut new = note_at(&user(["a", "b", "a"][usize::from(n)]), "n", time);
        let kind = ["quiz", "event", "event"][usize::from(n)].to_owned();
        new.content = Content { notification_type: kind, ..content("n") }.into();
        let place = |place: u8| {
            let ms = u128::try_from(time.as_ms()).unwrap();
            let id = DeliveryId(Uuid::from_u128(ms << 80 | u128::from(n) << 8 | u128::from(place)));
            all.push(id);
            let channel = [Channel::Push, Channel::Sms][usize::from(place)];
            NewDelivery { id, channel, ..new_delivery(place, Some(at(0))) }
        };
        let both = [0, 1].map(place).to_vec();
        let writes = vec![publish(&new), enqueue(&new, Normal, both)];
        world.commit(&tenant("t"), writes).await.unwrap();
    }
    all.reverse();
    all
}

pub async fn the_list_filters_and_pages(world: World) {
    let t = tenant("t");
    let all = fill(&world).await;
    let mine = claim(&*world.store, 0).await;
    let first = mine.into_iter().find(|one| one.id == all[3]).unwrap();
    world.done(&t, settle(&first, DeliveryState::Sent, 9)).await;
    let any = || DeliveryFilter { limit: 99, ..DeliveryFilter::default() };
    let check = async |filter: DeliveryFilter, expected: &[usize]| {
        let expected: Vec<_> = expected.iter().map(|place| all[*place]).collect();
        let found = world.store.deliveries(&t, filter.clone()).await.unwrap();
        assert_eq!(ids(&found), expected, "{filter:?}");
        assert_eq!(world.store.deliveries(&tenant("other"), filter).await.unwrap(), []);
    };
    check(any(), &[0, 1, 2, 3, 4, 5]).await;
    check(DeliveryFilter { limit: 2, ..any() }, &[0, 1]).await;
    check(DeliveryFilter { limit: 2, below: Some(all[1]), ..any() }, &[2, 3]).await;
    check(DeliveryFilter { limit: 2, offset: 3, ..any() }, &[3, 4]).await;
    check(DeliveryFilter { user: Some(user("a")), ..any() }, &[0, 1, 4, 5]).await;
    check(DeliveryFilter { user: Some(user("nobody")), ..any() }, &[]).await;
    check(DeliveryFilter { channel: Some(Channel::Push), ..any() }, &[1, 3, 5]).await;
    check(DeliveryFilter { state: Some(DeliveryState::Sent), ..any() }, &[3]).await;
    let event = || Some("event".to_owned());
    check(DeliveryFilter { notification_type: event(), ..any() }, &[0, 1, 2, 3]).await;
    check(DeliveryFilter { since: Some(at(10)), ..any() }, &[0, 1, 2, 3]).await;
    check(DeliveryFilter { until: Some(at(10)), ..any() }, &[4, 5]).await;
    let together = DeliveryFilter {
        user: Some(user("a")),
        channel: Some(Channel::Push),
        state: Some(DeliveryState::Queued),
        notification_type: event(),
        since: Some(at(5)),
        until: Some(at(50)),
        below: Some(all[0]),
        ..any()
    };
    check(together, &[1]).await;
}

pub async fn deliveries_come_by_notification_and_place(world: World) {
    let t = tenant("t");
    let all = fill(&world).await;
    let of = async |place: usize| {
        world.store.delivery(&t, all[place]).await.unwrap().unwrap().notification
    };
    let asked = vec![of(5).await, notification_id(), of(0).await];
    let found = world.store.deliveries_of(&t, asked.clone()).await.unwrap();
    assert_eq!(ids(&found), [all[5], all[4], all[1], all[0]]);
    assert_eq!(world.store.deliveries_of(&tenant("other"), asked).await.unwrap(), []);
    assert_eq!(world.store.deliveries_of(&t, vec![]).await.unwrap(), []);
}

pub async fn standings_tell_what_was_taken_back_read_or_deleted(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let many = send(&t, landfall_store::SendTo::Topic(topic_id("c")));
    let notes: Vec<_> = (0..4)
        .map(|n| {
            let send = (n == 3).then_some(many.id);
            landfall_core::notification::NewNotification { send, ..note_at(&u, "n", at(n)) }
        })
        .collect();
    world.commit(&t, notes.iter().map(publish).collect()).await.unwrap();
    world.done(&t, Write::CreateSend(Box::new(many.clone()))).await;
    world.done(&t, Write::Delete { user: u.clone(), id: notes[0].id }).await;
    world.done(&t, super::make::mark_read(&u, notes[1].id, at(7))).await;
    world.done(&t, Write::Cancel { user: u.clone(), id: notes[2].id, at: at(8) }).await;
    world.done(&t, Write::CancelSend { id: many.id, at: at(9), recalls: false }).await;
    let mut asked: Vec<_> = notes.iter().rev().map(|note| note.id).collect();
    asked.insert(1, notification_id());
    let found = world.store.notification_standings(&t, asked.clone()).await.unwrap();
    let canceled: Vec<_> = found.iter().map(|one| one.canceled_at).collect();
    assert_eq!(canceled, [Some(at(9)), Some(at(8)), None, None]);
    let topics: Vec<_> = found.iter().map(|one| one.topic.clone()).collect();
    assert_eq!(topics, [Some(topic_id("c")), None, None, None]);
    let same = found.iter().map(|one| one.notification.id);
    assert!(same.eq(notes.iter().rev().map(|note| note.id)));
    assert_eq!(found[2].notification.read_at, Some(at(7)));
    assert!(found[3].notification.deleted && !found[2].notification.deleted);
    assert_eq!(world.store.notification_standings(&tenant("other"), asked).await.unwrap(), []);
}
