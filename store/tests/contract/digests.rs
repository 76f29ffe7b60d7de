//! Digests: what joins one goes out with it, and it ends as it was read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use landfall_core::digest::Digest;
use landfall_core::id::{NotificationId, SendId, Tenant};
use landfall_store::{
    DigestNext, DigestWrite, DueDigest, Outcome, SendState, SendTo, Store, StoreError, StoredSend,
    Write,
};
use tokio::task::JoinSet;

use super::make::{at, note, publish, send_id, tenant, unit, user};
use super::sends::send;
use super::world::{World, assert_stale, everything};

fn to_ana(tenant: &Tenant) -> StoredSend {
    let id = send_id();
    let to = SendTo::One(user("ana"), NotificationId(id.0), None);
    let digest = Some(Digest { key: "k".into(), window_ms: 9 });
    StoredSend { id, digest, ..send(tenant, to) }
}

fn write(write: DigestWrite) -> Write {
    Write::Digest(Box::new(write))
}

fn join(id: SendId, due_ms: i64) -> Write {
    let (user, key, due_at) = (user("ana"), "k".into(), at(due_ms));
    write(DigestWrite::Join { id, user, key, due_at })
}

/// Stores a send that joins at once.
async fn joined(world: &World, tenant: &Tenant, due_ms: i64) -> SendId {
    let send = to_ana(tenant);
    let writes = vec![Write::CreateSend(Box::new(send.clone())), join(send.id, due_ms)];
    world.store.commit(unit(tenant, writes)).await.unwrap();
    send.id
}

async fn due(world: &World, now_ms: i64) -> Vec<DueDigest> {
    world.store.due_digests(at(now_ms), 9).await.unwrap()
}

fn close(digest: &DueDigest, sends: &[SendId], next: DigestNext) -> Write {
    write(DigestWrite::Close { digest: digest.clone(), sends: sends.to_vec(), next })
}

async fn gathered(world: &World, tenant: &Tenant) -> Vec<SendId> {
    let sends = world.store.gathered(tenant, &user("ana"), "k", 9).await.unwrap();
    sends.into_iter().map(|send| send.id).collect()
}

pub async fn what_joins_a_digest_waits_until_the_first_window_ends(mut world: World) {
    let (t, other) = (tenant("t"), tenant("other"));
    let first = joined(&world, &t, 10).await;
    let second = joined(&world, &t, 20).await;
    joined(&world, &other, 30).await;
    assert_stale(world.commit(&t, vec![join(first, 10)]).await);
    world.reopen().await;
    assert_eq!(gathered(&world, &t).await, [first, second]);
    let stored = world.store.send(&t, second).await.unwrap().unwrap();
    assert_eq!(stored.state, SendState::Gathered);
    assert_eq!(due(&world, 9).await, []);
    let [digest] = &due(&world, 10).await[..] else { panic!("one digest") };
    let (expected_user, key) = (user("ana"), "k".to_owned());
    assert_eq!(digest, &DueDigest { tenant: t.clone(), user: expected_user, key, joined: 2 });
    for (now, oldest) in [(9, None), (12, Some(at(10)))] {
        assert_eq!(world.store.backlog(at(now), 9).await.unwrap().oldest_digest, oldest);
    }
    // Whoever cannot wait so long makes all go out sooner.
    joined(&world, &t, 5).await;
    assert_eq!(due(&world, 5).await.len(), 1);
    let known = world.store.digest_due_at(&t, &user("ana"), "k").await.unwrap();
    assert_eq!(known, Some(at(5)));
    assert_eq!(world.store.digest_due_at(&t, &user("ben"), "k").await.unwrap(), None);
}

