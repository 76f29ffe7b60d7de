//! Writes the operations that a round keeps: one statement a table, all sent with the commit.
//!
//! What they rely on was checked under the locks of their feeds, which are held.

use super::columns::{Kind, columns, params};
use crate::postgres::runner::PostgresRunner;
use crate::sql::sync_ledger::{Kept, ends, given, operation_key};
use crate::sql::{Value, sync_rows, sync_write};
use crate::{Answer, OperationKeep};

use Kind::{Blob, Int, Text};

/// Writes everything that operations leave.
pub(super) async fn write(runner: &mut PostgresRunner<'_>, kept: &[Kept<'_>]) -> Answer<()> {
    if kept.is_empty() {
        return Ok(());
    }
    operations(runner, kept).await?;
    entities(runner, kept).await?;
    versions(runner, kept).await?;
    branches(runner, kept).await?;
    activities(runner, kept).await?;
    for one in kept {
        let Some(next) = &one.write.conflict else { continue };
        match sync_write::of_conflict(one, next) {
            sync_write::OfConflict::New(new) => runner.execute_ahead(*new).await?,
            sync_write::OfConflict::GoesOn(goes_on) => runner.execute_ahead(goes_on).await?,
            sync_write::OfConflict::Resolved(resolved) => runner.execute_ahead(resolved).await?,
        }
        if let Some(settled) = sync_write::settled(one, next) {
            runner.execute_ahead(settled).await?;
        }
    }
    counters(runner, kept).await
}

/// Writes new operations in the order of their names, in which every node does; and, before what is
/// shown of them changes, those that were decided once more.
async fn operations(runner: &mut PostgresRunner<'_>, kept: &[Kept<'_>]) -> Answer<()> {
    let is_new = |one: &&Kept<'_>| one.write.keeps == OperationKeep::New;
    let mut rows: Vec<[Value<'_>; 6]> =
        kept.iter().filter(is_new).map(sync_rows::operation).collect();
    if !rows.is_empty() {
        rows.sort_unstable_by(|a, b| a[..3].cmp(&b[..3]));
        let sql = "insert into operation (tenant, user_id, id, digest, outcome, at)
                   select * from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[],
                       $6::bigint[])";
        let columns = columns([Text, Text, Text, Blob, Text, Int], &rows);
        runner.change_ahead(sql, &params(&columns)).await?;
    }
    for one in kept.iter().filter(|one| one.write.keeps == OperationKeep::Again) {
        runner.execute_ahead(sync_write::operation(one)).await?;
    }
    Ok(())
}

/// Writes each entity as the last operation about it leaves it.
async fn entities(runner: &mut PostgresRunner<'_>, kept: &[Kept<'_>]) -> Answer<()> {
    let changing = kept.iter().filter(|one| one.write.next.is_some());
    let ends = ends(changing, Kept::entity);
    let rows = ends.iter().filter_map(|row| {
        let next = row.last.write.next.as_ref()?;
        Some(sync_rows::entity(row, next))
    });
    let rows: Vec<[Value<'_>; 13]> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "insert into entity (feed_id, kind, id, tenant, version, revision, changed, data,
                   stamps, deleted, device, created_at, updated_at)
               select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[],
                   $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::text[],
                   $12::bigint[], $13::bigint[])
               on conflict (feed_id, kind, id) do update set
                   version = excluded.version, revision = excluded.revision,
                   changed = excluded.changed, data = excluded.data, stamps = excluded.stamps,
                   deleted = excluded.deleted, device = excluded.device,
                   updated_at = excluded.updated_at";
    let kinds = [Int, Text, Text, Text, Int, Int, Int, Text, Text, Int, Text, Int, Int];
    runner.change_ahead(sql, &params(&columns(kinds, &rows))).await
}

/// Writes every version that devices have to see.
async fn versions(runner: &mut PostgresRunner<'_>, kept: &[Kept<'_>]) -> Answer<()> {
    let rows = kept.iter().filter_map(|one| {
        let next = one.number.and(one.write.next.as_ref())?;
        Some(sync_rows::version(one, next))
    });
    let rows: Vec<[Value<'_>; 8]> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "insert into entity_version (feed_id, kind, id, version, data, deleted, at, changed)
               select * from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[],
                   $6::bigint[], $7::bigint[], $8::bigint[])";
    let kinds = [Int, Text, Text, Int, Text, Int, Int, Int];
    runner.change_ahead(sql, &params(&columns(kinds, &rows))).await
}

/// Writes each branch as its last operation leaves it.
async fn branches(runner: &mut PostgresRunner<'_>, kept: &[Kept<'_>]) -> Answer<()> {
    let branching = kept.iter().filter(|one| one.write.branch.is_some());
    let ends = ends(branching, Kept::branch);
    let rows = ends.iter().filter_map(|row| {
        let next = row.last.write.branch.as_ref()?;
        Some(sync_rows::branch(row.last, next))
    });
    let rows: Vec<[Value<'_>; 11]> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "insert into branch (feed_id, kind, id, device, operation, client_version,
                   base_version, fields, changed, at, refused)
               select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[],
                   $6::bigint[], $7::bigint[], $8::text[], $9::bigint[], $10::bigint[],
                   $11::bigint[])
               on conflict (feed_id, kind, id, device) do update set
                   operation = excluded.operation, client_version = excluded.client_version,
                   base_version = excluded.base_version, fields = excluded.fields,
                   changed = excluded.changed, at = excluded.at, refused = excluded.refused";
    let kinds = [Int, Text, Text, Text, Text, Int, Int, Text, Int, Int, Int];
    runner.change_ahead(sql, &params(&columns(kinds, &rows))).await
}

/// Writes what apps are shown of each operation in the end.
async fn activities(runner: &mut PostgresRunner<'_>, kept: &[Kept<'_>]) -> Answer<()> {
    let shown = kept.iter().filter(|one| one.write.activity.is_some());
    let ends = ends(shown, |one| operation_key(one.tenant, one.write));
    let rows = ends.iter().filter_map(|row| {
        let next = row.last.write.activity.as_deref()?;
        Some(sync_rows::activity(row, next))
    });
    let rows: Vec<[Value<'_>; 11]> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "insert into activity (tenant, user_id, id, kind, entity_id, device, data, status,
                   reason, created_at, decided_at)
               select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
                   $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[])
               on conflict (tenant, user_id, id) do update set
                   kind = excluded.kind, entity_id = excluded.entity_id,
                   device = excluded.device, data = excluded.data, status = excluded.status,
                   reason = excluded.reason, decided_at = excluded.decided_at";
    let kinds = [Text, Text, Text, Text, Text, Text, Text, Text, Text, Int, Int];
    runner.change_ahead(sql, &params(&columns(kinds, &rows))).await
}

/// Moves the counters of the feeds on.
async fn counters(runner: &mut PostgresRunner<'_>, kept: &[Kept<'_>]) -> Answer<()> {
    let (feeds, counts): (Vec<i64>, Vec<i64>) =
        given(kept).into_iter().map(|(feed, count)| (feed, count as i64)).unzip();
    if feeds.is_empty() {
        return Ok(());
    }
    let sql = "update feed set newest = newest + n.count
               from unnest($1::bigint[], $2::bigint[]) as n (id, count) where feed.id = n.id";
    runner.change_ahead(sql, &[&feeds, &counts]).await
}
