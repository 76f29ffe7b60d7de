//! Fallback: whose turn is next when a delivery fails, and what is told of it afterwards.

use landfall_core::channel::DeliveryState::{self, Delivered, Failed, Held, Queued, Sent, Skipped};
use landfall_core::delivery::Next;
use landfall_core::id::{DeliveryId, Tenant};
use landfall_core::notification::NewNotification;
use landfall_core::notification::Priority::Normal;
use landfall_core::plan::{Reason, Strategy};
use landfall_store::{KeptAttempt, NewDelivery, Outcome, Settlement, Write};

use super::make::{at, note, publish, tenant, user};
use super::make_reach::{delivery_id, enqueue, ids, new_delivery, next, settle, settlement};
use super::queueing::{claim, found, put, queue};
use super::world::{World, assert_stale};

fn report(id: DeliveryId, from: DeliveryState, to: DeliveryState, ms: i64) -> Write {
    let code = Some("30003".into());
    Write::Report { id, from, to, reason: Reason::Confirmed, code, at: at(ms), next: next(to) }
}

async fn due(world: &World, t: &Tenant, id: DeliveryId) -> Option<i64> {
    found(world, t, id).await.due_at.map(|due| due.as_ms() - at(0).as_ms())
}

pub async fn the_next_place_is_due_when_the_last_of_a_place_failed(world: World) {
    let t = tenant("t");
    for end in [Failed, Skipped] {
        let places = [0, 0, 1, 1, 2];
        let dues = [Some(0), Some(0), None, None, None];
        let new = places.into_iter().zip(dues).map(|(place, due)| new_delivery(place, due.map(at)));
        let all = put(&world, &t, Normal, new.collect()).await;
        let mine = claim(&*world.store, 0).await;
        world.done(&t, settle(&mine[0], end, 5)).await;
        assert_eq!(due(&world, &t, all[2]).await, None, "the other may still arrive");
        world.done(&t, settle(&mine[1], Failed, 6)).await;
        assert_eq!(due(&world, &t, all[2]).await, Some(6));
        assert_eq!(due(&world, &t, all[3]).await, Some(6));
        assert_eq!(due(&world, &t, all[4]).await, None, "one place after the other");
        for one in claim(&*world.store, 6).await {
            world.done(&t, settle(&one, end, 7)).await;
        }
        assert_eq!(ids(&claim(&*world.store, 7).await), [all[4]]);
    }
}

pub async fn a_place_that_arrived_or_may_keeps_the_next_one_waiting(world: World) {
    let t = tenant("t");
    for alive in [Sent, Delivered, Queued, Held] {
        let new = [0, 0, 1].map(|place| new_delivery(place, (place == 0).then(|| at(0)))).to_vec();
        let all = put(&world, &t, Normal, new).await;
        let mine = claim(&*world.store, 0).await;
        let mut first = settlement(&mine[0], alive, 3);
        first.due_at = Some(at(99_000));
        world.done(&t, Write::Settle(Box::new(first))).await;
        world.done(&t, settle(&mine[1], Failed, 4)).await;
        assert_eq!(due(&world, &t, all[2]).await, None, "{alive:?}");
    }
}

/// After a failure nobody waits for a time that was meant for a success.
pub async fn what_was_to_come_later_comes_at_once_unless_it_is_held_or_was_tried(world: World) {
    let t = tenant("t");
    let later = || new_delivery(1, Some(at(5_000)));
    let held = NewDelivery { state: Held, ..later() };
    let held_id = held.id;
    let tried = NewDelivery { due_at: Some(at(0)), ..later() };
    let new = vec![new_delivery(0, Some(at(0))), later(), held, tried, new_delivery(2, None)];
    let all = put(&world, &t, Normal, new).await;
    let mine = claim(&*world.store, 0).await;
    let (first, tried): (Vec<_>, Vec<_>) = mine.into_iter().partition(|one| one.position == 0);
    let mut again = settlement(&tried[0], Queued, 1);
    again.due_at = Some(at(7_000));
    world.done(&t, Write::Settle(Box::new(again))).await;
    world.done(&t, settle(&first[0], Failed, 4)).await;
    assert_eq!(due(&world, &t, all[1]).await, Some(4));
    assert_eq!(due(&world, &t, held_id).await, Some(5_000));
    assert_eq!(due(&world, &t, tried[0].id).await, Some(7_000));
    assert_eq!(due(&world, &t, all[4]).await, None, "one place after the other");
}

