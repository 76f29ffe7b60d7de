//! A revocation on one node ends what another node is committing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use landfall_core::audit::Action;
use landfall_core::auth::TokenMark;
use landfall_store::{AuditFilter, Guard, Store, StoreError, Unit};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::contract::make::{draft, note, publish, tenant, unit, user};
use crate::contract::revocations::{of_user, revoke};
use crate::{Place, open};

const WRITERS: usize = 8;

/// What its writers did, and the bell that tells of it.
#[derive(Default)]
struct Progress {
    committed: AtomicUsize,
    bell: Notify,
}

async fn write_until_revoked(store: Arc<dyn Store>, progress: Arc<Progress>) {
    let token = TokenMark { user: user("ada"), token_id: None, issued_at: None };
    loop {
        let one = Unit {
            guards: vec![Guard::NotRevoked(token.clone())],
            audit: vec![draft(Action::Connected, "u", 1)],
            ..unit(&tenant("t"), vec![publish(&note(&user("u"), "n"))])
        };
        match store.commit(one).await {
            Ok(_) => {}
            Err(StoreError::Revoked) => return,
            Err(error) => panic!("{error:?}"),
        }
        progress.committed.fetch_add(1, Ordering::SeqCst);
        progress.bell.notify_one();
    }
}

/// Whatever a revoked caller did stands in the trail before the revocation, never after it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_revoked_caller_is_committed_after_the_revocation() {
    for round in 1..=5 {
        let place = Place::empty();
        let (first, second) = (open(&place.settings()).await, open(&place.settings()).await);
        let progress = Arc::new(Progress::default());
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            writers.spawn(write_until_revoked(Arc::clone(&first), Arc::clone(&progress)));
        }
        while progress.committed.load(Ordering::SeqCst) < 20 * round {
            progress.bell.notified().await;
        }
        let t = tenant("t");
        let revoking = Unit {
            audit: vec![draft(Action::TokensRevoked, "ada", 2)],
            ..unit(&t, vec![revoke(&of_user("ada"), 10)])
        };
        second.commit(revoking).await.unwrap();
        writers.join_all().await;
        let filter = AuditFilter { limit: 1, ..AuditFilter::default() };
        let last = first.audit(&t, filter).await.unwrap().remove(0);
        assert_eq!(last.action, Action::TokensRevoked.as_str(), "round {round}");
    }
}
