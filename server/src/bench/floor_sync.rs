//! The floor of sync on PostgreSQL: one connection that stores groups of operations, each group four statements over arrays,
//! the feed's counter and a commit, sent together. It does no more than PostgreSQL must.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures_util::future::try_join_all;
use landfall_store::postgres::SCHEMA;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::database::Database;
use super::floor_ingest::{Load, Rate};
use super::rows::Rows;
use super::sync_rows::{OUTCOME, STAMPS};
use super::{process, stats};

/// What the store writes for operations, without finding anything out first.
const SAME_ROWS: [&str; 4] = [
    "insert into entity (feed_id, kind, id, tenant, version, revision, changed, data, stamps, deleted, device,
         created_at, updated_at)
     select 1, 'notes', id, 'default', version, version, number, body, $7, 0, device, now, now
     from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[])
         as n (id, version, number, body, device, now)
     on conflict (feed_id, kind, id) do update set version = excluded.version, revision = excluded.revision,
         changed = excluded.changed, data = excluded.data, stamps = excluded.stamps, device = excluded.device,
         updated_at = excluded.updated_at",
    "insert into entity_version (feed_id, kind, id, version, data, deleted, at, changed)
     select 1, 'notes', id, version, body, 0, now, number
     from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[])
         as n (id, version, number, body, now)",
    "insert into operation (tenant, user_id, id, digest, outcome, at)
     select 'default', 'u' || device, operation, decode(repeat('00', 32), 'hex'), $4, now
     from unnest($1::text[], $2::text[], $3::bigint[]) as n (operation, device, now)",
    "insert into branch (feed_id, kind, id, device, operation, client_version, base_version, fields, changed, at)
     select 1, 'notes', id, device, operation, 1, 1, body, number, now
     from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
         as n (id, device, operation, body, number, now)
     on conflict (feed_id, kind, id, device) do update set operation = excluded.operation,
         base_version = excluded.base_version, fields = excluded.fields, changed = excluded.changed, at = excluded.at",
];
const COUNTER: &str =
    "insert into feed (id, tenant, kind, owner, newest) values (1, 'default', 'topic', 'class', $1)
     on conflict (id) do update set newest = feed.newest + excluded.newest";

/// Stores rows in an empty database as `load` says.
pub fn run(database: &Database, load: Load) -> anyhow::Result<Rate> {
    let (runtime, client) = database.connect()?;
    let prepared = runtime.block_on(async {
        client.batch_execute(SCHEMA).await?;
        client.batch_execute("set synchronous_commit = on").await?;
        let mut prepared = Vec::new();
        for sql in SAME_ROWS.into_iter().chain([COUNTER]) {
            prepared.push(client.prepare(sql).await?);
        }
        Ok::<_, tokio_postgres::Error>(prepared)
    });
    let prepared = prepared.context("the floor's schema")?;
    let mut rows = Rows::new(1);
    let (started, cpu) = (Instant::now(), process::cpu_us(std::process::id())?);
    let (mut stored, mut commits) = (0u64, Vec::new());
    while started.elapsed() < Duration::from_secs(load.seconds) {
        let begun = Instant::now();
        let group = Group::of(&mut rows, load);
        runtime.block_on(group.store(&client, &prepared))?;
        stored += load.group as u64;
        commits.push(begun.elapsed().as_micros() as u32);
    }
    let cpu = process::cpu_us(std::process::id())? - cpu;
    Ok(Rate {
        group: load.group,
        rows: stored,
        rows_per_s: stored as f64 / started.elapsed().as_secs_f64(),
        cpu_us_per_row: cpu as f64 / stored as f64,
        commit_p50_ms: stats::percentile_ms(&mut commits, 0.5),
        commit_p99_ms: stats::percentile_ms(&mut commits, 0.99),
    })
}

/// The rows of one commit, as columns: half of them make an entity, half change one that the group before it made.
#[derive(Default)]
struct Group {
    ids: Vec<String>,
    versions: Vec<i64>,
    numbers: Vec<i64>,
    bodies: Vec<String>,
    devices: Vec<String>,
    operations: Vec<String>,
    times: Vec<i64>,
}

impl Group {
    fn of(rows: &mut Rows, load: Load) -> Self {
        let (mut group, half) = (Self::default(), (load.group as i64 / 2).max(1));
        for _ in 0..load.group {
            let row = rows.next(load.order);
            let place = row.total - 1;
            let (round, within) = (place / half, place % half);
            // Made in one half, changed in the next but one, so that no group names an entity twice.
            let entity = (round / 4 * 2 + round % 2) * half + within;
            group.ids.push(format!("{:02}-{entity:012}", within % 16));
            group.versions.push(1 + round / 2 % 2);
            group.numbers.push(row.total);
            group.bodies.push(row.body.to_owned());
            group.devices.push((within % 16).to_string());
            group.operations.push(uuid::Uuid::from_bytes(row.id).simple().to_string());
            group.times.push(row.now);
        }
        group
    }

    async fn store(&self, client: &Client, prepared: &[Statement]) -> anyhow::Result<()> {
        let Self { ids, versions, numbers, bodies, devices, operations, times } = self;
        let count = ids.len() as i64;
        let values: [&[&(dyn ToSql + Sync)]; 5] = [
            &[ids, versions, numbers, bodies, devices, times, &STAMPS],
            &[ids, versions, numbers, bodies, times],
            &[operations, devices, times, &OUTCOME],
            &[ids, devices, operations, bodies, numbers, times],
            &[&count],
        ];
        // Sent in this order, each as it is first polled; the first that fails ends the measurement.
        let begun = client.batch_execute("begin");
        let stored = prepared
            .iter()
            .zip(values)
            .map(|(statement, values)| client.execute(statement, values));
        let (begun, stored, ended) =
            futures_util::join!(begun, try_join_all(stored), client.batch_execute("commit"));
        begun?;
        stored?;
        ended?;
        Ok(())
    }
}
