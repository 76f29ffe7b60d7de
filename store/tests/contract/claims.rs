//! Claims: what is due goes to one claimer, fairly, the most urgent first, until the lease ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::notification::NewNotification;
use landfall_core::notification::Priority::{Critical, High, Low, Normal};
use landfall_core::plan::{Reason, Step, Strategy};
use landfall_store::{Backlog, Claimed, Claiming, Delivery, NewDelivery, Outcome};
use tokio::task::JoinSet;

use super::make::{at, note, publish, tenant, user};
use super::make_reach::{address_id, claiming, enqueue, ids, new_delivery, settle, settlement};
use super::queueing::{claim, found, put, queue, queue_of};
use super::world::{World, assert_stale};

/// A delivery for `u` of the tenant `t` that nothing has happened to yet.
fn as_queued(new: &NewNotification, of: &NewDelivery) -> Delivery {
    Delivery {
        id: of.id,
        tenant: tenant("t"),
        notification: new.id,
        user: user("u"),
        priority: High,
        channel: of.channel,
        position: of.position,
        address: of.address,
        strategy: of.strategy,
        escalate_after_ms: of.escalate_after_ms,
        to: of.to.clone(),
        state: of.state,
        reason: Reason::ByDefault,
        code: None,
        reference: None,
        provider: None,
        attempts: 0,
        claim: 0,
        due_at: of.due_at,
        ask_at: None,
        created_at: at(0),
        updated_at: at(0),
        is_replaced: false,
    }
}

pub async fn a_delivery_reads_back_as_it_was_stored(mut world: World) {
    let t = tenant("t");
    let new = note(&user("u"), "a");
    let first = NewDelivery { address: Some(address_id()), ..new_delivery(0, Some(at(5))) };
    let second = NewDelivery {
        state: DeliveryState::Held,
        strategy: Strategy::All,
        escalate_after_ms: Some(90_000),
        to: Some(vec![0, 255]),
        ..new_delivery(255, None)
    };
    let writes = vec![publish(&new), enqueue(&new, High, vec![first.clone(), second.clone()])];
    let receipt = world.commit(&t, writes).await.unwrap();
    assert_eq!(receipt.outcomes[1], Outcome::Done);
    world.reopen().await;
    assert_eq!(found(&world, &t, first.id).await, as_queued(&new, &first));
    let both = world.store.deliveries_of(&t, vec![new.id]).await.unwrap();
    assert_eq!(both, [as_queued(&new, &first), as_queued(&new, &second)]);
}

pub async fn a_unit_that_is_refused_leaves_no_delivery(world: World) {
    let t = tenant("t");
    let new = note(&user("u"), "a");
    let delivery = new_delivery(0, Some(at(0)));
    let id = delivery.id;
    let writes =
        vec![publish(&new), enqueue(&new, Normal, vec![delivery]), super::make::never(&user("u"))];
    assert_stale(world.commit(&t, writes).await);
    assert_eq!(world.store.delivery(&t, id).await.unwrap(), None);
    assert_eq!(claim(&*world.store, 9).await, []);
}

pub async fn the_most_urgent_come_first_then_those_that_waited_longest(world: World) {
    let t = tenant("t");
    let mut expected = Vec::new();
    for (priority, due) in
        [(Low, 1), (Normal, 4), (High, 9), (Normal, 3), (Critical, 8), (High, 2), (Low, 0)]
    {
        let id = queue_of(&world, &t, priority, &[Some(due)]).await[0];
        expected.push((std::cmp::Reverse(priority), due, id));
    }
    queue_of(&world, &t, Critical, &[Some(10), None]).await;
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(_, _, id)| id).collect();
    let three = Claiming { per_tenant: 3, ..claiming(9) };
    let Claimed { deliveries, last } = world.store.claim(three).await.unwrap();
    assert_eq!((ids(&deliveries), last), (expected[..3].to_vec(), None));
    assert!(deliveries.iter().all(|one| one.claim == 1 && one.due_at == Some(at(1_009))));
    assert_eq!(deliveries[0], found(&world, &t, expected[0]).await);
    assert_eq!(ids(&claim(&*world.store, 9).await), expected[3..]);
    assert_eq!(claim(&*world.store, 9).await, []);
}

