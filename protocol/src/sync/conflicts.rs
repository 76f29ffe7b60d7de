//! Conflicts: what was in the way of what, and a person's word on it (S1, S0).

use landfall_core::json::{Object, Value};
use landfall_core::notify::FieldError;
use landfall_core::sync::Resolution;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::query::{Faults, Page, PageLimits, PageQuery};
use crate::text::{IdText, Time};

/// Parameters of the list of conflicts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct ConflictsQuery {
    /// Items at most.
    pub limit: Option<String>,
    /// Items to skip.
    pub offset: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// `pending`, the default, `resolved` or `all`.
    pub status: Option<String>,
}

impl ConflictsQuery {
    /// Reads the page, and whether open ones are asked for, resolved ones, or both.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, limits: PageLimits) -> Result<(Page, Option<bool>), Vec<FieldError>> {
        let Self { limit, offset, cursor, status } = self;
        let mut faults = Faults::default();
        let page = PageQuery { limit, offset, cursor }.page(limits, &mut faults);
        let which = |text: &str| match text {
            "pending" => Some(Some(true)),
            "resolved" => Some(Some(false)),
            "all" => Some(None),
            _ => None,
        };
        let status =
            faults.read("status", status, "must be pending, resolved or all", |text| which(text));
        faults.or((page, status.unwrap_or(Some(true))))
    }
}

/// A conflict (S1's record, and what decided or is proposed).
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConflictItem {
    /// Its id.
    pub id: String,
    /// The entity's type.
    pub entity_type: String,
    /// The entity's id.
    pub entity_id: String,
    /// The topic to which the entity belongs; absent for the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<String>,
    /// The operation that came last.
    pub operation_id: String,
    /// The device that brought it.
    pub device_id: String,
    /// What both began from; null where nobody knows, or nothing was there.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub base_data: Option<Box<RawValue>>,
    /// What the device has; null where it deleted the entity.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub client_data: Option<Box<RawValue>>,
    /// What the server had; null where it was not there.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub server_data: Option<Box<RawValue>>,
    /// What became of them; null where the entity is not there.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub result_data: Option<Box<RawValue>>,
    /// The device's own count of versions.
    pub client_version: Option<u64>,
    /// The server's version then.
    pub server_version: u64,
    /// The fields that were in dispute; none where all of the entity is.
    pub fields: Vec<ClashItem>,
    /// `pending` while a person has to say, else `resolved`.
    pub status: String,
    /// What the server would do, for one that is pending.
    pub suggested_resolution: Option<String>,
    /// What was done: a rule's name, or a person's word; null while it is pending.
    pub resolution: Option<String>,
    /// Who said so; null where a rule decided.
    pub resolved_by: Option<String>,
    /// When; null while it is pending.
    pub resolved_at: Option<Time>,
    /// When it came about.
    pub created_at: Time,
}

/// A field in dispute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClashItem {
    /// Where, as a JSON pointer into the data (RFC 6901).
    pub pointer: String,
    /// The rule that decided or asks.
    pub rule: String,
    /// `hard` or `open`.
    pub class: String,
    /// Whose value is there now, `server` or `client`; null where both are in it.
    pub kept: Option<String>,
}

/// A person's word on a conflict.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConflictResolve {
    /// `server_wins`, `client_wins`, `manual` or `merge`.
    pub resolution: String,
    /// What the entity becomes, with all its fields; for `manual` and `merge`.
    #[serde(default, alias = "merged_data", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub merged_data: Option<Box<RawValue>>,
    /// The version that the person saw: 409 where the entity is in another by now. Where absent, what
    /// others changed meanwhile and the person did not stays.
    #[serde(default, alias = "base_version", skip_serializing_if = "Option::is_none")]
    pub base_version: Option<u64>,
    /// Which device; the header `X-Device-ID` says the same.
    #[serde(default, alias = "device_id", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<IdText>,
}

/// What a person says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolutionFields {
    /// Whose data it is to be.
    pub resolution: Resolution,
    /// The version that the person saw.
    pub base_version: Option<u64>,
}

impl ConflictResolve {
    /// Reads what a person says.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self) -> Result<ResolutionFields, Vec<FieldError>> {
        let merged = self.merged_data.map(|data| merged(data.get())).transpose();
        let merged = merged.map_err(|fault| vec![fault])?;
        let resolution = match (&*self.resolution, merged) {
            ("server_wins", _) => Resolution::ServerWins,
            ("client_wins", _) => Resolution::ClientWins,
            ("manual", Some(data)) => Resolution::Manual(data),
            ("merge", Some(data)) => Resolution::Merge(data),
            ("manual" | "merge", None) => {
                return Err(vec![FieldError::new("/mergedData", "is required: an object")]);
            }
            _ => {
                let detail = "must be server_wins, client_wins, manual or merge";
                return Err(vec![FieldError::new("/resolution", detail)]);
            }
        };
        Ok(ResolutionFields { resolution, base_version: self.base_version })
    }
}

fn merged(text: &str) -> Result<Object, FieldError> {
    let fault = |detail: String| FieldError::new("/mergedData", detail);
    match Value::parse(text) {
        Ok(Value::Object(data)) => Ok(data),
        Ok(_) => Err(fault("must be an object".into())),
        Err(error) => Err(fault(error.to_string())),
    }
}

/// What became of a conflict that was resolved.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResolvedAnswer {
    /// Always true.
    pub success: bool,
    /// The conflict.
    pub conflict: ConflictItem,
    /// The entity's version now; 0 where it was never there.
    pub version: u64,
    /// The entity as it is now; null where it is not there.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub server_data: Option<Box<RawValue>>,
}
