//! What waits for a client that polls, and which of the server's questions an answer will have settled.
//!
//! Decides nothing about polls; it is filled up to what one answer takes.

use std::collections::VecDeque;

use landfall_socketio::payload::{Answer, Offered, Outgoing};
use landfall_socketio::session::Waiting;

use super::carried::{Unpacked, server_frame};

/// What waits.
#[derive(Debug)]
pub(super) struct Packets {
    waiting: VecDeque<Packet>,
    bytes: usize,
    /// Pings of the server, each with how many packets are before it that no poll has taken yet.
    pings: VecDeque<(usize, Vec<u8>)>,
    max_payload: usize,
}

#[derive(Debug)]
enum Packet {
    Text(String),
    Binary(Vec<u8>),
}

impl Packet {
    fn outgoing(&self) -> Outgoing<'_> {
        match self {
            Self::Text(text) => Outgoing::Text(text),
            Self::Binary(bytes) => Outgoing::Binary(bytes),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl Packets {
    pub(super) fn new(max_payload: usize) -> Self {
        let (waiting, pings) = (VecDeque::new(), VecDeque::new());
        Self { waiting, bytes: 0, pings, max_payload }
    }

    /// Puts something of the server's to it.
    pub(super) fn put(&mut self, unpacked: Unpacked) {
        let packet = match unpacked {
            Unpacked::Text(text) => Packet::Text(text),
            Unpacked::Binary(bytes) => Packet::Binary(bytes),
            Unpacked::Ping(payload) => {
                return self.pings.push_back((self.waiting.len(), payload));
            }
            Unpacked::Close => return,
        };
        self.bytes += packet.len();
        self.waiting.push_back(packet);
    }

    /// Says whether there is nothing for the client.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Says whether more may be put to it.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < self.max_payload
    }

    fn fill(&self) -> Answer {
        let mut answer = Answer::new(self.max_payload);
        for packet in &self.waiting {
            if answer.offer(packet.outgoing()) == Offered::Full {
                break;
            }
        }
        answer
    }

    /// Says how much there is, counted in answers.
    pub(super) fn amount(&self) -> Waiting {
        match (self.waiting.len(), self.fill().packets()) {
            (0, _) => Waiting::Nothing,
            (all, taken) if all == taken => Waiting::OneAnswer,
            _ => Waiting::More,
        }
    }

    /// Takes as much as one answer takes.
    pub(super) fn take(&mut self) -> String {
        let answer = self.fill();
        let taken = answer.packets();
        for packet in self.waiting.drain(..taken) {
            self.bytes = self.bytes.saturating_sub(packet.len());
        }
        for (before, _) in &mut self.pings {
            *before = before.saturating_sub(taken);
        }
        answer.into_body()
    }

    /// Takes the pings before which everything was taken: a client that comes back for more has it.
    pub(super) fn confirmed(&mut self) -> Vec<Vec<u8>> {
        let count = self.pings.iter().take_while(|(before, _)| *before == 0).count();
        self.pings.drain(..count).map(|(_, payload)| payload).collect()
    }

    /// Takes all of it as frames of a socket, in their order.
    pub(super) fn as_frames(&mut self) -> Vec<u8> {
        let (mut frames, mut place) = (Vec::new(), 0);
        for packet in std::mem::take(&mut self.waiting) {
            frames.extend(self.pings_before(place));
            frames.extend(match packet {
                Packet::Text(text) => server_frame(0x1, text.as_bytes()),
                Packet::Binary(bytes) => server_frame(0x2, &bytes),
            });
            place += 1;
        }
        self.bytes = 0;
        frames.extend(self.pings_before(usize::MAX));
        frames
    }

    fn pings_before(&mut self, place: usize) -> Vec<u8> {
        let count = self.pings.iter().take_while(|(before, _)| *before <= place).count();
        self.pings.drain(..count).flat_map(|(_, payload)| server_frame(0x9, &payload)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(text: &str) -> Unpacked {
        Unpacked::Text(text.to_owned())
    }

    #[test]
    fn a_ping_is_settled_once_all_before_it_was_taken() {
        let mut packets = Packets::new(100);
        for n in 0..17 {
            packets.put(text(&format!("4{n}")));
            packets.put(Unpacked::Ping(vec![n]));
        }
        assert_eq!(packets.amount(), Waiting::More);
        assert_eq!(packets.confirmed(), Vec::<Vec<u8>>::new());
        assert_eq!(packets.take().split('\u{1e}').count(), 16);
        let settled: Vec<Vec<u8>> = (0..16).map(|n| vec![n]).collect();
        assert_eq!(packets.confirmed(), settled);
        assert_eq!((packets.take().as_str(), packets.confirmed()), ("416", vec![vec![16]]));
        assert_eq!(packets.amount(), Waiting::Nothing);
    }

    #[test]
    fn what_is_left_goes_on_as_frames_in_its_order() {
        let mut packets = Packets::new(8);
        packets.put(text("4a"));
        packets.put(Unpacked::Ping(b"1".to_vec()));
        packets.put(Unpacked::Binary(vec![7; 9]));
        assert!(!packets.has_room());
        let expected =
            [server_frame(0x1, b"4a"), server_frame(0x9, b"1"), server_frame(0x2, &[7; 9])]
                .concat();
        assert_eq!(packets.as_frames(), expected);
        assert!(packets.has_room() && packets.as_frames().is_empty());
    }
}
