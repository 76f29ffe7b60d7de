//! The two apps that the official suites talk to: one that echoes, and one with two namespaces. They know no transport.

use landfall_socketio::engine;
use landfall_socketio::id::SocketId;
use landfall_socketio::namespaces::{Binary, Namespaces, Step};
use landfall_socketio::packet::{Ack, AckId, Content, Event, Packet};
use serde_json::value::RawValue;

/// A message either way: text with its digit, or bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
}

/// What an app does with a message.
#[derive(Default)]
pub struct Reaction {
    pub say: Vec<Frame>,
    pub closes: bool,
}

pub enum App {
    /// Every message comes back.
    Echo,
    /// Tells who connected, and sends messages back as events and answers.
    Rooms(Box<Rooms>),
}

pub struct Rooms {
    namespaces: Namespaces,
    /// By when somebody must have connected.
    pub connect_by: u64,
}

impl App {
    pub fn rooms(connect_by: u64) -> Self {
        let namespaces = Namespaces::new(&["/", "/custom"], Binary::Kept { at_most: 1_000_000 });
        Self::Rooms(Box::new(Rooms { namespaces, connect_by }))
    }

    /// Takes the content of a text message.
    pub fn text(&mut self, text: &str) -> Reaction {
        match self {
            Self::Echo => say([Frame::Text(engine::message(text))]),
            Self::Rooms(rooms) => {
                let step = rooms.namespaces.text(text);
                rooms.take(step)
            }
        }
    }

    pub fn binary(&mut self, bytes: &[u8]) -> Reaction {
        match self {
            Self::Echo => say([Frame::Binary(bytes.to_vec())]),
            Self::Rooms(rooms) => {
                let step = rooms.namespaces.binary(bytes);
                rooms.take(step)
            }
        }
    }

    /// Until when it waits for a connect, where it still does.
    pub fn waits_until(&self) -> Option<u64> {
        match self {
            Self::Rooms(rooms) if rooms.connect_by != u64::MAX => Some(rooms.connect_by),
            _ => None,
        }
    }
}

impl Rooms {
    fn take(&mut self, step: Step<'_>) -> Reaction {
        match step {
            Step::Join { namespace, auth } => self.join(namespace, auth),
            Step::Say(text) => say([Frame::Text(text)]),
            Step::Event(namespace, event) => back(namespace, event, &[]),
            Step::Binary(namespace, gathered) => match gathered.packet().body {
                Content::Event(event) => back(namespace, event, gathered.parts()),
                _ => Reaction::default(),
            },
            Step::Close(_) => Reaction { closes: true, say: Vec::new() },
            Step::Nothing | Step::Ack(..) | Step::Left(_) | Step::Unwanted { .. } => {
                Reaction::default()
            }
        }
    }

    fn join(&mut self, namespace: &'static str, auth: Option<&RawValue>) -> Reaction {
        self.connect_by = u64::MAX;
        let connected = self.namespaces.accept(namespace, &SocketId::new([9; 16])).unwrap();
        let nothing = RawValue::from_string("{}".to_owned()).unwrap();
        let arguments = vec![auth.unwrap_or(&nothing)];
        let event = Event { id: None, name: "auth".into(), arguments, parts: None };
        let told = Packet { namespace, body: Content::Event(event) };
        say([Frame::Text(connected), Frame::Text(told.write())])
    }
}

fn back(namespace: &str, event: Event<'_>, parts: &[Box<[u8]>]) -> Reaction {
    let Event { id, name, arguments, parts: count } = event;
    let body = match (name.as_ref(), id) {
        ("message", _) => {
            let name = "message-back".into();
            Content::Event(Event { id: None, name, arguments, parts: count })
        }
        ("message-with-ack", Some(id)) => ack(id, arguments, count),
        _ => return Reaction::default(),
    };
    let text = Frame::Text(Packet { namespace, body }.write());
    let parts = parts.iter().map(|part| Frame::Binary(part.to_vec()));
    Reaction { say: std::iter::once(text).chain(parts).collect(), closes: false }
}

fn ack<'a>(id: AckId, arguments: Vec<&'a RawValue>, parts: Option<u8>) -> Content<'a> {
    Content::Ack(Ack { id, arguments, parts })
}

fn say<const N: usize>(frames: [Frame; N]) -> Reaction {
    Reaction { say: frames.into(), closes: false }
}
