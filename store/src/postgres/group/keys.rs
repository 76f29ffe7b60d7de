//! Idempotency keys of a round: asked for together at first, kept together at last.

use super::apply::Member;
use super::columns::{self, Column, Kind, params};
use crate::postgres::runner::PostgresRunner;
use crate::sql::{Row, Value, idempotency};
use crate::{Answer, IdempotencyKey};

/// Finds which keys are taken.
pub(super) const FIND: &str = "select i.digest, i.memo, i.numbers, k.place
     from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as k (tenant, scope, key, place)
     join idempotency i on i.tenant = k.tenant and i.scope = k.scope and i.key = k.key";

/// Gives the keys of the units that are in, each with its unit's place.
pub(super) fn asked<'u>(members: &[Member<'u>]) -> Vec<[Value<'u>; 4]> {
    let keyed = members.iter().enumerate().filter(|(_, member)| member.is_in());
    let row = |(place, member): (usize, &Member<'u>)| {
        let unit = member.unit;
        let IdempotencyKey { scope, key, .. } = unit.idempotency.as_ref()?;
        Some([(&unit.tenant).into(), scope.into(), key.into(), place.into()])
    };
    keyed.filter_map(row).collect()
}

/// Gives what [`FIND`] asks for.
pub(super) fn columns<'v>(rows: &'v [[Value<'v>; 4]]) -> [Column<'v>; 4] {
    columns::columns([Kind::Text, Kind::Text, Kind::Text, Kind::Int], rows)
}

/// Refuses units whose keys were found taken.
pub(super) fn refuse_taken(
    found: &[tokio_postgres::Row],
    members: &mut [Member<'_>],
) -> Answer<()> {
    for row in found {
        let row: &dyn Row = row;
        let member = &mut members[row.count(3)? as usize];
        if let Some(key) = member.unit.idempotency.as_ref().filter(|_| member.is_in()) {
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
    let columns = columns::columns([Text, Text, Text, Blob, Text, Text, Int], &rows);
    runner.change_ahead(sql, &params(&columns)).await?;
    Ok(())
}
