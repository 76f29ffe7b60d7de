//! By what a client knows an answer again: its own `ref`, or the id of a Socket.IO acknowledgement.

use landfall_protocol::frame::Reference;
use landfall_socketio::packet::AckId;

/// By what a client knows an answer again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Mark {
    /// It asked without one.
    #[default]
    None,
    /// The `ref` of a frame.
    Ref(Reference),
    /// The id of an event that wants to be acknowledged.
    Ack(AckId),
}

impl Mark {
    /// Gives the `ref`, if it is one.
    pub(super) fn reference(&self) -> Option<&Reference> {
        if let Self::Ref(reference) = self { Some(reference) } else { None }
    }
}

impl From<Option<Reference>> for Mark {
    fn from(reference: Option<Reference>) -> Self {
        reference.map_or(Self::None, Self::Ref)
    }
}
