//! Ingest: how many notifications a second Landfall stores and answers over HTTP, against raw SQLite on the same disk,
//! or the same PostgreSQL, with the same rows: the inbox's counter, the notification, the trail's counter and entry.

use std::path::PathBuf;

use anyhow::ensure;
use landfall_store::sqlite::SCHEMA;
use serde::Serialize;

use super::Report;
use super::database::Database;
use super::floor_ingest::{self, Load, Rate};
use super::floor_postgres;
use super::http::{Answer, Endpoint};
use super::http_load::{self, Outcome, Work};
use super::landfall::{Landfall, Scratch};
use super::pairs::Pairs;
use super::rows::Order;
use super::stats::{self, Random};

/// What `landfall bench ingest` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Keep-alive connections, each with one request under way.
    #[arg(long, default_value_t = 64)]
    pub clients: usize,
    /// Users whose inboxes are written to, at random.
    #[arg(long, default_value_t = 10_000)]
    pub users: u64,
    /// Seconds of each run.
    #[arg(long, default_value_t = 8)]
    pub seconds: u64,
    /// How often floor and server are measured in turn.
    #[arg(long, default_value_t = 7)]
    pub pairs: usize,
    /// Notifications in each request, through the batch call; 0 posts them one by one.
    #[arg(long, default_value_t = 0)]
    pub batch: usize,
    /// Rows that the floor stores in one transaction.
    #[arg(long, default_value_t = 64)]
    pub group: usize,
    /// A folder on the disk to be measured; not one in memory.
    #[arg(long, default_value = "target/bench")]
    pub dir: PathBuf,
    /// The URL of a PostgreSQL server; each run makes a database of its own on it and drops it. Without, SQLite.
    #[arg(long)]
    pub store: Option<String>,
}

/// What the store writes for a notification, without finding anything out first.
pub const SAME_ROWS: [&str; 4] = [
    "insert into feed (id, tenant, kind, owner, newest, unread)
     values (:feed + 1, 'default', 'inbox', 'u' || :feed, 1, 1)
     on conflict (id) do update set newest = newest + 1, unread = unread + 1",
    "insert into notification (feed_id, born, changed, tenant, id, type, title, message, data,
         priority, sender_id, created_at, channels)
     values (:feed + 1, :born, :born, 'default', :id, 'quiz_reminder', 'Quiz at ten', :body, '{}',
         1, 'bench', :now, 'websocket=queued:by default')",
    "insert into audit_chain (tenant, newest) values ('default', 1)
     on conflict (tenant) do update set newest = newest + 1",
    "insert into audit_entry (tenant, number, at, action, entity_type, entity_id, digest, salt,
         actor, target, metadata)
     values ('default', :n + 1, :now, 'notification_created', 'notification', hex(:id),
         zeroblob(32), zeroblob(16), 'bench', 'u' || :feed, :body)",
];

/// One run of the server.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    clients: usize,
    batch: usize,
    rows: u64,
    refused: u64,
    rows_per_s: f64,
    cpu_us_per_row: f64,
    /// CPU of the database's processes, where it has any of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    database_us_per_row: Option<f64>,
    p50_ms: f64,
    p99_ms: f64,
}

/// One run of the floor.
#[derive(Debug, Serialize)]
struct FloorRun {
    bench: &'static str,
    side: &'static str,
    pair: usize,
    #[serde(flatten)]
    rate: Rate,
    #[serde(skip_serializing_if = "Option::is_none")]
    database_us_per_row: Option<f64>,
}

/// Measures floor and server in turn and prints the ratios.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let landfall = |pair| measure(options, pair);
    let floor = |pair, _: &Run| {
        let (rate, database_us_per_row) = floor(options)?;
        Ok(FloorRun { bench: "ingest", side: "floor", pair, rate, database_us_per_row })
    };
    let pairs = Pairs::measure(options.pairs, report, landfall, floor)?;
    report.line(format_args!(
        "ingest{}{} by {} clients: {} of the floor's rows a second ({:.0}, floor {:.0} with {} a commit); \
         {:.1} CPU µs a row, floor {:.1}{}; answers p50 {:.1} ms, p99 {:.1} ms, floor's commits p99 {:.1} ms; {}",
        if options.store.is_some() { " on PostgreSQL" } else { "" },
        if options.batch > 0 { format!(" in batches of {}", options.batch) } else { String::new() },
        options.clients,
        pairs.over(|server, floor| server.rows_per_s / floor.rate.rows_per_s),
        pairs.over(|server, _| server.rows_per_s).median,
        pairs.over(|_, floor| floor.rate.rows_per_s).median,
        options.group,
        pairs.over(|server, _| server.cpu_us_per_row).median,
        pairs.over(|_, floor| floor.rate.cpu_us_per_row).median,
        of_the_database(&pairs),
        pairs.over(|server, _| server.p50_ms).median,
        pairs.over(|server, _| server.p99_ms).median,
        pairs.over(|_, floor| floor.rate.commit_p99_ms).median,
        pairs.told(),
    ))?;
    Ok(())
}

