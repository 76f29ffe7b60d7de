//! What somebody wants to be told, and when (S0; contract 3): one rule flat, or everything.
//!
//! Absent stays as it is, `null` removes. What the rules do is decided in core.

use landfall_core::id::TopicId;
use landfall_core::notify::FieldError;
use landfall_core::preference::PreferenceRule;
use landfall_core::quiet::{MinuteOfDay, QuietHours};
use landfall_core::zone::Zone;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::ChannelName;
use crate::text::{IdText, Time};
use crate::users::given;

/// Minutes before a start at which to remind: a number, or a list; `0` is at the start, `[]` never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minutes(pub Vec<u32>);

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Minutes {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let number = u32::schema();
        utoipa::openapi::schema::OneOfBuilder::new()
            .item(number.clone())
            .item(utoipa::openapi::schema::ArrayBuilder::new().items(number))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Minutes {}

impl Serialize for Minutes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.serialize_u32(*one),
            many => many.serialize(serializer),
        }
    }
}

struct MinutesVisitor;

impl<'de> Visitor<'de> for MinutesVisitor {
    type Value = Minutes;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number of minutes, or a list of them")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Minutes, E> {
        let invalid = || E::invalid_value(de::Unexpected::Unsigned(number), &self);
        u32::try_from(number).map(|one| Minutes(vec![one])).map_err(|_| invalid())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Minutes, A::Error> {
        let mut minutes = Vec::new();
        while let Some(one) = items.next_element()? {
            minutes.push(one);
        }
        Ok(Minutes(minutes))
    }
}

impl<'de> Deserialize<'de> for Minutes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MinutesVisitor)
    }
}

/// One rule: whom it is about, and what it says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RuleFields {
    /// A type of notification, or the stem of several: `quiz` covers `quiz_reminder`. Absent is any.
    #[serde(alias = "notificationType", skip_serializing_if = "Option::is_none")]
    pub notification_type: Option<String>,
    /// One channel; absent is each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelName>,
    /// One topic or class; absent is any.
    #[serde(
        alias = "topicId",
        alias = "class_id",
        alias = "classId",
        skip_serializing_if = "Option::is_none"
    )]
    pub topic_id: Option<IdText>,
    /// Whether it is sent.
    #[serde(alias = "isEnabled", skip_serializing_if = "Option::is_none")]
    pub is_enabled: Option<bool>,
    /// When to be reminded of a start.
    #[serde(alias = "reminderMinutes", skip_serializing_if = "Option::is_none")]
    pub reminder_minutes: Option<Minutes>,
}

impl RuleFields {
    /// Reads the rule; faults stand below `pointer`.
    ///
    /// # Errors
    /// A topic that is no id.
    pub fn read(self, pointer: &str) -> Result<PreferenceRule, FieldError> {
        let Self { notification_type, channel, topic_id, is_enabled, reminder_minutes } = self;
        let topic = topic_id.map(|id| id.read(&format!("{pointer}/topic_id"), TopicId::parse));
        Ok(PreferenceRule {
            notification_type,
            channel: channel.map(|name| name.0),
            topic: topic.transpose()?,
            enabled: is_enabled,
            reminder_minutes: reminder_minutes.map(|minutes| minutes.0),
        })
    }
}

/// The part of each day in which nothing disturbs but what is critical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuietHoursFields {
    /// The first quiet minute, such as `22:00`.
    pub start: String,
    /// The first minute that is quiet no more, such as `07:00`.
    pub end: String,
    /// Where the clock hangs; the caller's own time zone where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
}

/// Quiet hours whose zone may still have to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHoursRead {
    /// The first quiet minute.
    pub start: MinuteOfDay,
    /// The first minute that is quiet no more.
    pub end: MinuteOfDay,
    /// Where the clock hangs.
    pub zone: Option<Zone>,
}

impl QuietHoursFields {
    /// Reads the two times and the zone.
    ///
    /// # Errors
    /// Each that is none, below `/quiet_hours`.
    pub fn read(self) -> Result<QuietHoursRead, Vec<FieldError>> {
        let Self { start, end, tz } = self;
        let mut faults = Vec::new();
        let mut minute = |field: &str, text: &str| {
            let read = MinuteOfDay::parse(text);
            let pointer = format!("/quiet_hours/{field}");
            read.map_err(|error| faults.push(FieldError::new(&pointer, error.to_string()))).ok()
        };
        let (start, end) = (minute("start", &start), minute("end", &end));
        let zone = tz.map(|tz| Zone::parse(&tz)).transpose();
        let zone = zone
            .map_err(|error| faults.push(FieldError::new("/quiet_hours/tz", error.to_string())));
        match (start, end, zone) {
            (Some(start), Some(end), Ok(zone)) => Ok(QuietHoursRead { start, end, zone }),
            _ => Err(faults),
        }
    }
}

