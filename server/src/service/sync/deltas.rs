//! Field deltas: what changed of an entity since a device last had it, in place of all its fields.
//!
//! Must never build on fields of which it is not certain that the device got them.

use std::collections::BTreeMap;

use landfall_core::auth::Caller;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::notification::JsonText;
use landfall_core::sync::{EntityName, Verb};
use landfall_store::{EntityVersion, StandingsAsk};
use serde_json::value::RawValue;

use super::pull::{ChangedEntity, Held};
use crate::service::{ServiceError, Services};

/// What the names of a delta's members take more than that of the whole fields.
const MEMBERS_BYTES: usize = r#","baseVersion":1,"removed":[]"#.len();

/// What changed of an entity's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChanges {
    /// The version on which these are.
    pub base: u64,
    /// Fields that are new or another, whole.
    pub fields: JsonText,
    /// Fields that are gone.
    pub removed: Vec<String>,
}

/// Where a device stands, for deltas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Had {
    /// The last number that was given to it.
    pub(super) number: Number,
    /// Up to which number it had every entity as it was.
    pub(super) whole: Number,
}

impl Services {
    /// Puts what changed in place of all fields, where that is shorter and what the device had is
    /// certain; one read for all rows.
    ///
    /// An entity that changed above `whole` and again later may or may not have been given in between: that one
    /// comes with all its fields.
    pub(super) async fn shorten(
        &self,
        caller: &Caller,
        feed: &FeedKey,
        had: Had,
        rows: &mut [ChangedEntity],
    ) -> Result<(), ServiceError> {
        let may_shrink =
            |row: &&ChangedEntity| row.verb == Verb::Update && matches!(row.data, Held::Fields(_));
        let names: Vec<EntityName> =
            rows.iter().filter(may_shrink).map(|row| row.name.clone()).collect();
        if had.whole == Number::ZERO || names.is_empty() {
            return Ok(());
        }
        let ask = StandingsAsk {
            names,
            had: Some(had.number),
            ..StandingsAsk::of(feed, &caller.user, "")
        };
        let versions = self.kinds.standings(self.store.standings(ask).await?)?.versions;
        let is_certain = |version: &EntityVersion| version.changed <= had.whole;
        let bases =
            versions.into_iter().filter(|version| !version.is_deleted && is_certain(version));
        let bases: BTreeMap<EntityName, EntityVersion> =
            bases.map(|version| (version.name.clone(), version)).collect();
        for row in rows.iter_mut() {
            let base = bases.get(&row.name);
            if let (Some(base), Held::Fields(data)) = (base, &row.data)
                && let Some(changes) = changes(base, data)
            {
                row.data = Held::Changes(changes);
            }
        }
        Ok(())
    }
}

/// Says what changed, where that is shorter than all fields. Values are compared as they are written, so
/// that the device comes to the same text as whoever gets all of it.
fn changes(base: &EntityVersion, data: &JsonText) -> Option<FieldChanges> {
    type Fields<'a> = BTreeMap<String, &'a RawValue>;
    let before: Fields<'_> = serde_json::from_str(base.data.as_str()).ok()?;
    let mut now: Fields<'_> = serde_json::from_str(data.as_str()).ok()?;
    let is_gone = |field: &&String| !now.contains_key(*field);
    let removed: Vec<String> = before.keys().filter(is_gone).cloned().collect();
    now.retain(|field, value| before.get(field).is_none_or(|was| was.get() != value.get()));
    let fields = serde_json::to_string(&now).ok()?;
    let names = removed.iter().map(|field| field.len() + r#""","#.len()).sum::<usize>();
    let is_shorter = fields.len() + names + MEMBERS_BYTES < data.as_str().len();
    let changes =
        || FieldChanges { base: base.version, fields: JsonText::trusted(&fields), removed };
    is_shorter.then(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(before: &str, now: &str) -> Option<FieldChanges> {
        let base = EntityVersion {
            name: EntityName { kind: "notes".into(), id: "n".into() },
            version: 3,
            data: JsonText::trusted(before),
            is_deleted: false,
            changed: Number(7),
        };
        changes(&base, &JsonText::trusted(now))
    }

    #[test]
    fn only_what_differs_is_told_and_only_where_that_is_shorter() {
        let long = "x".repeat(80);
        let of = |rest: &str| format!(r#"{{"long":"{long}"{rest}}}"#);
        let told = changed(&of(r#","a":1,"b":[1],"gone":2"#), &of(r#","a":1.0,"b":[1],"n":null"#));
        let fields = JsonText::trusted(r#"{"a":1.0,"n":null}"#);
        assert_eq!(told, Some(FieldChanges { base: 3, fields, removed: vec!["gone".into()] }));
        let nothing = FieldChanges { base: 3, fields: JsonText::trusted("{}"), removed: vec![] };
        assert_eq!(changed(&of(""), &of("")), Some(nothing));
        assert_eq!(changed(r#"{"a":1,"b":2}"#, r#"{"a":1,"b":3}"#), None);
        assert_eq!(changed(r#"{"a":1}"#, &of("")), None);
    }
}
