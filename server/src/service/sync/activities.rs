//! Activities: what S0's apps send, on the same engine as all other work (contract 6).
//!
//! An activity is an operation that names a type and data, and no entity: the type's key makes the
//! entity's id of the data. It sets the fields that it has, and what became of it is kept to be shown.
//! Must never decide how two edits meet.

use landfall_core::audit::{Hash, digest};
use landfall_core::auth::Caller;
use landfall_core::feed::FeedKey;
use landfall_core::id::{ConflictId, DeviceId};
use landfall_core::json::{Object, Value};
use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::sync::{EntityName, Operation, Refused, Status, Verb, Verdict, Why, Written};
use landfall_core::time::Timestamp;
use landfall_store::{
    ActivityFilter, ActivityNext, ActivityStatus, DeviceNext, OperationKeep, SessionCounts,
    SessionNext, StoredActivity, SyncWrite, Write,
};

use super::pull::ACTIVITIES;
use super::records::{read_object, written_object};
use super::{
    AsActivity, Brought, PullAsk, Pulled, PushAsk, Pushed, ServerData, Since, Turn, Wish, desk,
};
use crate::service::revocations::unit_of;
use crate::service::{ServiceError, Services};

/// Bytes of the data of a refused activity that is kept for a retry; one with more is answered, and
/// shown in no list.
const REFUSED_BYTES_MAX: usize = 64 << 10;
/// Failed activities that are decided anew at once.
pub const RETRIED_MAX: usize = 100;

/// An activity as a device brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Its name, which is its operation's.
    pub id: Box<str>,
    /// Its type.
    pub kind: Box<str>,
    /// What it says.
    pub data: Object,
    /// When it was written; just now where nothing is said.
    pub written: Option<Written>,
    /// Whose word is asked for.
    pub wish: Wish,
}

/// What a device brings.
#[derive(Debug, Clone)]
pub struct ActivitiesAsk {
    /// Which device; nothing for one that has no name.
    pub device: Option<DeviceId>,
    /// What its clock showed as it sent this.
    pub sent_at: Option<Timestamp>,
    /// Up to where it has what the server has; what it was last given where it does not say.
    pub has: Since,
    /// How many it says it has not sent yet.
    pub pending: Option<u64>,
    /// What its user did, in their order.
    pub activities: Vec<Activity>,
}

/// An activity, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityView {
    /// Its name.
    pub id: Box<str>,
    /// Its type.
    pub kind: Box<str>,
    /// The entity that it is about; empty where none can be made out.
    pub entity_id: Box<str>,
    /// The device that brought it last; empty where it has no name.
    pub device: Box<str>,
    /// What it says.
    pub data: JsonText,
    /// How it stands.
    pub status: ActivityStatus,
    /// Why.
    pub reason: Box<str>,
    /// When it came first; nothing where that is not kept.
    pub created_at: Option<Timestamp>,
    /// When it was decided last; nothing where that is not kept.
    pub decided_at: Option<Timestamp>,
}

/// What became of an activity that was brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityOutcome {
    /// The activity.
    pub view: ActivityView,
    /// How it ended.
    pub ended: Status,
    /// Whether it had been decided before.
    pub is_replay: bool,
    /// Whether another operation has its name.
    pub is_reused: bool,
    /// The entity's version after it.
    pub version: u64,
    /// The conflict that it came to.
    pub conflict: Option<ConflictId>,
    /// The entity as the server has it, where that may be something else than what was brought.
    pub server: Option<ServerData>,
    /// What is wrong with one that failed.
    pub errors: Vec<FieldError>,
}

impl Since {
    /// Goes on where the last answer to a device's activities ended.
    pub fn activities(cursor: String) -> Self {
        Self::Cursor(cursor, vec![ACTIVITIES.into()])
    }
}

impl Services {
    /// Decides activities; each has its own outcome.
    ///
    /// # Errors
    /// As [`Services::push`].
    pub async fn bring_activities(
        &self,
        caller: &Caller,
        ask: ActivitiesAsk,
    ) -> Result<Vec<ActivityOutcome>, ServiceError> {
        let ActivitiesAsk { device, sent_at, has, pending, activities } = ask;
        let operations =
            activities.into_iter().map(|one| self.as_operation(one, Turn::First)).collect();
        let push = PushAsk { device, sent_at, has, operations, pending, generation: None };
        let pushed = self.push(caller, &push).await?;
        self.outcomes(caller, &push, pushed).await
    }

