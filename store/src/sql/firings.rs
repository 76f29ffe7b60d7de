//! What members were told of what is scheduled, moment by moment, and taking it back.

use landfall_core::due::LocalTime;
use landfall_core::id::{EventId, SendId, Tenant};
use landfall_core::schedule::{LATE_END_MS, MINUTES_MAX, Moment};
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::taking_back::{Cancel, cancel};
use super::{Corrupt, Query, Row, Runner, Value};
use crate::{Answer, Firing, StoredEvent};

/// What of an occurrence that began so long ago may still wait to go out is worth nothing any more.
const WORTH_MS: i64 = MINUTES_MAX as i64 * 60_000 + LATE_END_MS;

/// Moments that have no number of minutes.
pub(super) const START: i64 = -1;
pub(super) const END: i64 = -2;

pub(super) fn code(moment: Moment) -> i64 {
    match moment {
        Moment::Reminder(minutes) => minutes.into(),
        Moment::Start => START,
        Moment::End => END,
    }
}

pub(super) fn moment(row: &dyn Row, column: usize) -> Result<Moment, Corrupt> {
    match row.int(column)? {
        START => Ok(Moment::Start),
        END => Ok(Moment::End),
        minutes => {
            let minutes = u32::try_from(minutes);
            minutes.map(Moment::Reminder).map_err(|_| Corrupt::new(column, "moment"))
        }
    }
}

pub(super) fn name(row: &dyn Row, column: usize) -> Result<LocalTime, Corrupt> {
    LocalTime::parse(row.text(column)?).map_err(|_| Corrupt::new(column, "local time"))
}

/// Notes what became of a moment; says whether nobody had.
pub(crate) async fn note<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    firing: &Firing,
) -> Answer<bool> {
    let Firing { event, name, starts_at, moment, due_at, noted_at, send } = firing;
    let sql = "insert into firing
                   (tenant, event_id, starts_at, moment, name, due_at, noted_at, send_id)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               on conflict (tenant, event_id, starts_at, moment) do nothing";
    let values = [
        tenant.into(),
        (&event.0).into(),
        (*starts_at).into(),
        code(*moment).into(),
        name.to_string().into(),
        (*due_at).into(),
        (*noted_at).into(),
        send.as_ref().map(|send| &send.0).into(),
    ];
    Ok(runner.execute(Query::command(sql, values)).await? > 0)
}

/// Gives what became of the moments of an event, the newest first.
pub(crate) async fn of_event<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    event: EventId,
    behind: Option<(Timestamp, Moment)>,
    limit: usize,
) -> Answer<Vec<Firing>> {
    let sql = "select event_id, name, starts_at, moment, due_at, noted_at, send_id from firing
               where tenant = ?1 and event_id = ?2 and (starts_at, moment) < (?3, ?4)
               order by starts_at desc, moment desc limit ?5";
    let (starts_at, last) = behind.map_or((i64::MAX, 0), |(at, moment)| (at.as_ms(), code(moment)));
    let values = [tenant.into(), (&event.0).into(), starts_at.into(), last.into(), limit.into()];
    let read = |row: &dyn Row| {
        Ok(Firing {
            event: EventId(row.uuid(0)?),
            name: name(row, 1)?,
            starts_at: row.time(2)?,
            moment: moment(row, 3)?,
            due_at: row.time(4)?,
            noted_at: row.time(5)?,
            send: row.optional_uuid(6)?.map(SendId),
        })
    };
    runner.all(Query::new(sql, values, read)).await
}

/// Says that nobody noted what became of a moment of the occurrence `o`.
pub(super) fn untold(moment: &str) -> String {
    format!(
        "not exists (
                 select 1 from firing f
                 where f.tenant = o.tenant and f.event_id = o.event_id
                     and f.starts_at = o.starts_at and f.moment = {moment})"
    )
}

/// Takes back, and forgets, what another class was told of occurrences that are not over at `since`, and are this
/// one's now: these members were told nothing.
pub(crate) async fn forget_of_others<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    event: &StoredEvent,
    since: Timestamp,
) -> Answer<()> {
    let of_others = |class: &str, since: &str| {
        format!(
            "exists (select 1 from occurrence o
                 where o.tenant = f.tenant and o.event_id = f.event_id and o.starts_at = f.starts_at
                     and o.class_id <> {class} and o.ends_at > {since})"
        )
    };
    let (id, class, at) = (|| (&event.id.0).into(), || (&event.class).into(), event.updated_at);
    let sql = sent(&of_others("?5", "?6"));
    let values = [tenant.into(), id(), began(at), at.into(), class(), since.into()];
    let sent = runner.all(Query::new(sql, values, |row| row.uuid(0))).await?;
    cancel_all(runner, tenant, sent, at).await?;
    let sql = format!(
        "delete from firing as f where f.tenant = ?1 and f.event_id = ?2 and {}",
        of_others("?3", "?4")
    );
    let values = [tenant.into(), id(), class(), since.into()];
    runner.execute(Query::command(sql, values)).await.map(drop)
}

/// Takes back what was sent of occurrences of an event that are no more.
pub(crate) async fn take_back<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    event: EventId,
    at: Timestamp,
) -> Answer<()> {
    let sql = sent(
        "not exists (select 1 from occurrence o
             where o.tenant = f.tenant and o.event_id = f.event_id and o.starts_at = f.starts_at)",
    );
    let values = [tenant.into(), (&event.0).into(), began(at), at.into()];
    let sent = runner.all(Query::new(sql, values, |row| row.uuid(0))).await?;
    cancel_all(runner, tenant, sent, at).await
}

/// Finds what was sent of an event's moments `f` of which this holds, and is still worth something.
fn sent(of: &str) -> String {
    format!(
        "select s.id from firing f join send s on s.tenant = f.tenant and s.id = f.send_id
         where f.tenant = ?1 and f.event_id = ?2 and f.starts_at > ?3 and s.canceled_at is null
             and (s.expires_at is null or s.expires_at > ?4) and {of}"
    )
}

/// Says when what may be worth something began at the earliest.
fn began(at: Timestamp) -> Value<'static> {
    at.plus_ms(-WORTH_MS).into()
}

/// Takes sends back, in the order in which every node does.
async fn cancel_all<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    mut sends: Vec<Uuid>,
    at: Timestamp,
) -> Answer<()> {
    sends.sort_unstable();
    for id in sends {
        cancel(runner, tenant, SendId(id), at, Cancel::Only).await?;
    }
    Ok(())
}

/// Forgets what became of moments that were noted before then.
pub(crate) async fn forget<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    let sql = "delete from firing where (tenant, event_id, starts_at, moment) in (
                   select tenant, event_id, starts_at, moment from firing
                   where noted_at < ?1 order by noted_at limit ?2)";
    let forgotten = runner.execute(Query::command(sql, [before.into(), limit.into()])).await?;
    Ok(usize::try_from(forgotten).unwrap_or(limit))
}
