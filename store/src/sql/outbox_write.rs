//! Writing the outbox: what goes in, what became of it, and whose turn is next.
//!
//! On PostgreSQL every delivery of the notifications named here is locked before, so that of two
//! that fail at once the second sees the first.

use landfall_core::channel::DeliveryState;
use landfall_core::delivery::Next;
use landfall_core::id::{DeliveryId, NotificationId, Tenant};
use landfall_core::plan::{Reason, Strategy};
use landfall_core::time::Timestamp;

use super::delivery::{self, Of, is_open, open_states};
use super::{Corrupt, Query, Row, Runner, codes, done};
use crate::{Answer, AskAgain, KeptAttempt, NewDelivery, Outcome, Settlement, StoreError};

/// Puts deliveries of a notification into the outbox.
pub(crate) async fn enqueue<R: Runner>(
    runner: &mut R,
    of: Of<'_>,
    deliveries: &[NewDelivery],
) -> Answer<Outcome> {
    for new in deliveries {
        runner.execute(delivery::insert(of, new)).await?;
    }
    Ok(Outcome::Done)
}

/// Where a delivery that changed belongs.
struct Changed {
    notification: NotificationId,
    place: u8,
    user: landfall_core::id::UserId,
    priority: landfall_core::notification::Priority,
    is_replaced: bool,
}

/// Reads the columns notification_id, place, user_id, priority and replaced.
fn changed(row: &dyn Row) -> Result<Changed, Corrupt> {
    Ok(Changed {
        notification: NotificationId(row.uuid(0)?),
        place: delivery::place(row, 1)?,
        user: row.user(2)?,
        priority: codes::priority(row, 3)?,
        is_replaced: row.flag(4)?,
    })
}

/// Says what became of a claimed delivery; `Stale` unless its claimer still has it.
pub(crate) async fn settle<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    settlement: &Settlement,
) -> Answer<Outcome> {
    let Settlement { id, claim, state, reason, at, .. } = settlement;
    let due_at = settlement.due_at.filter(|_| is_open(*state));
    let sql = concat!(
        "update delivery set state = ?4, reason = ?5, due_at = ?6, leased = 0,
             attempts = attempts + ?7,
             code = case when ?7 = 1 then cast(?8 as text) else coalesce(?8, code) end,
             reference = coalesce(?9, reference), provider = coalesce(?10, provider),
             address = coalesce(?11, address), updated_at = ?12, ask_at = ?13
         where tenant = ?1 and id = ?2 and claim = ?3 and leased = 1 and ",
        open_states!(),
        " returning notification_id, place, user_id, priority, replaced"
    );
    let values = [
        tenant.into(),
        (&id.0).into(),
        (*claim).into(),
        state.as_str().into(),
        reason.as_str().into(),
        due_at.into(),
        settlement.is_attempt.into(),
        settlement.code.as_ref().into(),
        settlement.reference.as_ref().into(),
        settlement.provider.as_ref().into(),
        settlement.address.as_ref().map(|address| &address.0).into(),
        (*at).into(),
        settlement.ask_at.filter(|_| *state == DeliveryState::Sent).into(),
    ];
    let found = runner.optional(Query::new(sql, values, changed)).await?;
    let changed = found.ok_or(StoreError::Stale)?;
    let Changed { notification, ref user, priority, is_replaced, .. } = changed;
    let of = Of { tenant, notification, user, priority, at: *at };
    if !is_replaced {
        enqueue(runner, of, &settlement.split).await?;
    }
    follow(runner, (tenant, &changed), settlement.next, *at).await?;
    Ok(Outcome::Done)
}

/// What somebody told of a delivery afterwards.
pub(crate) struct Report<'a> {
    pub(crate) id: DeliveryId,
    pub(crate) from: DeliveryState,
    pub(crate) to: DeliveryState,
    pub(crate) reason: Reason,
    pub(crate) code: Option<&'a str>,
    pub(crate) next: Next,
    pub(crate) at: Timestamp,
}

/// Says what was told of a delivery afterwards; `Stale` unless it stands as it did.
pub(crate) async fn report<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    report: Report<'_>,
) -> Answer<Outcome> {
    let Report { id, from, to, reason, code, next, at } = report;
    let sql = "update delivery set state = ?4, reason = ?5, code = coalesce(?6, code),
                   due_at = case when ?8 = 1 then due_at end,
                   leased = case when ?8 = 1 then leased else 0 end, updated_at = ?7,
                   ask_at = null
               where tenant = ?1 and id = ?2 and state = ?3
               returning notification_id, place, user_id, priority, replaced";
    let values = [
        tenant.into(),
        (&id.0).into(),
        from.as_str().into(),
        to.as_str().into(),
        reason.as_str().into(),
        code.into(),
        at.into(),
        is_open(to).into(),
    ];
    let found = runner.optional(Query::new(sql, values, changed)).await?;
    let changed = found.ok_or(StoreError::Stale)?;
    follow(runner, (tenant, &changed), next, at).await?;
    Ok(Outcome::Done)
}

