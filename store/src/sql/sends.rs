//! Sends to many: one row each, however many users they reach.

use std::sync::Arc;

use landfall_core::id::{SendId, Tenant, UserId};

use super::{Corrupt, Query, Row, Runner, Value, codes, content};
use crate::{Answer, SendTo, StoredSend};

/// Stores a send of a tenant.
pub(crate) async fn create<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    send: &StoredSend,
) -> Answer<()> {
    let sql = "insert into send (
                   id, tenant, type, template_id, title, message, data, priority, locale,
                   sender_id, sender_name, image, actions, link, channels, users, topic_id,
                   accepted, created_at, expires_at, cursor, expanded, active)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                   ?17, ?18, ?19, ?20, ?21, ?22, ?23)";
    runner.execute(Query::command(sql, values(tenant, send))).await?;
    Ok(())
}

fn values<'a>(tenant: &'a Tenant, send: &'a StoredSend) -> [Value<'a>; 23] {
    let content = &send.content;
    let (users, topic) = match &send.to {
        SendTo::Users(users) => {
            // Ids hold no control characters, so that a line each is exact.
            (Some(users.iter().map(UserId::as_str).collect::<Vec<_>>().join("\n")), None)
        }
        SendTo::Topic(topic) => (None, Some(topic)),
    };
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
        codes::plan_text(&send.channels).into(),
        users.into(),
        topic.into(),
        send.accepted.into(),
        send.created_at.into(),
        send.expires_at.into(),
        (&send.cursor).into(),
        send.expanded.into(),
        send.is_active.into(),
    ]
}

/// One step of a send's expansion.
pub(crate) struct Step {
    /// Which send.
    pub(crate) id: SendId,
    /// The last user it had reached.
    pub(crate) from: String,
    /// The last user it has reached now.
    pub(crate) to: String,
    /// How many users this step reached.
    pub(crate) reached: u64,
    /// Whether nobody is left.
    pub(crate) is_complete: bool,
}

/// Moves a send on; says whether it still stood where the step began.
pub(crate) async fn advance<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    step: &Step,
) -> Answer<bool> {
    let Step { id, from, to, reached, is_complete } = step;
    let sql = "update send set cursor = ?4, expanded = expanded + ?5, active = ?6
               where tenant = ?1 and id = ?2 and cursor = ?3 and active = 1";
    let (id, is_active) = (&id.0, !is_complete);
    let values =
        [tenant.into(), id.into(), from.into(), to.into(), (*reached).into(), is_active.into()];
    Ok(runner.execute(Query::command(sql, values)).await? == 1)
}

const COLUMNS: &str = "s.id, s.tenant, s.type, s.template_id, s.title, s.message, s.data,
    s.priority, s.locale, s.sender_id, s.sender_name, s.image, s.actions, s.link, s.channels,
    s.users, s.topic_id, s.cursor, s.accepted, s.expanded, s.active, s.created_at, s.expires_at";

fn read(row: &dyn Row) -> Result<StoredSend, Corrupt> {
    let user = |line| UserId::parse(line).map_err(|_| Corrupt::new(15, "list of user ids"));
    let to = match row.optional_text(16)? {
        Some(_) => SendTo::Topic(row.topic(16)?),
        None => {
            let users = row.optional_text(15)?.unwrap_or_default();
            SendTo::Users(users.lines().map(user).collect::<Result<_, _>>()?)
        }
    };
    Ok(StoredSend {
        id: SendId(row.uuid(0)?),
        tenant: row.tenant(1)?,
        content: Arc::new(content::read(row, 2)?),
        channels: codes::plan(row, 14)?,
        to,
        cursor: row.string(17)?,
        accepted: row.count(18)?,
        expanded: row.count(19)?,
        is_active: row.flag(20)?,
        created_at: row.time(21)?,
        expires_at: row.optional_time(22)?,
    })
}

/// Gives each tenant's oldest active send, of the tenants after `after`.
pub(crate) async fn active<R: Runner>(
    runner: &mut R,
    after: Option<&Tenant>,
    limit: usize,
) -> Answer<Vec<StoredSend>> {
    let sql = format!(
        "select {COLUMNS} from send s
         where s.active = 1 and s.tenant > ?1 and s.id = (
             select o.id from send o where o.tenant = s.tenant and o.active = 1
             order by o.created_at, o.id limit 1)
         order by s.tenant limit ?2"
    );
    let values = [after.map_or("", Tenant::as_str).into(), limit.into()];
    runner.all(Query::new(sql, values, read)).await
}

/// Finds a send.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: SendId,
) -> Answer<Option<StoredSend>> {
    let sql = format!("select {COLUMNS} from send s where s.tenant = ?1 and s.id = ?2");
    runner.optional(Query::new(sql, [tenant.into(), (&id.0).into()], read)).await
}
