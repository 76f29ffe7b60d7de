//! Read marks that follow what sockets confirmed of the rooms that they have joined (contract 4).
//!
//! Every few seconds, and when it leaves, a connection that was sent anything of a room is pinged; what it was sent
//! before the ping is read once it answers. So a mark costs a ping for however many messages, is never ahead of
//! the client, and behind it by no more than that. Of the rooms in which nothing came, nothing is stored.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use landfall_core::feed::Number;
use landfall_core::id::TopicId;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Ending, State};
use super::hub::Hub;
use crate::service::reading::ReadOn;

/// Connections that are pinged before others get a turn.
const PINGED_AT_ONCE: usize = 256;
/// Tells the answer to these pings from others.
const PREFIX: &str = "read ";

/// Connections that were sent anything of a room since they were last asked.
#[derive(Default)]
pub(super) struct ReadMarks(Mutex<HashSet<u64>>);

/// What a connection was asked to confirm.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Which ping is the last one: its answer confirms what the earlier ones asked for, too.
    ping: u32,
    /// Up to where, of which topics.
    up_to: Vec<(TopicId, Number)>,
    /// Whether it is to be asked in the next turn.
    is_due: bool,
}

impl Asked {
    fn add(&mut self, topic: &TopicId, up_to: Number) {
        match self.up_to.iter_mut().find(|(asked, _)| asked == topic) {
            Some((_, number)) => *number = up_to,
            None => self.up_to.push((topic.clone(), up_to)),
        }
    }
}

/// Asks until it is cancelled.
pub(super) async fn follow(hub: Arc<Hub>, cancel: CancellationToken) {
    let every = Duration::from_secs(hub.settings.read_mark_seconds.into());
    let work = async {
        loop {
            tokio::time::sleep(every).await;
            let due = std::mem::take(&mut *hub.read_marks.lock());
            for (index, connection) in hub.known(due.into_iter().collect()).iter().enumerate() {
                connection.ask_what_is_read();
                if index % PINGED_AT_ONCE == PINGED_AT_ONCE - 1 {
                    tokio::task::yield_now().await;
                }
            }
        }
    };
    tokio::select! { () = cancel.cancelled() => {}, () = work => {} }
}

impl ReadMarks {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a connection was sent something of a room.
    pub(super) fn note(&self, connection: &Connection, state: &mut State) {
        let asked = state.asked.get_or_insert_default();
        if !std::mem::replace(&mut asked.is_due, true) {
            self.lock().insert(connection.id);
        }
    }
}

impl Connection {
    fn ask_what_is_read(&self) {
        let mut state = self.lock();
        let State { topics, asked, .. } = &mut *state;
        let Some(asked) = asked.as_mut().filter(|asked| asked.is_due) else { return };
        asked.is_due = false;
        for (topic, joined) in topics.iter().flat_map(|topics| topics.iter()) {
            if let Some(up_to) = joined.unconfirmed() {
                asked.add(topic, up_to);
            }
        }
        self.ping_for_read(&mut state);
    }

    /// Asks at once what is read of a topic whose room is left.
    pub(super) fn ask_of_left(&self, topic: &TopicId, up_to: Number) {
        let mut state = self.lock();
        state.asked.get_or_insert_default().add(topic, up_to);
        self.ping_for_read(&mut state);
    }

    fn ping_for_read(&self, state: &mut State) {
        let Some(asked) = state.asked.as_mut().filter(|asked| !asked.up_to.is_empty()) else {
            return;
        };
        asked.ping = asked.ping.wrapping_add(1);
        let payload = format!("{PREFIX}{}", asked.ping);
        if state.ending == Ending::Open
            && let Some(ping) = self.codec.ping(payload.as_bytes())
        {
            self.push_live(state, ping);
            self.flush(state);
        }
    }

    /// Takes the answer to a ping; gives what it says is read.
    pub(super) fn on_read_pong(&self, payload: &[u8]) -> Vec<ReadOn> {
        let ping = payload.strip_prefix(PREFIX.as_bytes());
        let ping = ping.and_then(|ping| std::str::from_utf8(ping).ok()?.parse::<u32>().ok());
        let mut state = self.lock();
        let is_last = |asked: &&mut Box<Asked>| Some(asked.ping) == ping;
        let Some(asked) = state.asked.as_mut().filter(is_last) else { return Vec::new() };
        let read = |(topic, up_to)| ReadOn {
            tenant: self.feed.tenant.clone(),
            topic,
            user: self.user.clone(),
            up_to,
        };
        std::mem::take(&mut asked.up_to).into_iter().map(read).collect()
    }

    /// Hears what of that will be stored; all else is asked for again.
    pub(super) fn on_read_taken(&self, read: &[ReadOn]) {
        let mut state = self.lock();
        let Some(topics) = state.topics.as_mut() else { return };
        for read in read {
            if let Some(joined) = topics.get_mut(&read.topic) {
                joined.confirm(read.up_to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use landfall_core::change::{FeedChange, TopicChange};
    use landfall_core::feed::FeedKey;
    use landfall_core::message::Unread;

    use super::*;
    use crate::realtime::fixture::{hub, live};
    use crate::realtime::mark::Mark;

    fn topic(name: &str) -> TopicId {
        TopicId::parse(name).unwrap()
    }

    fn join(hub: &Hub, connection: &Arc<Connection>, name: &str, at: u64) {
        assert!(hub.join(connection, &topic(name), Number(at)));
        let read = Unread { read_up_to: Number(at), ..Unread::default() };
        connection.on_joined((&topic(name), &Mark::None), None, (Number(at), read));
    }

    /// Passes a change of a topic on, and answers the ping that follows; gives what is said to be read.
    fn read(
        hub: &Hub,
        connection: &Arc<Connection>,
        name: &str,
        number: u64,
    ) -> Vec<(String, u64)> {
        let (feed, number) =
            (FeedKey::topic(&connection.feed.tenant, &topic(name)), Number(number));
        let change = FeedChange::Topic { number, change: TopicChange::Stays };
        hub.pass_topic(&feed, &change, &mut Vec::new());
        connection.ask_what_is_read();
        let ping = connection.lock().asked.as_ref().unwrap().ping;
        let mut read = connection.on_read_pong(format!("{PREFIX}{ping}").as_bytes());
        read.retain(|read| read.topic != topic("full"));
        connection.on_read_taken(&read);
        read.into_iter().map(|read| (read.topic.to_string(), read.up_to.0)).collect()
    }

    #[tokio::test]
    async fn a_pong_tells_of_the_rooms_in_which_something_came() {
        let hub = hub();
        let (connection, _client) = live(&hub);
        for name in ["a", "b", "c"] {
            join(&hub, &connection, name, 5);
        }
        assert_eq!(read(&hub, &connection, "b", 6), [("b".to_owned(), 6)]);
        assert_eq!(read(&hub, &connection, "c", 6), [("c".to_owned(), 6)], "b is known");
        // What found no room to be stored is said again.
        join(&hub, &connection, "full", 5);
        assert_eq!(read(&hub, &connection, "full", 6), []);
        connection.lock().asked.as_mut().unwrap().is_due = true;
        connection.ask_what_is_read();
        let asked = connection.lock().asked.as_ref().unwrap().up_to.clone();
        assert_eq!(asked, [(topic("full"), Number(6))]);
        // Who leaves has nothing more to say of what is known.
        let before = connection.lock().asked.as_ref().unwrap().ping;
        assert!(hub.leave(&connection, &topic("b")));
        assert_eq!(connection.lock().asked.as_ref().unwrap().ping, before);
    }
}