/// Keeps what an attempt gave that was overtaken; `Stale` unless nothing else happened since.
pub(crate) async fn keep_attempt<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    kept: &KeptAttempt,
) -> Answer<Outcome> {
    let KeptAttempt { id, claim, state, code, reference, provider, ask_at, at, .. } = kept;
    let sql = "update delivery set attempts = attempts + 1, code = coalesce(?6, code),
                   reference = coalesce(?7, reference), provider = coalesce(?8, provider),
                   updated_at = ?9, ask_at = ?10
               where tenant = ?1 and id = ?2 and claim = ?3 and attempts = ?4 and state = ?5
                 and leased = 0";
    let values = [
        tenant.into(),
        (&id.0).into(),
        (*claim).into(),
        u64::from(kept.attempts_before).into(),
        state.as_str().into(),
        code.as_ref().into(),
        reference.as_ref().into(),
        provider.as_ref().into(),
        (*at).into(),
        ask_at.filter(|_| *state == DeliveryState::Sent).into(),
    ];
    done(runner.execute(Query::command(sql, values)).await?)
}

/// A place in the plan of a notification.
#[derive(Clone, Copy)]
struct Place<'a> {
    tenant: &'a Tenant,
    notification: NotificationId,
    place: u8,
}

/// Does to the later places what the new state of this one means for them: nothing where another notification
/// took the place of its own, and they are of that one.
async fn follow<R: Runner>(
    runner: &mut R,
    (tenant, changed): (&Tenant, &Changed),
    next: Next,
    at: Timestamp,
) -> Answer<()> {
    let Changed { notification, place, is_replaced, .. } = *changed;
    let of = Place { tenant, notification, place };
    let (due_at, also) = match next {
        Next::Wait => return Ok(()),
        _ if is_replaced => return Ok(()),
        Next::Skip(reason) => return skip_waiting(runner, of, reason, at).await,
        // What is held keeps its time, and so does what waits between two attempts.
        Next::DueNow => (
            at,
            "and (due_at is null or (state = 'queued' and attempts = 0 and due_at > ?4))
             and not exists (select 1 from delivery a
                where a.tenant = ?1 and a.notification_id = ?2 and a.place = ?3
                  and a.replaced = 0 and a.state in ('queued', 'held', 'sent', 'delivered'))",
        ),
        Next::DueAt(then) => (then, "and due_at is null"),
    };
    let sql = format!(
        "update delivery set due_at = ?4, updated_at = ?5
         where tenant = ?1 and notification_id = ?2 and leased = 0 and replaced = 0 and {open} {also}
           and place = (select min(l.place) from delivery l
                where l.tenant = ?1 and l.notification_id = ?2 and l.place > ?3
                  and l.replaced = 0 and l.state in ('queued', 'held'))",
        open = open_states!(),
    );
    let place = i64::from(place).into();
    let values = [tenant.into(), (&notification.0).into(), place, due_at.into(), at.into()];
    runner.execute(Query::command(sql, values)).await?;
    Ok(())
}

/// Skips what waits for this place: at later places without a time, and in a fallback that goes on
/// only after a failure also with one.
async fn skip_waiting<R: Runner>(
    runner: &mut R,
    Place { tenant, notification, place }: Place<'_>,
    reason: Reason,
    at: Timestamp,
) -> Answer<()> {
    let sql = concat!(
        "update delivery set state = 'skipped', reason = ?3, due_at = null, updated_at = ?4
         where tenant = ?1 and notification_id = ?2 and place > ?5 and leased = 0 and replaced = 0
           and (due_at is null or (strategy = ?6 and escalate_after is null)) and ",
        open_states!()
    );
    let values = [
        tenant.into(),
        (&notification.0).into(),
        reason.as_str().into(),
        at.into(),
        i64::from(place).into(),
        Strategy::Fallback.as_str().into(),
    ];
    runner.execute(Query::command(sql, values)).await?;
    Ok(())
}

/// Moves the time at which a delivery is asked for; tells whether it stood as it was known.
pub(crate) async fn ask_again<R: Runner>(runner: &mut R, again: &AskAgain) -> Answer<bool> {
    let AskAgain { tenant, id, from, to } = again;
    let sql = "update delivery set ask_at = ?4
               where tenant = ?1 and id = ?2 and state = 'sent' and ask_at = ?3";
    let values = [tenant.into(), (&id.0).into(), (*from).into(), (*to).into()];
    Ok(runner.execute(Query::command(sql, values)).await? > 0)
}

/// Makes deliveries that failed due again; `Stale` unless all of them did.
pub(crate) async fn replay<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    ids: &[DeliveryId],
    at: Timestamp,
) -> Answer<Outcome> {
    for id in ids {
        let sql = "select 1 from delivery where tenant = ?1 and id = ?2 and state = 'failed'";
        let failed = Query::new(sql, [tenant.into(), (&id.0).into()], |_| Ok(()));
        runner.optional(failed).await?.ok_or(StoreError::Stale)?;
    }
    let sql = "update delivery set state = 'queued', attempts = 0, code = null, due_at = ?3,
                   leased = 0, updated_at = ?3
               where tenant = ?1 and id = ?2";
    for id in ids {
        let values = [tenant.into(), (&id.0).into(), at.into()];
        runner.execute(Query::command(sql, values)).await?;
    }
    Ok(Outcome::Done)
}

/// Gives every leased delivery back to be due at once; tells how many.
pub(crate) async fn release<R: Runner>(runner: &mut R, now: Timestamp) -> Answer<u64> {
    let sql = "update delivery set due_at = ?1, leased = 0, updated_at = ?1 where leased = 1";
    runner.execute(Query::command(sql, [now.into()])).await
}
