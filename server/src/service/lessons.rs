//! Lessons: who may write them, who may read them, and what stands against a lost update (S1).

use landfall_core::audit::{Action, Details, Entity};
use landfall_core::auth::{Caller, Scope};
use landfall_core::blob::BlobHash;
use landfall_core::feed::Number;
use landfall_core::id::{LessonId, TopicId};
use landfall_core::lesson::{Attachment, Lesson};
use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use landfall_core::topic::{MemberRole, TopicAction, TopicKind, Verdict, may};
use landfall_store::{
    AuditDraft, EndedLesson, Guard, IdempotencyKey, LessonFilter, StoreError, StoredAnswer,
    TopicView, Unit, Write,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::notify::RequestKey;
use super::revocations::unit_of;
use super::topics::{standing, still};
use super::{ServiceError, Services, deciding};

/// What a lesson is to be.
#[derive(Debug, Clone)]
pub struct LessonDraft {
    /// Whose.
    pub class: TopicId,
    /// What people call it.
    pub title: String,
    /// The app's own data: a JSON object.
    pub data: JsonText,
    /// What it refers to.
    pub attachments: Vec<AttachmentDraft>,
    /// From then on it is not there any more.
    pub expires_at: Option<Timestamp>,
}

/// A blob that a lesson is to refer to.
#[derive(Debug, Clone)]
pub struct AttachmentDraft {
    /// Which.
    pub hash: BlobHash,
    /// What people call the file.
    pub name: String,
    /// Its media type; the blob's where absent.
    pub media_type: Option<String>,
    /// Its length, to be compared with the blob's.
    pub bytes: Option<u64>,
}

/// What a caller takes a lesson to be before they change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BasedOn {
    /// Whatever it is.
    Anything,
    /// Not there.
    Nothing,
    /// There, in any version.
    AnyVersion,
    /// There in this version.
    Version(u64),
}

/// What putting a lesson did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutLesson {
    /// The lesson, as it was stored.
    pub lesson: Lesson,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// What the answer to a repeated request is made from, besides the request.
#[derive(Serialize, Deserialize)]
struct Memo {
    version: u64,
    is_new: bool,
    created_at: i64,
    updated_at: i64,
    /// Of each attachment its length and its type.
    attachments: Vec<(u64, String)>,
}

impl BasedOn {
    fn holds(self, there: Option<&Lesson>) -> bool {
        match (self, there) {
            (Self::Anything, _) | (Self::Nothing, None) | (Self::AnyVersion, Some(_)) => true,
            (Self::Version(version), Some(lesson)) => lesson.version == version,
            _ => false,
        }
    }
}

/// No stored version follows this one, so that a write of it is refused; the request's key is looked
/// at before that.
const NO_VERSION: u64 = 0;

impl Services {
    /// Gives a lesson that the caller may read.
    ///
    /// # Errors
    /// `NotFound` when it is not there, has expired, or is of a class that the caller is not in.
    pub async fn lesson(&self, caller: &Caller, id: &LessonId) -> Result<Lesson, ServiceError> {
        let lesson = self.store.lesson(&caller.tenant, id).await?;
        let lesson = lesson.filter(|lesson| lesson.is_there(self.now()));
        let lesson = lesson.ok_or(NOT_THERE)?;
        match self.class(caller, &lesson.class, TopicAction::ReadLessons).await? {
            (Some(_), Verdict::Yes) => Ok(lesson),
            _ => Err(NOT_THERE),
        }
    }

    /// Lists the lessons of a class by id, without their data, after `after`.
    ///
    /// # Errors
    /// `NotFound` for a class that the caller may not see; `Forbidden` for one that they are not in.
    pub async fn lessons(
        &self,
        caller: &Caller,
        class: TopicId,
        after: Option<LessonId>,
        limit: usize,
    ) -> Result<Vec<Lesson>, ServiceError> {
        self.class_for(caller, &class, TopicAction::ReadLessons).await?;
        let filter = LessonFilter { class, after, now: self.now(), limit };
        Ok(self.store.lessons(&caller.tenant, filter).await?)
    }

    async fn class(
        &self,
        caller: &Caller,
        class: &TopicId,
        action: TopicAction,
    ) -> Result<(Option<TopicView>, Verdict), ServiceError> {
        let view = self.store.topic(&caller.tenant, class, &caller.user).await?;
        let verdict =
            view.as_ref().map_or(Verdict::Hidden, |view| may(action, standing(caller, view)));
        Ok((view, verdict))
    }

