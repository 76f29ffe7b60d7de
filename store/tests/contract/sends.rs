//! Sends to many: stored once, moved on exactly once a step.

use std::sync::Arc;

use landfall_core::id::{SendId, Tenant};
use landfall_store::{Outcome, SendTo, StoreError, StoredSend, Write};
use tokio::task::JoinSet;

use super::make::{at, content, note, publish, send_id, tenant, topic_id, unit, user};
use super::world::{World, assert_stale};

pub fn send(tenant: &Tenant, to: SendTo) -> StoredSend {
    StoredSend {
        id: send_id(),
        tenant: tenant.clone(),
        content: Arc::new(content("to many")),
        route: r#"{"channels":["push"]}"#.into(),
        to,
        cursor: String::new(),
        accepted: 3,
        expanded: 0,
        is_active: true,
        canceled_at: None,
        created_at: at(0),
        expires_at: None,
    }
}

fn class(tenant: &Tenant) -> StoredSend {
    send(tenant, SendTo::Topic(topic_id("c")))
}

fn create(send: &StoredSend) -> Write {
    Write::CreateSend(Box::new(send.clone()))
}

fn advance(id: SendId, from: &str, to: &str) -> Write {
    Write::AdvanceSend { id, from: from.into(), to: to.into(), reached: 2, is_complete: false }
}

fn complete(id: SendId, from: &str, to: &str) -> Write {
    Write::AdvanceSend { id, from: from.into(), to: to.into(), reached: 1, is_complete: true }
}

async fn active(world: &World, limit: usize) -> Vec<SendId> {
    let mut ids: Vec<_> =
        world.store.active_sends(None, limit).await.unwrap().iter().map(|send| send.id).collect();
    ids.sort();
    ids
}

pub async fn a_send_reads_back_as_it_was_stored(mut world: World) {
    let t = tenant("t");
    let users = ["a b", "ünï", "z"].map(user).to_vec();
    let sends = [
        StoredSend { expires_at: Some(at(9)), ..send(&t, SendTo::Users(users)) },
        send(&t, SendTo::Users(vec![user("one")])),
        send(&t, SendTo::Users(vec![])),
        class(&t),
        StoredSend { cursor: "m".into(), expanded: 2, ..class(&t) },
        StoredSend { is_active: false, ..class(&t) },
    ];
    for send in &sends {
        assert_eq!(world.done(&t, create(send)).await, Outcome::Done);
    }
    world.reopen().await;
    for send in sends {
        assert_eq!(world.store.send(&t, send.id).await.unwrap(), Some(send));
    }
    assert_eq!(world.store.send(&t, send_id()).await.unwrap(), None);
}

pub async fn each_tenant_gets_its_oldest_active_send(world: World) {
    let tenants = ["t1", "t2", "t3"].map(tenant);
    let mut oldest = Vec::new();
    for (n, t) in tenants.iter().enumerate() {
        for age in [7, 3, 5, 3] {
            let send = StoredSend { created_at: at(age + n as i64), ..class(t) };
            world.done(t, create(&send)).await;
            if age == 3 && oldest.len() == n {
                oldest.push(send.id);
            }
        }
    }
    oldest.sort();
    assert_eq!(active(&world, 9).await, oldest);
    assert_eq!(active(&world, 2).await.len(), 2);
    let after = |t: &Tenant| world.store.active_sends(Some(t.clone()), 2);
    let of = |sends: Vec<StoredSend>| sends.into_iter().map(|send| send.tenant);
    assert!(of(after(&tenants[0]).await.unwrap()).eq(tenants[1..].iter().cloned()));
    assert!(of(after(&tenants[2]).await.unwrap()).eq([]));
    for (id, t) in oldest.iter().zip(&tenants) {
        world.done(t, complete(*id, "", "z")).await;
    }
    let next = active(&world, 9).await;
    assert_eq!(next.len(), 3);
    assert!(next.iter().all(|id| !oldest.contains(id)));
}

/// Two workers walk the same send; each step publishes, so that a second effect would show.
pub async fn of_two_workers_one_advances_a_send(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let send = class(&t);
    world.done(&t, create(&send)).await;
    let mut workers = JoinSet::new();
    for _ in 0..2 {
        let (store, t, u, id) = (Arc::clone(&world.store), t.clone(), u.clone(), send.id);
        workers.spawn(async move {
            let mut steps = 0;
            loop {
                let now = store.send(&t, id).await.unwrap().unwrap();
                if !now.is_active {
                    return steps;
                }
                let to = format!("{:02}", now.expanded / 2 + 1);
                let step = match to.as_str() {
                    "20" => complete(id, &now.cursor, &to),
                    _ => advance(id, &now.cursor, &to),
                };
                match store.commit(unit(&t, vec![publish(&note(&u, &to)), step])).await {
                    Ok(_) => steps += 1,
                    Err(StoreError::Stale) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
    }
    assert_eq!(workers.join_all().await.iter().sum::<u32>(), 20);
    let mut titles: Vec<String> =
        world.inbox(&t, &u).await.iter().map(|found| found.content.title.clone()).collect();
    titles.reverse();
    assert_eq!(titles, (1..=20).map(|n| format!("{n:02}")).collect::<Vec<_>>());
    let ended = world.store.send(&t, send.id).await.unwrap().unwrap();
    assert_eq!((ended.expanded, ended.cursor.as_str()), (39, "20"));
}

pub async fn a_completed_send_moves_no_more(world: World) {
    let t = tenant("t");
    let send = class(&t);
    world.done(&t, create(&send)).await;
    assert_stale(world.commit(&t, vec![advance(send.id, "x", "y")]).await);
    assert_stale(world.commit(&t, vec![advance(send_id(), "", "y")]).await);
    world.done(&t, advance(send.id, "", "m")).await;
    assert_stale(world.commit(&t, vec![advance(send.id, "", "m")]).await);
    assert_eq!(active(&world, 9).await, [send.id]);
    world.done(&t, complete(send.id, "m", "z")).await;
    assert_eq!(active(&world, 9).await, []);
    assert_stale(world.commit(&t, vec![complete(send.id, "z", "zz")]).await);
    let ended = world.store.send(&t, send.id).await.unwrap().unwrap();
    let expected = StoredSend { cursor: "z".into(), expanded: 3, is_active: false, ..send };
    assert_eq!(ended, expected);
}

pub async fn a_send_belongs_to_the_tenant_of_its_unit(world: World) {
    let (t, other) = (tenant("t"), tenant("other"));
    let send = class(&other);
    world.done(&t, create(&send)).await;
    assert_eq!(world.store.send(&other, send.id).await.unwrap(), None);
    let stored = world.store.send(&t, send.id).await.unwrap();
    assert_eq!(stored, Some(StoredSend { tenant: t, ..send }));
}
