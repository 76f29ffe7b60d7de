//! Questions about what classes learn from, each on a borrowed connection.

use landfall_core::blob::BlobHash;
use landfall_core::feed::Number;
use landfall_core::id::{LessonId, Tenant, TopicId, UserId};
use landfall_core::lesson::Lesson;
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::Postgres;
use super::reads::ask;
use crate::sql::{blobs, lessons};
use crate::{Answered, Blob, Blobs, EndedLesson, LessonFilter, Lessons, StoredBlob};

impl Lessons for Postgres {
    fn lesson(&self, tenant: &Tenant, id: &LessonId) -> Answered<'_, Option<Lesson>> {
        let (tenant, id) = (tenant.clone(), id.clone());
        ask!(self.pool, |r| lessons::get(r, &tenant, &id))
    }

    fn lessons(&self, tenant: &Tenant, filter: LessonFilter) -> Answered<'_, Vec<Lesson>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| lessons::list(r, &tenant, &filter))
    }

    fn changed_lessons(
        &self,
        tenant: &Tenant,
        class: &TopicId,
        after: Number,
        limit: usize,
    ) -> Answered<'_, Vec<Lesson>> {
        let (tenant, class) = (tenant.clone(), class.clone());
        ask!(self.pool, |r| lessons::changed(r, &tenant, &class, after, limit))
    }

    fn lesson_count(&self, tenant: &Tenant, class: &TopicId) -> Answered<'_, u64> {
        let (tenant, class) = (tenant.clone(), class.clone());
        ask!(self.pool, |r| lessons::count(r, &tenant, &class))
    }

    fn ended_lessons(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<EndedLesson>> {
        ask!(self.pool, |r| lessons::ended(r, now, limit))
    }
}

impl Blobs for Postgres {
    fn blobs(&self, tenant: &Tenant, hashes: Vec<BlobHash>) -> Answered<'_, Vec<Blob>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| blobs::find(r, &tenant, &hashes))
    }

    fn may_read_blob(
        &self,
        tenant: &Tenant,
        hash: BlobHash,
        user: &UserId,
        now: Timestamp,
    ) -> Answered<'_, bool> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| blobs::may_read(r, &tenant, &hash, &user, now))
    }

    fn teaches(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, bool> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| blobs::teaches(r, &tenant, &user))
    }

    fn belongs(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, bool> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| blobs::belongs(r, &tenant, &user))
    }

    fn blob_total_of_user(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, u64> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| blobs::total_of_user(r, &tenant, &user))
    }

    fn blob_total(&self, tenant: &Tenant) -> Answered<'_, u64> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| blobs::total(r, &tenant))
    }

    fn unneeded_blobs(&self, before: Timestamp, limit: usize) -> Answered<'_, Vec<StoredBlob>> {
        ask!(self.pool, |r| blobs::unneeded(r, before, limit))
    }

    fn blob_files(&self, files: Vec<Uuid>) -> Answered<'_, Vec<Uuid>> {
        ask!(self.pool, |r| blobs::files(r, &files))
    }
}
