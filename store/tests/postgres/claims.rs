//! The outbox shared by two nodes: nobody waits for a claim, and no failure goes unseen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use landfall_core::channel::DeliveryState::{Failed, Queued, Sent};
use landfall_core::notification::Priority::Normal;
use landfall_store::{Claiming, Delivery, Store, StoreError, Write};
use tokio::task::JoinSet;

use crate::contract::make::{at, tenant, unit};
use crate::contract::make_reach::{claiming, ids, new_delivery, settle, settlement};
use crate::contract::queueing::{claim, found, put, queue};
use crate::contract::world::World;
use crate::{Place, open};

/// Two nodes on one database.
async fn nodes(place: &Arc<Place>) -> (World, Arc<dyn Store>) {
    let world = World::new(Arc::clone(place) as Arc<dyn crate::contract::world::Backend>).await;
    (world, open(&place.settings()).await)
}

/// Neither sees what the other has not committed yet; the one that comes second has to.
#[tokio::test(flavor = "multi_thread")]
async fn two_that_fail_at_once_on_two_nodes_give_the_next_its_turn() {
    let place = Arc::new(Place::empty());
    let (world, other) = nodes(&place).await;
    let t = tenant("t");
    for _ in 0..40 {
        let new = [0, 0, 1].map(|place| new_delivery(place, (place == 0).then(|| at(0))));
        let all = put(&world, &t, Normal, new.to_vec()).await;
        let mine = claim(&*world.store, 0).await;
        let fail = |of: &Delivery| unit(&t, vec![settle(of, Failed, 5)]);
        let (a, b) = tokio::join!(world.store.commit(fail(&mine[0])), other.commit(fail(&mine[1])));
        a.and(b).unwrap();
        assert_eq!(found(&world, &t, all[2]).await.due_at, Some(at(5)));
        let next = claim(&*other, 5).await;
        assert_eq!(ids(&next), all[2..]);
        world.done(&t, settle(&next[0], Sent, 6)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_passes_over_what_another_node_is_taking() {
    let place = Arc::new(Place::empty());
    let (world, other) = nodes(&place).await;
    let all = queue(&world, &tenant("t"), &[Some(0), Some(1)]).await;
    let url = place.database.url();
    let (mut client, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let taking = client.transaction().await.unwrap();
    let sql = "select 1 from delivery where id = $1 for update";
    taking.query(sql, &[&all[0].0.as_bytes().as_slice()]).await.unwrap();
    let passing = tokio::time::timeout(Duration::from_secs(10), claim(&*other, 9));
    assert_eq!(ids(&passing.await.unwrap()), all[1..]);
    taking.rollback().await.unwrap();
    assert_eq!(ids(&claim(&*world.store, 9).await), all[..1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_node_has_claimed_is_not_given_back() {
    let place = Arc::new(Place::empty());
    let (world, other) = nodes(&place).await;
    queue(&world, &tenant("t"), &[Some(0)]).await;
    let mine = claim(&*world.store, 0).await.remove(0);
    assert_eq!(other.release_claims(at(1)).await.unwrap(), 0);
    assert_eq!(claim(&*other, 999).await, []);
    world.done(&tenant("t"), settle(&mine, Sent, 5)).await;
}

/// Claims and settles whatever is due until nothing is, in units of one or of several.
async fn work(store: Arc<dyn Store>, seed: usize) -> usize {
    let (mut ended, mut rounds, mut idle) = (0, 0, 0);
    while idle < 5 {
        rounds += 1;
        let few = Claiming { per_tenant: 4, limit: 6, ..claiming(10) };
        let claimed = store.claim(few).await.unwrap().deliveries;
        idle = if claimed.is_empty() { idle + 1 } else { 0 };
        let many = 1 + (rounds + seed) % 3;
        for part in claimed.chunks(many) {
            let writes = part.iter().rev().map(|of| ending(of, rounds + seed));
            match store.commit(unit(&part[0].tenant, writes.collect())).await {
                Ok(_) => ended += part.len(),
                Err(StoreError::Stale) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }
    ended
}

fn ending(of: &Delivery, dice: usize) -> Write {
    match dice % 3 {
        0 if of.attempts == 0 => {
            let mut again = settlement(of, Queued, 10);
            again.due_at = Some(at(10));
            Write::Settle(Box::new(again))
        }
        1 => settle(of, Sent, 10),
        _ => settle(of, Failed, 10),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_on_two_nodes_never_waits_in_a_circle() {
    let place = Arc::new(Place::empty());
    let (world, other) = nodes(&place).await;
    for n in 0..60 {
        let dues = [Some(0), Some(n), None, None];
        let new = dues.iter().enumerate().map(|(n, due)| new_delivery(n as u8 / 2, due.map(at)));
        put(&world, &tenant(["a", "b"][n as usize % 2]), Normal, new.collect()).await;
    }
    let mut workers = JoinSet::new();
    for seed in 0..8 {
        let store = if seed % 2 == 0 { &world.store } else { &other };
        workers.spawn(work(Arc::clone(store), seed));
    }
    let ended: usize = workers.join_all().await.into_iter().sum();
    assert!(ended >= 22, "{ended}");
    world.store.close();
    other.close();
    let sql = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(place.database.ask(sql).unwrap(), "0");
}

/// The server counts the rows that statements look at, and tells when a connection ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_costs_the_same_however_much_waits() {
    let place = Arc::new(Place::empty());
    let (world, other) = nodes(&place).await;
    for due in ["1900000000000 + n", "null"] {
        place
            .database
            .ask(&format!(
            "insert into delivery (tenant, id, notification_id, user_id, priority, channel, place,
                 state, reason, strategy, due_at, created_at, updated_at)
             select 'waiting', decode(md5(n || '{due}'), 'hex'), decode(md5(n || 'n'), 'hex'), 'u',
                 n % 4, 'push', 0, 'queued', 'requested', 'fallback', {due}, 0, 0
             from generate_series(1, 10000) n"
        ))
            .unwrap();
    }
    let mut all = Vec::new();
    for n in 0..10 {
        all.extend(queue(&world, &tenant("t"), &[Some(n)]).await);
    }
    place.database.ask("analyze delivery").unwrap();
    let read = "select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes
                where relname = 'delivery'";
    world.store.close();
    let mut claimed = Vec::new();
    for _ in 0..10 {
        // Often enough for the server to keep one plan for all values.
        let one = Claiming { limit: 1, ..claiming(100) };
        claimed.extend(ids(&other.claim(one).await.unwrap().deliveries));
    }
    assert_eq!(claimed, all);
    other.close();
    let scans = "select seq_scan || ' ' || n_tup_upd from pg_stat_user_tables
                 where relname = 'delivery'";
    let deadline = Instant::now() + Duration::from_secs(30);
    while !place.database.ask(scans).unwrap().ends_with(" 10") {
        assert!(Instant::now() < deadline, "{}", place.database.ask(scans).unwrap());
        tokio::task::yield_now().await;
    }
    let looked_at: u64 = place.database.ask(read).unwrap().parse().unwrap();
    assert!(looked_at < 500, "{looked_at}");
}
