//! The sums equal a naive count over random histories, however they were added up: in steps of any
//! size, by several nodes, by nodes that end in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use landfall_core::audit::Action;
use landfall_core::channel::Channel;
use landfall_server::service::Services;
use landfall_store::Unit;
use serde_json::{Value, json};

use crate::harness::{Server, admin, parts};
use crate::reach::{Letter, now, tenant};

/// A node of its own over the server's store.
fn node(server: &Server) -> Services {
    Services::new(parts(Arc::clone(&server.store)))
}

/// Numbers that follow from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// What happened to one notification, in order.
#[derive(Default)]
struct History {
    entries: Vec<(Action, Value, i64)>,
    once: BTreeSet<&'static str>,
    /// Whether it goes out by more than live connections.
    leads_out: bool,
}

const OUTSIDE: [&str; 3] = ["push", "sms", "email"];
const IDS: [&str; 2] =
    ["0192f0c1-7a3e-7cc2-98c1-000000000001", "0192f0c1-7a3e-7cc2-98c1-000000000002"];

impl History {
    /// Lets the next thing happen.
    fn next(&mut self, dice: &mut Dice, after_ms: i64) -> (Action, Value) {
        let is_live = !self.leads_out || dice.one_in(4);
        let (action, metadata) = if is_live { self.live(dice) } else { outside(dice) };
        self.entries.push((action, metadata.clone(), after_ms));
        (action, metadata)
    }

    /// Live connections confirm and expire at most once, and so does a read: the store sees to it.
    fn live(&mut self, dice: &mut Dice) -> (Action, Value) {
        let live = json!({ "channel": "websocket" });
        let expired = json!({ "channel": "websocket", "reason": "expired" });
        let (name, action, metadata) = match dice.below(3) {
            0 => ("delivered", Action::NotificationDelivered, live),
            1 => ("expired", Action::NotificationFailed, expired),
            _ => ("read", Action::NotificationRead, json!({})),
        };
        if self.once.insert(name) {
            return (action, metadata);
        }
        let away = json!({ "channel": "websocket", "reason": "the device went away" });
        (Action::NotificationFailed, away)
    }
}

fn outside(dice: &mut Dice) -> (Action, Value) {
    let actions = [
        Action::DeliveryAttempted,
        Action::DeliverySent,
        Action::DeliveryConfirmed,
        Action::DeliveryFailed,
        Action::DeliveryFailed,
        Action::DeliveryReplayed,
        Action::DeliverySkipped,
        Action::ReceiptShown,
        Action::ReceiptClicked,
        Action::ProviderReported,
        Action::ProviderReported,
    ];
    let action = actions[dice.below(actions.len())];
    let told = match action {
        Action::ProviderReported => ["sent", "failed"][dice.below(2)],
        Action::ReceiptShown | Action::ReceiptClicked => "delivered",
        _ => "",
    };
    let is_attempt = matches!(action, Action::DeliveryAttempted | Action::DeliverySent);
    let metadata = json!({ "channel": OUTSIDE[dice.below(3)], "delivery": IDS[dice.below(2)],
        "attempt": u8::from(is_attempt), "state": told });
    (action, metadata)
}

/// What became of a notification on its channels, in the plainest way to tell.
#[derive(Default)]
struct Walked {
    tried: BTreeSet<String>,
    accepted: BTreeSet<String>,
    delivered: BTreeSet<String>,
    /// How each delivery stands, by channel and name.
    states: BTreeMap<(String, String), &'static str>,
    arrived_after: Option<i64>,
}

impl Walked {
    fn by(entries: &[(Action, Value, i64)]) -> Self {
        let mut walked = Self::default();
        entries.iter().for_each(|(action, metadata, at)| walked.step(*action, metadata, *at));
        walked
    }

