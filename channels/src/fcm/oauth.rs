//! The bearer token that Firebase asks for: exchanged, kept, renewed early, by one at a time.
//!
//! A token is never logged. Its age goes by the machine's monotonic clock, so that a wall clock
//! that is put back does not make an old one look fresh.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::time::Timestamp;
use reqwest::Method;
use tokio::time::{Instant, timeout};

use super::account::ServiceAccount;
use crate::Outcome;
use crate::connect::PlainClient;
use crate::operator::{Answer, ask};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// A token is renewed when less than this is left, or less than a fifth of its life.
const EARLY: Duration = Duration::from_secs(300);
/// No token is believed to be good for longer.
const LIFE_MAX: Duration = Duration::from_secs(3600);
/// No attempt that holds a good token waits for longer for another one, nor for more than a quarter
/// of its own time.
const RENEWAL_MAX: Duration = Duration::from_secs(3);

/// A bearer token; clones are the same one.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(Arc<str>);

impl Token {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone)]
struct Held {
    token: Token,
    renew_at: Instant,
    ends_at: Instant,
}

/// Exchanges and keeps the token of one service account.
pub(super) struct OAuth {
    client: PlainClient,
    account: ServiceAccount,
    /// How long a renewal may take while the old token is good.
    renewal: Duration,
    held: Mutex<Option<Held>>,
    /// Held over an exchange, on purpose: whoever else needs a token waits for that one.
    flight: tokio::sync::Mutex<Option<Outcome>>,
    /// Exchanges that have ended.
    ended: AtomicU64,
}

impl OAuth {
    /// Exchanges nothing yet; `attempt` is how long a whole attempt may take.
    pub(super) fn new(client: PlainClient, account: ServiceAccount, attempt: Duration) -> Self {
        let renewal = RENEWAL_MAX.min(attempt / 4);
        let (held, flight, ended) = (Mutex::default(), Default::default(), AtomicU64::new(0));
        Self { client, account, renewal, held, flight, ended }
    }

    pub(super) fn project_id(&self) -> &str {
        &self.account.project_id
    }

    /// Gives a token that is good for now, from memory where there is one. Fails with what the
    /// attempt is to end with.
    pub(super) async fn token(&self, now: Timestamp) -> Result<Token, Outcome> {
        let at = Instant::now();
        let held = self.held().clone().filter(|held| at < held.ends_at);
        match held {
            Some(held) if at < held.renew_at => Ok(held.token),
            // It still works: one renews it, the others go on with it, and so does the one if the
            // renewal fails or hangs.
            Some(held) => match self.flight.try_lock() {
                Ok(mut failure) => {
                    let renewed = timeout(self.renewal, self.exchange(now, &mut failure)).await;
                    Ok(renewed.ok().and_then(Result::ok).unwrap_or(held.token))
                }
                Err(_) => Ok(held.token),
            },
            None => self.wait_for_another(None, now).await,
        }
    }

    /// Gives another token than the one that was just refused.
    pub(super) async fn renewed(&self, refused: &Token, now: Timestamp) -> Result<Token, Outcome> {
        self.wait_for_another(Some(refused), now).await
    }

    async fn wait_for_another(
        &self,
        refused: Option<&Token>,
        now: Timestamp,
    ) -> Result<Token, Outcome> {
        let seen = self.ended.load(Ordering::SeqCst);
        let mut failure = self.flight.lock().await;
        let at = Instant::now();
        let held = self.held().clone().filter(|held| at < held.ends_at);
        if let Some(held) = held.filter(|held| Some(&held.token) != refused) {
            return Ok(held.token);
        }
        // Who waited for an exchange that failed does not ask the endpoint once more by itself.
        match &*failure {
            Some(failure) if self.ended.load(Ordering::SeqCst) != seen => Err(failure.clone()),
            _ => self.exchange(now, &mut failure).await,
        }
    }

    async fn exchange(
        &self,
        now: Timestamp,
        failure: &mut Option<Outcome>,
    ) -> Result<Token, Outcome> {
        let exchanged = self.ask_endpoint(now).await;
        self.ended.fetch_add(1, Ordering::SeqCst);
        match exchanged {
            Ok(held) => {
                let token = held.token.clone();
                *self.held() = Some(held);
                *failure = None;
                Ok(token)
            }
            Err(outcome) => {
                *failure = Some(outcome.clone());
                Err(outcome)
            }
        }
    }

    async fn ask_endpoint(&self, now: Timestamp) -> Result<Held, Outcome> {
        let broken = |_| Outcome::Broken { code: "oauth: no assertion can be signed".into() };
        let assertion = self.account.assertion(now).map_err(broken)?;
        let form = [("grant_type", GRANT), ("assertion", &assertion)];
        let request = self.client.request(Method::POST, &self.account.token_uri).form(&form);
        let asked_at = Instant::now();
        // A token that was lost on its way costs nothing, so this is always "later".
        let later = |missed| Outcome::Later { after: None, code: format!("oauth: {missed}") };
        let answer = ask(request, now).await.map_err(later)?;
        read(&answer, asked_at)
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the token endpoint's answer (RFC 6749 section 5).
fn read(answer: &Answer, asked_at: Instant) -> Result<Held, Outcome> {
    let body = answer.json();
    if answer.status == 200 {
        let token = body["access_token"].as_str().filter(|token| is_token(token));
        let life = body["expires_in"].as_u64().map(Duration::from_secs).unwrap_or(LIFE_MAX);
        let life = life.min(LIFE_MAX);
        return token
            .map(|token| Held {
                token: Token(token.into()),
                renew_at: asked_at + life - EARLY.min(life / 5),
                ends_at: asked_at + life,
            })
            .ok_or_else(|| Outcome::Later { after: None, code: "oauth: 200 no token".into() });
    }
    let reason = body["error"].as_str().filter(|reason| is_reason(reason)).unwrap_or("no reason");
    let code = format!("oauth: {} {reason}", answer.status);
    Err(match answer.status {
        408 | 429 | 500.. => Outcome::Later { after: answer.retry_after, code },
        _ => Outcome::Broken { code },
    })
}

/// Says whether a text fits into a header (RFC 6750 section 2.1).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_reason(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
