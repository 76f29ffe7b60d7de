//! The first words of a Socket.IO client on a socket: it is told the terms, asks to join, and shows its token.
//!
//! A client whose token is refused may ask again while its time lasts. Reads as little as it can and keeps what
//! came after, which belongs to the session.

use std::net::IpAddr;

use landfall_core::auth::Caller;
use landfall_core::feed::Number;
use landfall_core::id::DeviceId;
use landfall_core::session::{ConfirmBy, Start};
use landfall_protocol::problem::{CloseCode, Code};
use landfall_protocol::text::{FeedNumber, IdText, Secret};
use landfall_socketio::engine::Said;
use landfall_socketio::id::SocketId;
use landfall_socketio::namespaces::{Binary, Namespaces, Step};
use landfall_socketio::packet::MAIN;
use landfall_socketio::terms::Terms;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use super::engine::Opening;
use crate::judge::{Refused, Shown};
use crate::realtime::audience::Listens;
use crate::realtime::frame::{self, Decoder, FrameError, Incoming};
use crate::realtime::gateway::{Gateway, Identity};
use crate::realtime::hub::HubSettings;
use crate::realtime::reading::close_code;
use crate::realtime::wire::Wire;

/// A client says nothing before it has said who it is; this much is enough for a token.
const BYTES_MAX: usize = 16 * 1_024;
/// How long after a ping silence means that the server is gone, as clients are told.
const PING_TIMEOUT_MS: u64 = 20_000;
/// The namespaces that there are.
const KNOWN: &[&str] = &[MAIN];

/// What a client brings along when it joins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    token: Option<Secret>,
    #[serde(alias = "deviceId")]
    device_id: Option<IdText>,
    #[serde(alias = "replayFrom")]
    replay_from: Option<FeedNumber>,
    ack: bool,
    /// Whether it hears who comes and goes; it does where it does not say.
    presence: Option<bool>,
    /// Whether it hears of messages in rooms that it has not joined; it does where it does not say.
    alerts: Option<bool>,
}

/// A client that has joined.
pub(in crate::realtime) struct Entered {
    pub(in crate::realtime) caller: Caller,
    pub(in crate::realtime) start: Start,
    pub(in crate::realtime) confirm_by: ConfirmBy,
    pub(in crate::realtime) device: Option<DeviceId>,
    pub(in crate::realtime) listens: Listens,
    pub(in crate::realtime) namespaces: Namespaces,
    pub(in crate::realtime) followed: Vec<u8>,
}

/// Why a client did not join.
type NotEntered = (CloseCode, String);

/// Tells a client the terms and waits until it has joined.
pub(in crate::realtime) async fn enter(
    gateway: &Gateway,
    wire: &Wire,
    first: &[u8],
    (identity, from, opening): (Identity, Option<IpAddr>, Opening),
) -> Result<Entered, NotEntered> {
    let with_reason = |code: CloseCode| (code, code.default_reason().to_owned());
    let greeting = Greeting {
        gateway,
        wire,
        from,
        known: match identity {
            Identity::Known(caller) => Some(caller),
            Identity::Refused(_) | Identity::Unsaid => None,
        },
        namespaces: Namespaces::new(KNOWN, Binary::Refused),
    };
    tokio::select! {
        entered = tokio::time::timeout(gateway.first_message, greeting.run(&opening, first)) => {
            entered.unwrap_or_else(|_| Err((CloseCode::Policy, "a token is needed".into())))
        }
        () = gateway.drain.cancelled() => Err(with_reason(CloseCode::Restart)),
    }
}

/// What is agreed with every client.
pub fn terms(settings: &HubSettings) -> Terms {
    Terms {
        ping_interval_ms: u64::from(settings.heartbeat_seconds) * 1_000,
        ping_timeout_ms: PING_TIMEOUT_MS,
        max_payload: settings.message_bytes,
        ..Terms::default()
    }
}

struct Greeting<'a> {
    gateway: &'a Gateway,
    wire: &'a Wire,
    from: Option<IpAddr>,
    /// Whose token came with the handshake.
    known: Option<Box<Caller>>,
    namespaces: Namespaces,
}

/// What one message came to.
enum Heard {
    /// This is said, and it goes on.
    Answer(Vec<u8>),
    /// The client asks to join with this.
    Asks(Option<Box<RawValue>>),
    /// It ends.
    Ends(CloseCode),
}

