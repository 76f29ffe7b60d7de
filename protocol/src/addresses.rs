//! What devices register to be reached: push tokens (S0) and browsers' subscriptions (S2, S3).
//!
//! Tokens, endpoints and keys reach no log: they print as stars, and answers show their ends alone.

use landfall_core::notify::FieldError;
use serde::{Deserialize, Serialize};

use crate::names::PlatformName;
use crate::text::{IdText, Secret, Time};

/// Registers a device (S0). One device's new token replaces its old one; a token that moves to
/// another user leaves the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenRequest {
    /// The registration token that Firebase gave the app; this or `fid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// The app's Firebase installation id; this or `token`.
    #[serde(default, alias = "installation_id", skip_serializing_if = "Option::is_none")]
    pub fid: Option<Secret>,
    /// What the device runs.
    pub platform: PlatformName,
    /// Which device it is; also read from `X-Device-ID`, and both have to agree.
    #[serde(default, alias = "deviceId", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<IdText>,
    /// Whether it is used; `true` by default.
    #[serde(default, alias = "isActive", skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
}

/// A registration, as Firebase names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenText {
    /// By a registration token.
    Token(Secret),
    /// By an installation id.
    InstallationId(Secret),
}

impl TokenRequest {
    /// Reads which of the two names was given.
    ///
    /// # Errors
    /// When none was, or both.
    pub fn text(&self) -> Result<TokenText, Vec<FieldError>> {
        match (&self.token, &self.fid) {
            (Some(token), None) => Ok(TokenText::Token(token.clone())),
            (None, Some(fid)) => Ok(TokenText::InstallationId(fid.clone())),
            (Some(_), Some(_)) => Err(vec![FieldError::new("/fid", "cannot be given with token")]),
            (None, None) => Err(vec![FieldError::new("/token", "is required")]),
        }
    }
}

/// A registered device (S0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenItem {
    /// Its name, by which it can be removed too.
    pub id: String,
    /// The end of the token.
    pub token: String,
    /// What the device runs.
    pub platform: PlatformName,
    /// Which device it is.
    pub device_id: Option<String>,
    /// Whether it is used.
    pub is_active: bool,
    /// When it was first registered.
    pub created_at: Time,
    /// When it was last registered.
    pub last_seen_at: Time,
}

/// The key pair's public half that browsers subscribe with (S3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VapidKeyAnswer {
    /// An uncompressed point on P-256 in base64url: the `applicationServerKey`.
    pub public_key: String,
}

/// A browser's subscription: as `JSON.stringify(subscription)` gives it, with `keys`, or flat (S3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubscribeRequest {
    /// Where the browser's push service takes messages.
    pub endpoint: Secret,
    /// The browser's keys; these, or the two beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<SubscriptionKeys>,
    /// The browser's public key in base64url: 65 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p256dh: Option<Secret>,
    /// The browser's authentication secret in base64url: 16 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Secret>,
    /// Which device it is; also read from `X-Device-ID`, and both have to agree.
    #[serde(default, alias = "deviceId", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<IdText>,
}

/// The keys of a subscription, as browsers nest them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubscriptionKeys {
    /// The browser's public key in base64url: 65 bytes.
    pub p256dh: Secret,
    /// The browser's authentication secret in base64url: 16 bytes.
    pub auth: Secret,
}

impl SubscribeRequest {
    /// Gives the keys, and the place in the body that they stand below.
    ///
    /// # Errors
    /// When one is missing, or both forms are used.
    pub fn keys(&self) -> Result<(&'static str, SubscriptionKeys), Vec<FieldError>> {
        let required = |pointer| FieldError::new(pointer, "is required");
        match (&self.keys, &self.p256dh, &self.auth) {
            (Some(keys), None, None) => Ok(("/keys", keys.clone())),
            (Some(_), _, _) => {
                let detail = "cannot be given with p256dh and auth beside it";
                Err(vec![FieldError::new("/keys", detail)])
            }
            (None, Some(p256dh), Some(auth)) => {
                Ok(("", SubscriptionKeys { p256dh: p256dh.clone(), auth: auth.clone() }))
            }
            (None, None, None) => Err(vec![required("/keys")]),
            (None, None, _) => Err(vec![required("/p256dh")]),
            (None, _, None) => Err(vec![required("/auth")]),
        }
    }
}

/// A browser's registered subscription (S3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubscriptionItem {
    /// Its name, by which it can be removed.
    pub id: String,
    /// The push service, and the end of the endpoint.
    pub endpoint: String,
    /// The end of the browser's public key.
    pub p256dh: String,
    /// Always masked.
    pub auth: String,
    /// Which device it is.
    pub device_id: Option<String>,
    /// Whether it is used.
    pub is_active: bool,
    /// When it was first registered.
    pub created_at: Time,
    /// When it was last registered.
    pub last_seen_at: Time,
}

/// Names a subscription by its endpoint, in the body or in the query (S3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema, utoipa::IntoParams),
    into_params(parameter_in = Query)
)]
#[serde(default)]
pub struct EndpointNamed {
    /// The endpoint, as it was subscribed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>))]
    pub endpoint: Option<Secret>,
}

impl EndpointNamed {
    /// Gives the one endpoint that body and query name.
    ///
    /// # Errors
    /// When neither names one, or both and not the same.
    pub fn agreed(body: Self, query: Self) -> Result<Secret, Vec<FieldError>> {
        match (body.endpoint, query.endpoint) {
            (Some(one), Some(other)) if one != other => {
                let detail = "does not name the same endpoint as the query";
                Err(vec![FieldError::new("/endpoint", detail)])
            }
            (Some(endpoint), _) | (None, Some(endpoint)) => Ok(endpoint),
            (None, None) => Err(vec![FieldError::new("/endpoint", "is required")]),
        }
    }
}
