//! Reading inboxes: pages for sessions, lists for people, and what expired.

use std::sync::Arc;

use landfall_core::feed::{FeedKey, FeedKind, Head, Number};
use landfall_core::id::{NotificationId, SendId, Tenant, UserId};
use landfall_core::notification::{InboxRow, Notification};
use landfall_core::session::{Page, Read};
use landfall_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use super::{content, rows};
use crate::{AdminFilter, Expired, InboxQuery, InboxSlice};

/// The columns of a notification `n` on its feed `f`, as [`notification`] reads them.
const COLUMNS: &str = "n.id, f.owner, n.type, n.template_id, n.title, n.message, n.data,
    n.priority, n.locale, n.sender_id, n.sender_name, n.image, n.actions, n.link, n.born,
    n.changed, n.created_at, n.expires_at, n.delivered_at, n.attempts,
    coalesce(n.read_at, case when n.born <= f.read_up_to then f.read_mark_at end),
    n.deleted, n.channels, n.send_id";

fn notification(row: &Row<'_>) -> rusqlite::Result<Notification> {
    let delivered_at = rows::optional_time(row, 18)?;
    let plan = rows::plan(&row.get::<_, String>(22)?)?;
    Ok(Notification {
        id: NotificationId(rows::uuid(row, 0)?),
        user: rows::user(&row.get::<_, String>(1)?)?,
        content: Arc::new(content::read(row, 2)?),
        number: rows::number(row, 14)?,
        changed: rows::number(row, 15)?,
        created_at: rows::time(row, 16)?,
        expires_at: rows::optional_time(row, 17)?,
        delivered_at,
        attempts: row.get(19)?,
        read_at: rows::optional_time(row, 20)?,
        deleted: row.get(21)?,
        channels: rows::plan_now(plan, delivered_at),
        send: rows::optional_uuid(row, 23)?.map(SendId),
    })
}

/// An inbox's feed row.
struct Feed {
    id: i64,
    head: Head,
    read_up_to: Number,
    read_mark: Number,
    read_mark_at: Option<Timestamp>,
}

fn feed(connection: &Connection, key: &FeedKey) -> rusqlite::Result<Option<Feed>> {
    let sql = "select id, newest, horizon, read_up_to, read_mark, read_mark_at from feed
               where tenant = ?1 and kind = ?2 and owner = ?3";
    let mut statement = connection.prepare_cached(sql)?;
    statement
        .query_row(params![key.tenant.as_str(), key.kind.as_str(), key.owner], |row| {
            Ok(Feed {
                id: row.get(0)?,
                head: Head { newest: rows::number(row, 1)?, horizon: rows::number(row, 2)? },
                read_up_to: rows::number(row, 3)?,
                read_mark: rows::number(row, 4)?,
                read_mark_at: rows::optional_time(row, 5)?,
            })
        })
        .optional()
}

fn query(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
) -> rusqlite::Result<Vec<Notification>> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(values, notification)?.collect()
}

/// Reads what a session asked for, in one snapshot.
pub(super) fn page(connection: &Connection, key: &FeedKey, read: Read) -> rusqlite::Result<Page> {
    let transaction = connection.unchecked_transaction()?;
    let Some(feed) = feed(&transaction, key)? else {
        return Ok(Page { rows: vec![], head: Head::default(), more: false });
    };
    let (order, after, up_to, limit) = match read {
        Read::Newest { after, limit } => ("order by n.changed desc", after, None, limit),
        Read::Oldest { after, limit } => ("order by n.changed", after, None, limit),
        // What is undelivered was never changed, so that the "all read" mark bounds it from below.
        Read::Pending { after, up_to, limit } => (
            "and n.delivered_at is null and n.deleted = 0 and n.is_expired = 0 order by n.changed",
            after.max(feed.read_up_to),
            up_to,
            limit,
        ),
    };
    let up_to = up_to.unwrap_or(feed.head.newest);
    let sql = format!(
        "select {COLUMNS} from notification n join feed f on f.id = n.feed_id
         where n.feed_id = ?1 and n.changed > ?2 and n.changed <= ?3 {order} limit ?4"
    );
    let values: [&dyn ToSql; 4] = [&feed.id, &after.0, &up_to.0, &(limit + 1)];
    let mut notifications = query(&transaction, &sql, &values)?;
    let more = notifications.len() > limit;
    notifications.truncate(limit);
    if matches!(read, Read::Newest { .. }) {
        notifications.reverse();
    }
    let rows = notifications.into_iter().map(|n| InboxRow::Notification(Arc::new(n))).collect();
    let mut page = Page { rows, head: feed.head, more };
    insert_mark(&mut page, &feed, read);
    Ok(page)
}

/// Puts the "all read" mark in its place among the rows, if this page covers it.
fn insert_mark(page: &mut Page, feed: &Feed, read: Read) {
    let Page { rows, more, .. } = page;
    let (after, covers) = match read {
        Read::Newest { after, .. } => {
            let first = rows.first().map_or(Number::ZERO, InboxRow::number);
            (after, !*more || feed.read_mark > first)
        }
        Read::Oldest { after, .. } => {
            let last = rows.last().map_or(Number::ZERO, InboxRow::number);
            (after, !*more || feed.read_mark < last)
        }
        Read::Pending { .. } => return,
    };
    let Some(at) = feed.read_mark_at.filter(|_| covers && feed.read_mark > after) else { return };
    let place = rows.partition_point(|row| row.number() < feed.read_mark);
    let mark = InboxRow::AllRead { number: feed.read_mark, up_to: feed.read_up_to, at };
    rows.insert(place, mark);
}

