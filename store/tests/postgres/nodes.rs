//! Two nodes on one database: nothing is missed, nothing is doubled, nobody waits in a circle.

use std::sync::{Arc, OnceLock};

use landfall_core::audit::Action;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_core::message::Message;
use landfall_core::topic::MemberRole;
use landfall_store::{DeviceNext, Guard, SendTo, Store, StoreError, SyncWrite, Unit, Write};
use tokio::task::JoinSet;

use crate::contract::make::{
    at, details, draft, key, mark_read, note, publish, put_member, put_topic, remove_member,
    tenant, topic, topic_id, unit, user,
};
use crate::contract::make_messages::{message, send as send_message};
use crate::contract::make_sync::{data, name, put as sync, write};
use crate::contract::races::{Committed, read_all, write_through};
use crate::contract::sends::send;
use crate::contract::world::everything;
use crate::{Place, open};

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_number_an_inbox_together_and_a_reader_misses_nothing() {
    let place = Place::empty();
    let (first, second) = (open(&place.settings()).await, open(&place.settings()).await);
    let (t, users) = (tenant("t"), [user("a"), user("b")]);
    let over = Arc::new(OnceLock::new());
    let read = |user: &UserId, store: &Arc<dyn Store>| {
        tokio::spawn(read_all(Arc::clone(store), t.clone(), user.clone(), Arc::clone(&over)))
    };
    let readers = [read(&users[0], &second), read(&users[1], &first)];
    let nodes = [&first, &second];
    let (a, b) =
        tokio::join!(write_through(&nodes, &t, &users[0]), write_through(&nodes, &t, &users[1]));
    over.set(()).unwrap();
    for ((reader, user), committed) in readers.into_iter().zip(&users).zip([a, b]) {
        let seen: Committed = reader.await.unwrap();
        // A key that both inboxes' writers share takes effect in one of them.
        assert_eq!(seen, committed);
        let numbers: Vec<u64> = seen.keys().map(|number| number.0).collect();
        assert_eq!(numbers, (1..=seen.len() as u64).collect::<Vec<_>>());
        assert_eq!(first.unread(&t, user).await.unwrap().0, seen.len() as u64);
    }
}

const USERS: u64 = 5;
const TOPICS: u64 = 3;

/// A small generator of numbers that replays exactly.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn read_one(store: &dyn Store, t: &Tenant, u: &UserId) -> Vec<Write> {
    let inbox = store.list(t, u, everything()).await.unwrap();
    let unread = inbox.iter().find(|one| !one.is_read());
    unread.map(|one| mark_read(u, one.id, at(2))).into_iter().collect()
}

/// Makes a unit of any kind that names the few users and topics of the load in any order.
async fn any_unit(dice: &mut Dice, store: &dyn Store, t: &Tenant) -> Unit {
    let u = user(&format!("u{}", dice.roll(USERS)));
    let name = format!("c{}", dice.roll(TOPICS));
    let number = Number(1 + dice.roll(50));
    let any_user = |dice: &mut Dice| user(&format!("u{}", dice.roll(USERS)));
    let writes = match dice.roll(14) {
        0 => vec![Write::MarkAllRead { user: u.clone(), at: at(1) }],
        1 => vec![put_topic(&topic(&name, &format!("title {}", dice.roll(3))))],
        2 => vec![put_member(&name, u.as_str(), MemberRole::Teacher)],
        3 => vec![remove_member(&name, u.as_str())],
        4 => read_one(store, t, &u).await,
        5 => {
            let details = || details("u", "{}");
            let other = any_user(dice);
            vec![
                Write::Confirm { user: u.clone(), number, at: at(3), details: details() },
                Write::Unconfirmed { user: other, number, at: at(3), details: details() },
            ]
        }
        6 => vec![
            publish(&note(&any_user(dice), "before")),
            Write::CreateSend(Box::new(send(t, SendTo::Topic(topic_id(&name))))),
        ],
        7 => vec![
            put_topic(&topic(&name, "anew")),
            publish(&note(&u, "alone")),
            put_member(&name, u.as_str(), MemberRole::Owner),
        ],
        8 | 9 => any_operations(dice, t, &u),
        10 => any_messages(dice),
        11 => vec![Write::ReadMessages { topic: topic_id(&name), user: u.clone(), up_to: number }],
        _ => (0..1 + dice.roll(6)).map(|_| publish(&note(&any_user(dice), "n"))).collect(),
    };
    let guards = match dice.roll(4) {
        0 => vec![Guard::TopicThere(topic_id(&name))],
        1 => vec![Guard::TaughtBy(u.clone(), any_user(dice))],
        _ => vec![],
    };
    let key = (dice.roll(2) == 0).then(|| key(&format!("k{}", dice.roll(400)), 1));
    let audit = vec![draft(Action::Connected, "u", 1)];
    Unit { guards, audit, idempotency: key, ..unit(t, writes) }
}