pub async fn a_digest_ends_only_as_it_was_read(world: World) {
    let t = tenant("t");
    let (first, second) = (joined(&world, &t, 10).await, joined(&world, &t, 10).await);
    let before = due(&world, 10).await.remove(0);
    let third = joined(&world, &t, 10).await;
    let all = [first, second, third];
    assert_stale(world.commit(&t, vec![close(&before, &all[..2], DigestNext::Ends)]).await);
    let now = due(&world, 10).await.remove(0);
    assert_stale(world.commit(&t, vec![close(&now, &all[..2], DigestNext::Ends)]).await);
    let cancel = Write::CancelSend { id: second, at: at(9), recalls: false };
    world.done(&t, cancel).await;
    assert_stale(world.commit(&t, vec![close(&now, &all, DigestNext::Ends)]).await);
    assert_eq!(gathered(&world, &t).await, [first, third]);
    let outcome = world.done(&t, close(&now, &[first, third], DigestNext::Ends)).await;
    assert_eq!((outcome, due(&world, 99).await), (Outcome::Done, vec![]));
    assert_stale(world.commit(&t, vec![close(&now, &[first, third], DigestNext::Ends)]).await);
    let ended = world.store.send(&t, first).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.canceled_at), (SendState::Ended, None));
}

pub async fn a_digest_goes_on_with_what_is_too_much(world: World) {
    let t = tenant("t");
    let mut sends = Vec::new();
    for _ in 0..3 {
        sends.push(joined(&world, &t, 1).await);
    }
    let all = due(&world, 1).await.remove(0);
    world.done(&t, close(&all, &sends[..2], DigestNext::GoesOn)).await;
    assert_stale(world.commit(&t, vec![close(&all, &sends[..2], DigestNext::GoesOn)]).await);
    let rest = due(&world, 1).await.remove(0);
    assert_eq!(gathered(&world, &t).await, &sends[2..]);
    world.done(&t, close(&rest, &sends[2..], DigestNext::Ends)).await;
    assert_eq!(due(&world, 99).await, []);
}

/// Two let digests go out while two others join: each send goes out once, by a notification of its own name.
pub async fn of_two_workers_one_ends_a_digest_and_none_is_left_out(world: World) {
    ended_by_two_and_joined_by_two(&[Arc::clone(&world.store), Arc::clone(&world.store)]).await;
}

pub async fn ended_by_two_and_joined_by_two(stores: &[Arc<dyn Store>; 2]) {
    let t = tenant("t");
    let is_over = Arc::new(AtomicBool::new(false));
    let mut ending = JoinSet::new();
    for store in stores {
        ending.spawn(end_digests(Arc::clone(store), t.clone(), Arc::clone(&is_over)));
    }
    let mut joining = JoinSet::new();
    for store in stores {
        let (store, t) = (Arc::clone(store), t.clone());
        joining.spawn(async move {
            for _ in 0..30 {
                let send = to_ana(&t);
                let writes = vec![Write::CreateSend(Box::new(send.clone())), join(send.id, 1)];
                store.commit(unit(&t, writes)).await.unwrap();
            }
        });
    }
    joining.join_all().await;
    is_over.store(true, Ordering::Release);
    ending.join_all().await;
    let inbox = stores[0].list(&t, &user("ana"), everything()).await.unwrap();
    let mut titles: Vec<String> = inbox.iter().map(|found| found.content.title.clone()).collect();
    titles.sort();
    titles.dedup();
    assert_eq!((inbox.len(), titles.len()), (60, 60));
}

/// Ends digests until none is left when all is over.
async fn end_digests(store: Arc<dyn Store>, t: Tenant, is_over: Arc<AtomicBool>) {
    loop {
        let was_over = is_over.load(Ordering::Acquire);
        let Some(digest) = store.due_digests(at(9), 1).await.unwrap().pop() else {
            if was_over {
                return;
            }
            tokio::task::yield_now().await;
            continue;
        };
        let sends = store.gathered(&t, &user("ana"), "k", 99).await.unwrap();
        let ids: Vec<_> = sends.iter().map(|send| send.id).collect();
        let mut writes = vec![close(&digest, &ids, DigestNext::Ends)];
        writes.extend(ids.iter().map(|id| publish(&note(&user("ana"), &id.to_string()))));
        match store.commit(unit(&t, writes)).await {
            Ok(_) | Err(StoreError::Stale) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}
