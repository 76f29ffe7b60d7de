//! Devices that are away most of the time, over links that lose, double and delay: in the end everything that was
//! done has taken effect once, and everybody has the same.
//!
//! Devices are a naive model of a client; the server is a store in memory around the desk. A run is a seed;
//! `OFFLINE_SEED=n cargo test -p landfall-core --test offline_work` runs one alone.
#![allow(clippy::unwrap_used)]

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
    let named = std::env::var("OFFLINE_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = named.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let mut world = World::new(seed);
        for _ in 0..120 {
            world.step();
        }
        world.heal();
        world.check();
    }
}
