//! A topic of a Landfall under test: made, filled, joined and written to by the calls that every client has.

use std::collections::VecDeque;
use std::ops::Range;

use anyhow::ensure;

use super::http::{Client, Endpoint};
use super::landfall::Landfall;
use super::visitor::{Turn, Visit};

/// Members that are added in one request.
const BULK: usize = 5_000;

/// What is written: some words of a teacher.
const WORDS: &str =
    "The test is on page 40: bring a pencil, a ruler and your notes from last week.";

/// A topic whose members are `u0`, `u1` and so on.
pub struct Topic<'a> {
    landfall: &'a Landfall,
    /// What it is called.
    pub name: &'static str,
    /// How many members it has.
    pub members: usize,
    messages: Endpoint,
}

impl<'a> Topic<'a> {
    /// Makes it; `u0` will write to it.
    pub fn make(
        landfall: &'a Landfall,
        name: &'static str,
        members: usize,
    ) -> anyhow::Result<Self> {
        make_class(landfall, name, 0..members)?;
        let path = format!("/api/v1/topics/{name}/messages").into();
        let token = landfall.token("u0", "student")?;
        let messages = Endpoint { path, content_type: "application/json", token };
        Ok(Self { landfall, name, members, messages })
    }

    /// The request that writes a message; what carries `stamp` is the name that its sender gives it.
    pub fn message(&self, stamp: u64) -> Vec<u8> {
        written(&self.messages, stamp)
    }

    /// The same as a function that needs the topic no more.
    pub fn writing(&self) -> impl Fn(u64) -> Vec<u8> + Send + use<> {
        let endpoint = self.messages.clone();
        move |stamp| written(&endpoint, stamp)
    }

    /// Lets its first members read their inboxes, so that none is sent anything but messages.
    pub fn read_inboxes(&self, count: usize) -> anyhow::Result<()> {
        let mut client = Client::connect(self.landfall.subject.addr())?;
        for index in 0..count {
            let endpoint = Endpoint {
                path: "/api/v1/notifications/mark-all-read".into(),
                content_type: "application/json",
                token: self.landfall.token(&format!("u{index}"), "student")?,
            };
            ensure!(client.send(&endpoint.post("{}"))?.is_success(), "an inbox was not read");
        }
        Ok(())
    }

    /// Its first members, who join its room over plain sockets.
    pub fn sockets(&self, count: usize) -> anyhow::Result<Vec<Visit>> {
        let name = self.name;
        let join = format!(r#"{{"type":"join_topic","payload":{{"topic_id":"{name}"}}}}"#);
        let turns = VecDeque::from([
            Turn { hears: "", says: Some(join) },
            Turn { hears: r#"{"type":"topic_joined""#, says: None },
        ]);
        let mut visits = self.landfall.devices(count, count, "&ack=1")?;
        visits.iter_mut().for_each(|visit| visit.turns.clone_from(&turns));
        Ok(visits)
    }

    /// Its first members, who join its room by Socket.IO and hear of nothing else, as at a server that has
    /// neither statuses nor alerts.
    pub fn socketio(&self, count: usize) -> anyhow::Result<Vec<Visit>> {
        let visit = |index| {
            let token = self.landfall.token(&format!("u{index}"), "student")?;
            Ok(socketio_visit(
                &format!(r#"{{"token":"{token}","presence":false,"alerts":false}}"#),
                self.name,
            ))
        };
        (0..count).map(visit).collect()
    }
}

/// Makes a class whose members are the users of these numbers.
pub fn make_class(landfall: &Landfall, name: &str, users: Range<usize>) -> anyhow::Result<()> {
    let token = landfall.token("bench", "service")?;
    let endpoint = |path: String| {
        let (path, token) = (path.into(), token.clone());
        Endpoint { path, content_type: "application/json", token }
    };
    let path = format!("/api/v1/topics/{name}");
    let mut client = Client::connect(landfall.subject.addr())?;
    let made = endpoint(path.clone()).put(r#"{"kind":"class","title":"A class"}"#);
    ensure!(client.send(&made)?.is_success(), "the topic {name} was not made");
    let adding = endpoint(format!("{path}/members"));
    for first in users.clone().step_by(BULK) {
        let added = adding.post(&bulk(first..users.end.min(first + BULK)));
        ensure!(client.send(&added)?.is_success(), "members of {name} were not added");
    }
    Ok(())
}

/// A client of Socket.IO that shows `auth`, joins a room and waits until that is acknowledged.
pub fn socketio_visit(auth: &str, room: &str) -> Visit {
    let join = format!(r#"420["join_topic",{{"topic_id":"{room}"}}]"#);
    let turns = VecDeque::from([
        Turn { hears: "0{", says: Some(format!("40{auth}")) },
        Turn { hears: "40{", says: Some(join) },
        Turn { hears: r#"430[{"ok":true"#, says: None },
    ]);
    Visit { path: "/socket.io/?EIO=4&transport=websocket".to_owned(), turns }
}

fn written(endpoint: &Endpoint, stamp: u64) -> Vec<u8> {
    endpoint.post(&format!(r#"{{"message":"{WORDS}","client_id":"{stamp}"}}"#))
}

fn bulk(users: Range<usize>) -> String {
    let members: Vec<String> = users.map(|user| format!(r#"{{"user_id":"u{user}"}}"#)).collect();
    format!(r#"{{"members":[{}]}}"#, members.join(","))
}
