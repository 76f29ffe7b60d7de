//! The operations of a round: what they rely on is read together, under the locks of their feeds;
//! each unit is taken or refused in its order; and what is taken is written together.
//!
//! An operation's id is its user's, not its feed's: should another node write it down at the same
//! time, its index refuses it, and the round is tried again.

use std::borrow::Cow;

use landfall_core::id::Tenant;

use super::apply::Member;
use super::columns::{Kind, columns, params};
use super::feeds::Locked;
use super::{operation_rows, rounds};
use crate::postgres::runner::PostgresRunner;
use crate::postgres::volley::Ask;
use crate::sql::sync_ledger::{ConflictKey, Kept, Known, Ledger, Stand, entity_key, operation_key};
use crate::sql::{Row, Value, devices, told};
use crate::{
    Answer, Change, ConflictNext, DeviceNext, Outcome, StoreError, SyncWrite, Unit, Write,
};

/// An operation of a unit, with its feed's id.
type Placed<'u> = (&'u Unit, i64, &'u SyncWrite);

/// Keeps the operations of the units that are in, and notes the devices that brought them.
pub(super) async fn keep(
    runner: &mut PostgresRunner<'_>,
    members: &mut [Member<'_>],
    locked: &Locked<'_>,
    changes: &mut Vec<Change>,
) -> Answer<()> {
    let mut ledger = Ledger::default();
    for held in locked.feeds() {
        ledger.lay_feed(held.id, held.newest);
    }
    let units = members.iter().filter(|member| syncs(member)).map(|member| member.unit);
    let placed = place(units, locked)?;
    if !placed.is_empty() {
        lay(runner, &mut ledger, &placed).await?;
    }
    let (mut kept, mut rest) = (Vec::with_capacity(placed.len()), &placed[..]);
    for member in members.iter_mut().filter(|member| syncs(member)) {
        let count = member.unit.writes.iter().filter(|write| is_operation(write)).count();
        let (mine, behind) = rest.split_at(count);
        rest = behind;
        match take(&mut ledger, mine) {
            Ok(taken) => {
                tell(member, &taken, changes);
                kept.extend(taken);
            }
            Err(error) => member.refused = Some(error),
        }
    }
    operation_rows::write(runner, &kept).await?;
    note_devices(runner, members).await
}

/// Takes the operations of a unit, all of them or none.
fn take<'u>(ledger: &mut Ledger<'u>, operations: &[Placed<'u>]) -> Answer<Vec<Kept<'u>>> {
    let taken = operations.iter().map(|(unit, feed, write)| {
        let kept = ledger.take(&unit.tenant, *feed, write)?;
        ledger.take_operation(&unit.tenant, write)?;
        ledger.take_conflict(&unit.tenant, write)?;
        Ok(kept)
    });
    let taken: Answer<Vec<_>> = taken.collect();
    match taken {
        Ok(_) => ledger.keep(),
        Err(_) => ledger.forget(),
    }
    taken
}

/// Notes the devices of the units that are in, in the order of their names, in which every node does.
async fn note_devices(runner: &mut PostgresRunner<'_>, members: &[Member<'_>]) -> Answer<()> {
    let mut noted: Vec<(&Tenant, &DeviceNext)> = Vec::new();
    for member in members.iter().filter(|member| syncs(member)) {
        noted.extend(member.unit.writes.iter().filter_map(|write| match write {
            Write::Synced(next) => Some((&member.unit.tenant, &**next)),
            _ => None,
        }));
    }
    noted.sort_by_key(|(tenant, next)| (tenant.as_str(), next.user.as_str(), &*next.device));
    for (tenant, next) in noted {
        let (device, session) = devices::synced(tenant, next);
        runner.execute_ahead(device).await?;
        if let Some(session) = session {
            runner.execute_ahead(session).await?;
        }
    }
    Ok(())
}

fn is_operation(write: &Write) -> bool {
    matches!(write, Write::Sync(_))
}

fn syncs(member: &Member<'_>) -> bool {
    member.is_in() && member.kind == rounds::Kind::Syncs
}

/// Gives the operations of units with the ids of their feeds, which are held.
fn place<'u>(
    units: impl Iterator<Item = &'u Unit>,
    locked: &Locked<'_>,
) -> Answer<Vec<Placed<'u>>> {
    let unheld = || StoreError::Internal("the feed of an operation is not held".into());
    let mut placed = Vec::new();
    for unit in units {
        for write in &unit.writes {
            let Write::Sync(operation) = write else { continue };
            let held = locked.feed(&operation.feed).ok_or_else(unheld)?;
            placed.push((unit, held.id, &**operation));
        }
    }
    Ok(placed)
}

