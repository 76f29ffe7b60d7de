//! The cases of the two official protocol suites, in our own words and against the decisions alone: what a client sends
//! and when, and what it must get. A server without a network stands around them; its clock is the test's.

#![allow(clippy::unwrap_used)]

#[path = "suites/app.rs"]
mod app;
#[path = "suites/engine_io.rs"]
mod engine_io;
#[path = "suites/server.rs"]
mod server;
#[path = "suites/socket_io.rs"]
mod socket_io;

use app::{App, Frame};
use landfall_socketio::request::Method;
use server::Server;

const SID: &str = "BwcHBwcHBwcHBwcHBwcHBw";
const POLLING: &str = "EIO=4&transport=polling";
const SOCKET: &str = "EIO=4&transport=websocket";

/// A client of a server that echoes.
fn echo() -> Client {
    Client { server: Server::new(|_| App::Echo) }
}

/// A client of a server with namespaces.
fn rooms() -> Client {
    Client { server: Server::new(App::rooms) }
}

struct Client {
    server: Server,
}

impl Client {
    /// Opens a session that polls.
    fn opened(mut self) -> Self {
        let at = self.server.request(Method::Get, POLLING, "");
        assert!(self.server.answers[at].as_ref().unwrap().1.starts_with('0'));
        self
    }

    /// Opens a session on a WebSocket and takes the open packet off it.
    fn connected(mut self) -> Self {
        let at = self.server.connect(SOCKET);
        assert!(matches!(self.server.sockets[at].got.pop_front(), Some(Frame::Text(_))));
        self
    }

    /// Joins the main namespace on the socket, and takes what it is told off it.
    fn joined(mut self) -> Self {
        self = self.connected();
        self.send(0, "40");
        assert_eq!(self.server.sockets[0].got.drain(..).count(), 2);
        self
    }

    fn poll(&mut self) -> usize {
        self.server.request(Method::Get, &format!("{POLLING}&sid={SID}&t=x"), "")
    }

    fn post(&mut self, body: &str) -> usize {
        self.server.request(Method::Post, &format!("{POLLING}&sid={SID}"), body)
    }

    fn socket(&mut self) -> usize {
        self.server.connect(&format!("{SOCKET}&sid={SID}"))
    }

    fn send(&mut self, socket: usize, text: &str) {
        self.server.send(socket, Frame::Text(text.to_owned()));
    }

    fn send_binary(&mut self, socket: usize, bytes: &[u8]) {
        self.server.send(socket, Frame::Binary(bytes.to_vec()));
    }

    fn status(&self, request: usize) -> Option<u16> {
        self.server.answers[request].as_ref().map(|(status, _)| *status)
    }

    /// Expects that a request has got 200 and this body.
    fn check(&self, request: usize, body: &str) {
        assert_eq!(self.server.answers[request], Some((200, body.to_owned())));
    }

    /// Expects that a poll now is refused.
    fn check_ended(&mut self) {
        let poll = self.poll();
        assert_eq!(self.status(poll), Some(400));
    }

    /// Expects that nothing but these texts came on a socket since the last look.
    fn check_texts(&mut self, socket: usize, expected: &[&str]) {
        let got: Vec<_> = self.server.sockets[socket].got.drain(..).collect();
        let expected = expected.iter().map(|text| Frame::Text((*text).to_owned()));
        assert_eq!(got, expected.collect::<Vec<_>>());
    }

    fn is_closed(&self, socket: usize) -> bool {
        self.server.sockets[socket].is_closed
    }
}
