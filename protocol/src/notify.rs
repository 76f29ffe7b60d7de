//! `POST /notify` and its batch (S2, contract 3): the request, and what is answered.
//!
//! Reads what was sent into a draft; whether the draft keeps its limits is decided in core.

mod digest;

use landfall_core::channel::DeliveryState;
use landfall_core::due::{Due, LocalTime};
use landfall_core::id::{SendId, TopicId, UserId};
use landfall_core::notification::Notification;
use landfall_core::notify::{Draft, FieldError, Recipients, link_fault};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::list::ByChannel;
use crate::names::{ChannelName, PriorityName, ReasonName, StateName, StrategyName};
use crate::problem::Problem;
use crate::readable::is_readable;
use crate::text::{FeedNumber, IdText, Secret, Time, json_text};

pub use digest::{DigestRequest, WindowText};

/// A notification to send; exactly one of `user_id`, `user_ids`, `topic_id`, `class_id` is given.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct NotifyRequest {
    /// One user.
    #[serde(alias = "userId", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<IdText>,
    /// Several users.
    #[serde(alias = "userIds", skip_serializing_if = "Option::is_none")]
    pub user_ids: Option<Vec<IdText>>,
    /// Every member of a topic.
    #[serde(alias = "topicId", skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<IdText>,
    /// Every member of a class, which is a topic.
    #[serde(alias = "classId", skip_serializing_if = "Option::is_none")]
    pub class_id: Option<IdText>,
    /// Kind of news (S2); `type` is S4's name of it. The template's id where it is absent.
    #[serde(alias = "notificationType", alias = "type", skip_serializing_if = "Option::is_none")]
    pub notification_type: Option<String>,
    /// Template.
    #[serde(alias = "templateId", skip_serializing_if = "Option::is_none")]
    pub template_id: Option<String>,
    /// Headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Text; `body` is S0's name of it.
    #[serde(alias = "body", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The app's own data: an object, passed on as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub data: Option<Box<RawValue>>,
    /// Channels in the order of preference; the default is `websocket`, `push`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<ChannelName>>,
    /// How urgent it is; `normal` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<PriorityName>,
    /// One channel after the other (`fallback`) or all at once (`all`); by default a fallback for
    /// `low` and `normal`, and all for `high` and `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyName>,
    /// Seconds without a read after which a fallback goes on to its next channel.
    #[serde(alias = "escalateAfter", skip_serializing_if = "Option::is_none")]
    pub escalate_after: Option<u64>,
    /// Language of the texts, such as `en-US`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// URL of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Buttons: an array, passed on as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Object>>))]
    pub actions: Option<Box<RawValue>>,
    /// Where a click leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Number to use instead of the profile's: `+` and 7 to 15 digits.
    #[serde(alias = "phoneNumber", skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<Secret>,
    /// Seconds until it expires, from when it goes out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// When it goes out; at once where it has passed.
    #[serde(alias = "deliverAt", skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<Time>,
    /// Instead: the date and time, without a zone, at which it goes out where each recipient is, such as
    /// `2026-01-15T08:00:00`. The zone is that of the preferences or the profile, else the tenant's, else UTC.
    #[serde(alias = "deliverAtLocal", skip_serializing_if = "Option::is_none")]
    pub deliver_at_local: Option<String>,
    /// With which others it goes out, as one notification; alone where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestRequest>,
    /// In a line of a batch: makes the line idempotent. Elsewhere the header does.
    #[serde(alias = "idempotencyKey", skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// In a manual send: only says what it would do. Refused elsewhere, where it would not hold.
    #[serde(alias = "dryRun", skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

impl NotifyRequest {
    /// Makes the draft that core checks; `idempotency_key` is the caller's to take before.
    pub fn draft(self) -> Result<Draft, Vec<FieldError>> {
        if self.dry_run == Some(true) {
            let detail = "is for /api/v1/notifications/send; here it would be sent";
            return Err(vec![FieldError::new("/dry_run", detail)]);
        }
        self.check_characters()?;
        self.check_json()?;
        self.taken()
    }