/// What the next places come to: state and time of the second and the third.
type Stands = [(DeliveryState, Option<i64>); 2];

/// What follows is the caller's to say.
pub async fn the_next_place_waits_comes_later_or_is_skipped_as_it_was_told(world: World) {
    let skip = Next::Skip(Reason::Expired);
    for (next, stands) in [
        (Next::Wait, [(Queued, None), (Queued, None)]),
        (Next::DueAt(at(70)), [(Queued, Some(70)), (Queued, None)]),
        (skip, [(Skipped, None), (Skipped, None)]),
    ] {
        for is_report in [false, true] {
            follows(&world, next, stands, is_report).await;
        }
    }
}

async fn follows(world: &World, next: Next, stands: Stands, is_report: impl Into<bool>) {
    let t = tenant("t");
    let new = [(1, Some(0)), (2, None), (3, None), (0, None), (4, Some(8_000))];
    let mut new = new.map(|(place, due)| new_delivery(place, due.map(at)));
    new[4].escalate_after_ms = Some(8_000);
    let new = new.to_vec();
    let all = put(world, &t, Normal, new).await;
    let mine = claim(&*world.store, 0).await.remove(0);
    let write = if is_report.into() {
        let (id, reason, code) = (mine.id, Reason::Confirmed, None);
        Write::Report { id, from: Queued, to: Delivered, reason, code, at: at(3), next }
    } else {
        Write::Settle(Box::new(Settlement { next, ..settlement(&mine, Sent, 3) }))
    };
    world.done(&t, write).await;
    for (id, (state, time)) in all[1..3].iter().zip(stands) {
        let now = found(world, &t, *id).await;
        assert_eq!((now.state, due(world, &t, *id).await), (state, time), "{next:?}");
        assert!(state == Queued || now.reason == Reason::Expired);
    }
    // Neither an earlier place nor one with a time of its own is meant.
    for id in &all[3..] {
        assert_eq!(found(world, &t, *id).await.state, Queued);
    }
    let mut left = Vec::new();
    for id in &all[1..] {
        let from = found(world, &t, *id).await.state;
        let (reason, code, next) = (Reason::Confirmed, None, Next::Wait);
        left.push(Write::Report { id: *id, from, to: Delivered, reason, code, at: at(4), next });
    }
    world.commit(&t, left).await.unwrap();
}

/// What goes on only after a failure has nothing to wait for once an earlier place took it, even
/// where it has a time, which is the end of its wait.
pub async fn what_waits_for_a_failure_until_a_time_is_skipped_at_once(world: World) {
    let t = tenant("t");
    let until = |place| new_delivery(place, Some(at(9_000)));
    let all_at_once = NewDelivery { strategy: Strategy::All, ..until(1) };
    let escalates = NewDelivery { escalate_after_ms: Some(9_000), ..until(1) };
    let held = NewDelivery { state: Held, ..until(2) };
    let new = vec![new_delivery(0, Some(at(0))), until(1), held, all_at_once, escalates];
    let all = put(&world, &t, Normal, new).await;
    let mine = claim(&*world.store, 0).await.remove(0);
    let skip = Next::Skip(Reason::NotNeeded);
    let sent = Settlement { next: Next::Wait, ..settlement(&mine, Sent, 1) };
    world.done(&t, Write::Settle(Box::new(sent))).await;
    let (id, reason, code) = (all[0], Reason::Reported, None);
    let told = Write::Report { id, from: Sent, to: Delivered, reason, code, at: at(2), next: skip };
    world.done(&t, told).await;
    for id in &all[1..3] {
        let now = found(&world, &t, *id).await;
        assert_eq!((now.state, now.reason, now.due_at), (Skipped, Reason::NotNeeded, None));
        assert_eq!(now.updated_at, at(2));
    }
    assert_eq!(ids(&claim(&*world.store, 9_000).await), all[3..]);
}

