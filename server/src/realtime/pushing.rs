//! `push_change`: what a device brings over its socket (S1).

use landfall_core::auth::Caller;
use landfall_core::id::DeviceId;
use landfall_protocol::frame::{PushChange, Reference, SyncCompleteFrame};
use landfall_protocol::problem::Code;
use landfall_protocol::text::Time;

use super::asks::{Refusal, refusal};
use super::connection::Connection;
use super::gateway::Gateway;
use crate::brought::{self, Bringer};
use crate::service::sync::Since;

/// Decides what a device brings; gives the answer.
pub(super) async fn serve(
    gateway: &Gateway,
    connection: &Connection,
    caller: &Caller,
    (change, reference): (PushChange, Option<&Reference>),
) -> Result<SyncCompleteFrame, Refusal> {
    let results = results(gateway, connection, caller, change).await?;
    let now = Time(gateway.services.now());
    Ok(SyncCompleteFrame::new(reference.cloned(), now, results))
}

async fn results(
    gateway: &Gateway,
    connection: &Connection,
    caller: &Caller,
    change: PushChange,
) -> Result<Vec<landfall_protocol::sync::OperationResult>, Refusal> {
    let PushChange { operations, request_id: _, device_id, last_sync_timestamp, sent_at } = change;
    if operations.len() > gateway.operations_max {
        let detail =
            format!("/payload/operations must have at most {} entries", gateway.operations_max);
        return Err((Code::Invalid, detail));
    }
    let rates = &gateway.judge.rates;
    rates.request(caller).map_err(|too_fast| (Code::RateLimited, too_fast.to_string()))?;
    let device = device(gateway, connection, device_id.map(|id| id.0))?;
    let has = last_sync_timestamp.map_or(Since::Beginning, |time| Since::Time(time.0));
    let bringer = Bringer {
        device,
        sent_at: sent_at.map(|time| time.0),
        has,
        pending: None,
        generation: None,
    };
    let parts = (&*gateway.services, &*gateway.judge.metrics);
    let decided = brought::decide(parts, caller, bringer, &operations).await;
    decided.map(|decided| decided.results).map_err(refusal)
}

/// Names the device that pushes: as the socket does, else as the push does, and for good; one that
/// has no name at all gets one of its socket's own.
fn device(
    gateway: &Gateway,
    connection: &Connection,
    said: Option<String>,
) -> Result<DeviceId, Refusal> {
    let invalid = |why: &str| (Code::Invalid, format!("/payload/deviceId {why}"));
    let parse = |text: &str| DeviceId::parse(text).map_err(|bad| invalid(&bad.to_string()));
    let device = match (connection.device(), said) {
        (Some(known), Some(said)) if said != known => {
            return Err(invalid("must be the device that the socket is"));
        }
        (Some(known), _) => return parse(known),
        (None, Some(said)) => parse(&said)?,
        (None, None) => {
            let services = &gateway.services;
            parse(&format!("socket-{}", services.ids.session(services.now())))?
        }
    };
    connection.call(device.as_str());
    Ok(device)
}

impl Connection {
    /// Notes whose it is, from a token; of them, only what is needed of who asks over a socket.
    pub(super) fn hold(&self, caller: &Caller) {
        let caller = Caller { locale: None, tz: None, ..caller.clone() };
        self.lock().caller = Some(Box::new(caller));
    }

    /// Gives whose it is.
    pub(super) fn caller(&self) -> Option<Caller> {
        self.lock().caller.as_deref().cloned()
    }

    /// Gives the device as it names itself, or as it was named when it first pushed.
    pub(super) fn device(&self) -> Option<&str> {
        self.device.as_deref().or(self.called.get().map(|name| &**name))
    }

    /// Names the device of a socket that has named none.
    fn call(&self, name: &str) {
        let _is_first = self.called.set(name.into());
    }
}
