//! What waits for its time: what a million of it cost an idle server, how soon all members of many classes are reminded
//! of what begins at the same time, and what is due for one person meanwhile. Lateness is what the store says: from when
//! something was due until its notification was made.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use landfall_core::time::Timestamp;
use landfall_store::{DueAsk, Schedules as _, Sends as _, Track};
use rusqlite::Connection;
use serde::Serialize;

use super::Report;
use super::filled;
use super::http::{Client, Endpoint};
use super::landfall::{Landfall, Scratch};
use super::outbox::pause;
use super::report::progress;
use super::stats;
use super::topics::make_class;
use crate::clock;

/// Lines of one batch.
const BATCH: usize = 20_000;
/// How long an idle server is looked at, in which it looks for what is due so often.
const IDLE: Duration = Duration::from_secs(20);
const TICKS: u64 = 20 * 5;
/// From when everything is scheduled until it is due.
const AHEAD_MS: i64 = 20_000;
/// What is due for one person, a second each, begins so long before.
const BEFORE_MS: i64 = 5_000;
const REMINDER_MS: i64 = 15 * 60_000;
/// How long reminders are waited for.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often it is timed what a look for what is due costs.
const LOOKS: usize = 1_000;

/// What `landfall bench timers` takes.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Notifications that wait for a time that does not come.
    #[arg(long, default_value_t = 1_000_000)]
    pending: usize,
    /// Classes that have something at the same time.
    #[arg(long, default_value_t = 100)]
    classes: usize,
    /// Members of each; no two classes share one.
    #[arg(long, default_value_t = 1_000)]
    members: usize,
    /// Notifications to one person, one a second, that are due meanwhile.
    #[arg(long, default_value_t = 40)]
    ordinary: u32,
    /// Members of the class for which something weekly is scheduled.
    #[arg(long, default_value_t = 10_000)]
    weekly_members: usize,
    /// How often.
    #[arg(long, default_value_t = 50)]
    weekly: u32,
    /// A folder for the server's data.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
}

/// What an idle server uses.
#[derive(Debug, Serialize)]
struct Idle {
    pending: usize,
    cpu_us_per_tick: f64,
    anonymous_mib: f64,
}

/// All that is measured.
#[derive(Debug, Serialize)]
struct Run {
    bench: &'static str,
    empty: Idle,
    full: Idle,
    look_p50_us: u32,
    look_p99_us: u32,
    weekly_p50_ms: f64,
    weekly_max_ms: f64,
    reminders: u64,
    first_after_ms: i64,
    last_after_ms: i64,
    ordinary: usize,
    ordinary_p50_ms: f64,
    ordinary_p99_ms: f64,
}

struct Bench<'a> {
    landfall: Landfall,
    options: &'a Options,
}

/// Measures and prints; fails when a reminder did not come.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let folder = Scratch::create(&options.dir)?;
    let file = folder.path().join("landfall.db");
    fs::File::create(&file)?;
    let start = || Landfall::start_on_file(&file, &options.dir);
    let bench = Bench { landfall: start()?, options };
    let empty = bench.idle(0)?;
    bench.fill()?;
    drop(bench);
    let mut looks = looks(&file)?;
    // Again, so that nothing is left of having been given them.
    let bench = Bench { landfall: start()?, options };
    let full = bench.idle(options.pending)?;
    let mut weekly = bench.weekly()?;
    let due = bench.schedule()?;
    let (reminders, [first, last]) = bench.reminded(due)?;
    let mut ordinary = bench.lateness_us()?;
    let run = Run {
        bench: "timers",
        empty,
        full,
        look_p50_us: stats::percentile(&mut looks, 0.5),
        look_p99_us: stats::percentile(&mut looks, 0.99),
        weekly_p50_ms: stats::percentile_ms(&mut weekly, 0.5),
        weekly_max_ms: stats::percentile_ms(&mut weekly, 1.0),
        reminders,
        first_after_ms: first - due.as_ms(),
        last_after_ms: last - due.as_ms(),
        ordinary: ordinary.len(),
        ordinary_p50_ms: stats::percentile_ms(&mut ordinary, 0.5),
        ordinary_p99_ms: stats::percentile_ms(&mut ordinary, 0.99),
    };
    report.result(&run)?;
    report.line(format_args!("{}", told(options, &run)))?;
    Ok(())
}

