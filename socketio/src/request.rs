//! What an HTTP request asks of Engine.IO, by its method and query, and the six errors it may be refused with. It looks
//! into no table of sessions and reads no body.

use crate::id::EngineId;
use crate::terms::Transport;

/// Why a request is refused; the codes are those of the reference implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HttpError {
    /// `transport` is missing or names none that we have.
    #[error("Transport unknown")]
    TransportUnknown,
    /// There is no session of this id (any more): clients begin anew.
    #[error("Session ID unknown")]
    SessionUnknown,
    /// A session is opened by GET alone.
    #[error("Bad handshake method")]
    BadHandshakeMethod,
    /// The request does not fit its session, or its body cannot be read.
    #[error("Bad request")]
    BadRequest,
    /// The origin may not speak to us.
    #[error("Forbidden")]
    Forbidden,
    /// `EIO` is missing or not 4.
    #[error("Unsupported protocol version")]
    UnsupportedVersion,
}

impl HttpError {
    /// Tells the number that goes into the body.
    pub const fn code(self) -> u8 {
        match self {
            Self::TransportUnknown => 0,
            Self::SessionUnknown => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden => 4,
            Self::UnsupportedVersion => 5,
        }
    }

    /// Tells the HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Forbidden => 403,
            _ => 400,
        }
    }

    /// Writes the body, of type `application/json`.
    pub fn body(self) -> String {
        format!(r#"{{"code":{},"message":"{self}"}}"#, self.code())
    }
}

/// The methods that mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET without the headers of a WebSocket handshake.
    Get,
    /// GET with them.
    Upgrade,
    /// POST.
    Post,
    /// Any other.
    Other,
}

/// What of the query counts; everything else in it is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Query<'a> {
    /// `EIO`: the version of the protocol.
    pub version: Option<&'a str>,
    /// `transport`.
    pub transport: Option<&'a str>,
    /// `sid`: the session, after it was opened.
    pub session: Option<&'a str>,
    /// `j`: the number of a JSONP call, which browsers have not needed for long.
    pub jsonp: Option<&'a str>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A new session.
    Open(Transport),
    /// What waits for a session that polls.
    Poll(EngineId),
    /// To take what a session that polls says.
    Post(EngineId),
    /// To accept a socket on which a session that polls wants to go on.
    Probe(EngineId),
    /// To accept a socket and close it: its session is none of ours. Refusing the handshake would be an error that
    /// clients of `ws` do not expect.
    LostProbe,
}

/// Says what a request asks for.
pub fn judge(method: Method, query: &Query<'_>) -> Result<Asked, HttpError> {
    let transport = match query.transport {
        Some("polling") => Transport::Polling,
        Some("websocket") => Transport::WebSocket,
        _ => return Err(HttpError::TransportUnknown),
    };
    if query.version != Some("4") {
        return Err(HttpError::UnsupportedVersion);
    }
    if query.jsonp.is_some() {
        return Err(HttpError::BadRequest);
    }
    match query.session {
        None => open(method, transport),
        Some(text) => go_on(method, transport, EngineId::read(text)),
    }
}

fn open(method: Method, transport: Transport) -> Result<Asked, HttpError> {
    match (method, transport) {
        (Method::Post | Method::Other, _) => Err(HttpError::BadHandshakeMethod),
        (Method::Get, Transport::Polling) | (Method::Upgrade, Transport::WebSocket) => {
            Ok(Asked::Open(transport))
        }
        (Method::Get, Transport::WebSocket) | (Method::Upgrade, Transport::Polling) => {
            Err(HttpError::BadRequest)
        }
    }
}