    async fn class_for(
        &self,
        caller: &Caller,
        class: &TopicId,
        action: TopicAction,
    ) -> Result<TopicView, ServiceError> {
        match self.class(caller, class, action).await? {
            (Some(view), Verdict::Yes) => Ok(view),
            (Some(_), Verdict::No) => {
                let why = match action {
                    TopicAction::ReadLessons => "you are not in this class",
                    _ => "needs the scope lessons:manage, and to be a teacher of this class",
                };
                Err(ServiceError::Forbidden(why.into()))
            }
            _ => Err(ServiceError::NotFound("class")),
        }
    }

    /// Makes or changes a lesson.
    ///
    /// # Errors
    /// `Forbidden` and `NotFound` by the class; `Invalid`, also for a blob that is not there;
    /// `Conflict` when it is not what `based_on` says, or the class has no room; by the idempotency
    /// key `InFlight` and `KeyReused`.
    pub async fn put_lesson(
        &self,
        caller: &Caller,
        id: &LessonId,
        draft: &LessonDraft,
        based_on: BasedOn,
        key: Option<RequestKey>,
    ) -> Result<PutLesson, ServiceError> {
        let _held = self.held(caller, key.as_ref())?;
        deciding(|| self.put_lesson_once(caller, id, draft, (based_on, key.as_ref()))).await
    }

    fn held(
        &self,
        caller: &Caller,
        key: Option<&RequestKey>,
    ) -> Result<Option<super::in_flight::Held>, ServiceError> {
        key.map(|key| self.in_flight.take(&caller.tenant, &key.scope, &key.key)).transpose()
    }

    async fn put_lesson_once(
        &self,
        caller: &Caller,
        id: &LessonId,
        draft: &LessonDraft,
        (based_on, key): (BasedOn, Option<&RequestKey>),
    ) -> Result<PutLesson, ServiceError> {
        let view = self.class_for(caller, &draft.class, TopicAction::WriteLessons).await?;
        if view.topic.kind != TopicKind::Class {
            return Err(invalid("/class_id", "is a topic that is no class"));
        }
        let now = self.now();
        if draft.expires_at.is_some_and(|at| at <= now) {
            return Err(invalid("/expires_at", "must be in the future"));
        }
        let old = self.store.lesson(&caller.tenant, id).await?;
        self.refuse_move(caller, old.as_ref(), &draft.class).await?;
        let attachments = self.attachments(caller, draft).await?;
        let there = old.as_ref().filter(|lesson| lesson.is_there(now));
        let holds = based_on.holds(there);
        let version = old.as_ref().map_or(1, |lesson| lesson.version + 1);
        let lesson = Lesson {
            id: id.clone(),
            class: draft.class.clone(),
            title: draft.title.clone(),
            data: draft.data.clone(),
            attachments,
            expires_at: draft.expires_at,
            version: if holds { version } else { NO_VERSION },
            created_at: there.map_or(now, |lesson| lesson.created_at),
            updated_at: now,
            changed: Number::ZERO,
            is_deleted: false,
        };
        let put = PutLesson { lesson, is_new: there.is_none() };
        match self.commit(self.unit_of_put(caller, &put, key)).await {
            Ok(_) => Ok(put),
            Err(StoreError::Duplicate(answer)) => repeated(put.lesson, &answer),
            Err(StoreError::Stale) if !holds => Err(moved_on(there)),
            Err(StoreError::Stale) => self.refuse_full(caller, &put).await,
            Err(error) => Err(error.into()),
        }
    }

    /// A lesson stays in its class, as devices of the old one would never hear that it went.
    async fn refuse_move(
        &self,
        caller: &Caller,
        old: Option<&Lesson>,
        to: &TopicId,
    ) -> Result<(), ServiceError> {
        let Some(old) = old.filter(|old| old.class != *to) else { return Ok(()) };
        match self.class(caller, &old.class, TopicAction::ReadLessons).await? {
            (Some(_), Verdict::Yes) => {
                Err(invalid("/class_id", "must be the class that the lesson was made for"))
            }
            _ => Err(NOT_THERE),
        }
    }

