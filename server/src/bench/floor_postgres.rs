//! The floor of ingest on PostgreSQL: one connection that stores groups of rows, each group four statements over arrays
//! and a commit, sent together. It does no more than PostgreSQL must, so that what Landfall adds can be seen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::{try_join, try_join5};
use landfall_store::postgres::SCHEMA;
use tokio_postgres::{Client, Statement};

use super::database::Database;
use super::floor_ingest::{FEEDS, Load, Rate};
use super::rows::Rows;
use super::{process, stats};

/// What the store writes for notifications, without finding anything out first.
const SAME_ROWS: [&str; 4] = [
    "insert into feed (id, tenant, kind, owner, newest, unread)
     select feed + 1, 'default', 'inbox', 'u' || feed, many, many
     from unnest($1::bigint[], $2::bigint[]) as n (feed, many)
     on conflict (id) do update
         set newest = feed.newest + excluded.newest, unread = feed.unread + excluded.unread",
    "insert into notification (feed_id, born, changed, tenant, id, type, title, message, data,
         priority, sender_id, created_at, channels)
     select feed + 1, born, born, 'default', id, 'quiz_reminder', 'Quiz at ten', body, '{}',
         1, 'bench', now, 'websocket=queued:by default'
     from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::text[])
         as n (feed, born, id, now, body)",
    "insert into audit_chain (tenant, newest) values ('default', $1)
     on conflict (tenant) do update set newest = audit_chain.newest + excluded.newest",
    "insert into audit_entry (tenant, number, at, action, entity_type, entity_id, digest, salt,
         actor, target, metadata)
     select 'default', number, now, 'notification_created', 'notification', encode(id, 'hex'),
         decode(repeat('00', 32), 'hex'), decode(repeat('00', 16), 'hex'), 'bench', 'u' || feed, body
     from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::text[])
         as n (number, now, id, feed, body)",
];

/// Stores rows in an empty database as `load` says; tells what it cost here and, where that can be seen, CPU
/// microseconds a row of the database's process.
pub fn run(database: &Database, load: Load) -> anyhow::Result<(Rate, Option<f64>)> {
    let (runtime, client) = database.connect()?;
    let prepared = runtime.block_on(async {
        client.batch_execute(SCHEMA).await?;
        client.batch_execute("set synchronous_commit = on").await?;
        let [feed, row, chain, entry] = SAME_ROWS.map(|sql| client.prepare(sql));
        Ok::<_, tokio_postgres::Error>([feed.await?, row.await?, chain.await?, entry.await?])
    });
    let prepared = prepared.context("the floor's schema")?;
    let mut rows = Rows::new(FEEDS);
    let (started, cpu) = (Instant::now(), process::cpu_us(std::process::id())?);
    let theirs = database.cpu_us()?;
    let (mut stored, mut commits) = (0u64, Vec::new());
    while started.elapsed() < Duration::from_secs(load.seconds) {
        let begun = Instant::now();
        let group = Group::of(&mut rows, load);
        runtime.block_on(group.store(&client, &prepared))?;
        stored += load.group as u64;
        commits.push(begun.elapsed().as_micros() as u32);
    }
    let elapsed = started.elapsed();
    let cpu = process::cpu_us(std::process::id())? - cpu;
    let theirs = database.cpu_us()?.zip(theirs).map(|(after, before)| after - before);
    let rate = Rate {
        group: load.group,
        rows: stored,
        rows_per_s: stored as f64 / elapsed.as_secs_f64(),
        cpu_us_per_row: cpu as f64 / stored as f64,
        commit_p50_ms: stats::percentile_ms(&mut commits, 0.5),
        commit_p99_ms: stats::percentile_ms(&mut commits, 0.99),
    };
    Ok((rate, theirs.map(|used| used as f64 / stored as f64)))
}

/// The rows of one commit, as columns.
#[derive(Default)]
struct Group {
    feeds: Vec<i64>,
    numbers: Vec<i64>,
    ids: Vec<Vec<u8>>,
    times: Vec<i64>,
    totals: Vec<i64>,
    bodies: Vec<String>,
}

impl Group {
    fn of(rows: &mut Rows, load: Load) -> Self {
        let mut group = Self::default();
        for _ in 0..load.group {
            let row = rows.next(load.order);
            group.feeds.push(row.feed);
            group.numbers.push(row.number);
            group.ids.push(row.id.to_vec());
            group.times.push(row.now);
            group.totals.push(row.total);
            group.bodies.push(row.body.to_owned());
        }
        group
    }

    async fn store(&self, client: &Client, prepared: &[Statement; 4]) -> anyhow::Result<()> {
        let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
        self.feeds.iter().for_each(|feed| *counts.entry(*feed).or_default() += 1);
        let (feeds, many): (Vec<i64>, Vec<i64>) = counts.into_iter().unzip();
        let total = self.feeds.len() as i64;
        let Self { feeds: of, numbers, ids, times, totals, bodies } = self;
        let [feed, row, chain, entry] = prepared;
        // The first that fails ends the measurement, so that a commit of nothing never counts.
        try_join(
            try_join5(
                client.batch_execute("begin"),
                client.execute(feed, &[&feeds, &many]),
                client.execute(row, &[of, numbers, ids, times, bodies]),
                client.execute(chain, &[&total]),
                client.execute(entry, &[totals, times, ids, of, bodies]),
            ),
            client.batch_execute("commit"),
        )
        .await?;
        Ok(())
    }
}
