//! Every order of events of a session that polls and upgrades: polls, posts, sockets and what the server writes, with
//! clients that keep to the rules and clients that do not.
//!
//! What must hold in each state is checked by the world: each packet that was accepted comes out once and in order, over
//! polls and the socket after an upgrade; no two polls are held; closed stays closed; no state is without a deadline.
//! The graph of states is walked with a set of those visited. Must never sample.

#![allow(clippy::unwrap_used)]

#[path = "session_walk/step.rs"]
mod step;
#[path = "session_walk/world.rs"]
mod world;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use step::{Budget, Ending, Step};
use world::World;

struct Walked {
    states: usize,
    /// How many states of each kind of end.
    ends: HashMap<Ending, usize>,
}

/// Walks all states and panics with the steps that led to the first that is not as it must be.
fn walk(budget: Budget) -> Walked {
    let mut walked = Walked { states: 0, ends: HashMap::new() };
    let mut visited: HashMap<u64, (u64, Option<Step>)> = HashMap::new();
    let begin = World::new(budget);
    visited.insert(print(&begin), (0, None));
    let mut open = vec![begin];
    while let Some(world) = open.pop() {
        walked.states += 1;
        *walked.ends.entry(world.ending()).or_default() += 1;
        let from = print(&world);
        for step in world.steps() {
            let mut next = world.clone();
            if let Err(why) = next.take(step) {
                panic!("{why}\n{:#?}\n{step:?}", path(&visited, from));
            }
            visited.entry(print(&next)).or_insert_with(|| {
                open.push(next);
                (from, Some(step))
            });
        }
    }
    walked
}

fn path(visited: &HashMap<u64, (u64, Option<Step>)>, mut at: u64) -> Vec<Step> {
    let mut steps = Vec::new();
    while let (before, Some(step)) = visited[&at] {
        steps.push(step);
        at = before;
    }
    steps.reverse();
    steps
}

/// Two states with one print would hide one of them: of a million, with a probability below one in ten million.
fn print(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

fn check(budget: Budget, floor: usize, endings: &[Ending]) {
    let walked = walk(budget);
    assert!(walked.states >= floor, "{} states", walked.states);
    for ending in endings {
        assert!(walked.ends.contains_key(ending), "no state ends as {ending:?}: {:?}", walked.ends);
    }
}

#[test]
fn polls_and_an_upgrade() {
    let budget = Budget { writes: 3, polls: 3, sockets: 1, moves: 2, closes: 1, ..Budget::NONE };
    check(budget, 10_000, &[Ending::Open, Ending::Closed, Ending::Upgraded, Ending::OverBoth]);
}

#[test]
fn posts_and_an_upgrade() {
    let budget = Budget { posts: 3, polls: 1, sockets: 1, sends: 2, moves: 2, ..Budget::NONE };
    check(budget, 2_000, &[Ending::Open, Ending::Closed, Ending::Upgraded]);
}

#[test]
fn two_sockets_and_the_clock() {
    let budget = Budget { writes: 1, polls: 1, sockets: 2, moves: 3, closes: 1, ..Budget::NONE };
    check(budget, 10_000, &[Ending::Closed, Ending::Upgraded]);
}

#[test]
fn a_little_of_everything() {
    let budget =
        Budget { writes: 2, polls: 2, posts: 2, sockets: 1, sends: 1, moves: 1, closes: 1 };
    check(budget, 50_000, &[Ending::Open, Ending::Closed, Ending::Upgraded, Ending::OverBoth]);
}