    /// Fills in what the blobs say of themselves.
    async fn attachments(
        &self,
        caller: &Caller,
        draft: &LessonDraft,
    ) -> Result<Vec<Attachment>, ServiceError> {
        let hashes: Vec<BlobHash> = draft.attachments.iter().map(|one| one.hash).collect();
        let known = match hashes.is_empty() {
            true => Vec::new(),
            false => self.store.blobs(&caller.tenant, hashes).await?,
        };
        let (mut attachments, mut faults) = (Vec::new(), Vec::new());
        for (index, one) in draft.attachments.iter().enumerate() {
            let AttachmentDraft { hash, name, media_type, bytes } = one;
            let mut fault = |field: &str, detail: &str| {
                faults.push(FieldError::new(&format!("/attachments/{index}/{field}"), detail));
            };
            let Some(blob) = known.iter().find(|blob| blob.hash == *hash) else {
                fault("sha256", "is no blob that is there: upload it first");
                continue;
            };
            if bytes.is_some_and(|bytes| bytes != blob.bytes) {
                fault("bytes", "is not the length of the blob");
            }
            attachments.push(Attachment {
                hash: *hash,
                name: name.clone(),
                media_type: media_type.clone().unwrap_or_else(|| blob.media_type.clone()),
                bytes: blob.bytes,
            });
        }
        if faults.is_empty() { Ok(attachments) } else { Err(ServiceError::Invalid(faults)) }
    }

    fn unit_of_put(&self, caller: &Caller, put: &PutLesson, key: Option<&RequestKey>) -> Unit {
        let lesson = &put.lesson;
        let mut unit = self.unit_of_class(caller, &lesson.class);
        let metadata = json!({
            "class_id": lesson.class.as_str(),
            "version": lesson.version,
            "attachments": lesson.attachments.len(),
        });
        unit.audit.push(self.entry(caller, Action::LessonChanged, entity(&lesson.id), metadata));
        let types = lesson.attachments.iter().map(|one| (one.bytes, one.media_type.clone()));
        let memo = Memo {
            version: lesson.version,
            is_new: put.is_new,
            created_at: lesson.created_at.as_ms(),
            updated_at: lesson.updated_at.as_ms(),
            attachments: types.collect(),
        };
        unit.idempotency = key.map(|key| {
            let memo = serde_json::to_string(&memo).expect("it holds numbers and texts");
            stored_key(key, memo, lesson.updated_at)
        });
        let class_max = self.settings.classes.lessons_max;
        unit.writes.push(Write::PutLesson { lesson: Box::new(lesson.clone()), class_max });
        unit
    }

    /// Begins a unit that relies on the class and on what the caller is in it.
    fn unit_of_class(&self, caller: &Caller, class: &TopicId) -> Unit {
        let mut unit = unit_of(caller);
        unit.guards.push(Guard::TopicThere(class.clone()));
        unit.guards.extend(still(caller, class, MemberRole::Teacher));
        unit
    }

    /// Says that the class has no room, if that is why; else it is to be decided again.
    async fn refuse_full(
        &self,
        caller: &Caller,
        put: &PutLesson,
    ) -> Result<PutLesson, ServiceError> {
        let max = self.settings.classes.lessons_max;
        let count = self.store.lesson_count(&caller.tenant, &put.lesson.class).await?;
        if put.is_new && count >= max as u64 {
            let why = format!("the class has {count} lessons, of {max} at most; delete one first");
            return Err(ServiceError::Conflict(why));
        }
        Err(ServiceError::Store(StoreError::Stale))
    }

    /// Deletes a lesson; what is left tells devices to forget it.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for a member who may not write it; `Conflict` when it is not what
    /// `based_on` says; by the idempotency key `InFlight` and `KeyReused`.
    pub async fn delete_lesson(
        &self,
        caller: &Caller,
        id: &LessonId,
        based_on: BasedOn,
        key: Option<RequestKey>,
    ) -> Result<(), ServiceError> {
        let _held = self.held(caller, key.as_ref())?;
        deciding(|| self.delete_lesson_once(caller, id, based_on, key.as_ref())).await
    }

