//! The deliveries of a round: locked before anything is written, and put in by one statement.
//!
//! Locks are taken in one order by all nodes: feeds, then deliveries by tenant and id, then sends,
//! then trails. Whoever says what became of a delivery holds all deliveries of its notification:
//! of two that fail at once, on two nodes, the second sees that the first did, and gives the next
//! place its turn. Claims wait for nobody: they pass over what is held. Sends and addresses of a
//! round are not sorted; should two rounds wait for each other there, one of them is tried again.

use landfall_core::id::{DeliveryId, Tenant};

use super::apply::Member;
use super::columns::{Kind, columns, params};
use super::rounds;
use crate::postgres::runner::PostgresRunner;
use crate::sql::Value;
use crate::sql::delivery::{self, Of};
use crate::{Answer, Outcome, Unit, Write};

/// Locks the deliveries that units name, with all others of their notifications.
pub(super) async fn lock<'u>(
    runner: &mut PostgresRunner<'_>,
    units: impl Iterator<Item = &'u Unit>,
) -> Answer<()> {
    let named = units.flat_map(|unit| {
        let ids = unit.writes.iter().flat_map(named);
        ids.map(|id| (&unit.tenant, id))
    });
    let rows: Vec<[Value<'_>; 2]> =
        named.map(|(tenant, id): (&Tenant, &DeliveryId)| [tenant.into(), (&id.0).into()]).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "select 1 from delivery d
               where (d.tenant, d.notification_id) in (
                   select o.tenant, o.notification_id
                   from unnest($1::text[], $2::bytea[]) as n (tenant, id)
                   join delivery o on o.tenant = n.tenant and o.id = n.id)
               order by d.tenant, d.id for update of d";
    runner.rows(sql, &params(&columns([Kind::Text, Kind::Blob], &rows))).await?;
    Ok(())
}

/// Gives the deliveries of which a write says what became of them.
fn named(write: &Write) -> &[DeliveryId] {
    match write {
        Write::Settle(settlement) => std::slice::from_ref(&settlement.id),
        Write::KeepAttempt(kept) => std::slice::from_ref(&kept.id),
        Write::Report { id, .. } => std::slice::from_ref(id),
        Write::Replay { ids, .. } => ids,
        _ => &[],
    }
}

/// Puts what goes out of a round's notifications into the outbox.
pub(super) async fn enqueue(
    runner: &mut PostgresRunner<'_>,
    members: &mut [Member<'_>],
) -> Answer<()> {
    let mut rows: Vec<[Value<'_>; 15]> = Vec::new();
    let publishes = |m: &&mut Member<'_>| m.is_in() && m.kind == rounds::Kind::Publishes;
    for member in members.iter_mut().filter(publishes) {
        let tenant = &member.unit.tenant;
        for (write, outcome) in member.unit.writes.iter().zip(&mut member.outcomes) {
            let Write::Enqueue { notification, user, priority, at, deliveries } = write else {
                continue;
            };
            let of = Of { tenant, notification: *notification, user, priority: *priority, at: *at };
            rows.extend(deliveries.iter().map(|new| delivery::values(of, new)));
            *outcome = Outcome::Done;
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let sql =
        "insert into delivery (tenant, id, notification_id, user_id, priority, channel, place,
                   address, state, reason, due_at, created_at, strategy, escalate_after, brought,
                   updated_at)
               select *, n.created_at
               from unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[], $5::bigint[],
                   $6::text[], $7::bigint[], $8::bytea[], $9::text[], $10::text[], $11::bigint[],
                   $12::bigint[], $13::text[], $14::bigint[], $15::bytea[])
                   as n (tenant, id, notification_id, user_id, priority, channel, place, address,
                   state, reason, due_at, created_at, strategy, escalate_after, brought)";
    use Kind::{Blob, Int, Text};
    let kinds =
        [Text, Blob, Blob, Text, Int, Text, Int, Blob, Text, Text, Int, Int, Text, Int, Blob];
    runner.change_ahead(sql, &params(&columns(kinds, &rows))).await
}
