//! Lessons, each numbered on the feed of its class.

use std::collections::BTreeSet;

use landfall_core::blob::BlobHash;
use landfall_core::feed::Number;
use landfall_core::id::{LessonId, Tenant, TopicId};
use landfall_core::lesson::Lesson;
use landfall_core::notification::JsonText;
use landfall_core::time::Timestamp;

use super::{Corrupt, Query, Row, Runner, attachments, blobs, feeds};
use crate::{Answer, EndedLesson, LessonFilter};

/// A lesson as it was read.
pub(crate) struct Of<'a> {
    /// Which.
    pub(crate) id: &'a LessonId,
    /// Whose.
    pub(crate) class: &'a TopicId,
    /// In which version.
    pub(crate) version: u64,
}

/// Where a lesson stands.
struct Stand {
    class: TopicId,
    version: u64,
    is_deleted: bool,
}

async fn stand<R: Runner>(runner: &mut R, tenant: &Tenant, id: &LessonId) -> Answer<Option<Stand>> {
    let sql = "select class_id, version, deleted from lesson where tenant = ?1 and id = ?2";
    let read = |row: &dyn Row| {
        Ok(Stand { class: row.topic(0)?, version: row.count(1)?, is_deleted: row.flag(2)? })
    };
    runner.optional(Query::new(sql, [tenant.into(), id.into()], read)).await
}

/// Makes or changes a lesson; `None` unless it may be, as
/// [`Write::PutLesson`](crate::Write::PutLesson) says.
pub(crate) async fn put<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    lesson: &Lesson,
    class_max: usize,
) -> Answer<Option<Number>> {
    let stand = stand(runner, tenant, &lesson.id).await?;
    let follows = stand.as_ref().map_or(0, |stand| stand.version) + 1 == lesson.version;
    let stays = stand.as_ref().is_none_or(|stand| stand.class == lesson.class);
    if !follows || !stays {
        return Ok(None);
    }
    let is_new = stand.is_none_or(|stand| stand.is_deleted);
    if is_new && count(runner, tenant, &lesson.class).await? >= class_max as u64 {
        return Ok(None);
    }
    let needed: BTreeSet<BlobHash> = lesson.attachments.iter().map(|one| one.hash).collect();
    if !refer(runner, tenant, &lesson.id, &needed, lesson.updated_at).await? {
        return Ok(None);
    }
    let number = feeds::next_of_topic(runner, tenant, &lesson.class).await?;
    Ok(store(runner, tenant, lesson, number).await?.then_some(number))
}

/// Makes a lesson refer to these blobs alone; `false` where one of them is not there.
async fn refer<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    lesson: &LessonId,
    needed: &BTreeSet<BlobHash>,
    at: Timestamp,
) -> Answer<bool> {
    let sql = "select hash from lesson_blob where tenant = ?1 and lesson_id = ?2 order by hash";
    let query = Query::new(sql, [tenant.into(), lesson.into()], |row| row.hash(0));
    let known: BTreeSet<BlobHash> = runner.all(query).await?.into_iter().collect();
    // In one order for all, so that no two wait for each other's blobs.
    for hash in known.symmetric_difference(needed) {
        let values = [tenant.into(), hash.into(), lesson.into()];
        let sql = if known.contains(hash) {
            blobs::release(runner, tenant, (hash, 1), at).await?;
            "delete from lesson_blob where tenant = ?1 and hash = ?2 and lesson_id = ?3"
        } else if blobs::hold(runner, tenant, hash, at).await? {
            "insert into lesson_blob (tenant, hash, lesson_id) values (?1, ?2, ?3)"
        } else {
            return Ok(false);
        };
        runner.execute(Query::command(sql, values)).await?;
    }
    Ok(true)
}

/// Stores a lesson; `false` where somebody else made one of its name meanwhile.
async fn store<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    lesson: &Lesson,
    number: Number,
) -> Answer<bool> {
    let sql = "insert into lesson (tenant, id, class_id, title, data, attachments, expires_at,
                   version, created_at, updated_at, changed, deleted)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
               on conflict (tenant, id) do update set
                   title = ?4, data = ?5, attachments = ?6, expires_at = ?7, version = ?8,
                   created_at = ?9, updated_at = ?10, changed = ?11, deleted = ?12
               where lesson.version = ?8 - 1 and lesson.class_id = ?3";
    let values = [
        tenant.into(),
        (&lesson.id).into(),
        (&lesson.class).into(),
        (&lesson.title).into(),
        lesson.data.as_str().into(),
        attachments::text(&lesson.attachments).into(),
        lesson.expires_at.into(),
        lesson.version.into(),
        lesson.created_at.into(),
        lesson.updated_at.into(),
        number.into(),
        lesson.is_deleted.into(),
    ];
    Ok(runner.execute(Query::command(sql, values)).await? > 0)
}

