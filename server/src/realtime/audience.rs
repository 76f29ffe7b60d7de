//! Which connections of a tenant hear of what others do: that they came or went, and that they write in rooms
//! which one has not joined.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_core::id::Tenant;

use super::connection::Connection;

/// What of others a connection hears.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listens {
    /// That they came or went.
    pub to_statuses: bool,
    /// That they write in rooms that it has not joined.
    pub to_alerts: bool,
}

/// Those who hear anything, by tenant.
#[derive(Default)]
pub(super) struct Audience(Mutex<HashMap<Tenant, HashMap<u64, Arc<Connection>>>>);

impl Audience {
    fn lock(&self) -> MutexGuard<'_, HashMap<Tenant, HashMap<u64, Arc<Connection>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection in that hears anything.
    pub(super) fn enter(&self, connection: &Arc<Connection>) {
        if connection.listens != Listens::default() {
            let tenant = connection.feed.tenant.clone();
            self.lock().entry(tenant).or_default().insert(connection.id, Arc::clone(connection));
        }
    }

    /// Lets a connection go.
    pub(super) fn leave(&self, connection: &Connection) {
        if connection.listens == Listens::default() {
            return;
        }
        if let Entry::Occupied(mut those) = self.lock().entry(connection.feed.tenant.clone()) {
            those.get_mut().remove(&connection.id);
            if those.get().is_empty() {
                those.remove();
            }
        }
    }

    /// Says whether anybody of a tenant hears anything.
    pub(super) fn is_heard(&self, tenant: &Tenant) -> bool {
        self.lock().contains_key(tenant)
    }

    /// Gives those of a tenant.
    pub(super) fn of(&self, tenant: &Tenant) -> Vec<Arc<Connection>> {
        let audience = self.lock();
        audience.get(tenant).into_iter().flat_map(|those| those.values().cloned()).collect()
    }

    /// Gives those of all tenants.
    pub(super) fn everybody(&self) -> Vec<Arc<Connection>> {
        self.lock().values().flat_map(|those| those.values().cloned()).collect()
    }
}
