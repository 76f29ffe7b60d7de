//! Which of the notifications that a session sent its device has confirmed.
//!
//! Written is not delivered (contract 4): a device confirms by an acknowledgement, or by its
//! answer to the WebSocket ping that followed the write. This file never decides what is sent.

use std::collections::VecDeque;

use crate::feed::Number;

/// How a device confirms what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfirmBy {
    /// By `{"type":"ack"}` frames: it connected with `ack=1`.
    Ack,
    /// By answering the ping after the write, as every browser does by itself.
    Pong,
}

/// So many unconfirmed notifications are remembered; what falls out stays undelivered and is
/// sent again to the next device.
const OPEN_MAX: u64 = 1_000;

/// Notifications that were sent one after the other: frame and notification numbers both count up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Run {
    frame: Number,
    notification: Number,
    count: u64,
}

impl Run {
    fn last_frame(&self) -> Number {
        Number(self.frame.0 + self.count - 1)
    }

    fn is_followed_by(&self, frame: Number, notification: Number) -> bool {
        let next = |first: Number| Number(first.0 + self.count);
        (next(self.frame), next(self.notification)) == (frame, notification)
    }

    fn notifications(&self) -> impl Iterator<Item = Number> + use<> {
        let first = self.notification.0;
        (first..first + self.count).map(Number)
    }

    /// Takes the first `count` off.
    fn split(&mut self, count: u64) -> Run {
        let head = Run { count, ..*self };
        self.frame.0 += count;
        self.notification.0 += count;
        self.count -= count;
        head
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Confirmations {
    by: ConfirmBy,
    /// What was sent and not confirmed, oldest first; a device that is merely behind costs one run.
    open: VecDeque<Run>,
    /// How many notifications that are.
    count: u64,
    /// The number of the ping that is on its way.
    ping: Option<Number>,
}

impl Confirmations {
    pub(super) fn new(by: ConfirmBy) -> Self {
        Self { by, open: VecDeque::new(), count: 0, ping: None }
    }

    pub(super) fn sent(&mut self, frame: Number, notification: Number) {
        if self.count == OPEN_MAX {
            self.forget_oldest();
        }
        self.count += 1;
        match self.open.back_mut() {
            Some(run) if run.is_followed_by(frame, notification) => run.count += 1,
            _ => self.open.push_back(Run { frame, notification, count: 1 }),
        }
    }

    fn forget_oldest(&mut self) {
        let Some(run) = self.open.front_mut() else { return };
        run.split(1);
        self.count -= 1;
        if run.count == 0 {
            self.open.pop_front();
        }
    }

    pub(super) fn confirmed_by_ack(&mut self, number: Number) -> Vec<Number> {
        let mut confirmed = Vec::new();
        while let Some(run) = self.open.front_mut() {
            if run.frame > number {
                break;
            }
            let covered = run.count.min(number.0 - run.frame.0 + 1);
            confirmed.extend(run.split(covered).notifications());
            if run.count > 0 {
                break;
            }
            self.open.pop_front();
        }
        self.count -= confirmed.len() as u64;
        if self.open.is_empty() {
            // An idle connection keeps no buffer.
            self.open = VecDeque::new();
        }
        confirmed
    }

    pub(super) fn confirmed_by_pong(&mut self, number: Number) -> Vec<Number> {
        if self.ping != Some(number) {
            return Vec::new();
        }
        self.ping = None;
        match self.by {
            ConfirmBy::Ack => Vec::new(),
            ConfirmBy::Pong => self.confirmed_by_ack(number),
        }
    }

    pub(super) fn ping_due(&mut self) -> Option<Number> {
        if self.by == ConfirmBy::Ack || self.ping.is_some() {
            return None;
        }
        self.ping = self.open.back().map(Run::last_frame);
        self.ping
    }

    /// Forgets what was sent: its numbers mean something else now, or nothing.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.by);
    }

    pub(super) fn open(&self) -> Vec<Number> {
        self.open.iter().flat_map(Run::notifications).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(by: ConfirmBy, numbers: &[u64]) -> Confirmations {
        let mut confirmations = Confirmations::new(by);
        numbers.iter().for_each(|n| confirmations.sent(Number(*n), Number(*n)));
        confirmations
    }

    #[test]
    fn an_ack_covers_only_what_was_sent() {
        let mut confirmations = sent(ConfirmBy::Ack, &[3, 5, 7]);
        assert_eq!(confirmations.confirmed_by_ack(Number(5)), [Number(3), Number(5)]);
        assert_eq!(confirmations.confirmed_by_ack(Number(5)), []);
        assert_eq!(confirmations.confirmed_by_ack(Number(u64::MAX)), [Number(7)]);
        assert_eq!(confirmations.ping_due(), None);
    }

    #[test]
    fn a_pong_confirms_only_what_was_written_before_its_ping() {
        let mut confirmations = sent(ConfirmBy::Pong, &[3, 5]);
        assert_eq!(confirmations.ping_due(), Some(Number(5)));
        confirmations.sent(Number(6), Number(6));
        assert_eq!(confirmations.ping_due(), None, "one ping at a time");
        assert_eq!(confirmations.confirmed_by_pong(Number(9)), [], "not our ping");
        assert_eq!(confirmations.confirmed_by_pong(Number(5)), [Number(3), Number(5)]);
        assert_eq!(confirmations.ping_due(), Some(Number(6)));
        assert_eq!(confirmations.open(), [Number(6)]);
    }

    #[test]
    fn what_follows_itself_costs_one_run_and_the_oldest_falls_out() {
        let mut confirmations = Confirmations::new(ConfirmBy::Ack);
        (1..=1_010).for_each(|n| confirmations.sent(Number(n + 5), Number(n)));
        assert_eq!(confirmations.open.len(), 1);
        assert_eq!(confirmations.open().first(), Some(&Number(11)));
        assert_eq!(confirmations.confirmed_by_ack(Number(17)), [Number(11), Number(12)]);
        confirmations.sent(Number(1_020), Number(1_011));
        assert_eq!(confirmations.open.len(), 2, "a number was taken by something else");
        assert_eq!(confirmations.confirmed_by_ack(Number(2_000)).len(), 999);
        assert_eq!(confirmations.open(), []);
        assert_eq!(confirmations, Confirmations::new(ConfirmBy::Ack));
    }
}
