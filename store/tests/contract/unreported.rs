//! Text messages of which no report came: whose provider is asked, and when again.

use landfall_core::channel::DeliveryState::{self, Delivered, Failed, Queued, Sent};
use landfall_core::id::{DeliveryId, Tenant};
use landfall_core::plan::Reason;
use landfall_store::{AskAgain, Delivery, KeptAttempt, Settlement, Write};

use super::make::{at, tenant};
use super::make_reach::{ids, next, settlement};
use super::queueing::{claim, found, queue};
use super::world::World;

/// Settles what was claimed, to be asked for at a time.
fn settled(of: &Delivery, state: DeliveryState, ask_at: i64) -> Write {
    Write::Settle(Box::new(Settlement { ask_at: Some(at(ask_at)), ..settlement(of, state, 1) }))
}

/// Puts a message that was taken, to be asked for at a time.
async fn taken(world: &World, t: &Tenant, ask_at: i64) -> DeliveryId {
    let id = queue(world, t, &[Some(0)]).await[0];
    let mine = claim(&*world.store, 0).await.remove(0);
    world.done(t, settled(&mine, Sent, ask_at)).await;
    id
}

fn report(id: DeliveryId, from: DeliveryState, to: DeliveryState) -> Write {
    let (reason, code) = (Reason::Reported, None);
    Write::Report { id, from, to, reason, code, at: at(2), next: next(to) }
}

async fn unreported(world: &World, now: i64) -> Vec<DeliveryId> {
    ids(&world.store.unreported(at(now), 9).await.unwrap())
}

pub async fn those_that_wait_longest_are_asked_for_first_whosever_they_are(world: World) {
    let (a, b) = (tenant("a"), tenant("b"));
    let late = taken(&world, &a, 9).await;
    let first = taken(&world, &b, 5).await;
    let second = taken(&world, &a, 7).await;
    assert_eq!(unreported(&world, 4).await, []);
    assert_eq!(unreported(&world, 8).await, [first, second]);
    let two = world.store.unreported(at(99), 2).await.unwrap();
    assert_eq!(ids(&two), [first, second]);
    assert_eq!(two[0], found(&world, &b, first).await);
    assert_eq!((two[0].ask_at, two[0].due_at), (Some(at(5)), None));
    assert_eq!(unreported(&world, 9).await, [first, second, late]);
}

pub async fn what_is_open_or_has_ended_is_not_asked_for(world: World) {
    let t = tenant("t");
    for state in [Queued, Delivered, Failed] {
        let id = queue(&world, &t, &[Some(0)]).await[0];
        let mine = claim(&*world.store, 0).await.remove(0);
        world.done(&t, settled(&mine, state, 5)).await;
        assert_eq!(found(&world, &t, id).await.ask_at, None, "{state:?}");
        if state == Queued {
            world.done(&t, report(id, Queued, Failed)).await;
        }
    }
    for state in [Delivered, Failed] {
        let id = taken(&world, &t, 5).await;
        assert_eq!(unreported(&world, 5).await, [id]);
        world.done(&t, report(id, Sent, state)).await;
        assert_eq!(found(&world, &t, id).await.ask_at, None, "{state:?}");
    }
    assert_eq!(unreported(&world, 99).await, []);
}

pub async fn of_two_who_would_ask_one_does(world: World) {
    let t = tenant("t");
    let id = taken(&world, &t, 5).await;
    let again = |from, to: Option<i64>| {
        let (tenant, to) = (t.clone(), to.map(at));
        world.store.ask_again(AskAgain { tenant, id, from: at(from), to })
    };
    let before = found(&world, &t, id).await;
    assert!(again(5, Some(70)).await.unwrap());
    assert!(!again(5, Some(80)).await.unwrap());
    assert_eq!(unreported(&world, 69).await, []);
    assert_eq!(unreported(&world, 70).await, [id]);
    let moved = Delivery { ask_at: Some(at(70)), ..before };
    assert_eq!(found(&world, &t, id).await, moved, "since when it was taken stays");
    let tenant = tenant("other");
    let theirs = AskAgain { tenant, id, from: at(70), to: None };
    assert!(!world.store.ask_again(theirs).await.unwrap());
    assert!(again(70, None).await.unwrap());
    assert_eq!(unreported(&world, 99_000).await, []);
    // What ended is not asked for anew.
    let id = taken(&world, &t, 5).await;
    world.done(&t, report(id, Sent, Delivered)).await;
    let late = AskAgain { tenant: t.clone(), id, from: at(5), to: Some(at(6)) };
    assert!(!world.store.ask_again(late).await.unwrap());
}

pub async fn an_overtaken_message_is_asked_for_unless_it_ended(world: World) {
    let t = tenant("t");
    for (state, ask_at) in [(Sent, Some(at(70))), (Delivered, None)] {
        let id = queue(&world, &t, &[Some(0)]).await[0];
        let mine = claim(&*world.store, 0).await.remove(0);
        world.done(&t, report(id, Queued, state)).await;
        let kept = KeptAttempt {
            id,
            claim: mine.claim,
            attempts_before: 0,
            state,
            code: None,
            reference: Some("SM1".into()),
            provider: Some("twilio".into()),
            ask_at: Some(at(70)),
            at: at(3),
        };
        world.done(&t, Write::KeepAttempt(Box::new(kept))).await;
        assert_eq!(found(&world, &t, id).await.ask_at, ask_at, "{state:?}");
    }
}
