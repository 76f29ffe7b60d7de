//! Push: how many operations a second devices bring over HTTP, each one of its user's own, against raw SQLite with the rows
//! that operations leave: the entity, what it was, the operation, the device's branch.
//!
//! What Landfall keeps once a batch (the feed's counter, the device, its session) the floor does not.

use std::path::PathBuf;

use anyhow::ensure;
use landfall_core::time::Timestamp;
use landfall_protocol::text::Time;
use landfall_store::sqlite::SCHEMA;
use uuid::Uuid;

use super::Report;
use super::floor_ingest::{self, Load};
use super::http::{Answer, Endpoint};
use super::http_load::{self, Outcome, Work};
use super::landfall::{Landfall, Scratch};
use super::operations::{self, Floor, Run};
use super::pairs::Pairs;
use super::rows::{Order, Rows};
use crate::clock;

const BENCH: &str = "push";

/// What `landfall bench push` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Devices, each of a user of its own, with a connection that stays and one batch under way.
    #[arg(long, default_value_t = 64)]
    devices: usize,
    /// Operations in each batch; half of them make an entity, half change one that the batch before made.
    #[arg(long, default_value_t = 10)]
    batch: usize,
    /// Operations that the floor stores in one transaction: as many as Landfall's can become.
    #[arg(long, default_value_t = 640)]
    group: usize,
    /// Seconds of each run.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often Landfall and floor are measured in turn.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
    /// A folder on the disk to be measured; not one in memory.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// What the store writes for an operation, without finding anything out first, and without what it writes once a batch.
/// 64 users take turns; every second operation of each makes an entity, the others change it.
pub const SAME_ROWS: [&str; 4] = [
    "insert into entity (feed_id, kind, id, tenant, version, revision, changed, data, stamps, deleted, device,
         created_at, updated_at)
     values (1 + :n % 64, 'notes', printf('%012d', :n / 128), 'default', 1 + :n / 64 % 2, 1 + :n / 64 % 2, 1 + :n / 64,
         :body, '{\"whole\":[1700000000000,0,\"device-01\"]}', 0, 'device-' || (:n % 64), :now, :now)
     on conflict (feed_id, kind, id) do update set version = excluded.version, revision = excluded.revision,
         changed = excluded.changed, data = excluded.data, stamps = excluded.stamps, device = excluded.device,
         updated_at = excluded.updated_at",
    "insert into entity_version (feed_id, kind, id, version, data, deleted, at, changed)
     values (1 + :n % 64, 'notes', printf('%012d', :n / 128), 1 + :n / 64 % 2, :body, 0, :now, 1 + :n / 64)",
    "insert into operation (tenant, user_id, id, digest, outcome, at)
     values ('default', 'u' || (:n % 64), lower(hex(:id)), randomblob(32),
         '{\"status\":\"applied\",\"why\":\"on its base\",\"version\":1}', :now)",
    "insert into branch (feed_id, kind, id, device, operation, client_version, base_version, fields, changed, at)
     values (1 + :n % 64, 'notes', printf('%012d', :n / 128), 'device-' || (:n % 64), lower(hex(:id)), 1, 1, :body,
         1 + :n / 64, :now)
     on conflict (feed_id, kind, id, device) do update set operation = excluded.operation,
         base_version = excluded.base_version, fields = excluded.fields, changed = excluded.changed, at = excluded.at",
];

/// Measures server and floor in turn and prints the ratios.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let floor = |pair, _: &Run| {
        let scratch = Scratch::create(&options.dir)?;
        let load = Load { group: options.group, seconds: options.seconds, order: Order::InTurn };
        let rate = floor_ingest::run(scratch.path(), SCHEMA, &SAME_ROWS, load)?;
        Ok(Floor::new((BENCH, pair), rate))
    };
    let pairs = Pairs::measure(options.pairs, report, |pair| measure(options, pair), floor)?;
    let (devices, batch) = (options.devices, options.batch);
    let what = format!("push by {devices} devices in batches of {batch}");
    operations::tell(report, &what, options.group, &pairs)
}

fn measure(options: &Options, pair: usize) -> anyhow::Result<Run> {
    let landfall = Landfall::start(&options.dir)?;
    let mut devices = Devices::of(options, &landfall)?;
    let cpu = landfall.subject.cpu_us()?;
    let addr = landfall.subject.addr();
    let outcome = http_load::run(addr, options.devices, options.seconds, &mut devices)?;
    let cpu = landfall.subject.cpu_us()? - cpu;
    let Outcome { rows, refusal, mut latencies_us, took, .. } = outcome;
    let refusal = refusal.unwrap_or_default();
    ensure!(rows > 0 && rows == devices.sent, "{rows} of {} applied; {refusal}", devices.sent);
    Ok(Run::new((BENCH, pair), rows, (took, cpu), &mut latencies_us))
}

/// Devices that push, by the number of their connection.
struct Devices {
    devices: Vec<Device>,
    rows: Rows,
    batch: usize,
    sent: u64,
}

struct Device {
    endpoint: Endpoint,
    /// Entities that it has made.
    made: u64,
    /// Of them, by the batch before.
    latest: u64,
}

impl Devices {
    fn of(options: &Options, landfall: &Landfall) -> anyhow::Result<Self> {
        let device = |number| {
            let token = landfall.token(&format!("u{number}"), "student")?;
            let (path, content_type) = ("/api/v1/sync/push".into(), "application/json");
            let endpoint = Endpoint { path, content_type, token };
            Ok(Device { endpoint, made: 0, latest: 0 })
        };
        let devices = (0..options.devices).map(device).collect::<anyhow::Result<_>>()?;
        Ok(Self { devices, rows: Rows::new(1), batch: options.batch, sent: 0 })
    }
}

impl Work for Devices {
    fn request(&mut self, client: usize) -> Vec<u8> {
        let device = &mut self.devices[client];
        let now = Time(Timestamp::from_ms(clock::now_ms()));
        let now = serde_json::to_string(&now).expect("a time writes to memory");
        let changed = device.latest.min(self.batch as u64 / 2);
        let first = device.made - device.latest;
        device.latest = self.batch as u64 - changed;
        let made = device.made..device.made + device.latest;
        device.made = made.end;
        let changes =
            (first..first + changed).map(|entity| (entity, "UPDATE", r#"2,"baseVersion":1"#));
        let operations = changes.chain(made.map(|entity| (entity, "CREATE", "1")));
        let operation = |(entity, verb, version)| {
            let row = self.rows.next(Order::InTurn);
            let (id, data) = (Uuid::from_bytes(row.id), row.body);
            format!(
                r#"{{"id":"{id}","entityType":"notes","entityId":"{entity:012}","operation":"{verb}","data":{data},"timestamp":{now},"clientVersion":{version}}}"#
            )
        };
        let operations: Vec<String> = operations.map(operation).collect();
        self.sent += operations.len() as u64;
        let body = operations.join(",");
        let body = format!(r#"{{"deviceId":"device-{client}","operations":[{body}]}}"#);
        device.endpoint.post(&body)
    }

    fn stored(&self, answer: &Answer) -> u64 {
        const APPLIED: &[u8] = br#""status":"applied""#;
        answer.body.windows(APPLIED.len()).filter(|part| *part == APPLIED).count() as u64
    }
}
