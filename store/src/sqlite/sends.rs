//! Sends to many: one row each, however many users they reach.

use std::sync::Arc;

use landfall_core::id::{SendId, Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{content, rows};
use crate::{SendTo, StoredSend};

/// Stores a send of a tenant.
pub(super) fn create(
    connection: &Connection,
    tenant: &Tenant,
    send: &StoredSend,
) -> rusqlite::Result<()> {
    let sql = "insert into send (
                   id, tenant, type, template_id, title, message, data, priority, locale,
                   sender_id, sender_name, image, actions, link, channels, users, topic_id,
                   accepted, created_at, expires_at, cursor, expanded, active)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                   ?17, ?18, ?19, ?20, ?21, ?22, ?23)";
    let content = &send.content;
    let (users, topic) = match &send.to {
        SendTo::Users(users) => {
            // Ids hold no control characters, so that a line each is exact.
            (Some(users.iter().map(UserId::as_str).collect::<Vec<_>>().join("\n")), None)
        }
        SendTo::Topic(topic) => (None, Some(topic.as_str())),
    };
    connection.prepare_cached(sql)?.execute(params![
        send.id.0.as_bytes(),
        tenant.as_str(),
        content.notification_type,
        content.template_id,
        content.title,
        content.message,
        content.data.as_str(),
        rows::priority_code(content.priority),
        content.locale,
        content.sender_id.as_ref().map(UserId::as_str),
        content.sender_name,
        content.image,
        content.actions.as_ref().map(|json| json.as_str()),
        content.link,
        rows::plan_text(&send.channels),
        users,
        topic,
        send.accepted,
        send.created_at.as_ms(),
        send.expires_at.map(Timestamp::as_ms),
        send.cursor,
        send.expanded,
        send.is_active,
    ])?;
    Ok(())
}

/// One step of a send's expansion.
pub(super) struct Step {
    pub(super) id: SendId,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reached: u64,
    pub(super) is_complete: bool,
}

/// Moves a send on if it still stands where the step began.
pub(super) fn advance(
    connection: &Connection,
    tenant: &Tenant,
    step: &Step,
) -> rusqlite::Result<bool> {
    let Step { id, from, to, reached, is_complete } = step;
    let sql = "update send set cursor = ?4, expanded = expanded + ?5, active = ?6
               where tenant = ?1 and id = ?2 and cursor = ?3 and active = 1";
    let values = params![tenant.as_str(), id.0.as_bytes(), from, to, reached, !is_complete];
    Ok(connection.prepare_cached(sql)?.execute(values)? == 1)
}

const COLUMNS: &str = "s.id, s.tenant, s.type, s.template_id, s.title, s.message, s.data,
    s.priority, s.locale, s.sender_id, s.sender_name, s.image, s.actions, s.link, s.channels,
    s.users, s.topic_id, s.cursor, s.accepted, s.expanded, s.active, s.created_at, s.expires_at";

fn read(row: &Row<'_>) -> rusqlite::Result<StoredSend> {
    let topic: Option<TopicId> =
        row.get::<_, Option<String>>(16)?.as_deref().map(rows::topic).transpose()?;
    let users: Option<String> = row.get(15)?;
    let to = match topic {
        Some(topic) => SendTo::Topic(topic),
        None => {
            let users = users.unwrap_or_default();
            SendTo::Users(users.lines().map(rows::user).collect::<Result<_, _>>()?)
        }
    };
    Ok(StoredSend {
        id: SendId(rows::uuid(row, 0)?),
        tenant: rows::tenant(&row.get::<_, String>(1)?)?,
        content: Arc::new(content::read(row, 2)?),
        channels: rows::plan(&row.get::<_, String>(14)?)?,
        to,
        cursor: row.get(17)?,
        accepted: row.get(18)?,
        expanded: row.get(19)?,
        is_active: row.get(20)?,
        created_at: rows::time(row, 21)?,
        expires_at: rows::optional_time(row, 22)?,
    })
}

/// Gives each tenant's oldest active send, of the tenants after `after`.
pub(super) fn active(
    connection: &Connection,
    after: Option<&Tenant>,
    limit: usize,
) -> rusqlite::Result<Vec<StoredSend>> {
    let sql = format!(
        "select {COLUMNS} from send s
         where s.active = 1 and s.tenant > ?1 and s.id = (
             select o.id from send o where o.tenant = s.tenant and o.active = 1
             order by o.created_at, o.id limit 1)
         order by s.tenant limit ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params![after.map_or("", Tenant::as_str), limit], read)?.collect()
}

/// Finds a send.
pub(super) fn get(
    connection: &Connection,
    tenant: &Tenant,
    id: SendId,
) -> rusqlite::Result<Option<StoredSend>> {
    let sql = format!("select {COLUMNS} from send s where s.tenant = ?1 and s.id = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query_map(params![tenant.as_str(), id.0.as_bytes()], read)?;
    found.next().transpose()
}
