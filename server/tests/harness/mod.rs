//! The whole server in this process on a free port, over a store of its own, driven by a real
//! HTTP client.
//!
//! Nobody is connected by socket here.

#![allow(clippy::unwrap_used, dead_code, reason = "each test binary uses its part")]

mod folder;
pub mod kinds;
mod nobody;
mod opened;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use axum::Router;
use folder::Folder;
use jsonwebtoken::{EncodingKey, Header};
use landfall_channels::Registry;
use landfall_channels::connect::Guard;
use landfall_core::cursor::CursorKey;
use landfall_core::delivery::RetryPolicy;
use landfall_fixtures::Database;
use landfall_server::app::{App, AppParts, CallbackKeys};
use landfall_server::auth::{Alg, KeyConfig, Material, Policy, Tenants, Verifier};
use landfall_server::blobs::BlobFolder;
use landfall_server::clock::{Clock, now_ms};
use landfall_server::config::{Config, Inputs, Limits, SealingKey};
use landfall_server::http;
use landfall_server::keys::{VaultKeys, generate_vapid};
use landfall_server::secret::Secret;
use landfall_server::service::links::Links;
use landfall_server::service::outbox::{Outbox, OutboxSettings};
use landfall_server::service::people::PeopleParts;
use landfall_server::service::retention::Keeps;
use landfall_server::service::sync::kinds::Kind;
use landfall_server::service::{ClassSettings, Parts, Services, Settings};
use landfall_server::templates::Templates;
use landfall_server::vault::Vault;
use landfall_store::{ChangeSink, Store};
use nobody::Nobody;
use opened::{asked_for, in_database};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

pub const SECRET: &str = "a-planted-secret-of-at-least-32-bytes";

/// A running server.
pub struct Server {
    pub app: Arc<App>,
    pub store: Arc<dyn Store>,
    pub base: String,
    client: reqwest::Client,
    folder: Folder,
    /// Where the store is, if it is not in the folder.
    database: Option<Database<'static>>,
}

