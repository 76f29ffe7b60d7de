//! A store for one case, and what it was heard to change.

use std::sync::{Arc, Mutex};

use landfall_core::audit::Action;
use landfall_core::change::FeedChange;
use landfall_core::feed::{FeedKey, Head, Number};
use landfall_core::id::{Tenant, UserId};
use landfall_core::notification::{InboxChange, NewNotification, Notification};
use landfall_core::session::{Page, Read};
use landfall_store::{
    Answer, Answered, AuditFilter, AuditRecord, Change, ChangeSink, InboxQuery, InboxSlice,
    Outcome, Receipt, Store, StoreError, Write,
};

use super::make;

/// One empty place for a store, removed with the value. It opens stores; all else goes through
/// their traits, except for what no store may offer.
pub trait Backend: Send + Sync {
    /// Makes another empty place.
    fn another(&self) -> Arc<dyn Backend>;

    /// Opens the store at this place, making it at first.
    fn open(&self, sink: ChangeSink) -> Answered<'_, Arc<dyn Store>>;

    /// Brings the schema up to date; tells from and to which version.
    fn migrate(&self) -> Answered<'_, (u32, u32)>;

    /// Does behind the store's back what the trail must show.
    fn tamper(&self, tampering: Tampering);

    /// Marks the schema as one version newer than this build knows.
    fn claim_newer_schema(&self);
}

/// What somebody with access to the database might do to a tenant's trail.
#[derive(Debug, Clone, Copy)]
pub enum Tampering {
    ChangeAction,
    ChangeTime,
    ChangeMetadata,
    ChangeActor,
    /// Changes the metadata and makes the entry look as if its details had been erased.
    ForgeErasure,
    DeleteEntry,
    DeleteUnsealedEntry,
    DeleteLastBlock,
    /// Deletes the last block together with the chain's end.
    ForgetEnd,
    SwapTwoEntries,
}

/// Chooses an entry in the middle of the first block.
const SECOND: &str = "where tenant = 't' and number = 2";

impl Tampering {
    /// Gives statements that do it, to be run in order; each changes exactly one row.
    pub fn statements(self) -> Vec<String> {
        let second = |set: &str| vec![format!("update audit_entry set {set} {SECOND}")];
        let renumber = |from: u64, to: u64| {
            format!("update audit_entry set number = {to} where tenant = 't' and number = {from}")
        };
        let last_block = || "delete from audit_block where tenant = 't' and block = 2".to_owned();
        match self {
            Self::ChangeAction => {
                second(&format!("action = '{}'", Action::NotificationDelivered.as_str()))
            }
            Self::ChangeTime => second("at = at + 1"),
            Self::ChangeMetadata => second("metadata = '{}'"),
            Self::ChangeActor => second("actor = 'somebody'"),
            Self::ForgeErasure => second("salt = null, metadata = '{}'"),
            Self::DeleteEntry => vec![format!("delete from audit_entry {SECOND}")],
            Self::DeleteUnsealedEntry => {
                vec!["delete from audit_entry where tenant = 't' and number = 7".into()]
            }
            Self::DeleteLastBlock => vec![last_block()],
            Self::ForgetEnd => {
                vec![last_block(), "delete from audit_chain where tenant = 't'".into()]
            }
            Self::SwapTwoEntries => vec![renumber(1, 99), renumber(2, 1), renumber(99, 2)],
        }
    }
}

/// What the sink heard, in its order.
pub type Heard = Arc<Mutex<Vec<Change>>>;

pub struct World {
    backend: Arc<dyn Backend>,
    pub store: Arc<dyn Store>,
    heard: Heard,
}

impl World {
    pub async fn new(backend: Arc<dyn Backend>) -> Self {
        let heard = Heard::default();
        let store = backend.open(recording(&heard)).await.unwrap();
        Self { backend, store, heard }
    }

    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// Closes the store and opens it again.
    pub async fn reopen(&mut self) {
        self.store.close();
        self.store = self.backend.open(recording(&self.heard)).await.unwrap();
    }

    /// Tries to open the store once more.
    pub async fn try_open(&self) -> Answer<Arc<dyn Store>> {
        self.backend.open(recording(&self.heard)).await
    }

    /// Begins anew with an empty store.
    pub async fn fresh(&self) -> Self {
        Self::new(self.fresh_place()).await
    }

    pub fn fresh_place(&self) -> Arc<dyn Backend> {
        self.backend.another()
    }

    pub fn heard(&self) -> Vec<Change> {
        self.heard.lock().unwrap().clone()
    }

    pub async fn commit(&self, tenant: &Tenant, writes: Vec<Write>) -> Answer<Receipt> {
        self.store.commit(make::unit(tenant, writes)).await
    }

    /// Commits one write that must succeed.
    pub async fn done(&self, tenant: &Tenant, write: Write) -> Outcome {
        self.commit(tenant, vec![write]).await.unwrap().outcomes[0]
    }

    /// Publishes one notification and gives its number.
    pub async fn publish(&self, tenant: &Tenant, new: &NewNotification) -> Number {
        let receipt = self.commit(tenant, vec![make::publish(new)]).await.unwrap();
        receipt.numbers()[0]
    }

    pub async fn page(&self, tenant: &Tenant, user: &UserId, read: Read) -> Page {
        self.store.read(tenant, user, read).await.unwrap()
    }

    /// Gives a user's whole inbox, newest first.
    pub async fn inbox(&self, tenant: &Tenant, user: &UserId) -> Vec<Notification> {
        self.store.list(tenant, user, everything()).await.unwrap()
    }

    pub async fn head(&self, tenant: &Tenant, user: &UserId) -> Head {
        let feed = Arc::new(FeedKey::inbox(tenant, user));
        self.store.heads(vec![feed]).await.unwrap()[0]
    }

    /// Gives a tenant's whole trail, oldest first.
    pub async fn trail(&self, tenant: &Tenant) -> Vec<AuditRecord> {
        let filter = AuditFilter { limit: 10_000, ..AuditFilter::default() };
        let mut trail = self.store.audit(tenant, filter).await.unwrap();
        trail.reverse();
        trail
    }
}

/// Gives the number that a change took.
#[track_caller]
pub fn number(change: &Change) -> u64 {
    change.change.number().unwrap_or_else(|| panic!("{change:?} has no number")).0
}

/// Gives what happened to an inbox.
#[track_caller]
pub fn inbox(change: &Change) -> &InboxChange {
    let FeedChange::Inbox { change, .. } = &change.change else { panic!("{change:?}") };
    change
}

fn recording(heard: &Heard) -> ChangeSink {
    let heard = Arc::clone(heard);
    Arc::new(move |changes| heard.lock().unwrap().extend(changes))
}

/// Asks for a whole inbox, newest first.
pub fn everything() -> InboxQuery {
    InboxQuery {
        slice: InboxSlice::Newest { below: None },
        read: None,
        notification_type: None,
        offset: 0,
        limit: 10_000,
    }
}

#[track_caller]
pub fn assert_stale<T: std::fmt::Debug>(answer: Answer<T>) {
    assert!(matches!(answer, Err(StoreError::Stale)), "{answer:?}");
}
