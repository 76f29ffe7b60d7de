//! Idempotency keys: kept in the transaction of their effect, forgotten after a day.

use landfall_core::audit::Hash;
use landfall_core::feed::Number;
use landfall_core::id::Tenant;
use landfall_core::time::Timestamp;

use super::{Corrupt, Query, Row, Runner, Value};
use crate::{Answer, IdempotencyKey, StoreError, StoredAnswer};

/// Refuses a key that is taken: with its answer, or as reused for another request.
pub(crate) async fn check<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    key: &IdempotencyKey,
) -> Answer<()> {
    match runner.optional(find(tenant, key)).await? {
        None => Ok(()),
        Some(taken) => Err(refusal(key, taken)),
    }
}

/// Says how a request is refused whose key is taken.
pub(crate) fn refusal(key: &IdempotencyKey, taken: (Hash, StoredAnswer)) -> StoreError {
    let (digest, answer) = taken;
    if digest == key.digest {
        StoreError::Duplicate(Box::new(answer))
    } else {
        StoreError::KeyReused
    }
}

/// Finds what a key was used for.
pub(crate) fn find<'a>(
    tenant: &'a Tenant,
    key: &'a IdempotencyKey,
) -> Query<'a, (Hash, StoredAnswer), 3> {
    let sql = "select digest, memo, numbers from idempotency
               where tenant = ?1 and scope = ?2 and key = ?3";
    Query::new(sql, [tenant.into(), (&key.scope).into(), (&key.key).into()], taken)
}

/// Reads the columns digest, memo and numbers.
pub(crate) fn taken(row: &dyn Row) -> Result<(Hash, StoredAnswer), Corrupt> {
    let numbers = row.text(2)?.split_whitespace().filter_map(Number::parse).collect();
    Ok((row.bytes(0)?, StoredAnswer { memo: row.string(1)?, numbers }))
}

/// Writes feed numbers as [`taken`] reads them.
pub(crate) fn numbers_text(numbers: &[Number]) -> String {
    numbers.iter().map(Number::to_string).collect::<Vec<_>>().join(" ")
}

/// Keeps a key with what it was answered.
pub(crate) async fn keep<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    key: &IdempotencyKey,
    numbers: &[Number],
) -> Answer<()> {
    let sql = "insert into idempotency (tenant, scope, key, digest, memo, numbers, created_at)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    runner.execute(Query::command(sql, values(tenant, key, numbers))).await?;
    Ok(())
}

/// Gives a key's columns: tenant, scope, key, digest, memo, numbers and created_at.
pub(crate) fn values<'a>(
    tenant: &'a Tenant,
    key: &'a IdempotencyKey,
    numbers: &[Number],
) -> [Value<'a>; 7] {
    [
        tenant.into(),
        (&key.scope).into(),
        (&key.key).into(),
        (&key.digest).into(),
        (&key.memo).into(),
        numbers_text(numbers).into(),
        key.at.into(),
    ]
}

/// Forgets keys made before a time, at most `limit`; tells how many.
pub(crate) async fn forget<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    let sql = "delete from idempotency where (tenant, scope, key) in (
                   select tenant, scope, key from idempotency
                   where created_at < ?1 order by created_at limit ?2)";
    let forgotten = runner.execute(Query::command(sql, [before.into(), limit.into()])).await?;
    Ok(forgotten as usize)
}
