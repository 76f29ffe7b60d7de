//! The bus: carries nudges from commits to sessions.
//!
//! A nudge says that a feed grew, or that somebody has to say; the store is the truth. So the bus may lose one, and says so:
//! whoever listens then compares heads instead. It must never be the only place where anything is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use landfall_core::attachment::Attachment;
use landfall_core::change::{ConflictBegan, EntityChange, FeedChange, Origin, TopicChange};
use landfall_core::feed::FeedKey;
use landfall_core::id::UserId;
use landfall_core::message::{Message, MessageBody};
use landfall_core::notification::{Content, InboxChange, JsonText};
use landfall_core::sync::EntityName;
use tokio::sync::mpsc;

/// A feed grew by one change, or a conflict began.
#[derive(Debug, Clone)]
pub struct Nudge {
    /// Which feed; for a conflict, the `data` feed of the user who has to say.
    pub feed: Arc<FeedKey>,
    /// What changed, and with which number.
    pub change: FeedChange,
}

impl Nudge {
    /// Reckons the memory that it keeps from being freed, in bytes; texts that several share count
    /// for each.
    fn weight(&self) -> usize {
        let held = match &self.change {
            FeedChange::Inbox { change, .. } => weight_of_inbox(change),
            FeedChange::Entity { change: EntityChange { name, by, .. }, .. } => {
                weight_of_name(name) + by.as_ref().map_or(0, weight_of_origin)
            }
            FeedChange::Message { message, .. } => weight_of_message(message),
            FeedChange::MessagesRead { user, .. }
            | FeedChange::Topic { change: TopicChange::Left(user), .. } => user.as_str().len(),
            FeedChange::Topic { .. } => 0,
            FeedChange::Conflict(ConflictBegan { name, suggested, by, .. }) => {
                weight_of_name(name) + suggested.len() + weight_of_origin(by)
            }
        };
        size_of::<Self>() + held
    }
}

fn weight_of_inbox(change: &InboxChange) -> usize {
    match change {
        InboxChange::Published(notification) => {
            let Content { title, message, data, actions, .. } = &*notification.content;
            let actions = actions.as_ref().map_or(0, |actions| JsonText::as_str(actions).len());
            title.len() + message.len() + data.as_str().len() + actions + NOTIFICATION_BYTES
        }
        InboxChange::Read { .. } | InboxChange::Deleted { .. } | InboxChange::AllRead { .. } => 0,
    }
}

fn weight_of_message(message: &Message) -> usize {
    let MessageBody { text, mentions, room_id, reply_to: _, attachments } = &message.body;
    let mentions: usize =
        mentions.iter().map(|user| size_of::<UserId>() + user.as_str().len()).sum();
    let names = [&message.sender_name, &message.client_id, room_id];
    let names: usize = names.into_iter().flatten().map(String::len).sum();
    let file = |one: &Attachment| size_of::<Attachment>() + one.name.len() + one.media_type.len();
    let files: usize = attachments.iter().map(file).sum();
    let ids = message.sender.as_str().len() + message.topic.as_str().len();
    size_of::<Message>() + text.len() + mentions + names + files + ids
}

fn weight_of_name(name: &EntityName) -> usize {
    name.kind.len() + name.id.len()
}

fn weight_of_origin(by: &Origin) -> usize {
    by.user.as_str().len() + by.device.len()
}

/// What a notification takes beside its long texts.
const NOTIFICATION_BYTES: usize = 512;

/// How much a bus holds.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Nudges.
    pub nudges: usize,
    /// Bytes of what they carry.
    pub bytes: usize,
}

/// What both sides know.
#[derive(Debug, Default)]
struct Shared {
    has_lost: AtomicBool,
    /// Bytes of the nudges that are under way.
    bytes: AtomicUsize,
}

/// The sending side of the in-memory bus; cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    nudges: mpsc::Sender<Nudge>,
    bytes_max: usize,
    shared: Arc<Shared>,
}

/// The listening side of the in-memory bus.
#[derive(Debug)]
pub struct Listener {
    nudges: mpsc::Receiver<Nudge>,
    shared: Arc<Shared>,
}

