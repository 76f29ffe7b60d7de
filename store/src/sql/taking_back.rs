//! Taking sends back, and recalling what they put into inboxes.

use landfall_core::id::{NotificationId, SendId, Tenant, UserId};
use landfall_core::time::Timestamp;

use super::send::{COLUMNS, WIDTH, read};
use super::{Query, Row, Runner, Value};
use crate::{Answer, StoredSend};

/// How a send is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancel {
    /// What was not sent yet is not sent any more.
    Only,
    /// What is in inboxes goes, too.
    WithRecall,
}

/// Takes a send back, with those that it left for later; tells how many were there and not taken back
/// in this way.
pub(crate) async fn cancel<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: SendId,
    at: Timestamp,
    how: Cancel,
) -> Answer<u64> {
    let sql = match how {
        Cancel::Only => {
            "update send set active = 0, canceled_at = ?3, phone = null
             where tenant = ?1 and id = ?2 and canceled_at is null
               and (notification_id is null or active <> 0)"
        }
        Cancel::WithRecall => {
            "update send set active = 0, canceled_at = coalesce(canceled_at, ?3), recall = 1
             where tenant = ?1 and id = ?2 and recall = 0 and notification_id is null"
        }
    };
    let values = || [tenant.into(), (&id.0).into(), at.into()];
    let canceled = runner.execute(Query::command(sql, values())).await?;
    if canceled > 0 {
        let sql = "update send set active = 0, canceled_at = ?3
                   where tenant = ?1 and part_of = ?2 and active <> 0";
        // Twice: what a part left for later while the first of these waited for it is seen by the second alone.
        for _ in 0..2 {
            runner.execute(Query::command(sql, values())).await?;
        }
    }
    Ok(canceled)
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
