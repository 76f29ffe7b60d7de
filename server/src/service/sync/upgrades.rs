//! What was stored, or is written by apps, in an earlier version of its type, read as it would be now.
//!
//! Whatever this folder reads of entities goes through here, so that nothing behind knows of versions. Rows
//! stay as they are until they are changed.

use std::borrow::Cow;

use landfall_core::json::{self, Value};
use landfall_core::merge::pointer;
use landfall_core::notification::JsonText;
use landfall_core::sync::{Operation, Refused, Resolution, Upgrades};
use landfall_store::{Conflict, Standings, StoredConflict, StoredEntity};

use super::Kinds;
use super::kinds::Kind;
use super::misfit::Misfit;
use super::records::{read_clashes, read_object, written, written_object};
use crate::service::ServiceError;

impl Kind {
    /// Gives an operation as the type has it by now.
    pub(super) fn current<'o>(
        &self,
        operation: &'o Operation,
        misfit: &Misfit,
    ) -> Result<Cow<'o, Operation>, Refused> {
        let known = self.upgrades.version();
        if operation.schema_version.is_some_and(|version| version > known) {
            let detail = format!("must be at most {known}: this server knows none after that");
            misfit.note("/schemaVersion", &detail);
            return Err(Refused::UnknownSchema);
        }
        let converted = self.upgrades.operation(operation);
        Ok(converted.map_or(Cow::Borrowed(operation), Cow::Owned))
    }

    /// Gives a person's word with the fields as the type has them by now.
    pub(super) fn current_word(&self, said: &Resolution) -> Resolution {
        let mut word = said.clone();
        if let Resolution::Manual(data) | Resolution::Merge(data) = &mut word {
            self.upgrades.fields(data);
        }
        word
    }
}

impl Kinds {
    /// The steps of a type, if it has any.
    fn upgrades(&self, kind: &str) -> Option<&Upgrades> {
        let upgrades = self.get(kind).map(|kind| &kind.upgrades);
        upgrades.filter(|upgrades| !upgrades.is_empty())
    }

    /// Reads what a desk is filled with.
    pub(super) fn standings(&self, mut found: Standings) -> Result<Standings, ServiceError> {
        for entity in &mut found.entities {
            self.upgrade_entity(entity)?;
        }
        for version in &mut found.versions {
            if let Some(upgrades) = self.upgrades(&version.name.kind) {
                version.data = fields(upgrades, &version.data)?;
            }
        }
        for branch in &mut found.branches {
            if let Some(upgrades) = self.upgrades(&branch.name.kind) {
                upgrade_optional(upgrades, &mut branch.fields)?;
            }
        }
        for conflict in &mut found.conflicts {
            self.upgrade_conflict(conflict)?;
        }
        Ok(found)
    }

    /// Reads entities.
    pub(super) fn entities(
        &self,
        mut found: Vec<StoredEntity>,
    ) -> Result<Vec<StoredEntity>, ServiceError> {
        found.iter_mut().try_for_each(|entity| self.upgrade_entity(entity))?;
        Ok(found)
    }

    /// Reads a conflict.
    pub(super) fn conflict(
        &self,
        mut found: StoredConflict,
    ) -> Result<StoredConflict, ServiceError> {
        self.upgrade_conflict(&mut found)?;
        Ok(found)
    }

    fn upgrade_entity(&self, entity: &mut StoredEntity) -> Result<(), ServiceError> {
        let Some(upgrades) = self.upgrades(&entity.name.kind) else { return Ok(()) };
        entity.data = fields(upgrades, &entity.data)?;
        let mut stamps = read_object(&entity.stamps)?;
        if let Some(Value::Object(of_fields)) = stamps.get_mut("fields") {
            upgrades.fields(of_fields);
        }
        entity.stamps = written_object(&stamps);
        Ok(())
    }

    fn upgrade_conflict(&self, found: &mut StoredConflict) -> Result<(), ServiceError> {
        let Some(upgrades) = self.upgrades(&found.name.kind) else { return Ok(()) };
        let Conflict { base, server, client, result, clashes, .. } = &mut found.conflict;
        for data in [base, server, client, result] {
            upgrade_optional(upgrades, data)?;
        }
        let mut records = read_clashes(clashes)?;
        for record in &mut records {
            record.pointer = renamed(upgrades, &record.pointer);
        }
        *clashes = written(&records);
        Ok(())
    }
}

fn upgrade_optional(upgrades: &Upgrades, data: &mut Option<JsonText>) -> Result<(), ServiceError> {
    for data in data.iter_mut() {
        *data = fields(upgrades, data)?;
    }
    Ok(())
}

fn fields(upgrades: &Upgrades, data: &JsonText) -> Result<JsonText, ServiceError> {
    let mut fields = read_object(data)?;
    upgrades.fields(&mut fields);
    Ok(JsonText::trusted(&json::object_text(&fields)))
}

/// Gives where a field's dispute is by now; one that is gone stays where it was.
fn renamed(upgrades: &Upgrades, at: &str) -> String {
    let within = at.strip_prefix('/').unwrap_or(at);
    let (first, rest) = within.split_at(within.find('/').unwrap_or(within.len()));
    let name = first.replace("~1", "/").replace("~0", "~");
    match upgrades.field(&name) {
        Some(new) if new != name => pointer([new]) + rest,
        _ => at.to_owned(),
    }
}
