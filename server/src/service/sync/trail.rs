//! What the trail says of conflicts: both sides and what became of them, for whoever asks later.

use landfall_core::audit::{Action, Details, Entity};
use landfall_core::auth::Caller;
use landfall_core::id::ConflictId;
use landfall_core::notification::JsonText;
use landfall_store::{AuditDraft, Conflict, ConflictNext, StoredConflict, SyncWrite};
use serde::Serialize;
use serde_json::value::RawValue;

use super::ResolveAsk;
use crate::service::Services;

impl Services {
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

    /// Tells what a person said, and what became of the entity.
    pub(super) fn entry_of_word(
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
