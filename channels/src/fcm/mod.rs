//! Push notifications to apps through Firebase Cloud Messaging, HTTP v1.
//!
//! One request is one message to one device; Firebase takes no key that would make a repeat
//! harmless, so a lost answer is told as unknown. Nothing is repeated here, except once with
//! another bearer token when the one that was held is refused.

mod account;
mod answer;
mod message;
mod mismatch;
mod oauth;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::channel::Channel;
use landfall_core::time::Timestamp;
use reqwest::Method;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use self::answer::Verdict;
use self::mismatch::Mismatches;
use self::oauth::{OAuth, Token};
use crate::connect::{ConnectFault, Missed, PlainClient};
use crate::operator::{Answer, ask, operator_client};
use crate::{Attempt, FcmTarget, Load, LoadKind, Note, Outcome, Parcel, Provider};

pub use account::{AccountError, ServiceAccount};

/// How Firebase is reached.
#[derive(Debug)]
pub struct FcmSettings {
    /// Whom this server is to Firebase.
    pub account: ServiceAccount,
    /// Where messages go: no path, no slash at the end.
    pub base_url: String,
    /// How long an attempt may take; Firebase wants at least ten seconds.
    pub timeout: Duration,
}

impl FcmSettings {
    /// The address of Firebase itself.
    pub const BASE_URL: &str = "https://fcm.googleapis.com";
    /// The usual time-out.
    pub const TIMEOUT: Duration = Duration::from_secs(15);

    /// Reaches Firebase itself.
    pub fn new(account: ServiceAccount) -> Self {
        Self { account, base_url: Self::BASE_URL.into(), timeout: Self::TIMEOUT }
    }
}

/// Firebase Cloud Messaging as a provider.
pub struct Fcm {
    client: PlainClient,
    oauth: OAuth,
    url: String,
    timeout: Duration,
    mismatches: Mutex<Mismatches>,
}

impl Fcm {
    /// Prepares the connection; nothing is asked before the first attempt. Fails where the system
    /// has no certificate authorities.
    pub fn new(settings: FcmSettings) -> Result<Self, ConnectFault> {
        let FcmSettings { account, base_url, timeout } = settings;
        let client = operator_client(timeout)?;
        let oauth = OAuth::new(client.clone(), account, timeout);
        let url = format!("{base_url}/v1/projects/{}/messages:send", oauth.project_id());
        Ok(Self { client, oauth, url, timeout, mismatches: Mutex::default() })
    }

    async fn attempt(&self, parcel: &Parcel, target: &FcmTarget, note: &Note) -> Outcome {
        if parcel.expires_at.is_some_and(|at| at <= parcel.now) {
            return Outcome::Refused { code: "expired".into() };
        }
        let Some(message) = message::write(parcel, target, note) else {
            return Outcome::Refused { code: "payload over 4096 bytes".into() };
        };
        let shortened = match message.shortened.as_slice() {
            [] => String::new(),
            parts => format!(" shortened: {}", parts.join(", ")),
        };
        self.carry(&message.body, &shortened, parcel.now).await.unwrap_or_else(|outcome| outcome)
    }

    async fn carry(&self, body: &Value, note: &str, now: Timestamp) -> Result<Outcome, Outcome> {
        let deadline = Instant::now() + self.timeout;
        let late = |_| Outcome::Later { after: None, code: "oauth: timed out".into() };
        let token = timeout_at(deadline, self.oauth.token(now)).await.map_err(late)??;
        let answer = self.post(body, &token, now, deadline).await?;
        let Verdict::Renew = answer::read(&answer, note) else {
            return Ok(self.ended(&answer, note));
        };
        let token = timeout_at(deadline, self.oauth.renewed(&token, now)).await.map_err(late)??;
        let answer = self.post(body, &token, now, deadline).await?;
        Ok(self.ended(&answer, note))
    }

    async fn post(
        &self,
        body: &Value,
        token: &Token,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Answer, Outcome> {
        let request = self.client.request(Method::POST, &self.url);
        let request = request.bearer_auth(token.as_str()).json(body);
        match timeout_at(deadline, ask(request, now)).await {
            Ok(asked) => asked.map_err(|missed| missed.outcome()),
            Err(_) => Err(Missed::NoAnswer("timed out").outcome()),
        }
    }

    /// Reads an answer after which nothing is tried again.
    fn ended(&self, answer: &Answer, note: &str) -> Outcome {
        match answer::read(answer, note) {
            Verdict::Ended(outcome) => {
                if matches!(outcome, Outcome::Sent { .. }) {
                    self.mismatches().taken();
                }
                outcome
            }
            Verdict::OtherSender(outcome) => {
                let told = self.mismatches().another(Instant::now());
                if let Some(in_a_row) = told {
                    tracing::warn!(
                        project = self.oauth.project_id(),
                        in_a_row,
                        "devices belong to another Firebase project, by its word: \
                         are fcm.credentials those of the project that the app was built with?"
                    );
                }
                outcome
            }
            Verdict::Renew => answer::unauthenticated(),
        }
    }

    fn mismatches(&self) -> MutexGuard<'_, Mismatches> {
        self.mismatches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for Fcm {
    fn name(&self) -> &'static str {
        "fcm"
    }

    fn channel(&self) -> Channel {
        Channel::Push
    }

    fn takes(&self, kind: LoadKind) -> bool {
        kind == LoadKind::Fcm
    }

    fn is_healthy(&self) -> bool {
        !self.mismatches().are_several()
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Attempt<'a> {
        Box::pin(async move {
            match &parcel.load {
                Load::Fcm(target, note) => self.attempt(parcel, target, note).await,
                _ => Outcome::Refused { code: "not for fcm".into() },
            }
        })
    }
}
