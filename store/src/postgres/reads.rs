//! Questions to the store, each on a borrowed connection.

use std::sync::Arc;

use landfall_core::feed::{FeedKey, FeedKind, Head, Number};
use landfall_core::id::{NotificationId, SendId, Tenant, TopicId, UserId};
use landfall_core::notification::Notification;
use landfall_core::session::{Page, Read};
use landfall_core::time::Timestamp;
use landfall_core::topic::{Member, MemberRole};

use super::Postgres;
use super::fault::told;
use super::pool::Pool;
use crate::sql::{
    audits, chain, digests, feeds, inbox_page, inbox_read, revocations, seals, sends, taking_back,
    topics,
};
use crate::{
    AdminFilter, Answer, Answered, AuditFilter, AuditRecord, Audits, DueDigest, Expired, Inbox,
    InboxQuery, Membership, Revocation, Revocations, SealReport, Sends, StoredSend, TopicView,
    Topics, Verification,
};

/// Asks on a borrowed connection. A connection that the server closed while it was idle is found
/// out only by asking, so that the question is then asked once more.
macro_rules! ask {
    ($pool:expr, |$runner:ident| $question:expr) => {
        Box::pin(async move {
            let mut loan = $pool.lend().await?;
            let mut answer = {
                let $runner = &mut loan.runner();
                $question.await
            };
            if answer.is_err() && loan.was_stale() {
                drop(loan);
                loan = $pool.lend().await?;
                answer = {
                    let $runner = &mut loan.runner();
                    $question.await
                };
            }
            // One that did not answer may still be at it: it is closed with the loan.
            if !matches!(answer, Err($crate::StoreError::Unavailable(_))) {
                loan.give_back();
            }
            answer.map_err($crate::postgres::fault::told)
        })
    };
}
pub(super) use ask;

/// Does something on a borrowed connection in a transaction of its own.
///
/// After an error nothing was done: the connection is closed with the loan.
macro_rules! transact {
    ($pool:expr, |$runner:ident| $work:expr) => {
        Box::pin(async move {
            let mut loan = $pool.lend().await?;
            let connection = loan.connection();
            connection.command("begin").await?;
            let done = {
                let $runner = &mut connection.runner();
                $work.await.map_err($crate::postgres::fault::told)?
            };
            connection.command("commit").await?;
            loan.give_back();
            Ok(done)
        })
    };
}
pub(super) use transact;

/// Tells where feeds stand, in one statement.
pub(super) async fn heads(pool: &Pool, names: &[Arc<FeedKey>]) -> Answer<Vec<Head>> {
    let sql = "select n.place, f.newest, f.horizon
               from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
                   as n (tenant, kind, owner, place)
               join feed f on f.tenant = n.tenant and f.kind = n.kind and f.owner = n.owner";
    let tenants: Vec<&str> = names.iter().map(|name| name.tenant.as_str()).collect();
    let kinds: Vec<&str> = names.iter().map(|name| name.kind.as_str()).collect();
    let owners: Vec<&str> = names.iter().map(|name| &*name.owner).collect();
    let places: Vec<i64> = (0..names.len() as i64).collect();
    let (tenants, kinds, owners, places) = (&tenants, &kinds, &owners, &places);
    let rows = ask!(pool, |runner| runner.rows(sql, &[tenants, kinds, owners, places])).await?;
    let mut heads = vec![Head::default(); names.len()];
    for row in rows {
        let number = |column| Number(u64::try_from(row.get::<_, i64>(column)).unwrap_or(0));
        heads[number(0).0 as usize] = Head { newest: number(1), horizon: number(2) };
    }
    Ok(heads)
}

/// Says whether a feed is a user's notifications.
pub(super) fn is_inbox(feed: &FeedKey) -> bool {
    feed.kind == FeedKind::Inbox
}

