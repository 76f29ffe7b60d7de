//! One session: what its client says goes to an app, and what the app says goes back; pings in between.

use std::io;
use std::time::{Duration, Instant};

use landfall_server::realtime::frame::{self, Decoder, Incoming};
use landfall_server::realtime::{Opening, Wire};
use landfall_socketio::engine::{Said, Signal};
use landfall_socketio::heart::{Beat, Heart};
use landfall_socketio::terms::Terms;

use crate::app::{App, Frame, Reaction};

pub struct Session {
    terms: Terms,
    wire: Wire,
    app: App,
    heart: Heart,
    began: Instant,
}

impl Session {
    pub fn new(terms: Terms, wire: Wire, app: App) -> Self {
        Self { terms, wire, app, heart: Heart::new(&terms, 0), began: Instant::now() }
    }

    /// Serves it to its end.
    pub async fn run(mut self, followed: Vec<u8>, opening: Opening) -> io::Result<()> {
        self.say(&opening.packet(&self.terms)).await?;
        let (mut decoder, mut bytes) = (Decoder::default(), followed);
        while self.take_in(&mut decoder, &mut bytes).await? {
            bytes = vec![0; 4_096];
            let due = self.heart.deadline().min(self.app.waits_until().unwrap_or(u64::MAX));
            let due = self.began + Duration::from_millis(due);
            let count = tokio::select! {
                count = self.wire.read(&mut bytes) => Some(count?),
                () = tokio::time::sleep_until(due.into()) => None,
            };
            bytes.truncate(count.unwrap_or_default());
            match count {
                None if self.beat().await? => {}
                None | Some(0) => break,
                Some(_) => self.heart.heard(self.now()),
            }
        }
        self.wire.write_all(&frame::close(1_000, "")).await?;
        self.wire.shutdown_write()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    /// Does what the clock demands; says whether the session goes on.
    async fn beat(&mut self) -> io::Result<bool> {
        let now = self.now();
        match self.heart.beat(now) {
            Beat::Ping => self.say(Signal::Ping.text()).await?,
            Beat::Dead => return Ok(false),
            Beat::Rest => {}
        }
        Ok(self.app.waits_until().is_none_or(|until| now < until))
    }

    /// Takes what the client said; says whether the session goes on.
    async fn take_in(&mut self, decoder: &mut Decoder, bytes: &mut [u8]) -> io::Result<bool> {
        let (mut rest, mut said) = (bytes, Vec::new());
        let goes_on = loop {
            let Ok(incoming) = decoder.next(&mut rest, self.terms.max_payload) else {
                break false;
            };
            let reaction = match incoming {
                None => break true,
                Some(Incoming::Text(text)) => self.text(text),
                Some(Incoming::Binary(bytes)) => self.app.binary(bytes),
                Some(Incoming::Ping(payload)) => {
                    said.extend(frame::pong(payload));
                    continue;
                }
                Some(Incoming::Pong(_)) => continue,
                Some(Incoming::Close { .. }) => break false,
            };
            said.extend(reaction.say.iter().flat_map(spell));
            if reaction.closes {
                break false;
            }
        };
        // What answers one post comes with one poll, as the suites expect.
        self.wire.write_all(&said).await?;
        Ok(goes_on)
    }

    fn text(&mut self, text: &str) -> Reaction {
        match Said::read(text) {
            Ok(Said::Message(text)) => self.app.text(text),
            Ok(Said::Pong | Said::Noop) => Reaction::default(),
            Ok(Said::Close) | Err(_) => Reaction { closes: true, say: Vec::new() },
        }
    }

    async fn say(&self, text: &str) -> io::Result<()> {
        self.wire.write_all(&frame::text(text.as_bytes())).await
    }
}

fn spell(said: &Frame) -> Vec<u8> {
    match said {
        Frame::Text(text) => frame::text(text.as_bytes()).to_vec(),
        Frame::Binary(bytes) => binary(bytes),
    }
}

/// Writes a binary message, as short as those of the suites are; no client of ours is ever sent one.
fn binary(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    assert!(length < 126);
    [&[0x82, length], bytes].concat()
}
