//! Feeds: counters that give numbers out, and where each feed stands.

use landfall_core::feed::{FeedKey, FeedKind, Head, Number};
use landfall_core::id::{Tenant, TopicId};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Gives the next number of a topic's feed; the counter is held until the commit.
pub(super) fn next_of_topic(
    connection: &Connection,
    tenant: &Tenant,
    topic: &TopicId,
) -> rusqlite::Result<Number> {
    let sql = "insert into feed (tenant, kind, owner, newest) values (?1, ?2, ?3, 1)
               on conflict (tenant, kind, owner) do update set newest = newest + 1
               returning newest";
    let mut statement = connection.prepare_cached(sql)?;
    let kind = FeedKind::Topic.as_str();
    statement
        .query_row(params![tenant.as_str(), kind, topic.as_str()], |row| row.get(0))
        .map(Number)
}

/// Tells where a feed stands.
pub(super) fn head(connection: &Connection, feed: &FeedKey) -> rusqlite::Result<Head> {
    let sql = "select newest, horizon from feed where tenant = ?1 and kind = ?2 and owner = ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let head = statement
        .query_row(params![feed.tenant.as_str(), feed.kind.as_str(), feed.owner], |row| {
            Ok(Head { newest: Number(row.get(0)?), horizon: Number(row.get(1)?) })
        })
        .optional()?;
    Ok(head.unwrap_or_default())
}

/// Counts an inbox's unread notifications.
pub(super) fn unread(connection: &Connection, feed: &FeedKey) -> rusqlite::Result<(u64, Head)> {
    let sql = "select unread, newest, horizon from feed
               where tenant = ?1 and kind = ?2 and owner = ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement
        .query_row(params![feed.tenant.as_str(), feed.kind.as_str(), feed.owner], |row| {
            let head = Head { newest: Number(row.get(1)?), horizon: Number(row.get(2)?) };
            Ok((row.get(0)?, head))
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Gives the highest number of any inbox, by a scan: once, when the store is opened.
pub(super) fn newest_of_all(connection: &Connection) -> rusqlite::Result<Number> {
    let sql = "select coalesce(max(newest), 0) from feed where kind = 'inbox'";
    connection.query_row(sql, [], |row| row.get(0)).map(Number)
}
