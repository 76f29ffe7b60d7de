//! Callers whose tokens were revoked: looked for before their units are told anything, and again
//! when the trails are held.
//!
//! A revocation is in its tenant's trail, like everything that a caller causes. So once a round
//! holds the counters of its trails, every revocation was either committed before, and is seen
//! here, or is committed after the round.

use super::apply::Member;
use super::columns::{self, Column, Kind, params};
use crate::postgres::fault::Refused;
use crate::postgres::runner::PostgresRunner;
use crate::sql::{Row, Value};
use crate::{Answer, Guard, StoreError};

/// Finds which tokens are revoked.
pub(super) const FIND: &str = "select t.place
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

/// Refuses the units of tokens that were found revoked.
pub(super) fn refuse(found: &[tokio_postgres::Row], members: &mut [Member<'_>]) -> Answer<()> {
    for row in found {
        let row: &dyn Row = row;
        members[row.count(0)? as usize].refused = Some(StoreError::Revoked);
    }
    Ok(())
}

/// Has the round tried again when a token of it was revoked since [`refuse`].
pub(super) async fn look_again(
    runner: &mut PostgresRunner<'_>,
    members: &[Member<'_>],
) -> Answer<()> {
    let tokens = tokens(members);
    if tokens.is_empty() || runner.rows(FIND, &params(&columns(&tokens))).await?.is_empty() {
        return Ok(());
    }
    Err(StoreError::Internal(Box::new(Refused::overtaken("a token was revoked meanwhile"))))
}

/// Gives the tokens of the units that are in, each with its unit's place.
pub(super) fn tokens<'u>(members: &[Member<'u>]) -> Vec<[Value<'u>; 5]> {
    let mut rows: Vec<[Value<'u>; 5]> = Vec::new();
    for (place, member) in members.iter().enumerate().filter(|(_, member)| member.is_in()) {
        let unit = member.unit;
        for guard in &unit.guards {
            let Guard::NotRevoked(token) = guard else { continue };
            rows.push([
                (&unit.tenant).into(),
                (&token.user).into(),
                token.token_id.as_ref().into(),
                token.issued_at.into(),
                place.into(),
            ]);
        }
    }
    rows
}

/// Gives what [`FIND`] asks for.
pub(super) fn columns<'v>(rows: &'v [[Value<'v>; 5]]) -> [Column<'v>; 5] {
    columns::columns([Kind::Text, Kind::Text, Kind::Text, Kind::Int, Kind::Int], rows)
}
