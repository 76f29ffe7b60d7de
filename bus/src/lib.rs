//! The bus: carries nudges from commits to sessions.
//!
//! A nudge says that a feed grew; the store is the truth. So the bus may lose one, and says so:
//! whoever listens then compares heads instead. It must never be the only place where anything is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use landfall_core::feed::{FeedKey, Number};
use landfall_core::notification::InboxChange;
use tokio::sync::mpsc;

/// A feed grew by one change: its head was `number - 1` before and is `number` now.
#[derive(Debug, Clone)]
pub struct Nudge {
    /// Which feed.
    pub feed: Arc<FeedKey>,
    /// The number of the change.
    pub number: Number,
    /// What changed.
    pub change: InboxChange,
}

/// The sending side of the in-memory bus; cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    nudges: mpsc::Sender<Nudge>,
    has_lost: Arc<AtomicBool>,
}

/// The listening side of the in-memory bus.
#[derive(Debug)]
pub struct Listener {
    nudges: mpsc::Receiver<Nudge>,
    has_lost: Arc<AtomicBool>,
}

/// Makes an in-memory bus that holds at most `capacity` nudges.
pub fn in_memory(capacity: usize) -> (Publisher, Listener) {
    let (sender, receiver) = mpsc::channel(capacity);
    let has_lost = Arc::new(AtomicBool::new(false));
    let publisher = Publisher { nudges: sender, has_lost: Arc::clone(&has_lost) };
    (publisher, Listener { nudges: receiver, has_lost })
}

impl Publisher {
    /// Publishes a nudge; never blocks. One that finds the bus full is lost, which the listener
    /// hears of.
    pub fn publish(&self, nudge: Nudge) {
        if self.nudges.try_send(nudge).is_err() {
            self.has_lost.store(true, Ordering::Release);
        }
    }
}

impl Listener {
    /// Waits on this thread for nudges and moves what is there, at most `max`, into `into`, in
    /// the order of publishing. Gives false once every publisher is gone and nothing is left.
    pub fn wait(&mut self, into: &mut Vec<Nudge>, max: usize) -> bool {
        self.nudges.blocking_recv_many(into, max) > 0
    }

    /// Says whether nudges were lost since the last call.
    pub fn take_lost(&self) -> bool {
        self.has_lost.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use landfall_core::id::{NotificationId, Tenant, UserId};

    fn nudge(number: u64) -> Nudge {
        let (tenant, user) = (Tenant::parse("t").unwrap(), UserId::parse("u").unwrap());
        let id = NotificationId::parse("0192f0c1-7a3e-7cc2-98c1-000000000001").unwrap();
        Nudge {
            feed: Arc::new(FeedKey::inbox(&tenant, &user)),
            number: Number(number),
            change: InboxChange::Deleted { id },
        }
    }

    #[test]
    fn a_full_bus_loses_the_newest_and_says_so_once() {
        let (publisher, mut listener) = in_memory(2);
        (1..=3).for_each(|number| publisher.publish(nudge(number)));
        let mut heard = Vec::new();
        assert!(listener.wait(&mut heard, 10));
        let numbers: Vec<u64> = heard.iter().map(|nudge| nudge.number.0).collect();
        assert_eq!(numbers, [1, 2]);
        assert!(listener.take_lost());
        assert!(!listener.take_lost());
        drop(publisher);
        assert!(!listener.wait(&mut heard, 10));
    }
}
