//! Expiry: what nobody was given in time is given up once, and the trail says so.

use landfall_core::audit::Action;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::feed::Number;
use landfall_core::id::Tenant;
use landfall_core::notification::NewNotification;
use landfall_core::plan::{Reason, Step};
use landfall_core::session::Read;
use landfall_store::{Expired, Outcome, Write};

use super::make::{at, channels, details, mark_read, note, tenant, user};
use super::world::World;

fn expiring(name: &str, ms: i64) -> NewNotification {
    NewNotification { expires_at: Some(at(ms)), ..note(&user("u"), name) }
}

fn expire(number: u64, ms: i64) -> Write {
    let details = details("u", r#"{"why":"expired"}"#);
    Write::Expire { user: user("u"), number: Number(number), at: at(ms), details }
}

fn expired(of: &Tenant, number: u64) -> Expired {
    Expired { tenant: of.clone(), user: user("u"), number: Number(number) }
}

async fn found(world: &World, ms: i64, limit: usize) -> Vec<Expired> {
    world.store.expired(at(ms), limit).await.unwrap()
}

pub async fn what_expired_undelivered_is_found_and_given_up_once(world: World) {
    let (t, t2) = (tenant("t"), tenant("t2"));
    world.publish(&t, &expiring("late", 30)).await;
    world.publish(&t, &expiring("soon", 10)).await;
    world.publish(&t2, &expiring("other", 20)).await;
    world.publish(&t, &note(&user("u"), "never")).await;
    assert_eq!(found(&world, 9, 9).await, []);
    assert_eq!(found(&world, 10, 9).await, [expired(&t, 2)]);
    let all = [expired(&t, 2), expired(&t2, 1), expired(&t, 1)];
    assert_eq!(found(&world, 99, 9).await, all);
    assert_eq!(found(&world, 99, 2).await, all[..2], "of all tenants, oldest first");
    assert_eq!(world.done(&t, expire(2, 9)).await, Outcome::Unchanged, "not yet");
    assert_eq!(world.done(&t, expire(2, 10)).await, Outcome::Done);
    assert_eq!(world.done(&t, expire(2, 11)).await, Outcome::Unchanged);
    assert_eq!(world.done(&t, expire(3, 99)).await, Outcome::Unchanged, "it never expires");
    assert_eq!(found(&world, 99, 9).await, all[1..]);

    let trail = world.trail(&t).await;
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].action, Action::NotificationFailed.as_str());
    let given_up = &world.inbox(&t, &user("u")).await[1];
    let (channel, state) = (Channel::Websocket, DeliveryState::Failed);
    let live = Step { channel, state, reason: Reason::Expired };
    assert_eq!(given_up.channels, [live, channels()[1]]);
    assert_eq!(world.store.unread(&t, &user("u")).await.unwrap().0, 3, "it can still be read");
    let (user, after, limit) = (user("u"), Number::ZERO, 9);
    let pending = world.page(&t, &user, Read::Pending { after, up_to: None, limit }).await;
    let pending: Vec<u64> = pending.rows.iter().map(|row| row.number().0).collect();
    assert_eq!(pending, [1, 3]);
    assert_eq!(world.store.undelivered(&t, &user, Number(9), 9).await.unwrap().len(), 2);
}

pub async fn what_was_read_or_delivered_or_deleted_does_not_fail(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let notes = ["read", "delivered", "deleted"].map(|name| expiring(name, 10));
    for new in &notes {
        world.publish(&t, new).await;
    }
    let (number, at_5, details) = (Number(2), at(5), details("u", "{}"));
    world.done(&t, mark_read(&u, notes[0].id, at_5)).await;
    world.done(&t, Write::Confirm { user: u.clone(), number, at: at_5, details }).await;
    world.done(&t, Write::Delete { user: u, id: notes[2].id }).await;
    assert_eq!(found(&world, 99, 9).await, []);
    for number in 1..=3 {
        assert_eq!(world.done(&t, expire(number, 99)).await, Outcome::Unchanged);
    }
    assert_eq!(world.trail(&t).await.len(), 1, "of the delivery alone");
}

pub async fn what_the_all_read_mark_covers_is_settled_without_a_word(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    world.publish(&t, &expiring("read with all", 10)).await;
    world.done(&t, Write::MarkAllRead { user: u.clone(), at: at(5) }).await;
    world.publish(&t, &expiring("unread", 10)).await;
    for number in found(&world, 99, 9).await.iter().map(|found| found.number.0) {
        let settled = world.done(&t, expire(number, 99)).await;
        assert_eq!(settled == Outcome::Done, number == 3, "{number}: {settled:?}");
    }
    assert_eq!(found(&world, 99, 9).await, []);
    assert_eq!(world.trail(&t).await.len(), 1);
    let inbox = world.inbox(&t, &u).await;
    assert_eq!(inbox[1].channels, channels(), "what was read did not fail");
    assert_ne!(inbox[0].channels, channels());
}
