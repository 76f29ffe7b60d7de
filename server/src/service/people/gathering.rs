//! Reading recipients together: notifications accepted at the same time share one read of the
//! store, as they share one commit.
//!
//! A read waits for no company: whoever comes while none of the tenant's is under way is read at
//! once, and whoever comes meanwhile is read with all others who did.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_core::id::{Tenant, UserId};
use landfall_core::preference::Preferences;
use landfall_store::{Answer, Recipient, Recipients, Store, StoreError};
use tokio::sync::oneshot;

use super::read_wishes;

/// Recipients that are read together at most.
const GROUP_MAX: usize = 256;

/// A recipient, and what their tenant wants for everybody.
#[derive(Debug)]
pub(in crate::service) struct Found {
    pub(in crate::service) recipient: Recipient,
    pub(in crate::service) tenant_wishes: Arc<Preferences>,
}

/// Reads recipients of a tenant from the store.
type Read = dyn Fn(Tenant, Vec<UserId>) -> Reading + Send + Sync;
type Reading = Pin<Box<dyn Future<Output = Answer<Recipients>> + Send>>;

/// Gathers those who are to be read.
#[derive(Clone)]
pub(in crate::service) struct Gathering {
    read: Arc<Read>,
    /// A tenant is here while its recipients are being read.
    waiting: Arc<Mutex<HashMap<Tenant, Vec<Waiting>>>>,
}

struct Waiting {
    user: UserId,
    answer: oneshot::Sender<Answer<Found>>,
}

impl Gathering {
    pub(in crate::service) fn new(store: Arc<dyn Store>) -> Self {
        Self::reading(move |tenant, users| {
            let store = Arc::clone(&store);
            Box::pin(async move { store.recipients(&tenant, users).await })
        })
    }

