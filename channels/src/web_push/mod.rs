//! Web Push: to browsers, through the push service that each browser chose (RFC 8030).
//!
//! Must never send a message in the clear, nor ask an endpoint that the guard refuses: users
//! supply them.

mod answer;
mod check;
mod encrypt;
mod payload;
mod tokens;
mod vapid;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landfall_core::channel::Channel;
use landfall_core::notification::Priority;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder};
use tokio::time::{Instant, timeout_at};

use crate::connect::{Answer, Destination, GuardedClient, Missed};
use crate::gate::Toll;
use crate::{Attempt, Load, LoadKind, Note, Outcome, Parcel, Provider, Subscription};

pub use check::{SubscriptionFault, check_subscription};
pub use encrypt::{
    AUTH_BYTES, EncryptFault, PLAINTEXT_MAX, PUBLIC_KEY_BYTES, SubscriptionKeys, encrypt,
};
pub use vapid::{Subject, VapidFault, VapidKey};

use answer::Signature;
use tokens::{KeyPlace, Tokens};

/// What a service may shorten messages to that answered 413.
const SMALL_MAX: usize = 1_024;
/// The longest that services keep a message, in seconds: four weeks.
const TTL_MAX_S: i64 = 4 * 7 * 24 * 60 * 60;
/// The longest `Topic` (RFC 8030 section 5.4).
const TOPIC_LETTERS: usize = 32;

/// What Web Push needs to know.
pub struct WebPushSettings {
    /// The keys of this server, the newest first: it signs for subscriptions that name none.
    pub keys: Vec<VapidKey>,
    /// Whom push services can write to; some refuse a server that does not say so.
    pub subject: Option<Subject>,
    /// How long a signature lives; at most 23 hours.
    pub token_life: Duration,
    /// The URL where a click leads when the notification names none.
    pub home: String,
}

/// Sends to browsers.
pub struct WebPush {
    client: GuardedClient,
    tokens: Tokens,
    home: String,
}

/// Where one message goes, and what lets it in.
struct Way<'a> {
    destination: &'a Destination,
    authorization: HeaderValue,
}

impl WebPush {
    /// Prepares the provider.
    pub fn new(client: GuardedClient, settings: WebPushSettings) -> Self {
        let WebPushSettings { keys, subject, token_life, home } = settings;
        Self { client, tokens: Tokens::new(keys, subject, token_life), home }
    }

    async fn attempt(&self, parcel: &Parcel, subscription: &Subscription, note: &Note) -> Outcome {
        let refused = |code: String| Outcome::Refused { code };
        if parcel.expires_at.is_some_and(|expires_at| expires_at <= parcel.now) {
            return refused("expired".to_owned());
        }
        let destination = match self.client.guard().check(&subscription.endpoint) {
            Ok(destination) => destination,
            Err(fault) => return refused(format!("endpoint {fault}")),
        };
        let Some(key) = self.tokens.key_for(subscription.server_key.as_deref()) else {
            return refused("unknown server key".to_owned());
        };
        let origin = destination.origin();
        let Some(authorization) = self.tokens.header(&origin, key, parcel.now) else {
            return Outcome::Broken { code: "cannot sign".to_owned() };
        };
        let way = Way { destination: &destination, authorization };
        match self.exchange(parcel, subscription, note, &way).await {
            Ok((answer, remark)) => {
                let endpoint = &subscription.endpoint;
                let signature = self.judge_signature(&answer, &origin, key, endpoint);
                answer::outcome(&answer, endpoint, signature, &remark, parcel.now)
            }
            Err(outcome) => outcome,
        }
    }

