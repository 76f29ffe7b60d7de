//! Devices that sync, and their sync sessions.

use landfall_core::id::{Tenant, UserId};
use uuid::Uuid;

use super::{Corrupt, Query, Row, Runner};
use crate::{Answer, DeviceNext, SessionCounts, SessionNext, StoredDevice, StoredSession};

/// All columns of a device `d`, as [`device`] reads them.
pub(crate) const DEVICE: &str = "d.device, d.first_at, d.seen_at, d.stamp_at, d.stamp_count,
    d.place, d.session, d.pending, d.reported_at, d.given, d.generation";

pub(crate) fn device(row: &dyn Row) -> Result<StoredDevice, Corrupt> {
    let count = row.optional_count(4)?.map(u32::try_from).transpose();
    let count = count.map_err(|_| Corrupt::new(4, "count of a stamp"))?;
    Ok(StoredDevice {
        device: row.text(0)?.into(),
        first_at: row.time(1)?,
        seen_at: row.time(2)?,
        stamp: row.optional_time(3)?.zip(count),
        place: row.number(5)?,
        session: row.optional_uuid(6)?,
        pending: row.optional_count(7)?.zip(row.optional_time(8)?),
        given: row.number(9)?,
        generation: row.count(10)?,
    })
}

/// Finds a device.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    name: &str,
) -> Answer<Option<StoredDevice>> {
    let sql = format!(
        "select {DEVICE} from device d where d.tenant = ?1 and d.user_id = ?2 and d.device = ?3"
    );
    runner.optional(Query::new(sql, [tenant.into(), user.into(), name.into()], device)).await
}

/// Lists a user's devices.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    after: &str,
    limit: usize,
) -> Answer<Vec<StoredDevice>> {
    let sql = format!(
        "select {DEVICE} from device d
         where d.tenant = ?1 and d.user_id = ?2 and d.device > ?3 order by d.device limit ?4"
    );
    let values = [tenant.into(), user.into(), after.into(), limit.into()];
    runner.all(Query::new(sql, values, device)).await
}

fn session(row: &dyn Row) -> Result<StoredSession, Corrupt> {
    Ok(StoredSession {
        id: row.uuid(0)?,
        device: row.text(1)?.into(),
        started_at: row.time(2)?,
        ended_at: row.time(3)?,
        counts: SessionCounts {
            operations: row.count(4)?,
            applied: row.count(5)?,
            merged: row.count(6)?,
            conflicts: row.count(7)?,
            rejected: row.count(8)?,
            replayed: row.count(9)?,
            pulled: row.count(10)?,
        },
    })
}

/// Lists a user's sync sessions, newest first.
pub(crate) async fn sessions<R: Runner>(
    runner: &mut R,
    (tenant, user): (&Tenant, &UserId),
    before: Option<&Uuid>,
    of: Option<&str>,
    limit: usize,
) -> Answer<Vec<StoredSession>> {
    let of_device = if of.is_some() { "s.device = ?5" } else { "cast(?5 as text) is null" };
    let sql = format!(
        "select s.id, s.device, s.started_at, s.ended_at, s.operations, s.applied, s.merged,
             s.conflicts, s.rejected, s.replayed, s.pulled
         from sync_session s
         where s.tenant = ?1 and s.user_id = ?2 and s.id < ?3 and {of_device}
         order by s.id desc limit ?4"
    );
    let newest = Uuid::max();
    let before = before.unwrap_or(&newest);
    let values = [tenant.into(), user.into(), before.into(), limit.into(), of.into()];
    runner.all(Query::new(sql, values, session)).await
}

/// Notes that a device synced.
pub(crate) async fn note<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    next: &DeviceNext,
) -> Answer<()> {
    let (device, session) = synced(tenant, next);
    runner.execute(device).await?;
    if let Some(session) = session {
        runner.execute(session).await?;
    }
    Ok(())
}

type OfDevice<'n> = Query<'n, (), 12>;
type OfSession<'n> = Query<'n, (), 12>;

/// Gives the statements that note that a device synced: of the device and, where there is one, of
/// its session.
pub(crate) fn synced<'n>(
    tenant: &'n Tenant,
    next: &'n DeviceNext,
) -> (OfDevice<'n>, Option<OfSession<'n>>) {
    let sql = "insert into device (tenant, user_id, device, first_at, seen_at, stamp_at,
                   stamp_count, place, session, pending, reported_at, given, generation)
               values (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
               on conflict (tenant, user_id, device) do update set
                   seen_at = case when device.seen_at > ?4 then device.seen_at else ?4 end,
                   stamp_at = case when device.stamp_at is null or device.stamp_at < ?5
                           or device.stamp_at = ?5 and device.stamp_count < ?6
                       then coalesce(?5, device.stamp_at) else device.stamp_at end,
                   stamp_count = case when device.stamp_at is null or device.stamp_at < ?5
                           or device.stamp_at = ?5 and device.stamp_count < ?6
                       then coalesce(?6, device.stamp_count) else device.stamp_count end,
                   place = case when device.place > ?7 then device.place else ?7 end,
                   given = case when device.given > ?11 then device.given else ?11 end,
                   generation = case when device.generation > ?12 then device.generation else ?12 end,
                   session = coalesce(?8, device.session),
                   pending = coalesce(?9, device.pending),
                   reported_at = coalesce(?10, device.reported_at)";
    let DeviceNext { user, device, at, stamp, place, given, generation, session, pending } = next;
    let values = [
        tenant.into(),
        user.into(),
        (&**device).into(),
        (*at).into(),
        stamp.map(|(at, _)| at).into(),
        stamp.map(|(_, count)| u64::from(count)).into(),
        place.unwrap_or_default().into(),
        session.as_ref().map(|session| &session.id).into(),
        (*pending).into(),
        pending.map(|_| *at).into(),
        given.unwrap_or_default().into(),
        generation.unwrap_or_default().into(),
    ];
    let session = session.as_ref().map(|session| add(tenant, next, session));
    (Query::command(sql, values), session)
}

/// Adds what a device did to its session.
fn add<'n>(tenant: &'n Tenant, next: &'n DeviceNext, session: &'n SessionNext) -> OfSession<'n> {
    let sql = "insert into sync_session (tenant, user_id, id, device, started_at, ended_at,
                   operations, applied, merged, conflicts, rejected, replayed, pulled)
               values (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
               on conflict (tenant, user_id, id) do update set
                   ended_at = case when sync_session.ended_at > ?5
                       then sync_session.ended_at else ?5 end,
                   operations = sync_session.operations + ?6,
                   applied = sync_session.applied + ?7, merged = sync_session.merged + ?8,
                   conflicts = sync_session.conflicts + ?9,
                   rejected = sync_session.rejected + ?10,
                   replayed = sync_session.replayed + ?11, pulled = sync_session.pulled + ?12";
    let SessionNext { id, counts } = session;
    let SessionCounts { operations, applied, merged, conflicts, rejected, replayed, pulled } =
        *counts;
    let values = [
        tenant.into(),
        (&next.user).into(),
        id.into(),
        (&*next.device).into(),
        next.at.into(),
        operations.into(),
        applied.into(),
        merged.into(),
        conflicts.into(),
        rejected.into(),
        replayed.into(),
        pulled.into(),
    ];
    Query::command(sql, values)
}
