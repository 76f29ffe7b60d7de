//! What a client asks over its socket and that waits for the store, one thing after the other.
//!
//! An answer waits for the store; the socket does not. What waits is bounded, and whatever is not answered is
//! asked again by the client: operations and messages take effect once.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::pin::Pin;
use std::sync::Arc;

use landfall_core::notify::FieldError;
use landfall_protocol::frame::{PushChange, TopicAsk};
use landfall_protocol::problem::Code;
use landfall_store::StoreError;

use super::connection::Connection;
use super::gateway::Gateway;
use super::mark::Mark;
use super::talking::in_payload;
use super::{pushing, talking};
use crate::service::ServiceError;

/// Changes of a device that may wait behind what is being answered.
const CHANGES_MAX: usize = 4;
/// Things about topics that may: clients write several messages in one breath, and none of them is large.
const TOPIC_ASKS_MAX: usize = 64;

/// What a client asks.
pub(super) enum Asked {
    /// To take what its device did.
    Push(PushChange),
    /// Something of a topic.
    Topic(TopicAsk),
}

impl Asked {
    /// Gives how many of its kind may wait.
    const fn waiting_max(&self) -> usize {
        match self {
            Self::Push(_) => CHANGES_MAX,
            Self::Topic(_) => TOPIC_ASKS_MAX,
        }
    }
}

type UnderWay<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What one socket asks.
#[derive(Default)]
pub(super) struct Asks<'a> {
    under_way: Option<UnderWay<'a>>,
    waiting: VecDeque<(Asked, Mark)>,
}

/// Why something that was asked is not done.
pub(super) type Refusal = (Code, String);

impl<'a> Asks<'a> {
    /// Takes something in, or answers why not.
    pub(super) fn add(
        &mut self,
        gateway: &'a Gateway,
        connection: &'a Arc<Connection>,
        asked: Asked,
        mark: Mark,
    ) {
        let is_alike = |(other, _): &&(Asked, Mark)| discriminant(other) == discriminant(&asked);
        if self.waiting.iter().filter(is_alike).count() >= asked.waiting_max() {
            let detail = "too much waits; send it again when something is answered";
            return connection.send_refusal(Code::Unavailable, detail, &mark);
        }
        self.waiting.push_back((asked, mark));
        self.begin(gateway, connection);
    }

    /// Begins the next one, unless one is under way.
    fn begin(&mut self, gateway: &'a Gateway, connection: &'a Arc<Connection>) {
        if self.under_way.is_some() {
            return;
        }
        self.under_way = self.waiting.pop_front().map(|(asked, mark)| {
            let answered: UnderWay<'a> = Box::pin(answer(gateway, connection, asked, mark));
            answered
        });
        if self.waiting.is_empty() {
            // An idle connection keeps no buffer.
            self.waiting = VecDeque::new();
        }
    }

    /// Waits until the one that is under way is answered, and begins the next; for ever where there is
    /// none.
    pub(super) async fn work(&mut self, gateway: &'a Gateway, connection: &'a Arc<Connection>) {
        match &mut self.under_way {
            Some(under_way) => under_way.await,
            None => std::future::pending().await,
        }
        self.under_way = None;
        self.begin(gateway, connection);
    }
}

async fn answer(gateway: &Gateway, connection: &Arc<Connection>, asked: Asked, mark: Mark) {
    if let Err((code, detail)) = serve(gateway, connection, asked, &mark).await {
        connection.send_refusal(code, &detail, &mark);
    }
}

async fn serve(
    gateway: &Gateway,
    connection: &Arc<Connection>,
    asked: Asked,
    mark: &Mark,
) -> Result<(), Refusal> {
    let Some(caller) = connection.caller() else {
        return Err((Code::Unauthenticated, "the socket has no token".into()));
    };
    match asked {
        Asked::Push(change) => {
            let complete =
                pushing::serve(gateway, connection, &caller, (change, mark.reference())).await?;
            connection.send_if(connection.codec.synced(&complete, mark));
        }
        Asked::Topic(ask) => {
            let rates = &gateway.judge.rates;
            rates.request(&caller).map_err(|fast| (Code::RateLimited, fast.to_string()))?;
            let answer = talking::serve(gateway, connection, &caller, (ask, mark)).await?;
            connection.send_if(answer.and_then(|frame| connection.codec.answer(&frame, mark)));
        }
    }
    Ok(())
}

/// Refuses what is wrong in these places of the payload; tells the first.
pub(super) fn invalid(faults: &[FieldError]) -> Refusal {
    (Code::Invalid, faults.first().map_or_else(String::new, in_payload))
}

/// Refuses what a service did not do.
pub(super) fn refusal(error: ServiceError) -> Refusal {
    match error {
        ServiceError::Invalid(faults) => invalid(&faults),
        ServiceError::Forbidden(why) => (Code::Forbidden, why),
        ServiceError::Conflict(why) => (Code::Conflict, why),
        ServiceError::NotFound(what) => (Code::NotFound, format!("there is no such {what}")),
        ServiceError::Revoked => (Code::TokenRevoked, "the token was revoked".into()),
        ServiceError::Store(StoreError::Stale) => {
            (Code::Conflict, "others changed this at the same time; send it again".into())
        }
        ServiceError::Store(StoreError::Unavailable(_)) => {
            tracing::warn!(%error, "the store did not take what a socket brought");
            (Code::Unavailable, "the store does not take this now; send it again".into())
        }
        other => {
            tracing::error!(error = %other, cause = other.cause(), "what a socket asked failed");
            (Code::Internal, "the server failed to serve this; the fault is in its logs".into())
        }
    }
}
