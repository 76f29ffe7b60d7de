//! Sends to many: one row each, however many users they reach.

use std::sync::Arc;

use landfall_core::id::{NotificationId, SendId, Tenant, UserId};
use landfall_core::time::Timestamp;

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
                   sender_id, sender_name, image, actions, link, route, users, topic_id,
                   accepted, created_at, expires_at, cursor, expanded, active, canceled_at)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                   ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)";
    runner.execute(Query::command(sql, values(tenant, send))).await?;
    Ok(())
}

fn values<'a>(tenant: &'a Tenant, send: &'a StoredSend) -> [Value<'a>; 24] {
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
        (&send.route).into(),
        users.into(),
        topic.into(),
        send.accepted.into(),
        send.created_at.into(),
        send.expires_at.into(),
        (&send.cursor).into(),
        send.expanded.into(),
        send.is_active.into(),
        send.canceled_at.into(),
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
    s.priority, s.locale, s.sender_id, s.sender_name, s.image, s.actions, s.link, s.route,
    s.users, s.topic_id, s.cursor, s.accepted, s.expanded, s.active, s.created_at, s.expires_at,
    s.canceled_at";

/// How many columns these are.
const WIDTH: usize = 24;

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
        route: row.string(14)?,
        to,
        cursor: row.string(17)?,
        accepted: row.count(18)?,
        expanded: row.count(19)?,
        is_active: row.flag(20)?,
        canceled_at: row.optional_time(23)?,
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

/// How a send is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// What was not sent yet is not sent any more.
    Only,
    /// What is in inboxes goes, too.
    WithRecall,
}

/// Takes a send back; tells how many were there and not taken back in this way.
pub(crate) async fn cancel<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: SendId,
    at: Timestamp,
    how: Cancel,
) -> Answer<u64> {
    let sql = match how {
        Cancel::Only => {
            "update send set active = 0, canceled_at = ?3
             where tenant = ?1 and id = ?2 and canceled_at is null"
        }
        Cancel::WithRecall => {
            "update send set active = 0, canceled_at = coalesce(canceled_at, ?3), recall = 1
             where tenant = ?1 and id = ?2 and recall = 0"
        }
    };
    let values = [tenant.into(), (&id.0).into(), at.into()];
    runner.execute(Query::command(sql, values)).await
}

/// One step of a recall.
pub(crate) struct RecallStep {
    /// Which send.
    pub(crate) id: SendId,
    /// The last notification that was recalled.
    pub(crate) from: Option<NotificationId>,
    /// The last one now.
    pub(crate) to: Option<NotificationId>,
    /// Whether nobody is left.
    pub(crate) is_complete: bool,
}

/// A place in a recall as a column holds it: nothing stands before every id.
fn recall_cursor(place: &Option<NotificationId>) -> Value<'_> {
    place.as_ref().map_or(Value::from(&[][..]), |id| (&id.0).into())
}

/// Moves a recall on; tells how many still stood where the step began.
pub(crate) async fn advance_recall<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    step: &RecallStep,
) -> Answer<u64> {
    let RecallStep { id, from, to, is_complete } = step;
    let sql = "update send set recall_cursor = ?4, recall = 1 + ?5
               where tenant = ?1 and id = ?2 and recall = 1 and recall_cursor = ?3";
    let (from, to) = (recall_cursor(from), recall_cursor(to));
    let values = [tenant.into(), (&id.0).into(), from, to, (*is_complete).into()];
    runner.execute(Query::command(sql, values)).await
}

/// Gives sends whose notifications are being recalled, oldest first.
pub(crate) async fn recalls<R: Runner>(
    runner: &mut R,
    limit: usize,
) -> Answer<Vec<(StoredSend, Option<NotificationId>)>> {
    let sql = format!(
        "select {COLUMNS}, s.recall_cursor from send s where s.recall = 1 order by s.id limit ?1"
    );
    let recall = |row: &dyn Row| {
        let begun = row.optional_blob(WIDTH)?.is_some_and(|cursor| !cursor.is_empty());
        let cursor = if begun { Some(NotificationId(row.uuid(WIDTH)?)) } else { None };
        Ok((read(row)?, cursor))
    };
    runner.all(Query::new(sql, [limit.into()], recall)).await
}

/// Gives notifications that came from a send, by id.
pub(crate) async fn notifications<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: SendId,
    after: Option<NotificationId>,
    limit: usize,
) -> Answer<Vec<(UserId, NotificationId)>> {
    let sql = "select f.owner, n.id from notification n join feed f on f.id = n.feed_id
               where n.send_id = ?2 and n.id > ?3 and n.tenant = ?1 order by n.id limit ?4";
    let values = [tenant.into(), (&id.0).into(), recall_cursor(&after), limit.into()];
    let one = |row: &dyn Row| Ok((row.user(0)?, NotificationId(row.uuid(1)?)));
    runner.all(Query::new(sql, values, one)).await
}
