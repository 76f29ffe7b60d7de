//! The row of a send: how it is written and read.

use std::sync::Arc;

use landfall_core::digest::Digest;
use landfall_core::due::LocalTime;
use landfall_core::id::{NotificationId, SendId, Tenant, TopicId, UserId};
use uuid::Uuid;

use super::{Corrupt, Row, Value, codes, content};
use crate::{Later, Reminds, SendState, SendTo, StoredSend};

/// The columns that [`read`] reads.
pub(super) const COLUMNS: &str =
    "s.id, s.tenant, s.type, s.template_id, s.title, s.message, s.data,
    s.priority, s.locale, s.sender_id, s.sender_name, s.image, s.actions, s.link, s.route,
    s.users, s.topic_id, s.cursor, s.accepted, s.expanded, s.active, s.created_at, s.expires_at,
    s.canceled_at, s.due_at, s.due_local, s.lives_ms, s.part_of, s.notification_id, s.phone,
    s.reminder_minutes, s.starts_at, s.digest_key, s.digest_window_ms";

/// How many columns these are.
pub(super) const WIDTH: usize = 34;

/// Gives the values of a row, in the order in which it is inserted.
pub(super) fn values<'a>(tenant: &'a Tenant, send: &'a StoredSend) -> [Value<'a>; WIDTH] {
    let content = &send.content;
    let (users, topic, notification) = recipients(&send.to);
    let [minutes, starts_at] = reminds(send.reminds);
    let [due_at, local, lives_ms, part_of, phone] = later(send.later.as_ref());
    [
        (&send.id.0).into(),
        tenant.into(),
        (&content.notification_type).into(),
        content.template_id.as_ref().into(),
        (&content.title).into(),
        (&content.message).into(),
        content.data.as_str().into(),
        codes::priority_code(content.priority).into(),
        content.locale.as_ref().into(),
        content.sender_id.as_ref().into(),
        content.sender_name.as_ref().into(),
        content.image.as_ref().into(),
        content.actions.as_ref().map(|json| json.as_str()).into(),
        content.link.as_ref().into(),
        (&send.route).into(),
        users.into(),
        topic.into(),
        send.accepted.into(),
        send.created_at.into(),
        send.expires_at.into(),
        (&send.cursor).into(),
        send.expanded.into(),
        state_code(send.state).into(),
        send.canceled_at.into(),
        due_at,
        local,
        lives_ms,
        part_of,
        notification.into(),
        phone,
        minutes,
        starts_at,
        send.digest.as_ref().map(|digest| &digest.key).into(),
        send.digest.as_ref().map(|digest| digest.window_ms).into(),
    ]
}

/// Gives whom a send reaches as its columns say it: the users, the topic, and what the notification to
/// one user is called.
fn recipients(to: &SendTo) -> (Option<String>, Option<&TopicId>, Option<&Uuid>) {
    // Ids hold no control characters, so that a line each is exact.
    let lines =
        |users: &[UserId]| Some(users.iter().map(UserId::as_str).collect::<Vec<_>>().join("\n"));
    match to {
        SendTo::Users(users) => (lines(users), None, None),
        SendTo::Topic(topic) => (None, Some(topic), None),
        SendTo::Members(topic, users) => (lines(users), Some(topic), None),
        SendTo::One(user, id, topic) => (Some(user.to_string()), topic.as_ref(), Some(&id.0)),
    }
}

fn reminds(reminds: Option<Reminds>) -> [Value<'static>; 2] {
    [
        reminds.map(|reminds| i64::from(reminds.minutes)).into(),
        reminds.map(|reminds| reminds.starts_at).into(),
    ]
}

fn later(later: Option<&Later>) -> [Value<'_>; 5] {
    [
        later.map(|later| later.due_at).into(),
        later.and_then(|later| later.local).map(|local| local.to_string()).into(),
        later.and_then(|later| later.lives_ms).into(),
        later.and_then(|later| later.part_of.as_ref()).map(|id| &id.0).into(),
        later.and_then(|later| later.phone.as_deref()).into(),
    ]
}

/// The number that the store keeps for where a send stands.
pub(super) const fn state_code(state: SendState) -> i64 {
    match state {
        SendState::Ended => 0,
        SendState::Active => 1,
        SendState::Waits => 2,
        SendState::Gathered => 3,
    }
}

fn read_state(row: &dyn Row) -> Result<SendState, Corrupt> {
    match row.int(20)? {
        0 => Ok(SendState::Ended),
        1 => Ok(SendState::Active),
        2 => Ok(SendState::Waits),
        3 => Ok(SendState::Gathered),
        _ => Err(Corrupt::new(20, "state of a send")),
    }
}

/// Reads a row.
pub(super) fn read(row: &dyn Row) -> Result<StoredSend, Corrupt> {
    Ok(StoredSend {
        id: SendId(row.uuid(0)?),
        tenant: row.tenant(1)?,
        content: Arc::new(content::read(row, 2)?),
        route: row.string(14)?,
        to: read_recipients(row)?,
        cursor: row.string(17)?,
        accepted: row.count(18)?,
        expanded: row.count(19)?,
        state: read_state(row)?,
        later: read_later(row)?,
        reminds: read_reminds(row)?,
        digest: read_digest(row)?,
        canceled_at: row.optional_time(23)?,
        created_at: row.time(21)?,
        expires_at: row.optional_time(22)?,
    })
}

fn read_recipients(row: &dyn Row) -> Result<SendTo, Corrupt> {
    let user = |line| UserId::parse(line).map_err(|_| Corrupt::new(15, "list of user ids"));
    let topic = row.optional_text(16)?.map(|_| row.topic(16)).transpose()?;
    if let Some(id) = row.optional_uuid(28)? {
        return Ok(SendTo::One(row.user(15)?, NotificationId(id), topic));
    }
    let lines = row.optional_text(15)?;
    let users = lines.map(|lines| lines.lines().map(user).collect::<Result<_, _>>()).transpose()?;
    Ok(match (topic, users) {
        (Some(topic), Some(users)) => SendTo::Members(topic, users),
        (Some(topic), None) => SendTo::Topic(topic),
        (None, users) => SendTo::Users(users.unwrap_or_default()),
    })
}

fn read_reminds(row: &dyn Row) -> Result<Option<Reminds>, Corrupt> {
    let Some(minutes) = row.optional_int(30)? else { return Ok(None) };
    let minutes = u32::try_from(minutes).map_err(|_| Corrupt::new(30, "minutes"))?;
    Ok(Some(Reminds { minutes, starts_at: row.time(31)? }))
}

fn read_digest(row: &dyn Row) -> Result<Option<Digest>, Corrupt> {
    let key = row.optional_text(32)?.map(str::to_owned);
    let read = |key| Ok(Digest { key, window_ms: row.int(33)? });
    key.map(read).transpose()
}

fn read_later(row: &dyn Row) -> Result<Option<Later>, Corrupt> {
    let Some(due_at) = row.optional_time(24)? else { return Ok(None) };
    let local = |text: &str| LocalTime::parse(text).map_err(|_| Corrupt::new(25, "local time"));
    Ok(Some(Later {
        due_at,
        local: row.optional_text(25)?.map(local).transpose()?,
        lives_ms: row.optional_int(26)?,
        part_of: row.optional_uuid(27)?.map(SendId),
        phone: row.optional_blob(29)?.map(<[u8]>::to_vec),
    }))
}