/// Makes an in-memory bus that holds so much and no more.
pub fn in_memory(capacity: Capacity) -> (Publisher, Listener) {
    let (sender, receiver) = mpsc::channel(capacity.nudges);
    let shared = Arc::new(Shared::default());
    let (bytes_max, theirs) = (capacity.bytes, Arc::clone(&shared));
    (Publisher { nudges: sender, bytes_max, shared: theirs }, Listener { nudges: receiver, shared })
}

impl Publisher {
    /// Publishes a nudge; never blocks. One that finds the bus full is lost, which the listener
    /// hears of.
    pub fn publish(&self, nudge: Nudge) {
        let weight = nudge.weight();
        let held = self.shared.bytes.fetch_add(weight, Ordering::Relaxed);
        if held + weight > self.bytes_max || self.nudges.try_send(nudge).is_err() {
            self.shared.bytes.fetch_sub(weight, Ordering::Relaxed);
            self.shared.has_lost.store(true, Ordering::Release);
        }
    }
}

impl Listener {
    /// Waits on this thread for nudges and moves what is there, at most `max`, into `into`, in
    /// the order of publishing. Gives false once every publisher is gone and nothing is left.
    pub fn wait(&mut self, into: &mut Vec<Nudge>, max: usize) -> bool {
        let from = into.len();
        let count = self.nudges.blocking_recv_many(into, max);
        let weight = into[from..].iter().map(Nudge::weight).sum();
        self.shared.bytes.fetch_sub(weight, Ordering::Relaxed);
        count > 0
    }

    /// Says whether nudges were lost since the last call.
    pub fn take_lost(&self) -> bool {
        self.shared.has_lost.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use landfall_core::feed::Number;
    use landfall_core::id::{NotificationId, Tenant, UserId};
    use landfall_core::sync::Verb;

    fn nudge(number: u64) -> Nudge {
        let (tenant, user) = (Tenant::parse("t").unwrap(), UserId::parse("u").unwrap());
        let id = NotificationId::parse("0192f0c1-7a3e-7cc2-98c1-000000000001").unwrap();
        Nudge {
            feed: Arc::new(FeedKey::inbox(&tenant, &user)),
            change: FeedChange::Inbox {
                number: Number(number),
                change: InboxChange::Deleted { id },
            },
        }
    }

    /// One whose texts weigh as much as they are long.
    fn of_entity(id: &str) -> Nudge {
        let (tenant, user) = (Tenant::parse("t").unwrap(), UserId::parse("u").unwrap());
        let change = EntityChange {
            name: EntityName { kind: "notes".into(), id: id.into() },
            verb: Verb::Update,
            version: 2,
            by: None,
        };
        Nudge {
            feed: Arc::new(FeedKey::data(&tenant, &user)),
            change: FeedChange::Entity { number: Number(1), change },
        }
    }

    #[test]
    fn a_full_bus_loses_the_newest_and_says_so_once() {
        let (publisher, mut listener) = in_memory(Capacity { nudges: 2, bytes: 1_000_000 });
        (1..=3).for_each(|number| publisher.publish(nudge(number)));
        let mut heard = Vec::new();
        assert!(listener.wait(&mut heard, 10));
        let numbers: Vec<u64> =
            heard.iter().map(|nudge| nudge.change.number().unwrap().0).collect();
        assert_eq!(numbers, [1, 2]);
        assert!(listener.take_lost());
        assert!(!listener.take_lost());
        drop(publisher);
        assert!(!listener.wait(&mut heard, 10));
    }

    #[test]
    fn what_is_heavy_is_bounded_by_its_weight() {
        assert_eq!(of_entity("long name").weight(), of_entity("").weight() + 9);
        let room = 3 * nudge(0).weight();
        let (publisher, mut listener) = in_memory(Capacity { nudges: 100, bytes: room });
        let mut heard = Vec::new();
        for _ in 0..2 {
            (1..=4).for_each(|number| publisher.publish(nudge(number)));
            heard.clear();
            assert!(listener.wait(&mut heard, 10));
            assert_eq!(heard.len(), 3, "what was heard makes room again");
            assert!(listener.take_lost());
        }
    }
}
