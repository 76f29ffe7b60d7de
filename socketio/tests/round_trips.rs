//! What is written is read as it was meant, and whatever else comes is refused without a panic.

#![allow(clippy::unwrap_used)]

use landfall_socketio::engine::{Probing, Said};
use landfall_socketio::id::{EngineId, SocketId};
use landfall_socketio::namespaces::{Binary, Namespaces, Step};
use landfall_socketio::packet::{Ack, AckId, Content, Event, Packet};
use landfall_socketio::payload::{Answer, Body, Offered, Outgoing, Posted};
use proptest::prelude::*;
use serde_json::value::RawValue;

/// A packet that owns what it holds.
#[derive(Debug, Clone)]
struct Made {
    namespace: String,
    kind: u8,
    id: Option<String>,
    name: String,
    arguments: Vec<Box<RawValue>>,
    parts: Option<u8>,
}

fn json() -> impl Strategy<Value = Box<RawValue>> {
    let text = any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap());
    let plain = prop_oneof![Just("null".to_owned()), Just("-1.5e3".to_owned()), text];
    let nested = plain.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|all| format!("[{}]", all.join(","))),
            inner.prop_map(|one| format!(r#"{{"a":{one}}}"#)),
        ]
    });
    nested.prop_map(|text| RawValue::from_string(text).unwrap())
}

fn made() -> impl Strategy<Value = Made> {
    let namespace = prop_oneof![Just("/".to_owned()), "/[^,\u{1e}]{1,9}"];
    let id = prop::option::of("[0-9]{1,19}");
    let name = any::<String>().prop_map(|name| format!("~{name}"));
    let arguments = prop::collection::vec(json(), 0..5);
    (namespace, 0_u8..5, id, name, arguments, prop::option::of(0_u8..=10)).prop_map(
        |(namespace, kind, id, name, arguments, parts)| Made {
            namespace,
            kind,
            id,
            name,
            arguments,
            parts,
        },
    )
}

impl Made {
    fn packet(&self) -> Packet<'_> {
        let id = self.id.as_deref().map(|id| AckId::read(id).unwrap());
        let arguments: Vec<&RawValue> = self.arguments.iter().map(AsRef::as_ref).collect();
        let object = arguments.iter().copied().find(|value| value.get().starts_with('{'));
        let parts = self.parts;
        let body = match (self.kind, id, object) {
            (0, ..) => Content::Connect(object),
            (1, ..) => Content::Disconnect,
            (4, _, Some(object)) => Content::ConnectError(object),
            (3, Some(id), _) => Content::Ack(Ack { id, arguments, parts }),
            _ => Content::Event(Event { id, name: (&self.name).into(), arguments, parts }),
        };
        Packet { namespace: &self.namespace, body }
    }
}

fn raw(values: &[&RawValue]) -> Vec<String> {
    values.iter().map(|value| value.get().to_owned()).collect()
}

/// What of a packet counts, for comparing.
fn parts_of(packet: &Packet<'_>) -> (String, String, Option<AckId>, Vec<String>, Option<u8>) {
    let namespace = packet.namespace.to_owned();
    match &packet.body {
        Content::Connect(object) => (
            namespace,
            "connect".into(),
            None,
            raw(&object.iter().copied().collect::<Vec<_>>()),
            None,
        ),
        Content::Disconnect => (namespace, "disconnect".into(), None, Vec::new(), None),
        Content::ConnectError(object) => (namespace, "error".into(), None, raw(&[object]), None),
        Content::Event(event) => (
            namespace,
            format!("event {}", event.name),
            event.id,
            raw(&event.arguments),
            event.parts,
        ),
        Content::Ack(ack) => {
            (namespace, "ack".into(), Some(ack.id), raw(&ack.arguments), ack.parts)
        }
    }
}