fn go_on(
    method: Method,
    transport: Transport,
    session: Option<EngineId>,
) -> Result<Asked, HttpError> {
    match (method, transport) {
        (Method::Upgrade, Transport::WebSocket) => {
            Ok(session.map_or(Asked::LostProbe, Asked::Probe))
        }
        (Method::Get, Transport::Polling) => {
            session.map(Asked::Poll).ok_or(HttpError::SessionUnknown)
        }
        (Method::Post, Transport::Polling) => {
            session.map(Asked::Post).ok_or(HttpError::SessionUnknown)
        }
        _ => Err(HttpError::BadRequest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    const ID: EngineId = EngineId::new([0; 16]);

    fn check(method: Method, text: &str, expected: Result<Asked, HttpError>) {
        let of = |name: &str| {
            let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let query = Query {
            version: of("EIO"),
            transport: of("transport"),
            session: of("sid"),
            jsonp: of("j"),
        };
        assert_eq!(judge(method, &query), expected, "{method:?} {text}");
    }

    #[test]
    fn a_session_is_opened_by_get_or_by_a_socket() {
        let (polling, socket) = ("EIO=4&transport=polling", "EIO=4&transport=websocket");
        check(Method::Get, polling, Ok(Asked::Open(Transport::Polling)));
        check(
            Method::Get,
            "EIO=4&transport=polling&t=x&b64=1",
            Ok(Asked::Open(Transport::Polling)),
        );
        check(Method::Upgrade, socket, Ok(Asked::Open(Transport::WebSocket)));
        check(Method::Post, polling, Err(HttpError::BadHandshakeMethod));
        check(Method::Other, polling, Err(HttpError::BadHandshakeMethod));
        check(Method::Post, socket, Err(HttpError::BadHandshakeMethod));
        check(Method::Get, socket, Err(HttpError::BadRequest));
        check(Method::Upgrade, polling, Err(HttpError::BadRequest));
    }

    #[test]
    fn version_and_transport_must_be_ours() {
        for method in [Method::Get, Method::Upgrade, Method::Post] {
            check(method, "EIO=4", Err(HttpError::TransportUnknown));
            check(method, "EIO=4&transport=abc", Err(HttpError::TransportUnknown));
            check(method, "EIO=4&transport=webtransport", Err(HttpError::TransportUnknown));
            for transport in ["polling", "websocket"] {
                for version in ["", "EIO=abc&", "EIO=3&", "EIO=04&"] {
                    let query = format!("{version}transport={transport}");
                    check(method, &query, Err(HttpError::UnsupportedVersion));
                }
            }
        }
        check(Method::Get, "EIO=4&transport=polling&j=0", Err(HttpError::BadRequest));
    }

    #[test]
    fn a_session_goes_on_by_its_id() {
        let polling = format!("EIO=4&transport=polling&sid={SID}");
        let socket = format!("EIO=4&transport=websocket&sid={SID}");
        check(Method::Get, &polling, Ok(Asked::Poll(ID)));
        check(Method::Post, &polling, Ok(Asked::Post(ID)));
        check(Method::Upgrade, &socket, Ok(Asked::Probe(ID)));
        check(Method::Other, &polling, Err(HttpError::BadRequest));
        check(Method::Upgrade, &polling, Err(HttpError::BadRequest));
        check(Method::Get, &socket, Err(HttpError::BadRequest));
        check(Method::Post, &socket, Err(HttpError::BadRequest));
    }

    #[test]
    fn an_id_that_is_none_is_an_unknown_session() {
        check(Method::Get, "EIO=4&transport=polling&sid=abc", Err(HttpError::SessionUnknown));
        check(Method::Post, "EIO=4&transport=polling&sid=", Err(HttpError::SessionUnknown));
        check(Method::Upgrade, "EIO=4&transport=websocket&sid=abc", Ok(Asked::LostProbe));
    }

    #[test]
    fn errors_have_the_codes_of_the_reference() {
        let expected = [
            (HttpError::TransportUnknown, 400, r#"{"code":0,"message":"Transport unknown"}"#),
            (HttpError::SessionUnknown, 400, r#"{"code":1,"message":"Session ID unknown"}"#),
            (HttpError::BadHandshakeMethod, 400, r#"{"code":2,"message":"Bad handshake method"}"#),
            (HttpError::BadRequest, 400, r#"{"code":3,"message":"Bad request"}"#),
            (HttpError::Forbidden, 403, r#"{"code":4,"message":"Forbidden"}"#),
            (
                HttpError::UnsupportedVersion,
                400,
                r#"{"code":5,"message":"Unsupported protocol version"}"#,
            ),
        ];
        for (error, status, body) in expected {
            assert_eq!((error.status(), error.body().as_str()), (status, body));
        }
    }
}
