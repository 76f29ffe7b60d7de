//! Offline sync over HTTP: push, pull, delta and conflicts (S1), activities and how devices fare (S0;
//! contract 6).

pub(super) mod activities;
mod body;
pub(super) mod conflicts;
pub(super) mod delta;
pub(super) mod devices;
mod measure;
pub(super) mod pull;
pub(super) mod push;

use landfall_core::id::DeviceId;
use landfall_core::notification::JsonText;
use landfall_protocol::sync::Since as Asked;
use landfall_protocol::text::IdText;
use serde_json::value::RawValue;

use super::error::ApiError;
use super::headers::Device;
use crate::service::sync::{ServerData, Since};

/// Takes the device as a body in camel case names it.
fn device_of(device: Device, id: Option<&IdText>) -> Result<Option<DeviceId>, ApiError> {
    Ok(match id {
        Some(IdText(text)) => device.agreed("/deviceId", text)?.0,
        None => device.0,
    })
}

/// Says from where a device wants to know.
fn since(asked: Asked, kinds: &[Box<str>]) -> Since {
    match asked {
        Asked::Beginning => Since::Beginning,
        Asked::Time(at) => Since::Time(at),
        Asked::Cursor(text) => Since::Cursor(text, kinds.to_vec()),
    }
}

/// Gives an entity's fields as they are kept.
fn raw(json: &JsonText) -> Box<RawValue> {
    RawValue::from_string(json.as_str().to_owned()).expect("what is kept is one JSON value")
}

/// Gives an entity as the server has it; null where it is not there.
fn raw_server(server: &ServerData) -> Option<Box<RawValue>> {
    match server {
        ServerData::There(json) => Some(raw(json)),
        ServerData::Gone => None,
    }
}