    /// Sends it, and once more in a small form to a service that finds it too large; both within
    /// the time of one.
    async fn exchange(
        &self,
        parcel: &Parcel,
        subscription: &Subscription,
        note: &Note,
        way: &Way<'_>,
    ) -> Result<(Answer, String), Outcome> {
        let deadline = Instant::now() + self.client.timeout();
        let (request, left_out) = self.request(parcel, subscription, note, way, PLAINTEXT_MAX)?;
        let answer = Answer::to(request).await.map_err(|missed| missed.outcome())?;
        if answer.status != 413 {
            return Ok((answer, left_out.map(|what| format!(" {what}")).unwrap_or_default()));
        }
        let (request, left_out) = self.request(parcel, subscription, note, way, SMALL_MAX)?;
        let answer = match timeout_at(deadline, Answer::to(request)).await {
            Ok(answer) => answer.map_err(|missed| missed.outcome())?,
            Err(_) => return Err(Missed::NoAnswer("timed out").outcome()),
        };
        Ok((answer, format!(" after 413 {}", left_out.unwrap_or("whole"))))
    }

    fn request(
        &self,
        parcel: &Parcel,
        subscription: &Subscription,
        note: &Note,
        way: &Way<'_>,
        bytes_max: usize,
    ) -> Result<(RequestBuilder, Option<&'static str>), Outcome> {
        let refused = |code: String| Outcome::Refused { code };
        let Some(fitted) = payload::fit(parcel, note, &self.home, bytes_max) else {
            return Err(refused("message too long".to_owned()));
        };
        let keys = SubscriptionKeys { p256dh: &subscription.p256dh, auth: &subscription.auth };
        let body = match encrypt(keys, &fitted.json) {
            Ok(body) => body,
            Err(fault) => return Err(refused(fault.to_string())),
        };
        let request = self
            .client
            .request(Method::POST, way.destination)
            .header(AUTHORIZATION, way.authorization.clone())
            .header(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .header("ttl", ttl_s(parcel))
            .header("urgency", HeaderValue::from_static(urgency(parcel.priority)))
            .header("topic", topic(&note.tag))
            .body(body);
        Ok((request, fitted.left_out))
    }

    fn judge_signature(
        &self,
        answer: &Answer,
        origin: &str,
        key: KeyPlace,
        endpoint: &str,
    ) -> Signature {
        match answer.status {
            200..=299 => self.tokens.prove(origin, key),
            401 | 403 if !self.tokens.is_proven(origin, key, endpoint) => {
                return Signature::Doubtful;
            }
            _ => {}
        }
        Signature::Proven
    }
}

impl Provider for WebPush {
    fn name(&self) -> &'static str {
        "web_push"
    }

    fn channel(&self) -> Channel {
        Channel::Push
    }

    fn takes(&self, kind: LoadKind) -> bool {
        kind == LoadKind::WebPush
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Attempt<'a> {
        Box::pin(async move {
            match &parcel.load {
                Load::WebPush(subscription, note) => self.attempt(parcel, subscription, note).await,
                _ => Outcome::Refused { code: "no web push".to_owned() },
            }
        })
    }
}

/// Says by which turnstile of the gate a parcel goes: one for each origin, so that no push service
/// holds up another, and that what a user's own server answers holds up nobody.
pub fn toll(parcel: &Parcel) -> Toll {
    let Load::WebPush(subscription, _) = &parcel.load else { return Toll::single(parcel) };
    let turnstile = hashed(&origin_of(&subscription.endpoint).to_ascii_lowercase());
    Toll { turnstile, cost: 1, address: Some(hashed(&subscription.endpoint)) }
}

fn hashed(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Scheme, host and port as they are spelled: one origin in two spellings has two turnstiles, which
/// harms nobody.
fn origin_of(endpoint: &str) -> &str {
    let host = endpoint.find("://").map_or(0, |at| at + 3);
    let end = endpoint[host..].find(['/', '?', '#']).map_or(endpoint.len(), |at| host + at);
    &endpoint[..end]
}

fn ttl_s(parcel: &Parcel) -> i64 {
    let left = parcel.expires_at.map(|at| at.as_ms().saturating_sub(parcel.now.as_ms()) / 1_000);
    left.unwrap_or(TTL_MAX_S).clamp(0, TTL_MAX_S)
}

fn urgency(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High | Priority::Critical => "high",
    }
}

/// A hash, because some services refuse topics that others take.
fn topic(tag: &str) -> String {
    let mut topic = URL_SAFE_NO_PAD.encode(digest(&SHA256, tag.as_bytes()));
    topic.truncate(TOPIC_LETTERS);
    topic
}
