//! What becomes of one delivery: whether it goes out now, what follows an attempt, and what late
//! news about it change (contract 3, rule 4 and "Channels").
//!
//! Decisions on values only: leasing, calling providers and storing are done elsewhere.

mod asking;
mod due;
mod ended;
mod report;

pub use asking::{ASK_AFTER_MS, Asked, ask_again, ask_first};
pub use due::{Before, DueView, Next, OnDue, SMS_REPORT_WAIT_MS, next, on_due};
pub use ended::{AFTER_MAX_MS, AddressFate, Ended, OnEnded, RetryPolicy, Tried, on_ended};
pub use report::{Receipt, Report, apply};

#[cfg(test)]
mod tests;
