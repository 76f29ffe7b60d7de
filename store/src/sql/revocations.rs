//! Revocations: one row for each user or token, numbered in commit order over all tenants, so that
//! every node finds what is new by a number.

use landfall_core::auth::{Revoked, TokenMark};
use landfall_core::feed::Number;
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;

use super::feeds::feed_base;
use super::{Corrupt, Query, Row, Runner};
use crate::{Answer, Revocation};

/// Says whether a token is revoked.
pub(crate) async fn covers<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    token: &TokenMark,
) -> Answer<bool> {
    let sql = "select 1 from revocation
               where tenant = ?1 and kind = 'user' and subject = ?2 and lifted = 0
                 and (cast(?3 as bigint) is null or revoked_at >= ?3)
               union all
               select 1 from revocation
               where tenant = ?1 and kind = 'token' and subject = ?4 and lifted = 0";
    let TokenMark { user, token_id, issued_at } = token;
    let values = [tenant.into(), user.into(), (*issued_at).into(), token_id.as_ref().into()];
    Ok(runner.optional(Query::new(sql, values, |_| Ok(()))).await?.is_some())
}

/// The feed of no tenant that numbers them: tenant, kind and owner.
pub(crate) const COUNTER: (&str, &str, &str) = ("", "revocation", "");

/// Gives the next number; the counter is held until the commit.
async fn next<R: Runner>(runner: &mut R) -> Answer<Number> {
    let sql = concat!(
        "insert into feed (tenant, kind, owner, newest) values (?1, ?2, ?3, ",
        feed_base!(),
        " + 1)
         on conflict (tenant, kind, owner) do update set newest = feed.newest + 1
         returning newest"
    );
    let (tenant, kind, owner) = COUNTER;
    let values = [tenant.into(), kind.into(), owner.into()];
    runner.one(Query::new(sql, values, |row| row.number(0))).await
}

/// Revokes; one that is in force keeps the later of its two times.
pub(crate) async fn revoke<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    of: &Revoked,
    at: Timestamp,
    reason: Option<&str>,
    by: &UserId,
) -> Answer<Number> {
    let number = next(runner).await?;
    let sql = "insert into revocation
                   (tenant, kind, subject, number, revoked_at, changed_at, reason, made_by)
               values (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)
               on conflict (tenant, kind, subject) do update set
                   number = ?4, changed_at = ?5, reason = ?6, made_by = ?7, lifted = 0,
                   revoked_at = case when revocation.lifted = 0 and revocation.revoked_at > ?5
                       then revocation.revoked_at else ?5 end";
    let values = [
        tenant.into(),
        of.kind().into(),
        of.subject().into(),
        number.into(),
        at.into(),
        reason.into(),
        by.into(),
    ];
    runner.execute(Query::command(sql, values)).await?;
    Ok(number)
}

/// Lifts a revocation; `None` unless it is in force.
pub(crate) async fn lift<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    number: Number,
    at: Timestamp,
) -> Answer<Option<Number>> {
    let sql = "select 1 from revocation where number = ?2 and tenant = ?1 and lifted = 0";
    let values = [tenant.into(), number.into()];
    if runner.optional(Query::new(sql, values, |_| Ok(()))).await?.is_none() {
        return Ok(None);
    }
    let new = next(runner).await?;
    let sql = "update revocation set lifted = 1, number = ?3, changed_at = ?4
               where number = ?2 and tenant = ?1 and lifted = 0";
    let values = [tenant.into(), number.into(), new.into(), at.into()];
    runner.execute(Query::command(sql, values)).await?;
    Ok(Some(new))
}

const COLUMNS: &str = "number, tenant, kind, subject, revoked_at, reason, made_by, lifted";

fn read(row: &dyn Row) -> Result<Revocation, Corrupt> {
    let of = match row.text(2)? {
        "user" => Revoked::User(row.user(3)?),
        "token" => Revoked::Token(row.string(3)?),
        _ => return Err(Corrupt::new(2, "kind of revocation")),
    };
    Ok(Revocation {
        number: row.number(0)?,
        tenant: row.tenant(1)?,
        of,
        at: row.time(4)?,
        reason: row.optional_string(5)?,
        by: row.user(6)?,
        is_lifted: row.flag(7)?,
    })
}

/// Gives what changed after a number, in order.
pub(crate) async fn after<R: Runner>(
    runner: &mut R,
    after: Number,
    limit: usize,
) -> Answer<Vec<Revocation>> {
    let sql =
        format!("select {COLUMNS} from revocation where number > ?1 order by number limit ?2");
    runner.all(Query::new(sql, [after.into(), limit.into()], read)).await
}

/// Lists those of a tenant that are in force, newest first.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    below: Option<Number>,
    limit: usize,
) -> Answer<Vec<Revocation>> {
    let sql = format!(
        "select {COLUMNS} from revocation
         where tenant = ?1 and lifted = 0 and number < ?2 order by number desc limit ?3"
    );
    let below = below.map_or(i64::MAX.into(), Into::into);
    runner.all(Query::new(sql, [tenant.into(), below, limit.into()], read)).await
}

/// Forgets those of single tokens and those lifted, by the time of their last change.
pub(crate) async fn forget<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    let sql = "delete from revocation where number in (
                   select number from revocation
                   where changed_at < ?1 and (lifted = 1 or kind = 'token')
                   order by changed_at limit ?2)";
    let forgotten = runner.execute(Query::command(sql, [before.into(), limit.into()])).await?;
    Ok(forgotten as usize)
}
