//! A backup by the command line beside a server that is written to, restored on other ground.
//!
//! What was answered before it began is there; whoever comes with a number or a cursor of the life
//! that was lost is told so, and no number is given out twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::process::{Api, Ground, Server, token};
use crate::{Answers, DEADLINE, Random, SENDERS, USERS, World, sender, user};

type Address = watch::Receiver<Option<String>>;

/// Senders at work.
struct Writers {
    world: Arc<World>,
    over: watch::Sender<bool>,
    running: Vec<JoinHandle<Answers>>,
}

impl Writers {
    /// Starts them; those of another `shift` are others.
    fn start(address: &Address, shift: usize) -> Self {
        let (world, over) = World::new(address.clone());
        let begin = |index: usize| {
            let index = shift * SENDERS + index;
            tokio::spawn(sender::run(Arc::clone(&world), index, Random(1 + index as u64)))
        };
        let running = (0..SENDERS).map(begin).collect();
        Self { world, over, running }
    }

    async fn end(self) -> Answers {
        self.over.send(true).unwrap();
        let mut answers = Answers::default();
        for sender in self.running {
            answers.add(sender.await.unwrap());
        }
        answers
    }
}

/// What somebody outside knows of a life that is lost.
struct Known {
    before: Answers,
    meanwhile: Answers,
    cursor: String,
    /// The highest number of the first user.
    number: u64,
}

fn api(address: &Address) -> Api {
    Api::new(address.borrow().clone().expect("it runs"))
}

/// Serves, is backed up while it is written to, and goes on to numbers that the backup lacks.
async fn lose_a_life(ground: &Ground, file: &str) -> Known {
    let (sender, address) = watch::channel(None);
    let server = Server::start(ground, &sender).await;
    let (api, writers) = (api(&address), Writers::start(&address, 0));
    writers.world.more_answers(100).await;
    let before = writers.end().await;
    api.wait_for_sends(&before).await;
    let first = api.get("/api/v1/notifications?limit=1", &token(&user(0), "student")).await;
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();

    let writers = Writers::start(&address, 1);
    let answered = || writers.world.answered.load(Ordering::SeqCst);
    let mut begun = answered();
    ground.run(&["backup", file]).await;
    while answered() == begun {
        begun = answered();
        ground.run(&["backup", file, "--force"]).await;
    }
    let meanwhile = writers.end().await;
    let number = api.notify(&user(0), "lost").await;
    server.stop(&sender).await;
    Known { before, meanwhile, cursor, number }
}

/// Checks that the inboxes are those of one moment after `before` was answered.
async fn check_inboxes(api: &Api, known: &Known) {
    let mut per_send: BTreeMap<String, u64> = BTreeMap::new();
    for index in 0..USERS {
        let mut by_number = BTreeMap::new();
        for item in api.inbox(&user(index)).await {
            let number: u64 = item["replay_id"].as_str().unwrap().parse().unwrap();
            by_number.insert(number, item["id"].as_str().unwrap().to_owned());
            if let Some(send) = item["send_id"].as_str() {
                *per_send.entry(send.to_owned()).or_default() += 1;
            }
        }
        let kept = (1..).take_while(|number| by_number.contains_key(number)).count() as u64;
        let of_user = |answers: &Answers| -> Vec<(String, u64)> {
            let owned = answers.single.iter().filter(|(_, (owner, _))| *owner == user(index));
            owned.map(|(id, (_, number))| (id.clone(), *number)).collect()
        };
        for (id, number) in of_user(&known.before) {
            assert!(number <= kept, "{number} was answered before the backup began and is lost");
            assert_eq!(by_number.get(&number), Some(&id));
        }
        for (id, number) in of_user(&known.meanwhile) {
            assert_eq!(by_number.get(&number), (number <= kept).then_some(&id));
        }
    }
    for (send, accepted) in &known.before.sends {
        assert_eq!(per_send.get(send), Some(accepted), "a send is not whole");
    }
}

/// Checks what the trail says of the restore, and that it still verifies.
async fn check_trail(api: &Api, printed: &str) {
    let entries = api.audit("epoch_begun").await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    let told = &entries[0]["metadata"];
    assert!(told["reason"].as_str().unwrap().starts_with("restored from a backup"), "{told}");
    let epoch = told["epoch"].as_u64().unwrap();
    assert!(epoch > 1 && printed.contains(&format!("epoch {epoch} has begun")), "{printed}");
    let verified = api.get("/api/v1/admin/audit/verify", &token("root", "admin")).await;
    assert_eq!(verified["ok"], true, "{verified}");
}

/// Checks what a device is told that comes with a number of the life that was lost.
async fn check_device(address: &str, number: u64, new: u64) {
    let bearer = token(&user(0), "student");
    let url = format!("ws://{address}/ws?token={bearer}&replay_from={number}");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut frames = Vec::new();
    loop {
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        frames.push(frame.clone());
        if frame["replay_id"] == json!(new.to_string()) {
            break;
        }
    }
    assert_eq!((&frames[0]["type"], &frames[0]["from"]), (&json!("replay_gap"), &json!("0")));
    assert!(frames.len() > 2, "it has what was kept, too");
}

async fn restore(from: Ground, to: Ground) {
    let file = from.file("backup");
    let known = lose_a_life(&from, &file).await;
    let printed = to.run(&["restore", &file]).await;

    let (sender, address) = watch::channel(None);
    let server = Server::start(&to, &sender).await;
    let api = api(&address);
    check_inboxes(&api, &known).await;
    check_trail(&api, &printed).await;
    let bearer = token(&user(0), "student");
    let path = format!("/api/v1/notifications?limit=1&cursor={}", known.cursor);
    let (status, problem) = api.refused(&path, &bearer).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/query/cursor")));
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("start over"), "{problem}");

    let new = api.notify(&user(0), "new").await;
    assert!(new > known.number, "{new} was given out twice");
    let path = format!("/api/v1/notifications?after={}", known.number);
    let listed = api.get(&path, &bearer).await;
    let newest = listed["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&newest["title"], &newest["replay_id"]), (&json!("new"), &json!(new.to_string())));
    check_device(address.borrow().as_deref().unwrap(), known.number, new).await;
    server.stop(&sender).await;
}

async fn soon(restoring: impl Future<Output = ()>) {
    tokio::time::timeout(DEADLINE, restoring).await.expect("something is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_a_server_that_is_written_to_is_restored_elsewhere() {
    soon(restore(Ground::sound(), Ground::sound())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_postgres_is_restored_into_another_server() {
    soon(restore(Ground::postgres(), Ground::postgres())).await;
}