impl Inbox for Postgres {
    fn read(&self, tenant: &Tenant, user: &UserId, read: Read) -> Answered<'_, Page> {
        let feed = FeedKey::inbox(tenant, user);
        Box::pin(async move {
            let page = ask!(self.pool, |r| inbox_page::page(r, &feed, read)).await?;
            self.seen(page.head.newest);
            Ok(page)
        })
    }

    fn list(
        &self,
        tenant: &Tenant,
        user: &UserId,
        query: InboxQuery,
    ) -> Answered<'_, Vec<Notification>> {
        let feed = FeedKey::inbox(tenant, user);
        ask!(self.pool, |r| inbox_read::list(r, &feed, &query))
    }

    fn get(
        &self,
        tenant: &Tenant,
        user: &UserId,
        id: NotificationId,
    ) -> Answered<'_, Option<Arc<Notification>>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| inbox_read::get(r, &tenant, &user, id))
    }

    fn unread(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, (u64, Head)> {
        let feed = FeedKey::inbox(tenant, user);
        ask!(self.pool, |r| feeds::unread(r, &feed))
    }

    fn undelivered(
        &self,
        tenant: &Tenant,
        user: &UserId,
        up_to: Number,
        limit: usize,
    ) -> Answered<'_, Vec<Number>> {
        let feed = FeedKey::inbox(tenant, user);
        ask!(self.pool, |r| inbox_read::undelivered(r, &feed, up_to, limit))
    }

    fn find(&self, tenant: &Tenant, filter: AdminFilter) -> Answered<'_, Vec<Notification>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| inbox_read::find(r, &tenant, &filter))
    }

    fn expired(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<Expired>> {
        ask!(self.pool, |r| inbox_read::expired(r, now, limit))
    }
}

impl Topics for Postgres {
    fn topic(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        user: &UserId,
    ) -> Answered<'_, Option<TopicView>> {
        let (tenant, topic, user) = (tenant.clone(), topic.clone(), user.clone());
        ask!(self.pool, |r| topics::topic(r, &tenant, &topic, &user))
    }

    fn topics_of(
        &self,
        tenant: &Tenant,
        user: &UserId,
        after: Option<TopicId>,
        limit: usize,
    ) -> Answered<'_, Vec<TopicView>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| topics::topics_of(r, &tenant, &user, after.as_ref(), limit))
    }

    fn member_counts(&self, tenant: &Tenant, of: Vec<TopicId>) -> Answered<'_, Vec<u64>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| topics::member_counts(r, &tenant, &of))
    }

    fn memberships(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Vec<Membership>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| topics::memberships(r, &tenant, &user))
    }

    fn left_topics(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Vec<TopicId>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| topics::left(r, &tenant, &user))
    }

    fn members(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        after: String,
        limit: usize,
    ) -> Answered<'_, Vec<Member>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        ask!(self.pool, |r| topics::members(r, &tenant, &topic, &after, limit))
    }

    fn sharing_topics(
        &self,
        tenant: &Tenant,
        (user, role): (&UserId, MemberRole),
        users: Vec<UserId>,
    ) -> Answered<'_, Vec<UserId>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| topics::sharing(r, &tenant, (&user, role), users.clone()))
    }

    fn members_among(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        users: Vec<UserId>,
    ) -> Answered<'_, Vec<UserId>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        ask!(self.pool, |r| topics::members_among(r, &tenant, &topic, users.clone()))
    }

    fn member(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        user: &UserId,
    ) -> Answered<'_, Option<Member>> {
        let (tenant, topic, user) = (tenant.clone(), topic.clone(), user.clone());
        ask!(self.pool, |r| topics::member(r, &tenant, &topic, &user))
    }
}