/// Lists an inbox for its owner.
pub(super) fn list(
    connection: &Connection,
    key: &FeedKey,
    question: &InboxQuery,
) -> rusqlite::Result<Vec<Notification>> {
    let (range, order) = match question.slice {
        InboxSlice::Newest { .. } => ("n.born < ?5", "n.born desc"),
        InboxSlice::ChangedAfter { .. } => ("n.changed > ?4 and n.changed < ?5", "n.changed"),
        InboxSlice::ChangedBefore(_) => ("n.changed < ?5", "n.changed desc"),
    };
    let (above, below) = match question.slice {
        InboxSlice::Newest { below } => (Number::ZERO, below),
        InboxSlice::ChangedAfter { after, before } => (after, before),
        InboxSlice::ChangedBefore(before) => (Number::ZERO, Some(before)),
    };
    let sql = format!(
        "select {COLUMNS} from notification n join feed f on f.id = n.feed_id
         where n.feed_id = (select id from feed where tenant = ?1 and kind = ?2 and owner = ?3)
           and ?4 >= 0 and {range} and n.deleted = 0
           and (?6 is null or ?6 = (n.read_at is not null or n.born <= f.read_up_to))
           and (?7 is null or n.type = ?7)
         order by {order} limit ?8 offset ?9"
    );
    let below = below.map_or(i64::MAX, |number| number.0 as i64);
    let (tenant, kind) = (key.tenant.as_str(), key.kind.as_str());
    let values: [&dyn ToSql; 9] = [
        &tenant,
        &kind,
        &key.owner,
        &above.0,
        &below,
        &question.read,
        &question.notification_type,
        &question.limit,
        &question.offset,
    ];
    query(connection, &sql, &values)
}

/// Finds one notification of a user.
pub(super) fn get(
    connection: &Connection,
    tenant: &Tenant,
    user: &UserId,
    id: NotificationId,
) -> rusqlite::Result<Option<Arc<Notification>>> {
    let sql = format!(
        "select {COLUMNS} from notification n join feed f on f.id = n.feed_id
         where n.tenant = ?1 and n.id = ?2 and f.owner = ?3 and n.deleted = 0"
    );
    let values: [&dyn ToSql; 3] = [&tenant.as_str(), &id.0.as_bytes(), &user.as_str()];
    Ok(query(connection, &sql, &values)?.pop().map(Arc::new))
}

/// Gives the numbers of undelivered notifications up to a number, oldest first.
pub(super) fn undelivered(
    connection: &Connection,
    key: &FeedKey,
    up_to: Number,
    limit: usize,
) -> rusqlite::Result<Vec<Number>> {
    let sql = "select n.born from notification n
               where n.feed_id = (select id from feed where tenant = ?1 and kind = ?2 and owner = ?3)
                 and n.changed <= ?4
                 and n.delivered_at is null and n.deleted = 0 and n.is_expired = 0
               order by n.changed limit ?5";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![key.tenant.as_str(), key.kind.as_str(), key.owner, up_to.0, limit];
    statement.query_map(values, |row| rows::number(row, 0))?.collect()
}

/// The smallest UUIDv7 of a moment: ids sort by time, so a time is a place in their order.
fn id_at(time: Timestamp) -> [u8; 16] {
    let mut id = [0; 16];
    let ms = u64::try_from(time.as_ms()).unwrap_or(0).to_be_bytes();
    id[..6].copy_from_slice(&ms[2..]);
    id
}

/// Lists notifications of a whole tenant, newest first.
pub(super) fn find(
    connection: &Connection,
    tenant: &Tenant,
    filter: &AdminFilter,
) -> rusqlite::Result<Vec<Notification>> {
    // Ids sort by time. `+n.id` keeps SQLite on the one user's feed instead of everybody's ids.
    let place = if filter.user.is_some() {
        "n.feed_id = (select id from feed where tenant = ?1 and kind = ?9 and owner = ?2)"
    } else {
        "n.tenant = ?1 and ?2 is null and ?9 is not null"
    };
    let order = if filter.user.is_some() { "+n.id desc" } else { "n.id desc" };
    let sql = format!(
        "select {COLUMNS} from notification n join feed f on f.id = n.feed_id
         where {place} and n.deleted = 0 and n.id >= ?3 and n.id < ?4
           and (?5 is null or n.type = ?5)
           and (?6 is null or ?6 = (n.delivered_at is not null))
           and (?7 is null or instr(char(10) || n.channels, char(10) || ?7 || '=') > 0)
         order by {order} limit ?8 offset ?10"
    );
    let since = filter.since.map_or([0; 16], id_at);
    let until = filter.until.map_or([0xff; 16], id_at);
    let below = filter.below.map_or(until, |id| until.min(*id.0.as_bytes()));
    let user = filter.user.as_ref().map(UserId::as_str);
    let channel = filter.channel.map(|channel| channel.as_str());
    let values: [&dyn ToSql; 10] = [
        &tenant.as_str(),
        &user,
        &since,
        &below,
        &filter.notification_type,
        &filter.delivered,
        &channel,
        &filter.limit,
        &FeedKind::Inbox.as_str(),
        &filter.offset,
    ];
    query(connection, &sql, &values)
}

/// Finds what expired undelivered, of all tenants, oldest first.
pub(super) fn expired(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<Expired>> {
    let sql = "select n.tenant, f.owner, n.born
               from notification n join feed f on f.id = n.feed_id
               where n.expires_at is not null and n.expires_at <= ?1
                 and n.delivered_at is null and n.deleted = 0 and n.is_expired = 0
               order by n.expires_at limit ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let expired = |row: &Row<'_>| {
        Ok(Expired {
            tenant: rows::tenant(&row.get::<_, String>(0)?)?,
            user: rows::user(&row.get::<_, String>(1)?)?,
            number: rows::number(row, 2)?,
        })
    };
    statement.query_map(params![now.as_ms(), limit], expired)?.collect()
}
