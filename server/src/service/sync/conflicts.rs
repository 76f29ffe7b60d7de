//! Conflicts: what was in the way of what, and what people say becomes of it.

use landfall_core::audit::{Action, Details, Entity, Hash, digest};
use landfall_core::auth::{Caller, Scope};
use landfall_core::id::{ConflictId, DeviceId, TopicId};
use landfall_core::json::{Object, Value};
use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::sync::{
    Flips, Reason, Resolution, Seen, Shown, Stamp, Status, Verdict, Why, Written, resolve, stamp,
};
use landfall_core::topic::MemberRole;
use landfall_store::{
    AuditDraft, Conflict, ConflictFilter, ConflictNext, DeviceNext, Guard, OperationKeep,
    Standings, StandingsAsk, StoredConflict, StoredEntity, StoredOperation, SyncWrite, Unit, Write,
};
use serde::Serialize;
use serde_json::value::RawValue;

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
        found.into_iter().map(view).collect()
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
        let found = self.store.conflict(&caller.tenant, id).await?.ok_or(NOT_THERE)?;
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
        let (write, stamp) = self.written_word(caller, &found, (kind, ask), (&standings, word))?;
        let mut unit = self.unit_of_word(caller, &found, kind)?;
        unit.audit.push(self.entry_of_word(caller, &found, ask, &write));
        if let Some(device) = &ask.device {
            unit.writes.push(Write::Synced(Box::new(DeviceNext {
                user: caller.user.clone(),
                device: device.as_str().into(),
                at: write.operation.at,
                stamp: Some((stamp.at, stamp.count)),
                place: None,
                given: None,
                session: None,
                pending: None,
            })));
        }
        unit.writes.insert(0, Write::Sync(Box::new(write)));
        self.commit(unit).await?;
        let found = self.store.conflict(&caller.tenant, id).await?.ok_or(NOT_THERE)?;
        let names = vec![found.name.clone()];
        let entities = self.store.entities(&found.feed, names).await?;
        answer(found, &entities)
    }

    async fn standings_of(
        &self,
        found: &StoredConflict,
        ask: &ResolveAsk,
        word: &Word,
    ) -> Result<Standings, ServiceError> {
        let ask = StandingsAsk {
            feed: found.feed.clone(),
            user: found.user.clone(),
            device: desk::device_name(ask.device.as_ref()),
            names: vec![found.name.clone()],
            operations: vec![word.id.clone()],
            versions: Vec::new(),
            had: None,
        };
        Ok(self.store.standings(ask).await?)
    }

    /// Writes a person's word down as an operation.
    fn written_word(
        &self,
        caller: &Caller,
        found: &StoredConflict,
        (kind, ask): (&Kind, &ResolveAsk),
        (standings, word): (&Standings, Word),
    ) -> Result<(SyncWrite, Stamp), ServiceError> {
        let stored = standings.entities.first();
        let (version, revision) = stored.map_or((0, 0), |entity| (entity.version, entity.revision));
        if ask.base_version.is_some_and(|seen| seen != version) {
            return Err(ServiceError::Conflict(format!(
                "the entity is in version {version} by now"
            )));
        }
        let device = desk::device_name(ask.device.as_ref());
        let last = standings.device.as_ref().and_then(|known| known.stamp);
        let last = last.map(|(at, count)| Stamp { at, count, device: device.clone() });
        let seen = Seen { now: self.now(), sent_at: None };
        let stamp = stamp(&device, Written { at: seen.now, age_ms: Some(0) }, seen, last.as_ref());
        let entity = stored.map(read_entity).transpose()?.map(|(entity, _)| entity);
        let fields = |data: &Option<JsonText>| data.as_ref().map(read_object).transpose();
        let (server, client) = (fields(&found.conflict.server)?, fields(&found.conflict.client)?);
        let shown = Shown { server: server.as_ref(), client: client.as_ref() };
        let next = resolve(entity.as_ref(), shown, &ask.resolution, &stamp);
        if let Some(next) = next.as_ref().filter(|next| !next.is_deleted) {
            let misfit = Misfit::default();
            if misfit.check(kind, &next.data).is_err() {
                let within = |fault: FieldError| FieldError {
                    pointer: fault.pointer.replacen("/data", "/mergedData", 1),
                    ..fault
                };
                return Err(ServiceError::Invalid(
                    misfit.into_errors().into_iter().map(within).collect(),
                ));
            }
        }
        let becomes =
            next.as_ref().map_or(entity.as_ref().map(|e| (&e.data, e.is_deleted)), |next| {
                Some((&next.data, next.is_deleted))
            });
        let result = becomes.filter(|(_, is_deleted)| !is_deleted);
        let result = result.map(|(data, _)| written_object(data));
        let next_version = version + u64::from(next.is_some());
        let verdict = Verdict {
            status: Status::Applied,
            why: Why::Decided(Reason::PersonSaid),
            version: next_version,
            conflict: Some(found.conflict.id),
        };
        let write = SyncWrite {
            feed: found.feed.clone(),
            name: found.name.clone(),
            user: found.user.clone(),
            device,
            operation: StoredOperation {
                id: word.id,
                digest: word.digest,
                outcome: Some(written_verdict(&verdict)),
                at: seen.now,
            },
            keeps: OperationKeep::New,
            from: revision,
            from_version: version,
            from_branch: standings.branches.first().map(|branch| branch.operation.clone()),
            next: next.map(|next| desk::entity_next(&next, next_version, Flips::default())),
            branch: None,
            conflict: Some(Box::new(ConflictNext::Resolved {
                id: found.conflict.id,
                resolution: ask.resolution.as_str().into(),
                result,
                by: caller.user.clone(),
            })),
            activity: None,
        };
        Ok((write, stamp))
    }

    /// Begins a unit on condition that the caller may still write the entity.
    fn unit_of_word(
        &self,
        caller: &Caller,
        found: &StoredConflict,
        kind: &Kind,
    ) -> Result<Unit, ServiceError> {
        let mut unit = unit_of(caller);
        if let Some(topic) = topic_of(&found.feed) {
            let least = match kind.owner {
                Owner::Topic { write } => write,
                Owner::User => MemberRole::Owner,
            };
            unit.guards.push(Guard::TopicThere(topic.clone()));
            unit.guards.extend(still(caller, &topic, least));
        }
        Ok(unit)
    }

    /// Tells what was in the way of what, and what a rule did or a person has to say.
    pub(super) fn entry_of_dispute(
        &self,
        caller: &Caller,
        write: &SyncWrite,
    ) -> Option<AuditDraft> {
        let Some(ConflictNext::New(conflict)) = write.conflict.as_deref() else { return None };
        let told = Told {
            entity_type: &write.name.kind,
            entity_id: &write.name.id,
            operation: &write.operation.id,
            device: &write.device,
            by: &conflict.decided_by,
            base: raw(conflict.base.as_ref()),
            server: raw(conflict.server.as_ref()),
            client: raw(conflict.client.as_ref()),
            result: raw(conflict.result.as_ref()),
        };
        let action =
            if conflict.is_open { Action::ConflictOpened } else { Action::ConflictDecided };
        Some(self.entry_told(caller, action, conflict.id, &told))
    }

    fn entry_of_word(
        &self,
        caller: &Caller,
        found: &StoredConflict,
        ask: &ResolveAsk,
        write: &SyncWrite,
    ) -> AuditDraft {
        let result = match write.conflict.as_deref() {
            Some(ConflictNext::Resolved { result, .. }) => result.as_ref(),
            _ => None,
        };
        let Conflict { base, server, client, .. } = &found.conflict;
        let told = Told {
            entity_type: &found.name.kind,
            entity_id: &found.name.id,
            operation: &write.operation.id,
            device: &write.device,
            by: ask.resolution.as_str(),
            base: raw(base.as_ref()),
            server: raw(server.as_ref()),
            client: raw(client.as_ref()),
            result: raw(result),
        };
        self.entry_told(caller, Action::ConflictResolved, found.conflict.id, &told)
    }

    fn entry_told(
        &self,
        caller: &Caller,
        action: Action,
        id: ConflictId,
        told: &Told<'_>,
    ) -> AuditDraft {
        let metadata = serde_json::to_string(told).expect("what is told has only text as keys");
        let details = Details { actor: Some(caller.user.clone()), target: None, metadata };
        let entity = Entity::Other("conflict", id.to_string());
        AuditDraft { at: self.now(), action, entity, details: self.ids.salted(details) }
    }
}

/// What the trail says of a conflict.
#[derive(Serialize)]
struct Told<'a> {
    entity_type: &'a str,
    entity_id: &'a str,
    operation: &'a str,
    device: &'a str,
    by: &'a str,
    base: Option<&'a RawValue>,
    server: Option<&'a RawValue>,
    client: Option<&'a RawValue>,
    result: Option<&'a RawValue>,
}

fn raw(data: Option<&JsonText>) -> Option<&RawValue> {
    data.and_then(|data| serde_json::from_str(data.as_str()).ok())
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
