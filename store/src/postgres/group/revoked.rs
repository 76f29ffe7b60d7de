//! Callers whose tokens were revoked: looked for before their units are told anything, and again
//! when the trails are held.
//!
//! A revocation is in its tenant's trail, like everything that a caller causes. So once a round
//! holds the counters of its trails, every revocation was either committed before, and is seen
//! here, or is committed after the round.

use super::apply::Member;
use super::columns::{Kind, columns, params};
use crate::postgres::fault::Refused;
use crate::postgres::runner::PostgresRunner;
use crate::sql::{Row, Value};
use crate::{Answer, Guard, StoreError};

/// Refuses the units of revoked tokens.
pub(super) async fn refuse(
    runner: &mut PostgresRunner<'_>,
    members: &mut [Member<'_>],
) -> Answer<()> {
    for place in find(runner, members).await? {
        members[place].refused = Some(StoreError::Revoked);
    }
    Ok(())
}

/// Has the round tried again when a token of it was revoked since [`refuse`].
pub(super) async fn look_again(
    runner: &mut PostgresRunner<'_>,
    members: &[Member<'_>],
) -> Answer<()> {
    if find(runner, members).await?.is_empty() {
        return Ok(());
    }
    Err(StoreError::Internal(Box::new(Refused::overtaken("a token was revoked meanwhile"))))
}

/// Gives the places of the units whose tokens are revoked.
async fn find(runner: &mut PostgresRunner<'_>, members: &[Member<'_>]) -> Answer<Vec<usize>> {
    let mut rows: Vec<[Value<'_>; 5]> = Vec::new();
    for (place, member) in members.iter().enumerate().filter(|(_, member)| member.is_in()) {
        for guard in &member.unit.guards {
            let Guard::NotRevoked(token) = guard else { continue };
            rows.push([
                (&member.unit.tenant).into(),
                (&token.user).into(),
                token.token_id.as_ref().into(),
                token.issued_at.into(),
                place.into(),
            ]);
        }
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "select t.place
               from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
                   as t (tenant, user_id, token_id, issued_at, place)
               where exists (
                       select 1 from revocation r
                       where r.tenant = t.tenant and r.kind = 'user' and r.subject = t.user_id
                         and r.lifted = 0
                         and (t.issued_at is null or r.revoked_at >= t.issued_at))
                   or exists (
                       select 1 from revocation r
                       where r.tenant = t.tenant and r.kind = 'token'
                         and r.subject = t.token_id and r.lifted = 0)";
    let columns = columns([Kind::Text, Kind::Text, Kind::Text, Kind::Int, Kind::Int], &rows);
    let found = runner.rows(sql, &params(&columns)).await?;
    let place = |row: &tokio_postgres::Row| {
        let row: &dyn Row = row;
        Ok(row.count(0)? as usize)
    };
    found.iter().map(place).collect()
}
