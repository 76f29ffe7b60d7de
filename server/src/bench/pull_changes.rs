//! What a pull of a few changes costs over HTTP out of a small and out of a huge store: devices of users at random that
//! have everything but the last changes.

use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::Report;
use super::filled::{self, Fill, Of};
use super::http::{Answer, Client};
use super::landfall::Landfall;
use super::pairs::Pairs;
use super::pull::{Options, endpoint};
use super::reads::{self, Run};
use super::stats::Random;

/// Entities of each user.
const PER_USER: u64 = 1_000;
/// What each pull brings.
const CHANGES: u64 = 10;
/// Users of either store whose devices ask: no more than the small one has, so that both are asked for as much.
const USERS: u64 = 10;
/// How often each device asks before it counts: every connection to the store maps the file for itself.
const WARMING: usize = 32;

/// Measures both stores in turn and prints the ratio.
pub fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let huge = Devices::of(options, options.many)?;
    let small = Devices::of(options, options.few)?;
    let pairs = Pairs::measure(
        options.pairs,
        report,
        |pair| huge.measure(options.reads, pair),
        |pair, _| small.measure(options.reads, pair),
    )?;
    let what = format!("pull of {CHANGES} changes by {USERS} devices");
    reads::tell(report, &what, (options.many, options.few), &pairs)
}

/// A server on a filled store, and what devices ask it.
struct Devices {
    landfall: Landfall,
    entities: u64,
    requests: Vec<Vec<u8>>,
}

impl Devices {
    /// Lets a device of each user pull everything but the last changes, and once those.
    fn of(options: &Options, entities: u64) -> anyhow::Result<Self> {
        let fill = Fill { of: Of::Entities, rows: entities, per_user: PER_USER };
        let landfall = Landfall::start_on_file(&filled::store(&options.keep, fill)?, &options.dir)?;
        let mut client = Client::connect(landfall.subject.addr())?;
        let (mut random, mut requests) = (Random::new(5), Vec::new());
        for _ in 0..USERS.min(fill.users()) {
            let user = format!("u{}", random.below(fill.users()));
            let endpoint = endpoint(landfall.token(&user, "student")?);
            let all = format!(r#"{{"limit":{}}}"#, PER_USER - CHANGES);
            let answer = pulled(&client.send(&endpoint.post(&all))?, PER_USER - CHANGES)?;
            let cursor = &answer["cursor"];
            let request = endpoint.post(&format!(r#"{{"cursor":{cursor}}}"#));
            for _ in 0..WARMING {
                pulled(&client.send(&request)?, CHANGES)?;
            }
            requests.push(request);
        }
        landfall.subject.wait_until_quiet()?;
        Ok(Self { landfall, entities, requests })
    }

    fn measure(&self, reads: usize, pair: usize) -> anyhow::Result<Run> {
        let subject = &self.landfall.subject;
        let mut client = Client::connect(subject.addr())?;
        let mut random = Random::new(7 + pair as u64);
        let (cpu, mut times) = (subject.cpu_us()?, Vec::with_capacity(reads));
        for _ in 0..reads {
            let request = &self.requests[random.below(self.requests.len() as u64) as usize];
            let begun = Instant::now();
            let answer = client.send(request)?;
            times.push(begun.elapsed().as_micros() as u32);
            pulled(&answer, CHANGES)?;
        }
        Ok(Run::new(("pull_changes", pair), self.entities, &mut times, subject.cpu_us()? - cpu))
    }
}

/// Reads an answer; fails unless it brings so many changes.
fn pulled(answer: &Answer, expected: u64) -> anyhow::Result<Value> {
    let value: Value = serde_json::from_slice(&answer.body).context("an answer that is no JSON")?;
    let changes = value["changes"].as_array().map_or(0, Vec::len);
    ensure!(changes as u64 == expected, "{changes} of {expected} changes came: {value}");
    Ok(value)
}