/// Makes messages of topics that may be there or not, in any order.
fn any_messages(dice: &mut Dice) -> Vec<Write> {
    let one = |dice: &mut Dice| {
        let id = u128::from(dice.roll(1 << 40));
        let sender = format!("u{}", dice.roll(USERS));
        let topic = topic_id(&format!("c{}", dice.roll(TOPICS)));
        let made = topic_now(&topic);
        [made, send_message(&Message { topic, ..message(id, &sender, "said") })]
    };
    (0..1 + dice.roll(2)).flat_map(|_| one(dice)).collect()
}

fn topic_now(id: &TopicId) -> Write {
    put_topic(&topic(id.as_str(), "anew"))
}

/// Makes operations on feeds of users and topics in any order, and notes the few devices.
fn any_operations(dice: &mut Dice, t: &Tenant, u: &UserId) -> Vec<Write> {
    let mut writes = Vec::new();
    for _ in 0..1 + dice.roll(4) {
        let feed = match dice.roll(2) {
            0 => FeedKey::topic(t, &topic_id(&format!("c{}", dice.roll(TOPICS)))),
            _ => FeedKey::data(t, &user(&format!("u{}", dice.roll(USERS)))),
        };
        let (id, entity) = (dice.roll(1 << 40), dice.roll(1 << 40));
        let one = write(t, &format!("op{id}"), name("notes", &format!("e{entity}")), (0, 1));
        writes.push(sync(SyncWrite { feed, user: u.clone(), ..one }));
    }
    for _ in 0..2 {
        let seen = DeviceNext::seen(u, &format!("d{}", dice.roll(3)), at(3));
        let next = DeviceNext { stamp: Some((at(3), 1)), pending: Some(2), ..seen };
        writes.push(Write::Synced(Box::new(next)));
    }
    writes
}

