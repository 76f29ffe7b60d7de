//! How what core decides is written into a store's JSON columns, and read from them.

use std::collections::BTreeMap;

use landfall_core::id::ConflictId;
use landfall_core::json::{self, Object, Value};
use landfall_core::merge::Clash;
use landfall_core::notification::JsonText;
use landfall_core::sync::{Entity, Flips, Stamp, Stamps, Status, Verdict, Why};
use landfall_core::time::Timestamp;
use landfall_store::{StoreError, StoredEntity};
use serde::{Deserialize, Serialize};

use crate::service::ServiceError;

/// A stamp: milliseconds, count, device.
#[derive(Serialize, Deserialize)]
struct StampRecord(i64, u32, Box<str>);

#[derive(Serialize, Deserialize)]
struct StampsRecord {
    whole: StampRecord,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<String, StampRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flips: Option<FlipsRecord>,
}

/// How often devices took an entity from each other, since when in milliseconds, and the digest of what it
/// was before.
#[derive(Serialize, Deserialize)]
struct FlipsRecord(u32, Option<i64>, Option<u64>);

#[derive(Serialize, Deserialize)]
struct VerdictRecord<'a> {
    status: &'a str,
    why: &'a str,
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conflict: Option<String>,
}

/// A field that was in dispute, as it is kept with the conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClashRecord {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// The rule that decided or asks.
    pub rule: String,
    /// How much the edits were in each other's way.
    pub class: String,
    /// Whose value was kept.
    pub kept: Option<String>,
}

impl From<&Stamp> for StampRecord {
    fn from(stamp: &Stamp) -> Self {
        Self(stamp.at.as_ms(), stamp.count, stamp.device.clone())
    }
}

impl From<StampRecord> for Stamp {
    fn from(StampRecord(at, count, device): StampRecord) -> Self {
        Self { at: Timestamp::from_ms(at), count, device }
    }
}

fn corrupt(what: &str) -> ServiceError {
    StoreError::Internal(format!("a stored {what} cannot be read").into()).into()
}

pub(super) fn written(record: &impl Serialize) -> JsonText {
    let text = serde_json::to_string(record).expect("a record has only text as keys");
    JsonText::trusted(&text)
}

/// Writes fields down, each number as its sender wrote it.
pub(super) fn written_object(fields: &Object) -> JsonText {
    JsonText::trusted(&json::object_text(fields))
}

/// Reads fields.
pub(super) fn read_object(text: &JsonText) -> Result<Object, ServiceError> {
    match Value::parse(text.as_str()) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(corrupt("entity")),
    }
}

/// Writes down when fields were written, and how often devices took the entity from each other.
pub(super) fn written_stamps(stamps: &Stamps, flips: Flips) -> JsonText {
    let fields = stamps.fields.iter().map(|(field, stamp)| (field.clone(), stamp.into()));
    let Flips { count, since, before } = flips;
    let record = FlipsRecord(count, since.map(Timestamp::as_ms), before);
    let flips = (flips != Flips::default()).then_some(record);
    written(&StampsRecord { whole: (&stamps.whole).into(), fields: fields.collect(), flips })
}

/// Reads an entity.
pub(super) fn read_entity(stored: &StoredEntity) -> Result<(Entity, Flips), ServiceError> {
    let stamps: StampsRecord =
        serde_json::from_str(stored.stamps.as_str()).map_err(|_| corrupt("stamp"))?;
    let fields = stamps.fields.into_iter().map(|(field, stamp)| (field, stamp.into()));
    let flips = stamps.flips.map_or(Flips::default(), |FlipsRecord(count, since, before)| Flips {
        count,
        since: since.map(Timestamp::from_ms),
        before,
    });
    let stamps = Stamps { whole: stamps.whole.into(), fields: fields.collect() };
    let (data, is_deleted) = (read_object(&stored.data)?, stored.is_deleted);
    Ok((Entity { data, is_deleted, stamps }, flips))
}

/// Writes down how an operation ended.
pub(super) fn written_verdict(verdict: &Verdict) -> JsonText {
    written(&VerdictRecord {
        status: verdict.status.as_str(),
        why: verdict.why.as_str(),
        version: verdict.version,
        conflict: verdict.conflict.map(|id| id.to_string()),
    })
}

/// Reads how an operation ended.
pub(super) fn read_verdict(text: &JsonText) -> Result<Verdict, ServiceError> {
    let record: VerdictRecord<'_> =
        serde_json::from_str(text.as_str()).map_err(|_| corrupt("outcome"))?;
    let (status, why) = (Status::parse(record.status), Why::parse(record.why));
    let (status, why) = status.zip(why).ok_or_else(|| corrupt("outcome"))?;
    let conflict = record.conflict.as_deref().map(ConflictId::parse).transpose();
    let conflict = conflict.map_err(|_| corrupt("outcome"))?;
    Ok(Verdict { status, why, version: record.version, conflict })
}

/// Writes down the fields that were in dispute.
pub(super) fn written_clashes(clashes: &[Clash]) -> JsonText {
    let record = |clash: &Clash| ClashRecord {
        pointer: clash.pointer.clone(),
        rule: clash.rule.to_owned(),
        class: clash.class.as_str().to_owned(),
        kept: clash.kept.map(|side| side.as_str().to_owned()),
    };
    written(&clashes.iter().map(record).collect::<Vec<_>>())
}

/// Reads the fields that were in dispute.
pub(super) fn read_clashes(text: &JsonText) -> Result<Vec<ClashRecord>, ServiceError> {
    serde_json::from_str(text.as_str()).map_err(|_| corrupt("conflict"))
}
