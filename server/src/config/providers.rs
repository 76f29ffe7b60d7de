//! Settings of the providers: `[push]`, `[fcm]`, `[sms]` and `[email]`.
//!
//! Whether a provider is in use follows from its settings; what is wrong between them is told at
//! the start, by name.

use serde::Deserialize;

use super::Seconds;
use crate::secret::Secret;

/// Web Push, whose keys are in `[vapid]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushSettings {
    /// For one attempt.
    pub timeout_seconds: Seconds,
    /// Attempts at the same time.
    pub concurrency: usize,
    /// Attempts a second; 0 is no limit.
    pub per_second: u32,
}

/// Firebase Cloud Messaging.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FcmSettings {
    /// The service account: a path or JSON; empty when FCM is not used.
    pub credentials: Secret,
    /// Where messages go.
    pub base_url: String,
    /// For one attempt.
    pub timeout_seconds: Seconds,
    /// Attempts at the same time.
    pub concurrency: usize,
    /// Attempts a second; 0 is no limit.
    pub per_second: u32,
}

/// Twilio.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsSettings {
    /// The account; empty when text messages are not used.
    pub account_sid: String,
    /// Signs in, and signs callbacks.
    pub auth_token: Secret,
    /// Signs in instead of the auth token.
    pub api_key: String,
    /// Belongs to `api_key`.
    pub api_secret: Secret,
    /// The sender's number.
    pub from: String,
    /// Picks the sender's number.
    pub messaging_service_sid: String,
    /// Where messages go.
    pub base_url: String,
    /// For one attempt.
    pub timeout_seconds: Seconds,
    /// Attempts at the same time.
    pub concurrency: usize,
    /// Segments that the sender may send in a second.
    pub segments_per_second: u32,
}

impl SmsSettings {
    /// Says whether text messages can be sent: there is an account, and a sender.
    pub fn is_configured(&self) -> bool {
        let has_sender = !self.from.is_empty() || !self.messaging_service_sid.is_empty();
        !self.account_sid.is_empty() && has_sender
    }

    /// An account alone is what S2 documents; its sender may come later.
    pub(super) fn warn(&self, public_url: &str, warnings: &mut Vec<String>) {
        if self.is_configured() && public_url.is_empty() {
            let lost = "nothing reports whether text messages arrived";
            warnings.push(format!("server.public_url: empty, so {lost}"));
        }
        if !self.account_sid.is_empty() && !self.is_configured() {
            let remedy = "set TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID";
            warnings.push(format!(
                "sms.from: nobody would be the sender, so no text messages go out; {remedy}"
            ));
        }
    }
}

impl EmailSettings {
    /// Mail without a link to end it is what mailboxes refuse first (RFC 8058).
    pub(super) fn warn(&self, public_url: &str, warnings: &mut Vec<String>) {
        if !self.url.is_empty() && public_url.is_empty() {
            let lost = "e-mails carry no link to end them";
            warnings.push(format!("server.public_url: empty, so {lost}"));
        }
    }
}

/// A mail server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailSettings {
    /// The server with user and password; empty when e-mail is not used.
    pub url: Secret,
    /// The sender.
    pub from: String,
    /// Where answers go; empty for the sender.
    pub reply_to: String,
    /// For one attempt.
    pub timeout_seconds: Seconds,
    /// Attempts at the same time.
    pub concurrency: usize,
    /// Attempts a second; 0 is no limit.
    pub per_second: u32,
}
