//! Text messages through Twilio's Messaging API.
//!
//! Twilio takes no key that would make a repeat harmless, so a lost answer is told as unknown; the
//! status callback then says what became of it. Nothing is repeated here.

mod answer;
mod report;
mod settings;
mod signature;

use landfall_core::channel::Channel;
use landfall_core::profile::is_phone_number;
use landfall_core::sms::TEXT_CHARS_MAX;
use landfall_core::time::Timestamp;
use reqwest::Method;

use crate::connect::{Missed, PlainClient};
use crate::operator::{ask, operator_client};
use crate::{Attempt, Inquiry, Load, LoadKind, NoAnswer, Outcome, Parcel, Provider, Sms};

pub use report::{OptOut, Reply, SmsReport, read_reply, read_report};
pub use settings::{ApiKey, Sender, TwilioError, TwilioSettings};
pub use signature::{Content, SharedKey, SignatureError, SignatureHeaders, SigningKeys, verify};

/// The longest that Twilio keeps a message waiting, in seconds.
const VALIDITY_MAX_S: i64 = 36_000;

/// Twilio as a provider.
pub struct Twilio {
    client: PlainClient,
    url: String,
    settings: TwilioSettings,
}

impl Twilio {
    /// Prepares the connection; nothing is asked before the first attempt. Fails where the
    /// settings cannot work.
    pub fn new(settings: TwilioSettings) -> Result<Self, TwilioError> {
        settings.check()?;
        let client = operator_client(settings.timeout)?;
        let TwilioSettings { base_url, account_sid, .. } = &settings;
        let url = format!("{base_url}/2010-04-01/Accounts/{account_sid}/Messages.json");
        Ok(Self { client, url, settings })
    }

    /// Reads a message as Twilio has it now; nothing where it does not know it.
    async fn asked(&self, sid: &str, now: Timestamp) -> Result<Option<SmsReport>, NoAnswer> {
        if !answer::is_message_sid(sid) {
            return Ok(None);
        }
        let url = format!("{}/{sid}.json", self.url.trim_end_matches(".json"));
        let (user, password) = self.settings.credentials();
        let request = self.client.request(Method::GET, &url).basic_auth(user, Some(password));
        let missed = |missed: Missed| NoAnswer { after: None, code: missed.to_string() };
        let answer = ask(request, now).await.map_err(missed)?;
        let told = match answer.status {
            200 => report::read_message(&answer.body).filter(|told| told.sid == sid),
            404 => return Ok(None),
            _ => None,
        };
        let none = || NoAnswer { after: answer.retry_after, code: answer.status.to_string() };
        told.map(Some).ok_or_else(none)
    }

    async fn attempt(&self, parcel: &Parcel, sms: &Sms) -> Outcome {
        let form = match form(&self.settings.sender, parcel, sms) {
            Ok(form) => form,
            Err(outcome) => return outcome,
        };
        let (user, password) = self.settings.credentials();
        let request = self.client.request(Method::POST, &self.url);
        let request = request.basic_auth(user, Some(password)).form(&form);
        match ask(request, parcel.now).await {
            Ok(answer) => answer::read(&answer),
            Err(missed) => missed.outcome(),
        }
    }
}

/// Writes the fields of a message. Fails where Twilio could only refuse it.
fn form<'a>(
    sender: &'a Sender,
    parcel: &Parcel,
    sms: &'a Sms,
) -> Result<Vec<(&'static str, std::borrow::Cow<'a, str>)>, Outcome> {
    if !is_phone_number(&sms.to) {
        return Err(Outcome::Gone { code: "no phone number".into() });
    }
    if sms.text.chars().count() > TEXT_CHARS_MAX {
        let code = format!("text over {TEXT_CHARS_MAX} characters");
        return Err(Outcome::Refused { code });
    }
    let mut form = vec![("To", sms.to.as_str().into())];
    form.push(match sender {
        Sender::From(from) => ("From", from.as_str().into()),
        Sender::MessagingService(sid) => ("MessagingServiceSid", sid.as_str().into()),
    });
    form.push(("Body", sms.text.as_str().into()));
    if let Some(url) = &sms.callback_url {
        form.push(("StatusCallback", url.as_str().into()));
    }
    if let Some(expires_at) = parcel.expires_at {
        let left_ms = expires_at.as_ms() - parcel.now.as_ms();
        if left_ms <= 0 {
            return Err(Outcome::Refused { code: "expired".into() });
        }
        let left_s = (left_ms / 1000).clamp(1, VALIDITY_MAX_S);
        form.push(("ValidityPeriod", left_s.to_string().into()));
    }
    Ok(form)
}

impl Provider for Twilio {
    fn name(&self) -> &'static str {
        "twilio"
    }

    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn takes(&self, kind: LoadKind) -> bool {
        kind == LoadKind::Sms
    }

    fn inquire<'a>(&'a self, reference: &'a str, now: Timestamp) -> Inquiry<'a> {
        Box::pin(self.asked(reference, now))
    }

    fn send<'a>(&'a self, parcel: &'a Parcel) -> Attempt<'a> {
        Box::pin(async move {
            match &parcel.load {
                Load::Sms(sms) => self.attempt(parcel, sms).await,
                _ => Outcome::Refused { code: "not for twilio".into() },
            }
        })
    }
}
