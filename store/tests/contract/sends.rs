//! Sends to many: stored once, moved on exactly once a step.

use std::sync::Arc;

use landfall_core::digest::Digest;
use landfall_core::due::LocalTime;
use landfall_core::id::{SendId, Tenant};
use landfall_store::{
    BroughtWith, Later, Outcome, SendNext, SendState, SendTo, StoreError, StoredSend, Write,
};
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
        state: SendState::Active,
        later: None,
        reminds: None,
        digest: None,
        canceled_at: None,
        created_at: at(0),
        expires_at: None,
    }
}

fn class(tenant: &Tenant) -> StoredSend {
    send(tenant, SendTo::Topic(topic_id("c")))
}

/// A send that goes out later.
fn waiting(tenant: &Tenant, due_ms: i64) -> StoredSend {
    let later =
        Later { due_at: at(due_ms), local: None, lives_ms: None, part_of: None, phone: None };
    StoredSend { state: SendState::Waits, later: Some(later), ..class(tenant) }
}

/// A notification to one user that goes out later, with a phone number.
fn to_one(tenant: &Tenant, due_ms: i64) -> StoredSend {
    let waiting = waiting(tenant, due_ms);
    let phone = Some(vec![1, 2]);
    StoredSend {
        to: SendTo::One(user("one"), note(&user("one"), "n").id, None),
        later: waiting.later.clone().map(|later| Later { phone, ..later }),
        ..waiting
    }
}

fn create(send: &StoredSend) -> Write {
    Write::CreateSend(Box::new(send.clone()))
}

fn advance(id: SendId, from: &str, to: &str) -> Write {
    Write::AdvanceSend { id, from: from.into(), to: to.into(), reached: 2, next: SendNext::GoesOn }
}

fn complete(id: SendId, from: &str, to: &str) -> Write {
    Write::AdvanceSend { id, from: from.into(), to: to.into(), reached: 1, next: SendNext::Ends }
}