/// One tenant's thousands keep nobody else waiting.
pub async fn every_tenant_gets_its_turn(world: World) {
    let tenants = ["a", "b", "c", "d"].map(tenant);
    for (t, many) in tenants.iter().zip([9, 2, 0, 5]) {
        let due = (0..many).map(|n| new_delivery(0, Some(at(n)))).collect();
        put(&world, t, Normal, due).await;
    }
    put(&world, &tenants[2], Normal, vec![new_delivery(0, Some(at(500)))]).await;
    let page = |after: Option<&str>, tenants, limit| {
        let after = after.map(tenant);
        world.store.claim(Claiming { after, tenants, per_tenant: 3, limit, ..claiming(100) })
    };
    let tell = |claimed: Claimed| {
        let of: String = claimed.deliveries.iter().map(|one| one.tenant.as_str()).collect();
        (of, claimed.last.map(|last| last.to_string()))
    };
    let last = |name: &str| Some(name.to_owned());
    assert_eq!(tell(page(None, 2, 99).await.unwrap()), ("aaabb".into(), last("b")));
    assert_eq!(tell(page(Some("b"), 2, 99).await.unwrap()), ("ddd".into(), None));
    assert_eq!(tell(page(None, 1, 99).await.unwrap()), ("aaa".into(), last("a")));
    assert_eq!(tell(page(None, 9, 2).await.unwrap()), ("aa".into(), last("a")));
    assert_eq!(tell(page(Some("a"), 9, 2).await.unwrap()), ("dd".into(), None));
    assert_eq!(tell(page(None, 9, 99).await.unwrap()), ("a".into(), None));
    assert_eq!(tell(page(Some("d"), 9, 99).await.unwrap()), (String::new(), None));
}

/// A provider that has no room keeps no other channel waiting.
pub async fn each_channel_is_claimed_for_by_itself(world: World) {
    let (a, b) = (tenant("a"), tenant("b"));
    let on = |channel| NewDelivery { channel, ..new_delivery(0, Some(at(0))) };
    let pushes = put(&world, &b, Normal, vec![on(Channel::Push)]).await;
    let texts = put(&world, &a, Normal, vec![on(Channel::Sms)]).await;
    let more = put(&world, &b, Normal, vec![on(Channel::Sms)]).await;
    let of = |channel, limit| world.store.claim(Claiming { channel, limit, ..claiming(0) });
    assert_eq!(of(Channel::Email, 9).await.unwrap(), Claimed::default());
    let Claimed { deliveries, last } = of(Channel::Sms, 1).await.unwrap();
    assert_eq!((ids(&deliveries), last), (texts, Some(a)));
    let Claimed { deliveries, last } = of(Channel::Push, 9).await.unwrap();
    assert_eq!((ids(&deliveries), last), (pushes, None));
    assert_eq!(ids(&of(Channel::Sms, 9).await.unwrap().deliveries), more);
}

pub async fn a_lease_ends_by_itself(world: World) {
    let t = tenant("t");
    let id = queue(&world, &t, &[Some(0)]).await[0];
    let first = claim(&*world.store, 0).await.remove(0);
    assert_eq!(claim(&*world.store, 999).await, []);
    assert_eq!(world.store.next_due().await.unwrap(), Some(at(1_000)));
    let second = claim(&*world.store, 1_000).await.remove(0);
    assert_eq!((second.id, first.claim, second.claim), (id, 1, 2));
    // Whoever was too slow hears so.
    assert_stale(world.commit(&t, vec![settle(&first, DeliveryState::Sent, 1_001)]).await);
    world.done(&t, settle(&second, DeliveryState::Sent, 1_002)).await;
    assert_eq!(claim(&*world.store, 9_000).await, []);
    assert_eq!(world.store.next_due().await.unwrap(), None);
}

