//! Who a token says is calling: the one place where a token that came from outside is judged.
//!
//! Every edge asks here, so that no way in goes around a pace, a revocation or a count. Must never
//! let a part of a token reach a log line or a metric.

use std::net::IpAddr;
use std::sync::Arc;

use landfall_core::auth::Caller;

use crate::auth::{AuthError, Verifier};
use crate::metrics::Metrics;
use crate::rates::{Rates, TooFast};
use crate::service::Services;

/// A token as it came.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The token in compact form.
    pub token: &'a str,
    /// Whence it came, where that is known and counts.
    pub from: Option<IpAddr>,
    /// Finds the request in the logs, where it is one.
    pub request_id: Option<&'a str>,
}

/// Why a token brings nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It does not hold, or cannot be judged now.
    Token(AuthError),
    /// It came too early.
    TooFast(TooFast),
}

impl From<TooFast> for Refused {
    fn from(too_fast: TooFast) -> Self {
        Self::TooFast(too_fast)
    }
}

/// Judges tokens.
pub struct Judge {
    /// Checks what a token says of itself.
    pub verifier: Arc<Verifier>,
    /// Knows what was revoked.
    pub services: Arc<Services>,
    /// How fast everybody may go.
    pub rates: Arc<Rates>,
    /// Counts the tokens that are refused.
    pub metrics: Arc<Metrics>,
}

impl Judge {
    /// Knows the caller of a request or a new socket, and counts it as one.
    ///
    /// # Errors
    /// When the token does not hold, or when the address or the caller is too fast.
    pub async fn admit(&self, shown: Shown<'_>) -> Result<Caller, Refused> {
        let caller = self.know(shown).await?;
        self.rates.request(&caller)?;
        Ok(caller)
    }

    /// Knows the caller as [`Self::admit`] does, and counts nothing against them.
    ///
    /// # Errors
    /// When the token does not hold, or when the address showed too many that did not.
    pub async fn know(&self, shown: Shown<'_>) -> Result<Caller, Refused> {
        self.rates.try_token(shown.from)?;
        let now_ms = self.services.now().as_ms();
        self.conclude(shown, self.verifier.verify_waiting(shown.token, now_ms).await)
    }

    /// Admits as [`Self::admit`] does, without waiting for an issuer's keys that are on their way.
    ///
    /// # Errors
    /// When the token does not hold, or when the address or the caller is too fast.
    pub fn admit_now(&self, shown: Shown<'_>) -> Result<Caller, Refused> {
        self.rates.try_token(shown.from)?;
        let now_ms = self.services.now().as_ms();
        let caller = self.conclude(shown, self.verifier.verify(shown.token, now_ms))?;
        self.rates.request(&caller)?;
        Ok(caller)
    }

    fn conclude(
        &self,
        shown: Shown<'_>,
        verified: Result<Caller, AuthError>,
    ) -> Result<Caller, Refused> {
        let judged = verified.and_then(|caller| match self.services.is_revoked(&caller) {
            true => Err(AuthError::Revoked),
            false => Ok(caller),
        });
        if let Ok(caller) = &judged {
            self.services.meet(caller);
        }
        judged.map_err(|error| {
            if error.is_the_tokens_fault() {
                self.rates.token_refused(shown.from);
            }
            self.tell(error, shown.request_id);
            Refused::Token(error)
        })
    }

    /// Counts and tells a refusal: the client of a socket sees only that it is closed.
    pub fn tell(&self, error: AuthError, request_id: Option<&str>) {
        let reason = error.name();
        self.metrics.token_refused(reason);
        tracing::info!(reason, request_id, "a token was refused");
    }
}
