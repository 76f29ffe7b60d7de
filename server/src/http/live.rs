//! What WebSocket handshakes and event streams ask alike: where the session begins, which device it
//! is, and whether the server takes anybody at all.
//!
//! Nothing here opens a connection.

use axum::http::HeaderMap;
use landfall_core::feed::Number;
use landfall_core::notify::FieldError;
use landfall_core::session::{ConfirmBy, Start};
use landfall_protocol::problem::Code;
use serde::Deserialize;

use super::cors;
use super::error::ApiError;
use crate::app::App;
use crate::realtime::Listens;

/// What the query may say beside the token and the device.
#[derive(Debug, Default, Deserialize)]
pub(super) struct LiveQuery {
    #[serde(alias = "replayFrom")]
    replay_from: Option<String>,
    #[serde(alias = "lastEventId")]
    last_event_id: Option<String>,
    /// Of sockets alone.
    ack: Option<String>,
    /// Whether a socket hears who comes and goes.
    presence: Option<String>,
    /// Whether it hears of messages in rooms that it has not joined.
    alerts: Option<String>,
}

/// Decides whether a live connection may begin at all, before anything else is looked at.
///
/// # Errors
/// 503 while the server drains, 403 for pages of other origins than `server.allowed_origins`.
pub(super) fn admit(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    if app.is_draining() {
        return Err(ApiError::new(Code::Unavailable, "the server is restarting"));
    }
    if !cors::may_connect(headers, &app.web) {
        return Err(ApiError::new(Code::Forbidden, "pages of this origin may not connect"));
    }
    Ok(())
}

/// Reads a switch of the query, which is off where it is not given.
fn is_on(switch: Option<&str>) -> bool {
    matches!(switch, Some("1" | "true"))
}

impl LiveQuery {
    /// Says how a socket confirms.
    pub(super) fn confirm_by(&self) -> ConfirmBy {
        if is_on(self.ack.as_deref()) { ConfirmBy::Ack } else { ConfirmBy::Pong }
    }

    /// Says what of others a socket hears.
    pub(super) fn listens(&self) -> Listens {
        Listens {
            to_statuses: is_on(self.presence.as_deref()),
            to_alerts: is_on(self.alerts.as_deref()),
        }
    }

    /// Says where the session of a socket begins.
    pub(super) fn start(&self) -> Result<Start, FieldError> {
        first([("/query/replay_from", self.replay_from.as_deref())])
    }

    /// Says where a stream begins. A browser that comes back repeats the query of its first call,
    /// so whatever is about the last event counts more.
    pub(super) fn stream_start(&self, last_event_id: Option<&str>) -> Result<Start, FieldError> {
        first([
            ("/header/Last-Event-ID", last_event_id),
            ("/query/last_event_id", self.last_event_id.as_deref()),
            ("/query/replay_from", self.replay_from.as_deref()),
        ])
    }
}

/// Reads the first number that is given.
fn first<const N: usize>(given: [(&str, Option<&str>); N]) -> Result<Start, FieldError> {
    let mut given = given.into_iter().filter_map(|(pointer, text)| Some((pointer, text?)));
    let Some((pointer, text)) = given.find(|(_, text)| !text.is_empty()) else {
        return Ok(Start::Pending);
    };
    let number = Number::parse(text);
    number.map(Start::After).ok_or_else(|| FieldError::new(pointer, "must be a replay_id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_word_about_the_last_event_counts() {
        let query = |last: Option<&str>, from: Option<&str>| LiveQuery {
            last_event_id: last.map(str::to_owned),
            replay_from: from.map(str::to_owned),
            ..LiveQuery::default()
        };
        let check = |header, last, from, expected| {
            let start = query(last, from).stream_start(header);
            assert_eq!(start.map_err(|fault| fault.pointer), expected);
        };
        check(Some("9"), Some("5"), Some("1"), Ok(Start::After(Number(9))));
        check(Some(""), Some("5"), Some("1"), Ok(Start::After(Number(5))));
        check(None, None, Some("0"), Ok(Start::After(Number(0))));
        check(None, Some(""), None, Ok(Start::Pending));
        check(Some("x"), Some("5"), None, Err("/header/Last-Event-ID".into()));
        check(None, Some("-1"), Some("5"), Err("/query/last_event_id".into()));
    }
}
