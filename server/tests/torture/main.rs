//! Torture: the real binary under load, while what it stands on fails again and again.
//!
//! Senders repeat what was not answered with the same idempotency key; devices come back with the
//! last number they saw. In the end every answered notification is there once, numbered without a
//! gap, on its feed and in the audit trail, and every device has every message exactly once. Beside them others push
//! offline work, again and again what was not answered: each operation takes effect once.

#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "a failing run is replayed by its seed")]

mod device;
mod disk;
mod process;
mod pusher;
mod restored;
mod sender;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, watch};

use disk::Trouble;
use process::{Api, Ground, Server, token};

const USERS: usize = 6;
const SENDERS: usize = 16;

/// What the parts of the test share.
pub struct World {
    /// Where the server is now, while it runs.
    address: watch::Receiver<Option<String>>,
    /// Requests answered so far.
    answered: AtomicU64,
    /// Requests refused so far because the server could not store them.
    refused: AtomicU64,
    /// Rings with every answer and every refusal.
    progress: Notify,
    /// Set when nothing more is to be sent.
    is_over: watch::Receiver<bool>,
}

impl World {
    /// Makes one, and what says that nothing more is to be sent.
    fn new(address: watch::Receiver<Option<String>>) -> (Arc<Self>, watch::Sender<bool>) {
        let (over, is_over) = watch::channel(false);
        let (progress, answered, refused) = (Notify::new(), AtomicU64::new(0), AtomicU64::new(0));
        (Arc::new(Self { address, answered, refused, progress, is_over }), over)
    }

    /// Waits until so many more requests are answered.
    async fn more_answers(&self, count: u64) {
        self.grows(&self.answered, count).await;
    }

    /// Waits until so many more requests are refused.
    async fn more_refusals(&self, count: u64) {
        self.grows(&self.refused, count).await;
    }

    async fn grows(&self, counter: &AtomicU64, by: u64) {
        let target = counter.load(Ordering::SeqCst) + by;
        while counter.load(Ordering::SeqCst) < target {
            self.progress.notified().await;
        }
    }
}

/// What goes wrong in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The server is killed (-9).
    Kill,
    /// The machine loses its power: what was not synced is gone.
    PowerLoss,
    /// The disk answers with errors for a while.
    Disk(Trouble),
    /// The database server is killed (-9) and started again.
    StoreAway,
}

/// What was answered to the senders.
#[derive(Default)]
pub struct Answers {
    /// By notification id: the user and the number.
    single: BTreeMap<String, (String, u64)>,
    /// By send id: how many users it was accepted for.
    sends: BTreeMap<String, u64>,
}

impl Answers {
    fn add(&mut self, others: Self) {
        self.single.extend(others.single);
        self.sends.extend(others.sends);
    }
}

/// A small generator of pseudo-random numbers, so that a seed replays a run's choices.
pub struct Random(u64);

impl Random {
    /// Draws a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn user(index: usize) -> String {
    format!("user-{index}")
}

/// Something that was lost would be waited for without end.
const DEADLINE: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_or_doubled_by_fifty_kills() {
    run(Ground::sound(), &[Fault::Kill], 50).await;
}

/// `kill -9` alone keeps what the system holds in memory; this does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_or_doubled_by_twenty_power_losses() {
    run(Ground::unreliable(), &[Fault::PowerLoss], 20).await;
}

/// The server is not restarted for the disk's sake: it refuses, and goes on once it can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_or_doubled_while_the_disk_fails() {
    let faults = [Fault::Disk(Trouble::Full), Fault::Disk(Trouble::Broken), Fault::PowerLoss];
    run(Ground::unreliable(), &faults, 20).await;
}

/// Neither the server nor its database may need the other to be restarted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_or_doubled_on_postgres() {
    run(Ground::postgres(), &[Fault::Kill, Fault::StoreAway], 20).await;
}

async fn run(ground: Ground, faults: &[Fault], rounds: u32) {
    let ended = tokio::time::timeout(DEADLINE, torture(ground, faults, rounds)).await;
    assert!(ended.is_ok(), "not everything arrived in {DEADLINE:?}: something is lost");
}

/// Lets one thing go wrong; gives the server that runs afterwards.
async fn strike(
    fault: Fault,
    server: Server,
    ground: &Ground,
    world: &World,
    address: &watch::Sender<Option<String>>,
) -> Server {
    match (fault, &ground.disk) {
        (Fault::StoreAway, _) => {
            let postgres = ground.postgres.as_ref().expect("the ground has a database server");
            postgres.kill().unwrap();
            world.more_refusals(SENDERS as u64).await;
            postgres.restart().unwrap();
            return server;
        }
        (Fault::Disk(trouble), Some(disk)) => {
            disk.begin(trouble);
            world.more_refusals(SENDERS as u64).await;
            // Who only reads does not notice.
            let api = Api::new(world.address.borrow().clone().unwrap());
            api.inbox(&user(0)).await;
            disk.end(trouble);
            return server;
        }
        (Fault::PowerLoss, Some(disk)) => {
            server.kill(address).await;
            disk.lose_unsynced();
        }
        _ => server.kill(address).await,
    }
    Server::start(ground, address).await
}

