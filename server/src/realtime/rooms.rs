//! Rooms: which connections follow which topics, and what they are sent of them.
//!
//! Where a connection stands on a topic's feed is core's rule (`following`): what follows directly is sent, for
//! all else the store is read, and there it is looked whether its user still may. Must never wait for a client
//! or the store; a slow client is closed, and comes back with the number that it has.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use landfall_core::change::{FeedChange, TopicChange};
use landfall_core::feed::{FeedKey, Number};
use landfall_core::following::{Following, Step, Told, told};
use landfall_core::id::{TopicId, UserId};
use landfall_core::message::{Message, Unread};
use landfall_protocol::frame::{MessagesRead, TopicFrame, TopicGap, TopicJoined};
use landfall_protocol::text::FeedNumber;

use super::codec::Codec;
use super::connection::{Connection, Ending, State};
use super::hub::Hub;
use super::mark::Mark;
use crate::service::messages::Missed;

/// Topics that one connection may follow.
const JOINED_MAX: usize = 256;
/// Where more connections follow a topic, they are not told who has read on: that would be a frame to each of
/// them for each of them.
const READS_TOLD_MAX: usize = 100;
/// Why somebody is not in a room any more.
const NOT_A_MEMBER: &str = "not_a_member";

/// Connections by their number, so that many can come and go at once.
type Followers = HashMap<u64, Arc<Connection>>;

/// Who follows which topic on this node.
#[derive(Default)]
pub(super) struct Rooms(Mutex<HashMap<Arc<FeedKey>, Followers>>);

/// A topic that a connection follows.
pub(super) struct Joined {
    feed: Arc<FeedKey>,
    following: Following,
    /// Whether the connection's task is to read.
    is_wanted: bool,
    /// Up to where its user's mark is known to stand.
    confirmed: Number,
}

impl Joined {
    /// Says up to where everything was sent, where that is known and beyond what is confirmed.
    pub(super) fn unconfirmed(&self) -> Option<Number> {
        self.following.settled().filter(|up_to| *up_to > self.confirmed)
    }

    /// Takes a number for confirmed.
    pub(super) fn confirm(&mut self, up_to: Number) {
        self.confirmed = self.confirmed.max(up_to);
    }
}

/// The topics of one connection.
pub(super) type Topics = BTreeMap<TopicId, Joined>;

impl Rooms {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<FeedKey>, Followers>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, feed: &Arc<FeedKey>, connection: &Arc<Connection>) -> Arc<FeedKey> {
        let mut rooms = self.lock();
        let known = rooms.get_key_value(feed).map_or(feed, |(known, _)| known);
        let feed = Arc::clone(known);
        rooms.entry(Arc::clone(&feed)).or_default().insert(connection.id, Arc::clone(connection));
        feed
    }

    fn remove(&self, feed: &FeedKey, id: u64) {
        let mut rooms = self.lock();
        if let Some(followers) = rooms.get_mut(feed) {
            followers.remove(&id);
            if followers.is_empty() {
                rooms.remove(feed);
            }
        }
    }

    /// Gives those who follow a topic, nobody where they are more than so many.
    fn followers(&self, feed: &FeedKey, max: usize) -> Vec<Arc<Connection>> {
        let rooms = self.lock();
        let few = rooms.get(feed).filter(|followers| followers.len() <= max);
        few.into_iter().flat_map(HashMap::values).cloned().collect()
    }
}

/// News of a topic on its way to many: its bytes are made at the first who needs them.
struct News<'a> {
    number: Option<Number>,
    frame: Box<dyn Fn() -> Option<TopicFrame> + 'a>,
    message: OnceCell<Option<Bytes>>,
    event: OnceCell<Option<Bytes>>,
}

impl<'a> News<'a> {
    fn of(feed: &'a FeedKey, change: &'a FeedChange) -> Self {
        let frame: Box<dyn Fn() -> Option<TopicFrame> + 'a> = match change {
            FeedChange::Message { number, message } => {
                Box::new(|| TopicFrame::of_message(message, told(message, number.before())))
            }
            FeedChange::MessagesRead { user, up_to } => {
                Box::new(|| Some(read_on(feed, user, *up_to)))
            }
            _ => Box::new(|| None),
        };
        Self { number: change.number(), frame, message: OnceCell::new(), event: OnceCell::new() }
    }

    fn bytes(&self, connection: &Connection) -> Option<Bytes> {
        let codec = connection.codec;
        let bytes = if codec == Codec::SocketIo { &self.event } else { &self.message };
        bytes.get_or_init(|| (self.frame)().map(|frame| codec.news(&frame))).clone()
    }
}

