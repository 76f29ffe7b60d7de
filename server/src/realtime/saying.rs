//! What a client says on a connection that lives, whichever way it was spelled.

use std::sync::Arc;

use landfall_core::feed::Number;
use landfall_core::id::UserId;
use landfall_core::sync::ANY;
use landfall_protocol::frame::{ClientFrame, ControlFrame, EntityTypes, Nothing};
use landfall_protocol::problem::{CloseCode, Code};
use landfall_protocol::text::Time;

use super::asks::{Asked, Asks};
use super::connection::Connection;
use super::ending::REVOKED;
use super::frame::Incoming;
use super::gateway::Gateway;
use super::mark::Mark;
use crate::auth::AuthError;
use crate::judge::{Refused, Shown};
use crate::service::inbox::Confirmed;
use crate::service::sync::LESSON;

/// Serves what is the same on every socket: life, and the end. Gives how many frames it earns: one that
/// confirms something was caused by what the server sent, so it does not count against the client.
pub(super) fn on_control(
    gateway: &Gateway,
    connection: &Arc<Connection>,
    incoming: &Incoming<'_>,
) -> u32 {
    match incoming {
        Incoming::Ping(payload) => connection.pong(payload),
        Incoming::Pong(payload) => {
            let read = connection.on_read_pong(payload);
            if !read.is_empty() {
                gateway.read_on(connection, read);
                return 1;
            }
            return confirm(gateway, connection, connection.on_pong(payload));
        }
        Incoming::Close { .. } => {
            connection.close(&mut connection.lock(), CloseCode::Normal, "");
        }
        Incoming::Text(_) | Incoming::Binary(_) => {}
    }
    0
}

/// Serves a frame; gives how many frames it earns.
pub(super) fn on_frame<'a>(
    gateway: &'a Gateway,
    connection: &'a Arc<Connection>,
    frame: ClientFrame,
    mark: Mark,
    asks: &mut Asks<'a>,
) -> u32 {
    match frame {
        ClientFrame::Pong => {}
        ClientFrame::Ping => {
            connection.send_answer(&ControlFrame::Pong { payload: Nothing {} }, &mark);
        }
        ClientFrame::Subscribe(types) => {
            let known = known(gateway, &types);
            match known.and_then(|()| gateway.hub.subscribe(connection, &types)) {
                Ok(subscribed) => connection.send_answer(&subscribed, &mark),
                Err(detail) => connection.send_refusal(Code::Invalid, &detail, &mark),
            }
        }
        ClientFrame::Unsubscribe(types) => {
            connection.send_answer(&gateway.hub.unsubscribe(connection, &types), &mark);
        }
        ClientFrame::PushChange(change) => {
            let mark = match (mark, change.request_id.clone()) {
                (Mark::Ack(id), _) => Mark::Ack(id),
                (mark, request_id) => request_id.map_or(mark, Mark::Ref),
            };
            asks.add(gateway, connection, Asked::Push(*change), mark);
        }
        ClientFrame::Topic(ask) => asks.add(gateway, connection, Asked::Topic(ask), mark),
        ClientFrame::Ack { replay_id } => {
            return confirm(gateway, connection, connection.on_ack(replay_id));
        }
        ClientFrame::Auth { token } => match renew(gateway, connection, &token.0) {
            Ok(answer) => connection.send_answer(&answer, &mark),
            Err((code @ Code::RateLimited, detail)) => connection.refuse(code, &detail),
            Err((code, detail)) => connection.send_refusal(code, &detail, &mark),
        },
    }
    0
}

/// Refuses types of which nothing will ever be heard.
fn known(gateway: &Gateway, types: &EntityTypes) -> Result<(), String> {
    let is_known =
        |name: &str| matches!(name, ANY | LESSON) || gateway.services.kinds.get(name).is_some();
    match types.entity_types.iter().position(|name| !is_known(name)) {
        None => Ok(()),
        Some(place) => Err(format!("/payload/entityTypes/{place} is no type of this server")),
    }
}

/// Takes a fresh token of the same user and tenant.
fn renew(
    gateway: &Gateway,
    connection: &Connection,
    token: &str,
) -> Result<ControlFrame, (Code, String)> {
    let shown = Shown { token, from: connection.from, request_id: None };
    let caller = gateway.judge.admit_now(shown).map_err(|refused| match refused {
        Refused::TooFast(too_fast) => (Code::RateLimited, too_fast.to_string()),
        Refused::Token(error) => {
            if error == AuthError::Revoked {
                connection.close(&mut connection.lock(), CloseCode::Policy, REVOKED);
            }
            (error.code(), error.to_string())
        }
    })?;
    if caller.tenant != connection.feed.tenant || caller.user != connection.user {
        return Err((Code::Unauthenticated, "the token is another user's".into()));
    }
    gateway.hub.renew(connection, caller.expires_at);
    gateway.hold(connection, &caller);
    Ok(authenticated(&caller.user, caller.expires_at))
}

/// Answers a token that came as a message.
pub(super) fn authenticated(
    user: &UserId,
    expires_at: landfall_core::time::Timestamp,
) -> ControlFrame {
    ControlFrame::Authenticated { user_id: user.to_string(), expires_at: Time(expires_at) }
}

fn confirm(gateway: &Gateway, connection: &Connection, numbers: Vec<Number>) -> u32 {
    if numbers.is_empty() {
        return 0;
    }
    gateway.confirm(confirmed(connection, numbers));
    1
}

/// Names notifications of a connection's user.
pub(super) fn confirmed(connection: &Connection, numbers: Vec<Number>) -> Confirmed {
    let (feed, device) = (Arc::clone(&connection.feed), connection.device.clone());
    Confirmed { feed, numbers, device }
}
