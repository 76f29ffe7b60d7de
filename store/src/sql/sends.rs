//! Sends: one row each, however many users they reach; those that go out later wait here.

use landfall_core::id::{SendId, Tenant};
use landfall_core::time::Timestamp;

use super::send::{COLUMNS, read, state_code, values};
use super::{Query, Runner};
use crate::{Answer, SendNext, SendState, StoredSend};

/// Stores a send of a tenant.
pub(crate) async fn create<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    send: &StoredSend,
) -> Answer<()> {
    let sql = "insert into send (
                   id, tenant, type, template_id, title, message, data, priority, locale,
                   sender_id, sender_name, image, actions, link, route, users, topic_id,
                   accepted, created_at, expires_at, cursor, expanded, active, canceled_at,
                   due_at, due_local, lives_ms, part_of, notification_id, phone,
                   reminder_minutes, starts_at, digest_key, digest_window_ms)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                   ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34)";
    runner.execute(Query::command(sql, values(tenant, send))).await?;
    Ok(())
}

/// One step of a send's expansion.
pub(crate) struct Step {
    /// Which send.
    pub(crate) id: SendId,
    /// The last user it had reached.
    pub(crate) from: String,
    /// The last user it has reached now.
    pub(crate) to: String,
    /// How many users this step reached.
    pub(crate) reached: u64,
    /// What it does then.
    pub(crate) next: SendNext,
}

/// Moves a send on; says whether it still stood where the step began. Nobody needs the phone number of
/// one that has ended.
pub(crate) async fn advance<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    step: &Step,
) -> Answer<bool> {
    let Step { id, from, to, reached, next } = step;
    let sql = "update send set cursor = ?4, expanded = expanded + ?5, active = ?6,
                   due_at = coalesce(?7, due_at),
                   phone = case when cast(?6 as bigint) = 0 then null else phone end
               where tenant = ?1 and id = ?2 and cursor = ?3 and active = 1";
    let (state, due_at) = match next {
        SendNext::GoesOn => (SendState::Active, None),
        SendNext::WaitsUntil(at) => (SendState::Waits, Some(*at)),
        SendNext::Ends => (SendState::Ended, None),
    };
    let (id, reached, state) = ((&id.0).into(), (*reached).into(), state_code(state).into());
    let values = [tenant.into(), id, from.into(), to.into(), reached, state, due_at.into()];
    Ok(runner.execute(Query::command(sql, values)).await? == 1)
}

/// Says whether any send is due.
pub(crate) async fn is_due<R: Runner>(runner: &mut R, now: Timestamp) -> Answer<bool> {
    let sql = "select 1 from send where active = 2 and due_at <= ?1 limit 1";
    Ok(runner.optional(Query::new(sql, [now.into()], |_| Ok(()))).await?.is_some())
}

/// Makes sends active that are due; tells how many.
pub(crate) async fn start<R: Runner>(
    runner: &mut R,
    now: Timestamp,
    limit: usize,
) -> Answer<usize> {
    // No node waits for another.
    let lock = R::DIALECT.holding("for update skip locked");
    let sql = format!(
        "with due as materialized (
             select w.id from send w where w.active = 2 and w.due_at <= ?1
             order by w.due_at limit ?2 {lock})
         update send set active = 1 where id in (select due.id from due)"
    );
    let started = runner.execute(Query::command(sql, [now.into(), limit.into()])).await?;
    Ok(usize::try_from(started).unwrap_or(limit))
}

/// Gives tenants that have an active send. It steps from one to the next, however many sends each has.
pub(crate) async fn active_tenants<R: Runner>(
    runner: &mut R,
    after: Option<&Tenant>,
    limit: usize,
) -> Answer<Vec<Tenant>> {
    let sql = "with recursive t (tenant) as (
             select (select a.tenant from send a where a.active = 1 and a.tenant > ?1
                     order by a.tenant limit 1)
             union all
             select (select a.tenant from send a where a.active = 1 and a.tenant > t.tenant
                     order by a.tenant limit 1)
             from t where t.tenant is not null)
         select tenant from t where tenant is not null limit ?2";
    let values = [after.map_or("", Tenant::as_str).into(), limit.into()];
    runner.all(Query::new(sql, values, |row| row.tenant(0))).await
}

/// Gives a tenant's active sends to many: the oldest and the newest.
pub(crate) async fn active<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    limit: usize,
) -> Answer<Vec<StoredSend>> {
    let some = |order: &str, limit: &str| {
        format!(
            "select id from (
                 select o.id from send o
                 where o.tenant = ?1 and o.active = 1 and o.notification_id is null
                 order by o.created_at {order}, o.id {order} limit {limit}) {order}_ones"
        )
    };
    let (oldest, newest) = (some("asc", "?2"), some("desc", "?3"));
    let sql = format!(
        "select {COLUMNS} from send s where s.id in ({oldest} union {newest})
         order by s.created_at, s.id"
    );
    let newest = limit / 2;
    let values = [tenant.into(), (limit - newest).into(), newest.into()];
    runner.all(Query::new(sql, values, read)).await
}

/// Gives a tenant's active sends to one user each, oldest first.
pub(crate) async fn active_ones<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    limit: usize,
) -> Answer<Vec<StoredSend>> {
    let sql = format!(
        "select {COLUMNS} from send s
         where s.tenant = ?1 and s.active = 1 and s.notification_id is not null
         order by s.created_at, s.id limit ?2"
    );
    runner.all(Query::new(sql, [tenant.into(), limit.into()], read)).await
}

/// Finds a send.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: SendId,
) -> Answer<Option<StoredSend>> {
    let sql = format!("select {COLUMNS} from send s where s.tenant = ?1 and s.id = ?2");
    runner.optional(Query::new(sql, [tenant.into(), (&id.0).into()], read)).await
}
