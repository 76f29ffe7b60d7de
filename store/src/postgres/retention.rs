//! Binds forgetting by age to the statements.

use landfall_core::time::Timestamp;

use super::Postgres;
use super::reads::{ask, transact};
use crate::sql::retention;
use crate::{Answered, InboxPlace, OldInboxes, Retention};

impl Retention for Postgres {
    fn old_inboxes(
        &self,
        behind: Option<InboxPlace>,
        before: Timestamp,
        limit: usize,
    ) -> Answered<'_, OldInboxes> {
        ask!(self.pool, |r| retention::old_inboxes(r, behind, before, limit))
    }

    fn forget_notifications(
        &self,
        inbox: InboxPlace,
        before: Timestamp,
        limit: usize,
    ) -> Answered<'_, usize> {
        transact!(self.pool, |r| retention::notifications(r, inbox, before, limit))
    }

    fn forget_sends(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        ask!(self.pool, |r| retention::sends(r, before, limit))
    }

    fn forget_details(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        transact!(self.pool, |r| retention::details(r, before, limit))
    }
}
