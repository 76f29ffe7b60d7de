//! Opening: what was committed is there again, and only a store this build knows is served.

use landfall_core::audit::Action;
use landfall_core::feed::Number;
use landfall_core::session::Read;
use landfall_core::topic::MemberRole;
use landfall_store::{SendTo, Unit, Write};

use super::make::{
    at, draft, key, mark_read, note, publish, put_member, put_topic, tenant, topic, topic_id, unit,
    user,
};
use super::sends::send;
use super::world::{World, assert_stale};

pub async fn reopening_keeps_everything(mut world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let (a, b) = (note(&u, "a"), note(&u, "b"));
    let send = send(&t, SendTo::Topic(topic_id("c")));
    let writes = vec![
        publish(&a),
        publish(&b),
        mark_read(&u, a.id, at(1)),
        put_topic(&topic("c", "A")),
        put_member("c", "u", MemberRole::Owner),
        Write::CreateSend(Box::new(send.clone())),
    ];
    let audit = vec![draft(Action::Connected, "u", 1)];
    let unit = Unit { audit, idempotency: Some(key("k", 1)), ..unit(&t, writes) };
    world.store.commit(unit).await.unwrap();
    world.store.seal(at(2), 9).await.unwrap();
    let (read, epoch) = (Read::Oldest { after: Number::ZERO, limit: 9 }, world.store.epoch());
    let page = world.page(&t, &u, read).await;
    let trail = world.trail(&t).await;
    let sealed = world.store.verify(&t).await.unwrap();
    let unread = world.store.unread(&t, &u).await.unwrap();
    let view = world.store.topic(&t, &topic_id("c"), &u).await.unwrap();
    assert_eq!((page.rows.len(), trail.len(), unread.0), (2, 1, 1));

    world.reopen().await;
    assert_eq!(world.page(&t, &u, read).await, page);
    assert_eq!(world.trail(&t).await, trail);
    assert_eq!(world.store.verify(&t).await.unwrap(), sealed);
    assert_eq!(world.store.unread(&t, &u).await.unwrap(), unread);
    assert_eq!(world.store.topic(&t, &topic_id("c"), &u).await.unwrap(), view);
    assert_eq!(world.store.active_sends(&t, 9).await.unwrap(), [send]);
    assert_eq!(world.store.epoch(), epoch);
    assert_eq!(world.publish(&t, &note(&u, "c")).await, Number(4));
    assert_stale(world.commit(&t, vec![mark_read(&u, a.id, at(3))]).await);
}

pub async fn a_store_of_a_newer_version_is_refused(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    world.publish(&t, &note(&u, "a")).await;
    world.store.close();
    world.backend().claim_newer_schema();
    let Err(error) = world.try_open().await else { panic!("it was opened") };
    let reason = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(reason.contains("schema"), "{error}: {reason}");
    assert!(world.backend().migrate().await.is_err());
}

pub async fn migrating_twice_changes_nothing(mut world: World) {
    let (t, u) = (tenant("t"), user("u"));
    world.publish(&t, &note(&u, "a")).await;
    let inbox = world.inbox(&t, &u).await;
    world.store.close();
    let (from, to) = world.backend().migrate().await.unwrap();
    assert_eq!(from, to, "opening migrated it");
    assert_eq!(world.backend().migrate().await.unwrap(), (to, to));
    world.reopen().await;
    assert_eq!(world.inbox(&t, &u).await, inbox);
    let place = world.fresh_place();
    assert_eq!(place.migrate().await.unwrap(), (0, to));
    assert_eq!(place.migrate().await.unwrap(), (to, to));
}