fn read_on(feed: &FeedKey, user: &UserId, up_to: Number) -> TopicFrame {
    TopicFrame::MessagesRead(MessagesRead {
        topic_id: feed.owner.to_string(),
        user_id: user.to_string(),
        read_up_to: FeedNumber(up_to),
    })
}

impl Hub {
    /// Lets a connection follow a topic from behind a number, and says whether it may: nothing is sent before
    /// [`Connection::on_joined`].
    pub(super) fn join(
        &self,
        connection: &Arc<Connection>,
        topic: &TopicId,
        after: Number,
    ) -> bool {
        let feed = Arc::new(FeedKey::topic(&connection.feed.tenant, topic));
        let feed = self.rooms.add(&feed, connection);
        let mut state = connection.lock();
        let topics = state.topics.get_or_insert_default();
        let is_open = topics.len() < JOINED_MAX || topics.contains_key(topic);
        if is_open && state.ending == Ending::Open {
            let following = Following::begin(after);
            let confirmed = Number::ZERO;
            let joined = Joined { feed, following, is_wanted: false, confirmed };
            state.topics.get_or_insert_default().insert(topic.clone(), joined);
            return true;
        }
        drop(state);
        self.rooms.remove(&feed, connection.id);
        false
    }

    /// Lets a connection follow a topic no more; says whether it did.
    pub(super) fn leave(&self, connection: &Connection, topic: &TopicId) -> bool {
        let mut state = connection.lock();
        let left = state.topics.as_mut().and_then(|topics| topics.remove(topic));
        if state.topics.as_ref().is_some_and(|topics| topics.is_empty()) {
            state.topics = None;
        }
        drop(state);
        left.inspect(|joined| {
            self.rooms.remove(&joined.feed, connection.id);
            if let Some(up_to) = joined.unconfirmed() {
                connection.ask_of_left(topic, up_to);
            }
        })
        .is_some()
    }

    /// Lets a connection that ends follow nothing.
    pub(super) fn leave_all(&self, connection: &Connection) {
        let topics = connection.lock().topics.take();
        for (_, joined) in topics.into_iter().flat_map(|topics| *topics) {
            self.rooms.remove(&joined.feed, connection.id);
        }
    }

    /// Takes a connection out of a topic's room whose user may not read it any more, and tells it so.
    pub(super) fn evict(&self, connection: &Connection, topic: &TopicId) {
        if self.leave(connection, topic) {
            let left = TopicFrame::left(topic, NOT_A_MEMBER);
            connection.send_bytes(connection.codec.news(&left));
        }
    }

    /// Passes news of a topic to those who follow it, and of what somebody read to their own devices.
    pub(super) fn pass_topic(
        &self,
        feed: &FeedKey,
        change: &FeedChange,
        dirty: &mut Vec<Arc<Connection>>,
    ) {
        let Ok(topic) = TopicId::parse(&feed.owner) else { return };
        let told_max = match change {
            FeedChange::MessagesRead { .. } => READS_TOLD_MAX,
            _ => usize::MAX,
        };
        let mut followers = self.rooms.followers(feed, told_max);
        match change {
            FeedChange::Topic { change: TopicChange::Left(user), .. } => {
                followers.retain(|connection| {
                    let is_gone = connection.user == *user;
                    if is_gone {
                        self.evict(connection, &topic);
                    }
                    !is_gone
                });
            }
            FeedChange::Topic { change: TopicChange::Deleted, .. } => {
                return followers.iter().for_each(|connection| self.evict(connection, &topic));
            }
            FeedChange::MessagesRead { user, .. } => {
                followers.retain(|connection| connection.user != *user);
                followers.extend(self.followers(&FeedKey::inbox(&feed.tenant, user)));
            }
            _ => {}
        }
        let news = News::of(feed, change);
        self.counters.frames_sent.fetch_add(followers.len() as u64, Ordering::Relaxed);
        for connection in followers {
            let mut state = connection.lock();
            if connection.on_news(&mut state, &topic, &news) {
                self.read_marks.note(&connection, &mut state);
            }
            let is_new = !std::mem::replace(&mut state.is_dirty, true);
            drop(state);
            if is_new {
                dirty.push(connection);
            }
        }
    }
}

impl Connection {
    /// Queues news of a topic, where it is next; says whether its client has come further by that. The caller
    /// flushes afterwards.
    fn on_news(&self, state: &mut State, topic: &TopicId, news: &News<'_>) -> bool {
        if state.ending != Ending::Open || !self.codec.hears() {
            return false;
        }
        let step = match news.number {
            None => Step::Send,
            Some(number) => self.step(state, topic, |following| following.on_change(number)),
        };
        if step == Step::Send
            && let Some(bytes) = news.bytes(self)
        {
            self.push_live(state, bytes);
        }
        step == Step::Send && news.number.is_some()
    }

