//! What a store promises, whichever it is: traits whose comments are contracts, and their values.
//!
//! No SQL and no database shows here.

mod audits;
mod commits;
mod error;
mod inbox;
mod lives;
mod revocations;
mod sends;
mod topics;
mod unit;

pub use audits::{AuditFilter, AuditRecord, Audits, SealReport, Verification};
pub use commits::{Change, ChangeSink, Commits};
pub use error::{Answer, Answered, StoreError};
pub use inbox::{AdminFilter, Expired, Inbox, InboxQuery, InboxSlice};
pub use lives::{Lives, NewEpoch};
pub use revocations::{Revocation, Revocations};
pub use sends::{SendTo, Sends, StoredSend};
pub use topics::{TopicView, Topics};
pub use unit::{
    AuditDraft, Guard, IdempotencyKey, MemberOutcome, Outcome, Receipt, SaltedDetails,
    StoredAnswer, Unit, Write,
};

/// Everything a server asks of its store.
pub trait Store:
    Commits + Inbox + Topics + Sends + Audits + Revocations + Lives + Send + Sync
{
}

impl<T> Store for T where
    T: Commits + Inbox + Topics + Sends + Audits + Revocations + Lives + Send + Sync
{
}
