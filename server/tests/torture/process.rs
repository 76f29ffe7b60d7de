//! The server as a process, and its API as an operator uses it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use landfall_fixtures::{Durability, Postgres};
use landfall_server::config::VapidPair;
use landfall_server::keys::generate_vapid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::Answers;
use crate::disk::Disk;

const SECRET: &str = "a secret of more than thirty-two bytes for this test alone";

/// Signs a token that outlives the test.
pub fn token(user: &str, role: &str) -> String {
    let claims = json!({ "sub": user, "roles": [role], "exp": 4_102_444_800u64 });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

/// A folder that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder of this process's own.
    pub fn new(name: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}-{}-{made}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Shows where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a server keeps its data on.
pub struct Ground {
    folder: Folder,
    /// The disk below, where it can fail.
    pub disk: Option<Disk>,
    /// The database server, where it has one: killed, it recovers what it had synced.
    pub postgres: Option<Postgres>,
    vapid: VapidPair,
}

impl Ground {
    /// The machine's own disk.
    pub fn sound() -> Self {
        Self::new(Folder::new("torture"))
    }

    /// A PostgreSQL of its own.
    pub fn postgres() -> Self {
        let postgres = Some(Postgres::start(Durability::Disk, "").unwrap());
        Self { postgres, ..Self::sound() }
    }

    /// A disk that can fail.
    pub fn unreliable() -> Self {
        let folder = Folder::new("torture");
        let disk = Some(Disk::new(folder.path()));
        Self { disk, ..Self::new(folder) }
    }

    fn new(folder: Folder) -> Self {
        Self { folder, disk: None, postgres: None, vapid: generate_vapid().unwrap() }
    }

    /// Gives a place for a file of this ground.
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs a command on this ground to its good end; gives what it printed.
    pub async fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.args(arguments).arg("--data-dir").arg(self.folder.path());
        command.env("JWT_SECRET_KEY", SECRET).env("LANDFALL_LIMITS_PAGE_MAX", "500");
        command.env("LANDFALL_LIMITS_USER_REQUESTS_PER_SECOND", "0");
        if let Some(disk) = &self.disk {
            disk.mount(&mut command);
        }
        if let Some(postgres) = &self.postgres {
            command.env("DATABASE_URL", postgres.url("postgres"));
            command.env("LANDFALL_AUTH_CURSOR_KEY", SECRET);
            command.env("LANDFALL_SECRETS_KEYS", format!("k1:{}", "A".repeat(43)));
            command.env("LANDFALL_SECRETS_LOOKUP", SECRET);
            command.env("VAPID_PUBLIC_KEY", &self.vapid.public_key);
            command.env("VAPID_PRIVATE_KEY", self.vapid.private_key.expose());
        }
        command
    }
}

/// The binary, running.
pub struct Server(Child);

impl Server {
    /// Starts the binary and waits until it listens.
    pub async fn start(ground: &Ground, address: &watch::Sender<Option<String>>) -> Self {
        let mut child = ground
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let found = loop {
            let line =
                lines.next_line().await.unwrap().expect("the server ended before it listened");
            if line.contains("listening") {
                break line.split("addr=").nth(1).unwrap().trim().to_owned();
            }
        };
        // Nobody reads on: the pipe must not fill up and stop the server.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        address.send(Some(found)).unwrap();
        Self(child)
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub async fn kill(mut self, address: &watch::Sender<Option<String>>) {
        self.0.kill().await.unwrap();
        address.send(None).unwrap();
    }

    /// Tells it to stop and waits until it has.
    pub async fn stop(mut self, address: &watch::Sender<Option<String>>) {
        let process = self.0.id().expect("it runs").to_string();
        Command::new("kill").args(["-TERM", &process]).status().await.unwrap();
        assert!(self.0.wait().await.unwrap().success());
        address.send(None).unwrap();
    }
}

/// The API of a server that is not killed any more.
pub struct Api {
    client: reqwest::Client,
    address: String,
}

impl Api {
    /// Speaks to a server.
    pub fn new(address: String) -> Self {
        Self { client: reqwest::Client::new(), address }
    }

