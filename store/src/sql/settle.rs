//! How deliveries end: confirmed, lost on the way, or expired.

use landfall_core::audit::{Action, Entity};
use landfall_core::feed::{FeedKind, Number};
use landfall_core::id::{NotificationId, UserId};
use landfall_core::plan::Step;
use landfall_core::time::Timestamp;

use super::unit::Work;
use super::{Query, Row, Runner, codes};
use crate::{Answer, AuditDraft, Outcome, SaltedDetails};

/// How the delivery of a notification ended, or did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settle {
    /// A device confirmed it.
    Confirmed,
    /// It was written to a device that went away without a word.
    Unconfirmed,
    /// It expired.
    Expired,
}

/// What settling found.
pub(crate) struct Settled {
    pub(crate) id: NotificationId,
    pub(crate) channels: Vec<Step>,
    /// Whether the "all read" mark covers it.
    pub(crate) is_read: bool,
    attempts: u64,
}

/// Settles an undelivered notification, with an audit entry; unchanged when it was delivered before,
/// or when it expired after the "all read" mark had covered it.
pub(crate) async fn settle<R: Runner>(
    work: &mut Work<'_, R>,
    how: Settle,
    user: &UserId,
    number: Number,
    at: Timestamp,
    details: SaltedDetails,
) -> Answer<Outcome> {
    let inbox = FeedKind::Inbox.as_str().into();
    let values = [work.tenant.into(), inbox, user.into(), number.into(), at.into()];
    let query = Query::new(update_text(how), values, settled);
    let Some(settled) = work.runner.optional(query).await? else {
        return Ok(Outcome::Unchanged);
    };
    if how == Settle::Expired {
        if settled.is_read {
            // Nothing failed: its owner has seen it. It only leaves what waits to expire.
            return Ok(Outcome::Unchanged);
        }
        fail_channels(work, &settled).await?;
    }
    work.entries.extend(entry(how, &settled, at, details));
    Ok(Outcome::Done)
}

/// Says what the trail tells of it, if anything.
pub(crate) fn entry(
    how: Settle,
    settled: &Settled,
    at: Timestamp,
    details: SaltedDetails,
) -> Option<AuditDraft> {
    if how == Settle::Unconfirmed && settled.attempts > 1 {
        // The first loss is told; a device that comes and goes must not fill the trail.
        return None;
    }
    let action = match how {
        Settle::Confirmed => Action::NotificationDelivered,
        Settle::Unconfirmed | Settle::Expired => Action::NotificationFailed,
    };
    Some(AuditDraft { at, action, entity: Entity::Notification(settled.id), details })
}

fn update_text(how: Settle) -> String {
    let (set, also) = match how {
        Settle::Confirmed => ("delivered_at = ?5, attempts = attempts + 1", ""),
        Settle::Unconfirmed => ("attempts = attempts + 1", "and cast(?5 as bigint) is not null"),
        Settle::Expired => ("is_expired = 1", "and is_expired = 0 and expires_at <= ?5"),
    };
    format!(
        "update notification set {set}
         where feed_id = (select id from feed where tenant = ?1 and kind = ?2 and owner = ?3)
           and born = ?4 and delivered_at is null and deleted = 0 {also}
         returning id, channels, case when born <= (
             select f.read_up_to from feed f where f.id = feed_id) then 1 else 0 end, attempts"
    )
}

/// Reads the columns id, channels, whether it is read, and attempts.
pub(crate) fn settled(row: &dyn Row) -> Result<Settled, super::Corrupt> {
    Ok(Settled {
        id: NotificationId(row.uuid(0)?),
        channels: codes::plan(row, 1)?,
        is_read: row.flag(2)?,
        attempts: row.count(3)?,
    })
}

/// Gives up what a plan still had to try.
async fn fail_channels<R: Runner>(work: &mut Work<'_, R>, settled: &Settled) -> Answer<()> {
    let plan = codes::plan_text(&codes::plan_expired(settled.channels.clone()));
    let sql = "update notification set channels = ?3 where tenant = ?1 and id = ?2";
    let values = [work.tenant.into(), (&settled.id.0).into(), plan.into()];
    work.runner.execute(Query::command(sql, values)).await?;
    Ok(())
}