/// What the database's own processes used, where that could be seen.
fn of_the_database(pairs: &Pairs<Run, FloorRun>) -> String {
    let server = pairs.over(|server, _| server.database_us_per_row.unwrap_or(f64::NAN)).median;
    let floor = pairs.over(|_, floor| floor.database_us_per_row.unwrap_or(f64::NAN)).median;
    if server.is_nan() || floor.is_nan() {
        return String::new();
    }
    format!(" (and PostgreSQL {server:.1}, floor {floor:.1})")
}

fn floor(options: &Options) -> anyhow::Result<(Rate, Option<f64>)> {
    let load = Load { group: options.group, seconds: options.seconds, order: Order::Random };
    if let Some(url) = &options.store {
        return floor_postgres::run(&Database::create(url)?, load);
    }
    let scratch = Scratch::create(&options.dir)?;
    let rate = floor_ingest::run(scratch.path(), SCHEMA, &SAME_ROWS, load)?;
    Ok((rate, None))
}

fn measure(options: &Options, pair: usize) -> anyhow::Result<Run> {
    let database = options.store.as_deref().map(Database::create).transpose()?;
    let landfall = match &database {
        Some(database) => Landfall::start_on(database.url(), &options.dir)?,
        None => Landfall::start(&options.dir)?,
    };
    let mut notifications = Notifications::new(options, landfall.token("bench", "service")?);
    let cpu = landfall.subject.cpu_us()?;
    let addr = landfall.subject.addr();
    let outcome = http_load::run(addr, options.clients, options.seconds, &mut notifications)?;
    let cpu = landfall.subject.cpu_us()? - cpu;
    let theirs = database.as_ref().map(Database::cpu_us).transpose()?.flatten();
    let Outcome { rows, refused, refusal, mut latencies_us, took } = outcome;
    ensure!(rows > 0, "nothing was stored; the first refusal: {}", refusal.unwrap_or_default());
    Ok(Run {
        bench: "ingest",
        side: "landfall",
        pair,
        clients: options.clients,
        batch: options.batch,
        rows,
        refused,
        rows_per_s: rows as f64 / took.as_secs_f64(),
        cpu_us_per_row: cpu as f64 / rows as f64,
        database_us_per_row: theirs.map(|used| used as f64 / rows as f64),
        p50_ms: stats::percentile_ms(&mut latencies_us, 0.5),
        p99_ms: stats::percentile_ms(&mut latencies_us, 0.99),
    })
}

/// Distinct notifications to random users.
struct Notifications {
    endpoint: Endpoint,
    batch: usize,
    users: u64,
    random: Random,
    count: u64,
}

impl Notifications {
    fn new(options: &Options, token: String) -> Self {
        let endpoint = if options.batch > 0 {
            Endpoint {
                path: "/api/v1/notify/batch".into(),
                content_type: "application/x-ndjson",
                token,
            }
        } else {
            Endpoint { path: "/notify".into(), content_type: "application/json", token }
        };
        Self {
            endpoint,
            batch: options.batch,
            users: options.users.max(1),
            random: Random::new(3),
            count: 0,
        }
    }

    fn notification(&mut self) -> String {
        self.count += 1;
        let (user, count) = (self.random.below(self.users), self.count);
        format!(
            r#"{{"user_id":"u{user}","title":"Quiz at ten","message":"Notification {count}: the quiz on fractions moves to room 4 at ten; bring a pencil, a ruler and your notes from last week.","notification_type":"quiz_reminder"}}"#
        )
    }
}

impl Work for Notifications {
    fn request(&mut self, _: usize) -> Vec<u8> {
        if self.batch == 0 {
            let body = self.notification();
            return self.endpoint.post(&body);
        }
        let lines: String = (0..self.batch).map(|_| self.notification() + "\n").collect();
        self.endpoint.post(&lines)
    }

    fn stored(&self, answer: &Answer) -> u64 {
        if self.batch == 0 {
            return 1;
        }
        answer.body.split(|byte| *byte == b'\n').filter(|line| is_stored(line)).count() as u64
    }
}

/// A result line that names the notification was stored; one that was refused has a problem in its place.
fn is_stored(line: &[u8]) -> bool {
    let line = serde_json::from_slice::<serde_json::Value>(line);
    line.is_ok_and(|line| {
        line.get("notification_id").or_else(|| line.get("id")).is_some_and(|id| id.is_string())
    })
}
