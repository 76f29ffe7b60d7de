//! A whole server in this process on a folder of its own, and its API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use landfall_core::time::Timestamp;
use landfall_fixtures::{Database, Postgres, asks_for_postgres};
use landfall_server::clock::Clock;
use landfall_server::config::{Backend, Config, Flags, Inputs};
use landfall_server::serve::Server;
use landfall_store::Store;
use serde_json::{Value, json};

use crate::client::Device;

/// No test waits longer than this for anything.
pub const DEADLINE: Duration = Duration::from_secs(20);

const SECRET: &str = "a secret of more than thirty-two bytes for these tests alone";

/// Seconds since 1970 at which a clock that stands still begins.
pub const NOON: i64 = 1_800_000_000;

/// Waits for something, but not for ever.
pub async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("{what}: took too long"))
}

/// Asks again and again until something holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    soon(what, wait).await;
}

/// Signs claims as the app would.
pub fn sign(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// A token that outlives every test.
pub fn token(user: &str, role: &str) -> String {
    sign(&json!({ "sub": user, "roles": [role], "exp": 4_102_444_800u64 }))
}

/// A token of a tenant other than `default`.
pub fn token_in(tenant: &str, user: &str, role: &str) -> String {
    sign(&json!({ "sub": user, "tenant": tenant, "roles": [role], "exp": 4_102_444_800u64 }))
}

/// Gives what a node on PostgreSQL needs.
pub fn node_settings(url: &str) -> Vec<(String, String)> {
    let vapid = landfall_server::keys::generate_vapid().unwrap();
    [
        ("DATABASE_URL", url),
        ("LANDFALL_AUTH_CURSOR_KEY", "0123456789abcdef0123456789abcdef"),
        ("LANDFALL_SECRETS_KEYS", "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("LANDFALL_SECRETS_LOOKUP", "0123456789abcdef0123456789abcdef"),
        ("VAPID_PUBLIC_KEY", vapid.public_key.as_str()),
        ("VAPID_PRIVATE_KEY", vapid.private_key.expose()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Where a server keeps what it has; goes with the test.
pub struct Folder {
    path: PathBuf,
    /// The store, where the tests run on PostgreSQL.
    database: Option<Database<'static>>,
}

impl Folder {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("landfall-realtime-{}-{made}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        let database = asks_for_postgres().then(|| Postgres::shared().database().unwrap());
        Self { path, database }
    }

    /// Gives the settings that name the store.
    fn settings(&self) -> Vec<(String, String)> {
        self.database.as_ref().map_or_else(Vec::new, |database| node_settings(&database.url()))
    }

    /// Shows where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn config(folder: &Folder, settings: &[(&str, &str)]) -> Config {
    let store = folder.settings();
    let store = store.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // Tests ask again and again until something holds; the tests of paces set their own.
    let own = [("JWT_SECRET_KEY", SECRET), ("LANDFALL_LIMITS_USER_REQUESTS_PER_SECOND", "0")];
    let env = store.chain(own.iter().chain(settings).copied()).collect();
    let flags = Flags {
        data_dir: Some(folder.path().to_str().unwrap().to_owned()),
        listen: Some("127.0.0.1:0".to_owned()),
    };
    Config::load(Inputs { env, flags, ..Inputs::default() }).unwrap().config
}

/// A running server and a client of its API.
pub struct Landfall {
    pub server: Server,
    pub address: SocketAddr,
    pub clock: Clock,
    pub folder: Folder,
    pub http: reqwest::Client,
}

impl Landfall {
    /// Starts a server as it comes.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts a server with settings, named as in the environment.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(Folder::new(), settings, Clock::system()).await
    }

    /// Starts a server whose clock stands at noon.
    pub async fn at_noon(settings: &[(&str, &str)]) -> Self {
        let clock = Clock::fixed(Timestamp::from_ms(NOON * 1_000));
        Self::on(Folder::new(), settings, clock).await
    }

    /// Starts a server on a folder.
    pub async fn on(folder: Folder, settings: &[(&str, &str)], clock: Clock) -> Self {
        let config = config(&folder, settings);
        let server = Server::start(&config, clock.clone()).await.unwrap();
        let address = server.address();
        Self { server, address, clock, folder, http: reqwest::Client::new() }
    }

    /// Opens its store once more, as another node would; nothing goes over the server's bus.
    pub async fn another_hand(&self) -> Arc<dyn Store> {
        let backend = Backend::of(&config(&self.folder, &[]));
        landfall_server::backend::open(&backend, Arc::new(|_| {})).await.unwrap()
    }

    /// Moves a clock that stands still to so many seconds after noon.
    pub fn set_clock(&self, after_noon: i64) {
        self.clock.set(Timestamp::from_ms((NOON + after_noon) * 1_000));
    }

    /// Asks for something with a token, expecting a good answer.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Value {
        let url = format!("http://{}{path}", self.address);
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = soon(path, request.send()).await.unwrap();
        let status = response.status();
        let text = soon(path, response.text()).await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Sends a notification to a user.
    pub async fn notify(&self, user: &str, title: &str) -> Value {
        self.notify_with(user, title, json!({})).await
    }

    /// Sends a notification with more fields.
    pub async fn notify_with(&self, user: &str, title: &str, more: Value) -> Value {
        self.notify_as(&token("app", "service"), user, title, more).await
    }

    /// Sends a notification with more fields and a sender's token.
    pub async fn notify_as(&self, token: &str, user: &str, title: &str, more: Value) -> Value {
        let mut body =
            json!({ "user_id": user, "notification_type": "news", "title": title, "message": "m" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("POST", "/api/v1/notify", token, Some(body)).await
    }

    /// Sends notifications titled 1 to `count`, which get the next numbers in this order.
    pub async fn notify_many(&self, user: &str, count: u32) {
        for title in 1..=count {
            self.notify(user, &title.to_string()).await;
        }
    }

    /// Lists the first page of a user's inbox.
    pub async fn inbox(&self, user: &str, query: &str) -> Value {
        let path = format!("/api/v1/notifications?{query}");
        self.call("GET", &path, &token(user, "student"), None).await
    }

    /// Finds a notification of a user's inbox by its title.
    pub async fn item(&self, user: &str, title: &str) -> Value {
        let list = self.inbox(user, "limit=500").await;
        let items = list["items"].as_array().unwrap();
        items.iter().find(|item| item["title"] == title).unwrap().clone()
    }

    /// Waits until a device of the user has confirmed a notification.
    pub async fn until_delivered(&self, user: &str, title: &str) {
        let what = format!("{title} is delivered");
        until(&what, async || self.item(user, title).await["delivered"] == true).await;
    }

    /// Lists the newest entries of one action in the audit trail.
    pub async fn audit(&self, action: &str) -> Vec<Value> {
        let path = format!("/api/v1/admin/audit?limit=500&action={action}");
        let list = self.call("GET", &path, &token("root", "admin"), None).await;
        list["items"].as_array().unwrap().clone()
    }

    /// Connects a device of a user; `query` follows the token.
    pub async fn device(&self, user: &str, query: &str) -> Device {
        self.device_with(&token(user, "student"), query).await
    }

    /// Connects a device with a token; `query` follows it.
    pub async fn device_with(&self, token: &str, query: &str) -> Device {
        Device::connect(&format!("ws://{}/ws?token={token}&{query}", self.address)).await
    }

    /// Waits until so many sockets are connected.
    pub async fn until_connected(&self, count: u64) {
        let what = format!("{count} connections");
        until(&what, async || self.server.app.live.total_connections() == count).await;
    }

    /// Drains and stops the server; gives its folder.
    pub async fn stop(self) -> Folder {
        soon("the drain", self.server.stop()).await;
        self.folder
    }
}
