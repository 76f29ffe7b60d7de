//! The providers that the settings name, each behind its limits.
//!
//! What is not configured is not there: routing then says so. A provider whose settings are wrong
//! stops the start.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use landfall_channels::connect::{Allow, Connections, Guard, GuardedClient};
use landfall_channels::email::{Smtp, SmtpSettings};
use landfall_channels::fcm::{Fcm, FcmSettings, ServiceAccount};
use landfall_channels::gate::{CircuitLimits, Gate, Limits, Toll};
use landfall_channels::sms::{ApiKey, Sender, Twilio, TwilioSettings};
use landfall_channels::web_push::{self, Subject, VapidKey, WebPush, WebPushSettings};
use landfall_channels::{Load, Parcel, Provider, Registry};
use landfall_core::sms::segments;

use crate::config::{Config, EmailSettings, SmsSettings, VapidPair};
use crate::keys::Keys;
use crate::service::people::PeopleParts;
use crate::vault::Vault;

/// How long a signature for push services lives.
const VAPID_LIFE: Duration = Duration::from_secs(12 * 3_600);
/// A provider waits for its pace no longer than that; what comes later is tried later.
const PATIENCE: Duration = Duration::from_secs(2);
/// In which full speed is reached after a rest.
const RAMP: Duration = Duration::from_secs(10);

/// Builds what people's use cases need.
///
/// # Errors
/// When a setting is wrong.
pub fn people_parts(config: &Config, keys: &Keys) -> anyhow::Result<PeopleParts> {
    Ok(PeopleParts {
        vault: Arc::new(Vault::new(&keys.vault)),
        server_key: keys.vapid.public_bytes(),
        guard: guard(config)?,
    })
}

/// Builds the guard of users' URLs.
///
/// # Errors
/// When an entry of `outbound.allow` is wrong, which loading the settings has refused before.
pub fn guard(config: &Config) -> anyhow::Result<Guard> {
    let allow = Allow::parse(&config.outbound.allow);
    let allow = allow.map_err(|(at, fault)| anyhow::anyhow!("outbound.allow[{at}]: {fault}"))?;
    Ok(Guard::new(allow))
}

/// Builds every provider that is configured.
///
/// # Errors
/// What is wrong with one, by the name of its section.
pub fn registry(config: &Config, vapid: &VapidPair) -> anyhow::Result<Registry> {
    let mut providers: Vec<Arc<dyn Provider>> = vec![web_push(config, vapid).context("push")?];
    if !config.fcm.credentials.is_empty() {
        providers.push(fcm(config).context("fcm")?);
    }
    if config.sms.is_configured() {
        providers.push(sms(&config.sms).context("sms")?);
    }
    if !config.email.url.is_empty() {
        providers.push(email(&config.email).context("email")?);
    }
    Ok(Registry::new(providers))
}

fn limits(concurrency: usize, per_second: u32) -> Limits {
    let at_once = u32::try_from(concurrency).unwrap_or(u32::MAX);
    Limits {
        at_once,
        at_once_total: at_once,
        per_second,
        ramp: RAMP,
        patience: PATIENCE,
        ..Limits::default()
    }
}

fn web_push(config: &Config, vapid: &VapidPair) -> anyhow::Result<Arc<dyn Provider>> {
    let connections =
        Connections { request: config.push.timeout_seconds.duration(), ..Connections::default() };
    let client = GuardedClient::new(guard(config)?, &connections)?;
    let mut keys = vec![VapidKey::parse(vapid.private_key.expose())?];
    for former in config.vapid.former_keys() {
        keys.push(VapidKey::parse(former).context("vapid.former_private_keys")?);
    }
    let subject = Some(&config.vapid.subject).filter(|subject| !subject.is_empty());
    let settings = WebPushSettings {
        keys,
        subject: subject.map(|subject| Subject::parse(subject)).transpose()?,
        token_life: VAPID_LIFE,
        home: config.server.public_url.clone(),
    };
    let provider = Arc::new(WebPush::new(client, settings));
    // Users name the push services: a slow one must not take all places, and a subscription that was
    // made with another key must not halt one for all.
    let limits = limits(config.push.concurrency, config.push.per_second);
    let circuit = CircuitLimits { broken: 3, ..limits.circuit };
    let limits = Limits { at_once: (limits.at_once_total / 4).max(1), circuit, ..limits };
    Ok(Arc::new(Gate::new(provider, limits, web_push::toll)))
}

fn fcm(config: &Config) -> anyhow::Result<Arc<dyn Provider>> {
    let text = config.fcm.credentials.expose();
    // The JSON itself, or the path of the file that holds it.
    let json = match text.trim_start().starts_with('{') {
        true => text.to_owned(),
        false => std::fs::read_to_string(Path::new(text)).context("credentials cannot be read")?,
    };
    let settings = FcmSettings {
        base_url: config.fcm.base_url.clone(),
        timeout: config.fcm.timeout_seconds.duration(),
        ..FcmSettings::new(ServiceAccount::parse(&json)?)
    };
    let limits = Limits {
        ramp: config.fcm.ramp_seconds.duration(),
        ..limits(config.fcm.concurrency, config.fcm.per_second)
    };
    Ok(Arc::new(Gate::new(Arc::new(Fcm::new(settings)?), limits, Toll::single)))
}

fn sms(settings: &SmsSettings) -> anyhow::Result<Arc<dyn Provider>> {
    let sender = match settings.messaging_service_sid.as_str() {
        "" => Sender::From(settings.from.clone()),
        service => Sender::MessagingService(service.to_owned()),
    };
    let api_key = (!settings.api_key.is_empty()).then(|| ApiKey {
        sid: settings.api_key.clone(),
        secret: settings.api_secret.expose().to_owned(),
    });
    let twilio = Twilio::new(TwilioSettings {
        api_key,
        base_url: settings.base_url.clone(),
        timeout: settings.timeout_seconds.duration(),
        ..TwilioSettings::new(&settings.account_sid, settings.auth_token.expose(), sender)
    })?;
    let limits = limits(settings.concurrency, settings.segments_per_second);
    Ok(Arc::new(Gate::new(Arc::new(twilio), limits, by_segments)))
}

/// A sender's number is paced by segments, not by messages.
fn by_segments(parcel: &Parcel) -> Toll {
    let cost = match &parcel.load {
        Load::Sms(sms) => segments(&sms.text).count,
        Load::WebPush(..) | Load::Fcm(..) | Load::Email(_) => 1,
    };
    Toll { cost, ..Toll::single(parcel) }
}

fn email(settings: &EmailSettings) -> anyhow::Result<Arc<dyn Provider>> {
    let reply_to = (!settings.reply_to.is_empty()).then(|| settings.reply_to.clone());
    let smtp = Smtp::new(SmtpSettings {
        reply_to,
        timeout: settings.timeout_seconds.duration(),
        idle_connections: settings.concurrency,
        ..SmtpSettings::from_url(settings.url.expose(), &settings.from)?
    })?;
    let limits = limits(settings.concurrency, settings.per_second);
    Ok(Arc::new(Gate::new(Arc::new(smtp), limits, Toll::single)))
}

/// Segments that the sender of text messages may send in a second.
pub fn segments_per_second(config: &Config) -> NonZeroU32 {
    NonZeroU32::new(config.sms.segments_per_second).unwrap_or(NonZeroU32::MIN)
}
