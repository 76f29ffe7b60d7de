//! Making the writes that reach people: the outbox, taking back, people and their addresses.

use landfall_core::id::Tenant;

use super::delivery::Of;
use super::outbox_write::{self as outbox, Report};
use super::{Runner, addresses, done, inbox_write, people, seals, suppressions, taking_back};
use crate::{Answer, Outcome, Write};

/// Makes a write about deliveries, or gives it back.
pub(crate) async fn write_to_outbox<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    write: Write,
) -> Result<Answer<Outcome>, Write> {
    Ok(match write {
        Write::Enqueue { notification, user, priority, at, deliveries } => {
            let of = Of { tenant, notification, user: &user, priority, at };
            outbox::enqueue(runner, of, &deliveries).await
        }
        Write::Settle(settlement) => outbox::settle(runner, tenant, &settlement).await,
        Write::Report { id, from, to, reason, code, next, at } => {
            let report = Report { id, from, to, reason, code: code.as_deref(), next, at };
            outbox::report(runner, tenant, report).await
        }
        Write::KeepAttempt(kept) => outbox::keep_attempt(runner, tenant, &kept).await,
        Write::Replay { ids, at } => outbox::replay(runner, tenant, &ids, at).await,
        Write::Cancel { user, id, at } => {
            inbox_write::cancel(runner, tenant, &user, id, at).await.and_then(done)
        }
        Write::CancelSend { id, at, recalls } => {
            let how =
                if recalls { taking_back::Cancel::WithRecall } else { taking_back::Cancel::Only };
            taking_back::cancel(runner, tenant, id, at, how).await.and_then(done)
        }
        Write::AdvanceRecall { id, from, to, is_complete } => {
            let step = taking_back::RecallStep { id, from, to, is_complete };
            taking_back::advance_recall(runner, tenant, &step).await.and_then(done)
        }
        other => return Err(other),
    })
}

/// Makes a write about people, or gives it back.
pub(crate) async fn write_to_people<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    write: Write,
) -> Result<Answer<Outcome>, Write> {
    Ok(match write {
        Write::PutPerson(person) => people::put(runner, tenant, &person).await,
        Write::MeetPerson(person) => people::meet(runner, tenant, &person).await,
        Write::DeletePerson { user, keep, at } => {
            people::delete(runner, tenant, &user, (keep.as_ref(), at)).await
        }
        Write::PutAddress(address) => addresses::put(runner, tenant, &address).await,
        Write::RenewAddress { user, id, from, to } => {
            seals::renew_address(runner, tenant, (&user, id), (&from, &to)).await
        }
        Write::RenewBrought { with, from, to } => {
            seals::renew_brought(runner, tenant, with, (&from, &to)).await
        }
        Write::RemoveAddress { user, id } => addresses::remove(runner, tenant, &user, id).await,
        Write::PutPreferences { user, preferences, reminders, at } => {
            let put = (&preferences, &*reminders);
            people::put_preferences(runner, tenant, user.as_ref(), put, at).await
        }
        Write::Suppress(suppression) => suppressions::put(runner, tenant, &suppression).await,
        Write::Unsuppress { channel, address } => {
            suppressions::lift(runner, tenant, channel, &address).await
        }
        other => return Err(other),
    })
}
