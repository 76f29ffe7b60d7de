//! Binds notices of messages to the statements.

use landfall_core::feed::Number;
use landfall_core::id::{NotificationId, Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;

use super::Sqlite;
use super::runner::at_once;
use crate::sql::notices;
use crate::{Answered, Notice, NoticePace, Notices, Untold};

impl Notices for Sqlite {
    fn claim_notices(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Answered<'_, Vec<Notice>> {
        Box::pin(self.committer.run(move |r| at_once(notices::claim(r, now, until, limit))))
    }

    fn untold(
        &self,
        notice: &Notice,
        pace: NoticePace,
        after: String,
        limit: usize,
    ) -> Answered<'_, Vec<Untold>> {
        let notice = notice.clone();
        Box::pin(
            self.readers.run(move |r| at_once(notices::untold(r, &notice, pace, (&after, limit)))),
        )
    }

    fn settle_notice(&self, notice: &Notice, pace: Option<NoticePace>) -> Answered<'_, ()> {
        let notice = notice.clone();
        Box::pin(async move {
            let later = match pace {
                // Members are looked through beside what is written, not in its way.
                Some(pace) => {
                    let of = notice.clone();
                    self.readers.run(move |r| at_once(notices::later(r, &of, pace))).await?
                }
                None => None,
            };
            self.committer.run(move |r| at_once(notices::settle(r, &notice, later))).await
        })
    }

    fn told_by(
        &self,
        tenant: &Tenant,
        members: Vec<(TopicId, UserId)>,
    ) -> Answered<'_, Vec<Option<(NotificationId, Number)>>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(notices::told_by(r, &tenant, &members))))
    }
}