    /// Gives what changed of the entities that activities are about, and notes that the device has it,
    /// and how many operations it says it has not sent yet.
    ///
    /// # Errors
    /// As [`Services::pull`].
    pub async fn server_activities(
        &self,
        caller: &Caller,
        (device, since, pending): (Option<DeviceId>, Since, Option<u64>),
        limit: usize,
    ) -> Result<Pulled, ServiceError> {
        let kinds = vec![ACTIVITIES.into()];
        let ask = PullAsk { device, since, kinds, limit, deltas: false, pending: None };
        let pulled = self.pull(caller, &ask).await?;
        let Some(device) = &ask.device else { return Ok(pulled) };
        let places = self.places_in(caller, &ask.kinds, &pulled.cursor)?;
        let known = self.known_device(caller, device).await?;
        let at = self.now();
        let id = self.session_of(known.as_ref(), at);
        let counts =
            SessionCounts { pulled: pulled.changes.len() as u64, ..SessionCounts::default() };
        let mut unit = unit_of(caller);
        unit.writes.push(Write::Synced(Box::new(DeviceNext {
            given: places.map(|places| places.own.number),
            session: Some(SessionNext { id, counts }),
            pending,
            ..DeviceNext::seen(&caller.user, device.as_str(), at)
        })));
        self.commit(unit).await?;
        Ok(pulled)
    }

    /// Lists the caller's activities, oldest first.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn activities(
        &self,
        caller: &Caller,
        filter: ActivityFilter,
    ) -> Result<Vec<ActivityView>, ServiceError> {
        let filter = ActivityFilter { user: caller.user.clone(), ..filter };
        let found = self.store.activities(&caller.tenant, filter).await?;
        Ok(found.into_iter().map(ActivityView::from).collect())
    }

    /// Decides failed activities anew: those that are named, or the oldest; of one device, or of all.
    /// Others that are named answer as they did; what is not there is left out.
    ///
    /// # Errors
    /// When the store is away, or the caller's token was revoked.
    pub async fn retry_activities(
        &self,
        caller: &Caller,
        ids: Option<Vec<Box<str>>>,
        device: Option<&DeviceId>,
    ) -> Result<Vec<ActivityOutcome>, ServiceError> {
        let found = match ids {
            Some(ids) => self.store.named_activities(&caller.tenant, &caller.user, ids).await?,
            None => {
                let filter = ActivityFilter {
                    device: device.map(|id| id.as_str().into()),
                    status: Some(ActivityStatus::Failed),
                    ..ActivityFilter::of(&caller.user, RETRIED_MAX)
                };
                self.store.activities(&caller.tenant, filter).await?
            }
        };
        let own = FeedKey::data(&caller.tenant, &caller.user);
        let mut outcomes = Vec::with_capacity(found.len());
        let is_meant = |one: &StoredActivity| device.is_none_or(|id| *id.as_str() == *one.device);
        for one in found.into_iter().filter(is_meant) {
            let retry = || self.retry_once(caller, &one.id);
            outcomes.extend(self.feed_locks.deciding(&own, retry).await?);
        }
        Ok(outcomes)
    }

    async fn retry_once(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Vec<ActivityOutcome>, ServiceError> {
        let ids = vec![id.into()];
        let found = self.store.named_activities(&caller.tenant, &caller.user, ids).await?;
        let Some(stored) = found.into_iter().next() else { return Ok(Vec::new()) };
        let turn = if stored.status == ActivityStatus::Failed { Turn::Again } else { Turn::First };
        let activity = Activity {
            id: stored.id,
            kind: stored.kind,
            data: read_object(&stored.data)?,
            written: Some(Written { at: stored.created_at, age_ms: None }),
            wish: Wish::AsTyped,
        };
        let push = PushAsk {
            device: DeviceId::parse(&stored.device).ok(),
            sent_at: None,
            has: Since::Beginning,
            operations: vec![self.as_operation(activity, turn)],
            pending: None,
            generation: None,
        };
        let pushed = self.push_chunk(caller, &push, &push.operations).await?;
        self.outcomes(caller, &push, pushed).await
    }

    /// Writes an activity down as an operation.
    fn as_operation(&self, activity: Activity, turn: Turn) -> Brought {
        let Activity { id, kind, data, written, wish } = activity;
        let entity = match self.kinds.get(&kind) {
            Some(kind) if kind.key.is_none() => {
                let detail = "is not a type of activities: send what it holds with sync/push";
                Err(FieldError::new("/activity_type", detail))
            }
            Some(kind) => {
                kind.entity_id(&data).map_err(|detail| FieldError::new("/activity_data", detail))
            }
            None => Ok("".into()),
        };
        let (entity, fault) = match entity {
            Ok(entity) => (entity, None),
            Err(fault) => ("".into(), Some(fault)),
        };
        let now = Written { at: self.now(), age_ms: Some(0) };
        let operation = Operation {
            digest: said(&id, &kind, &data),
            id,
            name: EntityName { kind, id: entity },
            // Sets the fields that it has, of an entity that is there or not.
            verb: Verb::Update,
            data,
            base_data: None,
            base_version: None,
            client_version: None,
            after: None,
            schema_version: None,
            written: written.unwrap_or(now),
        };
        Brought { operation, topic: None, activity: Some(AsActivity { wish, fault, turn }) }
    }

    /// Tells what became of activities, by what is kept of them.
    async fn outcomes(
        &self,
        caller: &Caller,
        push: &PushAsk,
        pushed: Vec<Pushed>,
    ) -> Result<Vec<ActivityOutcome>, ServiceError> {
        let ids = pushed.iter().map(|one| one.id.clone()).collect();
        let kept = self.store.named_activities(&caller.tenant, &caller.user, ids).await?;
        let device = desk::device_name(push.device.as_ref());
        let outcome = |(brought, pushed): (&Brought, Pushed)| {
            let is_reused = pushed.verdict.why == Why::Refused(Refused::IdReused);
            let kept = kept.iter().find(|one| one.id == pushed.id && !is_reused);
            let view = kept.cloned().map(ActivityView::from);
            let view = view.unwrap_or_else(|| unkept(brought, &pushed.verdict, &device));
            ActivityOutcome {
                view,
                is_reused,
                ended: pushed.verdict.status,
                is_replay: pushed.is_replay,
                version: pushed.verdict.version,
                conflict: pushed.verdict.conflict,
                server: pushed.server,
                errors: pushed.errors.into_iter().map(in_activity).collect(),
            }
        };
        Ok(push.operations.iter().zip(pushed).map(outcome).collect())
    }
}

