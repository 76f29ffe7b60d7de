//! The notifications of a round: one statement numbers them all, one writes them all.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use landfall_core::change::FeedChange;
use landfall_core::feed::{FeedKey, FeedKind, Number};
use landfall_core::notification::{InboxChange, NewNotification, Notification};

use super::apply::Member;
use super::columns::{Kind, columns, params};
use super::rounds;
use crate::postgres::runner::PostgresRunner;
use crate::sql::feeds::feed_base;
use crate::sql::{Row, Value, inbox_write};
use crate::{Answer, Change, Outcome, StoreError, Write};

/// Numbers and writes what the units publish.
pub(super) async fn publish(
    runner: &mut PostgresRunner<'_>,
    members: &mut [Member<'_>],
    changes: &mut Vec<Change>,
) -> Answer<()> {
    let mut counters = advance(runner, members).await?;
    if counters.is_empty() {
        return Ok(());
    }
    let first = changes.len();
    let mut feeds = Vec::new();
    for member in members.iter_mut().filter(|member| publishes(member)) {
        let tenant = &member.unit.tenant;
        for (write, outcome) in member.unit.writes.iter().zip(&mut member.outcomes) {
            let Write::Publish(new) = write else { continue };
            let counter = counters.get_mut(&(tenant.as_str(), new.user.as_str()));
            let (feed, number) = counter.ok_or_else(uncounted)?;
            feeds.push((tenant, *feed));
            *outcome = Outcome::Numbered(*number);
            let published = Arc::new(NewNotification::clone(new).numbered(*number));
            let key = Arc::new(FeedKey::inbox(tenant, &new.user));
            let change = InboxChange::Published(published);
            let change = FeedChange::Inbox { number: *number, change };
            changes.push(Change { feed: key, change });
            *number = number.next();
        }
    }
    let published = changes[first..].iter().map(published);
    let rows = published
        .zip(&feeds)
        .filter_map(|(new, (tenant, feed))| new.map(|new| inbox_write::values(tenant, *feed, new)));
    insert(runner, &rows.collect::<Vec<_>>()).await
}

fn publishes(member: &Member<'_>) -> bool {
    member.is_in() && member.kind == rounds::Kind::Publishes
}

fn published(change: &Change) -> Option<&Notification> {
    match &change.change {
        FeedChange::Inbox { change: InboxChange::Published(notification), .. } => {
            Some(notification)
        }
        _ => None,
    }
}

fn uncounted() -> StoreError {
    StoreError::Internal("a counter was not given back".into())
}

/// A feed's id, and the next number that is free on it.
type Counters<'u> = HashMap<(&'u str, &'u str), (i64, Number)>;

/// How many notifications go to an inbox, by tenant and user.
type Counts<'u> = Vec<((&'u str, &'u str), u64)>;

fn count<'u>(members: &[Member<'u>]) -> Counts<'u> {
    let mut counts: BTreeMap<(&'u str, &'u str), u64> = BTreeMap::new();
    for member in members.iter().filter(|member| publishes(member)) {
        for write in &member.unit.writes {
            if let Write::Publish(new) = write {
                *counts.entry((member.unit.tenant.as_str(), new.user.as_str())).or_default() += 1;
            }
        }
    }
    counts.into_iter().collect()
}

/// Moves the counters of every inbox that is published to, in the order in which every node does;
/// they are held until the commit.
async fn advance<'u>(
    runner: &mut PostgresRunner<'_>,
    members: &[Member<'u>],
) -> Answer<Counters<'u>> {
    let counts = count(members);
    if counts.is_empty() {
        return Ok(Counters::new());
    }
    let sql = concat!(
        "insert into feed (tenant, kind, owner, newest, horizon, unread)
         select tenant, $1::text, owner, ",
        feed_base!(),
        " + many, ",
        feed_base!(),
        ", many
         from unnest($2::text[], $3::text[], $4::bigint[]) as n (tenant, owner, many)
         order by tenant collate \"C\", owner collate \"C\"
         on conflict (tenant, kind, owner) do update
             set newest = feed.newest + excluded.unread,
                 unread = feed.unread + excluded.unread
         returning tenant, owner, id, newest"
    );
    let tenants: Vec<&str> = counts.iter().map(|((tenant, _), _)| *tenant).collect();
    let owners: Vec<&str> = counts.iter().map(|((_, owner), _)| *owner).collect();
    let many: Vec<i64> = counts.iter().map(|(_, count)| *count as i64).collect();
    let kind = FeedKind::Inbox.as_str();
    let rows = runner.rows(sql, &[&kind, &tenants, &owners, &many]).await?;
    let mut counters = Counters::with_capacity(rows.len());
    for row in &rows {
        let row: &dyn Row = row;
        let given = (row.text(0)?, row.text(1)?);
        let place = counts.binary_search_by(|(name, _)| name.cmp(&given));
        let (name, count) = counts[place.map_err(|_| uncounted())?];
        let first = Number(row.count(3)?.saturating_sub(count)).next();
        counters.insert(name, (row.int(2)?, first));
    }
    Ok(counters)
}

async fn insert(runner: &mut PostgresRunner<'_>, rows: &[[Value<'_>; 20]]) -> Answer<()> {
    use Kind::{Blob, Int, Text};
    let sql = "insert into notification (
                   feed_id, born, changed, tenant, id, type, template_id, title, message, data,
                   priority, locale, sender_id, sender_name, image, actions, link, created_at,
                   expires_at, channels, send_id)
               select feed_id, born, born, tenant, id, type, template_id, title, message, data,
                   priority, locale, sender_id, sender_name, image, actions, link, created_at,
                   expires_at, channels, send_id
               from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[], $5::text[],
                   $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[],
                   $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
                   $17::bigint[], $18::bigint[], $19::text[], $20::bytea[])
                   as n (feed_id, born, tenant, id, type, template_id, title, message, data,
                   priority, locale, sender_id, sender_name, image, actions, link, created_at,
                   expires_at, channels, send_id)";
    let kinds = [
        Int, Int, Text, Blob, Text, Text, Text, Text, Text, Int, Text, Text, Text, Text, Text,
        Text, Int, Int, Text, Blob,
    ];
    runner.change_ahead(sql, &params(&columns(kinds, rows))).await?;
    Ok(())
}