/// What is told out of order is refused by the state that the caller decided from.
pub async fn what_is_told_afterwards_holds_only_for_the_state_it_was_told_of(world: World) {
    let t = tenant("t");
    let all = queue(&world, &t, &[Some(0), None]).await;
    let mine = claim(&*world.store, 0).await.remove(0);
    world.done(&t, settle(&mine, Sent, 1)).await;
    assert_stale(world.commit(&t, vec![report(all[0], Queued, Delivered, 2)]).await);
    assert_stale(world.commit(&t, vec![report(delivery_id(), Sent, Delivered, 2)]).await);
    assert_eq!(world.done(&t, report(all[0], Sent, Delivered, 3)).await, Outcome::Done);
    let now = found(&world, &t, all[0]).await;
    assert_eq!((now.state, now.reason, now.updated_at), (Delivered, Reason::Confirmed, at(3)));
    assert_eq!((now.code.as_deref(), now.due_at), (Some("30003"), None));
    assert_stale(world.commit(&t, vec![report(all[0], Sent, Failed, 4)]).await);
    assert_eq!(due(&world, &t, all[1]).await, None);
    // Which state may follow which is for the caller.
    world.done(&t, report(all[0], Delivered, Failed, 5)).await;
    assert_eq!(due(&world, &t, all[1]).await, Some(5));
}

/// A provider may tell of a delivery before the answer of the attempt is stored.
pub async fn a_report_ends_a_claim(world: World) {
    let t = tenant("t");
    let id = queue(&world, &t, &[Some(0)]).await[0];
    let mine = claim(&*world.store, 0).await.remove(0);
    world.done(&t, report(id, Queued, Delivered, 1)).await;
    assert_stale(world.commit(&t, vec![settle(&mine, Sent, 2)]).await);
    assert_eq!(claim(&*world.store, 90_000).await, []);
}

pub async fn what_an_overtaken_attempt_gave_is_kept_once(world: World) {
    let t = tenant("t");
    let id = queue(&world, &t, &[Some(0)]).await[0];
    let mine = claim(&*world.store, 0).await.remove(0);
    let kept = |state| KeptAttempt {
        id,
        claim: mine.claim,
        attempts_before: mine.attempts,
        state,
        code: None,
        reference: Some("SM1".into()),
        provider: Some("twilio".into()),
        ask_at: None,
        at: at(9),
    };
    let keep = |kept: KeptAttempt| Write::KeepAttempt(Box::new(kept));
    // The claim still holds: it is to be settled.
    assert_stale(world.commit(&t, vec![keep(kept(Queued))]).await);
    world.done(&t, report(id, Queued, Delivered, 1)).await;
    assert_stale(world.commit(&t, vec![keep(kept(Sent))]).await);
    let older = KeptAttempt { claim: mine.claim - 1, ..kept(Delivered) };
    assert_stale(world.commit(&t, vec![keep(older)]).await);
    assert_stale(world.commit(&tenant("other"), vec![keep(kept(Delivered))]).await);
    assert_eq!(world.done(&t, keep(kept(Delivered))).await, Outcome::Done);
    assert_stale(world.commit(&t, vec![keep(kept(Delivered))]).await);
    let found = found(&world, &t, id).await;
    assert_eq!((found.state, found.attempts, found.updated_at), (Delivered, 1, at(9)));
    assert_eq!(found.reference.as_deref(), Some("SM1"));
    assert_eq!(found.provider.as_deref(), Some("twilio"));
    assert_eq!(found.code.as_deref(), Some("30003"), "the news brought it");
}

pub async fn what_failed_for_good_can_be_tried_anew(world: World) {
    let t = tenant("t");
    let all = queue(&world, &t, &[Some(0), Some(0), Some(0)]).await;
    let mine = claim(&*world.store, 0).await;
    for (one, state) in mine.iter().zip([Failed, Sent, Failed]) {
        world.done(&t, settle(one, state, 1)).await;
    }
    let replay = |ids: &[DeliveryId]| Write::Replay { ids: ids.to_vec(), at: at(50) };
    // One that did not fail, or is another tenant's, and nothing of it is done.
    assert_stale(world.commit(&t, vec![replay(&all)]).await);
    let failed = [all[0], all[2]];
    assert_stale(world.commit(&tenant("other"), vec![replay(&failed)]).await);
    assert!(claim(&*world.store, 50).await.is_empty());
    assert_eq!(world.done(&t, replay(&failed)).await, Outcome::Done);
    let again = claim(&*world.store, 50).await;
    assert_eq!(ids(&again), [all[0], all[2]]);
    assert!(again.iter().all(|one| (one.attempts, one.state) == (0, Queued)));
}