impl Sends for Postgres {
    fn active_tenants(&self, after: Option<Tenant>, limit: usize) -> Answered<'_, Vec<Tenant>> {
        ask!(self.pool, |r| sends::active_tenants(r, after.as_ref(), limit))
    }

    fn active_sends(&self, tenant: &Tenant, limit: usize) -> Answered<'_, Vec<StoredSend>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| sends::active(r, &tenant, limit))
    }

    fn active_ones(&self, tenant: &Tenant, limit: usize) -> Answered<'_, Vec<StoredSend>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| sends::active_ones(r, &tenant, limit))
    }

    fn sealed_sends(&self, after: Option<SendId>, limit: usize) -> Answered<'_, Vec<StoredSend>> {
        ask!(self.pool, |r| seals::sends(r, after, limit))
    }

    fn start_sends(&self, now: Timestamp, limit: usize) -> Answered<'_, usize> {
        ask!(self.pool, |r| sends::start(r, now, limit))
    }

    fn due_digests(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<DueDigest>> {
        ask!(self.pool, |r| digests::due(r, now, limit))
    }

    fn gathered(
        &self,
        tenant: &Tenant,
        user: &UserId,
        key: &str,
        limit: usize,
    ) -> Answered<'_, Vec<StoredSend>> {
        let (tenant, user, key) = (tenant.clone(), user.clone(), key.to_owned());
        ask!(self.pool, |r| digests::gathered(r, &tenant, (&user, &key), limit))
    }

    fn digest_due_at(
        &self,
        tenant: &Tenant,
        user: &UserId,
        key: &str,
    ) -> Answered<'_, Option<Timestamp>> {
        let (tenant, user, key) = (tenant.clone(), user.clone(), key.to_owned());
        ask!(self.pool, |r| digests::due_at(r, &tenant, (&user, &key)))
    }

    fn send(&self, tenant: &Tenant, id: SendId) -> Answered<'_, Option<StoredSend>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| sends::get(r, &tenant, id))
    }

    fn recalls(&self, limit: usize) -> Answered<'_, Vec<(StoredSend, Option<NotificationId>)>> {
        ask!(self.pool, |r| taking_back::recalls(r, limit))
    }

    fn notifications_of_send(
        &self,
        tenant: &Tenant,
        id: SendId,
        after: Option<NotificationId>,
        limit: usize,
    ) -> Answered<'_, Vec<(UserId, NotificationId)>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| taking_back::notifications(r, &tenant, id, after, limit))
    }
}

impl Revocations for Postgres {
    fn revocations_after(&self, after: Number, limit: usize) -> Answered<'_, Vec<Revocation>> {
        ask!(self.pool, |r| revocations::after(r, after, limit))
    }

    fn revocations(
        &self,
        tenant: &Tenant,
        below: Option<Number>,
        limit: usize,
    ) -> Answered<'_, Vec<Revocation>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| revocations::list(r, &tenant, below, limit))
    }

    fn forget_revocations(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        ask!(self.pool, |r| revocations::forget(r, before, limit))
    }
}

impl Audits for Postgres {
    fn audit(&self, tenant: &Tenant, filter: AuditFilter) -> Answered<'_, Vec<AuditRecord>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| audits::list(r, &tenant, &filter))
    }

    fn has_trail(&self, tenant: &Tenant) -> Answered<'_, bool> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| audits::has_trail(r, &tenant))
    }

    fn trails(&self, after: Option<Tenant>, limit: usize) -> Answered<'_, Vec<Tenant>> {
        ask!(self.pool, |r| audits::trails(r, after.as_ref(), limit))
    }

    fn about(
        &self,
        tenant: &Tenant,
        notification: NotificationId,
        after: u64,
        limit: usize,
    ) -> Answered<'_, Vec<AuditRecord>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| audits::about(r, &tenant, notification, after, limit))
    }

    fn seal(&self, at: Timestamp, limit: usize) -> Answered<'_, SealReport> {
        Box::pin(self.seal_all(at, limit))
    }

    fn verify(&self, tenant: &Tenant) -> Answered<'_, Verification> {
        let tenant = tenant.clone();
        Box::pin(async move {
            let mut loan = self.pool.lend().await?;
            let connection = loan.connection();
            connection
                .command("begin transaction isolation level repeatable read read only")
                .await?;
            // After an error the connection is closed with the loan.
            let found = chain::verify(&mut connection.runner(), &tenant).await.map_err(told)?;
            connection.command("commit").await?;
            loan.give_back();
            Ok(found)
        })
    }

    fn erase_details(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, u64> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| audits::erase(r, &tenant, &user))
    }
}
