//! What people's secrets and preferences look like inside the store: JSON that nobody else reads.
//!
//! Rows of today are read by the server of tomorrow: fields may be added, none may change.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landfall_channels::{FcmTarget, Subscription};
use landfall_core::channel::Channel;
use landfall_core::id::TopicId;
use landfall_core::preference::{PreferenceRule, Preferences};
use landfall_core::quiet::{MinuteOfDay, QuietHours};
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;
use landfall_store::StoredPreferences;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::vault::Opened;

/// An address before it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum StoredAddress<'a> {
    /// Firebase's registration token.
    FcmToken { token: Cow<'a, str> },
    /// Firebase's installation id.
    FcmInstallation { id: Cow<'a, str> },
    /// A browser's subscription; keys in base64url.
    Subscription {
        endpoint: Cow<'a, str>,
        p256dh: String,
        auth: String,
        server_key: Option<String>,
    },
}

impl<'a> StoredAddress<'a> {
    /// Takes a subscription.
    pub(super) fn of(subscription: &'a Subscription) -> Self {
        let Subscription { endpoint, p256dh, auth, server_key } = subscription;
        let text = |bytes: &Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        Self::Subscription {
            endpoint: Cow::Borrowed(endpoint),
            p256dh: text(p256dh),
            auth: text(auth),
            server_key: server_key.as_ref().map(text),
        }
    }

    /// Writes the text that is sealed.
    pub(super) fn text(&self) -> Opened {
        Opened::new(serde_json::to_vec(self).expect("texts are always JSON"))
    }

    /// Reads what was sealed.
    pub(super) fn read(opened: &[u8]) -> Option<StoredAddress<'static>> {
        serde_json::from_slice(opened).ok()
    }

    /// Gives what a channel sends to.
    pub(super) fn target(self) -> Option<Target> {
        let bytes = |text: String| URL_SAFE_NO_PAD.decode(text).ok();
        Some(match self {
            Self::FcmToken { token } => Target::Fcm(FcmTarget::Token(token.into_owned())),
            Self::FcmInstallation { id } => Target::Fcm(FcmTarget::InstallationId(id.into_owned())),
            Self::Subscription { endpoint, p256dh, auth, server_key } => {
                Target::WebPush(Subscription {
                    endpoint: endpoint.into_owned(),
                    p256dh: bytes(p256dh)?,
                    auth: bytes(auth)?,
                    server_key: server_key.and_then(bytes),
                })
            }
        })
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow)]
    rules: Vec<Rule<'a>>,
    #[serde(borrow)]
    quiet_hours: Option<Quiet<'a>>,
    do_not_disturb_until: Option<i64>,
    #[serde(borrow)]
    locale: Option<Text<'a>>,
    #[serde(borrow)]
    tz: Option<Text<'a>>,
}

/// A text that is not copied to be read: preferences are read for every notification.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Text<'a> {
    fn of(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Rule<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", borrow)]
    notification_type: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    channel: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    topic: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder_minutes: Option<Vec<u32>>,
}

#[derive(Serialize, Deserialize)]
struct Quiet<'a> {
    start: u16,
    end: u16,
    #[serde(borrow)]
    tz: Text<'a>,
}

impl<'a> Quiet<'a> {
    fn of(hours: &'a QuietHours) -> Self {
        let QuietHours { start, end, zone } = hours;
        Self { start: start.number(), end: end.number(), tz: Text::of(zone.name()) }
    }
}

impl<'a> Rule<'a> {
    fn of(rule: &'a PreferenceRule) -> Self {
        let PreferenceRule { notification_type, channel, topic, enabled, reminder_minutes } = rule;
        Self {
            notification_type: notification_type.as_deref().map(Text::of),
            channel: channel.map(|channel| Text::of(channel.as_str())),
            topic: topic.as_ref().map(|topic| Text::of(topic.as_str())),
            enabled: *enabled,
            reminder_minutes: reminder_minutes.clone(),
        }
    }

