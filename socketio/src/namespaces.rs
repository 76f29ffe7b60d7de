//! What one client has joined, and what follows from each message: what to say, what to tell the app, when to let go.
//! Whether a client may join is for others to decide; until they have, it may say nothing there. Holds nothing of a
//! client but which of the known namespaces it is in and the parts that are still to come.

mod step;

use serde_json::value::RawValue;

use crate::id::SocketId;
use crate::packet::{self, Ack, Content, Event, Packet};
use step::{Due, Kept};
pub use step::{Fault, Gathered, Step};

/// The most namespaces that a server may know.
pub const NAMESPACES_MAX: usize = 8;

/// What is done with events that have binary parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binary {
    /// They are told as [`Step::Unwanted`], and their parts dropped as they come: nothing is held.
    Refused,
    /// They are told with their parts once all are there; so many bytes of one event at most, its text included.
    Kept {
        /// In bytes.
        at_most: usize,
    },
}

/// The state of one client.
#[derive(Debug)]
pub struct Namespaces {
    known: &'static [&'static str],
    /// One bit for each known namespace: asked to join, not answered yet.
    asked: u8,
    /// One bit for each known namespace: in it.
    joined: u8,
    binary: Binary,
    due: Option<Box<Due>>,
}

impl Namespaces {
    /// Begins with a client that is nowhere. Of `known` the first [`NAMESPACES_MAX`] count.
    pub fn new(known: &'static [&'static str], binary: Binary) -> Self {
        Self { known, asked: 0, joined: 0, binary, due: None }
    }

    /// Takes the content of a text message.
    pub fn text<'a>(&mut self, text: &'a str) -> Step<'a> {
        if self.due.is_some() {
            return Step::Close(Fault::PartDue);
        }
        match Packet::read(text) {
            Ok(packet) => self.packet(packet, text),
            Err(error) => Step::Close(error.into()),
        }
    }

    /// Takes a binary message.
    pub fn binary(&mut self, bytes: &[u8]) -> Step<'static> {
        let Some(due) = &mut self.due else {
            return Step::Close(Fault::NoPartDue);
        };
        if let Some(kept) = &mut due.kept {
            let Some(room) = kept.room.checked_sub(bytes.len()) else {
                return Step::Close(Fault::TooLarge);
            };
            kept.room = room;
            kept.gathered.parts.push(bytes.into());
        }
        due.count -= 1;
        if due.count > 0 {
            return Step::Nothing;
        }
        match self.due.take().and_then(|due| due.kept) {
            Some(kept) => Step::Binary(kept.namespace, kept.gathered),
            None => Step::Nothing,
        }
    }

    /// Lets the client in and gives what tells it so; `None` when it did not ask.
    pub fn accept(&mut self, namespace: &'static str, id: &SocketId) -> Option<String> {
        let bit = self.take_asked(namespace)?;
        self.joined |= bit;
        Some(packet::connected(namespace, id))
    }

    /// Does not let the client in and gives what tells it why; it may ask again. `None` when it did not ask.
    pub fn refuse(
        &mut self,
        namespace: &'static str,
        message: &str,
        data: Option<&RawValue>,
    ) -> Option<String> {
        self.take_asked(namespace)?;
        Some(packet::refused(namespace, message, data))
    }

    /// Puts the client out and gives what tells it so; `None` when it is not in.
    pub fn put_out(&mut self, namespace: &'static str) -> Option<String> {
        let (_, bit) = self.known(namespace)?;
        let was_in = self.joined & bit != 0;
        self.joined &= !bit;
        // Its parts are on their way all the same, and are for nobody.
        if let Some(due) = &mut self.due {
            due.kept.take_if(|kept| kept.namespace == namespace);
        }
        was_in.then(|| packet::disconnected(namespace))
    }

    /// Says whether the client is in a namespace.
    pub fn is_in(&self, namespace: &str) -> bool {
        self.known(namespace).is_some_and(|(_, bit)| self.joined & bit != 0)
    }

    /// Says whether the client is in no namespace.
    pub fn is_nowhere(&self) -> bool {
        self.joined == 0
    }

    fn packet<'a>(&mut self, packet: Packet<'a>, text: &'a str) -> Step<'a> {
        if let Content::Connect(auth) = packet.body {
            return self.connect(packet.namespace, auth);
        }
        let known = self.known(packet.namespace);
        let Some((namespace, bit)) = known.filter(|(_, bit)| self.joined & bit != 0) else {
            return Step::Close(Fault::NotJoined);
        };
        match packet.body {
            Content::Connect(_) | Content::ConnectError(_) => Step::Close(Fault::ServersWord),
            Content::Disconnect => {
                self.joined &= !bit;
                Step::Left(namespace)
            }
            Content::Event(event) => self.event(namespace, event, text),
            Content::Ack(ack) => self.ack(namespace, ack, text),
        }
    }

    fn connect<'a>(&mut self, namespace: &str, auth: Option<&'a RawValue>) -> Step<'a> {
        match self.known(namespace) {
            None => Step::Say(packet::refused(namespace, "Invalid namespace", None)),
            Some((_, bit)) if (self.asked | self.joined) & bit != 0 => {
                Step::Close(Fault::JoinedTwice)
            }
            Some((namespace, bit)) => {
                self.asked |= bit;
                Step::Join { namespace, auth }
            }
        }
    }

    fn event<'a>(&mut self, namespace: &'static str, event: Event<'a>, text: &'a str) -> Step<'a> {
        match (event.parts, self.binary) {
            (None, _) => Step::Event(namespace, event),
            (Some(count), Binary::Kept { at_most }) => self.gather(namespace, text, count, at_most),
            (Some(count), Binary::Refused) => {
                self.drop_parts(count);
                Step::Unwanted { namespace, id: event.id, name: event.name }
            }
        }
    }

    fn ack<'a>(&mut self, namespace: &'static str, ack: Ack<'a>, text: &'a str) -> Step<'a> {
        match (ack.parts, self.binary) {
            (None, _) => Step::Ack(namespace, ack),
            (Some(count), Binary::Kept { at_most }) => self.gather(namespace, text, count, at_most),
            (Some(count), Binary::Refused) => {
                self.drop_parts(count);
                Step::Nothing
            }
        }
    }

    fn gather(
        &mut self,
        namespace: &'static str,
        text: &str,
        count: u8,
        at_most: usize,
    ) -> Step<'static> {
        let Some(room) = at_most.checked_sub(text.len()) else {
            return Step::Close(Fault::TooLarge);
        };
        let gathered = Gathered { text: text.into(), parts: Vec::new() };
        if count == 0 {
            return Step::Binary(namespace, gathered);
        }
        let kept = Some(Kept { namespace, gathered, room });
        self.due = Some(Box::new(Due { count, kept }));
        Step::Nothing
    }

    fn drop_parts(&mut self, count: u8) {
        self.due = (count > 0).then(|| Box::new(Due { count, kept: None }));
    }

    /// Finds a namespace that the server knows, and its bit.
    fn known(&self, name: &str) -> Option<(&'static str, u8)> {
        let known = self.known.iter().take(NAMESPACES_MAX);
        let at = known.clone().position(|known| *known == name)?;
        Some((self.known[at], 1 << at))
    }

    fn take_asked(&mut self, namespace: &str) -> Option<u8> {
        let (_, bit) = self.known(namespace)?;
        let did_ask = self.asked & bit != 0;
        self.asked &= !bit;
        did_ask.then_some(bit)
    }
}

#[cfg(test)]
mod tests;
