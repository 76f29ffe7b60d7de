//! Pages of an inbox for sessions: rows, head and mark from one statement, hence one snapshot.

use std::sync::Arc;

use landfall_core::feed::{FeedKey, Head, Number};
use landfall_core::notification::{InboxRow, News};
use landfall_core::session::{Page, Read};
use landfall_core::time::Timestamp;

use super::{Corrupt, Dialect, Query, Row, Runner, notification};
use crate::Answer;

/// An inbox's feed row.
struct Feed {
    head: Head,
    read_up_to: Number,
    read_mark: Number,
    read_mark_at: Option<Timestamp>,
}

type FeedAndRow = (Feed, Option<Arc<News>>);

/// Reads what a session asked for.
pub(crate) async fn page<R: Runner>(runner: &mut R, key: &FeedKey, read: Read) -> Answer<Page> {
    let (after, up_to, limit) = match read {
        Read::Newest { after, limit } | Read::Oldest { after, limit } => (after, None, limit),
        Read::Pending { after, up_to, limit } => (after, up_to, limit),
    };
    let values = [
        (&key.tenant).into(),
        key.kind.as_str().into(),
        (&*key.owner).into(),
        after.into(),
        up_to.unwrap_or(Number(u64::MAX)).into(),
        (limit + 1).into(),
    ];
    let found = runner.all(Query::new(page_text(R::DIALECT, read), values, feed_and_row)).await?;
    Ok(page_of(found, read, limit))
}

/// Writes the statement: the feed's columns stand in each row, in one without a notification when
/// there is none.
fn page_text(dialect: Dialect, read: Read) -> String {
    let (after, which, order) = match read {
        Read::Newest { .. } => ("?4", "", "desc"),
        Read::Oldest { .. } => ("?4", "", ""),
        // What is undelivered was never changed, so that the "all read" mark bounds it from below.
        Read::Pending { .. } => (
            "case when f.read_up_to > ?4 then f.read_up_to else ?4 end",
            "and n.delivered_at is null and n.deleted = 0 and n.is_expired = 0",
            "",
        ),
    };
    let on_page = format!("n.feed_id = f.id and n.changed > {after} and n.changed <= ?5 {which}");
    let sorted = format!("order by n.changed {order} limit ?6");
    let (rows, end) = match dialect {
        // SQLite sees that the feed is one row, so that the index of its rows is in order.
        Dialect::Sqlite => (format!("notification n on {on_page}"), sorted),
        // PostgreSQL sees it only when the rows are asked for one feed at a time.
        Dialect::Postgres => {
            let rows = format!("select n.* from notification n where {on_page} {sorted}");
            (format!("lateral ({rows}) n on true"), String::new())
        }
    };
    format!(
        "select {}, f.newest, f.horizon, f.read_up_to, f.read_mark, f.read_mark_at
         from feed f left join {rows}
         where f.tenant = ?1 and f.kind = ?2 and f.owner = ?3 {end}",
        notification::NEWS_COLUMNS
    )
}

fn feed_and_row(row: &dyn Row) -> Result<FeedAndRow, Corrupt> {
    const FEED: usize = notification::NEWS_WIDTH;
    let feed = Feed {
        head: Head { newest: row.number(FEED)?, horizon: row.number(FEED + 1)? },
        read_up_to: row.number(FEED + 2)?,
        read_mark: row.number(FEED + 3)?,
        read_mark_at: row.optional_time(FEED + 4)?,
    };
    let is_there = row.optional_blob(0)?.is_some();
    let news = is_there.then(|| notification::news(row)).transpose()?;
    Ok((feed, news.map(Arc::new)))
}

fn page_of(found: Vec<FeedAndRow>, read: Read, limit: usize) -> Page {
    let mut feed = None;
    let mut all = Vec::with_capacity(found.len());
    for (its_feed, news) in found {
        feed = Some(its_feed);
        all.extend(news);
    }
    let Some(feed) = feed else {
        return Page { rows: vec![], head: Head::default(), more: false };
    };
    // Not every dialect's statement promises an order of the whole.
    all.sort_unstable_by_key(|news| news.changed);
    let more = all.len() > limit;
    if more {
        let odd = if matches!(read, Read::Newest { .. }) { 0 } else { limit };
        all.remove(odd);
    }
    let rows = all.into_iter().map(InboxRow::Notification).collect();
    let mut page = Page { rows, head: feed.head, more };
    insert_mark(&mut page, &feed, read);
    page
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