/// Gives the active sends to many of these tenants.
async fn active(world: &World) -> Vec<SendId> {
    let mut ids = Vec::new();
    for tenant in world.store.active_tenants(None, 9).await.unwrap() {
        let sends = world.store.active_sends(&tenant, 9).await.unwrap();
        ids.extend(sends.iter().map(|send| send.id));
    }
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
        send(&t, SendTo::Members(topic_id("c"), vec![user("ann"), user("bob")])),
        StoredSend { cursor: "m".into(), expanded: 2, ..class(&t) },
        StoredSend { state: SendState::Ended, ..class(&t) },
        waiting(&t, 7),
        StoredSend {
            later: Some(Later {
                due_at: at(7),
                local: Some(LocalTime::parse("2026-01-15T08:00").unwrap()),
                lives_ms: Some(5),
                part_of: Some(send_id()),
                phone: None,
            }),
            ..class(&t)
        },
        to_one(&t, 7),
        StoredSend {
            to: SendTo::One(user("one"), note(&user("one"), "n").id, Some(topic_id("c"))),
            digest: Some(Digest { key: "k".into(), window_ms: 9 }),
            ..to_one(&t, 7)
        },
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

pub async fn each_tenant_gets_its_turn_with_its_oldest_and_newest_sends(world: World) {
    let tenants = ["t1", "t2", "t3"].map(tenant);
    let mut sends = Vec::new();
    for age in [7, 3, 5, 1, 9] {
        let send = StoredSend { created_at: at(age), ..class(&tenants[0]) };
        world.done(&tenants[0], create(&send)).await;
        sends.push((age, send.id));
    }
    for t in &tenants[1..] {
        world.done(t, create(&class(t))).await;
    }
    let one = StoredSend { state: SendState::Active, ..to_one(&tenants[0], 7) };
    world.done(&tenants[0], create(&one)).await;
    let turns = async |after: Option<&Tenant>, limit| {
        world.store.active_tenants(after.cloned(), limit).await.unwrap()
    };
    assert_eq!(turns(None, 9).await, tenants);
    assert_eq!(turns(None, 2).await, tenants[..2]);
    assert_eq!(turns(Some(&tenants[0]), 9).await, tenants[1..]);
    assert_eq!(turns(Some(&tenants[2]), 9).await, []);
    sends.sort();
    let active = async |limit| {
        let sends = world.store.active_sends(&tenants[0], limit).await.unwrap();
        sends.into_iter().map(|send| send.id).collect::<Vec<_>>()
    };
    let of = |places: &[usize]| places.iter().map(|place| sends[*place].1).collect::<Vec<_>>();
    assert_eq!(active(9).await, of(&[0, 1, 2, 3, 4]));
    assert_eq!(active(3).await, of(&[0, 1, 4]));
    assert_eq!(active(1).await, of(&[0]));
    world.done(&tenants[0], complete(sends[0].1, "", "z")).await;
    assert_eq!(active(2).await, of(&[1, 4]));
    world
        .done(
            &tenants[1],
            complete(world.store.active_sends(&tenants[1], 1).await.unwrap()[0].id, "", "z"),
        )
        .await;
    assert_eq!(turns(None, 9).await, [tenants[0].clone(), tenants[2].clone()]);
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
                if now.state == SendState::Ended {
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

pub async fn a_send_that_waits_begins_when_it_is_due(world: World) {
    let (t, other) = (tenant("t"), tenant("other"));
    let (first, second, third) = (waiting(&t, 10), waiting(&t, 20), waiting(&other, 15));
    for send in [&second, &first, &third] {
        world.done(&send.tenant, create(send)).await;
    }
    assert_eq!(active(&world).await, []);
    assert_stale(world.commit(&t, vec![advance(first.id, "", "m")]).await);
    let start = |ms, limit| world.store.start_sends(at(ms), limit);
    assert_eq!(start(9, 9).await.unwrap(), 0);
    assert_eq!(start(15, 1).await.unwrap(), 1, "the earliest first");
    assert_eq!(active(&world).await, [first.id]);
    let oldest = async |ms| world.store.backlog(at(ms), 9).await.unwrap().oldest_later;
    assert_eq!((oldest(14).await, oldest(30).await), (None, Some(at(15))));
    assert_eq!(start(99, 9).await.unwrap(), 2);
    assert_eq!(start(99, 9).await.unwrap(), 0);
    let begun = world.store.send(&t, second.id).await.unwrap();
    assert_eq!(begun, Some(StoredSend { state: SendState::Active, ..second }));
}

pub async fn a_send_that_is_taken_back_takes_what_it_left_for_later_along(world: World) {
    let (t, other) = (tenant("t"), tenant("other"));
    let whole = class(&t);
    let of_whole = |send: StoredSend| {
        let later = send.later.clone().map(|later| Later { part_of: Some(whole.id), ..later });
        StoredSend { later, ..send }
    };
    let (part, strange) = (of_whole(waiting(&t, 10)), of_whole(waiting(&other, 10)));
    for send in [&whole, &part, &strange] {
        world.done(&send.tenant, create(send)).await;
    }
    let cancel = Write::CancelSend { id: whole.id, at: at(5), recalls: false };
    world.done(&t, cancel).await;
    assert_eq!(world.store.start_sends(at(99), 9).await.unwrap(), 1);
    assert_eq!(active(&world).await, [strange.id], "another tenant's is left alone");
    let ended = world.store.send(&t, part.id).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.canceled_at), (SendState::Ended, Some(at(5))));
}

/// Moves a send to one user on.
fn after_one(id: SendId, next: SendNext) -> Write {
    let reached = u64::from(next == SendNext::Ends);
    Write::AdvanceSend { id, from: String::new(), to: String::new(), reached, next }
}

pub async fn a_send_to_one_is_put_off_or_gone_out_or_taken_back(world: World) {
    let t = tenant("t");
    let (one, other, many) = (to_one(&t, 10), to_one(&t, 10), class(&t));
    for send in [&one, &other, &many] {
        world.done(&t, create(send)).await;
    }
    let ones = async || world.store.active_ones(&t, 9).await.unwrap();
    assert_eq!(ones().await, []);
    assert_eq!(world.store.start_sends(at(10), 9).await.unwrap(), 2);
    assert_eq!(ones().await.len(), 2, "the one to many is none of them");
    assert_eq!(world.store.active_ones(&t, 1).await.unwrap().len(), 1);
    let put_off = after_one(one.id, SendNext::WaitsUntil(at(50)));
    world.done(&t, put_off.clone()).await;
    assert_stale(world.commit(&t, vec![put_off]).await);
    world.done(&t, after_one(other.id, SendNext::Ends)).await;
    assert_eq!(world.store.start_sends(at(49), 9).await.unwrap(), 0);
    // What has gone out is for its notification to take back; what waits is not.
    let cancel = |id, recalls| Write::CancelSend { id, at: at(20), recalls };
    assert_stale(world.commit(&t, vec![cancel(other.id, false)]).await);
    assert_stale(world.commit(&t, vec![cancel(one.id, true)]).await);
    let stood = world.store.send(&t, one.id).await.unwrap().unwrap().later.unwrap();
    assert_eq!((stood.due_at, stood.phone), (at(50), Some(vec![1, 2])));
    world.done(&t, cancel(one.id, false)).await;
    for id in [one.id, other.id] {
        let ended = world.store.send(&t, id).await.unwrap().unwrap();
        assert_eq!((ended.state, ended.later.unwrap().phone), (SendState::Ended, None));
    }
    assert_eq!(world.store.start_sends(at(99), 9).await.unwrap(), 0);
}

pub async fn a_number_that_waits_with_a_send_is_sealed_anew(world: World) {
    let (t, other) = (tenant("t"), tenant("other"));
    let mut with = [to_one(&t, 10), to_one(&other, 10), to_one(&t, 10)];
    with.sort_by_key(|send| send.id);
    for send in with.iter().chain([&waiting(&t, 10)]) {
        world.done(&send.tenant, create(send)).await;
    }
    let (mut walked, mut after) = (Vec::new(), None);
    while let Some(next) = world.store.sealed_sends(after.take(), 1).await.unwrap().pop() {
        after = Some(next.id);
        walked.push(next);
    }
    assert_eq!(walked, with, "and none without a number");
    let StoredSend { id, tenant, .. } = walked.remove(0);
    let with = BroughtWith::Send(id);
    let renew = |from: &[u8], to| Write::RenewBrought { with, from: from.to_vec(), to: vec![to] };
    world.done(&tenant, renew(&[1, 2], 9)).await;
    assert_stale(world.commit(&tenant, vec![renew(&[1, 2], 8)]).await);
    let found = world.store.send(&tenant, id).await.unwrap().unwrap().later.unwrap();
    assert_eq!(found.phone, Some(vec![9]));
}

pub async fn a_completed_send_moves_no_more(world: World) {
    let t = tenant("t");
    let send = class(&t);
    world.done(&t, create(&send)).await;
    assert_stale(world.commit(&t, vec![advance(send.id, "x", "y")]).await);
    assert_stale(world.commit(&t, vec![advance(send_id(), "", "y")]).await);
    world.done(&t, advance(send.id, "", "m")).await;
    assert_stale(world.commit(&t, vec![advance(send.id, "", "m")]).await);
    assert_eq!(active(&world).await, [send.id]);
    world.done(&t, complete(send.id, "m", "z")).await;
    assert_eq!(active(&world).await, []);
    assert_stale(world.commit(&t, vec![complete(send.id, "z", "zz")]).await);
    let ended = world.store.send(&t, send.id).await.unwrap().unwrap();
    let expected = StoredSend { cursor: "z".into(), expanded: 3, state: SendState::Ended, ..send };
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
