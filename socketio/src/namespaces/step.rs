//! What follows from a message, and what is kept until its binary parts are there. Decides nothing.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::packet::{Ack, AckId, Event, Packet, PacketError};

/// What follows from a message.
#[derive(Debug)]
pub enum Step<'a> {
    /// Nothing, or nothing yet.
    Nothing,
    /// The client asks to join: answer with [`super::Namespaces::accept`] or [`super::Namespaces::refuse`].
    Join {
        /// Which namespace.
        namespace: &'static str,
        /// What it brought along, an object.
        auth: Option<&'a RawValue>,
    },
    /// This is to be sent; nothing has changed.
    Say(String),
    /// An event of a namespace that the client is in.
    Event(&'static str, Event<'a>),
    /// An answer. Whoever sent no event of this id ignores it.
    Ack(&'static str, Ack<'a>),
    /// An event or answer with its binary parts.
    Binary(&'static str, Gathered),
    /// An event whose binary parts are refused: answer it, where it has an id.
    Unwanted {
        /// Which namespace.
        namespace: &'static str,
        /// By which it is answered.
        id: Option<AckId>,
        /// What happened.
        name: Cow<'a, str>,
    },
    /// The client left the namespace, of its own will.
    Left(&'static str),
    /// The client is to be let go.
    Close(Fault),
}

/// Why a client is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// What it said is no packet.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// It spoke to a namespace that it is not in.
    #[error("the namespace is not joined")]
    NotJoined,
    /// It asked to join twice.
    #[error("the namespace is joined already")]
    JoinedTwice,
    /// It sent a connect error, which only servers do.
    #[error("only a server refuses to connect")]
    ServersWord,
    /// Text came where a binary part was due.
    #[error("a binary part is due")]
    PartDue,
    /// A binary message came where none was due.
    #[error("no binary part is due")]
    NoPartDue,
    /// An event with its parts is larger than [`super::Binary::Kept`] allows.
    #[error("the binary parts are too large")]
    TooLarge,
}

/// A packet with all of its binary parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    pub(super) text: Box<str>,
    pub(super) parts: Vec<Box<[u8]>>,
}

impl Gathered {
    /// Gives the packet.
    pub fn packet(&self) -> Packet<'_> {
        Packet::read(&self.text).expect("it was read before it was kept")
    }

    /// Gives the parts in their order.
    pub fn parts(&self) -> &[Box<[u8]>] {
        &self.parts
    }
}

/// Parts that are still to come.
#[derive(Debug)]
pub(super) struct Due {
    /// At least 1.
    pub(super) count: u8,
    /// `None` where they are dropped.
    pub(super) kept: Option<Kept>,
}

/// What is told once all parts are there.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) namespace: &'static str,
    pub(super) gathered: Gathered,
    /// How many bytes more it may take.
    pub(super) room: usize,
}
