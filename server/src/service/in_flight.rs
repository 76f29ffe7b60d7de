//! Which idempotency keys are being worked on at this moment, on this node.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use landfall_core::auth::Caller;
use landfall_core::id::Tenant;

use super::notify::RequestKey;
use super::{ServiceError, Services};

type Key = (Tenant, String, String);

/// The set of keys under way.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<Mutex<HashSet<Key>>>);

/// Holds a key until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    set: InFlight,
    key: Key,
}

impl InFlight {
    /// Takes a key, or refuses while another request holds it.
    fn take(&self, tenant: &Tenant, scope: &str, key: &str) -> Result<Held, ServiceError> {
        let key = (tenant.clone(), scope.to_owned(), key.to_owned());
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.insert(key.clone()) {
            return Err(ServiceError::InFlight);
        }
        Ok(Held { set: self.clone(), key })
    }
}

impl Services {
    /// Keeps others from the key of a request while it is under way.
    pub(super) fn held(
        &self,
        caller: &Caller,
        key: Option<&RequestKey>,
    ) -> Result<Option<Held>, ServiceError> {
        key.map(|key| self.in_flight.take(&caller.tenant, &key.scope, &key.key)).transpose()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut keys = self.set.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_is_held_until_its_request_ends() {
        let set = InFlight::default();
        let tenant = Tenant::parse("t").unwrap();
        let held = set.take(&tenant, "s", "k").unwrap();
        assert!(set.take(&tenant, "s", "k").is_err());
        assert!(set.take(&tenant, "other", "k").is_ok());
        drop(held);
        assert!(set.take(&tenant, "s", "k").is_ok());
    }
}
