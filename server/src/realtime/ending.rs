//! How a connection is closed: by whom, with which word, and what of what waits is still written.

use landfall_protocol::frame::ControlFrame;
use landfall_protocol::problem::{CloseCode, Code};
use landfall_store::Revocation;

use super::connection::{Connection, Ending, State};

/// What a client is told whose token was revoked.
pub(super) const REVOKED: &str = "the token was revoked";

impl Connection {
    /// Begins to close: what waits is dropped, the close frame follows what is half written.
    pub(super) fn close(&self, state: &mut State, code: CloseCode, reason: &str) {
        if state.ending != Ending::Open {
            return;
        }
        state.queue.abandon();
        self.say_farewell(state, code, reason);
    }

    /// Closes it for reading too slowly.
    pub(super) fn close_slow(&self, state: &mut State, reason: &str) {
        state.is_slow |= state.ending == Ending::Open;
        self.close(state, CloseCode::TryLater, reason);
    }

    /// Refuses to serve the client any longer: says why in a frame, and closes.
    pub(super) fn refuse(&self, code: Code, detail: &str) {
        let mut state = self.lock();
        if state.ending == Ending::Open {
            state.queue.abandon();
            let frame = ControlFrame::Error { code, detail: detail.to_owned(), reference: None };
            state.queue.push(self.codec.control(&frame));
            self.say_farewell(&mut state, code.into(), detail);
        }
    }

    fn say_farewell(&self, state: &mut State, code: CloseCode, reason: &str) {
        if let Some(farewell) = self.codec.farewell(code, reason) {
            state.queue.push(farewell);
        }
        state.ending = Ending::Closing(code);
        self.flush(state);
        self.wake.notify_one();
    }

    /// Tells the device to come back after a while, and closes once everything that waits is
    /// written.
    pub(super) fn send_away(&self, after_ms: u64) {
        self.send(&ControlFrame::Reconnect { after_ms });
        let code = CloseCode::Restart;
        let mut state = self.lock();
        if state.ending == Ending::Open {
            self.say_farewell(&mut state, code, code.default_reason());
        }
    }

    /// Closes it if one of these revocations, of its tenant, covers its token.
    pub(super) fn close_if_revoked(&self, revocations: &[&Revocation]) {
        let mut state = self.lock();
        let Some(token) = state.caller.as_ref().map(|caller| caller.mark()) else { return };
        if revocations.iter().any(|revocation| revocation.of.covers(revocation.at, &token)) {
            self.close(&mut state, CloseCode::Policy, REVOKED);
        }
    }
}
