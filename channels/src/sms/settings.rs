//! How Twilio is reached, and as whom; checked once.
//!
//! Secrets in here are never shown.

use std::time::Duration;

/// Who a text message comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// A number (`+15005550006`), short code or alphanumeric name of the account.
    From(String),
    /// A messaging service (`MG…`), which chooses the number.
    MessagingService(String),
}

/// A key of the account that can be revoked by itself.
#[derive(Clone)]
pub struct ApiKey {
    /// `SK…`.
    pub sid: String,
    /// Its secret.
    pub secret: String,
}

/// How Twilio is reached.
#[derive(Clone)]
pub struct TwilioSettings {
    /// `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// The account's token: signs callbacks, and requests too where there is no key.
    pub auth_token: String,
    /// Signs requests instead of the token.
    pub api_key: Option<ApiKey>,
    /// Who messages come from.
    pub sender: Sender,
    /// Where the API lives: no path, no slash at the end.
    pub base_url: String,
    /// How long an attempt may take.
    pub timeout: Duration,
}

/// Says what is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum TwilioError {
    /// It would not fit into the URL.
    #[error("the account's SID must be `AC` and 32 hexadecimal digits")]
    BadAccount,
    /// A messaging service is named by its SID.
    #[error("the messaging service's SID must be `MG` and 32 hexadecimal digits")]
    BadService,
    /// Nobody would be the sender.
    #[error("a sender is needed")]
    NoSender,
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] crate::connect::ConnectFault),
}

impl TwilioSettings {
    /// The address of Twilio itself.
    pub const BASE_URL: &str = "https://api.twilio.com";
    /// The usual time-out.
    pub const TIMEOUT: Duration = Duration::from_secs(15);

    /// Reaches Twilio itself with the account's token.
    pub fn new(account_sid: &str, auth_token: &str, sender: Sender) -> Self {
        Self {
            account_sid: account_sid.into(),
            auth_token: auth_token.into(),
            api_key: None,
            sender,
            base_url: Self::BASE_URL.into(),
            timeout: Self::TIMEOUT,
        }
    }

    pub(super) fn check(&self) -> Result<(), TwilioError> {
        if !is_sid(&self.account_sid, "AC") {
            return Err(TwilioError::BadAccount);
        }
        match &self.sender {
            Sender::MessagingService(sid) if !is_sid(sid, "MG") => Err(TwilioError::BadService),
            Sender::From(from) if from.trim().is_empty() => Err(TwilioError::NoSender),
            _ => Ok(()),
        }
    }

    /// Gives the user and password of the API's basic authentication.
    pub(super) fn credentials(&self) -> (&str, &str) {
        match &self.api_key {
            Some(key) => (&key.sid, &key.secret),
            None => (&self.account_sid, &self.auth_token),
        }
    }
}

fn is_sid(text: &str, kind: &str) -> bool {
    text.strip_prefix(kind)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl std::fmt::Debug for TwilioSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { account_sid, auth_token: _, api_key, sender, base_url, timeout } = self;
        f.debug_struct("TwilioSettings")
            .field("account_sid", account_sid)
            .field("api_key", &api_key.as_ref().map(|key| &key.sid))
            .field("sender", sender)
            .field("base_url", base_url)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

    #[test]
    fn settings_that_cannot_work_are_told_at_once() {
        let check = |account: &str, sender: Sender| {
            TwilioSettings::new(account, "token", sender).check().map_err(|error| error.to_string())
        };
        let from = || Sender::From("+15005550006".into());
        assert_eq!(check(ACCOUNT, from()), Ok(()));
        assert_eq!(check("AC/../x", from()), Err(TwilioError::BadAccount.to_string()));
        assert_eq!(check(ACCOUNT, Sender::From(" ".into())), Err("a sender is needed".into()));
        let service = Sender::MessagingService("MG1".into());
        assert_eq!(check(ACCOUNT, service), Err(TwilioError::BadService.to_string()));
    }

    #[test]
    fn secrets_are_not_shown() {
        let key = ApiKey { sid: "SK1".into(), secret: "hidden-1".into() };
        let mut settings = TwilioSettings::new(ACCOUNT, "hidden-2", Sender::From("a".into()));
        settings.api_key = Some(key);
        assert!(!format!("{settings:?}").contains("hidden"));
    }
}
