//! Lives: what a new epoch changes, and what it leaves as it was.

use landfall_core::audit::Action;
use landfall_core::feed::{Epoch, FeedKey, Head, Number};
use landfall_core::session::Read;
use landfall_core::topic::MemberRole;
use landfall_store::{NewEpoch, Unit};

use super::make::{
    at, draft, mark_read, note, publish, put_member, put_topic, tenant, topic, topic_id, user,
};
use super::world::{World, assert_stale};

/// Ends the life that the store is in.
async fn begin(world: &World) -> Epoch {
    let from = world.store.life().await.unwrap().epoch;
    let to = from.following(at(0));
    let entry = draft(Action::EpochBegun, "root", 5);
    world.store.begin_epoch(NewEpoch { from, to, entry }).await.unwrap();
    to
}

pub async fn a_new_life_skips_every_counter_ahead(mut world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let (a, b) = (note(&u, "a"), note(&u, "b"));
    let writes =
        vec![publish(&a), publish(&b), mark_read(&u, a.id, at(1)), put_topic(&topic("c", "A"))];
    world.commit(&t, writes).await.unwrap();
    let inbox = world.inbox(&t, &u).await;

    let epoch = begin(&world).await;
    assert_eq!(world.store.epoch(), epoch);
    let heads = world.store.heads(vec![
        FeedKey::inbox(&t, &u).into(),
        FeedKey::topic(&t, &topic_id("c")).into(),
        FeedKey::inbox(&t, &user("nobody")).into(),
    ]);
    let base = epoch.base();
    let skipped = Head { newest: base, horizon: base };
    assert_eq!(heads.await.unwrap(), [skipped, skipped, Head::default()]);
    assert_eq!(world.store.replay_sequence(), base);
    assert_eq!(world.inbox(&t, &u).await, inbox, "rows keep their numbers");
    assert_eq!(world.store.unread(&t, &u).await.unwrap().0, 1);

    let c = note(&u, "c");
    assert_eq!(world.publish(&t, &c).await, base.next());
    assert_eq!(world.store.unread(&t, &u).await.unwrap().0, 2);
    let read = Read::Oldest { after: Number(3), limit: 9 };
    let page = world.page(&t, &u, read).await;
    let numbers: Vec<Number> = page.rows.iter().map(|row| row.number()).collect();
    assert_eq!(numbers, [base.next()]);
    world.reopen().await;
    assert_eq!(world.store.epoch(), epoch);
}

pub async fn every_trail_tells_of_a_new_life_and_still_verifies(world: World) {
    let (t, other) = (tenant("t"), tenant("other"));
    for tenant in [&t, &other] {
        let audit = vec![draft(Action::Connected, "u", 1)];
        world.store.commit(Unit { audit, ..Unit::new(tenant) }).await.unwrap();
    }
    world.store.seal(at(2), 9).await.unwrap();
    begin(&world).await;
    world.store.seal(at(6), 9).await.unwrap();
    for tenant in [&t, &other] {
        let trail = world.trail(tenant).await;
        let actions: Vec<&str> = trail.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["connected", "epoch_begun"]);
        let verified = world.store.verify(tenant).await.unwrap();
        assert_eq!((verified.broken, verified.entries), (None, 2));
    }
}

pub async fn a_feed_made_in_a_new_life_begins_above_every_earlier_one(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    world.publish(&t, &note(&u, "a")).await;
    let first = begin(&world).await.base();
    assert_eq!(world.publish(&t, &note(&u, "b")).await, first.next());
    let Number(base) = begin(&world).await.base();
    assert!(base > first.next().0);
    assert_eq!(world.head(&t, &u).await.newest, Number(base));
    let new = user("new");
    assert_eq!(world.publish(&t, &note(&new, "a")).await, Number(base + 1));
    assert_eq!(
        world.head(&t, &new).await,
        Head { newest: Number(base + 1), horizon: Number(base) }
    );
    assert_eq!(world.publish(&t, &note(&new, "b")).await, Number(base + 2));
    let writes = vec![put_topic(&topic("c", "A")), put_member("c", "u", MemberRole::Member)];
    let receipt = world.commit(&t, writes).await.unwrap();
    assert_eq!(receipt.numbers(), [Number(base + 1)]);
    let of_topic =
        world.store.heads(vec![FeedKey::topic(&t, &topic_id("c")).into()]).await.unwrap();
    assert_eq!(of_topic, [Head { newest: Number(base + 2), horizon: Number(base) }]);
}

pub async fn of_two_that_end_the_same_life_one_does(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    world.publish(&t, &note(&u, "a")).await;
    let from = world.store.epoch();
    let new = |to| NewEpoch { from, to: Epoch(to), entry: draft(Action::EpochBegun, "root", 5) };
    let (one, other) =
        tokio::join!(world.store.begin_epoch(new(20)), world.store.begin_epoch(new(30)));
    let (lost, epoch) = if one.is_ok() { (other, 20) } else { (one, 30) };
    assert_stale(lost);
    assert_eq!(world.store.life().await.unwrap().epoch, Epoch(epoch));
    assert_eq!(world.store.epoch(), Epoch(epoch));
    assert_eq!(world.head(&t, &u).await.newest, Epoch(epoch).base());
}

pub async fn the_mark_grows_with_the_trail_and_the_name_stays(mut world: World) {
    let (t, other) = (tenant("t"), tenant("other"));
    let first = world.store.life().await.unwrap();
    assert_eq!((first.epoch, first.store.len()), (Epoch(1), 32));
    let mut last = first.mark;
    for tenant in [&t, &other, &t] {
        let audit = vec![draft(Action::Connected, "u", 1)];
        world.store.commit(Unit { audit, ..Unit::new(tenant) }).await.unwrap();
        let mark = world.store.life().await.unwrap().mark;
        assert!(mark > last, "{mark} after {last}");
        last = mark;
    }
    world.store.seal(at(2), 9).await.unwrap();
    let sealed = world.store.life().await.unwrap();
    assert!(sealed.mark > last);
    begin(&world).await;
    let life = world.store.life().await.unwrap();
    assert!(life.mark > sealed.mark, "the trail tells of the new life too");
    world.reopen().await;
    assert_eq!(world.store.life().await.unwrap(), life);
    assert_eq!(life.store, first.store);
    let fresh = world.fresh().await;
    assert_ne!(fresh.store.life().await.unwrap().store, first.store);
}
