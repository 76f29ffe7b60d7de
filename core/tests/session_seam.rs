//! Every interleaving of replay and live changes, on the session machine: nothing is left out at
//! the seam and nothing comes twice.
//!
//! Commits, nudges, reads (seeing the store and arriving are two steps), drains, pongs and
//! acknowledgements happen in every possible order. The graph of states is walked with a set of
//! those visited, so orders that lead to the same state are followed once. Must never sample.

#![allow(clippy::unwrap_used)]

#[path = "session_seam/client.rs"]
mod client;
#[path = "session_seam/explore.rs"]
mod explore;
#[path = "session_seam/store.rs"]
mod store;
#[path = "session_seam/world.rs"]
mod world;

use std::io::Write as _;

use explore::explore;
use landfall_core::feed::Number;
use landfall_core::session::{ConfirmBy, PageSizes, Start};
use store::Change::{self, Deleted, Published, Read};
use world::{Budget, Setup};

const PLAIN: &[Change] = &[Published(1), Published(2), Published(3), Published(4)];
/// As [`PLAIN`], and then rows on both sides of 2 have moved: still four rows.
const MOVED: &[Change] =
    &[Published(1), Published(2), Published(3), Published(4), Read(1), Deleted(4), Deleted(2)];

const AT_0: Start = Start::After(Number(0));
const AT_2: Start = Start::After(Number(2));
const BEYOND: Start = Start::After(Number(99));

const ROOMY: PageSizes = PageSizes { replay: 4, page: 2 };
const TIGHT: PageSizes = PageSizes { replay: 2, page: 2 };

const BASE: Budget = Budget {
    publishes: 4,
    deletes: 1,
    reads: 0,
    all_reads: 0,
    acks: 0,
    lost_nudges: 0,
    failed_reads: 0,
    early_heartbeats: 0,
};

/// Walks every start with both limits of the replay, and asks for at least so many states.
fn walk(name: &str, change: impl Fn(&mut Setup), floor: usize) {
    let began = std::time::Instant::now();
    let (mut states, mut ends) = (0, 0);
    for start in [AT_0, AT_2, BEYOND, Start::Pending] {
        for sizes in [ROOMY, TIGHT] {
            let delivered: &[u64] = if start == Start::Pending { &[2] } else { &[] };
            let (history, budget, confirm_by) = (PLAIN, BASE, ConfirmBy::Ack);
            let mut setup = Setup { start, confirm_by, sizes, history, delivered, budget };
            change(&mut setup);
            let walked = explore(&setup);
            states += walked.states;
            ends += walked.ends;
        }
    }
    let took = began.elapsed();
    let mut err = std::io::stderr().lock();
    writeln!(err, "{name}: {states} states, {ends} ends, {took:.1?}").unwrap();
    assert!(states >= floor, "{name}: {states} states are fewer than {floor}");
    assert!(ends * 250 >= floor, "{name}: {ends} ends are too few");
}

#[test]
fn a_delete_and_an_ack_at_any_time() {
    walk("ack", |setup| setup.budget.acks = 1, 1_200_000);
}

#[test]
fn a_delete_and_pongs_at_any_time() {
    walk("pong", |setup| setup.confirm_by = ConfirmBy::Pong, 700_000);
}

#[test]
fn any_one_nudge_lost() {
    walk("lost nudge", |setup| setup.budget.lost_nudges = 1, 550_000);
}

#[test]
fn a_read_that_fails_and_a_heartbeat_at_any_time() {
    let change = |setup: &mut Setup| {
        setup.budget.publishes = 3;
        setup.budget.failed_reads = 1;
        setup.budget.early_heartbeats = 1;
    };
    walk("failed read", change, 500_000);
}

#[test]
fn a_read_mark_at_any_time() {
    walk("read mark", |setup| (setup.budget.reads, setup.budget.deletes) = (1, 0), 220_000);
}

/// With two commits: with four, a delete and a read mark make fourteen million states.
#[test]
fn a_delete_and_a_read_mark_at_any_time() {
    walk("delete and read", |setup| (setup.budget.reads, setup.budget.publishes) = (1, 2), 800_000);
}

#[test]
fn a_mark_of_all_at_any_time() {
    walk("mark of all", |setup| (setup.budget.all_reads, setup.budget.deletes) = (1, 0), 40_000);
}

/// With two commits, as above.
#[test]
fn a_delete_and_a_mark_of_all_at_any_time() {
    walk(
        "delete and mark",
        |setup| (setup.budget.all_reads, setup.budget.publishes) = (1, 2),
        200_000,
    );
}

#[test]
fn rows_that_moved_before_the_device_came() {
    walk("moved rows", |setup| (setup.history, setup.delivered) = (MOVED, &[3]), 120_000);
}
