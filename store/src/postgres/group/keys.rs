//! Idempotency keys of a round: asked for together at first, kept together at last.

use super::apply::Member;
use super::columns::{Kind, columns, params};
use crate::postgres::runner::PostgresRunner;
use crate::sql::{Row, Value, idempotency};
use crate::{Answer, IdempotencyKey};

/// Refuses units whose keys are taken.
pub(super) async fn refuse_taken(
    runner: &mut PostgresRunner<'_>,
    members: &mut [Member<'_>],
) -> Answer<()> {
    let keyed = members.iter().enumerate().filter(|(_, member)| member.is_in());
    let rows: Vec<[Value<'_>; 4]> = keyed
        .filter_map(|(place, member)| {
            let IdempotencyKey { scope, key, .. } = member.unit.idempotency.as_ref()?;
            Some([(&member.unit.tenant).into(), scope.into(), key.into(), place.into()])
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "select i.digest, i.memo, i.numbers, k.place
               from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
                   as k (tenant, scope, key, place)
               join idempotency i on i.tenant = k.tenant and i.scope = k.scope and i.key = k.key";
    let columns = columns([Kind::Text, Kind::Text, Kind::Text, Kind::Int], &rows);
    for row in &runner.rows(sql, &params(&columns)).await? {
        let row: &dyn Row = row;
        let member = &mut members[row.count(3)? as usize];
        if let Some(key) = &member.unit.idempotency {
            member.refused = Some(idempotency::refusal(key, idempotency::taken(row)?));
        }
    }
    Ok(())
}

/// Keeps the keys of the units that are in, sorted: another node may be about to keep the same.
pub(super) async fn keep(runner: &mut PostgresRunner<'_>, members: &[Member<'_>]) -> Answer<()> {
    let keyed = members.iter().filter(|member| member.is_in());
    let mut rows: Vec<[Value<'_>; 7]> = keyed
        .filter_map(|member| {
            let key = member.unit.idempotency.as_ref()?;
            let numbers = member.receipt().numbers();
            Some(idempotency::values(&member.unit.tenant, key, &numbers))
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_by(|a, b| a[..3].cmp(&b[..3]));
    let sql = "insert into idempotency (tenant, scope, key, digest, memo, numbers, created_at)
               select * from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[],
                   $6::text[], $7::bigint[])";
    use Kind::{Blob, Int, Text};
    let columns = columns([Text, Text, Text, Blob, Text, Text, Int], &rows);
    runner.change(sql, &params(&columns)).await?;
    Ok(())
}