    /// Moves on where it stands in a topic; sees to it that what is to be read is.
    fn step(
        &self,
        state: &mut State,
        topic: &TopicId,
        moves: impl FnOnce(&mut Following) -> Step,
    ) -> Step {
        let joined = state.topics.as_mut().and_then(|topics| topics.get_mut(topic));
        let Some(joined) = joined else { return Step::Nothing };
        let step = moves(&mut joined.following);
        if step == Step::Read {
            joined.is_wanted = true;
            self.wake.notify_one();
        }
        step
    }

    /// Answers that a topic was joined, and begins where the client said, or at the head.
    pub(super) fn on_joined(
        &self,
        (topic, mark): (&TopicId, &Mark),
        after: Option<Number>,
        (head, unread): (Number, Unread),
    ) {
        let joined = TopicFrame::TopicJoined(TopicJoined::new(topic, head, unread));
        let mut state = self.lock();
        if state.ending != Ending::Open {
            return;
        }
        if let Some(room) = state.topics.as_mut().and_then(|topics| topics.get_mut(topic)) {
            room.confirm(unread.read_up_to);
        }
        if let Some(answer) = self.codec.answer(&joined, mark) {
            self.push_live(&mut state, answer);
        }
        match after {
            Some(after) if after < head => {
                // What is between is read before anything that comes now.
                self.step(&mut state, topic, |_| Step::Read);
            }
            Some(after) if after > head => {
                self.push_live(&mut state, self.codec.news(&gap(topic, after, head)));
                self.step(&mut state, topic, |following| following.start_over(head));
            }
            _ => {
                self.step(&mut state, topic, |following| following.on_read(head));
            }
        }
        self.flush(&mut state);
    }

    /// Takes a topic that is to be read, with the number up to which the client has it.
    pub(super) fn take_wanted_topic(&self) -> Option<(TopicId, Number)> {
        let mut state = self.lock();
        let wanted = state.topics.as_mut()?.iter_mut().find(|(_, joined)| joined.is_wanted);
        let (topic, joined) = wanted?;
        joined.is_wanted = false;
        Some((topic.clone(), joined.following.position()))
    }

    /// Sends what was missed of a topic behind a number.
    pub(super) fn on_missed(&self, topic: &TopicId, had: Number, missed: &Missed) {
        let mut state = self.lock();
        if state.ending != Ending::Open {
            return;
        }
        if missed.is_cut {
            state.queue.push(self.codec.news(&gap(topic, had, missed.up_to)));
        }
        for message in &missed.messages {
            if let Some(bytes) = self.told(message, told(message, had)) {
                state.queue.push(bytes);
            }
        }
        self.step(&mut state, topic, |following| following.on_read(missed.up_to));
        self.flush(&mut state);
    }

    fn told(&self, message: &Message, told: Told) -> Option<Bytes> {
        TopicFrame::of_message(message, told).map(|frame| self.codec.news(&frame))
    }

    /// Hears that a topic could not be read.
    pub(super) fn on_topic_unread(&self, topic: &TopicId) {
        let mut state = self.lock();
        let joined = state.topics.as_mut().and_then(|topics| topics.get_mut(topic));
        if let Some(joined) = joined {
            joined.following.on_read_failed();
        }
    }

    /// Says whether it has joined a topic's room.
    pub(super) fn has_joined(&self, topic: &TopicId) -> bool {
        self.lock().topics.as_ref().is_some_and(|topics| topics.contains_key(topic))
    }

    /// Names the topics that it follows.
    pub(super) fn topics(&self) -> Vec<(TopicId, Arc<FeedKey>)> {
        let state = self.lock();
        let topics = state.topics.iter().flat_map(|topics| topics.iter());
        topics.map(|(topic, joined)| (topic.clone(), Arc::clone(&joined.feed))).collect()
    }

    /// Hears where a topic's feed stands.
    pub(super) fn on_topic_head(&self, topic: &TopicId, newest: Number) {
        self.step(&mut self.lock(), topic, |following| following.on_head(newest));
    }

    /// Looks anew at every topic that it follows.
    pub(super) fn resync_topics(&self, state: &mut State) {
        let topics: Vec<TopicId> =
            state.topics.iter().flat_map(|topics| topics.keys().cloned()).collect();
        for topic in topics {
            self.step(state, &topic, Following::resync);
        }
    }
}

fn gap(topic: &TopicId, from: Number, to: Number) -> TopicFrame {
    let (from, to) = (FeedNumber(from), FeedNumber(to));
    TopicFrame::TopicGap(TopicGap { topic_id: topic.to_string(), from, to })
}
