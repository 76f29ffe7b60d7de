//! What Socket.IO clients say: packets read as they are written, and conversations that nobody brings down.

use landfall_socketio::engine::{SEPARATOR, Said};
use landfall_socketio::id::SocketId;
use landfall_socketio::namespaces::{Binary, Namespaces, Step};
use landfall_socketio::packet::{Content, Packet};
use landfall_socketio::terms::{ARGUMENTS_MAX, PARTS_MAX};

/// What an event with its parts may take, small so that inputs reach it.
const ROOM: usize = 200;

/// An input is a conversation: messages with a separator between them. One that begins with no digit is binary.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let messages: Vec<&str> = text.split(SEPARATOR).collect();
    messages.iter().for_each(|message| written_again(message));
    for binary in [Binary::Refused, Binary::Kept { at_most: ROOM }] {
        talk(&messages, binary);
    }
}

fn written_again(message: &str) {
    let Ok(Said::Message(content)) = Said::read(message) else { return };
    let Ok(packet) = Packet::read(content) else { return };
    let (arguments, parts) = match &packet.body {
        Content::Event(event) => (event.arguments.len(), event.parts),
        Content::Ack(ack) => (ack.arguments.len(), ack.parts),
        Content::Connect(_) | Content::Disconnect | Content::ConnectError(_) => (0, None),
    };
    assert!(arguments <= ARGUMENTS_MAX && parts.is_none_or(|parts| parts <= PARTS_MAX));
    let written = packet.write();
    let again = Packet::read(&written[1..]).expect("what is written is read");
    // A number that names an event becomes a text, and stays one.
    assert_eq!(again.write(), written);
    assert!(!written.contains(SEPARATOR));
}

fn talk(messages: &[&str], binary: Binary) {
    let mut client = Namespaces::new(&["/", "/a"], binary);
    for (at, message) in messages.iter().enumerate() {
        let step = match Said::read(message) {
            Ok(Said::Message(content)) => client.text(content),
            Ok(Said::Pong | Said::Noop) => continue,
            Ok(Said::Close) => return,
            Err(_) => client.binary(message.as_bytes()),
        };
        match step {
            Step::Join { namespace, .. } if at % 3 == 0 => {
                client.refuse(namespace, "no", None).expect("it asked");
                assert!(!client.is_in(namespace));
            }
            Step::Join { namespace, .. } => {
                client.accept(namespace, &SocketId::new([0; 16])).expect("it asked");
                assert!(client.is_in(namespace));
            }
            Step::Event(namespace, _) | Step::Ack(namespace, _) => assert!(client.is_in(namespace)),
            Step::Unwanted { .. } => assert_eq!(binary, Binary::Refused),
            Step::Binary(namespace, gathered) => {
                assert!(client.is_in(namespace) && binary != Binary::Refused);
                let bytes: usize = gathered.parts().iter().map(|part| part.len()).sum();
                assert!(bytes <= ROOM);
                let parts = match gathered.packet().body {
                    Content::Event(event) => event.parts,
                    Content::Ack(ack) => ack.parts,
                    other => panic!("{other:?} has no parts"),
                };
                assert_eq!(parts.map(usize::from), Some(gathered.parts().len()));
            }
            Step::Left(namespace) => assert!(!client.is_in(namespace)),
            Step::Close(_) => return,
            Step::Nothing | Step::Say(_) => {}
        }
    }
}
