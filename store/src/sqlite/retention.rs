//! Binds forgetting by age to the statements.

use landfall_core::time::Timestamp;

use super::Sqlite;
use super::runner::at_once;
use crate::sql::retention;
use crate::{Answered, InboxPlace, OldInboxes, Retention};

impl Retention for Sqlite {
    fn old_inboxes(
        &self,
        behind: Option<InboxPlace>,
        before: Timestamp,
        limit: usize,
    ) -> Answered<'_, OldInboxes> {
        Box::pin(
            self.readers.run(move |r| at_once(retention::old_inboxes(r, behind, before, limit))),
        )
    }

    fn forget_notifications(
        &self,
        inbox: InboxPlace,
        before: Timestamp,
        limit: usize,
    ) -> Answered<'_, usize> {
        Box::pin(
            self.committer.run(move |r| at_once(retention::notifications(r, inbox, before, limit))),
        )
    }

    fn forget_sends(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(self.committer.run(move |r| at_once(retention::sends(r, before, limit))))
    }

    fn forget_details(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(self.committer.run(move |r| at_once(retention::details(r, before, limit))))
    }
}