/// Gives how long each look for all that is due took, in microseconds: what the workers ask the store five times a
/// second, called in this process.
fn looks(file: &Path) -> anyhow::Result<Vec<u32>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let store = filled::open(file)?;
    let look = async || {
        let now = now();
        let begun = Instant::now();
        let mut found = store.start_sends(now, 1_000).await?;
        found += store.due_digests(now, 256).await?.len();
        for track in [Track::Reminders, Track::Starts, Track::Ends] {
            let after = now.plus_ms(-5_000);
            let ask = DueAsk { track, after, by: now, behind: None, limit: 500 };
            found += store.due_moments(ask).await?.len();
        }
        found += store.new_occurrences(500).await?.len();
        ensure!(found == 0, "{found} were due");
        Ok(u32::try_from(begun.elapsed().as_micros())?)
    };
    runtime.block_on(async {
        let mut times = Vec::with_capacity(LOOKS);
        for _ in 0..LOOKS {
            times.push(look().await?);
        }
        Ok(times)
    })
}

fn told(options: &Options, run: &Run) -> String {
    let Run { empty, full, .. } = run;
    format!(
        "timers: with {} notifications that wait a look for all that is due, where nothing is, takes p50 {} µs, p99 {} µs; an idle server uses {:.0} µs of CPU each fifth of a second and {:.0} MiB, \
         without any {:.0} µs and {:.0} MiB; scheduling something weekly for {} members is answered after p50 {:.1} ms, at most \
         {:.1} ms; of {} reminders due in the same second the first was made after {} ms, the last after {} ms; {} \
         notifications to one person, one a second meanwhile: p50 {:.0} ms late, p99 {:.0} ms",
        full.pending,
        run.look_p50_us,
        run.look_p99_us,
        full.cpu_us_per_tick,
        full.anonymous_mib,
        empty.cpu_us_per_tick,
        empty.anonymous_mib,
        options.weekly_members,
        run.weekly_p50_ms,
        run.weekly_max_ms,
        run.reminders,
        run.first_after_ms,
        run.last_after_ms,
        run.ordinary,
        run.ordinary_p50_ms,
        run.ordinary_p99_ms,
    )
}

