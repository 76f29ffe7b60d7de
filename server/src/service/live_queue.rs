//! What live connections report, on its way to be stored: bounded by events and by the notifications
//! that they name.
//!
//! A connection never waits here. What does not fit is dropped: the notification stays undelivered
//! and is sent again to the next device, which is allowed, where calling it delivered without a
//! record is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::inbox::LiveEvent;

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Events.
    pub events: usize,
    /// Numbers of notifications in them, eight bytes each.
    pub numbers: usize,
}

/// The side of the connections.
#[derive(Debug)]
pub struct Reports {
    events: mpsc::Sender<LiveEvent>,
    numbers: Arc<AtomicUsize>,
    numbers_max: usize,
}

/// The side of whoever stores.
#[derive(Debug)]
pub struct LiveEvents {
    events: mpsc::Receiver<LiveEvent>,
    numbers: Arc<AtomicUsize>,
}

/// Says that nothing more fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Makes a queue with so much room.
pub fn live_queue(room: Room) -> (Reports, LiveEvents) {
    let (sender, events) = mpsc::channel(room.events);
    let numbers = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&numbers);
    let reports = Reports { events: sender, numbers: theirs, numbers_max: room.numbers };
    (reports, LiveEvents { events, numbers })
}

impl Reports {
    /// Passes an event on, without waiting.
    ///
    /// # Errors
    /// When there is no room, or nobody stores any more.
    pub fn report(&self, event: LiveEvent) -> Result<(), Full> {
        let is_mark = matches!(event, LiveEvent::Read(_));
        if is_mark && self.events.capacity() <= self.events.max_capacity() / 2 {
            return Err(Full);
        }
        let count = event.numbers();
        let held = self.numbers.fetch_add(count, Ordering::Relaxed);
        if held + count <= self.numbers_max && self.events.try_send(event).is_ok() {
            return Ok(());
        }
        self.numbers.fetch_sub(count, Ordering::Relaxed);
        Err(Full)
    }
}

impl LiveEvents {
    /// Waits for events and moves what is there, at most `max`, into `into`; gives how many, and 0
    /// once every connection is gone.
    pub async fn next(&mut self, into: &mut Vec<LiveEvent>, max: usize) -> usize {
        let from = into.len();
        let count = self.events.recv_many(into, max).await;
        let numbers = into[from..].iter().map(LiveEvent::numbers).sum();
        self.numbers.fetch_sub(numbers, Ordering::Relaxed);
        count
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::service::inbox::Confirmed;
    use crate::service::reading::ReadOn;
    use landfall_core::feed::{FeedKey, Number};
    use landfall_core::id::{Tenant, TopicId, UserId};

    fn event(count: usize) -> LiveEvent {
        let (tenant, user) = (Tenant::parse("t").unwrap(), UserId::parse("u").unwrap());
        let feed = Arc::new(FeedKey::inbox(&tenant, &user));
        LiveEvent::Confirmed(Confirmed { feed, numbers: vec![Number(1); count], device: None })
    }

    #[tokio::test]
    async fn events_and_what_they_name_are_bounded() {
        let (reports, mut events) = live_queue(Room { events: 3, numbers: 100 });
        let mut batch = Vec::new();
        for _ in 0..2 {
            assert_eq!(reports.report(event(60)), Ok(()));
            assert_eq!(reports.report(event(41)), Err(Full));
            assert_eq!(reports.report(event(40)), Ok(()));
            assert_eq!(reports.report(event(0)), Ok(()));
            assert_eq!(reports.report(event(0)), Err(Full));
            assert_eq!(events.next(&mut batch, 10).await, 3);
        }
        drop(reports);
        assert_eq!(events.next(&mut batch, 10).await, 0);
    }

    #[tokio::test]
    async fn marks_leave_room_for_what_is_not_said_again() {
        let (reports, _events) = live_queue(Room { events: 4, numbers: 100 });
        let mark = || {
            LiveEvent::Read(ReadOn {
                tenant: Tenant::parse("t").unwrap(),
                topic: TopicId::parse("c").unwrap(),
                user: UserId::parse("u").unwrap(),
                up_to: Number(1),
            })
        };
        let marks = [mark(), mark(), mark()].map(|mark| reports.report(mark));
        assert_eq!(marks, [Ok(()), Ok(()), Err(Full)]);
        assert_eq!(
            [event(1), event(1), event(1)].map(|e| reports.report(e)),
            [Ok(()), Ok(()), Err(Full)]
        );
    }
}