    /// Takes every field to its place, but for the key, which is the caller's, and `dry_run`, which is
    /// refused by now.
    fn taken(mut self) -> Result<Draft, Vec<FieldError>> {
        let (recipients, due) = (self.recipients()?, self.due()?);
        let digest = self.digest.as_ref().map(DigestRequest::read).transpose()?;
        let Self {
            notification_type,
            template_id,
            title,
            message,
            data,
            channels,
            priority,
            strategy,
            escalate_after,
            locale,
            image,
            actions,
            link,
            phone_number,
            ttl,
            ..
        } = self;
        Ok(Draft {
            recipients,
            notification_type,
            template_id,
            title,
            message,
            data: data.as_deref().map(json_text),
            channels: channels.unwrap_or_default().into_iter().map(|name| name.0).collect(),
            priority: priority.map(|name| name.0),
            strategy: strategy.map(|name| name.0),
            escalate_after_seconds: escalate_after,
            locale,
            image,
            actions: actions.as_deref().map(json_text),
            link,
            phone_number: phone_number.map(|secret| secret.0),
            ttl_seconds: ttl,
            due,
            digest,
        })
    }

    /// Reads to whom it goes.
    fn recipients(&mut self) -> Result<Recipients, Vec<FieldError>> {
        let Self { user_id, user_ids, topic_id, class_id, .. } = self;
        let one = |fault| vec![fault];
        match (user_id.take(), user_ids.take(), topic_id.take(), class_id.take()) {
            (Some(id), None, None, None) => {
                id.read("/user_id", UserId::parse).map(Recipients::User).map_err(one)
            }
            (None, Some(ids), None, None) => users(&ids).map(Recipients::Users),
            (None, None, Some(id), None) => {
                id.read("/topic_id", TopicId::parse).map(Recipients::Topic).map_err(one)
            }
            (None, None, None, Some(id)) => {
                id.read("/class_id", TopicId::parse).map(Recipients::Topic).map_err(one)
            }
            _ => {
                let detail =
                    "exactly one of user_id, user_ids, topic_id and class_id must be given";
                Err(vec![FieldError::new("/user_id", detail)])
            }
        }
    }

    /// Reads when it goes out.
    fn due(&self) -> Result<Option<Due>, Vec<FieldError>> {
        let fault = |detail: String| vec![FieldError::new("/deliver_at_local", detail)];
        match (self.deliver_at, &self.deliver_at_local) {
            (None, None) => Ok(None),
            (Some(at), None) => Ok(Some(Due::At(at.0))),
            (None, Some(local)) => {
                let read = LocalTime::parse(local).map_err(|error| fault(error.to_string()));
                read.map(|local| Some(Due::Local(local)))
            }
            (Some(_), Some(_)) => Err(fault("must not be given together with deliver_at".into())),
        }
    }

    /// Refuses what would be passed on and could not be read.
    fn check_json(&self) -> Result<(), Vec<FieldError>> {
        let given = [("/data", &self.data), ("/actions", &self.actions)];
        let detail = "must hold whole characters, and numbers that a double can hold";
        let is_bad = |json: &Option<Box<RawValue>>| {
            json.as_ref().is_some_and(|json| !is_readable(json.get()))
        };
        let faults: Vec<FieldError> = given
            .into_iter()
            .filter(|(_, json)| is_bad(json))
            .map(|(pointer, _)| FieldError::new(pointer, detail))
            .collect();
        if faults.is_empty() { self.check_actions() } else { Err(faults) }
    }

