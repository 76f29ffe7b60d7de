//! Binds the store's traits to the statements: which run in the committer, and which in readers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use landfall_core::feed::{Epoch, FeedKey, Head, Number};
use landfall_core::id::{NotificationId, SendId, Tenant, TopicId, UserId};
use landfall_core::life::{Home, Life};
use landfall_core::notification::Notification;
use landfall_core::session::{Page, Read};
use landfall_core::time::Timestamp;
use landfall_core::topic::{Member, MemberRole};

use super::Sqlite;
use super::runner::at_once;
use crate::sql::{
    audits, chain, digests, feeds, idempotency, inbox_page, inbox_read, life, revocations, seals,
    sends, setting, taking_back, topics,
};
use crate::{
    AdminFilter, Answered, AuditFilter, AuditRecord, Audits, Commits, DueDigest, Expired, Inbox,
    InboxQuery, Lives, Membership, NewEpoch, Receipt, Revocation, Revocations, SealReport, Sends,
    StoreError, StoredSend, TopicView, Topics, Unit, Verification,
};

impl Commits for Sqlite {
    fn commit(&self, unit: Unit) -> Answered<'_, Receipt> {
        Box::pin(self.committer.commit(unit))
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Relaxed))
    }

    fn heads(&self, feeds: Vec<Arc<FeedKey>>) -> Answered<'_, Vec<Head>> {
        Box::pin(self.readers.run(move |r| at_once(feeds::heads(r, &feeds))))
    }

    fn forget_keys(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(self.committer.run(move |r| at_once(idempotency::forget(r, before, limit))))
    }

    fn check(&self) -> Answered<'_, ()> {
        Box::pin(async {
            self.readers.run(|r| at_once(setting::check(r))).await?;
            self.committer.run(|_| Ok(())).await
        })
    }

    fn replay_sequence(&self) -> Number {
        Number(self.replay_sequence.load(Ordering::Relaxed))
    }

    fn close(&self) {
        // The writer is the last to leave: it folds the log into the file.
        self.readers.close();
        self.committer.close();
    }
}

impl Inbox for Sqlite {
    fn read(&self, tenant: &Tenant, user: &UserId, read: Read) -> Answered<'_, Page> {
        let feed = FeedKey::inbox(tenant, user);
        Box::pin(self.readers.run(move |r| at_once(inbox_page::page(r, &feed, read))))
    }

    fn list(
        &self,
        tenant: &Tenant,
        user: &UserId,
        query: InboxQuery,
    ) -> Answered<'_, Vec<Notification>> {
        let feed = FeedKey::inbox(tenant, user);
        Box::pin(self.readers.run(move |r| at_once(inbox_read::list(r, &feed, &query))))
    }

    fn get(
        &self,
        tenant: &Tenant,
        user: &UserId,
        id: NotificationId,
    ) -> Answered<'_, Option<Arc<Notification>>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(inbox_read::get(r, &tenant, &user, id))))
    }

    fn unread(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, (u64, Head)> {
        let feed = FeedKey::inbox(tenant, user);
        Box::pin(self.readers.run(move |r| at_once(feeds::unread(r, &feed))))
    }

    fn undelivered(
        &self,
        tenant: &Tenant,
        user: &UserId,
        up_to: Number,
        limit: usize,
    ) -> Answered<'_, Vec<Number>> {
        let feed = FeedKey::inbox(tenant, user);
        Box::pin(
            self.readers.run(move |r| at_once(inbox_read::undelivered(r, &feed, up_to, limit))),
        )
    }

    fn find(&self, tenant: &Tenant, filter: AdminFilter) -> Answered<'_, Vec<Notification>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(inbox_read::find(r, &tenant, &filter))))
    }

    fn expired(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<Expired>> {
        Box::pin(self.readers.run(move |r| at_once(inbox_read::expired(r, now, limit))))
    }
}

