//! `push_change`: what a device brings over its socket, one push after the other (S1).
//!
//! A push waits for the store; the socket does not. What waits is bounded, and whatever is not
//! answered is sent again by its device: operations take effect once.

use std::collections::VecDeque;
use std::pin::Pin;

use landfall_core::auth::Caller;
use landfall_core::id::DeviceId;
use landfall_protocol::frame::{ControlFrame, PushChange, Reference, SyncCompleteFrame};
use landfall_protocol::problem::Code;
use landfall_protocol::text::Time;
use landfall_store::StoreError;

use super::connection::Connection;
use super::frame;
use super::gateway::Gateway;
use crate::brought::{self, Bringer};
use crate::service::ServiceError;
use crate::service::sync::Since;

/// Pushes of one socket that may wait behind the one that is decided.
const WAITING_MAX: usize = 4;

/// A push that came, and the client's mark.
struct Push {
    change: PushChange,
    reference: Option<Reference>,
}

type UnderWay<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The pushes of one socket.
#[derive(Default)]
pub(super) struct Pushes<'a> {
    under_way: Option<UnderWay<'a>>,
    waiting: VecDeque<Push>,
}

/// Why a push as a whole is not decided.
type Refusal = (Code, String);

impl<'a> Pushes<'a> {
    /// Takes a push in, or answers why not.
    pub(super) fn add(
        &mut self,
        gateway: &'a Gateway,
        connection: &'a Connection,
        change: PushChange,
        reference: Option<Reference>,
    ) {
        let reference = change.request_id.clone().or(reference);
        if self.waiting.len() >= WAITING_MAX {
            let detail = "too many pushes wait; send it again when one is answered".to_owned();
            return connection.send(&error((Code::Unavailable, detail), reference));
        }
        self.waiting.push_back(Push { change, reference });
        self.begin(gateway, connection);
    }

    /// Begins the next one, unless one is under way.
    fn begin(&mut self, gateway: &'a Gateway, connection: &'a Connection) {
        if self.under_way.is_some() {
            return;
        }
        self.under_way = self.waiting.pop_front().map(|next| {
            let answered: UnderWay<'a> = Box::pin(answer(gateway, connection, next));
            answered
        });
        if self.waiting.is_empty() {
            // An idle connection keeps no buffer.
            self.waiting = VecDeque::new();
        }
    }

    /// Waits until the one that is under way is answered, and begins the next; for ever where there is
    /// none.
    pub(super) async fn work(&mut self, gateway: &'a Gateway, connection: &'a Connection) {
        match &mut self.under_way {
            Some(under_way) => under_way.await,
            None => std::future::pending().await,
        }
        self.under_way = None;
        self.begin(gateway, connection);
    }
}

async fn answer(gateway: &Gateway, connection: &Connection, push: Push) {
    let Push { change, reference } = push;
    match results(gateway, connection, change).await {
        Ok(results) => {
            let now = Time(gateway.services.now());
            let complete = SyncCompleteFrame::new(reference, now, results);
            connection.send_bytes(frame::text(&complete.encode()));
        }
        Err(refusal) => connection.send(&error(refusal, reference)),
    }
}

fn error((code, detail): Refusal, reference: Option<Reference>) -> ControlFrame {
    ControlFrame::Error { code, detail, reference }
}

async fn results(
    gateway: &Gateway,
    connection: &Connection,
    change: PushChange,
) -> Result<Vec<landfall_protocol::sync::OperationResult>, Refusal> {
    let PushChange { operations, request_id: _, device_id, last_sync_timestamp, sent_at } = change;
    let Some(caller) = connection.caller() else {
        return Err((Code::Unauthenticated, "the socket has no token".into()));
    };
    if operations.len() > gateway.operations_max {
        let detail =
            format!("/payload/operations must have at most {} entries", gateway.operations_max);
        return Err((Code::Invalid, detail));
    }
    let rates = &gateway.judge.rates;
    rates.request(&caller).map_err(|too_fast| (Code::RateLimited, too_fast.to_string()))?;
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
    let decided = brought::decide(parts, &caller, bringer, &operations).await;
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

fn refusal(error: ServiceError) -> Refusal {
    match error {
        ServiceError::Invalid(faults) => {
            let said = |fault: &landfall_core::notify::FieldError| {
                format!("/payload{} {}", fault.pointer, fault.detail)
            };
            (Code::Invalid, faults.first().map_or_else(String::new, said))
        }
        ServiceError::Forbidden(why) => (Code::Forbidden, why),
        ServiceError::Revoked => (Code::TokenRevoked, "the token was revoked".into()),
        ServiceError::Store(StoreError::Stale) => {
            (Code::Conflict, "others changed this at the same time; send it again".into())
        }
        ServiceError::Store(StoreError::Unavailable(_)) => {
            tracing::warn!(%error, "the store did not take a push");
            (Code::Unavailable, "the store does not take this now; send it again".into())
        }
        other => {
            tracing::error!(error = %other, cause = other.cause(), "a push over a socket failed");
            (Code::Internal, "the server failed to serve this; the fault is in its logs".into())
        }
    }
}

impl Connection {
    /// Notes whose it is, from a token; of them, only what a push needs.
    pub(super) fn hold(&self, caller: &Caller) {
        let caller = Caller { name: None, locale: None, tz: None, ..caller.clone() };
        self.lock().caller = Some(Box::new(caller));
    }

    /// Gives whose it is.
    fn caller(&self) -> Option<Caller> {
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
