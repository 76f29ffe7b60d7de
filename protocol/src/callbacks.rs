//! What comes back from devices, and taking back what was sent (contract 3).

use serde::{Deserialize, Serialize};

use crate::names::ReceiptName;

/// A receipt of a service worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptRequest {
    /// What happened.
    pub event: ReceiptName,
}

/// How something is taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(default)]
pub struct CancelQuery {
    /// `true` also removes it from the inbox.
    pub recall: Option<String>,
}

/// What was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CancelAnswer {
    /// The notification's name, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_id: Option<String>,
    /// The send's name, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_id: Option<String>,
    /// Whether it is removed from inboxes, too; for a send that goes on after the answer.
    pub recalled: bool,
}