impl Topics for Sqlite {
    fn topic(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        user: &UserId,
    ) -> Answered<'_, Option<TopicView>> {
        let (tenant, topic, user) = (tenant.clone(), topic.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(topics::topic(r, &tenant, &topic, &user))))
    }

    fn topics_of(
        &self,
        tenant: &Tenant,
        user: &UserId,
        after: Option<TopicId>,
        limit: usize,
    ) -> Answered<'_, Vec<TopicView>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(
            self.readers
                .run(move |r| at_once(topics::topics_of(r, &tenant, &user, after.as_ref(), limit))),
        )
    }

    fn member_counts(&self, tenant: &Tenant, of: Vec<TopicId>) -> Answered<'_, Vec<u64>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(topics::member_counts(r, &tenant, &of))))
    }

    fn memberships(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Vec<Membership>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(topics::memberships(r, &tenant, &user))))
    }

    fn left_topics(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Vec<TopicId>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(topics::left(r, &tenant, &user))))
    }

    fn members(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        after: String,
        limit: usize,
    ) -> Answered<'_, Vec<Member>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        Box::pin(
            self.readers.run(move |r| at_once(topics::members(r, &tenant, &topic, &after, limit))),
        )
    }

    fn sharing_topics(
        &self,
        tenant: &Tenant,
        (user, role): (&UserId, MemberRole),
        users: Vec<UserId>,
    ) -> Answered<'_, Vec<UserId>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(
            self.readers.run(move |r| at_once(topics::sharing(r, &tenant, (&user, role), users))),
        )
    }

    fn members_among(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        users: Vec<UserId>,
    ) -> Answered<'_, Vec<UserId>> {
        let (tenant, topic) = (tenant.clone(), topic.clone());
        Box::pin(
            self.readers.run(move |r| at_once(topics::members_among(r, &tenant, &topic, users))),
        )
    }

    fn member(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        user: &UserId,
    ) -> Answered<'_, Option<Member>> {
        let (tenant, topic, user) = (tenant.clone(), topic.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(topics::member(r, &tenant, &topic, &user))))
    }
}

impl Sends for Sqlite {
    fn active_tenants(&self, after: Option<Tenant>, limit: usize) -> Answered<'_, Vec<Tenant>> {
        Box::pin(
            self.readers.run(move |r| at_once(sends::active_tenants(r, after.as_ref(), limit))),
        )
    }

    fn active_sends(&self, tenant: &Tenant, limit: usize) -> Answered<'_, Vec<StoredSend>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(sends::active(r, &tenant, limit))))
    }

    fn active_ones(&self, tenant: &Tenant, limit: usize) -> Answered<'_, Vec<StoredSend>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(sends::active_ones(r, &tenant, limit))))
    }

    fn sealed_sends(&self, after: Option<SendId>, limit: usize) -> Answered<'_, Vec<StoredSend>> {
        Box::pin(self.readers.run(move |r| at_once(seals::sends(r, after, limit))))
    }

    fn start_sends(&self, now: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(async move {
            // It is asked often and seldom found: nothing is written for the asking.
            if !self.readers.run(move |r| at_once(sends::is_due(r, now))).await? {
                return Ok(0);
            }
            self.committer.run(move |r| at_once(sends::start(r, now, limit))).await
        })
    }

    fn due_digests(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<DueDigest>> {
        Box::pin(self.readers.run(move |r| at_once(digests::due(r, now, limit))))
    }

    fn gathered(
        &self,
        tenant: &Tenant,
        user: &UserId,
        key: &str,
        limit: usize,
    ) -> Answered<'_, Vec<StoredSend>> {
        let (tenant, user, key) = (tenant.clone(), user.clone(), key.to_owned());
        Box::pin(
            self.readers.run(move |r| at_once(digests::gathered(r, &tenant, (&user, &key), limit))),
        )
    }

    fn digest_due_at(
        &self,
        tenant: &Tenant,
        user: &UserId,
        key: &str,
    ) -> Answered<'_, Option<Timestamp>> {
        let (tenant, user, key) = (tenant.clone(), user.clone(), key.to_owned());
        Box::pin(self.readers.run(move |r| at_once(digests::due_at(r, &tenant, (&user, &key)))))
    }

    fn send(&self, tenant: &Tenant, id: SendId) -> Answered<'_, Option<StoredSend>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(sends::get(r, &tenant, id))))
    }

    fn recalls(&self, limit: usize) -> Answered<'_, Vec<(StoredSend, Option<NotificationId>)>> {
        Box::pin(self.readers.run(move |r| at_once(taking_back::recalls(r, limit))))
    }

    fn notifications_of_send(
        &self,
        tenant: &Tenant,
        id: SendId,
        after: Option<NotificationId>,
        limit: usize,
    ) -> Answered<'_, Vec<(UserId, NotificationId)>> {
        let tenant = tenant.clone();
        Box::pin(
            self.readers
                .run(move |r| at_once(taking_back::notifications(r, &tenant, id, after, limit))),
        )
    }
}

