//! The server as a process, killed again and again while it delivers: nothing is lost, and nothing
//! goes out again whose answer was stored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use landfall_fixtures::{Database, Postgres, asks_for_postgres};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::harness::node_settings;
use crate::world::Providers;

const SECRET: &str = "a secret of more than thirty-two bytes for this test alone";
const ROUNDS: usize = 10;
const PER_ROUND: usize = 60;
/// A whole round may take so long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

pub fn token(user: &str, role: &str) -> String {
    let claims = json!({ "sub": user, "roles": [role], "exp": 4_102_444_800u64 });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

fn wall() -> i64 {
    landfall_server::clock::now_ms() / 1_000
}

/// What outlives the processes.
pub struct Ground {
    on: Providers,
    folder: PathBuf,
    settings: Vec<(String, String)>,
    client: reqwest::Client,
    _database: Option<Database<'static>>,
}

impl Ground {
    /// Makes a place of this name, which no other test has.
    pub async fn new(name: &str) -> Self {
        let on = Providers::start(wall).await;
        let name = format!("reach-{name}-{}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let database = asks_for_postgres().then(|| Postgres::shared().database().unwrap());
        let mut settings = on.settings();
        settings.extend(database.iter().flat_map(|database| node_settings(&database.url())));
        for (name, value) in [
            ("JWT_SECRET_KEY", SECRET),
            ("LANDFALL_LIMITS_USER_REQUESTS_PER_SECOND", "0"),
            // Another node may hold a claim that long, where there can be others.
            ("LANDFALL_OUTBOX_LEASE_SECONDS", "40"),
            ("LANDFALL_EMAIL_TIMEOUT_SECONDS", "15"),
        ] {
            settings.push((name.to_owned(), value.to_owned()));
        }
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { on, folder, settings, client, _database: database }
    }

    /// Starts the server; gives it and its address.
    pub async fn process(&self) -> (Child, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&self.folder);
        command.env_remove("LANDFALL_TEST_STORE").envs(self.settings.iter().cloned());
        command.stderr(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            let line = lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it ended: {said:#?}"));
            if line.contains("listening") {
                break line.split("addr=").nth(1).unwrap().trim().to_owned();
            }
            said.push(line);
        };
        // Nobody reads on: the pipe must not fill up and stop the server.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        (child, address)
    }

    /// Asks a server that may be killed; nothing without an answer.
    pub async fn ask(
        &self,
        address: &str,
        method: &str,
        path: &str,
        token: &str,
        body: Value,
    ) -> Option<Value> {
        let url = format!("http://{address}{path}");
        let request = self.client.request(method.parse().unwrap(), url).bearer_auth(token);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await.ok()?;
        let status = response.status();
        assert!(status.is_success() || status == 503, "{path}: {status}");
        response.json().await.ok().filter(|_| status.is_success())
    }

    /// Counts by its text how often the providers were given each message.
    fn given(&self) -> BTreeMap<String, usize> {
        let mut given = BTreeMap::new();
        let texts = self.on.twilio.messages().into_iter().map(|sms| sms.body);
        let pushed = self.on.push.messages().into_iter().map(|message| {
            let text: Value = serde_json::from_slice(&message.plaintext).unwrap();
            text.to_string()
        });
        for text in texts.chain(pushed) {
            let begin = text.find("no-").expect("every message has its name");
            let name = text[begin..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            *given.entry(name.clone().next().unwrap().to_owned()).or_default() += 1;
        }
        given
    }

    /// Lists all deliveries by the text of their message.
    async fn stored(&self, address: &str) -> Option<Vec<(String, Value)>> {
        let admin = token("root", "admin");
        let first = "/api/v1/admin/deliveries?limit=500";
        let (mut all, mut page) = (Vec::new(), first.to_owned());
        loop {
            let list = self.ask(address, "GET", &page, &admin, Value::Null).await?;
            for item in list["items"].as_array().unwrap() {
                all.push((item["body"].as_str().unwrap().to_owned(), item.clone()));
            }
            match list["next_cursor"].as_str() {
                Some(cursor) => page = format!("{first}&cursor={cursor}"),
                None => return Some(all),
            }
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Sends until it is done or the server is gone; gives the texts that were accepted.
async fn send(ground: &Ground, address: &str, round: usize, lane: usize) -> BTreeSet<String> {
    let (service, mut accepted) = (token("app", "service"), BTreeSet::new());
    for number in (lane..PER_ROUND).step_by(4) {
        let text = format!("no-{round}-{number}");
        let channel = if number % 2 == 0 { "sms" } else { "push" };
        let body = json!({
            "user_id": "ana", "notification_type": "news", "message": text, "channels": [channel],
        });
        match ground.ask(address, "POST", "/api/v1/notify", &service, body).await {
            Some(_) => accepted.insert(text),
            None => break,
        };
    }
    accepted
}

async fn meet(ground: &Ground, address: &str) {
    let (admin, ana) = (token("root", "admin"), token("ana", "student"));
    let person = json!({ "phone": "+15005550113", "email": "ana@home.example" });
    ground.ask(address, "PUT", "/api/v1/users/ana", &admin, person).await.unwrap();
    let browser = ground.on.push.subscribe(None);
    let subscription = crate::world::subscription(&browser);
    ground.ask(address, "POST", "/push/subscribe", &ana, subscription).await.unwrap();
}

/// Delivers for a while and is killed when the providers got enough; tells what was accepted, and
/// what the store had called sent by then, with how often the providers had it.
async fn round(ground: &Ground, number: usize) -> (BTreeSet<String>, BTreeMap<String, usize>) {
    let (mut child, address) = ground.process().await;
    if number == 0 {
        meet(ground, &address).await;
    }
    let enough = ground.given().values().sum::<usize>() + PER_ROUND / 4 + number * 3;
    let watched = async {
        while ground.given().values().sum::<usize>() < enough {
            tokio::task::yield_now().await;
        }
        let stored = ground.stored(&address).await.unwrap();
        child.kill().await.unwrap();
        stored
    };
    let sent = async {
        let lanes = (0..4).map(|lane| send(ground, &address, number, lane));
        futures_util::future::join_all(lanes).await.into_iter().flatten().collect()
    };
    let both = tokio::time::timeout(PATIENCE, async { tokio::join!(sent, watched) });
    let (accepted, stored) = both.await.expect("the round takes too long");
    let given = ground.given();
    let ended = stored.into_iter().filter(|(_, item)| item["state"] == "sent");
    (accepted, ended.map(|(text, _)| (text.clone(), given[&text])).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_loses_no_delivery_and_repeats_none_that_it_stored() {
    let ground = Ground::new("killed").await;
    let (mut accepted, mut ended) = (BTreeSet::new(), BTreeMap::new());
    for number in 0..ROUNDS {
        let (more, stored) = round(&ground, number).await;
        accepted.extend(more);
        for (text, times) in stored {
            let before = ended.entry(text.clone()).or_insert(times);
            assert_eq!(*before, times, "{text} went out again after its answer was stored");
        }
    }
    let (_child, address) = ground.process().await;
    let all_ended = async {
        loop {
            let stored = ground.stored(&address).await.unwrap();
            let waits = |(_, item): &(String, Value)| item["state"] == "queued";
            if !stored.iter().any(waits) {
                return stored;
            }
        }
    };
    let stored = tokio::time::timeout(PATIENCE, all_ended).await.expect("deliveries still wait");
    let (stored_count, given) = (stored.len(), ground.given());
    let by_text: BTreeMap<String, Value> = stored.into_iter().collect();
    assert_eq!(by_text.len(), stored_count, "one delivery of each");
    for text in &accepted {
        let item = by_text.get(text).unwrap_or_else(|| panic!("{text} was accepted and is lost"));
        assert_eq!(item["state"], "sent", "{item}");
        assert_eq!(item["attempts"], 1, "an answer that was stored ends it: {item}");
        assert!(given.contains_key(text), "{text} was never given to a provider");
    }
    for (text, times) in &ended {
        assert_eq!(given[text], *times, "{text} went out again after its answer was stored");
    }
    let repeats: usize = given.values().map(|times| times - 1).sum();
    // At most what can be under way at once, each time that it was killed.
    assert!(repeats <= ROUNDS * 64, "{repeats} of {} were repeated", given.len());
    assert!(accepted.len() > ROUNDS * PER_ROUND / 4, "too few to prove anything");
}
