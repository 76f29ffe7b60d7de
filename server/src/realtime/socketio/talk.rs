//! What a Socket.IO client says on a connection that lives: events become what the plain socket's frames are.

use std::sync::Arc;

use landfall_protocol::frame::ClientFrame;
use landfall_protocol::problem::{CloseCode, Code};
use landfall_socketio::engine::Said;
use landfall_socketio::namespaces::{Namespaces, Step};
use landfall_socketio::packet::Event;

use crate::realtime::asks::Asks;
use crate::realtime::connection::Connection;
use crate::realtime::frame::{self, Incoming};
use crate::realtime::gateway::Gateway;
use crate::realtime::mark::Mark;
use crate::realtime::saying;

/// Serves a message; gives how many frames it earns, as the plain socket's do.
pub(in crate::realtime) fn on_incoming<'a>(
    gateway: &'a Gateway,
    connection: &'a Arc<Connection>,
    incoming: &Incoming<'_>,
    (namespaces, asks): (&mut Namespaces, &mut Asks<'a>),
) -> u32 {
    let step = match incoming {
        Incoming::Binary(bytes) => namespaces.binary(bytes),
        Incoming::Text(text) => match Said::read(text) {
            Ok(Said::Message(message)) => namespaces.text(message),
            Ok(Said::Pong | Said::Noop) => return 1,
            Ok(Said::Close) => return close(connection, CloseCode::Normal),
            Err(_) => return close(connection, CloseCode::Protocol),
        },
        other => return saying::on_control(gateway, connection, other),
    };
    match step {
        Step::Event(_, event) => return on_event(gateway, connection, &event, asks),
        Step::Unwanted { id, .. } => {
            let detail = "binary parts are not understood here";
            connection.send_refusal(Code::Unreadable, detail, &id.map_or(Mark::None, Mark::Ack));
        }
        Step::Say(answer) => connection.send_bytes(frame::text(answer.as_bytes())),
        // It acknowledges what nobody asked it to, or waits for the rest of what it says.
        Step::Ack(..) | Step::Binary(..) | Step::Nothing => {}
        Step::Left(_) => return close(connection, CloseCode::Normal),
        // It is in the only namespace that there is.
        Step::Join { .. } | Step::Close(_) => return close(connection, CloseCode::Protocol),
    }
    0
}

fn on_event<'a>(
    gateway: &'a Gateway,
    connection: &'a Arc<Connection>,
    event: &Event<'_>,
    asks: &mut Asks<'a>,
) -> u32 {
    let mark = event.id.map_or(Mark::None, Mark::Ack);
    let depth = gateway.hub.settings.json_depth;
    let payload = event.arguments.first().copied();
    match ClientFrame::of_event(&event.name, payload, depth) {
        Ok(frame) => saying::on_frame(gateway, connection, frame, mark, asks),
        Err(bad) => {
            connection.send_refusal(bad.code, &bad.detail, &mark);
            0
        }
    }
}

fn close(connection: &Connection, code: CloseCode) -> u32 {
    connection.close(&mut connection.lock(), code, code.default_reason());
    0
}