async fn load(store: Arc<dyn Store>, seed: u64) -> u64 {
    let mut dice = Dice(seed);
    let mut taken = 0;
    for _ in 0..60 {
        let t = tenant(["t1", "t2"][dice.roll(2) as usize]);
        let unit = any_unit(&mut dice, &*store, &t).await;
        match store.commit(unit).await {
            Ok(_) => taken += 1,
            Err(StoreError::Stale | StoreError::Duplicate(_)) => {}
            Err(error) => panic!("seed {seed}: {error:?}"),
        }
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_load_of_two_nodes_never_waits_in_a_circle() {
    let place = Place::empty();
    let nodes = [open(&place.settings()).await, open(&place.settings()).await];
    let mut running = JoinSet::new();
    for seed in 0..16 {
        running.spawn(load(Arc::clone(&nodes[seed as usize % 2]), seed));
    }
    let taken: u64 = running.join_all().await.into_iter().sum();
    assert!(taken > 300, "{taken}");
    for t in [tenant("t1"), tenant("t2")] {
        nodes[0].seal(at(9), 1_000_000).await.unwrap();
        let found = nodes[1].verify(&t).await.unwrap();
        assert_eq!((found.unsealed, found.broken), (0, None));
        for n in 0..USERS {
            let u = user(&format!("u{n}"));
            let inbox = nodes[0].list(&t, &u, everything()).await.unwrap();
            let (unread, head) = nodes[1].unread(&t, &u).await.unwrap();
            assert_eq!(unread, inbox.iter().filter(|one| !one.is_read()).count() as u64);
            assert!(inbox.iter().all(|one| one.changed <= head.newest));
        }
    }
    nodes.iter().for_each(|node| node.close());
    assert_eq!(circles(&place), "0");
}

/// Tells how many transactions the server ended because they waited for each other.
fn circles(place: &Place) -> String {
    let sql = "select deadlocks from pg_stat_database where datname = current_database()";
    place.database.ask(sql).unwrap()
}

/// Publishes to users of whom nobody has an inbox yet, some of it under locks, and makes topics.
async fn load_of_newcomers(store: Arc<dyn Store>, seed: u64) {
    let mut dice = Dice(seed);
    let t = tenant("t");
    for step in 0..60 {
        let anyone = |dice: &mut Dice| user(&format!("{}-{}", step / 2, dice.roll(8)));
        let mut writes: Vec<Write> =
            (0..4).map(|_| publish(&note(&anyone(&mut dice), "n"))).collect();
        let guards = match dice.roll(3) {
            0 => vec![],
            1 => vec![Guard::TopicThere(topic_id("c"))],
            _ => {
                let made = topic(&format!("{}-{}", step / 2, dice.roll(3)), "made");
                writes.insert(dice.roll(5) as usize, put_topic(&made));
                vec![]
            }
        };
        store.commit(Unit { guards, ..unit(&t, writes) }).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn first_notifications_to_many_users_never_wait_in_a_circle() {
    let place = Place::empty();
    let nodes = [open(&place.settings()).await, open(&place.settings()).await];
    nodes[0].commit(unit(&tenant("t"), vec![put_topic(&topic("c", "there"))])).await.unwrap();
    let mut running = JoinSet::new();
    for seed in 0..16 {
        running.spawn(load_of_newcomers(Arc::clone(&nodes[seed as usize % 2]), seed));
    }
    running.join_all().await;
    nodes.iter().for_each(|node| node.close());
    assert_eq!(circles(&place), "0");
}

/// Two sealers at once bind every entry exactly once.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_sealers_each_block_has_one() {
    let place = Place::empty();
    let nodes = [open(&place.settings()).await, open(&place.settings()).await];
    let t = tenant("t");
    let mut entries = 0;
    for n in 0..20 {
        let audit = vec![draft(Action::Connected, "u", n); 5];
        nodes[0].commit(Unit { audit, ..Unit::new(&t) }).await.unwrap();
        let (a, b) = tokio::join!(nodes[0].seal(at(1), 100), nodes[1].seal(at(1), 100));
        entries += a.unwrap().entries + b.unwrap().entries;
    }
    let found = nodes[0].verify(&t).await.unwrap();
    assert_eq!((found.entries, found.unsealed, found.broken), (entries, 0, None));
    assert_eq!(entries, 100);
}

/// An operation's name is its user's, whatever feed it is on and whichever node is told of it.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_keeps_an_operation() {
    let place = Place::empty();
    let nodes = [open(&place.settings()).await, open(&place.settings()).await];
    let t = tenant("t");
    for n in 0..50 {
        let one = |feed| {
            let first = write(&t, &format!("a{n}"), name("notes", &format!("{n}")), (0, 1));
            let second = write(&t, &format!("b{n}"), name("notes", &format!("{n}")), (1, 2));
            let both = [first, second].map(|one| SyncWrite { feed: FeedKey::clone(&feed), ..one });
            unit(&t, both.map(sync).to_vec())
        };
        let (own, shared) = (one(data(&t)), one(FeedKey::topic(&t, &topic_id("c"))));
        let (a, b) = tokio::join!(nodes[0].commit(own), nodes[1].commit(shared));
        assert_eq!([&a, &b].iter().filter(|answer| answer.is_ok()).count(), 1, "{a:?} {b:?}");
        assert!([a, b].iter().all(|one| matches!(one, Ok(_) | Err(StoreError::Stale))));
    }
}
