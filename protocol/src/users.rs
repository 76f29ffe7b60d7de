//! Profiles of users (contract 3): what to call them, where and in which language to reach them.
//!
//! An e-mail address and a phone number reach no log: they print as stars.

use landfall_core::id::UserId;
use landfall_core::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::text::{Secret, Time};

/// Changes a profile. With `PATCH` a field that is absent stays and `null` removes it; with `PUT`
/// both remove it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct UserFields {
    /// What to call them.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub name: Option<Option<String>>,
    /// Their mailbox.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub email: Option<Option<Secret>>,
    /// Their phone number: `+` and 7 to 15 digits.
    #[serde(
        alias = "phone_number",
        alias = "phoneNumber",
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub phone: Option<Option<Secret>>,
    /// Their language, such as `es-MX`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub locale: Option<Option<String>>,
    /// Their time zone, such as `America/Mexico_City`.
    #[serde(
        alias = "timezone",
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub tz: Option<Option<String>>,
}

/// Tells `null` from nothing.
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// A user's profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserAnswer {
    /// Who: the `sub` of their tokens.
    pub id: String,
    /// What to call them.
    pub name: Option<String>,
    /// Their mailbox.
    pub email: Option<Secret>,
    /// Their phone number.
    pub phone: Option<Secret>,
    /// Their language.
    pub locale: Option<String>,
    /// Their time zone.
    pub tz: Option<String>,
    /// Since when they are known.
    pub created_at: Time,
    /// When this last changed.
    pub updated_at: Time,
}

impl UserAnswer {
    /// Begins an answer of somebody of whom nothing else is known.
    pub fn new(user: &UserId, created_at: Timestamp, updated_at: Timestamp) -> Self {
        Self {
            id: user.to_string(),
            name: None,
            email: None,
            phone: None,
            locale: None,
            tz: None,
            created_at: Time(created_at),
            updated_at: Time(updated_at),
        }
    }
}
