//! A parcel as Firebase's `messages:send` takes it, made to fit its 4,096 bytes.
//!
//! It decides nothing about delivery. What has to go for the size is said, never hidden.

use landfall_core::notification::Priority;
use serde_json::{Map, Value, json};

use crate::json_text::{cut, spelled_bytes};
use crate::{FcmTarget, Note, Parcel};

/// The most that Firebase takes. It counts keys and values; this counts the whole message without
/// its address, so that no way of counting finds more.
const PAYLOAD_MAX: usize = 4096;
/// Firebase keeps nothing for longer: four weeks, in seconds.
const TTL_MAX_S: i64 = 28 * 24 * 3600;
/// The longest `apns-collapse-id`, in bytes.
const COLLAPSE_ID_MAX: usize = 64;

/// A request's body, and what was left out of it.
#[derive(Debug, PartialEq)]
pub(super) struct Message {
    pub(super) body: Value,
    /// Such as `["image", "data"]`.
    pub(super) shortened: Vec<&'static str>,
}

/// Writes a message. Gives nothing where even the headline alone does not fit.
pub(super) fn write(parcel: &Parcel, target: &FcmTarget, note: &Note) -> Option<Message> {
    let mut draft = Draft {
        title: note.title.clone(),
        body: note.body.clone(),
        image: note.image.clone(),
        data: true,
    };
    let mut shortened = Vec::new();
    let mut message = draft.message(parcel, note);
    if size(&message) > PAYLOAD_MAX && draft.image.take().is_some() {
        shortened.push("image");
        message = draft.message(parcel, note);
    }
    if size(&message) > PAYLOAD_MAX && (note.data.as_str() != "{}" || note.actions.is_some()) {
        draft.data = false;
        shortened.push("data");
        message = draft.message(parcel, note);
    }
    for (part, name) in
        [(Draft::body as fn(&mut Draft) -> &mut String, "body"), (Draft::title, "title")]
    {
        let over = size(&message).saturating_sub(PAYLOAD_MAX);
        if over > 0 {
            let text = part(&mut draft);
            *text = cut(text, spelled_bytes(text).saturating_sub(over));
            shortened.push(name);
            message = draft.message(parcel, note);
        }
    }
    if size(&message) > PAYLOAD_MAX {
        return None;
    }
    let (key, address) = match target {
        FcmTarget::Token(token) => ("token", token),
        FcmTarget::InstallationId(id) => ("fid", id),
    };
    message.insert(key.into(), json!(address));
    Some(Message { body: json!({ "message": message }), shortened })
}

/// What may still be made smaller.
struct Draft {
    title: String,
    body: String,
    image: Option<String>,
    data: bool,
}

impl Draft {
    fn body(&mut self) -> &mut String {
        &mut self.body
    }

    fn title(&mut self) -> &mut String {
        &mut self.title
    }

    fn message(&self, parcel: &Parcel, note: &Note) -> Map<String, Value> {
        let mut notification = json!({ "title": self.title, "body": self.body });
        if let Some(image) = &self.image {
            notification["image"] = json!(image);
        }
        let mut message = Map::new();
        message.insert("notification".into(), notification);
        message.insert("data".into(), self.data(parcel, note));
        message.insert("android".into(), android(parcel, note));
        message.insert("apns".into(), apns(parcel, note));
        if let Some(link) = note.link.as_ref().filter(|link| link.starts_with("https://")) {
            message.insert("webpush".into(), json!({ "fcmOptions": { "link": link } }));
        }
        message
    }

    /// Writes what the app reads: texts only. The app's own data is one text, so that no key of
    /// it can be one that Firebase keeps for itself (`from`, `google.…`).
    fn data(&self, parcel: &Parcel, note: &Note) -> Value {
        let mut data = json!({
            "notification_id": parcel.notification.to_string(),
            "notification_type": note.notification_type,
        });
        let also = [
            ("replay_id", note.replay_id.as_deref()),
            ("link", note.link.as_deref()),
            ("receipt_url", note.receipt_url.as_deref()),
            ("actions", note.actions.as_ref().filter(|_| self.data).map(|json| json.as_str())),
            ("data", Some(note.data.as_str()).filter(|json| self.data && *json != "{}")),
        ];
        for (key, value) in also {
            if let Some(value) = value {
                data[key] = json!(value);
            }
        }
        data
    }
}

fn is_urgent(priority: Priority) -> bool {
    match priority {
        Priority::High | Priority::Critical => true,
        Priority::Low | Priority::Normal => false,
    }
}

fn android(parcel: &Parcel, note: &Note) -> Value {
    let mut android = json!({
        "priority": if is_urgent(parcel.priority) { "HIGH" } else { "NORMAL" },
        "collapseKey": note.tag,
        "notification": { "tag": note.tag },
    });
    if let Some(badge) = note.badge {
        android["notification"]["notificationCount"] = json!(badge);
    }
    if let Some(expires_at) = parcel.expires_at {
        let left_s = (expires_at.as_ms() - parcel.now.as_ms()).div_euclid(1000);
        android["ttl"] = json!(format!("{}s", left_s.clamp(0, TTL_MAX_S)));
    }
    android
}

fn apns(parcel: &Parcel, note: &Note) -> Value {
    let mut headers = json!({
        "apns-priority": if is_urgent(parcel.priority) { "10" } else { "5" },
        "apns-collapse-id": collapse_id(&note.tag),
    });
    if let Some(expires_at) = parcel.expires_at {
        headers["apns-expiration"] = json!(expires_at.as_ms().div_euclid(1000).to_string());
    }
    let Some(badge) = note.badge else { return json!({ "headers": headers }) };
    json!({ "headers": headers, "payload": { "aps": { "badge": badge } } })
}

/// Makes a tag fit into a header: what is too long or not plain is hashed, so that two tags stay
/// two.
fn collapse_id(tag: &str) -> String {
    if tag.len() <= COLLAPSE_ID_MAX && tag.bytes().all(|byte| byte.is_ascii_graphic()) {
        return tag.into();
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, tag.as_bytes());
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn size(message: &Map<String, Value>) -> usize {
    serde_json::to_vec(message).map_or(usize::MAX, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_fit_apple_s_header_and_stay_apart() {
        assert_eq!(collapse_id("grade-1"), "grade-1");
        let long = |last: char| collapse_id(&format!("{}{last}", "é".repeat(63)));
        assert_eq!(long('a').len(), 32);
        assert_ne!(long('a'), long('b'));
        assert_ne!(collapse_id("a\r\nb"), "a\r\nb");
    }
}