    /// Gets an answer; nothing while the server is away.
    async fn try_get(&self, path: &str, token: &str) -> Option<Value> {
        let url = format!("http://{}{path}", self.address);
        let response = self.client.get(url).bearer_auth(token).send().await.ok()?;
        let status = response.status();
        assert!(status.is_success() || status == 503, "{path}: {status}");
        response.json().await.ok().filter(|_| status.is_success())
    }

    /// Gets an answer.
    pub async fn get(&self, path: &str, token: &str) -> Value {
        self.try_get(path, token).await.expect("the server answers")
    }

    async fn try_all(&self, path: &str, token: &str) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        let mut page = path.to_owned();
        loop {
            let list = self.try_get(&page, token).await?;
            items.extend(list["items"].as_array().unwrap().iter().cloned());
            match list["next_cursor"].as_str() {
                Some(cursor) => page = format!("{path}&cursor={cursor}"),
                None => return Some(items),
            }
        }
    }

    async fn all(&self, path: &str, token: &str) -> Vec<Value> {
        self.try_all(path, token).await.expect("the server answers")
    }

    /// Lists a user's whole inbox; nothing while the server is away.
    pub async fn try_inbox(&self, user: &str) -> Option<Vec<Value>> {
        self.try_all("/api/v1/notifications?limit=500", &token(user, "student")).await
    }

    /// Lists a user's whole inbox.
    pub async fn inbox(&self, user: &str) -> Vec<Value> {
        self.try_inbox(user).await.expect("the server answers")
    }

    /// Gives the status and the problem with which something is refused.
    pub async fn refused(&self, path: &str, token: &str) -> (u16, Value) {
        let url = format!("http://{}{path}", self.address);
        let response = self.client.get(url).bearer_auth(token).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Pulls a user's entities: the version of each and what it holds, by its id.
    pub async fn pulled(&self, user: &str) -> BTreeMap<String, (u64, Value)> {
        let bearer = token(user, "student");
        let mut entities = BTreeMap::new();
        let mut body = json!({ "limit": 10_000 });
        loop {
            let request = self.client.post(format!("http://{}/api/v1/sync/pull", self.address));
            let response = request.bearer_auth(&bearer).json(&body).send().await.unwrap();
            let page: Value = response.json().await.unwrap();
            for change in page["changes"].as_array().unwrap() {
                let id = change["entityId"].as_str().unwrap().to_owned();
                let held = (change["version"].as_u64().unwrap(), change["data"].clone());
                assert!(entities.insert(id, held).is_none(), "{change} came twice");
            }
            if page["hasMore"] == false {
                return entities;
            }
            body["cursor"] = page["cursor"].clone();
        }
    }

    /// Sends a notification; gives its number.
    pub async fn notify(&self, user: &str, title: &str) -> u64 {
        let body = json!({
            "user_id": user, "notification_type": "news", "title": title, "message": "m",
        });
        let request = self.client.post(format!("http://{}/notify", self.address)).json(&body);
        let response = request.bearer_auth(token("app", "service")).send().await.unwrap();
        assert_eq!(response.status(), 202);
        let answer: Value = response.json().await.unwrap();
        answer["replay_id"].as_str().unwrap().parse().unwrap()
    }

    /// Lists all entries of one action.
    pub async fn audit(&self, action: &str) -> Vec<Value> {
        let path = format!("/api/v1/admin/audit?limit=500&action={action}");
        self.all(&path, &token("root", "admin")).await
    }

    /// Waits until every accepted send says in the trail that it is complete.
    pub async fn wait_for_sends(&self, answers: &Answers) {
        loop {
            let completed = self.audit("send_completed").await;
            let is_complete = |send: &String| completed.iter().any(|e| e["entity_id"] == **send);
            if answers.sends.keys().all(is_complete) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}