/// Lets what is shown of an activity go with its operation.
pub(super) fn ride(brought: &Brought, verdict: &Verdict, write: &mut SyncWrite) {
    let Some(activity) = &brought.activity else { return };
    if activity.turn == Turn::Again {
        write.keeps = OperationKeep::Again;
    }
    let data = written_object(&brought.operation.data);
    let status = status(verdict);
    if status == ActivityStatus::Failed && data.as_str().len() > REFUSED_BYTES_MAX {
        return;
    }
    write.activity = Some(Box::new(ActivityNext {
        kind: brought.operation.name.kind.clone(),
        entity_id: brought.operation.name.id.clone(),
        data,
        status,
        reason: verdict.why.as_str().into(),
    }));
}

fn status(verdict: &Verdict) -> ActivityStatus {
    match verdict.status {
        Status::Applied | Status::Merged | Status::Duplicate => ActivityStatus::Synced,
        Status::Conflict => ActivityStatus::Conflict,
        Status::Rejected => ActivityStatus::Failed,
    }
}

/// Digests what an activity says: neither who sent it, nor when, nor what it hoped for.
fn said(id: &str, kind: &str, data: &Object) -> Hash {
    let text = |text: &str| Value::Text(text.to_owned());
    let members = [
        ("activity_data".to_owned(), Value::Object(data.clone())),
        ("activity_type".to_owned(), text(kind)),
        ("offline_id".to_owned(), text(id)),
    ];
    digest(Value::Object(members.into()).canonical().as_bytes())
}

/// Shows an activity of which nothing is kept.
fn unkept(brought: &Brought, verdict: &Verdict, device: &str) -> ActivityView {
    let operation = &brought.operation;
    ActivityView {
        id: operation.id.clone(),
        kind: operation.name.kind.clone(),
        entity_id: operation.name.id.clone(),
        device: device.into(),
        data: written_object(&operation.data),
        status: status(verdict),
        reason: verdict.why.as_str().into(),
        created_at: None,
        decided_at: None,
    }
}

/// Points into an activity where a fault points into an operation.
fn in_activity(fault: FieldError) -> FieldError {
    match fault.pointer.strip_prefix("/data") {
        Some(within) => FieldError { pointer: format!("/activity_data{within}"), ..fault },
        None => fault,
    }
}

impl From<StoredActivity> for ActivityView {
    fn from(stored: StoredActivity) -> Self {
        let StoredActivity {
            id,
            kind,
            entity_id,
            device,
            data,
            status,
            reason,
            created_at,
            decided_at,
        } = stored;
        let (created_at, decided_at) = (Some(created_at), Some(decided_at));
        Self { id, kind, entity_id, device, data, status, reason, created_at, decided_at }
    }
}
