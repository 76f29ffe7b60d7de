//! Reading inboxes: lists for people, and what waits for workers.

use std::sync::Arc;

use landfall_core::feed::{FeedKey, FeedKind, Number};
use landfall_core::id::{NotificationId, Tenant, UserId};
use landfall_core::notification::Notification;
use landfall_core::time::Timestamp;

use super::notification::{self, COLUMNS};
use super::{Dialect, Query, Row, Runner};
use crate::{AdminFilter, Answer, Expired, InboxQuery, InboxSlice};

/// Lists an inbox for its owner.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    key: &FeedKey,
    question: &InboxQuery,
) -> Answer<Vec<Notification>> {
    let (range, order) = match question.slice {
        InboxSlice::Newest { .. } => ("?4 >= 0 and n.born < ?5", "n.born desc"),
        InboxSlice::ChangedAfter { .. } => ("n.changed > ?4 and n.changed < ?5", "n.changed"),
        InboxSlice::ChangedBefore(_) => ("?4 >= 0 and n.changed < ?5", "n.changed desc"),
    };
    let (above, below) = match question.slice {
        InboxSlice::Newest { below } => (Number::ZERO, below),
        InboxSlice::ChangedAfter { after, before } => (after, before),
        InboxSlice::ChangedBefore(before) => (Number::ZERO, Some(before)),
    };
    let sql = format!(
        "select {COLUMNS} from notification n join feed f on f.id = n.feed_id
         where n.feed_id = (select id from feed where tenant = ?1 and kind = ?2 and owner = ?3)
           and {range} and n.deleted = 0
           and (cast(?6 as bigint) is null or ?6 = case
                when n.read_at is not null or n.born <= f.read_up_to then 1 else 0 end)
           and (cast(?7 as text) is null or n.type = ?7)
         order by {order} limit ?8 offset ?9"
    );
    let values = [
        (&key.tenant).into(),
        key.kind.as_str().into(),
        (&*key.owner).into(),
        above.into(),
        below.unwrap_or(Number(u64::MAX)).into(),
        question.read.into(),
        question.notification_type.as_ref().into(),
        question.limit.into(),
        question.offset.into(),
    ];
    runner.all(Query::new(sql, values, notification::read)).await
}

/// Finds one notification of a user.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    id: NotificationId,
) -> Answer<Option<Arc<Notification>>> {
    let sql = format!(
        "select {COLUMNS} from notification n join feed f on f.id = n.feed_id
         where n.tenant = ?1 and n.id = ?2 and f.owner = ?3 and n.deleted = 0"
    );
    let values = [tenant.into(), (&id.0).into(), user.into()];
    let found = runner.optional(Query::new(sql, values, notification::read)).await?;
    Ok(found.map(Arc::new))
}

/// Gives the numbers of undelivered notifications up to a number, oldest first.
pub(crate) async fn undelivered<R: Runner>(
    runner: &mut R,
    key: &FeedKey,
    up_to: Number,
    limit: usize,
) -> Answer<Vec<Number>> {
    let sql = "select n.born from notification n
               where n.feed_id = (select id from feed where tenant = ?1 and kind = ?2 and owner = ?3)
                 and n.changed <= ?4
                 and n.delivered_at is null and n.deleted = 0 and n.is_expired = 0
               order by n.changed limit ?5";
    let values = [
        (&key.tenant).into(),
        key.kind.as_str().into(),
        (&*key.owner).into(),
        up_to.into(),
        limit.into(),
    ];
    runner.all(Query::new(sql, values, |row| row.number(0))).await
}

/// The smallest UUIDv7 of a moment: ids sort by time, so a time is a place in their order.
pub(crate) fn id_at(time: Timestamp) -> [u8; 16] {
    let mut id = [0; 16];
    let ms = u64::try_from(time.as_ms()).unwrap_or(0).to_be_bytes();
    id[..6].copy_from_slice(&ms[2..]);
    id
}

/// Lists notifications of a whole tenant, newest first.
pub(crate) async fn find<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    filter: &AdminFilter,
) -> Answer<Vec<Notification>> {
    let since = filter.since.map_or([0; 16], id_at);
    let until = filter.until.map_or([0xff; 16], id_at);
    let below = filter.below.map_or(until, |id| until.min(*id.0.as_bytes()));
    let channel = filter.channel.map(|channel| format!("\n{}=", channel.as_str()));
    let values = [
        tenant.into(),
        filter.user.as_ref().into(),
        (&since).into(),
        (&below).into(),
        filter.notification_type.as_ref().into(),
        filter.delivered.into(),
        channel.into(),
        filter.limit.into(),
        FeedKind::Inbox.as_str().into(),
        filter.offset.into(),
    ];
    runner.all(Query::new(find_text(R::DIALECT, filter), values, notification::read)).await
}

fn find_text(dialect: Dialect, filter: &AdminFilter) -> String {
    let (place, order) = match (dialect, &filter.user) {
        (_, None) => (
            "n.tenant = ?1 and cast(?2 as text) is null and cast(?9 as text) is not null",
            "n.id desc",
        ),
        // Ids sort by time. `+n.id` keeps SQLite on the one user's feed instead of everybody's ids.
        (Dialect::Sqlite, Some(_)) => (
            "n.feed_id = (select id from feed where tenant = ?1 and kind = ?9 and owner = ?2)",
            "+n.id desc",
        ),
        // The same for PostgreSQL, which would rather walk in the order asked for.
        (Dialect::Postgres, Some(_)) => (
            "n.feed_id = (select id from feed where tenant = ?1 and kind = ?9 and owner = ?2)",
            "n.id || '' desc",
        ),
    };
    // A plan is a line per channel; `like` would not tell capitals apart everywhere.
    let lines = "'\n' || n.channels";
    format!(
        "select {COLUMNS} from notification n join feed f on f.id = n.feed_id
         where {place} and n.deleted = 0 and n.id >= ?3 and n.id < ?4
           and (cast(?5 as text) is null or n.type = ?5)
           and (cast(?6 as bigint) is null or ?6 = case
                when n.delivered_at is not null then 1 else 0 end)
           and (cast(?7 as text) is null or replace({lines}, ?7, '') <> {lines})
         order by {order} limit ?8 offset ?10"
    )
}

/// Finds what expired undelivered, of all tenants, oldest first.
pub(crate) async fn expired<R: Runner>(
    runner: &mut R,
    now: Timestamp,
    limit: usize,
) -> Answer<Vec<Expired>> {
    let sql = "select n.tenant, f.owner, n.born
               from notification n join feed f on f.id = n.feed_id
               where n.expires_at is not null and n.expires_at <= ?1
                 and n.delivered_at is null and n.deleted = 0 and n.is_expired = 0
               order by n.expires_at limit ?2";
    let expired = |row: &dyn Row| {
        Ok(Expired { tenant: row.tenant(0)?, user: row.user(1)?, number: row.number(2)? })
    };
    runner.all(Query::new(sql, [now.into(), limit.into()], expired)).await
}
