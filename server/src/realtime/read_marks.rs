//! Read marks that follow what sockets confirmed of the rooms that they have joined (contract 4).
//!
//! Some seconds after it was sent anything of a room, and when it leaves, a connection is pinged; what it was sent
//! before the ping is read once it answers. So a mark costs a ping for however many messages, and is never ahead of
//! the client. Of the rooms in which nothing came, nothing is stored; and where very many wait to be asked, each
//! waits longer, so that marks do not take the place of messages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::feed::Number;
use landfall_core::id::TopicId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Ending, State};
use super::hub::Hub;
use crate::service::reading::ReadOn;

/// Between two looks at who is to be asked.
const TURN: Duration = Duration::from_secs(1);
/// Connections that are asked in a turn.
const ASKED_AT_ONCE: usize = 512;
/// Tells the answer to these pings from others.
const PREFIX: &str = "read ";

/// Connections that were sent anything of a room since they were last asked, each with when it first was.
#[derive(Default)]
pub(super) struct ReadMarks(Mutex<VecDeque<(Instant, u64)>>);

/// What a connection was asked to confirm.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Which ping is the last one: its answer confirms what the earlier ones asked for, too.
    ping: u32,
    /// Up to where, of which topics.
    up_to: Vec<(TopicId, Number)>,
    /// Whether it waits to be asked.
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
    let after = Duration::from_secs(hub.settings.read_mark_seconds.into());
    let work = async {
        loop {
            tokio::time::sleep(TURN).await;
            let due = hub.read_marks.due(Instant::now(), after);
            for connection in hub.known(due) {
                connection.ask_what_is_read();
            }
        }
    };
    tokio::select! { () = cancel.cancelled() => {}, () = work => {} }
}

impl ReadMarks {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes those whose turn it is: the longest waiting of those who have waited for so long.
    fn due(&self, now: Instant, after: Duration) -> Vec<u64> {
        let mut waiting = self.lock();
        let due = waiting.partition_point(|(since, _)| *since + after <= now);
        waiting.drain(..due.min(ASKED_AT_ONCE)).map(|(_, id)| id).collect()
    }

    /// Notes that a connection was sent something of a room.
    pub(super) fn note(&self, connection: &Connection, state: &mut State) {
        let asked = state.asked.get_or_insert_default();
        if !std::mem::replace(&mut asked.is_due, true) {
            self.lock().push_back((Instant::now(), connection.id));
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

    #[test]
    fn who_waits_longest_is_asked_first_and_not_too_many_at_once() {
        let (marks, begin) = (ReadMarks::default(), Instant::now());
        let second = |seconds: u64| begin + Duration::from_secs(seconds);
        let due = |seconds: u64| marks.due(second(seconds), Duration::from_secs(5));
        let many = u64::try_from(ASKED_AT_ONCE).unwrap() + 2;
        marks.lock().extend((0..many).map(|id| (second(0), id)));
        assert!(due(4).is_empty(), "none has waited for so long");
        marks.lock().push_back((second(4), many));
        assert_eq!(due(5), (0..many - 2).collect::<Vec<_>>());
        assert_eq!(due(5), [many - 2, many - 1]);
        assert!(due(8).is_empty());
        assert_eq!(due(9), [many]);
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
