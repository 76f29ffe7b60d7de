//! Bodies of posts: read or refused, and the same when they are put together again as answers to polls.

use landfall_socketio::engine::SEPARATOR;
use landfall_socketio::payload::{Answer, Body, Offered, Outgoing, PayloadError, Posted};
use landfall_socketio::terms::PACKETS_MAX;

/// The longest body, small so that inputs reach it.
const LIMIT: usize = 300;

pub(crate) fn run(data: &[u8]) {
    match Body::read(Some("text/plain"), data, LIMIT) {
        Ok(body) => {
            assert!(data.len() <= LIMIT);
            let packets: Vec<Posted<'_>> = body.packets().collect();
            assert_eq!(body.closes(), packets.last() == Some(&Posted::Text("1")));
            again(&packets, data);
        }
        Err(error) => assert_eq!(error == PayloadError::TooLarge, data.len() > LIMIT),
    }
}

/// Answers that bring the packets are the body, cut where an answer is full.
fn again(mut packets: &[Posted<'_>], data: &[u8]) {
    let mut bodies = Vec::new();
    while !packets.is_empty() {
        let mut answer = Answer::new(LIMIT);
        let taken =
            packets.iter().take_while(|packet| offer(&mut answer, packet) == Offered::Taken);
        let taken = taken.count();
        assert_eq!(taken, packets.len().min(PACKETS_MAX), "it all came in one body");
        packets = &packets[taken..];
        bodies.push(answer.into_body());
    }
    assert_eq!(bodies.join(&SEPARATOR.to_string()).as_bytes(), data);
}

fn offer(answer: &mut Answer, packet: &Posted<'_>) -> Offered {
    answer.offer(match packet {
        Posted::Text(text) => Outgoing::Text(text),
        Posted::Binary(bytes) => Outgoing::Binary(bytes),
    })
}