    async fn delete_lesson_once(
        &self,
        caller: &Caller,
        id: &LessonId,
        based_on: BasedOn,
        key: Option<&RequestKey>,
    ) -> Result<(), ServiceError> {
        let old = self.store.lesson(&caller.tenant, id).await?.ok_or(NOT_THERE)?;
        match self.class(caller, &old.class, TopicAction::WriteLessons).await? {
            (Some(_), Verdict::Yes) => {}
            (Some(view), Verdict::No) if view.role.is_some() && old.is_there(self.now()) => {
                let why = "needs the scope lessons:manage, and to be a teacher of this class";
                return Err(ServiceError::Forbidden(why.into()));
            }
            _ => return Err(NOT_THERE),
        }
        let at = self.now();
        let there = Some(&old).filter(|lesson| lesson.is_there(at));
        let holds = there.is_some() && based_on.holds(there);
        let version = if holds { old.version } else { NO_VERSION };
        let mut unit = self.unit_of_class(caller, &old.class);
        let metadata = json!({ "class_id": old.class.as_str(), "version": old.version + 1 });
        unit.audit.push(self.entry(caller, Action::LessonDeleted, entity(id), metadata));
        unit.idempotency = key.map(|key| stored_key(key, String::new(), at));
        let (id, class) = (id.clone(), old.class.clone());
        unit.writes.push(Write::DeleteLesson { id, class, version, at });
        match self.commit(unit).await {
            Ok(_) | Err(StoreError::Duplicate(_)) => Ok(()),
            Err(StoreError::Stale) if there.is_none() => Err(NOT_THERE),
            Err(StoreError::Stale) if !holds => Err(moved_on(there)),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes lessons whose time is over; tells how many.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn end_lessons(&self, limit: usize) -> Result<usize, ServiceError> {
        let ended = self.store.ended_lessons(self.now(), limit).await?;
        let mut done = 0;
        for EndedLesson { tenant, id, class, version } in ended {
            let mut unit = Unit::new(&tenant);
            let metadata = json!({ "class_id": class.as_str(), "version": version + 1 });
            unit.audit.push(self.entry_of_nobody(Action::LessonExpired, entity(&id), metadata));
            unit.writes.push(Write::DeleteLesson { id, class, version, at: self.now() });
            match self.commit(unit).await {
                // Somebody changed it, or another server was quicker.
                Ok(_) | Err(StoreError::Stale) => done += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    /// Makes an entry that nobody causes.
    pub(super) fn entry_of_nobody(
        &self,
        action: Action,
        entity: Entity,
        metadata: serde_json::Value,
    ) -> AuditDraft {
        let details = Details { actor: None, target: None, metadata: metadata.to_string() };
        AuditDraft { at: self.now(), action, entity, details: self.ids.salted(details) }
    }
}

const NOT_THERE: ServiceError = ServiceError::NotFound("lesson");

fn entity(id: &LessonId) -> Entity {
    Entity::Other("lesson", id.to_string())
}

fn invalid(pointer: &str, detail: &str) -> ServiceError {
    ServiceError::Invalid(vec![FieldError::new(pointer, detail)])
}

fn moved_on(there: Option<&Lesson>) -> ServiceError {
    ServiceError::Conflict(match there {
        Some(lesson) => format!("the lesson is there in version {}", lesson.version),
        None => "the lesson is not there".into(),
    })
}

fn stored_key(key: &RequestKey, memo: String, at: Timestamp) -> IdempotencyKey {
    let RequestKey { scope, key, digest } = key.clone();
    IdempotencyKey { scope, key, digest, memo, at }
}

/// Gives the first answer again: the request is the same, and so is the lesson that it made.
fn repeated(asked: Lesson, answer: &StoredAnswer) -> Result<PutLesson, ServiceError> {
    let memo: Option<Memo> = serde_json::from_str(&answer.memo).ok();
    let memo = memo.filter(|memo| memo.attachments.len() == asked.attachments.len());
    let memo = memo.ok_or_else(|| {
        ServiceError::Store(StoreError::Internal("a stored answer cannot be read".into()))
    })?;
    let Memo { version, is_new, created_at, updated_at, attachments } = memo;
    let told = asked.attachments.into_iter().zip(attachments);
    let attachments =
        told.map(|(one, (bytes, media_type))| Attachment { bytes, media_type, ..one });
    let lesson = Lesson {
        version,
        created_at: Timestamp::from_ms(created_at),
        updated_at: Timestamp::from_ms(updated_at),
        attachments: attachments.collect(),
        ..asked
    };
    Ok(PutLesson { lesson, is_new })
}

/// Says whether a caller reads every class's lessons.
pub(super) fn reads_all(caller: &Caller) -> bool {
    caller.may(&Scope::TopicsManage)
}
