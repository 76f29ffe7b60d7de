//! The part of the table that is about sockets: one is probed, and the session moves to it or goes on without it.

use super::{Phase, PollAnswer, PollingSession, Probe, REFUSED, SocketAnswer, SocketTicket, Turn};
use crate::engine::Probing;

impl PollingSession {
    /// A socket came that names this session; its handshake is accepted in any case. `None`: it is closed.
    pub fn socket(&mut self, now: u64) -> Turn<Option<SocketTicket>> {
        let turn = self.expire(now);
        if self.phase != Phase::Open || self.probe.is_some() {
            return turn.say(None);
        }
        let ticket = SocketTicket(self.ticket());
        let until = now.saturating_add(self.upgrade_ms);
        self.probe = Some(Probe { ticket, until, asked: false });
        turn.say(Some(ticket))
    }

    /// The probed socket said something. A binary message is [`Probing::Wrong`].
    pub fn probing(&mut self, now: u64, ticket: SocketTicket, said: Probing) -> Turn<SocketAnswer> {
        let was_probed = self.is_probed(ticket);
        let mut turn = self.expire(now);
        let Some(probe) = self.probe.filter(|probe| probe.ticket == ticket) else {
            // What the clock just closed is the caller's own.
            turn.socket = turn.socket.filter(|_| !was_probed);
            return turn.say(SocketAnswer::Close);
        };
        match said {
            Probing::Ask if !probe.asked => {
                self.heart.heard(now);
                self.probe = Some(Probe { asked: true, ..probe });
                turn.held = turn.held.or(self.held.take().map(|_| PollAnswer::Noop));
                turn.say(SocketAnswer::Probed)
            }
            Probing::Upgrade if probe.asked => {
                self.probe = None;
                self.upgrade(now, turn)
            }
            Probing::Ask | Probing::Upgrade | Probing::Wrong => {
                self.probe = None;
                turn.say(SocketAnswer::Close)
            }
        }
    }

    /// The probed socket has ended.
    pub fn socket_gone(&mut self, now: u64, ticket: SocketTicket) -> Turn<()> {
        self.probe = self.probe.filter(|probe| probe.ticket != ticket);
        self.expire(now)
    }

    fn upgrade(&mut self, now: u64, mut turn: Turn<()>) -> Turn<SocketAnswer> {
        // A client waits for its post before it upgrades; the order of its packets would be lost otherwise.
        if self.is_posting {
            return turn.and(self.end(PollAnswer::Close)).say(SocketAnswer::Close);
        }
        self.heart.heard(now);
        self.phase = Phase::Upgraded;
        turn.held = turn.held.or(self.held.take().map(|_| REFUSED));
        turn.say(SocketAnswer::Upgrade)
    }

    fn is_probed(&self, ticket: SocketTicket) -> bool {
        self.probe.is_some_and(|probe| probe.ticket == ticket)
    }
}