    /// Refuses buttons that lead to a script: browsers follow these links by themselves
    /// (Declarative Web Push).
    fn check_actions(&self) -> Result<(), Vec<FieldError>> {
        let actions = self.actions.as_ref().and_then(|json| read_actions(json.get()));
        let mut faults = Vec::new();
        for (index, action) in actions.iter().flatten().enumerate() {
            for name in ["navigate", "url", "link", "icon", "image"] {
                let Some(link) = action.get(name).and_then(Value::as_str) else { continue };
                faults.extend(link_fault(&format!("/actions/{index}/{name}"), link));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Refuses the one character that a store may not be able to keep.
    pub(crate) fn check_characters(&self) -> Result<(), Vec<FieldError>> {
        let texts = [
            ("/title", &self.title),
            ("/message", &self.message),
            ("/locale", &self.locale),
            ("/idempotency_key", &self.idempotency_key),
        ];
        let faults: Vec<FieldError> = texts
            .into_iter()
            .filter(|(_, text)| text.as_ref().is_some_and(|text| text.contains('\0')))
            .map(|(pointer, _)| FieldError::new(pointer, "must not hold the character U+0000"))
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// Reads actions; what is no array is told elsewhere.
fn read_actions(json: &str) -> Option<Vec<Value>> {
    serde_json::from_str(json).ok()
}

fn users(ids: &[IdText]) -> Result<Vec<UserId>, Vec<FieldError>> {
    let mut users = Vec::with_capacity(ids.len());
    let mut faults = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        match UserId::parse(&id.0) {
            Ok(user) => users.push(user),
            Err(error) => {
                let pointer = format!("/user_ids/{index}");
                faults.push(FieldError { pointer, detail: error.to_string() });
            }
        }
    }
    if faults.is_empty() { Ok(users) } else { Err(faults) }
}

/// What a notification to one user is answered with (S2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NotifyAnswer {
    /// Its name.
    pub notification_id: String,
    /// How each channel of the plan stands.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, StateName>))]
    pub channels: ByChannel<StateName>,
    /// Why, for each channel that is not simply `queued`.
    #[serde(default, skip_serializing_if = "ByChannel::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::BTreeMap<String, ReasonName>))]
    pub reasons: ByChannel<ReasonName>,
    /// When it was accepted.
    pub timestamp: Time,
    /// Live connections of the user at that time.
    pub websocket_connections: u64,
    /// Its number on the inbox feed; null until it becomes visible.
    pub replay_id: Option<FeedNumber>,
    /// When it should arrive: when it is due, for what goes out later; by the recipient's zone as it is now.
    pub estimated_delivery: Time,
}

impl NotifyAnswer {
    /// Answers with the notification as it stands.
    pub fn new(notification: &Notification, websocket_connections: u64) -> Self {
        let Notification {
            id,
            user: _,
            content: _,
            number,
            changed: _,
            created_at,
            expires_at: _,
            delivered_at: _,
            attempts: _,
            read_at: _,
            deleted: _,
            channels,
            send: _,
        } = notification;
        Self {
            notification_id: id.to_string(),
            channels: channels.iter().map(|s| (s.channel, StateName(s.state))).collect(),
            reasons: channels
                .iter()
                .filter(|step| step.state != DeliveryState::Queued)
                .map(|step| (step.channel, ReasonName(step.reason)))
                .collect(),
            timestamp: Time(*created_at),
            websocket_connections,
            replay_id: Some(FeedNumber(*number)),
            estimated_delivery: Time(*created_at),
        }
    }
}

/// What a send to many users is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendAnswer {
    /// The send's name.
    pub send_id: String,
    /// Users that it goes to.
    pub accepted: u64,
    /// Users that it does not go to.
    pub rejected: Vec<Rejected>,
}

impl SendAnswer {
    /// Answers a send that was stored.
    pub fn new(send: SendId, accepted: u64, rejected: Vec<Rejected>) -> Self {
        Self { send_id: send.to_string(), accepted, rejected }
    }
}

/// A user that a send does not go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rejected {
    /// Who.
    pub user_id: String,
    /// Why.
    pub detail: String,
}

/// The result of one line of `/notify/batch`: a line of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchResult {
    /// The line of the request, from 1.
    pub line: u64,
    /// The status that it would have had on its own.
    pub status: u16,
    /// The answer, or the problem under `error`.
    #[serde(flatten)]
    pub outcome: BatchOutcome,
}

/// What became of a request, sent alone or as a line of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum BatchOutcome {
    /// One user: stored.
    Notification(NotifyAnswer),
    /// Many users: stored.
    Send(SendAnswer),
    /// Not stored.
    Refused {
        /// Why.
        error: Problem,
    },
}

impl BatchResult {
    /// Says that a line was stored.
    pub fn accepted(line: u64, outcome: BatchOutcome) -> Self {
        Self { line, status: 202, outcome }
    }

    /// Says that a line was refused.
    pub fn refused(line: u64, error: Problem) -> Self {
        Self { line, status: error.status, outcome: BatchOutcome::Refused { error } }
    }
}
