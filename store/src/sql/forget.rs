//! Forgetting deliveries that ended long ago: their notification keeps how its channels ended, and
//! the trail how that came about.

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::id::{NotificationId, Tenant};
use landfall_core::plan::Reason;
use landfall_core::summary;
use landfall_core::time::Timestamp;

use super::{Query, Runner, codes};
use crate::Answer;

type Name = (Tenant, NotificationId);

/// Forgets the deliveries of notifications of which none has a time or changed since `before`;
/// tells how many it picked them by, at most `limit`.
///
/// Each step can be repeated, so that it needs no transaction: what was replayed meanwhile stays.
pub(crate) async fn deliveries<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    let picked = ended(runner, before, limit).await?;
    let count = picked.len();
    let mut names = picked;
    names.sort_unstable();
    names.dedup();
    for (tenant, notification) in &names {
        keep_end(runner, tenant, *notification).await?;
        let sql = "delete from delivery where tenant = ?1 and notification_id = ?2
                       and due_at is null and updated_at < ?3";
        let values = [tenant.into(), (&notification.0).into(), before.into()];
        runner.execute(Query::command(sql, values)).await?;
    }
    Ok(count)
}

async fn ended<R: Runner>(runner: &mut R, before: Timestamp, limit: usize) -> Answer<Vec<Name>> {
    let sql = "select d.tenant, d.notification_id from delivery d
               where d.due_at is null and d.updated_at < ?1
                 and not exists (select 1 from delivery o where o.tenant = d.tenant
                     and o.notification_id = d.notification_id
                     and (o.due_at is not null or o.updated_at >= ?1))
               order by d.updated_at limit ?2";
    let query = Query::new(sql, [before.into(), limit.into()], |row| {
        Ok((row.tenant(0)?, NotificationId(row.uuid(1)?)))
    });
    runner.all(query).await
}

/// Writes into a notification how its channels stand.
async fn keep_end<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    notification: NotificationId,
) -> Answer<()> {
    let sql = "select channels from notification where tenant = ?1 and id = ?2";
    let values = [tenant.into(), (&notification.0).into()];
    let plan = Query::new(sql, values, |row| codes::plan(row, 0));
    let Some(planned) = runner.optional(plan).await? else { return Ok(()) };
    let mut plan = planned.clone();
    summary::bring_up_to_date(&mut plan, states(runner, tenant, notification).await?);
    if plan == planned {
        return Ok(());
    }
    let sql = "update notification set channels = ?3 where tenant = ?1 and id = ?2";
    let text = codes::plan_text(&plan);
    let values = [tenant.into(), (&notification.0).into(), (&text).into()];
    runner.execute(Query::command(sql, values)).await.map(|_| ())
}

async fn states<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    notification: NotificationId,
) -> Answer<Vec<(Channel, DeliveryState, Reason)>> {
    let sql = "select channel, state, reason from delivery
               where tenant = ?1 and notification_id = ?2 and replaced = 0";
    let values = [tenant.into(), (&notification.0).into()];
    let query = Query::new(sql, values, |row| {
        Ok((codes::channel(row, 0)?, codes::state(row, 1)?, codes::reason(row, 2)?))
    });
    runner.all(query).await
}
