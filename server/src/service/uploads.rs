//! Room for blobs that arrive at this node: what is not stored yet counts, too, so that nobody fills the disk with
//! what they never finish.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_core::id::{Tenant, UserId};

/// Blobs that one user may bring at the same time.
pub(super) const UPLOADS_MAX: u32 = 8;

/// What is under way.
#[derive(Debug, Default)]
struct UnderWay {
    of_users: HashMap<(Tenant, UserId), Share>,
    of_tenants: HashMap<Tenant, Share>,
}

/// How many, and the bytes that they may come to.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    uploads: u32,
    bytes: u64,
}

/// The uploads of this node.
#[derive(Debug, Clone, Default)]
pub(super) struct Uploads(Arc<Mutex<UnderWay>>);

/// Room that is kept for an upload until this is dropped.
#[derive(Debug)]
pub(super) struct Reserved {
    uploads: Uploads,
    tenant: Tenant,
    user: UserId,
    bytes: u64,
    /// What all others of the tenant may come to beside it, and all others of the user.
    pub(super) others: Others,
}

/// Bytes that other uploads may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Others {
    /// Of the tenant.
    pub(super) of_tenant: u64,
    /// Of the user.
    pub(super) of_user: u64,
}

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps room for an upload of at most `bytes`; nothing where the user brings as many as they may already.
    pub(super) fn reserve(&self, tenant: &Tenant, user: &UserId, bytes: u64) -> Option<Reserved> {
        let (tenant, user) = (tenant.clone(), user.clone());
        let mut under_way = self.lock();
        let of_user = under_way.of_users.entry((tenant.clone(), user.clone())).or_default();
        if of_user.uploads >= UPLOADS_MAX {
            return None;
        }
        let of_user = of_user.add(bytes);
        let of_tenant = under_way.of_tenants.entry(tenant.clone()).or_default().add(bytes);
        drop(under_way);
        let others = Others { of_tenant, of_user };
        Some(Reserved { uploads: self.clone(), tenant, user, bytes, others })
    }
}

impl Share {
    /// Adds one; gives the bytes without it.
    fn add(&mut self, bytes: u64) -> u64 {
        let before = self.bytes;
        self.uploads += 1;
        self.bytes += bytes;
        before
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut under_way = self.uploads.lock();
        let whose = (self.tenant.clone(), self.user.clone());
        end(under_way.of_users.entry(whose), self.bytes);
        end(under_way.of_tenants.entry(self.tenant.clone()), self.bytes);
    }
}

/// Ends one upload of a share, and the share with the last.
fn end<K>(share: Entry<'_, K, Share>, bytes: u64) {
    let Entry::Occupied(mut share) = share else { return };
    let left = share.get_mut();
    left.uploads = left.uploads.saturating_sub(1);
    left.bytes = left.bytes.saturating_sub(bytes);
    if left.uploads == 0 {
        share.remove();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn room_is_kept_until_an_upload_ends_and_a_user_brings_a_few_at_once() {
        let uploads = Uploads::default();
        let reserve = |tenant: &str, user: &str, bytes| {
            uploads.reserve(&Tenant::parse(tenant).unwrap(), &UserId::parse(user).unwrap(), bytes)
        };
        let others = |of_tenant, of_user| Others { of_tenant, of_user };
        let mut held: Vec<_> = (0..UPLOADS_MAX).map(|_| reserve("t", "ann", 10).unwrap()).collect();
        assert_eq!(held[1].others, others(10, 10));
        assert!(reserve("t", "ann", 10).is_none());
        let of_ben = reserve("t", "ben", 1).unwrap();
        assert_eq!(of_ben.others, others(80, 0));
        let elsewhere = reserve("s", "ann", 1).unwrap();
        assert_eq!(elsewhere.others, others(0, 0));
        held.pop();
        assert_eq!(reserve("t", "ann", 1).unwrap().others, others(71, 70));
        drop((held, of_ben, elsewhere));
        let under_way = uploads.lock();
        assert!(under_way.of_users.is_empty() && under_way.of_tenants.is_empty());
    }
}