pub async fn a_claim_is_settled_once(world: World) {
    let t = tenant("t");
    let id = queue(&world, &t, &[Some(0)]).await[0];
    let unclaimed = found(&world, &t, id).await;
    assert_stale(world.commit(&t, vec![settle(&unclaimed, DeliveryState::Sent, 1)]).await);
    let mine = claim(&*world.store, 0).await.remove(0);
    let mut again = settlement(&mine, DeliveryState::Queued, 3);
    again.due_at = Some(at(50));
    again.code = Some("429".into());
    again.provider = Some("first".into());
    let retry = landfall_store::Write::Settle(Box::new(again));
    assert_eq!(world.done(&t, retry.clone()).await, Outcome::Done);
    assert_stale(world.commit(&t, vec![retry]).await);
    let stored = found(&world, &t, id).await;
    assert_eq!((stored.attempts, stored.code.as_deref()), (1, Some("429")));
    assert_eq!((stored.due_at, stored.updated_at), (Some(at(50)), at(3)));
    assert_eq!(claim(&*world.store, 49).await, []);

    let mine = claim(&*world.store, 50).await.remove(0);
    let mut sent = settlement(&mine, DeliveryState::Sent, 60);
    (sent.reference, sent.due_at) = (Some("SM1".into()), Some(at(70)));
    world.done(&t, landfall_store::Write::Settle(Box::new(sent))).await;
    let stored = found(&world, &t, id).await;
    assert_eq!((stored.state, stored.attempts, stored.claim), (DeliveryState::Sent, 2, 2));
    assert_eq!(
        (stored.reference.as_deref(), stored.provider.as_deref()),
        (Some("SM1"), Some("first"))
    );
    assert_eq!((stored.code, stored.due_at), (None, None), "it is due no more");
    assert_stale(world.commit(&t, vec![settle(&mine, DeliveryState::Failed, 61)]).await);
}

/// Eight claimers at once: everything is given, nothing twice.
pub async fn of_claimers_at_once_each_delivery_has_one(world: World) {
    const MANY: usize = 400;
    let tenants = ["a", "b", "c"].map(tenant);
    for n in 0..MANY / 20 {
        let due = (0..20).map(|_| new_delivery(0, Some(at(n as i64)))).collect();
        put(&world, &tenants[n % 3], Normal, due).await;
    }
    let mut claimers = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&world.store);
        claimers.spawn(async move {
            let (mut mine, mut after, mut empty) = (Vec::new(), None, 0);
            while empty < 3 {
                let few = Claiming { after, tenants: 2, per_tenant: 7, limit: 9, ..claiming(900) };
                let Claimed { deliveries, last } = store.claim(few).await.unwrap();
                empty = if deliveries.is_empty() { empty + 1 } else { 0 };
                mine.extend(ids(&deliveries));
                after = last;
            }
            mine
        });
    }
    let given: Vec<_> = claimers.join_all().await.into_iter().flatten().collect();
    let distinct: BTreeSet<_> = given.iter().collect();
    assert_eq!((given.len(), distinct.len()), (MANY, MANY));
}

pub async fn the_backlog_tells_what_is_due_and_what_waits(world: World) {
    let backlog = |now| world.store.backlog(at(now), 3);
    assert_eq!(backlog(0).await.unwrap(), Backlog::default());
    assert_eq!(world.store.next_due().await.unwrap(), None);
    queue(&world, &tenant("a"), &[Some(4), None]).await;
    queue(&world, &tenant("b"), &[Some(7)]).await;
    assert_eq!(world.store.next_due().await.unwrap(), Some(at(4)));
    let expected = Backlog { due: 1, waiting: 2, oldest_due: Some(at(4)), ..Backlog::default() };
    assert_eq!(backlog(6).await.unwrap(), expected);
    queue(&world, &tenant("a"), &[Some(1), Some(2), Some(3), None, None, None]).await;
    let expected = Backlog { due: 3, waiting: 3, oldest_due: Some(at(1)), ..Backlog::default() };
    assert_eq!(backlog(9).await.unwrap(), expected);
}

