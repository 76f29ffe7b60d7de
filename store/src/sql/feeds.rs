//! Feeds: counters that give numbers out, and where each feed stands.

use std::sync::Arc;

use landfall_core::feed::{FeedKey, FeedKind, Head, Number};
use landfall_core::id::{Tenant, TopicId};

use super::{Query, Row, Runner, Value};
use crate::Answer;

/// Above what a feed begins that nobody wrote to yet: what earlier lives of the store may have given
/// out (see `life`).
macro_rules! feed_base {
    () => {
        "(select coalesce(max(cast(value as bigint)), 0) from setting where name = 'feed_base')"
    };
}
pub(crate) use feed_base;

/// Gives the next number of a topic's feed; the counter is held until the commit.
pub(crate) async fn next_of_topic<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
) -> Answer<Number> {
    let sql = concat!(
        "insert into feed (tenant, kind, owner, newest, horizon)
         values (?1, ?2, ?3, ",
        feed_base!(),
        " + 1, ",
        feed_base!(),
        ")
         on conflict (tenant, kind, owner) do update set newest = feed.newest + 1
         returning newest"
    );
    let values = [tenant.into(), FeedKind::Topic.as_str().into(), topic.into()];
    runner.one(Query::new(sql, values, |row| row.number(0))).await
}

/// Gives a feed's key and the last number that it gave out, making it where nobody wrote to it yet.
pub(crate) async fn make<R: Runner>(runner: &mut R, feed: &FeedKey) -> Answer<(i64, Number)> {
    let read = |row: &dyn Row| Ok((row.int(0)?, row.number(1)?));
    let sql = "select id, newest from feed where tenant = ?1 and kind = ?2 and owner = ?3";
    if let Some(found) = runner.optional(Query::new(sql, name(feed), read)).await? {
        return Ok(found);
    }
    let sql = concat!(
        "insert into feed (tenant, kind, owner, newest, horizon) values (?1, ?2, ?3, ",
        feed_base!(),
        ", ",
        feed_base!(),
        ") on conflict (tenant, kind, owner) do update set newest = feed.newest
         returning id, newest"
    );
    runner.one(Query::new(sql, name(feed), read)).await
}

/// Gives a feed's key, if anybody wrote to it.
pub(crate) async fn id<R: Runner>(runner: &mut R, feed: &FeedKey) -> Answer<Option<i64>> {
    let sql = "select id from feed where tenant = ?1 and kind = ?2 and owner = ?3";
    runner.optional(Query::new(sql, name(feed), |row| row.int(0))).await
}

fn name(feed: &FeedKey) -> [Value<'_>; 3] {
    [(&feed.tenant).into(), feed.kind.as_str().into(), (&*feed.owner).into()]
}

/// Has a feed give out so many numbers; the counter is held until the commit.
pub(crate) async fn give<R: Runner>(runner: &mut R, feed: i64, count: u64) -> Answer<()> {
    let sql = "update feed set newest = newest + ?2 where id = ?1";
    runner.execute(Query::command(sql, [feed.into(), count.into()])).await.map(drop)
}

/// Tells where a feed stands; one that nobody wrote to stands at zero.
pub(crate) async fn head<R: Runner>(runner: &mut R, feed: &FeedKey) -> Answer<Head> {
    let sql = "select newest, horizon from feed where tenant = ?1 and kind = ?2 and owner = ?3";
    let query = Query::new(sql, name(feed), |row| {
        Ok(Head { newest: row.number(0)?, horizon: row.number(1)? })
    });
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
    let query = Query::new(sql, name(feed), |row| {
        Ok((row.count(0)?, Head { newest: row.number(1)?, horizon: row.number(2)? }))
    });
    Ok(runner.optional(query).await?.unwrap_or_default())
}

/// Gives the highest number of any inbox, by a scan: once, when the store is opened.
pub(crate) async fn newest_of_all<R: Runner>(runner: &mut R) -> Answer<Number> {
    let sql = "select coalesce(max(newest), 0) from feed where kind = 'inbox'";
    runner.one(Query::new(sql, [], |row| row.number(0))).await
}
