//! Deliveries: how what a device was sent is settled, and what the trail says of it.

use landfall_core::audit::Action;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::feed::Number;
use landfall_core::notification::Notification;
use landfall_core::plan::{Reason, Step};
use landfall_store::{Outcome, Write};

use super::make::{at, channels, details, mark_read, note, tenant, user};
use super::world::World;

fn confirm(number: u64, ms: i64) -> Write {
    let details = details("u", &format!(r#"{{"at":{ms}}}"#));
    Write::Confirm { user: user("u"), number: Number(number), at: at(ms), details }
}

fn unconfirmed(number: u64, ms: i64) -> Write {
    let details = details("u", r#"{"why":"gone"}"#);
    Write::Unconfirmed { user: user("u"), number: Number(number), at: at(ms), details }
}

async fn only(world: &World) -> Notification {
    world.inbox(&tenant("t"), &user("u")).await.remove(0)
}

async fn actions(world: &World) -> Vec<String> {
    world.trail(&tenant("t")).await.into_iter().map(|entry| entry.action).collect()
}

pub async fn a_notification_is_confirmed_once(world: World) {
    let t = tenant("t");
    let new = note(&user("u"), "a");
    world.publish(&t, &new).await;
    assert_eq!(world.done(&t, confirm(1, 5)).await, Outcome::Done);
    assert_eq!(world.done(&t, confirm(1, 6)).await, Outcome::Unchanged);
    assert_eq!(world.done(&t, unconfirmed(1, 7)).await, Outcome::Unchanged);
    assert_eq!(world.done(&t, confirm(2, 8)).await, Outcome::Unchanged, "no such number");
    let found = only(&world).await;
    assert_eq!((found.delivered_at, found.attempts), (Some(at(5)), 1));
    let delivered = DeliveryState::Delivered;
    let live = Step { channel: Channel::Websocket, state: delivered, reason: Reason::Confirmed };
    assert_eq!(found.channels, [live, channels()[1]]);
    let trail = world.trail(&t).await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].action, Action::NotificationDelivered.as_str());
    assert_eq!((trail[0].entity_type.as_str(), trail[0].at), ("notification", at(5)));
    assert_eq!(trail[0].entity_id, new.id.to_string());
    assert_eq!(trail[0].metadata.as_deref(), Some(r#"{"at":5}"#));
    assert_eq!(world.head(&t, &user("u")).await.newest, Number(1), "deliveries take no number");
    assert_eq!(world.heard().len(), 1);
}

pub async fn a_write_that_nobody_confirmed_is_counted(world: World) {
    let t = tenant("t");
    world.publish(&t, &note(&user("u"), "a")).await;
    for n in 1..=3 {
        assert_eq!(world.done(&t, unconfirmed(1, n)).await, Outcome::Done);
    }
    let found = only(&world).await;
    assert_eq!((found.delivered_at, found.attempts), (None, 3));
    assert_eq!(found.channels, channels());
    assert_eq!(world.done(&t, confirm(1, 9)).await, Outcome::Done);
    assert_eq!(only(&world).await.attempts, 4);
    let failed = Action::NotificationFailed.as_str();
    let delivered = Action::NotificationDelivered.as_str();
    assert_eq!(actions(&world).await, [failed, delivered], "only the first loss is told");
}

pub async fn reading_counts_as_delivered(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let new = note(&u, "a");
    world.publish(&t, &new).await;
    world.done(&t, mark_read(&u, new.id, at(3))).await;
    assert_eq!(only(&world).await.delivered_at, Some(at(3)));
    assert_eq!(world.done(&t, confirm(1, 5)).await, Outcome::Unchanged);
    assert_eq!(world.store.undelivered(&t, &u, Number(9), 9).await.unwrap(), []);
    assert_eq!(actions(&world).await, [""; 0]);
    // Who confirmed it before keeps that time.
    let other = note(&u, "b");
    let number = world.publish(&t, &other).await;
    world.done(&t, confirm(number.0, 6)).await;
    world.done(&t, mark_read(&u, other.id, at(8))).await;
    assert_eq!(only(&world).await.delivered_at, Some(at(6)));
}

pub async fn undelivered_ones_are_given_oldest_first(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    for n in 0..5 {
        world.publish(&t, &note(&u, &format!("n{n}"))).await;
    }
    world.done(&t, confirm(2, 1)).await;
    world.done(&t, unconfirmed(3, 1)).await;
    let cases: [(u64, usize, &[u64]); 5] =
        [(5, 9, &[1, 3, 4, 5]), (4, 9, &[1, 3, 4]), (9, 2, &[1, 3]), (2, 9, &[1]), (0, 9, &[])];
    for (up_to, limit, expected) in cases {
        let found = world.store.undelivered(&t, &u, Number(up_to), limit).await.unwrap();
        let found: Vec<u64> = found.iter().map(|number| number.0).collect();
        assert_eq!(found, expected, "up to {up_to}, {limit} at most");
    }
}
