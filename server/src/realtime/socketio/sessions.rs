//! The sessions of Socket.IO that poll, by their secret names.
//!
//! An entry is there as long as its session's task runs. A name opens its session to whoever has it, so it is
//! looked up by a table with a random hash and shown to nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_socketio::id::EngineId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::polling::Polling;

/// Sessions that nobody has joined yet: one request makes one, so that they need a bound of their own.
const NEWCOMERS_MAX: usize = 1_024;

type Table = HashMap<EngineId, Arc<Polling>>;

/// The sessions that poll.
pub(super) struct Sessions {
    table: Mutex<Table>,
    newcomers: Arc<Semaphore>,
}

impl Default for Sessions {
    fn default() -> Self {
        let newcomers = Arc::new(Semaphore::new(NEWCOMERS_MAX));
        Self { table: Mutex::default(), newcomers }
    }
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for a session that nobody has joined yet; it is given back with the value.
    pub(super) fn newcomer(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.newcomers).try_acquire_owned().ok()
    }

    /// Adds a session unless there are too many.
    pub(super) fn add(&self, id: EngineId, polling: &Arc<Polling>, max: usize) -> bool {
        let mut sessions = self.lock();
        let has_room = sessions.len() < max;
        if has_room {
            sessions.insert(id, Arc::clone(polling));
        }
        has_room
    }

    /// Finds a session.
    pub(super) fn find(&self, id: &EngineId) -> Option<Arc<Polling>> {
        self.lock().get(id).cloned()
    }

    /// Lets a session go.
    pub(super) fn remove(&self, id: &EngineId) {
        self.lock().remove(id);
    }
}
