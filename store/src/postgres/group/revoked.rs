//! Callers whose tokens were revoked: looked for before their units are told anything, and again
//! when the trails are held.
//!
//! A revocation is in its tenant's trail, like everything that a caller causes. So once a round
//! holds the counters of its trails, every revocation was either committed before, and is seen
//! here, or is committed after the round.

use std::collections::HashSet;

use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;

use super::apply::Member;
use super::columns::{self, Column, Kind};
use crate::postgres::fault::Refused;
use crate::sql::{Row, Value};
use crate::{Answer, Guard, StoreError, Unit};

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

/// Refuses the units of tokens that were found revoked among `tokens`.
pub(super) fn refuse(
    found: &[tokio_postgres::Row],
    tokens: &[Token<'_>],
    members: &mut [Member<'_>],
) -> Answer<()> {
    for row in found {
        let row: &dyn Row = row;
        let revoked = tokens[row.count(0)? as usize];
        for member in members.iter_mut() {
            if of(member.unit).any(|token| token == revoked) {
                member.refused = Some(StoreError::Revoked);
            }
        }
    }
    Ok(())
}

/// Has the round tried again when a token of it was revoked since [`refuse`].
pub(super) fn refuse_overtaken(found: &[tokio_postgres::Row]) -> Answer<()> {
    if found.is_empty() {
        return Ok(());
    }
    Err(StoreError::Internal(Box::new(Refused::overtaken("a token was revoked meanwhile"))))
}

/// A token by its tenant, user, id and time of issue.
pub(super) type Token<'u> = (&'u Tenant, &'u UserId, Option<&'u str>, Option<Timestamp>);

/// Gives the tokens of the units that are in, each once: most units of a round are often one
/// caller's.
pub(super) fn tokens<'u>(members: &[Member<'u>]) -> Vec<Token<'u>> {
    let units = members.iter().filter(|member| member.is_in()).map(|member| member.unit);
    let mut seen = HashSet::new();
    units.flat_map(of).filter(|token| seen.insert(*token)).collect()
}

fn of(unit: &Unit) -> impl Iterator<Item = Token<'_>> {
    unit.guards.iter().filter_map(|guard| match guard {
        Guard::NotRevoked(token) => {
            Some((&unit.tenant, &token.user, token.token_id.as_deref(), token.issued_at))
        }
        _ => None,
    })
}

/// Gives tokens as rows, each with its place.
pub(super) fn rows<'u>(tokens: &[Token<'u>]) -> Vec<[Value<'u>; 5]> {
    let row = |(place, token): (usize, &Token<'u>)| {
        let (tenant, user, id, issued_at) = *token;
        [tenant.into(), user.into(), id.into(), issued_at.into(), place.into()]
    };
    tokens.iter().enumerate().map(row).collect()
}

/// Gives what [`FIND`] asks for.
pub(super) fn columns<'v>(rows: &'v [[Value<'v>; 5]]) -> [Column<'v>; 5] {
    columns::columns([Kind::Text, Kind::Text, Kind::Text, Kind::Int, Kind::Int], rows)
}