    fn reading(read: impl Fn(Tenant, Vec<UserId>) -> Reading + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), waiting: Arc::default() }
    }

    /// Reads what is needed to reach a user, as the store has it now or later.
    pub(in crate::service) async fn recipient(
        &self,
        tenant: &Tenant,
        user: &UserId,
    ) -> Answer<Found> {
        let (answer, answered) = oneshot::channel();
        self.enter(tenant, Waiting { user: user.clone(), answer });
        let lost = |_| StoreError::Unavailable("the recipients' read was lost".into());
        answered.await.map_err(lost)?
    }

    fn enter(&self, tenant: &Tenant, waiting: Waiting) {
        match self.lock().entry(tenant.clone()) {
            Entry::Occupied(mut others) => others.get_mut().push(waiting),
            Entry::Vacant(place) => {
                place.insert(vec![waiting]);
                tokio::spawn(self.clone().serve(tenant.clone()));
            }
        }
    }

    async fn serve(self, tenant: Tenant) {
        while let Some(group) = self.next(&tenant) {
            // A panic loses this group alone.
            let _ = tokio::spawn(answer(Arc::clone(&self.read), tenant.clone(), group)).await;
        }
    }

    /// Takes those who came first; a tenant of whom nobody waits is gone with this look.
    fn next(&self, tenant: &Tenant) -> Option<Vec<Waiting>> {
        let mut tenants = self.lock();
        let waiting = tenants.get_mut(tenant)?;
        if waiting.is_empty() {
            tenants.remove(tenant);
            return None;
        }
        let later = waiting.split_off(waiting.len().min(GROUP_MAX));
        Some(std::mem::replace(waiting, later))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Tenant, Vec<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(read: Arc<Read>, tenant: Tenant, mut group: Vec<Waiting>) {
    // Who asked may have gone.
    group.retain(|waiting| !waiting.answer.is_closed());
    if group.is_empty() {
        return;
    }
    let users = group.iter().map(|waiting| waiting.user.clone()).collect();
    match read(tenant.clone(), users).await {
        Ok(found) => give(group, found),
        Err(StoreError::Unavailable(why)) => {
            for waiting in group {
                let _ = waiting.answer.send(Err(StoreError::Unavailable(why.clone())));
            }
        }
        // One whose rows do not read must not fail the others.
        Err(_) => {
            for waiting in group {
                match read(tenant.clone(), vec![waiting.user.clone()]).await {
                    Ok(found) => give(vec![waiting], found),
                    Err(error) => {
                        let _ = waiting.answer.send(Err(error));
                    }
                }
            }
        }
    }
}

fn give(group: Vec<Waiting>, Recipients { users, everybody }: Recipients) {
    let tenant_wishes = Arc::new(read_wishes(everybody.as_ref()));
    for (waiting, recipient) in group.into_iter().zip(users) {
        let found = Found { recipient, tenant_wishes: Arc::clone(&tenant_wishes) };
        let _ = waiting.answer.send(Ok(found));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::service::compose::unknown;

    fn tenant() -> Tenant {
        Tenant::parse("t").unwrap()
    }

    fn user(number: usize) -> UserId {
        UserId::parse(&format!("u{number}")).unwrap()
    }

    fn known(users: Vec<UserId>) -> Answer<Recipients> {
        Ok(Recipients { users: users.into_iter().map(unknown).collect(), everybody: None })
    }

    /// Sizes of the reads so far.
    type Sizes = Arc<Mutex<Vec<usize>>>;

    /// Gathers for reads that each wait for a permit.
    fn gated(answer: fn(Vec<UserId>) -> Answer<Recipients>) -> (Gathering, Sizes, Arc<Semaphore>) {
        let (sizes, gate) = (Sizes::default(), Arc::new(Semaphore::new(0)));
        let (theirs, open) = (Arc::clone(&sizes), Arc::clone(&gate));
        let gathering = Gathering::reading(move |_, users| {
            theirs.lock().unwrap().push(users.len());
            let open = Arc::clone(&open);
            Box::pin(async move {
                open.acquire().await.unwrap().forget();
                answer(users)
            })
        });
        (gathering, sizes, gate)
    }

    /// Asks for users all at once; gives their names as they were answered.
    async fn asked(gathering: &Gathering, users: usize) -> Vec<Answer<UserId>> {
        let (tenant, names): (_, Vec<_>) = (tenant(), (0..users).map(user).collect());
        let all = names.iter().map(|user| gathering.recipient(&tenant, user));
        let found = join_all(all).await.into_iter();
        found.map(|found| Ok(found?.recipient.user)).collect()
    }

    #[tokio::test]
    async fn who_comes_while_others_are_read_is_read_with_them() {
        let (gathering, sizes, gate) = gated(known);
        let first = tokio::spawn({
            let gathering = gathering.clone();
            async move { asked(&gathering, 1).await }
        });
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        gate.add_permits(3);
        let many = GROUP_MAX + 7;
        let found: Answer<Vec<_>> = asked(&gathering, many).await.into_iter().collect();
        assert_eq!(found.unwrap(), (0..many).map(user).collect::<Vec<_>>());
        assert_eq!(first.await.unwrap().len(), 1);
        assert_eq!(*sizes.lock().unwrap(), [1, GROUP_MAX, 7]);
        while !gathering.lock().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_whose_rows_do_not_read_fails_alone() {
        let (gathering, _, gate) = gated(|users| {
            if users.contains(&user(1)) {
                return Err(StoreError::Internal("a row does not read".into()));
            }
            known(users)
        });
        gate.add_permits(100);
        let found = asked(&gathering, 3).await;
        assert!(found[0].is_ok() && found[2].is_ok());
        assert!(matches!(found[1], Err(StoreError::Internal(_))));
    }

    #[tokio::test]
    async fn a_store_that_is_away_is_asked_once_for_all() {
        let (gathering, sizes, gate) = gated(|_| Err(StoreError::Unavailable("away".into())));
        gate.add_permits(100);
        let found = asked(&gathering, 9).await;
        assert!(found.iter().all(|one| matches!(one, Err(StoreError::Unavailable(_)))));
        assert_eq!(*sizes.lock().unwrap(), [9]);
    }

    #[tokio::test]
    async fn a_panic_loses_those_who_were_read_and_nobody_after_them() {
        let (gathering, _, gate) = gated(|users| {
            assert!(users.len() < 3, "so many");
            known(users)
        });
        gate.add_permits(100);
        let lost = asked(&gathering, 3).await;
        assert!(lost.iter().all(|one| matches!(one, Err(StoreError::Unavailable(_)))));
        assert!(asked(&gathering, 2).await.iter().all(Result::is_ok));
    }
}
