//! Idempotency keys: kept in the transaction of their effect, forgotten after a day.

use landfall_core::audit::Hash;
use landfall_core::feed::Number;
use landfall_core::id::Tenant;
use landfall_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::fault;
use crate::{Answer, IdempotencyKey, StoreError, StoredAnswer};

/// Refuses a key that is taken: with its answer, or as reused for another request.
pub(super) fn check(connection: &Connection, tenant: &Tenant, key: &IdempotencyKey) -> Answer<()> {
    let Some((digest, answer)) = find(connection, tenant, key).map_err(fault)? else {
        return Ok(());
    };
    if digest == key.digest {
        Err(StoreError::Duplicate(Box::new(answer)))
    } else {
        Err(StoreError::KeyReused)
    }
}

fn find(
    connection: &Connection,
    tenant: &Tenant,
    key: &IdempotencyKey,
) -> rusqlite::Result<Option<(Hash, StoredAnswer)>> {
    let sql = "select digest, memo, numbers from idempotency
               where tenant = ?1 and scope = ?2 and key = ?3";
    let values = params![tenant.as_str(), key.scope, key.key];
    connection
        .prepare_cached(sql)?
        .query_row(values, |row| {
            let numbers: String = row.get(2)?;
            let numbers = numbers.split_whitespace().filter_map(Number::parse).collect();
            Ok((row.get(0)?, StoredAnswer { memo: row.get(1)?, numbers }))
        })
        .optional()
}

/// Keeps a key with what it was answered.
pub(super) fn keep(
    connection: &Connection,
    tenant: &Tenant,
    key: &IdempotencyKey,
    numbers: &[Number],
) -> rusqlite::Result<()> {
    let sql = "insert into idempotency (tenant, scope, key, digest, memo, numbers, created_at)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let numbers = numbers.iter().map(Number::to_string).collect::<Vec<_>>().join(" ");
    connection.prepare_cached(sql)?.execute(params![
        tenant.as_str(),
        key.scope,
        key.key,
        key.digest,
        key.memo,
        numbers,
        key.at.as_ms(),
    ])?;
    Ok(())
}

/// Forgets keys made before a time, at most `limit`.
pub(super) fn forget(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<usize> {
    let sql = "delete from idempotency where (tenant, scope, key) in (
                   select tenant, scope, key from idempotency
                   where created_at < ?1 order by created_at limit ?2)";
    connection.prepare_cached(sql)?.execute(params![before.as_ms(), limit])
}
