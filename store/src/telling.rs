//! What committers of either database tell: changes to whoever listens, troubles to the log.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use landfall_core::change::FeedChange;

use crate::{Change, ChangeSink};

/// Tells what was committed. It is durable, so a sink that panics must not keep anybody waiting.
pub(crate) fn tell(sink: &ChangeSink, changes: Vec<Change>) {
    if changes.is_empty() {
        return;
    }
    if catch_unwind(AssertUnwindSafe(|| sink(changes))).is_err() {
        tracing::error!("the sink of changes panicked");
    }
}

/// Passes changes on, remembering the highest number of any inbox.
pub(crate) fn counting(highest: Arc<AtomicU64>, sink: ChangeSink) -> ChangeSink {
    Arc::new(move |changes| {
        if let Some(number) = changes.iter().filter_map(number_on_inbox).max() {
            highest.fetch_max(number, Ordering::Relaxed);
        }
        sink(changes);
    })
}

fn number_on_inbox(change: &Change) -> Option<u64> {
    match &change.change {
        FeedChange::Inbox { number, .. } => Some(number.0),
        FeedChange::Entity { .. }
        | FeedChange::Message { .. }
        | FeedChange::MessagesRead { .. }
        | FeedChange::Topic { .. }
        | FeedChange::Conflict(_) => None,
    }
}

/// Groups that failed, told at a bounded rate: a full disk or a store that is away fails thousands
/// of them.
#[derive(Default)]
pub(crate) struct Complaints {
    told: Option<Instant>,
    untold: u64,
}

const PAUSE: Duration = Duration::from_secs(10);

impl Complaints {
    /// Tells of one, or counts it for the next that is told.
    pub(crate) fn add(&mut self, text: &str) {
        if self.told.is_some_and(|at| at.elapsed() < PAUSE) {
            self.untold += 1;
            return;
        }
        let untold = std::mem::take(&mut self.untold);
        tracing::error!(%text, untold, "a group commit failed; its requests are answered with 503");
        self.told = Some(Instant::now());
    }
}