/// Texts that are nearly packets.
fn nearly() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-7]([0-9]{0,3}-)?(/[a-z]{0,2},?)?[0-9]{0,21}[\\[{\"]{0,2}.{0,9}[\\]}\"]{0,2}",
    ]
}

proptest! {
    #[test]
    fn a_packet_is_read_as_it_was_written(made in made()) {
        let packet = made.packet();
        let written = packet.write();
        let Ok(Said::Message(content)) = Said::read(&written) else {
            panic!("{written} is no message");
        };
        let read = Packet::read(content).unwrap();
        prop_assert_eq!(parts_of(&read), parts_of(&packet));
        prop_assert_eq!(read.write(), written);
    }

    #[test]
    fn what_is_read_is_written_and_read_alike(text in nearly()) {
        if let Ok(packet) = Packet::read(&text) {
            let written = packet.write();
            let again = Packet::read(&written[1..]).unwrap();
            prop_assert_eq!(parts_of(&again), parts_of(&packet));
        }
    }

    #[test]
    fn nothing_that_is_read_panics(text in nearly(), bytes in any::<Vec<u8>>()) {
        let _ = Said::read(&text);
        let _ = Probing::read(&text);
        let _ = Packet::read(&text);
        let _ = AckId::read(&text);
        let _ = EngineId::read(&text);
        let _ = Body::read(Some(&text), &bytes, 1_000);
        let _ = Body::read(None, text.as_bytes(), 1_000);
    }

    #[test]
    fn no_client_brings_the_machine_down(texts in prop::collection::vec(nearly(), 0..20)) {
        for binary in [Binary::Refused, Binary::Kept { at_most: 40 }] {
            let mut client = Namespaces::new(&["/", "/a"], binary);
            for text in &texts {
                if let Step::Join { namespace, .. } = client.text(text) {
                    prop_assert!(client.accept(namespace, &SocketId::new([1; 16])).is_some());
                    prop_assert!(client.is_in(namespace));
                }
                if let Step::Binary(_, gathered) = client.binary(text.as_bytes()) {
                    let bytes: usize = gathered.parts().iter().map(|part| part.len()).sum();
                    prop_assert!(bytes <= 40);
                    gathered.packet();
                }
            }
        }
    }

    #[test]
    fn packets_come_out_of_bodies_as_they_went_in(
        packets in prop::collection::vec(
            prop_oneof![
                "[^\u{1e}]{0,9}".prop_map(|text| (format!("4{text}"), None)),
                any::<Vec<u8>>().prop_map(|bytes| (String::new(), Some(bytes))),
            ],
            1..30,
        ),
        max_payload in 1_usize..300,
    ) {
        let mut left = packets.as_slice();
        while !left.is_empty() {
            let mut answer = Answer::new(max_payload);
            let takes = |(text, bytes): &&(String, Option<Vec<u8>>)| {
                let packet = bytes.as_deref().map_or(Outgoing::Text(text), Outgoing::Binary);
                answer.offer(packet) == Offered::Taken
            };
            let taken = left.iter().take_while(takes).count();
            prop_assert!((1..=16).contains(&taken));
            let body = answer.into_body();
            prop_assert!(taken == 1 || body.len() <= max_payload);
            let read = Body::read(None, body.as_bytes(), usize::MAX).unwrap();
            let expected = left[..taken].iter().map(|(text, bytes)| match bytes {
                Some(bytes) => Posted::Binary(bytes.clone()),
                None => Posted::Text(text),
            });
            prop_assert!(read.packets().eq(expected));
            left = &left[taken..];
        }
    }

    #[test]
    fn a_body_that_is_read_has_one_spelling(body in "(4[a-c]|b[A-D]{2,4}={0,2}|3|6)(\u{1e}(4|b[AQ]{2}==|2))?") {
        if let Ok(read) = Body::read(None, body.as_bytes(), 1_000) {
            let mut answer = Answer::new(1_000);
            for packet in read.packets() {
                let offered = match &packet {
                    Posted::Text(text) => answer.offer(Outgoing::Text(text)),
                    Posted::Binary(bytes) => answer.offer(Outgoing::Binary(bytes)),
                };
                prop_assert_eq!(offered, Offered::Taken);
            }
            prop_assert_eq!(answer.into_body(), body);
        }
    }

    #[test]
    fn an_id_is_read_as_it_was_spelled(bits in any::<[u8; 16]>()) {
        let id = EngineId::new(bits);
        prop_assert_eq!(EngineId::read(&id.reveal()), Some(id));
    }
}
