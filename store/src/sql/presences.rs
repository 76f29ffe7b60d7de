//! Who is connected to which node, and when somebody was last.

use landfall_core::id::{NodeId, Tenant, UserId};
use landfall_core::presence::{Status, StatusChange};
use landfall_core::time::Timestamp;

use super::{Corrupt, Query, Row, Runner};
use crate::{Answer, Attended};

/// Makes a node known.
pub(crate) async fn begin<R: Runner>(runner: &mut R, node: NodeId, at: Timestamp) -> Answer<()> {
    let sql = "insert into node (id, alive_at) values (?1, ?2) on conflict (id) do nothing";
    runner.execute(Query::command(sql, [(&node.0).into(), at.into()])).await.map(drop)
}

/// Says that a node is alive, unless it is gone.
pub(crate) async fn lives<R: Runner>(
    runner: &mut R,
    node: NodeId,
    at: Timestamp,
    since: Timestamp,
) -> Answer<bool> {
    let sql = "update node set alive_at = ?2 where id = ?1 and alive_at >= ?3";
    let values = [(&node.0).into(), at.into(), since.into()];
    Ok(runner.execute(Query::command(sql, values)).await? > 0)
}

/// Notes who came to a node and who went.
pub(crate) async fn attend<R: Runner>(
    runner: &mut R,
    node: NodeId,
    attended: &[Attended],
    since: Timestamp,
) -> Answer<Vec<StatusChange>> {
    let mut changes = Vec::new();
    // In one order for all nodes, so that no two wait for each other.
    let mut in_order: Vec<&Attended> = attended.iter().collect();
    in_order.sort_by_key(|one| (&one.tenant, &one.user));
    for one in in_order {
        let whose = (&one.tenant, &one.user);
        let is_change = match one.went_at {
            Some(at) => went(runner, node, whose, at, since).await?,
            None => came(runner, node, whose, since).await?,
        };
        if is_change {
            let status = status(runner, whose, since).await?;
            let (tenant, user) = (one.tenant.clone(), one.user.clone());
            changes.push(StatusChange { tenant, user, status });
        }
    }
    Ok(changes)
}

/// Says whether they were at no node before.
async fn came<R: Runner>(
    runner: &mut R,
    node: NodeId,
    (tenant, user): (&Tenant, &UserId),
    since: Timestamp,
) -> Answer<bool> {
    let was_there = status(runner, (tenant, user), since).await?.is_online;
    let sql = "insert into presence (tenant, user_id, node) values (?1, ?2, ?3)
               on conflict (tenant, user_id, node) do nothing";
    let values = [tenant.into(), user.into(), (&node.0).into()];
    runner.execute(Query::command(sql, values)).await?;
    Ok(!was_there)
}

/// Says whether they are at no node any more, and were at this one.
async fn went<R: Runner>(
    runner: &mut R,
    node: NodeId,
    (tenant, user): (&Tenant, &UserId),
    at: Timestamp,
    since: Timestamp,
) -> Answer<bool> {
    let sql = "delete from presence where tenant = ?1 and user_id = ?2 and node = ?3";
    let values = [tenant.into(), user.into(), (&node.0).into()];
    let was_here = runner.execute(Query::command(sql, values)).await? > 0;
    let sql = "insert into last_seen (tenant, user_id, at) values (?1, ?2, ?3)
               on conflict (tenant, user_id) do update
                   set at = case when last_seen.at < ?3 then ?3 else last_seen.at end";
    runner.execute(Query::command(sql, [tenant.into(), user.into(), at.into()])).await?;
    Ok(was_here && !status(runner, (tenant, user), since).await?.is_online)
}

/// Ends what was noted of nodes that are gone; tells of how many users, and whose status that changed.
pub(crate) async fn end<R: Runner>(
    runner: &mut R,
    since: Timestamp,
    limit: usize,
) -> Answer<(usize, Vec<StatusChange>)> {
    let sql = "select p.tenant, p.user_id, n.id, n.alive_at
               from node n join presence p on p.node = n.id
               where n.alive_at < ?1 order by p.tenant, p.user_id, n.id limit ?2";
    let read = |row: &dyn Row| -> Result<_, Corrupt> {
        Ok((row.tenant(0)?, row.user(1)?, NodeId(row.uuid(2)?), row.time(3)?))
    };
    let left = runner.all(Query::new(sql, [since.into(), limit.into()], read)).await?;
    let mut changes = Vec::new();
    for (tenant, user, node, at) in &left {
        let attended = Attended { tenant: tenant.clone(), user: user.clone(), went_at: Some(*at) };
        changes.extend(attend(runner, *node, &[attended], since).await?);
    }
    if left.len() < limit {
        let sql = "delete from node where alive_at < ?1
                   and not exists (select 1 from presence p where p.node = node.id)";
        runner.execute(Query::command(sql, [since.into()])).await?;
    }
    Ok((left.len(), changes))
}

/// Tells how users stand.
pub(crate) async fn statuses<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    users: &[UserId],
    since: Timestamp,
) -> Answer<Vec<Status>> {
    let mut found = Vec::with_capacity(users.len());
    for user in users {
        found.push(status(runner, (tenant, user), since).await?);
    }
    Ok(found)
}

async fn status<R: Runner>(
    runner: &mut R,
    (tenant, user): (&Tenant, &UserId),
    since: Timestamp,
) -> Answer<Status> {
    let sql = "select
                   (select max(n.alive_at) from presence p join node n on n.id = p.node
                    where p.tenant = ?1 and p.user_id = ?2),
                   (select at from last_seen where tenant = ?1 and user_id = ?2)";
    let read = |row: &dyn Row| Ok((row.optional_time(0)?, row.optional_time(1)?));
    let values = [tenant.into(), user.into()];
    let (alive_at, seen_at) = runner.one(Query::new(sql, values, read)).await?;
    let is_online = alive_at.is_some_and(|at| at >= since);
    Ok(Status { is_online, last_seen_at: alive_at.max(seen_at) })
}