/// Puts another notification with these deliveries in the place of one.
async fn replace(world: &World, of: &NewNotification, deliveries: Vec<NewDelivery>, ms: i64) {
    let new = NewNotification { created_at: at(ms), ..of.clone() };
    let writes = vec![Write::Replace(Box::new(new.clone())), enqueue(&new, Normal, deliveries)];
    world.commit(&tenant("t"), writes).await.unwrap();
}

/// Publishes a notification with deliveries at these places that are due then.
async fn plan(world: &World, places: &[(u8, Option<i64>)]) -> (NewNotification, Vec<DeliveryId>) {
    let new = note(&user("u"), "n");
    let deliveries: Vec<NewDelivery> =
        places.iter().map(|(place, due)| new_delivery(*place, due.map(at))).collect();
    let all = deliveries.iter().map(|one| one.id).collect();
    let writes = vec![publish(&new), enqueue(&new, Normal, deliveries)];
    world.commit(&tenant("t"), writes).await.unwrap();
    (new, all)
}

pub async fn what_is_under_way_of_what_is_replaced_is_settled_and_nothing_else_goes_out(
    world: World,
) {
    let t = tenant("t");
    let (old, all) = plan(&world, &[(0, Some(0)), (0, Some(0)), (0, Some(0)), (1, None)]).await;
    let mine = claim(&*world.store, 0).await;
    let mut again = settlement(&mine[1], Queued, 1);
    again.due_at = Some(at(50));
    world.done(&t, Write::Settle(Box::new(again))).await;
    world.done(&t, settle(&mine[2], Sent, 1)).await;
    replace(&world, &old, vec![], 9).await;
    let under_way = found(&world, &t, all[0]).await;
    assert_eq!((under_way.state, under_way.is_replaced), (Queued, true));
    assert_eq!(under_way.due_at, mine[0].due_at, "the lease goes on");
    let waited = found(&world, &t, all[1]).await;
    assert_eq!((waited.state, waited.reason), (Skipped, Reason::Replaced));
    assert_eq!((waited.due_at, waited.updated_at, waited.attempts), (None, at(9), 1));
    let sent = found(&world, &t, all[2]).await;
    assert_eq!((sent.state, sent.updated_at, sent.is_replaced), (Sent, at(1), true));
    assert_eq!(world.store.delivery(&t, all[3]).await.unwrap(), None, "nobody looked at it");
    assert_eq!(world.done(&t, settle(&mine[0], Sent, 10)).await, Outcome::Done);
    let settled = found(&world, &t, all[0]).await;
    assert_eq!((settled.state, settled.attempts), (Sent, 1));
    assert_eq!(claim(&*world.store, 90_000).await, []);
}

pub async fn channels_of_what_is_replaced_say_nothing_about_those_of_the_other(world: World) {
    let t = tenant("t");
    let (old, before) = plan(&world, &[(0, Some(0)), (0, Some(0)), (1, None)]).await;
    let mine = claim(&*world.store, 0).await;
    world.done(&t, settle(&mine[0], Sent, 1)).await;
    let new = [0, 1, 2].map(|place| new_delivery(place, (place == 0).then(|| at(20)))).to_vec();
    let after = ids_of(&new);
    replace(&world, &old, new, 10).await;
    // What becomes of the old ones gives the new ones no turn, and takes none.
    world.done(&t, settle(&mine[1], Failed, 11)).await;
    let skip = Next::Skip(Reason::NotNeeded);
    let (id, reason, code) = (before[0], Reason::Receipt, None);
    let told =
        Write::Report { id, from: Sent, to: Delivered, reason, code, at: at(12), next: skip };
    world.done(&t, told).await;
    for id in &after[1..] {
        let now = found(&world, &t, *id).await;
        assert_eq!((now.state, now.due_at, now.is_replaced), (Queued, None, false));
    }
    // Nor does one that arrived keep the next of the new ones waiting.
    let mine = claim(&*world.store, 20).await.remove(0);
    assert_eq!(mine.id, after[0]);
    world.done(&t, settle(&mine, Failed, 21)).await;
    assert_eq!(due(&world, &t, after[1]).await, Some(21));
    assert_eq!(due(&world, &t, after[2]).await, None);
}

fn ids_of(new: &[NewDelivery]) -> Vec<DeliveryId> {
    new.iter().map(|one| one.id).collect()
}
