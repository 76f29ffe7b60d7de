//! Values for the cases: short names for what a decision would commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use landfall_core::audit::{Action, Details, Entity, Hash};
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::id::{NotificationId, SendId, Tenant, TopicId, UserId};
use landfall_core::notification::{Content, JsonText, NewNotification, Priority};
use landfall_core::plan::{Reason, Step};
use landfall_core::time::Timestamp;
use landfall_core::topic::{MemberRole, Topic, TopicKind, Visibility};
use landfall_store::{AuditDraft, IdempotencyKey, SaltedDetails, Unit, Write};
use uuid::Uuid;

/// Gives the moment `ms` after the beginning of the cases' time.
pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(1_757_944_800_000 + ms)
}

pub fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub fn topic_id(name: &str) -> TopicId {
    TopicId::parse(name).unwrap()
}

/// Makes a UUIDv7 of a moment that no other call made.
fn uuid_at(time: Timestamp) -> Uuid {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let made = u128::from(MADE.fetch_add(1, Ordering::Relaxed));
    let ms = u128::try_from(time.as_ms()).unwrap();
    Uuid::from_u128(ms << 80 | 0x7 << 76 | 0b10 << 62 | made)
}

pub fn notification_id() -> NotificationId {
    NotificationId(uuid_at(at(0)))
}

pub fn send_id() -> SendId {
    SendId(uuid_at(at(0)))
}

pub fn content(title: &str) -> Content {
    Content {
        notification_type: "quiz".into(),
        template_id: Some("quiz_reminder".into()),
        title: title.into(),
        message: format!("{title}, in more words"),
        data: JsonText::trusted(r#"{"quiz":7}"#),
        priority: Priority::High,
        locale: Some("en-US".into()),
        sender_id: Some(user("teacher")),
        sender_name: Some("Ms T".into()),
        image: Some("https://example.org/i.png".into()),
        actions: Some(JsonText::trusted(r#"[{"id":"open"}]"#)),
        link: Some("/quiz/7".into()),
    }
}

/// Gives the plan of a notification that goes to live devices and has no other way.
pub fn channels() -> Vec<Step> {
    use DeliveryState::{Queued, Skipped};
    vec![
        Step { channel: Channel::Websocket, state: Queued, reason: Reason::ByDefault },
        Step { channel: Channel::Push, state: Skipped, reason: Reason::NotConfigured },
    ]
}

pub fn note(to: &UserId, title: &str) -> NewNotification {
    note_at(to, title, at(0))
}

pub fn note_at(to: &UserId, title: &str, created_at: Timestamp) -> NewNotification {
    NewNotification {
        id: NotificationId(uuid_at(created_at)),
        user: to.clone(),
        content: Arc::new(content(title)),
        created_at,
        expires_at: None,
        channels: channels(),
        send: None,
    }
}

pub fn publish(new: &NewNotification) -> Write {
    Write::Publish(Box::new(new.clone()))
}

pub fn mark_read(user: &UserId, id: NotificationId, at: Timestamp) -> Write {
    Write::MarkRead { user: user.clone(), id, at }
}

/// Makes a write whose condition never holds.
pub fn never(user: &UserId) -> Write {
    mark_read(user, notification_id(), at(0))
}

pub fn unit(tenant: &Tenant, writes: Vec<Write>) -> Unit {
    Unit { writes, ..Unit::new(tenant) }
}

pub fn details(target: &str, metadata: &str) -> SaltedDetails {
    let details = Details {
        actor: Some(user("teacher")),
        target: Some(user(target)),
        metadata: metadata.into(),
    };
    SaltedDetails::new(details, [7; 16])
}

pub fn draft(action: Action, target: &str, ms: i64) -> AuditDraft {
    let entity = Entity::Other("thing", format!("{action:?}"));
    AuditDraft { at: at(ms), action, entity, details: details(target, r#"{"why":"test"}"#) }
}

/// Names a request of one scope whose body is told apart by one byte.
pub fn key(name: &str, body: u8) -> IdempotencyKey {
    let digest: Hash = [body; 32];
    IdempotencyKey {
        scope: "app POST /notify".into(),
        key: name.into(),
        digest,
        memo: format!("memo of {name}"),
        at: at(0),
    }
}

pub fn topic(name: &str, title: &str) -> Topic {
    Topic {
        id: topic_id(name),
        kind: TopicKind::Class,
        visibility: Visibility::Private,
        title: title.into(),
        room_id: Some("room 1".into()),
        created_at: at(0),
        updated_at: at(0),
    }
}

pub fn put_topic(topic: &Topic) -> Write {
    Write::PutTopic(Box::new(topic.clone()))
}

pub fn put_member(topic: &str, name: &str, role: MemberRole) -> Write {
    Write::PutMember { topic: topic_id(topic), user: user(name), role, at: at(0) }
}

pub fn remove_member(topic: &str, name: &str) -> Write {
    Write::RemoveMember { topic: topic_id(topic), user: user(name) }
}
