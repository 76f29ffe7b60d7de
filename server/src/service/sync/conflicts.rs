//! Conflicts: what was in the way of what, and what people say becomes of it.

use landfall_core::audit::{Hash, digest};
use landfall_core::auth::{Caller, Scope};
use landfall_core::id::{ConflictId, DeviceId, TopicId};
use landfall_core::json::{Object, Value};
use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::sync::{
    Flips, Next, Reason, Resolution, Seen, Shown, Stamp, Status, Verdict, Why, Written, resolve,
    stamp,
};
use landfall_core::time::Timestamp;
use landfall_core::topic::MemberRole;
use landfall_store::{
    ConflictFilter, ConflictNext, DeviceNext, Guard, OperationKeep, Standings, StandingsAsk,
    StoredConflict, StoredEntity, StoredOperation, SyncWrite, Unit, Write,
};

use super::desk;
use super::kinds::{Kind, Owner};
use super::misfit::Misfit;
use super::records::{
    ClashRecord, read_clashes, read_entity, read_object, written_object, written_verdict,
};
use super::{ServerData, topic_of};
use crate::service::revocations::unit_of;
use crate::service::topics::still;
use crate::service::{ServiceError, Services, deciding};

/// A conflict with the fields that were in dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictView {
    /// The conflict.
    pub stored: StoredConflict,
    /// The topic to which the entity belongs; the user's own where there is none.
    pub topic: Option<TopicId>,
    /// The fields.
    pub clashes: Vec<ClashRecord>,
}

/// What became of a conflict that somebody resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The conflict as it is kept.
    pub conflict: ConflictView,
    /// The entity's version now.
    pub version: u64,
    /// The entity now.
    pub server: ServerData,
}

/// A person's word, and what it was given on.
#[derive(Debug, Clone)]
pub struct ResolveAsk {
    /// What is to become of the conflict.
    pub resolution: Resolution,
    /// The version that the person saw.
    pub base_version: Option<u64>,
    /// From which device.
    pub device: Option<DeviceId>,
}

const NOT_THERE: ServiceError = ServiceError::NotFound("conflict");