impl Greeting<'_> {
    async fn run(mut self, opening: &Opening, first: &[u8]) -> Result<Entered, NotEntered> {
        let open = opening.packet(&self.gateway.engine.terms);
        self.write(&frame::text(open.as_bytes())).await?;
        let mut decoder = Decoder::default();
        let (mut heard, mut bytes) = (first.len(), first.to_vec());
        loop {
            let mut rest = &mut bytes[..];
            while let Some(incoming) = decoder.next(&mut rest, BYTES_MAX).map_err(broken)? {
                let heard = self.hear(&incoming);
                match heard {
                    Heard::Answer(answer) => self.write(&answer).await?,
                    Heard::Ends(code) => return Err((code, code.default_reason().to_owned())),
                    Heard::Asks(auth) => {
                        let followed = rest.to_vec();
                        match self.join(auth.as_deref()).await? {
                            Some(mut entered) => {
                                entered.namespaces = self.namespaces;
                                entered.followed = followed;
                                return Ok(entered);
                            }
                            None => continue,
                        }
                    }
                }
            }
            if heard >= BYTES_MAX {
                return Err((CloseCode::Policy, "a token is needed".into()));
            }
            let mut buffer = [0; 1_024];
            let gone = |_| (CloseCode::Normal, String::new());
            let count = self.wire.read(&mut buffer).await.map_err(gone)?;
            if count == 0 {
                return Err((CloseCode::Normal, String::new()));
            }
            heard += count;
            bytes = buffer[..count].to_vec();
        }
    }

    fn random(&self) -> [u8; 16] {
        self.gateway.services.ids.bytes()
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), NotEntered> {
        self.wire.write_all(bytes).await.map_err(|_| (CloseCode::Normal, String::new()))
    }

    fn hear(&mut self, incoming: &Incoming<'_>) -> Heard {
        let text = match incoming {
            Incoming::Ping(payload) => return Heard::Answer(frame::pong(payload).to_vec()),
            Incoming::Pong(_) => return Heard::Answer(Vec::new()),
            Incoming::Close { .. } => return Heard::Ends(CloseCode::Normal),
            Incoming::Binary(_) => return Heard::Ends(CloseCode::Protocol),
            Incoming::Text(text) => text,
        };
        match Said::read(text) {
            Ok(Said::Message(message)) => match self.namespaces.text(message) {
                Step::Join { auth, .. } => Heard::Asks(auth.map(ToOwned::to_owned)),
                Step::Say(answer) => Heard::Answer(frame::text(answer.as_bytes()).to_vec()),
                _ => Heard::Ends(CloseCode::Protocol),
            },
            Ok(Said::Close) => Heard::Ends(CloseCode::Normal),
            Ok(Said::Pong | Said::Noop) => Heard::Answer(Vec::new()),
            Err(_) => Heard::Ends(CloseCode::Protocol),
        }
    }

    /// Judges what a client brings along, and lets it in or tells it why not.
    async fn join(&mut self, auth: Option<&RawValue>) -> Result<Option<Entered>, NotEntered> {
        match self.judge(auth).await {
            Ok(entered) => {
                let id = SocketId::new(self.random());
                let joined = self.namespaces.accept(MAIN, &id).unwrap_or_default();
                self.write(&frame::text(joined.as_bytes())).await?;
                Ok(Some(entered))
            }
            Err((code, detail)) => {
                let data = serde_json::json!({ "code": code.as_str() });
                let data = to_raw_value(&data).expect("texts can be written as JSON");
                let refused = self.namespaces.refuse(MAIN, &detail, Some(&data));
                self.write(&frame::text(refused.unwrap_or_default().as_bytes())).await?;
                Ok(None)
            }
        }
    }

    async fn judge(&self, auth: Option<&RawValue>) -> Result<Entered, (Code, String)> {
        let auth: Auth = match auth {
            None => Auth::default(),
            Some(auth) => serde_json::from_str(auth.get())
                .map_err(|error| (Code::Invalid, format!("auth cannot be read: {error}")))?,
        };
        let device = auth.device_id.map(|id| DeviceId::parse(&id.0)).transpose();
        let device = device.map_err(|error| (Code::Invalid, format!("device_id {error}")))?;
        let caller = match (&auth.token, &self.known) {
            (Some(token), _) => {
                let shown = Shown { token: &token.0, from: self.from, request_id: None };
                self.gateway.judge.admit(shown).await.map_err(|refused| match refused {
                    Refused::Token(error) => (error.code(), error.to_string()),
                    Refused::TooFast(too_fast) => (Code::RateLimited, too_fast.to_string()),
                })?
            }
            (None, Some(known)) => (**known).clone(),
            (None, None) => return Err((Code::Unauthenticated, "a token is needed".into())),
        };
        let after = |FeedNumber(number): FeedNumber| -> Number { number };
        Ok(Entered {
            caller,
            start: auth.replay_from.map_or(Start::Pending, |number| Start::After(after(number))),
            confirm_by: if auth.ack { ConfirmBy::Ack } else { ConfirmBy::Pong },
            device,
            listens: Listens {
                to_statuses: auth.presence.unwrap_or(true),
                to_alerts: auth.alerts.unwrap_or(true),
            },
            namespaces: Namespaces::new(KNOWN, Binary::Refused),
            followed: Vec::new(),
        })
    }
}

fn broken(error: FrameError) -> NotEntered {
    let code = close_code(error);
    (code, code.default_reason().to_owned())
}
