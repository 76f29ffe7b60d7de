//! One activity as S0's apps write it, read so that a bad one fails alone.

use landfall_core::id::check_id;
use landfall_core::json::{Object, Value};
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::operation::Members;

/// Whose word is asked for where two edits meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The server's.
    Server,
    /// The device's.
    Client,
}

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityFields {
    /// Its name, which the device gave it.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// What it says.
    pub data: Object,
    /// When it was written, by the device's clock.
    pub written_at: Option<Timestamp>,
    /// Milliseconds since then.
    pub age_ms: Option<u64>,
    /// Whose word is asked for.
    pub word: Option<Word>,
    /// Which device wrote it, where it says so itself.
    pub device: Option<String>,
    /// Up to when that device had what the server has, where it says so itself.
    pub last_sync_at: Option<Timestamp>,
}

/// An activity that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadActivity {
    /// Its id, if that can be read.
    pub id: Option<String>,
    /// What is wrong with it.
    pub errors: Vec<FieldError>,
}

/// What goes with an activity whose body is its bare data (S0's page).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct ActivityParams {
    /// Its type; the body is its data then.
    #[serde(alias = "activityType")]
    pub activity_type: Option<String>,
    /// Its name.
    #[serde(alias = "offlineId")]
    pub offline_id: Option<String>,
    /// When it was written.
    #[serde(alias = "created_at", alias = "createdAt")]
    pub timestamp: Option<String>,
    /// Up to when the device had what the server has.
    #[serde(alias = "lastSyncAt")]
    pub last_sync_at: Option<String>,
    /// `server_wins` or `client_wins`.
    #[serde(alias = "conflictResolution")]
    pub conflict_resolution: Option<String>,
}

const WORDS: &str = "must be server_wins or client_wins";

/// Reads whose word is asked for; the fault is at `pointer`.
pub(super) fn read_word(text: Option<&str>, pointer: &str) -> Result<Option<Word>, FieldError> {
    match text {
        None => Ok(None),
        Some("server_wins") => Ok(Some(Word::Server)),
        Some("client_wins") => Ok(Some(Word::Client)),
        Some(_) => Err(FieldError::new(pointer, WORDS)),
    }
}

/// Reads one activity. Members that nobody knows are left out of it.
///
/// # Errors
/// What is wrong with it; it alone is refused.
pub fn read_activity(text: &str) -> Result<ActivityFields, BadActivity> {
    let bad = |detail: String| BadActivity { id: None, errors: vec![FieldError::new("", detail)] };
    let value = Value::parse(text).map_err(|error| bad(error.to_string()))?;
    let Value::Object(left) = value else { return Err(bad("must be an object".into())) };
    let mut members = Members { left, faults: Vec::new() };
    let id = members.id("offline_id", "offlineId");
    match members.read_activity(id.clone()) {
        Some(fields) if members.faults.is_empty() => Ok(fields),
        _ => Err(BadActivity { id, errors: members.faults }),
    }
}

impl Members {
    fn read_activity(&mut self, id: Option<String>) -> Option<ActivityFields> {
        let kind = self.id("activity_type", "activityType");
        let faults = self.faults.len();
        let data = self.object("activity_data", "activityData");
        if data.is_none() && self.faults.len() == faults {
            self.fault("activity_data", "is required");
        }
        let written_at = self.optional_time("timestamp", "timestamp");
        let created_at = self.optional_time("created_at", "createdAt");
        let age_ms = self.count("age_ms", "ageMs");
        let word = self.word();
        let device = self.optional_id("device_id", "deviceId");
        let last_sync_at = self.optional_time("last_sync_at", "lastSyncAt");
        Some(ActivityFields {
            id: id?,
            kind: kind?,
            data: data?,
            written_at: written_at.or(created_at),
            age_ms,
            word,
            device,
            last_sync_at,
        })
    }

    fn optional_time(&mut self, name: &str, other: &str) -> Option<Timestamp> {
        let value = self.take(name, other)?;
        match value.as_text().map(Timestamp::parse) {
            Some(Ok(time)) => return Some(time),
            Some(Err(error)) => self.fault(name, &error.to_string()),
            None => self.fault(name, "must be a string"),
        }
        None
    }

    fn word(&mut self) -> Option<Word> {
        let value = self.take("conflict_resolution", "conflictResolution")?;
        let word = read_word(Some(value.as_text().unwrap_or_default()), "/conflict_resolution");
        word.unwrap_or_else(|fault| {
            self.faults.push(fault);
            None
        })
    }
}

/// Reads an activity whose name and type stand in the query, and whose body is its bare data.
///
/// # Errors
/// Every fault.
pub fn read_page_activity(
    params: ActivityParams,
    body: &str,
) -> Result<ActivityFields, Vec<FieldError>> {
    let ActivityParams {
        activity_type: kind,
        offline_id: id,
        timestamp,
        last_sync_at,
        conflict_resolution,
    } = params;
    let mut faults = Vec::new();
    let mut fault = |name: &str, detail: String| {
        faults.push(FieldError::new(&format!("/query/{name}"), detail))
    };
    for (name, text) in [("activity_type", &kind), ("offline_id", &id)] {
        match text.as_deref().map(check_id) {
            None => fault(name, "is required where the body is activity_data".into()),
            Some(Err(error)) => fault(name, error.to_string()),
            Some(Ok(())) => {}
        }
    }
    let mut time = |name: &str, text: Option<String>| {
        let read = Timestamp::parse(&text?);
        read.map_err(|error| fault(name, error.to_string())).ok()
    };
    let written_at = time("timestamp", timestamp);
    let last_sync_at = time("last_sync_at", last_sync_at);
    let word = read_word(conflict_resolution.as_deref(), "/query/conflict_resolution");
    let word = word.unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let data = read_bare(body).unwrap_or_else(|fault| {
        faults.push(fault);
        Object::new()
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    let (id, kind) = (id.unwrap_or_default(), kind.unwrap_or_default());
    let (age_ms, device) = (None, None);
    Ok(ActivityFields { id, kind, data, written_at, age_ms, word, device, last_sync_at })
}

fn read_bare(body: &str) -> Result<Object, FieldError> {
    match Value::parse(body) {
        Ok(Value::Object(data)) => Ok(data),
        Ok(_) => Err(FieldError::new("", "must be an object: activity_data")),
        Err(error) => Err(FieldError::new("", error.to_string())),
    }
}
