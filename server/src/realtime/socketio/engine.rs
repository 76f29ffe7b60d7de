//! Engine.IO: on which terms it is offered, which sessions poll, and how one begins.
//!
//! Knows no user and no event: what is said in a session is for whoever serves it, on the wire that a new session
//! comes with, whatever carries that.

use std::sync::Arc;

use landfall_socketio::id::EngineId;
use landfall_socketio::terms::{Terms, Transport};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;

use super::polling::Polling;
use super::sessions::Sessions;
use crate::realtime::gateway::PAIR_BYTES;
use crate::realtime::wire::Wire;
use crate::service::Ids;

/// Engine.IO as this server offers it.
pub struct Engine {
    /// What is agreed with every client.
    pub terms: Terms,
    /// The tasks of open sessions.
    pub tasks: TaskTracker,
    sessions: Arc<Sessions>,
    /// Sessions that may poll at the same time.
    sessions_max: usize,
    ids: Ids,
}

/// What a client is told in the beginning.
pub struct Opening {
    id: EngineId,
    transport: Transport,
    /// Its room among those that have not joined; given back with the value.
    _newcomer: Option<OwnedSemaphorePermit>,
}

impl Opening {
    /// Writes the packet that a session begins with.
    pub fn packet(&self, terms: &Terms) -> String {
        terms.open_packet(&self.id, self.transport)
    }
}

/// A session that polls and has just begun.
pub struct Begun {
    /// How its requests are answered.
    pub polling: Arc<Polling>,
    /// What is said in it, as on a socket.
    pub wire: Wire,
    /// How it begins.
    pub opening: Opening,
}

impl Engine {
    /// Offers Engine.IO; so many sessions may poll at the same time.
    pub fn new(terms: Terms, sessions_max: usize, tasks: TaskTracker) -> Self {
        Self { terms, tasks, sessions: Arc::default(), sessions_max, ids: Ids::new() }
    }

    /// Begins a session on a socket.
    pub fn open(&self) -> Opening {
        Opening { id: self.id(), transport: Transport::WebSocket, _newcomer: None }
    }

    /// Begins a session that polls; `None` where there is no room for it.
    pub fn begin(&self) -> Option<Begun> {
        let newcomer = self.sessions.newcomer()?;
        let (wire, end) = Wire::pair(PAIR_BYTES)
            .inspect_err(|error| tracing::warn!(%error, "a session could not begin"))
            .ok()?;
        let id = self.id();
        let (polling, ear) = Polling::new(&self.terms, end);
        if !self.sessions.add(id, &polling, self.sessions_max) {
            return None;
        }
        let (carrying, sessions) = (Arc::clone(&polling), Arc::clone(&self.sessions));
        self.tasks.spawn(async move {
            carrying.carry(ear).await;
            sessions.remove(&id);
        });
        let opening = Opening { id, transport: Transport::Polling, _newcomer: Some(newcomer) };
        Some(Begun { polling, wire, opening })
    }

    /// Finds a session that polls.
    pub fn find(&self, id: &EngineId) -> Option<Arc<Polling>> {
        self.sessions.find(id)
    }

    fn id(&self) -> EngineId {
        EngineId::new(self.ids.bytes())
    }
}
