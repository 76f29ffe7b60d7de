//! The two clients: one for URLs that users supply, one for those that operators configured.
//!
//! Both pool their connections and speak HTTP/2 where the other side does. Neither retries: only
//! a request that the other side demonstrably did not begin is sent again by the library.

use std::sync::Arc;
use std::time::Duration;

use landfall_core::time::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Certificate, Client, ClientBuilder, Method, RequestBuilder, redirect};

use super::guard::{Destination, Guard};
use super::missed::Missed;
use super::resolve::CheckedNames;
use super::retry_after;

/// The most of an answer that is read, in bytes: what providers say has some hundred.
const ANSWER_MAX: usize = 64 * 1_024;
const ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Below what servers commonly allow, so that they rarely close a connection that is being used.
const IDLE: Duration = Duration::from_secs(50);
const IDLE_PER_HOST_MAX: usize = 16;

/// How connections are made.
#[derive(Debug, Clone)]
pub struct Connections {
    /// Until there is a connection, its name resolved and TLS included. Less than `request`, so
    /// that a request that ran out of time is known to have been sent.
    pub connect: Duration,
    /// Until the whole answer is there.
    pub request: Duration,
    /// Certificate authorities besides the system's, each a PEM text of one or more certificates.
    pub authorities: Vec<String>,
}

impl Default for Connections {
    fn default() -> Self {
        let (connect, request) = (Duration::from_secs(5), Duration::from_secs(15));
        Self { connect, request, authorities: Vec::new() }
    }
}

/// Why a client cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectFault {
    /// A certificate authority is no PEM.
    #[error("certificate authority {0} of the list is no PEM certificate")]
    Authority(usize),
    /// The system has no list of certificate authorities.
    #[error("the system has no list of certificate authorities")]
    NoAuthorities,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most 64 KiB of it, or what came of it before the connection was lost.
    pub body: Vec<u8>,
}

/// Asks URLs that users supplied.
#[derive(Debug, Clone)]
pub struct GuardedClient {
    guard: Arc<Guard>,
    request: Duration,
    /// Connects to checked addresses alone.
    public: Client,
    /// For hosts that the operator allowed by name.
    named: Client,
}

/// Asks URLs that operators configured, wherever they lead.
#[derive(Debug, Clone)]
pub struct PlainClient(Client);

impl GuardedClient {
    /// Prepares the client.
    ///
    /// # Errors
    /// When there are no certificate authorities, or none where one is configured.
    pub fn new(guard: Guard, connections: &Connections) -> Result<Self, ConnectFault> {
        let guard = Arc::new(guard);
        let names = CheckedNames(Arc::clone(&guard));
        let public = build(builder(connections)?.dns_resolver(names))?;
        let named = build(builder(connections)?)?;
        Ok(Self { guard, request: connections.request, public, named })
    }

    /// What it guards with.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// As long as one exchange may take.
    pub fn timeout(&self) -> Duration {
        self.request
    }

    /// Begins a request; its names are resolved and checked when it is sent.
    pub fn request(&self, method: Method, destination: &Destination) -> RequestBuilder {
        let client = if destination.is_named() { &self.named } else { &self.public };
        client.request(method, destination.url())
    }
}

impl PlainClient {
    /// Prepares the client.
    ///
    /// # Errors
    /// When there are no certificate authorities, or none where one is configured.
    pub fn new(connections: &Connections) -> Result<Self, ConnectFault> {
        build(builder(connections)?).map(Self)
    }

    /// Begins a request. A URL that is none shows when it is sent.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.0.request(method, url)
    }
}

impl Answer {
    /// Sends a request and reads what is answered. A body that breaks off or is too long does not
    /// spoil the answer: the status says what became of the request.
    ///
    /// # Errors
    /// When no status came back.
    pub async fn to(request: RequestBuilder) -> Result<Self, Missed> {
        let mut response = request.send().await.map_err(|error| Missed::of(&error))?;
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = ANSWER_MAX - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
        let headers = std::mem::take(response.headers_mut());
        Ok(Self { status: response.status().as_u16(), headers, body })
    }

    /// As long as it asks to wait, at most a day.
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        retry_after::read(&self.headers, now)
    }
}

fn builder(connections: &Connections) -> Result<ClientBuilder, ConnectFault> {
    let mut authorities = Vec::new();
    for (at, pem) in connections.authorities.iter().enumerate() {
        let read = Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
        if read.is_empty() {
            return Err(ConnectFault::Authority(at));
        }
        authorities.extend(read);
    }
    Ok(Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(connections.connect.min(connections.request / 2))
        .timeout(connections.request)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
        .http2_keep_alive_interval(ALIVE_INTERVAL)
        .http2_keep_alive_timeout(ALIVE_TIMEOUT)
        .tls_certs_merge(authorities)
        .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION"))))
}

/// The authorities have been read: what is left to fail is the system's list.
fn build(builder: ClientBuilder) -> Result<Client, ConnectFault> {
    builder.build().map_err(|_| ConnectFault::NoAuthorities)
}