impl Revocations for Sqlite {
    fn revocations_after(&self, after: Number, limit: usize) -> Answered<'_, Vec<Revocation>> {
        Box::pin(self.readers.run(move |r| at_once(revocations::after(r, after, limit))))
    }

    fn revocations(
        &self,
        tenant: &Tenant,
        below: Option<Number>,
        limit: usize,
    ) -> Answered<'_, Vec<Revocation>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(revocations::list(r, &tenant, below, limit))))
    }

    fn forget_revocations(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(self.committer.run(move |r| at_once(revocations::forget(r, before, limit))))
    }
}

impl Audits for Sqlite {
    fn audit(&self, tenant: &Tenant, filter: AuditFilter) -> Answered<'_, Vec<AuditRecord>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(audits::list(r, &tenant, &filter))))
    }

    fn has_trail(&self, tenant: &Tenant) -> Answered<'_, bool> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(audits::has_trail(r, &tenant))))
    }

    fn trails(&self, after: Option<Tenant>, limit: usize) -> Answered<'_, Vec<Tenant>> {
        Box::pin(self.readers.run(move |r| at_once(audits::trails(r, after.as_ref(), limit))))
    }

    fn about(
        &self,
        tenant: &Tenant,
        notification: NotificationId,
        after: u64,
        limit: usize,
    ) -> Answered<'_, Vec<AuditRecord>> {
        let tenant = tenant.clone();
        Box::pin(
            self.readers
                .run(move |r| at_once(audits::about(r, &tenant, notification, after, limit))),
        )
    }

    fn seal(&self, at: Timestamp, limit: usize) -> Answered<'_, SealReport> {
        Box::pin(self.committer.run(move |r| at_once(chain::seal(r, at, limit))))
    }

    fn verify(&self, tenant: &Tenant) -> Answered<'_, Verification> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| r.snapshot(|r| at_once(chain::verify(r, &tenant)))))
    }

    fn erase_details(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, u64> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.committer.run(move |r| at_once(audits::erase(r, &tenant, &user))))
    }
}

impl Lives for Sqlite {
    fn life(&self) -> Answered<'_, Life> {
        Box::pin(async {
            let life = self.readers.run(|r| at_once(life::life(r))).await?;
            self.epoch.store(life.epoch.0, Ordering::Relaxed);
            Ok(life)
        })
    }

    fn home(&self) -> Answered<'_, Home> {
        // A file has no server that could be another.
        Box::pin(std::future::ready(Ok(Home::default())))
    }

    fn backed_up_to(&self) -> Answered<'_, Option<Timestamp>> {
        Box::pin(self.readers.run(|r| at_once(life::backed_up_to(r))))
    }

    fn begin_epoch(&self, new: NewEpoch) -> Answered<'_, ()> {
        Box::pin(async move {
            let epoch = new.to.0;
            let newest = self.committer.run(move |r| at_once(life::begin(r, &new))).await?;
            let newest = newest.ok_or(StoreError::Stale)?;
            self.epoch.store(epoch, Ordering::Relaxed);
            self.replay_sequence.fetch_max(newest.0, Ordering::Relaxed);
            Ok(())
        })
    }
}
