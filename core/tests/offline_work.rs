//! Devices that are away most of the time, over links that lose, double and delay: in the end everything that was
//! done has taken effect once, and everybody has the same.
//!
//! Devices are a naive model of a client; the server is a store in memory around the desk. A run is a seed;
//! `OFFLINE_SEED=n cargo test -p landfall-core --test offline_work` runs one alone, `OFFLINE_SEEDS=n` so many.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "whoever asks for many seeds hears how many were done")]

#[path = "offline_work/device.rs"]
mod device;
#[path = "offline_work/server.rs"]
mod server;
#[path = "offline_work/world.rs"]
mod world;

use world::World;

/// Runs when none is named.
const SEEDS: u64 = 400;

#[test]
fn everything_takes_effect_once_and_everybody_ends_with_the_same() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = number("OFFLINE_SEEDS").unwrap_or(SEEDS);
    let seeds = number("OFFLINE_SEED").map_or(0..seeds, |seed| seed..seed + 1);
    let done = seeds.end - seeds.start;
    for seed in seeds {
        let mut world = World::new(seed);
        for _ in 0..120 {
            world.step();
        }
        world.heal();
        world.check();
    }
    println!("{done} seeds done");
}
