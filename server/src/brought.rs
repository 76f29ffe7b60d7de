//! What devices bring, between the wire and the service: the same for a request and for a socket.
//!
//! An operation that cannot be read fails alone. Must never decide what becomes of one.

use landfall_core::auth::Caller;
use landfall_core::id::DeviceId;
use landfall_core::notification::JsonText;
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use landfall_protocol::sync::{BadOperation, OperationFields, OperationResult, read_operation};
use serde_json::value::RawValue;

use crate::metrics::Metrics;
use crate::service::sync::{Brought, PushAsk, Pushed, ServerData, Since};
use crate::service::{ServiceError, Services};

/// Who brings it, and what it has.
#[derive(Debug, Clone)]
pub struct Bringer {
    /// Which device.
    pub device: DeviceId,
    /// What its clock showed as it sent this.
    pub sent_at: Option<Timestamp>,
    /// Up to where it has what the server has.
    pub has: Since,
    /// How many operations it says it has not sent yet, if it says so.
    pub pending: Option<u64>,
    /// The generation that it was given last, if it counts them.
    pub generation: Option<u64>,
}

/// What became of what a device brought.
#[derive(Debug)]
pub struct Decided {
    /// A result for each operation, in their order.
    pub results: Vec<OperationResult>,
    /// The generation that its next push is to bring, if it counts them.
    pub generation: Option<u64>,
}

/// Decides operations as they came; gives a result for each, in their order.
///
/// # Errors
/// As [`Services::generation_after`] and [`Services::push`].
pub async fn decide(
    (services, metrics): (&Services, &Metrics),
    caller: &Caller,
    bringer: Bringer,
    operations: &[Box<RawValue>],
) -> Result<Decided, ServiceError> {
    let mut good = Vec::with_capacity(operations.len());
    let mut read = |operation: &RawValue| {
        let OperationFields { operation, topic } = read_operation(operation.get())?;
        good.push(Brought { operation, topic, activity: None });
        Ok(())
    };
    let read: Vec<Result<(), BadOperation>> = operations.iter().map(|one| read(one)).collect();
    let Bringer { device, sent_at, has, pending, generation } = bringer;
    let generation = match generation.filter(|_| !good.is_empty()) {
        Some(had) => Some(services.generation_after(caller, &device, had, &good).await?),
        None => None,
    };
    let ask = PushAsk { device: Some(device), sent_at, has, operations: good, pending, generation };
    let pushed = services.push(caller, &ask).await?;
    for one in &pushed {
        match one.is_replay {
            true => metrics.sync.replayed(),
            false => metrics.sync.decided(one.verdict.status, one.verdict.conflict),
        }
    }
    let mut pushed = pushed.into_iter();
    let result = |one: Result<(), BadOperation>| match one {
        Err(bad) => Some(OperationResult::unreadable(bad)),
        Ok(()) => pushed.next().map(result),
    };
    Ok(Decided { results: read.into_iter().filter_map(result).collect(), generation })
}

fn result(pushed: Pushed) -> OperationResult {
    OperationResult {
        replayed: pushed.is_replay,
        server_data: pushed.server.as_ref().map(raw_server),
        errors: pushed.errors.into_iter().map(FieldError::into).collect(),
        ..OperationResult::new(&pushed.id, &pushed.verdict)
    }
}

/// Gives an entity's fields as they are kept.
pub fn raw(json: &JsonText) -> Box<RawValue> {
    RawValue::from_string(json.as_str().to_owned()).expect("what is kept is one JSON value")
}

/// Gives an entity as the server has it; null where it is not there.
pub fn raw_server(server: &ServerData) -> Option<Box<RawValue>> {
    match server {
        ServerData::There(json) => Some(raw(json)),
        ServerData::Gone => None,
    }
}