impl Services {
    /// Lists the caller's conflicts, oldest first; open ones, resolved ones, or both.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn conflicts(
        &self,
        caller: &Caller,
        is_open: Option<bool>,
        after: Option<ConflictId>,
        limit: usize,
    ) -> Result<Vec<ConflictView>, ServiceError> {
        let user = Some(caller.user.clone());
        let filter = ConflictFilter { user, is_open, after, limit };
        let found = self.store.conflicts(&caller.tenant, filter).await?;
        found.into_iter().map(|one| view(self.kinds.conflict(one)?)).collect()
    }

    /// Resolves a conflict; whoever says the same again gets the same answer.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for a topic's entity that the caller may not write any more; `Conflict`
    /// where it is resolved already, or the entity is in another version than the person saw; `Invalid`
    /// where the type does not allow the result.
    pub async fn resolve_conflict(
        &self,
        caller: &Caller,
        id: ConflictId,
        ask: &ResolveAsk,
    ) -> Result<Resolved, ServiceError> {
        deciding(|| self.resolve_once(caller, id, ask)).await
    }

    async fn resolve_once(
        &self,
        caller: &Caller,
        id: ConflictId,
        ask: &ResolveAsk,
    ) -> Result<Resolved, ServiceError> {
        let found = self.kept_conflict(caller, id).await?;
        if found.user != caller.user && !caller.may(&Scope::Admin) {
            return Err(NOT_THERE);
        }
        let word = Word::new(&found, &ask.resolution);
        let standings = self.standings_of(&found, ask, &word).await?;
        if !found.conflict.is_open {
            return resolved_before(found, &standings, &word);
        }
        let kind = self.kinds.get(&found.name.kind).ok_or_else(|| {
            ServiceError::Conflict("entities of this type are not configured any more".into())
        })?;
        let mut unit = self.unit_of_word(caller, &found, kind).await?;
        let (write, stamp) = self.written_word(caller, &found, (kind, ask), (&standings, word))?;
        unit.audit.push(self.entry_of_word(caller, &found, ask, &write));
        if let Some(device) = &ask.device {
            let seen = DeviceNext::seen(&caller.user, device.as_str(), write.operation.at);
            let next = DeviceNext { stamp: Some((stamp.at, stamp.count)), ..seen };
            unit.writes.push(Write::Synced(Box::new(next)));
        }
        unit.writes.insert(0, Write::Sync(Box::new(write)));
        self.commit(unit).await?;
        let found = self.kept_conflict(caller, id).await?;
        let names = vec![found.name.clone()];
        let entities = self.kinds.entities(self.store.entities(&found.feed, names).await?)?;
        answer(found, &entities)
    }

    async fn kept_conflict(
        &self,
        caller: &Caller,
        id: ConflictId,
    ) -> Result<StoredConflict, ServiceError> {
        let found = self.store.conflict(&caller.tenant, id).await?;
        self.kinds.conflict(found.ok_or(NOT_THERE)?)
    }

    async fn standings_of(
        &self,
        found: &StoredConflict,
        ask: &ResolveAsk,
        word: &Word,
    ) -> Result<Standings, ServiceError> {
        let device = desk::device_name(ask.device.as_ref());
        let ask = StandingsAsk {
            names: vec![found.name.clone()],
            operations: vec![word.id.clone()],
            ..StandingsAsk::of(&found.feed, &found.user, &device)
        };
        self.kinds.standings(self.store.standings(ask).await?)
    }

    /// Decides what an entity becomes by a person's word, and writes that down as an operation.
    fn written_word(
        &self,
        caller: &Caller,
        found: &StoredConflict,
        (kind, ask): (&Kind, &ResolveAsk),
        (standings, word): (&Standings, Word),
    ) -> Result<(SyncWrite, Stamp), ServiceError> {
        let stored = standings.entities.first();
        let version = stored.map_or(0, |entity| entity.version);
        if ask.base_version.is_some_and(|seen| seen != version) {
            let detail = format!("the entity is in version {version} by now");
            return Err(ServiceError::Conflict(detail));
        }
        let now = self.now();
        let stamp = stamped(ask, standings, now);
        let entity = stored.map(read_entity).transpose()?.map(|(entity, _)| entity);
        let fields = |data: &Option<JsonText>| data.as_ref().map(read_object).transpose();
        let (server, client) = (fields(&found.conflict.server)?, fields(&found.conflict.client)?);
        let shown = Shown { server: server.as_ref(), client: client.as_ref() };
        let resolution = kind.current_word(&ask.resolution);
        let next = resolve(entity.as_ref(), shown, &resolution, &stamp);
        if let Some(next) = next.as_ref().filter(|next| !next.is_deleted) {
            check(kind, &next.data)?;
        }
        let stands = next.as_ref().map(|next| (&next.data, next.is_deleted));
        let stands = stands.or(entity.as_ref().map(|entity| (&entity.data, entity.is_deleted)));
        let there = stands.filter(|(_, is_deleted)| !is_deleted);
        let conflict = ConflictNext::Resolved {
            id: found.conflict.id,
            resolution: ask.resolution.as_str().into(),
            result: there.map(|(data, _)| written_object(data)),
            by: caller.user.clone(),
        };
        Ok((kept(found, (standings, word), (next, now, &stamp), conflict), stamp))
    }

    /// Begins a unit on condition that the caller may still write the entity.
    async fn unit_of_word(
        &self,
        caller: &Caller,
        found: &StoredConflict,
        kind: &Kind,
    ) -> Result<Unit, ServiceError> {
        let mut unit = unit_of(caller);
        let Some(topic) = topic_of(&found.feed) else { return Ok(unit) };
        let least = match kind.owner {
            Owner::Topic { write } => write,
            Owner::User => MemberRole::Owner,
        };
        let view = self.store.topic(&caller.tenant, &topic, &caller.user).await?;
        let role = view.as_ref().and_then(|view| view.role);
        if view.is_none() || !(caller.may(&Scope::TopicsManage) || role >= Some(least)) {
            let detail = "you may not change this topic's entities any more";
            return Err(ServiceError::Forbidden(detail.into()));
        }
        unit.guards.push(Guard::TopicThere(topic.clone()));
        unit.guards.extend(still(caller, &topic, least));
        Ok(unit)
    }
}

