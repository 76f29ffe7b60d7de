//! Questions about notices of messages, each on a borrowed connection.

use landfall_core::feed::Number;
use landfall_core::id::{NotificationId, Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;

use super::Postgres;
use super::reads::ask;
use crate::sql::notices;
use crate::{Answered, Notice, NoticePace, Notices, Untold};

impl Notices for Postgres {
    fn claim_notices(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Answered<'_, Vec<Notice>> {
        ask!(self.pool, |r| notices::claim(r, now, until, limit))
    }

    fn untold(
        &self,
        notice: &Notice,
        pace: NoticePace,
        after: String,
        limit: usize,
    ) -> Answered<'_, Vec<Untold>> {
        let notice = notice.clone();
        ask!(self.pool, |r| notices::untold(r, &notice, pace, (&after, limit)))
    }

    fn settle_notice(&self, notice: &Notice, pace: Option<NoticePace>) -> Answered<'_, ()> {
        let notice = notice.clone();
        ask!(self.pool, |r| async {
            let later = match pace {
                Some(pace) => notices::later(r, &notice, pace).await?,
                None => None,
            };
            notices::settle(r, &notice, later).await
        })
    }

    fn told_by(
        &self,
        tenant: &Tenant,
        members: Vec<(TopicId, UserId)>,
    ) -> Answered<'_, Vec<Option<(NotificationId, Number)>>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| notices::told_by(r, &tenant, &members))
    }
}