/// An answer, read in full.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Says the code of a problem, having checked that it is one.
    #[track_caller]
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        assert!(problem["detail"].is_string() && problem["title"].is_string());
        problem["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned()
    }

    /// Lists the pointers of a problem's faults.
    #[track_caller]
    pub fn pointers(&self) -> Vec<String> {
        assert_eq!(self.code(), "invalid", "{}", self.text);
        let errors = self.json()["errors"].as_array().cloned().unwrap();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(Router::new()).await
    }

    /// Serves these routes too.
    pub async fn with(extra: Router<Arc<App>>) -> Self {
        Self::telling(extra, Arc::new(|_| ())).await
    }

    /// Tells of every commit.
    pub async fn telling(extra: Router<Arc<App>>, sink: ChangeSink) -> Self {
        let folder = Folder::new();
        let (store, database) = asked_for(&folder, sink).await;
        Self::on(store, folder, database, extra).await
    }

    /// Serves from a database of its own in PostgreSQL.
    pub async fn on_postgres() -> Self {
        let (store, database) = in_database(Arc::new(|_| ())).await;
        Self::on(store, Folder::new(), Some(database), Router::new()).await
    }

    async fn on(
        store: Arc<dyn Store>,
        folder: Folder,
        database: Option<Database<'static>>,
        extra: Router<Arc<App>>,
    ) -> Self {
        Self::serving(app_of(parts_in(Arc::clone(&store), &folder.0)), folder, database, extra)
            .await
    }

    /// Serves with these providers, and carries deliveries out.
    pub async fn reaching(registry: Registry) -> Self {
        Self::reaching_at(registry, Clock::system()).await
    }

    /// Does so by a clock.
    pub async fn reaching_at(registry: Registry, clock: Clock) -> Self {
        let folder = Folder::new();
        let (store, database) = asked_for(&folder, Arc::new(|_| ())).await;
        let outbox = Outbox::new(registry, OUTBOX);
        let app = app_of(Parts { outbox, clock, ..parts(store) });
        tokio::spawn(deliver(Arc::clone(&app.services)));
        Self::serving(app, folder, database, Router::new()).await
    }

    async fn serving(
        app: Arc<App>,
        folder: Folder,
        database: Option<Database<'static>>,
        extra: Router<Arc<App>>,
    ) -> Self {
        let store = Arc::clone(&app.services.store);
        let router = http::router(Arc::clone(&app), extra);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { app, store, base, client: reqwest::Client::new(), folder, database }
    }

    /// Serves the same store where one type more is known.
    pub async fn knowing(&self, kind: Kind) -> Self {
        let folder = Folder::new();
        let parts = parts_in(Arc::clone(&self.store), &folder.0);
        let config = Config::load(Inputs::default()).unwrap().config;
        let kinds = kinds::all(&config, [kind]);
        Self::serving(app_of(Parts { kinds, ..parts }), folder, None, Router::new()).await
    }

    /// Gives the folder of the server's blobs.
    pub fn blobs(&self) -> PathBuf {
        self.folder.0.join("blobs").join("store")
    }

    /// Gives the folder of all that the server keeps beside its store.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Runs statements behind the server's back, in the words of the store that it has.
    pub fn behind_its_back(&self, sqlite: &str, postgres: &str) {
        if let Some(database) = &self.database {
            database.ask(postgres).unwrap();
            return;
        }
        let file = self.folder.0.join("landfall.db");
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        connection.execute_batch(sqlite).unwrap();
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Calls with a token and, unless it is null, a JSON body.
    pub async fn call(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = self.request(method, path).bearer_auth(token);
        finish(if body.is_null() { request } else { request.json(&body) }).await
    }

    pub async fn get(&self, token: &str, path: &str) -> Answer {
        self.call(token, "GET", path, Value::Null).await
    }

    /// Expects a status; gives the body.
    #[track_caller]
    pub fn ok(answer: Answer, status: StatusCode) -> Value {
        assert_eq!(answer.status, status.as_u16(), "{}", answer.text);
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    /// Stores a notification for a user; gives its id.
    pub async fn notify(&self, token: &str, user: &str) -> String {
        let body = json!({ "user_id": user, "notification_type": "news", "message": "m" });
        let answer = self.call(token, "POST", "/notify", body).await;
        let answer = Self::ok(answer, StatusCode::ACCEPTED);
        answer["notification_id"].as_str().unwrap().to_owned()
    }

    /// Makes a topic with members, as an admin.
    pub async fn topic(&self, id: &str, members: &[(&str, &str)]) {
        let admin = admin();
        let put = self.call(&admin, "PUT", &format!("/api/v1/topics/{id}"), json!({})).await;
        assert!(put.status == 201, "{}", put.text);
        for (user, role) in members {
            let path = format!("/api/v1/topics/{id}/members/{user}");
            let put = self.call(&admin, "PUT", &path, json!({ "role": role })).await;
            assert_eq!(put.status, 201, "{}", put.text);
        }
    }
}

/// Sends a request and reads the whole answer.
pub async fn finish(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// What services are built from over a store: nobody is connected, and nothing leads out.
pub fn parts(store: Arc<dyn Store>) -> Parts {
    let folder = Folder::new();
    let parts = parts_in(store, &folder.0);
    // Files come with the first blob, of which there are none where nobody keeps the folder.
    drop(folder);
    parts
}

/// Keeps blobs in a folder.
pub fn parts_in(store: Arc<dyn Store>, folder: &Path) -> Parts {
    let config = Config::load(Inputs::default()).unwrap().config;
    let settings = Settings {
        notices: config.topics.notices(),
        presence: config.realtime.presence(),
        notify: config.limits.notify(),
        ttl_seconds: None,
        chunk: config.notify.chunk,
        members_bulk: config.limits.members_bulk_max,
        idempotency_ms: config.notify.idempotency_hours.millis(),
        keeps: Keeps::default(),
        revocation_ms: config.auth.revocation_days.millis(),
        classes: ClassSettings {
            blob_bytes: 4 << 20,
            member_blob_bytes: 64 << 10,
            member_bytes: 256 << 10,
            tenant_bytes: 16 << 20,
            ..config.class_settings()
        },
        away_ms: config.sync.keep_days.millis(),
        segments_per_second: std::num::NonZeroU32::MIN,
    };
    let cursor_key = CursorKey::new([7; 32]);
    Parts {
        store,
        clock: Clock::system(),
        connections: Arc::new(Nobody),
        templates: templates(&config),
        outbox: Outbox::new(Registry::live_only(), OUTBOX),
        links: Links::new(cursor_key.clone(), "https://landfall.example"),
        cursor_key,
        settings,
        people: people(),
        kinds: kinds::all(&config, []),
        blobs: BlobFolder::new(&folder.join("blobs"), "store"),
    }
}

/// Carries out what becomes due, as long as the test runs.
async fn deliver(services: Arc<Services>) {
    loop {
        let due = services.claim_due(100).await.unwrap();
        if due.is_empty() {
            services.outbox.woken.notified().await;
        }
        for one in due {
            let services = Arc::clone(&services);
            tokio::spawn(async move { services.deliver(one).await });
        }
    }
}

fn app_of(parts: Parts) -> Arc<App> {
    app_within(parts, Config::load(Inputs::default()).unwrap().config.limits)
}

/// Builds everything but the edges, within these limits.
pub fn app_within(parts: Parts, limits: Limits) -> Arc<App> {
    let config = Config::load(Inputs::default()).unwrap().config;
    let services = Services::new(parts);
    App::new(AppParts {
        services: Arc::new(services),
        verifier: Arc::new(verifier(&config)),
        limits,
        batch_max_lines: config.notify.batch_max_lines,
        twilio: CallbackKeys { token: Some(Secret::new("twilio-auth-token")), keys: vec![] },
        web: landfall_server::app::WebSettings::new(&config.server, &config.tls),
        live: Arc::new(Nobody),
        drain: tokio_util::sync::CancellationToken::new(),
    })
}

/// Loaded once for all tests, as a server does.
fn templates(config: &Config) -> Arc<Templates> {
    static LOADED: OnceLock<Arc<Templates>> = OnceLock::new();
    let load = || Arc::new(Templates::load(None, config.template_rules()).unwrap());
    Arc::clone(LOADED.get_or_init(load))
}

/// How deliveries are carried out.
const OUTBOX: OutboxSettings = OutboxSettings {
    policy: RetryPolicy { attempts_max: 8, base_ms: 10_000, cap_ms: 3_600_000 },
    lease_ms: 60_000,
    keep_ms: 86_400_000,
};

/// Keys of this test alone.
pub fn people() -> PeopleParts {
    let bytes = zeroize::Zeroizing::new([5; 32]);
    let ring = vec![SealingKey { id: "k1".into(), bytes }];
    let keys = VaultKeys { ring, lookup: Secret::new(SECRET) };
    PeopleParts {
        vault: Arc::new(Vault::new(&keys)),
        server_key: generate_vapid().unwrap().public_bytes(),
        guard: Guard::default(),
    }
}

fn verifier(config: &Config) -> Verifier {
    let material = Material::Secret(Secret::new(SECRET));
    let key = KeyConfig { id: "k".into(), alg: Alg::Hs256, material, tenants: Tenants::Any };
    let policy = Policy {
        leeway_seconds: 60,
        issuer: None,
        audience: None,
        roles: config.auth.roles.clone(),
    };
    Verifier::new(vec![key], policy).unwrap()
}

/// Signs claims as the server's key would.
pub fn sign(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).unwrap()
}

/// Makes a token of the tenant `default`.
pub fn token(sub: &str, roles: &[&str]) -> String {
    token_in("default", sub, roles)
}

/// Makes a token of a tenant.
pub fn token_in(tenant: &str, sub: &str, roles: &[&str]) -> String {
    let exp = now_ms() / 1_000 + 3_600;
    sign(&json!({ "sub": sub, "tenant": tenant, "roles": roles, "exp": exp, "name": sub }))
}

pub fn admin() -> String {
    token("root", &["admin"])
}

pub fn service() -> String {
    token("backend", &["service"])
}