impl Bench<'_> {
    fn endpoint(&self, path: &'static str) -> anyhow::Result<Endpoint> {
        let token = self.landfall.token("bench", "admin")?;
        Ok(Endpoint { path: path.into(), content_type: "application/json", token })
    }

    fn client(&self) -> anyhow::Result<Client> {
        Client::connect(self.landfall.subject.addr())
    }

    fn idle(&self, pending: usize) -> anyhow::Result<Idle> {
        let subject = &self.landfall.subject;
        subject.wait_until_quiet()?;
        let before = subject.cpu_us()?;
        pause(IDLE);
        Ok(Idle {
            pending,
            cpu_us_per_tick: (subject.cpu_us()? - before) as f64 / TICKS as f64,
            anonymous_mib: subject.anonymous_kib()? as f64 / 1024.0,
        })
    }

    /// Has a million notifications wait for a day in the next year.
    fn fill(&self) -> anyhow::Result<()> {
        let at = now().plus_ms(300 * 24 * 3_600_000);
        let path = "/api/v1/notify/batch";
        let batch = Endpoint { content_type: "application/x-ndjson", ..self.endpoint(path)? };
        let mut client = self.client()?;
        for first in (0..self.options.pending).step_by(BATCH) {
            let last = self.options.pending.min(first + BATCH);
            let line = |user| to_one(user, "waits", at.plus_ms(user as i64));
            let lines: Vec<String> = (first..last).map(line).collect();
            let answer = client.send(&batch.post(&lines.join("\n")))?;
            let stored =
                answer.body.windows(13).filter(|bytes| bytes == b"\"status\":202,").count();
            ensure!(stored == lines.len(), "{stored} of {} were stored", lines.len());
            progress(format_args!("{last} wait"));
        }
        Ok(())
    }

    /// Gives how long it took each time to schedule something weekly for a large class.
    fn weekly(&self) -> anyhow::Result<Vec<u32>> {
        make_class(&self.landfall, "weekly", 0..self.options.weekly_members)?;
        let events = self.endpoint("/api/v1/notifications/events")?;
        let mut client = self.client()?;
        let start = now().plus_ms(24 * 3_600_000);
        let body = format!(
            r#"{{"class_id":"weekly","title":"Algebra","scheduled_at":"{start}","rrule":"FREQ=WEEKLY","tz":"Europe/Madrid"}}"#
        );
        let mut took = Vec::new();
        for _ in 0..self.options.weekly {
            let begun = Instant::now();
            let answer = client.send(&events.post(&body))?;
            took.push(u32::try_from(begun.elapsed().as_micros())?);
            let said = String::from_utf8_lossy(&answer.body);
            ensure!(answer.is_success(), "nothing weekly was scheduled: {said}");
        }
        Ok(took)
    }

    /// Schedules something for each class, and one notification a second for one person; gives when reminders are due.
    fn schedule(&self) -> anyhow::Result<Timestamp> {
        let Options { classes, members, ordinary, .. } = *self.options;
        for class in 0..classes {
            make_class(
                &self.landfall,
                &format!("c{class}"),
                class * members..(class + 1) * members,
            )?;
        }
        self.landfall.subject.wait_until_quiet()?;
        // What is scheduled begins at a whole second.
        let due = Timestamp::from_ms((now().as_ms() / 1_000 + 1) * 1_000 + AHEAD_MS);
        let (events, notify) =
            (self.endpoint("/api/v1/notifications/events")?, self.endpoint("/api/v1/notify")?);
        let mut client = self.client()?;
        for class in 0..classes {
            let start = due.plus_ms(REMINDER_MS);
            let event =
                format!(r#"{{"class_id":"c{class}","title":"Test","scheduled_at":"{start}"}}"#);
            let answer = client.send(&events.post(&event))?;
            ensure!(answer.is_success(), "{}", String::from_utf8_lossy(&answer.body));
        }
        for second in 0..i64::from(ordinary) {
            let at = due.plus_ms(second * 1_000 - BEFORE_MS);
            let answer = client.send(&notify.post(&to_one(usize::MAX, "ordinary", at)))?;
            ensure!(answer.is_success(), "{}", String::from_utf8_lossy(&answer.body));
        }
        ensure!(now() < due.plus_ms(-BEFORE_MS), "scheduling took longer than there was time");
        Ok(due)
    }

    /// Waits until all are reminded; gives how many that were, and when the first and the last.
    fn reminded(&self, due: Timestamp) -> anyhow::Result<(u64, [i64; 2])> {
        let expected = (self.options.classes * self.options.members) as u64;
        let after_all = due.plus_ms(i64::from(self.options.ordinary) * 1_000 - BEFORE_MS + 2_000);
        let connection = Connection::open(self.landfall.file())?;
        connection.busy_timeout(Duration::from_secs(10))?;
        let begun = Instant::now();
        loop {
            pause(Duration::from_secs(2));
            let sql = "select count(*), coalesce(min(created_at), 0), coalesce(max(created_at), 0)
                       from notification where type = 'event_reminder'";
            let (count, first, last): (u64, i64, i64) =
                connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            progress(format_args!("{count} reminded"));
            if count >= expected && now() > after_all {
                ensure!(count == expected, "{count} were reminded, of {expected}");
                return Ok((count, [first, last]));
            }
            ensure!(begun.elapsed() < PATIENCE, "{count} were reminded in time, of {expected}");
        }
    }

    /// Gives how late each notification to one person was made, in microseconds.
    fn lateness_us(&self) -> anyhow::Result<Vec<u32>> {
        let connection = Connection::open(self.landfall.file())?;
        let sql =
            "select created_at - cast(title as integer) from notification where type = 'ordinary'";
        let late: Vec<i64> =
            connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        ensure!(late.len() == self.options.ordinary as usize, "only {} came", late.len());
        late.into_iter().map(|ms| u32::try_from(ms * 1_000).context("one came too early")).collect()
    }
}

fn now() -> Timestamp {
    Timestamp::from_ms(clock::now_ms())
}

/// A notification whose title says in milliseconds when it is due.
fn to_one(user: usize, kind: &str, at: Timestamp) -> String {
    let title = at.as_ms();
    format!(
        r#"{{"user_id":"w{user}","notification_type":"{kind}","title":"{title}","message":"m","deliver_at":"{at}"}}"#
    )
}