    fn step(&mut self, action: Action, metadata: &Value, at: i64) {
        let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
        let (channel, place) = (text("channel"), (text("channel"), text("delivery")));
        let known = self.states.get(&place).copied().unwrap_or("queued");
        let has_ended = matches!(known, "delivered" | "failed" | "skipped");
        let is_news = !(has_ended || known == "sent" && text("state") == "sent");
        let state = match action {
            Action::DeliveryAttempted | Action::DeliveryReplayed => "queued",
            Action::DeliverySent => "sent",
            Action::DeliveryConfirmed | Action::NotificationDelivered => "delivered",
            Action::DeliveryFailed => "failed",
            Action::DeliverySkipped => "skipped",
            Action::NotificationFailed if metadata["reason"] == "expired" => "failed",
            Action::ReceiptShown | Action::ReceiptClicked if is_news => "delivered",
            Action::ProviderReported if is_news && text("state") == "failed" => "failed",
            Action::ProviderReported if is_news => "sent",
            _ => return,
        };
        if matches!(state, "sent" | "delivered") || action == Action::DeliveryAttempted {
            self.tried.insert(channel.clone());
        }
        if matches!(state, "sent" | "delivered") {
            self.accepted.insert(channel.clone());
        }
        if state == "delivered" {
            self.delivered.insert(channel);
            self.arrived_after.get_or_insert(at);
        }
        self.states.insert(place, state);
    }

    /// A channel is given up whose deliveries all failed or were skipped.
    fn is_given_up(&self, channel: &str) -> bool {
        let of =
            || self.states.iter().filter(|((of, _), _)| of == channel).map(|(_, state)| *state);
        of().all(|state| matches!(state, "failed" | "skipped")) && of().any(|s| s == "failed")
    }
}

/// Counts everything over all histories.
fn naive(histories: &[History]) -> BTreeMap<String, u64> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |name: String, count: u64| *sums.entry(name).or_default() += count;
    for History { entries, .. } in histories {
        let walked = Walked::by(entries);
        for channel in OUTSIDE.into_iter().chain(["websocket"]) {
            let (is_live, of) = (channel == "websocket", channel.to_owned());
            add(format!("{channel} sent"), (is_live || walked.tried.contains(&of)).into());
            add(format!("{channel} accepted"), walked.accepted.contains(&of).into());
            add(format!("{channel} delivered"), walked.delivered.contains(&of).into());
            let has_expired = entries.iter().any(|(_, told, _)| told["reason"] == "expired");
            let is_failed = if is_live { has_expired } else { walked.is_given_up(channel) };
            add(format!("{channel} failed"), is_failed.into());
        }
        let has = |wanted: Action| u64::from(entries.iter().any(|entry| entry.0 == wanted));
        add("reads".into(), has(Action::NotificationRead));
        add("shown".into(), has(Action::ReceiptShown));
        add("clicked".into(), has(Action::ReceiptClicked));
        if let Some(after_ms) = walked.arrived_after {
            add("responses".into(), 1);
            add("response_ms".into(), after_ms as u64);
        }
    }
    sums
}

/// Gives the sums as they are answered.
async fn answered(server: &Server) -> BTreeMap<String, u64> {
    let answer = server.get(&admin(), "/analytics").await.json();
    let mut sums = BTreeMap::new();
    for (channel, stats) in answer["delivery_stats"].as_object().unwrap() {
        for name in ["sent", "accepted", "delivered", "failed"] {
            sums.insert(format!("{channel} {name}"), stats[name].as_u64().unwrap());
        }
    }
    sums.insert("reads".into(), answer["reads"].as_u64().unwrap());
    for name in ["shown", "clicked"] {
        sums.insert(name.into(), answer["receipts"][name].as_u64().unwrap());
    }
    let average = answer["response_times"]["average_ms"].as_u64().unwrap();
    sums.insert("average".into(), average);
    sums
}

fn expected(histories: &[History]) -> BTreeMap<String, u64> {
    let mut sums = naive(histories);
    let responses = sums.remove("responses").unwrap_or_default();
    let total = sums.remove("response_ms").unwrap_or_default();
    sums.insert("average".into(), total.checked_div(responses).unwrap_or_default());
    sums
}