pub async fn split_deliveries_stand_beside_the_first(world: World) {
    let t = tenant("t");
    let id = queue_of(&world, &t, Critical, &[Some(0)]).await[0];
    let mine = claim(&*world.store, 0).await.remove(0);
    let (own, other) = (address_id(), address_id());
    let more = NewDelivery { address: Some(other), ..new_delivery(0, Some(at(2))) };
    let mut split = settlement(&mine, DeliveryState::Sent, 2);
    (split.address, split.split) = (Some(own), vec![more.clone()]);
    world.done(&t, landfall_store::Write::Settle(Box::new(split))).await;
    let both = world.store.deliveries_of(&t, vec![mine.notification]).await.unwrap();
    assert_eq!(ids(&both), [id, more.id]);
    assert_eq!((both[0].address, both[1].address), (Some(own), Some(other)));
    assert_eq!(
        (both[1].priority, &both[1].user, both[1].created_at),
        (Critical, &mine.user, at(2))
    );
    assert_eq!((both[1].channel, both[1].position), (Channel::Push, 0));
    assert_eq!(ids(&claim(&*world.store, 2).await), [more.id]);
}

pub async fn what_ended_is_forgotten_by_age_and_within_the_limit(world: World) {
    let t = tenant("t");
    for _ in 0..4 {
        queue(&world, &t, &[Some(0)]).await;
    }
    let waiting = queue(&world, &t, &[Some(9_000)]).await[0];
    let mine = claim(&*world.store, 0).await;
    for (one, ms) in mine.iter().zip([30, 10, 20, 40]) {
        world.done(&t, settle(one, DeliveryState::Delivered, ms)).await;
    }
    let forget = |before, limit| world.store.forget_deliveries(at(before), limit);
    assert_eq!(forget(10, 9).await.unwrap(), 0);
    assert_eq!(forget(40, 2).await.unwrap(), 2);
    let all = mine.iter().map(|one| one.notification).collect();
    let mut left = ids(&world.store.deliveries_of(&t, all).await.unwrap());
    left.sort();
    let mut expected = [mine[0].id, mine[3].id];
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(forget(100_000, 9).await.unwrap(), 2);
    assert_eq!(ids(&claim(&*world.store, 9_000).await), [waiting]);
}

pub async fn a_notification_keeps_how_its_channels_ended(world: World) {
    let t = tenant("t");
    let step =
        Step { channel: Channel::Push, state: DeliveryState::Queued, reason: Reason::Requested };
    let new = NewNotification { channels: vec![step], ..note(&user("u"), "n") };
    let two = vec![new_delivery(0, Some(at(0))), new_delivery(0, Some(at(0)))];
    world.commit(&t, vec![publish(&new), enqueue(&new, Critical, two)]).await.unwrap();
    let mine = claim(&*world.store, 0).await;
    world.done(&t, settle(&mine[0], DeliveryState::Delivered, 10)).await;
    world.done(&t, settle(&mine[1], DeliveryState::Failed, 20)).await;
    // Both or none: the better of them speaks for the channel.
    assert_eq!(world.store.forget_deliveries(at(15), 9).await.unwrap(), 0);
    assert_eq!(world.store.forget_deliveries(at(50), 9).await.unwrap(), 2);
    assert!(world.store.deliveries_of(&t, vec![new.id]).await.unwrap().is_empty());
    let standing = world.store.notification_standings(&t, vec![new.id]).await.unwrap().remove(0);
    let kept = &standing.notification.channels[0];
    assert_eq!((kept.channel, kept.state), (Channel::Push, DeliveryState::Delivered));
}
