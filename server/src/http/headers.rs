//! Headers of the API: which device calls, and which key makes a call safe to repeat.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use landfall_core::audit::Hash;
use landfall_core::auth::Caller;
use landfall_core::id::DeviceId;
use landfall_protocol::text::IdText;

use super::error::ApiError;
use super::params::query_pairs;
use crate::app::App;
use crate::service::notify::RequestKey;

const DEVICE: &str = "X-Device-ID";
const IDEMPOTENCY: &str = "Idempotency-Key";
const KEY_CHARS_MAX: usize = 255;

/// Which installation of an app calls: `X-Device-ID`, or `device_id` in the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device(pub Option<DeviceId>);

impl FromRequestParts<Arc<App>> for Device {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let mut device = Self(None);
        if let Some(text) = single(&parts.headers, DEVICE)? {
            device = device.agreed("/header/X-Device-ID", &text)?;
        }
        for (name, value) in query_pairs(&parts.uri) {
            if matches!(&*name, "device_id" | "deviceId") {
                device = device.agreed("/query/device_id", &value)?;
            }
        }
        Ok(device)
    }
}

impl Device {
    /// Takes the device as another part of the request names it; they must agree (contract 1).
    ///
    /// # Errors
    /// 422 at `pointer` when the text is no id or names another device.
    pub fn agreed(self, pointer: &str, text: &str) -> Result<Self, ApiError> {
        let id =
            DeviceId::parse(text).map_err(|error| ApiError::field(pointer, error.to_string()))?;
        match self.0 {
            Some(known) if known != id => {
                Err(ApiError::field(pointer, "does not name the same device as elsewhere"))
            }
            _ => Ok(Self(Some(id))),
        }
    }

    /// Takes the device as a body names it at `/device_id`, if it does, and gives it.
    ///
    /// # Errors
    /// As [`Device::agreed`].
    pub(super) fn in_body(self, id: Option<&IdText>) -> Result<Option<DeviceId>, ApiError> {
        Ok(match id {
            Some(IdText(text)) => self.agreed("/device_id", text)?.0,
            None => self.0,
        })
    }

    /// Shows the id.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_ref().map(DeviceId::as_str)
    }
}

/// What `Idempotency-Key` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Idempotency(Option<String>);

impl FromRequestParts<Arc<App>> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let key = single(&parts.headers, IDEMPOTENCY)?;
        check_key("/header/Idempotency-Key", key.as_deref())?;
        Ok(Self(key))
    }
}

impl Idempotency {
    /// Takes a key from inside a body.
    pub(super) fn of_line(key: Option<String>) -> Result<Self, ApiError> {
        check_key("/idempotency_key", key.as_deref())?;
        Ok(Self(key))
    }

    /// Binds the key to the caller, the call and the body. `call` is the method and the canonical
    /// path, so that an alias is no other request.
    pub(super) fn key(self, caller: &Caller, call: &str, digest: Hash) -> Option<RequestKey> {
        let scope = format!("{} {call}", caller.user);
        self.0.map(|key| RequestKey { scope, key, digest })
    }
}

fn check_key(pointer: &str, key: Option<&str>) -> Result<(), ApiError> {
    let is_key = |key: &str| {
        (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    if key.is_none_or(is_key) {
        return Ok(());
    }
    let detail = format!("must be 1 to {KEY_CHARS_MAX} visible ASCII characters");
    Err(ApiError::field(pointer, detail))
}

/// Takes a header that may come once.
fn single(headers: &HeaderMap, name: &str) -> Result<Option<String>, ApiError> {
    let pointer = || format!("/header/{name}");
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::field(&pointer(), "must be given once"));
    }
    // An id may hold letters beyond ASCII, which a header carries as UTF-8.
    let text = std::str::from_utf8(value.as_bytes());
    let text = text.map_err(|_| ApiError::field(&pointer(), "must be UTF-8"))?;
    Ok(Some(text.to_owned()))
}