/// Deletes a lesson; `None` unless it is there in this version.
pub(crate) async fn delete<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    of: Of<'_>,
    at: Timestamp,
) -> Answer<Option<Number>> {
    let is_meant = |stand: &Stand| {
        !stand.is_deleted && stand.version == of.version && stand.class == *of.class
    };
    if !stand(runner, tenant, of.id).await?.is_some_and(|stand| is_meant(&stand)) {
        return Ok(None);
    }
    let number = feeds::next_of_topic(runner, tenant, of.class).await?;
    refer(runner, tenant, of.id, &BTreeSet::new(), at).await?;
    let sql = "update lesson set title = '', data = '{}', attachments = '', expires_at = null,
                   version = version + 1, updated_at = ?3, changed = ?4, deleted = 1
               where tenant = ?1 and id = ?2";
    let values = [tenant.into(), of.id.into(), at.into(), number.into()];
    runner.execute(Query::command(sql, values)).await?;
    Ok(Some(number))
}

/// Deletes the lessons of a class that is deleted with this number.
pub(crate) async fn delete_of_class<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    class: &TopicId,
    (number, at): (Number, Timestamp),
) -> Answer<()> {
    let sql = "select id from lesson where tenant = ?1 and class_id = ?2 and deleted = 0
               order by id";
    let query = Query::new(sql, [tenant.into(), class.into()], |row| row.lesson(0));
    for id in runner.all(query).await? {
        refer(runner, tenant, &id, &BTreeSet::new(), at).await?;
    }
    let sql = "update lesson set title = '', data = '{}', attachments = '', expires_at = null,
                   version = version + 1, updated_at = ?3, changed = ?4, deleted = 1
               where tenant = ?1 and id in (
                   select id from lesson where tenant = ?1 and class_id = ?2 and deleted = 0)";
    let values = [tenant.into(), class.into(), at.into(), number.into()];
    runner.execute(Query::command(sql, values)).await?;
    Ok(())
}

const COLUMNS: &str = "l.id, l.class_id, l.title, l.attachments, l.expires_at, l.version,
    l.created_at, l.updated_at, l.changed, l.deleted";

fn read_without_data(row: &dyn Row) -> Result<Lesson, Corrupt> {
    Ok(Lesson {
        id: row.lesson(0)?,
        class: row.topic(1)?,
        title: row.string(2)?,
        data: JsonText::trusted("{}"),
        attachments: attachments::read(row, 3)?,
        expires_at: row.optional_time(4)?,
        version: row.count(5)?,
        created_at: row.time(6)?,
        updated_at: row.time(7)?,
        changed: row.number(8)?,
        is_deleted: row.flag(9)?,
    })
}

fn read(row: &dyn Row) -> Result<Lesson, Corrupt> {
    Ok(Lesson { data: JsonText::trusted(row.text(10)?), ..read_without_data(row)? })
}

/// Finds a lesson, or what is left of it.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: &LessonId,
) -> Answer<Option<Lesson>> {
    let sql = format!("select {COLUMNS}, l.data from lesson l where l.tenant = ?1 and l.id = ?2");
    runner.optional(Query::new(sql, [tenant.into(), id.into()], read)).await
}

/// Lists lessons of a class.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    filter: &LessonFilter,
) -> Answer<Vec<Lesson>> {
    let LessonFilter { class, after, now, limit } = filter;
    let sql = format!(
        "select {COLUMNS} from lesson l
         where l.tenant = ?1 and l.class_id = ?2 and l.id > ?3 and l.deleted = 0
           and (l.expires_at is null or l.expires_at > ?4)
         order by l.id limit ?5"
    );
    let after = after.as_ref().map_or("", LessonId::as_str);
    let values = [tenant.into(), class.into(), after.into(), (*now).into(), (*limit).into()];
    runner.all(Query::new(sql, values, read_without_data)).await
}

/// Gives lessons of a class that changed after a number, with all that changed with the last of
/// these numbers.
pub(crate) async fn changed<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    class: &TopicId,
    after: Number,
    limit: usize,
) -> Answer<Vec<Lesson>> {
    let sql = format!(
        "select {COLUMNS}, l.data from lesson l
         where l.tenant = ?1 and l.class_id = ?2 and l.changed > ?3
           and l.changed <= coalesce((
               select e.changed from lesson e
               where e.tenant = ?1 and e.class_id = ?2 and e.changed > ?3
               order by e.changed limit 1 offset ?4), {})
         order by l.changed, l.id",
        i64::MAX
    );
    let values = [tenant.into(), class.into(), after.into(), limit.saturating_sub(1).into()];
    runner.all(Query::new(sql, values, read)).await
}

/// Counts the lessons of a class.
pub(crate) async fn count<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    class: &TopicId,
) -> Answer<u64> {
    let sql = "select count(*) from lesson where tenant = ?1 and class_id = ?2 and deleted = 0";
    runner.one(Query::new(sql, [tenant.into(), class.into()], |row| row.count(0))).await
}

/// Finds lessons whose time is over.
pub(crate) async fn ended<R: Runner>(
    runner: &mut R,
    now: Timestamp,
    limit: usize,
) -> Answer<Vec<EndedLesson>> {
    let sql = "select tenant, id, class_id, version from lesson
               where deleted = 0 and expires_at is not null and expires_at <= ?1
               order by expires_at limit ?2";
    let read = |row: &dyn Row| {
        let (tenant, id, class) = (row.tenant(0)?, row.lesson(1)?, row.topic(2)?);
        Ok(EndedLesson { tenant, id, class, version: row.count(3)? })
    };
    runner.all(Query::new(sql, [now.into(), limit.into()], read)).await
}