fn tell(member: &mut Member<'_>, kept: &[Kept<'_>], changes: &mut Vec<Change>) {
    let mut kept = kept.iter();
    for (write, outcome) in member.unit.writes.iter().zip(&mut member.outcomes) {
        *outcome = match write {
            Write::Sync(_) => kept.next().map_or(Outcome::Unchanged, |one| {
                changes.extend(told::of_operation(one.tenant, one.write, one.outcome()));
                one.outcome()
            }),
            _ => Outcome::Done,
        };
    }
}

/// What operations rely on, one row for each.
const STANDS: &str = "select n.place, e.revision, e.changed, b.operation, o.digest,
        case when a.status = 'failed' then 1 else 0 end
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
             $8::bigint[])
         as n (feed_id, kind, id, device, tenant, user_id, operation, place)
    left join entity e on e.feed_id = n.feed_id and e.kind = n.kind and e.id = n.id
    left join branch b on b.feed_id = n.feed_id and b.kind = n.kind and b.id = n.id
         and b.device = n.device
    left join operation o on o.tenant = n.tenant and o.user_id = n.user_id and o.id = n.operation
    left join activity a on a.tenant = o.tenant and a.user_id = o.user_id and a.id = o.id";

/// Those of some conflicts that are open.
const OPEN: &str = "select n.place from unnest($1::text[], $2::bytea[], $3::bigint[])
         as n (tenant, id, place)
    join sync_conflict c on c.tenant = n.tenant and c.id = n.id and c.open = 1";

/// Lays down what the operations rely on, as it is.
async fn lay<'u>(
    runner: &mut PostgresRunner<'_>,
    ledger: &mut Ledger<'u>,
    placed: &[Placed<'u>],
) -> Answer<()> {
    let rows = stands_asked(placed);
    use Kind::{Blob, Int, Text};
    let stands = columns([Int, Text, Text, Text, Text, Text, Text, Int], &rows);
    let conflicts: Vec<ConflictKey<'u>> = placed.iter().filter_map(about).collect();
    let rows = (0..)
        .zip(&conflicts)
        .map(|(place, (tenant, id))| [Value::from(*tenant), Value::from(&id.0), Value::Int(place)]);
    let rows: Vec<_> = rows.collect();
    let open = columns([Text, Blob, Int], &rows);
    let (stands, open) = (params(&stands), params(&open));
    let stands = Ask { sql: STANDS, values: &stands };
    let open = (!conflicts.is_empty()).then_some(Ask { sql: OPEN, values: &open });
    let (stands, open) = runner.rows_of_both(Some(stands), open).await?;
    for row in &stands {
        lay_one(ledger, placed, row)?;
    }
    for row in &open {
        let row: &dyn Row = row;
        ledger.lay_open_conflict(conflicts[row.count(0)? as usize]);
    }
    Ok(())
}

fn stands_asked<'u>(placed: &[Placed<'u>]) -> Vec<[Value<'u>; 8]> {
    let row = |(place, (unit, feed, write)): (i64, &Placed<'u>)| {
        let (feed, kind, id) = entity_key(*feed, write);
        let (tenant, user, operation) = operation_key(&unit.tenant, write);
        [
            feed.into(),
            kind.into(),
            id.into(),
            (&*write.device).into(),
            tenant.into(),
            user.into(),
            operation.into(),
            place.into(),
        ]
    };
    (0..).zip(placed).map(row).collect()
}

fn lay_one<'u>(ledger: &mut Ledger<'u>, placed: &[Placed<'u>], row: &dyn Row) -> Answer<()> {
    let (unit, feed, write) = placed[row.count(0)? as usize];
    let entity = entity_key(feed, write);
    if let Some(revision) = row.optional_count(1)? {
        ledger.lay_entity(entity, Stand { revision, changed: row.number(2)? });
    }
    if let Some(ends) = row.optional_string(3)? {
        ledger.lay_branch((entity, &write.device), Some(Cow::Owned(ends)));
    }
    if let Some(digest) = row.optional_bytes(4)? {
        let known = Known { digest, has_failed: row.flag(5)? };
        ledger.lay_operation(operation_key(&unit.tenant, write), known);
    }
    Ok(())
}

/// Gives the conflict that is to be open for an operation.
fn about<'u>((unit, _, write): &Placed<'u>) -> Option<ConflictKey<'u>> {
    match write.conflict.as_deref()? {
        ConflictNext::New(_) => None,
        ConflictNext::GoesOn { id, .. } | ConflictNext::Resolved { id, .. } => {
            Some((unit.tenant.as_str(), *id))
        }
    }
}
