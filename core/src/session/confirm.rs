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
const OPEN_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Confirmations {
    by: ConfirmBy,
    /// Frame number and notification number of what was sent and not confirmed, oldest first.
    open: VecDeque<(Number, Number)>,
    /// The number of the ping that is on its way.
    ping: Option<Number>,
}

impl Confirmations {
    pub(super) fn new(by: ConfirmBy) -> Self {
        Self { by, open: VecDeque::new(), ping: None }
    }

    pub(super) fn sent(&mut self, frame: Number, notification: Number) {
        if self.open.len() == OPEN_MAX {
            self.open.pop_front();
        }
        self.open.push_back((frame, notification));
    }

    pub(super) fn confirmed_by_ack(&mut self, number: Number) -> Vec<Number> {
        let covered = self.open.partition_point(|(frame, _)| *frame <= number);
        let numbers = self.open.drain(..covered).map(|(_, notification)| notification).collect();
        if self.open.is_empty() {
            // An idle connection keeps no buffer.
            self.open = VecDeque::new();
        }
        numbers
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
        self.ping = self.open.back().map(|(frame, _)| *frame);
        self.ping
    }

    pub(super) fn open(&self) -> Vec<Number> {
        self.open.iter().map(|(_, notification)| *notification).collect()
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
}
