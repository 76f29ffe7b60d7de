//! Forgetting notifications, the sends that they came from, and the details of the trail, by age.
//!
//! No index finds notifications by age: they lie by inbox, the oldest first, and each inbox is asked for its oldest.

use landfall_core::feed::Number;
use landfall_core::id::{NotificationId, Tenant};
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::{Query, Row, Runner};
use crate::{Answer, InboxPlace, OldInboxes};

/// Looks at inboxes behind a place; gives those whose oldest notification is from before then.
pub(crate) async fn old_inboxes<R: Runner>(
    runner: &mut R,
    behind: Option<InboxPlace>,
    before: Timestamp,
    limit: usize,
) -> Answer<OldInboxes> {
    let sql = "select f.id, (select n.created_at from notification n where n.feed_id = f.id
                   order by n.born limit 1)
               from feed f where f.id > ?1 and f.kind = 'inbox' order by f.id limit ?2";
    let behind = behind.map_or(i64::MIN, |place| place.0);
    let read = |row: &dyn Row| Ok((InboxPlace(row.int(0)?), row.optional_time(1)?));
    let page = runner.all(Query::new(sql, [behind.into(), limit.into()], read)).await?;
    let last = page.last().filter(|_| page.len() == limit).map(|(place, _)| *place);
    let is_old = |oldest: Option<Timestamp>| oldest.is_some_and(|oldest| oldest < before);
    let old = page.into_iter().filter(|(_, oldest)| is_old(*oldest)).map(|(place, _)| place);
    Ok(OldInboxes { old: old.collect(), last })
}

/// A notification that is old.
struct Old {
    born: Number,
    changed: Number,
    created_at: Timestamp,
    tenant: Tenant,
    id: NotificationId,
    is_unread: bool,
    /// Whether something of it is still to go out.
    is_open: bool,
}

/// Forgets the oldest notifications of an inbox from before then; tells how many. Needs a transaction.
pub(crate) async fn notifications<R: Runner>(
    runner: &mut R,
    InboxPlace(feed): InboxPlace,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    // Holds the counter, so that nobody changes one meanwhile.
    let sql = "update feed set horizon = horizon where id = ?1";
    runner.execute(Query::command(sql, [feed.into()])).await?;
    let oldest = oldest(runner, feed, limit).await?;
    let old = oldest.iter().take_while(|one| one.created_at < before);
    let doomed: Vec<&Old> = old.filter(|one| !one.is_open).collect();
    for Old { born, tenant, id, .. } in &doomed {
        let sql = "delete from delivery where tenant = ?1 and notification_id = ?2";
        runner.execute(Query::command(sql, [tenant.into(), (&id.0).into()])).await?;
        let sql = "delete from notification where feed_id = ?1 and born = ?2";
        runner.execute(Query::command(sql, [feed.into(), (*born).into()])).await?;
    }
    let Some(changed) = doomed.iter().map(|one| one.changed).max() else { return Ok(0) };
    let unread = doomed.iter().filter(|one| one.is_unread).count();
    let sql = "update feed set unread = unread - ?2,
                   horizon = case when horizon < ?3 then ?3 else horizon end
               where id = ?1";
    runner.execute(Query::command(sql, [feed.into(), unread.into(), changed.into()])).await?;
    Ok(doomed.len())
}

async fn oldest<R: Runner>(runner: &mut R, feed: i64, limit: usize) -> Answer<Vec<Old>> {
    let sql = "select n.born, n.changed, n.created_at, n.tenant, n.id,
                   case when n.read_at is null and n.deleted = 0 and n.born > f.read_up_to
                       then 1 else 0 end,
                   case when exists (select 1 from delivery d where d.tenant = n.tenant
                       and d.notification_id = n.id and d.due_at is not null) then 1 else 0 end
               from feed f join notification n on n.feed_id = f.id
               where f.id = ?1 order by n.born limit ?2";
    let read = |row: &dyn Row| {
        Ok(Old {
            born: row.number(0)?,
            changed: row.number(1)?,
            created_at: row.time(2)?,
            tenant: row.tenant(3)?,
            id: NotificationId(row.uuid(4)?),
            is_unread: row.flag(5)?,
            is_open: row.flag(6)?,
        })
    };
    runner.all(Query::new(sql, [feed.into(), limit.into()], read)).await
}

