//! Devices that are away most of the time, over links that lose, double, delay and cut, before a server that ends at any
//! step and is put back from a backup: in the end everything that was done has taken effect once, and everybody has
//! the same.
//!
//! The whole server is here but for sockets, over a real store; devices are a naive model of a client. A run is a seed:
//!
//! - `OFFLINE_SEED=n` runs one, `OFFLINE_FROM=n` begins there;
//! - `OFFLINE_SEEDS=n` runs so many, `OFFLINE_MINUTES=n` as many as that long allows;
//! - `OFFLINE_TELL=1` says everything that happens;
//! - `OFFLINE_STORE=memory|sqlite|postgres`: SQLite on a file system in memory, on the disk, or PostgreSQL.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "a failing run is replayed by its seed")]

#[path = "../harness/mod.rs"]
mod harness;

mod answer;
mod check;
mod device;
mod dice;
mod edits;
mod ground;
mod paced;
mod people;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use ground::Ground;
use world::World;

/// Seeds when nobody says how many.
const SEEDS: u64 = 60;
/// After so many seeds the store is a new one.
const FRESH: u64 = 25;

/// What the store stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// SQLite, with files in memory.
    Memory,
    /// SQLite, with files on the disk.
    Sqlite,
    /// PostgreSQL, with what it commits in the page cache.
    Postgres,
}

/// What is asked for.
struct Plan {
    place: Place,
    from: u64,
    seeds: u64,
    at_most: Option<Duration>,
}

impl Plan {
    fn asked() -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        let place = match std::env::var("OFFLINE_STORE").as_deref() {
            Ok("memory") => Place::Memory,
            Ok("sqlite") => Place::Sqlite,
            Ok("postgres") => Place::Postgres,
            Ok(other) => panic!("OFFLINE_STORE is memory, sqlite or postgres, not {other}"),
            Err(_) if landfall_fixtures::asks_for_postgres() => Place::Postgres,
            Err(_) => Place::Memory,
        };
        let at_most = number("OFFLINE_MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
        let one = number("OFFLINE_SEED");
        let seeds =
            number("OFFLINE_SEEDS").unwrap_or(if at_most.is_some() { u64::MAX / 2 } else { SEEDS });
        Self {
            place,
            from: one.or(number("OFFLINE_FROM")).unwrap_or(0),
            seeds: if one.is_some() { 1 } else { seeds },
            at_most,
        }
    }
}

#[test]
fn everything_takes_effect_once_and_everybody_ends_with_the_same() {
    let plan = Plan::asked();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let mut sums = world::Sums::default();
    let mut ground: Option<Ground> = None;
    for seed in plan.from..plan.from + plan.seeds {
        if plan.at_most.is_some_and(|at_most| begun.elapsed() >= at_most) {
            break;
        }
        let run = || {
            runtime.block_on(async {
                if sums.seeds % FRESH == 0 {
                    ground = None;
                }
                if ground.is_none() {
                    ground = Some(Ground::open(plan.place).await);
                }
                let mut world = World::new(seed, ground.as_mut().expect("it was opened")).await;
                world.run().await;
                world.ended(&mut sums).await;
            });
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            println!("seed {seed} fails; OFFLINE_SEED={seed} runs it alone ({:?})", plan.place);
            resume_unwind(panic);
        }
    }
    println!("{sums:?} on {:?} in {:?}", plan.place, begun.elapsed());
}