    /// A rule that names what is not known any more is none: without its name it would say more.
    fn read(self) -> Option<PreferenceRule> {
        let Self { notification_type, channel, topic, enabled, reminder_minutes } = self;
        let channel = match channel {
            Some(Text(name)) => Some(Channel::parse(&name)?),
            None => None,
        };
        let topic = match topic {
            Some(Text(id)) => Some(TopicId::parse(&id).ok()?),
            None => None,
        };
        let notification_type = notification_type.map(|Text(name)| name.into_owned());
        Some(PreferenceRule { notification_type, channel, topic, enabled, reminder_minutes })
    }
}

/// Writes preferences as they are stored.
pub(super) fn body_of(preferences: &Preferences) -> String {
    let Preferences { rules, quiet_hours, do_not_disturb_until, locale, tz } = preferences;
    let body = Body {
        rules: rules.iter().map(Rule::of).collect(),
        quiet_hours: quiet_hours.as_ref().map(Quiet::of),
        do_not_disturb_until: do_not_disturb_until.map(Timestamp::as_ms),
        locale: locale.as_deref().map(Text::of),
        tz: tz.as_ref().map(|zone| Text::of(zone.name())),
    };
    serde_json::to_string(&body).expect("texts and numbers are always JSON")
}

/// Reads stored preferences; what is damaged is left out, so that one row stops nobody's messages.
pub(super) fn preferences_of(stored: &StoredPreferences) -> Preferences {
    let Ok(body) = serde_json::from_str::<Body<'_>>(&stored.body) else {
        tracing::error!("stored preferences cannot be read; they are taken for none");
        return Preferences::default();
    };
    let Body { rules, quiet_hours, do_not_disturb_until, locale, tz } = body;
    let hours = |Quiet { start, end, tz: Text(tz) }: Quiet<'_>| {
        Some(QuietHours {
            start: MinuteOfDay::new(start).ok()?,
            end: MinuteOfDay::new(end).ok()?,
            zone: Zone::parse(&tz).ok()?,
        })
    };
    Preferences {
        rules: rules.into_iter().filter_map(Rule::read).collect(),
        quiet_hours: quiet_hours.and_then(hours),
        do_not_disturb_until: do_not_disturb_until.map(Timestamp::from_ms),
        locale: locale.map(|Text(locale)| locale.into_owned()),
        tz: tz.and_then(|Text(tz)| Zone::parse(&tz).ok()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn preferences_read_what_they_write() {
        let rule = PreferenceRule {
            notification_type: Some("quiz".into()),
            channel: Some(Channel::Push),
            topic: Some(TopicId::parse("class-7b").unwrap()),
            enabled: Some(false),
            reminder_minutes: Some(vec![60, 15]),
        };
        let preferences = Preferences {
            rules: vec![rule, PreferenceRule::default()],
            quiet_hours: Some(QuietHours {
                start: MinuteOfDay::parse("22:00").unwrap(),
                end: MinuteOfDay::parse("07:00").unwrap(),
                zone: Zone::parse("Asia/Kolkata").unwrap(),
            }),
            do_not_disturb_until: Some(Timestamp::from_ms(5)),
            locale: Some("es-MX".into()),
            tz: Some(Zone::utc()),
        };
        let stored = StoredPreferences { body: body_of(&preferences), version: 1 };
        assert_eq!(preferences_of(&stored), preferences);
        for body in ["{}", "", "[]", r#"{"rules":[{"channel":"pigeon"}],"new":1}"#] {
            let stored = StoredPreferences { body: body.into(), version: 1 };
            assert_eq!(preferences_of(&stored), Preferences::default(), "{body}");
        }
    }

    #[test]
    fn addresses_read_what_they_write() {
        let subscription = Subscription {
            endpoint: "https://push.example.org/a".into(),
            p256dh: vec![4; 65],
            auth: vec![1; 16],
            server_key: Some(vec![4; 65]),
        };
        let text = StoredAddress::of(&subscription).text();
        let read = StoredAddress::read(&text).unwrap().target().unwrap();
        assert_eq!(read, Target::WebPush(subscription));
        let token = StoredAddress::FcmToken { token: "t:1".into() }.text();
        assert_eq!(&**token, br#"{"kind":"fcm_token","token":"t:1"}"#);
        assert!(StoredAddress::read(b"{}").is_none());
    }
}
