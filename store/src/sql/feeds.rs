//! Feeds: counters that give numbers out, and where each feed stands.

use std::sync::Arc;

use landfall_core::feed::{FeedKey, FeedKind, Head, Number};
use landfall_core::id::{Tenant, TopicId};

use super::{Query, Runner};
use crate::Answer;

/// Gives the next number of a topic's feed; the counter is held until the commit.
pub(crate) async fn next_of_topic<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
) -> Answer<Number> {
    let sql = "insert into feed (tenant, kind, owner, newest) values (?1, ?2, ?3, 1)
               on conflict (tenant, kind, owner) do update set newest = feed.newest + 1
               returning newest";
    let values = [tenant.into(), FeedKind::Topic.as_str().into(), topic.into()];
    runner.one(Query::new(sql, values, |row| row.number(0))).await
}

/// Tells where a feed stands; one that nobody wrote to stands at zero.
pub(crate) async fn head<R: Runner>(runner: &mut R, feed: &FeedKey) -> Answer<Head> {
    let sql = "select newest, horizon from feed where tenant = ?1 and kind = ?2 and owner = ?3";
    let values = [(&feed.tenant).into(), feed.kind.as_str().into(), (&*feed.owner).into()];
    let query =
        Query::new(sql, values, |row| Ok(Head { newest: row.number(0)?, horizon: row.number(1)? }));
    Ok(runner.optional(query).await?.unwrap_or_default())
}

/// Tells where each feed stands, in the order asked.
pub(crate) async fn heads<R: Runner>(runner: &mut R, feeds: &[Arc<FeedKey>]) -> Answer<Vec<Head>> {
    let mut heads = Vec::with_capacity(feeds.len());
    for feed in feeds {
        heads.push(head(runner, feed).await?);
    }
    Ok(heads)
}

/// Counts an inbox's unread notifications.
pub(crate) async fn unread<R: Runner>(runner: &mut R, feed: &FeedKey) -> Answer<(u64, Head)> {
    let sql = "select unread, newest, horizon from feed
               where tenant = ?1 and kind = ?2 and owner = ?3";
    let values = [(&feed.tenant).into(), feed.kind.as_str().into(), (&*feed.owner).into()];
    let query = Query::new(sql, values, |row| {
        Ok((row.count(0)?, Head { newest: row.number(1)?, horizon: row.number(2)? }))
    });
    Ok(runner.optional(query).await?.unwrap_or_default())
}

/// Gives the highest number of any inbox, by a scan: once, when the store is opened.
pub(crate) async fn newest_of_all<R: Runner>(runner: &mut R) -> Answer<Number> {
    let sql = "select coalesce(max(newest), 0) from feed where kind = 'inbox'";
    runner.one(Query::new(sql, [], |row| row.number(0))).await
}
