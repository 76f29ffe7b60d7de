//! Presence: whether users are there, and when they last were (S3, contract 4).

use landfall_core::id::UserId;
use landfall_core::notify::FieldError;
use landfall_core::presence::Status;
use serde::{Deserialize, Serialize};

use crate::text::{IdText, Time};

/// Asks how users stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresencePost {
    /// Of whom, 500 at most.
    #[serde(alias = "userIds")]
    pub user_ids: Vec<IdText>,
}

impl PresencePost {
    /// Reads whom it names, `max` at most.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(&self, max: usize) -> Result<Vec<UserId>, Vec<FieldError>> {
        if self.user_ids.len() > max {
            let detail = format!("must name at most {max} users");
            return Err(vec![FieldError::new("/user_ids", detail)]);
        }
        let (mut users, mut faults) = (Vec::new(), Vec::new());
        for (place, id) in self.user_ids.iter().enumerate() {
            match id.read(&format!("/user_ids/{place}"), UserId::parse) {
                Ok(user) => users.push(user),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(users) } else { Err(faults) }
    }
}

/// How a user stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusItem {
    /// Who.
    pub user_id: String,
    /// Whether any device of theirs is connected.
    pub is_online: bool,
    /// When one last was, exact to a minute; `null` for somebody who never was, or of whom one may not know.
    pub last_seen_at: Option<Time>,
}

impl StatusItem {
    /// Tells how a user stands.
    pub fn new(user: &UserId, status: Status) -> Self {
        let Status { is_online, last_seen_at } = status;
        Self { user_id: user.to_string(), is_online, last_seen_at: last_seen_at.map(Time) }
    }
}
