//! Binds what classes learn from to the statements: lessons and blobs.

use landfall_core::blob::BlobHash;
use landfall_core::feed::Number;
use landfall_core::id::{LessonId, Tenant, TopicId, UserId};
use landfall_core::lesson::Lesson;
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::Sqlite;
use super::runner::at_once;
use crate::sql::{blobs, lessons};
use crate::{Answered, Blob, Blobs, EndedLesson, LessonFilter, Lessons, StoredBlob};

impl Lessons for Sqlite {
    fn lesson(&self, tenant: &Tenant, id: &LessonId) -> Answered<'_, Option<Lesson>> {
        let (tenant, id) = (tenant.clone(), id.clone());
        Box::pin(self.readers.run(move |r| at_once(lessons::get(r, &tenant, &id))))
    }

    fn lessons(&self, tenant: &Tenant, filter: LessonFilter) -> Answered<'_, Vec<Lesson>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(lessons::list(r, &tenant, &filter))))
    }

    fn changed_lessons(
        &self,
        tenant: &Tenant,
        class: &TopicId,
        after: Number,
        limit: usize,
    ) -> Answered<'_, Vec<Lesson>> {
        let (tenant, class) = (tenant.clone(), class.clone());
        Box::pin(
            self.readers.run(move |r| at_once(lessons::changed(r, &tenant, &class, after, limit))),
        )
    }

    fn lesson_count(&self, tenant: &Tenant, class: &TopicId) -> Answered<'_, u64> {
        let (tenant, class) = (tenant.clone(), class.clone());
        Box::pin(self.readers.run(move |r| at_once(lessons::count(r, &tenant, &class))))
    }

    fn ended_lessons(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<EndedLesson>> {
        Box::pin(self.readers.run(move |r| at_once(lessons::ended(r, now, limit))))
    }
}

impl Blobs for Sqlite {
    fn blobs(&self, tenant: &Tenant, hashes: Vec<BlobHash>) -> Answered<'_, Vec<Blob>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(blobs::find(r, &tenant, &hashes))))
    }

    fn may_read_blob(
        &self,
        tenant: &Tenant,
        hash: BlobHash,
        user: &UserId,
        now: Timestamp,
    ) -> Answered<'_, bool> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(blobs::may_read(r, &tenant, &hash, &user, now))))
    }

    fn teaches(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, bool> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(blobs::teaches(r, &tenant, &user))))
    }

    fn belongs(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, bool> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(blobs::belongs(r, &tenant, &user))))
    }

    fn blob_total_of_user(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, u64> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(blobs::total_of_user(r, &tenant, &user))))
    }

    fn blob_total(&self, tenant: &Tenant) -> Answered<'_, u64> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(blobs::total(r, &tenant))))
    }

    fn unneeded_blobs(&self, before: Timestamp, limit: usize) -> Answered<'_, Vec<StoredBlob>> {
        Box::pin(self.readers.run(move |r| at_once(blobs::unneeded(r, before, limit))))
    }

    fn blob_files(&self, files: Vec<Uuid>) -> Answered<'_, Vec<Uuid>> {
        Box::pin(self.readers.run(move |r| at_once(blobs::files(r, &files))))
    }
}
