//! Forgetting offline work: what is old, and the last trace of entities that were deleted.

use landfall_core::feed::Number;
use landfall_core::time::Timestamp;

use super::{Query, Row, Runner, Value};
use crate::{Answer, ForgottenWork};

/// Forgets what is from before a time, at most `limit` of each kind; tells how many.
pub(crate) async fn forget<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<ForgottenWork> {
    let mut forgotten = ForgottenWork::default();
    let texts = [
        "delete from entity_version where (feed_id, kind, id, version) in (
             select v.feed_id, v.kind, v.id, v.version from entity_version v
             where v.at < ?1 order by v.at limit ?2)",
        "delete from branch where (feed_id, kind, id, device) in (
             select b.feed_id, b.kind, b.id, b.device from branch b
             where b.at < ?1 order by b.at limit ?2)",
        "update operation set outcome = null where (tenant, user_id, id) in (
             select o.tenant, o.user_id, o.id from operation o
             where o.at < ?1 and o.outcome is not null order by o.at limit ?2)",
        "delete from sync_conflict where (tenant, id) in (
             select c.tenant, c.id from sync_conflict c
             where c.open = 0 and c.resolved_at < ?1 order by c.resolved_at limit ?2)",
    ];
    for sql in texts {
        forgotten.history += forget_with(runner, sql, before, limit).await?;
    }
    let sessions = "delete from sync_session where (tenant, user_id, id) in (
             select s.tenant, s.user_id, s.id from sync_session s
             where s.ended_at < ?1 order by s.ended_at limit ?2)";
    forgotten.sessions = forget_with(runner, sessions, before, limit).await?;
    let activities = "delete from activity where (tenant, user_id, id) in (
             select a.tenant, a.user_id, a.id from activity a
             where a.status = 'synced' and a.decided_at < ?1 order by a.decided_at limit ?2)";
    forgotten.activities = forget_with(runner, activities, before, limit).await?;
    Ok(forgotten)
}

async fn forget_with<R: Runner>(
    runner: &mut R,
    sql: &'static str,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    Ok(runner.execute(Query::command(sql, [before.into(), limit.into()])).await? as usize)
}

/// An entity that was deleted: its key, and the number of its last change.
struct Dead {
    feed: i64,
    kind: String,
    id: String,
    changed: Number,
}

/// Forgets entities that were deleted before a time; tells how many. Needs a transaction.
pub(crate) async fn tombstones<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    let found = dead(runner, before, limit).await?;
    let mut feeds: Vec<i64> = found.iter().map(|dead| dead.feed).collect();
    feeds.sort_unstable();
    feeds.dedup();
    lock(runner, &feeds).await?;
    let mut forgotten = 0;
    for dead in &found {
        forgotten += usize::from(bury(runner, dead).await?);
    }
    Ok(forgotten)
}

async fn dead<R: Runner>(runner: &mut R, before: Timestamp, limit: usize) -> Answer<Vec<Dead>> {
    let sql = "select e.feed_id, e.kind, e.id, e.changed from entity e
               where e.deleted = 1 and e.updated_at < ?1
                 and not exists (select 1 from sync_conflict c where c.feed_id = e.feed_id
                     and c.kind = e.kind and c.entity_id = e.id and c.open = 1)
               order by e.updated_at limit ?2";
    let read = |row: &dyn Row| {
        let (feed, changed) = (row.int(0)?, row.number(3)?);
        Ok(Dead { feed, kind: row.string(1)?, id: row.string(2)?, changed })
    };
    runner.all(Query::new(sql, [before.into(), limit.into()], read)).await
}

/// Holds the counters of feeds, in the order in which whoever writes to them takes them.
async fn lock<R: Runner>(runner: &mut R, feeds: &[i64]) -> Answer<()> {
    let mut named = Vec::with_capacity(feeds.len());
    for feed in feeds {
        let sql = "select tenant, kind, owner from feed where id = ?1";
        let query = Query::new(sql, [(*feed).into()], |row| {
            Ok((row.string(0)?, row.string(1)?, row.string(2)?))
        });
        named.push((runner.one(query).await?, *feed));
    }
    named.sort_unstable();
    for (_, feed) in named {
        let sql = "update feed set horizon = horizon where id = ?1";
        runner.execute(Query::command(sql, [feed.into()])).await?;
    }
    Ok(())
}

/// Takes away an entity with all that there is of it, unless somebody did something to it, and lets
/// nobody go on who has not read that it was deleted.
async fn bury<R: Runner>(runner: &mut R, dead: &Dead) -> Answer<bool> {
    let key = || -> [Value<'_>; 3] { [dead.feed.into(), (&dead.kind).into(), (&dead.id).into()] };
    let [feed, kind, id] = key();
    let sql = "delete from entity where feed_id = ?1 and kind = ?2 and id = ?3 and changed = ?4
                   and deleted = 1
                   and not exists (select 1 from sync_conflict c where c.feed_id = ?1
                       and c.kind = ?2 and c.entity_id = ?3 and c.open = 1)";
    let values = [feed, kind, id, dead.changed.into()];
    if runner.execute(Query::command(sql, values)).await? == 0 {
        return Ok(false);
    }
    for sql in [
        "delete from entity_version where feed_id = ?1 and kind = ?2 and id = ?3",
        "delete from branch where feed_id = ?1 and kind = ?2 and id = ?3",
    ] {
        runner.execute(Query::command(sql, key())).await?;
    }
    let sql = "update feed set horizon = ?2 where id = ?1 and horizon < ?2";
    runner.execute(Query::command(sql, [dead.feed.into(), dead.changed.into()])).await?;
    Ok(true)
}