/// Lets one node count, both at once, or one end and another begin.
async fn meanwhile(server: &Server, dice: &mut Dice, nodes: &mut [Services; 2]) {
    let which = dice.below(2);
    let limit = 1 + dice.below(8);
    match dice.below(5) {
        0 => nodes[which] = node(server),
        1 => {
            nodes[which].count_trail(limit).await.unwrap();
        }
        2 => {
            let [one, other] = &*nodes;
            let both = tokio::join!(one.count_trail(limit), other.count_trail(limit + 1));
            both.0.unwrap();
            both.1.unwrap();
        }
        _ => {}
    }
}

/// Lets notifications live at random while nodes count, and end, in between.
async fn run(server: &Server, seed: u64) -> Vec<History> {
    let mut dice = Dice(seed);
    let mut nodes = [node(server), node(server)];
    let mut letters: Vec<Letter> = Vec::new();
    let mut histories: Vec<History> = Vec::new();
    for step in 1..=400 {
        if letters.is_empty() || dice.one_in(20) {
            let leads_out = !dice.one_in(3);
            let age_ms = [0, 3 * 86_400_000][dice.below(2)];
            let created_at = now().plus_ms(-age_ms);
            let letter = Letter { created_at, ..Letter::to("u1", &[Channel::Websocket]) };
            let mut unit = letter.unit(server);
            // The outbox has forgotten what is old.
            if leads_out && age_ms == 0 {
                unit.writes.push(letter.enqueue(Channel::Push).1);
            }
            server.store.commit(unit).await.unwrap();
            letters.push(letter);
            histories.push(History { leads_out, ..History::default() });
            continue;
        }
        let mut unit = Unit::new(&tenant());
        for _ in 0..=dice.below(3) {
            let which = dice.below(letters.len());
            let letter = &letters[which];
            let at = now().plus_ms(step);
            let after_ms = at.as_ms() - letter.created_at.as_ms();
            let told = histories[which].next(&mut dice, after_ms);
            unit.audit.push(letter.entry(server, at, told));
        }
        server.store.commit(unit).await.unwrap();
        meanwhile(server, &mut dice, &mut nodes).await;
    }
    while nodes[0].count_trail(5).await.unwrap() > 0 {}
    histories
}

#[tokio::test]
async fn sums_equal_a_naive_count_whoever_added_them_up_and_when() {
    for seed in [1, 7, 42, 20_251_121, 0x5eed, 0xdead_beef] {
        let server = Server::start().await;
        let histories = run(&server, seed).await;
        assert_eq!(answered(&server).await, expected(&histories), "seed {seed}");
    }
}

#[tokio::test]
async fn two_counters_at_once_count_everything_once() {
    let server = Server::start().await;
    let nodes = [node(&server), node(&server), node(&server)];
    for _ in 0..40 {
        Letter::to("u1", &[Channel::Websocket]).publish(&server).await;
    }
    let count = async |node: &Services| while node.count_trail(3).await.unwrap() > 0 {};
    tokio::join!(count(&nodes[0]), count(&nodes[1]), count(&nodes[2]));
    let answer = server.get(&admin(), "/analytics").await.json();
    assert_eq!(answer["total_notifications"], 40);
    assert_eq!(answer["notification_types"], json!({ "news": 40 }));
}

#[tokio::test]
async fn catching_up_goes_by_bounded_steps_and_says_how_far_it_is() {
    let server = Server::start().await;
    let begun = now().plus_ms(-3_600_000);
    for minute in 0..10 {
        let created_at = begun.plus_ms(minute * 60_000);
        let letter = Letter { created_at, ..Letter::to("u1", &[Channel::Websocket]) };
        letter.publish(&server).await;
    }
    let node = node(&server);
    assert_eq!(node.count_trail(4).await.unwrap(), 4);
    assert_eq!(node.counted_until(), begun.plus_ms(3 * 60_000));
    assert_eq!(node.count_trail(4).await.unwrap(), 4);
    assert_eq!(node.counted_until(), begun.plus_ms(7 * 60_000));
    assert_eq!(node.count_trail(4).await.unwrap(), 2);
    assert!(node.counted_until() > begun.plus_ms(3_500_000));
    assert_eq!(node.count_trail(4).await.unwrap(), 0);
}
