//! Offline sync over HTTP: push, pull, delta, check and conflicts (S1), activities and how devices fare (S0;
//! contract 6).

pub(super) mod activities;
mod body;
pub(super) mod check;
pub(super) mod conflicts;
pub(super) mod delta;
pub(super) mod devices;
mod measure;
pub(super) mod pull;
pub(super) mod push;

use landfall_core::id::DeviceId;
use landfall_protocol::sync::Since as Asked;
use landfall_protocol::text::IdText;

use super::error::ApiError;
use super::headers::Device;
use crate::app::App;
use crate::brought::{raw, raw_server};
use crate::service::sync::Since;

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

/// Refuses a request that brings more than may be decided at once.
fn bounded(app: &App, pointer: &str, count: usize) -> Result<(), ApiError> {
    let max = app.limits.sync_operations_max;
    if count <= max {
        return Ok(());
    }
    Err(ApiError::field(pointer, format!("must have at most {max} entries")))
}