impl From<&QuietHours> for QuietHoursFields {
    fn from(hours: &QuietHours) -> Self {
        let QuietHours { start, end, zone } = hours;
        let tz = Some(zone.name().to_owned());
        Self { start: start.to_string(), end: end.to_string(), tz }
    }
}

/// Changes preferences: one rule in S0's flat form, or `preferences` for all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PreferencesRequest {
    /// Flat form: a type of notification, or the stem of several.
    #[serde(alias = "notificationType", skip_serializing_if = "Option::is_none")]
    pub notification_type: Option<String>,
    /// Flat form: one channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelName>,
    /// Flat form: one topic or class.
    #[serde(
        alias = "topicId",
        alias = "class_id",
        alias = "classId",
        skip_serializing_if = "Option::is_none"
    )]
    pub topic_id: Option<IdText>,
    /// Flat form: whether it is sent.
    #[serde(alias = "isEnabled", skip_serializing_if = "Option::is_none")]
    pub is_enabled: Option<bool>,
    /// Flat form: when to be reminded.
    #[serde(alias = "reminderMinutes", skip_serializing_if = "Option::is_none")]
    pub reminder_minutes: Option<Minutes>,
    /// All rules, in place of those that there were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferences: Option<Vec<RuleFields>>,
    /// The quiet part of each day.
    #[serde(
        alias = "quietHours",
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<QuietHoursFields>))]
    pub quiet_hours: Option<Option<QuietHoursFields>>,
    /// Nothing disturbs until then but what is critical.
    #[serde(
        alias = "doNotDisturbUntil",
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub do_not_disturb_until: Option<Option<Time>>,
    /// Language of texts, such as `es-MX`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub locale: Option<Option<String>>,
    /// Time zone, such as `America/Mexico_City`.
    #[serde(
        alias = "timezone",
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub tz: Option<Option<String>>,
}

/// The rules of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesRead {
    /// None were given.
    Untouched,
    /// One, to stand beside the others.
    One(PreferenceRule),
    /// All of them.
    All(Vec<PreferenceRule>),
}

impl PreferencesRequest {
    /// Takes the rules out of the request.
    ///
    /// # Errors
    /// Both forms at once, or topics that are no ids.
    pub fn rules(&mut self) -> Result<RulesRead, Vec<FieldError>> {
        let flat = RuleFields {
            notification_type: self.notification_type.take(),
            channel: self.channel.take(),
            topic_id: self.topic_id.take(),
            is_enabled: self.is_enabled.take(),
            reminder_minutes: self.reminder_minutes.take(),
        };
        let is_flat = flat != RuleFields::default();
        let Some(all) = self.preferences.take() else {
            let rule = flat.read("").map_err(|fault| vec![fault])?;
            return Ok(if is_flat { RulesRead::One(rule) } else { RulesRead::Untouched });
        };
        if is_flat {
            let detail = "cannot be given with a rule beside it";
            return Err(vec![FieldError::new("/preferences", detail)]);
        }
        let (mut rules, mut faults) = (Vec::with_capacity(all.len()), Vec::new());
        for (index, rule) in all.into_iter().enumerate() {
            match rule.read(&format!("/preferences/{index}")) {
                Ok(rule) => rules.push(rule),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(RulesRead::All(rules)) } else { Err(faults) }
    }
}

/// Who said what a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuleSource {
    /// The user.
    Own,
    /// The tenant, for all of its users.
    Tenant,
    /// Nobody: it is what holds without a word.
    Default,
}

/// One rule as it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreferenceItem {
    /// A type of notification, or the stem of several; null is any.
    pub notification_type: Option<String>,
    /// One channel; null is each.
    pub channel: Option<ChannelName>,
    /// One topic or class; null is any.
    pub topic_id: Option<String>,
    /// Whether it is sent.
    pub is_enabled: bool,
    /// When to be reminded; null where the rule does not speak of it.
    pub reminder_minutes: Option<Minutes>,
    /// Who said so.
    pub source: RuleSource,
}

/// What holds for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreferencesAnswer {
    /// Every rule, and the types of scheduled events.
    pub preferences: Vec<PreferenceItem>,
    /// The quiet part of each day.
    pub quiet_hours: Option<QuietHoursFields>,
    /// Nothing disturbs until then but what is critical.
    pub do_not_disturb_until: Option<Time>,
    /// Language of texts.
    pub locale: Option<String>,
    /// Time zone.
    pub tz: Option<String>,
}
