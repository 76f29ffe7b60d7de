//! What members are told of a moment, and how it is sent.

use std::sync::Arc;

use landfall_core::id::QuizId;
use landfall_core::notification::{Content, JsonText, Priority};
use landfall_core::schedule::{Event, Moment, Planned};
use landfall_core::time::Timestamp;
use landfall_store::{Reminds, SendState, SendTo, StoredOccurrence, StoredSend};
use serde_json::{Value, json};

use super::words_of;
use crate::service::Services;
use crate::service::routing::Asked;

impl Services {
    /// Makes the send that tells the members of a class of a moment.
    pub(super) fn send_of(
        &self,
        occurrence: &StoredOccurrence,
        moment: Moment,
        content: Content,
        (now, until): (Timestamp, Timestamp),
    ) -> StoredSend {
        let template = content.template_id.as_deref().and_then(|id| self.templates.get(id));
        let priority = template.map(|template| template.priority()).unwrap_or_default();
        let starts_at = occurrence.span().starts;
        StoredSend {
            id: self.ids.send(now),
            tenant: occurrence.tenant.clone(),
            content: Arc::new(Content { priority, ..content }),
            route: Asked::default().text(),
            to: SendTo::Topic(occurrence.class.clone()),
            cursor: String::new(),
            accepted: 0,
            expanded: 0,
            state: SendState::Active,
            later: None,
            reminds: match moment {
                Moment::Reminder(minutes) => Some(Reminds { minutes, starts_at }),
                Moment::Start | Moment::End => None,
            },
            digest: None,
            canceled_at: None,
            created_at: now,
            expires_at: Some(until),
        }
    }
}

/// Makes what members are told of a moment; its words are the template's.
pub(super) fn content_of(
    event: &Event,
    planned: &Planned,
    moment: Moment,
    class_title: Option<&str>,
) -> Content {
    let notification_type = moment.notification_type(event.kind);
    let data = data_of(event, planned, moment, class_title);
    Content {
        template_id: Some(notification_type.clone()),
        notification_type,
        title: String::new(),
        message: String::new(),
        data: JsonText::trusted(&data.to_string()),
        priority: Priority::default(),
        locale: None,
        sender_id: Some(event.created_by.clone()),
        sender_name: None,
        image: None,
        actions: None,
        link: words_of(&event.plan, planned).link.clone(),
    }
}

/// Says what templates and apps get to know of a moment.
fn data_of(event: &Event, planned: &Planned, moment: Moment, class_title: Option<&str>) -> Value {
    let (words, span) = (words_of(&event.plan, planned), planned.span);
    let mut data = json!({
        "event_id": event.id.to_string(),
        "event_type": event.kind.as_str(),
        "occurrence": planned.name.to_string(),
        "class_id": event.class.as_str(),
        "title": words.title,
        "scheduled_at": span.starts.to_string(),
        "ends_at": span.ends.to_string(),
        "duration_minutes": (span.ends.as_ms() - span.starts.as_ms()) / 60_000,
    });
    let texts = [
        ("class_title", class_title),
        ("description", words.description.as_deref()),
        ("link", words.link.as_deref()),
        ("quiz_id", event.quiz.as_ref().map(QuizId::as_str)),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            data[name] = json!(text);
        }
    }
    if let Moment::Reminder(minutes) = moment {
        data["reminder_minutes"] = json!(minutes);
    }
    data
}