/// Forgets sends that were accepted, and went out, before then, and of which nothing is left; tells how many.
pub(crate) async fn sends<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    // Names begin with when they were made (RFC 9562, version 7), which spares an index.
    let first = Uuid::from_u128(u128::try_from(before.as_ms()).unwrap_or(0) << 80);
    let sql = "delete from send where id in (
                   select s.id from send s
                   where s.id < ?1 and s.active = 0 and s.recall <> 1
                       and (s.due_at is null or s.due_at < ?2)
                       and not exists (select 1 from send p
                           where p.part_of = s.id and p.active <> 0)
                       and not exists (select 1 from notification n
                           where n.tenant = s.tenant and n.send_id = s.id)
                   order by s.id limit ?3)";
    let values = [(&first).into(), before.into(), limit.into()];
    Ok(runner.execute(Query::command(sql, values)).await? as usize)
}

/// Trails that are looked at in one run, those with the oldest entries first, and entries of one that are read at once.
const TRAILS: usize = 500;
const ENTRIES: usize = 200;

/// Erases the details of sealed entries of trails from before then; tells of how many. Needs a transaction.
pub(crate) async fn details<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    let sql = "select t.tenant, t.up_to, t.sealed from (
                   select c.tenant, c.sealed, coalesce(f.up_to, 0) as up_to, (
                       select e.at from audit_entry e
                       where e.tenant = c.tenant and e.number > coalesce(f.up_to, 0)
                           and e.number <= c.sealed
                       order by e.number limit 1) as oldest
                   from audit_chain c left join audit_forgotten f on f.tenant = c.tenant) t
               where t.oldest < ?1 order by t.oldest limit ?2";
    let read = |row: &dyn Row| Ok((row.tenant(0)?, row.number(1)?, row.number(2)?));
    let trails = runner.all(Query::new(sql, [before.into(), TRAILS.into()], read)).await?;
    let mut left = limit;
    for (tenant, mut up_to, sealed) in trails {
        while left > 0 {
            let most = left.min(ENTRIES);
            let erased = details_of(runner, &tenant, (up_to, sealed), (before, most)).await?;
            let Some(last) = erased.last() else { break };
            up_to = *last;
            left -= erased.len();
            if erased.len() < most {
                break;
            }
        }
    }
    Ok(limit - left)
}

/// Erases the details of the next entries of a trail, so many at most; gives their numbers.
async fn details_of<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (up_to, sealed): (Number, Number),
    (before, most): (Timestamp, usize),
) -> Answer<Vec<Number>> {
    let sql = "select e.number, e.at from audit_entry e
               where e.tenant = ?1 and e.number > ?2 and e.number <= ?3 order by e.number limit ?4";
    let values = [tenant.into(), up_to.into(), sealed.into(), most.into()];
    let next = Query::new(sql, values, |row| Ok((row.number(0)?, row.time(1)?)));
    let next = runner.all(next).await?;
    let old: Vec<Number> =
        next.into_iter().take_while(|(_, at)| *at < before).map(|(number, _)| number).collect();
    let Some(last) = old.last().copied() else { return Ok(old) };
    let sql = "update audit_entry set salt = null, actor = null, target = null, metadata = null
               where tenant = ?1 and number > ?2 and number <= ?3";
    runner.execute(Query::command(sql, [tenant.into(), up_to.into(), last.into()])).await?;
    let sql = "insert into audit_forgotten (tenant, up_to) values (?1, ?2)
               on conflict (tenant) do update set up_to = excluded.up_to";
    runner.execute(Query::command(sql, [tenant.into(), last.into()])).await?;
    Ok(old)
}
