//! A delivery's row: how it is written first, and how it is read.

use landfall_core::channel::DeliveryState;
use landfall_core::id::{AddressId, DeliveryId, NotificationId, Tenant, UserId};
use landfall_core::notification::Priority;
use landfall_core::plan::Reason;
use landfall_core::time::Timestamp;

use super::{Corrupt, Query, Row, Runner, Value, codes};
use crate::{Answer, Delivery, NewDelivery};

/// The states in which a delivery has its turn or waits for it. Partial indexes say the same words.
macro_rules! open_states {
    () => {
        "state in ('queued', 'held')"
    };
}
pub(crate) use open_states;

/// Says whether a delivery that stands so has its turn or waits for it.
pub(crate) fn is_open(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Queued | DeliveryState::Held)
}

/// All columns of a delivery `d`, as [`read`] reads them.
pub(crate) const COLUMNS: &str = "d.id, d.tenant, d.notification_id, d.user_id, d.priority,
    d.channel, d.place, d.address, d.state, d.reason, d.code, d.reference, d.provider, d.attempts,
    d.claim, d.due_at, d.created_at, d.updated_at, d.strategy, d.escalate_after, d.brought,
    d.ask_at, d.replaced";

/// How many columns these are.
pub(crate) const WIDTH: usize = 23;

/// Reads a delivery from the first columns of a row.
pub(crate) fn read(row: &dyn Row) -> Result<Delivery, Corrupt> {
    Ok(Delivery {
        id: DeliveryId(row.uuid(0)?),
        tenant: row.tenant(1)?,
        notification: NotificationId(row.uuid(2)?),
        user: row.user(3)?,
        priority: codes::priority(row, 4)?,
        channel: codes::channel(row, 5)?,
        position: place(row, 6)?,
        address: row.optional_uuid(7)?.map(AddressId),
        state: codes::state(row, 8)?,
        reason: codes::reason(row, 9)?,
        code: row.optional_string(10)?,
        reference: row.optional_string(11)?,
        provider: row.optional_string(12)?,
        attempts: u32::try_from(row.int(13)?).map_err(|_| Corrupt::new(13, "count"))?,
        claim: row.count(14)?,
        due_at: row.optional_time(15)?,
        created_at: row.time(16)?,
        updated_at: row.time(17)?,
        strategy: codes::strategy(row, 18)?,
        escalate_after_ms: row.optional_int(19)?,
        to: row.optional_blob(20)?.map(<[u8]>::to_vec),
        ask_at: row.optional_time(21)?,
        is_replaced: row.flag(22)?,
    })
}

/// Reads a place in a plan.
pub(crate) fn place(row: &dyn Row, column: usize) -> Result<u8, Corrupt> {
    u8::try_from(row.int(column)?).map_err(|_| Corrupt::new(column, "place in a plan"))
}

/// What new deliveries of one notification have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) notification: NotificationId,
    pub(crate) user: &'a UserId,
    pub(crate) priority: Priority,
    pub(crate) at: Timestamp,
}

/// Ends what was planned for a notification of which another takes the place: what nobody has looked at is taken
/// back, what waits is skipped, and what somebody is at work on is theirs to settle. None of it counts for the
/// channels of the other one.
pub(crate) async fn withdraw<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (id, at): (NotificationId, Timestamp),
) -> Answer<()> {
    const WAITS: &str = concat!("leased = 0 and ", open_states!());
    let sql = format!(
        "update delivery set replaced = 1,
             state = case when {WAITS} then 'skipped' else state end,
             reason = case when {WAITS} then ?3 else reason end,
             due_at = case when {WAITS} then null else due_at end,
             updated_at = case when {WAITS} then ?4 else updated_at end
         where tenant = ?1 and notification_id = ?2 and (replaced = 0 or {})",
        open_states!()
    );
    let reason = Reason::Replaced.as_str();
    let values = [tenant.into(), (&id.0).into(), reason.into(), at.into()];
    runner.execute(Query::command(sql, values)).await?;
    // On PostgreSQL the statement before has waited for who was settling, and may not have seen what they added.
    let sql = "delete from delivery where tenant = ?1 and notification_id = ?2
                   and (replaced = 0 or (reason = ?3 and claim = 0))";
    let values = [tenant.into(), (&id.0).into(), reason.into()];
    runner.execute(Query::command(sql, values)).await.map(drop)
}

/// Stores a new delivery.
pub(crate) fn insert<'a>(of: Of<'a>, new: &'a NewDelivery) -> Query<'a, (), 15> {
    let sql =
        "insert into delivery (tenant, id, notification_id, user_id, priority, channel, place,
                   address, state, reason, due_at, created_at, updated_at, strategy, escalate_after,
                   brought)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13, ?14, ?15)";
    Query::command(sql, values(of, new))
}

/// Gives a new delivery's columns: tenant, id, notification_id, user_id, priority, channel, place,
/// address, state, reason, due_at, created_at (and updated_at), strategy, escalate_after and
/// brought.
pub(crate) fn values<'a>(of: Of<'a>, new: &'a NewDelivery) -> [Value<'a>; 15] {
    let Of { tenant, notification, user, priority, at } = of;
    let NewDelivery {
        id,
        channel,
        position,
        address,
        state,
        reason,
        due_at,
        strategy,
        escalate_after_ms,
        to,
    } = new;
    [
        tenant.into(),
        (&id.0).into(),
        notification.0.into_bytes().into(),
        user.into(),
        codes::priority_code(priority).into(),
        channel.as_str().into(),
        i64::from(*position).into(),
        address.as_ref().map(|address| &address.0).into(),
        state.as_str().into(),
        reason.as_str().into(),
        due_at.filter(|_| is_open(*state)).into(),
        at.into(),
        strategy.as_str().into(),
        (*escalate_after_ms).into(),
        to.as_deref().into(),
    ]
}
