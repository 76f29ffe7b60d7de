//! Settings of the providers: `[push]`, `[fcm]`, `[sms]` and `[email]`.
//!
//! Whether a provider is in use follows from its settings; what is wrong between them is told at
//! the start, by name.

use serde::Deserialize;

use super::Seconds;
use crate::secret::Secret;

/// Characters of the name of a key that signs callbacks.
const NAME_CHARS_MAX: usize = 64;

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
    /// In which full speed is reached after a rest; 0 is at once.
    pub ramp_seconds: Seconds,
}

/// Twilio.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsSettings {
    /// The account; empty when text messages are not used.
    pub account_sid: String,
    /// Signs in, and signs callbacks.
    pub auth_token: Secret,
    /// Keys that sign callbacks, each with its name.
    callback_keys: Vec<Secret>,
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

/// A key that Twilio signs callbacks with; prints as its name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackKey {
    /// What Twilio calls it.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

impl CallbackKey {
    /// Reads `NAME:SECRET`: a name of 1 to 64 letters, digits, dots, dashes and underscores.
    fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.trim().split_once(':')?;
        let in_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_name = (1..=NAME_CHARS_MAX).contains(&id.len()) && id.chars().all(in_name);
        let secret = Some(secret).filter(|secret| is_name && !secret.is_empty())?;
        Some(Self { id: id.to_owned(), secret: Secret::new(secret) })
    }
}

/// Checks one entry of `sms.callback_keys`; the answer never quotes it.
pub(super) fn callback_key_form(text: &str) -> Result<(), String> {
    let what = "must hold texts such as KEY:SECRET, a key's name and its secret";
    CallbackKey::parse(text).map(|_| ()).ok_or_else(|| what.to_owned())
}

impl SmsSettings {
    /// Gives the keys that sign callbacks besides the auth token.
    pub fn callback_keys(&self) -> Vec<CallbackKey> {
        self.callback_keys.iter().filter_map(|text| CallbackKey::parse(text.expose())).collect()
    }

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