/// A person's word as an operation: one conflict has one, by the conflict's name.
struct Word {
    id: Box<str>,
    digest: Hash,
}

impl Word {
    fn new(found: &StoredConflict, resolution: &Resolution) -> Self {
        let mut said =
            Object::from([("resolution".to_owned(), Value::Text(resolution.as_str().to_owned()))]);
        if let Resolution::Manual(data) | Resolution::Merge(data) = resolution {
            said.insert("data".to_owned(), Value::Object(data.clone()));
        }
        let digest = digest(Value::Object(said).canonical().as_bytes());
        Self { id: format!("resolve:{}", found.conflict.id).into(), digest }
    }
}

/// Stamps what a person says now.
fn stamped(ask: &ResolveAsk, standings: &Standings, now: Timestamp) -> Stamp {
    let device = desk::device_name(ask.device.as_ref());
    let last = standings.device.as_ref().and_then(|known| known.stamp);
    let last = last.map(|(at, count)| Stamp { at, count, device: device.clone() });
    let written = Written { at: now, age_ms: Some(0) };
    stamp(&device, written, Seen { now, sent_at: None }, last.as_ref())
}

/// Refuses what a type does not allow.
fn check(kind: &Kind, data: &Object) -> Result<(), ServiceError> {
    let misfit = Misfit::default();
    misfit.check(kind, data).map_err(|_| {
        let within = |fault: FieldError| FieldError {
            pointer: fault.pointer.replacen("/data", "/mergedData", 1),
            ..fault
        };
        ServiceError::Invalid(misfit.into_errors().into_iter().map(within).collect())
    })
}

fn kept(
    found: &StoredConflict,
    (standings, word): (&Standings, Word),
    (next, at, stamp): (Option<Next>, Timestamp, &Stamp),
    conflict: ConflictNext,
) -> SyncWrite {
    let stored = standings.entities.first();
    let (from_version, from) = stored.map_or((0, 0), |entity| (entity.version, entity.revision));
    let version = from_version + u64::from(next.is_some());
    let why = Why::Decided(Reason::PersonSaid);
    let verdict =
        Verdict { status: Status::Applied, why, version, conflict: Some(found.conflict.id) };
    SyncWrite {
        feed: found.feed.clone(),
        name: found.name.clone(),
        user: found.user.clone(),
        device: stamp.device.clone(),
        operation: StoredOperation {
            id: word.id,
            digest: word.digest,
            outcome: Some(written_verdict(&verdict)),
            at,
        },
        keeps: OperationKeep::New,
        from,
        from_version,
        from_branch: standings.branches.first().map(|branch| branch.operation.clone()),
        next: next.map(|next| desk::entity_next(&next, version, Flips::default())),
        branch: None,
        conflict: Some(Box::new(conflict)),
        activity: None,
    }
}

/// Answers who says once more what was said already.
fn resolved_before(
    found: StoredConflict,
    standings: &Standings,
    word: &Word,
) -> Result<Resolved, ServiceError> {
    let said = standings.operations.first().map(|known| known.digest);
    if said == Some(word.digest) {
        return answer(found, &standings.entities);
    }
    let how = found.resolved.as_ref().and_then(|(_, _, how)| how.as_deref());
    let how = how.unwrap_or(&found.conflict.decided_by);
    Err(ServiceError::Conflict(format!("the conflict is resolved already, by {how}")))
}

fn answer(found: StoredConflict, entities: &[StoredEntity]) -> Result<Resolved, ServiceError> {
    let entity = entities.first();
    let there = entity.filter(|entity| !entity.is_deleted);
    Ok(Resolved {
        version: entity.map_or(0, |entity| entity.version),
        server: there.map_or(ServerData::Gone, |entity| ServerData::There(entity.data.clone())),
        conflict: view(found)?,
    })
}

fn view(stored: StoredConflict) -> Result<ConflictView, ServiceError> {
    let clashes = read_clashes(&stored.conflict.clashes)?;
    Ok(ConflictView { topic: topic_of(&stored.feed), clashes, stored })
}
