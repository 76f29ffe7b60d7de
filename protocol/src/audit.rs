//! The audit trail as admins see it (S4, contract 3).
//!
//! Entries whose details were erased say so and keep what the chain binds.

use landfall_core::audit::Hash;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::text::Time;

/// One entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditItem {
    /// Its place in the trail, as a decimal string.
    pub id: String,
    /// When.
    pub at: Time,
    /// What happened.
    pub action: String,
    /// About what type of thing.
    pub entity_type: String,
    /// About which thing.
    pub entity_id: String,
    /// Who did it; null for the server itself, and where erased.
    pub user_id: Option<String>,
    /// To whom.
    pub target_user_id: Option<String>,
    /// More (S4: notification type, delivered, message, sender's name); null where erased.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub metadata: Option<Box<RawValue>>,
    /// Whether a block of the chain binds it already.
    pub sealed: bool,
    /// Which block.
    pub block: Option<u64>,
    /// Whether its details were erased.
    pub erased: bool,
}

impl AuditItem {
    /// Reads stored metadata: an empty text is none.
    pub fn metadata(text: &str) -> Option<Box<RawValue>> {
        RawValue::from_string(text.to_owned()).ok()
    }
}

/// What verifying the chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VerifyAnswer {
    /// Whether every block and every kept detail is as it was sealed.
    pub ok: bool,
    /// Blocks checked.
    pub blocks: u64,
    /// Sealed entries checked.
    pub entries: u64,
    /// Entries that no block binds yet.
    pub unsealed: u64,
    /// Entries whose details were erased.
    pub erased: u64,
    /// The first fault.
    pub broken: Option<Broken>,
    /// The last block's hash in hexadecimal; null before the first block.
    pub head: Option<String>,
}

/// Where the chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Broken {
    /// The first bad block.
    pub block: u64,
    /// What is wrong with it.
    pub detail: String,
}

/// Writes a hash in lower-case hexadecimal.
pub fn hash_text(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