fn seed() -> u64 {
    let seed =
        std::env::var("TORTURE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(88_172_645);
    println!("seed {seed} (TORTURE_SEED replays its choices)");
    seed
}

async fn torture(ground: Ground, faults: &[Fault], rounds: u32) {
    let seed = seed();
    let mut random = Random(seed);
    let (address_tx, address) = watch::channel(None);
    let (world, over_tx) = World::new(address);

    let mut server = Server::start(&ground, &address_tx).await;
    let sender = |index| sender::run(Arc::clone(&world), index, Random(seed + 1 + index as u64));
    let senders: Vec<_> = (0..SENDERS).map(|index| tokio::spawn(sender(index))).collect();
    let (done_tx, done) = watch::channel(None);
    let devices: Vec<_> = (0..USERS)
        .map(|index| tokio::spawn(device::run(Arc::clone(&world), user(index), done.clone())))
        .collect();

    let pushers = pusher::start(&world);

    for _ in 0..rounds {
        world.more_answers(3 + random.below(400)).await;
        let fault = faults[random.below(faults.len() as u64) as usize];
        server = strike(fault, server, &ground, &world, &address_tx).await;
    }
    over_tx.send(true).unwrap();
    let mut answers = Answers::default();
    for sender in senders {
        answers.add(sender.await.unwrap());
    }
    let pushed = pusher::ended(pushers).await;
    let api = Api::new(world.address.borrow().clone().unwrap());
    api.wait_for_sends(&answers).await;
    let operations = pusher::check(&api, &pushed).await;

    let heads = check_inboxes(&api, &answers).await;
    done_tx.send(Some(heads.clone())).unwrap();
    for (index, device) in devices.into_iter().enumerate() {
        check_device(index, &device.await.unwrap(), &heads[&user(index)]);
    }
    check_audit(&api, &heads).await;
    let Answers { single, sends } = answers;
    let (single, sends) = (single.len(), sends.len());
    println!("{single} notifications, {sends} sends, {operations} operations, {rounds} faults");
    server.kill(&address_tx).await;
}

/// Checks that a device was given exactly what its inbox has, once each.
fn check_device(index: usize, seen: &BTreeMap<String, u32>, inbox: &Listed) {
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "device {index} got these more than once: {twice:?}");
    let ids: BTreeSet<&String> = seen.keys().collect();
    let expected: BTreeSet<&String> = inbox.ids.iter().collect();
    assert_eq!(ids, expected, "device {index} has not exactly what its inbox has");
}

/// An inbox as the server lists it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its notifications.
    pub ids: BTreeSet<String>,
    /// The highest number.
    pub newest: u64,
}

/// Checks every inbox against what was answered: once each, numbered 1 to N without a gap.
async fn check_inboxes(api: &Api, answers: &Answers) -> BTreeMap<String, Listed> {
    let mut heads = BTreeMap::new();
    let mut per_send: BTreeMap<String, u64> = BTreeMap::new();
    for index in 0..USERS {
        let items = api.inbox(&user(index)).await;
        let mut by_number = BTreeMap::new();
        for item in &items {
            let id = item["id"].as_str().unwrap().to_owned();
            let number: u64 = item["replay_id"].as_str().unwrap().parse().unwrap();
            assert!(by_number.insert(number, id).is_none(), "number {number} was given twice");
            if let Some(send) = item["send_id"].as_str() {
                *per_send.entry(send.to_owned()).or_default() += 1;
            }
        }
        let numbers: Vec<u64> = by_number.keys().copied().collect();
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, expected, "the numbers of {} have a gap", user(index));
        for (id, (owner, number)) in &answers.single {
            if *owner == user(index) {
                assert_eq!(by_number.get(number), Some(id), "an answered notification is lost");
            }
        }
        let newest = numbers.last().copied().unwrap_or(0);
        let ids = by_number.into_values().collect();
        heads.insert(user(index), Listed { ids, newest });
    }
    assert_eq!(per_send, answers.sends, "a send reached a user twice or not at all");
    heads
}

/// Checks that each notification was recorded once and that the chain holds.
async fn check_audit(api: &Api, heads: &BTreeMap<String, Listed>) {
    let mut recorded: BTreeMap<String, u32> = BTreeMap::new();
    for entry in api.audit("notification_created").await {
        let id = entry["entity_id"].as_str().unwrap().to_owned();
        *recorded.entry(id).or_default() += 1;
    }
    let stored: BTreeSet<&String> = heads.values().flat_map(|listed| &listed.ids).collect();
    assert_eq!(recorded.keys().collect::<BTreeSet<_>>(), stored);
    assert!(recorded.values().all(|times| *times == 1), "an entry was written twice");
    let verification: Value = api.get("/api/v1/admin/audit/verify", &token("root", "admin")).await;
    assert_eq!(verification["ok"], true, "{verification}");
}
