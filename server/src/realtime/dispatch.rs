//! The hub's thread: carries changes from the bus to sessions, and lives on whatever happens.
//!
//! What has queued up is passed to all sessions first and each socket is written once, so that a
//! busy server writes less often, not more. Must never wait for a client.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use landfall_bus::{Listener, Nudge};
use landfall_core::change::FeedChange;
use landfall_core::feed::{FeedKey, FeedKind};

use super::codec::Shared;
use super::connection::Connection;
use super::hub::Hub;
use super::subscribed::Notice;

/// Nudges passed on before the sockets are written.
const BATCH_MAX: usize = 1_024;

impl Hub {
    /// Carries nudges to sessions until the bus is closed; runs on a thread of its own.
    pub fn dispatch(&self, mut bus: Listener) {
        let mut nudges = Vec::new();
        let mut dirty = Vec::new();
        while bus.wait(&mut nudges, BATCH_MAX) {
            self.batch(&mut dirty, |dirty| {
                for nudge in nudges.drain(..) {
                    self.pass_on(&nudge, dirty);
                }
            });
            nudges.clear();
            if bus.take_lost() {
                self.counters.nudges_lost.fetch_add(1, Ordering::Relaxed);
                self.survive(|| self.resync_all());
            }
        }
    }

    /// Passes a batch on and writes to the sockets that it made dirty. If that panics, what it was
    /// to carry counts as lost, and every session looks for itself.
    fn batch(
        &self,
        dirty: &mut Vec<Arc<Connection>>,
        passes_on: impl FnOnce(&mut Vec<Arc<Connection>>),
    ) {
        let is_passed_on = self.survive(|| {
            passes_on(dirty);
            for connection in dirty.drain(..) {
                connection.flush(&mut connection.lock());
            }
        });
        if !is_passed_on {
            dirty.clear();
            self.counters.nudges_lost.fetch_add(1, Ordering::Relaxed);
            self.survive(|| {
                self.flush_all();
                self.resync_all();
            });
        }
    }

    /// Says whether it went well. Without this thread nothing would be live any more, and nobody
    /// would notice.
    fn survive(&self, does: impl FnOnce()) -> bool {
        // Whatever the panic left half done lies behind locks that are taken all the same, and is
        // put right by reading the store.
        let ended = catch_unwind(AssertUnwindSafe(does));
        if ended.is_err() {
            tracing::error!("the hub panicked while it carried changes; sessions compare anew");
        }
        ended.is_ok()
    }

    fn pass_on(&self, nudge: &Nudge, dirty: &mut Vec<Arc<Connection>>) {
        let Nudge { feed, change } = nudge;
        let notice = match change {
            FeedChange::Inbox { number, change } => {
                return self.pass_inbox(feed, &Shared::new(*number, change), dirty);
            }
            FeedChange::Entity { change: entity, .. } if feed.kind == FeedKind::Topic => {
                self.topic_news.add(feed, entity);
                return self.pass_topic(feed, change, dirty);
            }
            FeedChange::Entity { number, change } => Notice::of_change(feed, Some(*number), change),
            FeedChange::Message { number, message } => {
                let is_new = *number == message.number && !message.is_deleted;
                if is_new && self.audience.is_heard(&feed.tenant) {
                    self.alerts.add(feed, message);
                }
                return self.pass_topic(feed, change, dirty);
            }
            FeedChange::MessagesRead { .. } | FeedChange::Topic { .. } => {
                return self.pass_topic(feed, change, dirty);
            }
            FeedChange::Conflict(conflict) => Notice::of_conflict(conflict),
        };
        for connection in self.notify_own(feed, &notice) {
            let is_new = !std::mem::replace(&mut connection.lock().is_dirty, true);
            if is_new {
                dirty.push(connection);
            }
        }
    }

    fn pass_inbox(&self, feed: &FeedKey, shared: &Shared<'_>, dirty: &mut Vec<Arc<Connection>>) {
        let followers = self.followers(feed);
        self.counters.frames_sent.fetch_add(followers.len() as u64, Ordering::Relaxed);
        for connection in followers {
            let mut state = connection.lock();
            connection.on_change(&mut state, shared);
            let is_new = !std::mem::replace(&mut state.is_dirty, true);
            drop(state);
            if is_new {
                dirty.push(connection);
            }
        }
    }

    /// Makes every session compare itself with the store: nudges were lost, or its life changed.
    pub(super) fn resync_all(&self) {
        for connection in self.connections(None) {
            let mut state = connection.lock();
            let read = state.session.resync();
            connection.want(&mut state, read);
            connection.resync_topics(&mut state);
            if let Some(subscription) = &mut state.subscription {
                subscription.resync();
                connection.flush(&mut state);
            }
        }
    }

    /// Writes what a batch that broke off has left; from here on nothing is dirty.
    fn flush_all(&self) {
        for connection in self.connections(None) {
            connection.flush(&mut connection.lock());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::realtime::fixture;
    use crate::service::Connections as _;
    use landfall_core::feed::Number;
    use landfall_core::id::NotificationId;
    use landfall_core::notification::{Content, InboxChange, JsonText, NewNotification, Priority};

    fn deleted(connection: &Connection, number: u64) -> Nudge {
        let id = NotificationId::parse("0192f0c1-7a3e-7cc2-98c1-000000000001").unwrap();
        let feed = Arc::clone(&connection.feed);
        Nudge {
            feed,
            change: FeedChange::Inbox {
                number: Number(number),
                change: InboxChange::Deleted { id },
            },
        }
    }

    fn published(connection: &Connection, number: u64) -> Nudge {
        let new = NewNotification {
            id: NotificationId::parse("0192f0c1-7a3e-7cc2-98c1-000000000001").unwrap(),
            user: connection.user.clone(),
            content: Arc::new(Content {
                notification_type: "news".to_owned(),
                template_id: None,
                title: "title".to_owned(),
                message: "message".to_owned(),
                data: JsonText::trusted("{}"),
                priority: Priority::Normal,
                locale: None,
                sender_id: None,
                sender_name: None,
                image: None,
                actions: None,
                link: None,
            }),
            created_at: fixture::NOW,
            expires_at: None,
            channels: Vec::new(),
            send: None,
        };
        let change = InboxChange::Published(Arc::new(new.numbered(Number(number))));
        let change = FeedChange::Inbox { number: Number(number), change };
        Nudge { feed: Arc::clone(&connection.feed), change }
    }

    #[tokio::test]
    async fn a_panic_costs_a_read_and_nothing_else() {
        let hub = fixture::hub();
        let (connection, mut client) = fixture::live(&hub);
        let mut dirty = Vec::new();
        hub.batch(&mut dirty, |dirty| {
            hub.pass_on(&deleted(&connection, 1), dirty);
            panic!("a fault of the server");
        });
        // What was passed on before is written, and the session looks for what was lost.
        assert!(fixture::text(&mut client).await.contains(r#""replay_id":"1""#));
        assert!(connection.take_wanted().is_some());
        assert!(dirty.is_empty() && !connection.lock().is_dirty);
        connection.on_page(fixture::page(1), fixture::NOW);

        hub.batch(&mut dirty, |dirty| hub.pass_on(&deleted(&connection, 2), dirty));
        assert!(fixture::text(&mut client).await.contains(r#""replay_id":"2""#));
        assert_eq!(hub.counters.nudges_lost.load(Ordering::Relaxed), 1);
    }
    #[tokio::test]
    async fn what_was_confirmed_elsewhere_is_owed_by_no_connection() {
        let hub = fixture::hub();
        let (connection, _client) = fixture::live(&hub);
        let mut dirty = Vec::new();
        hub.batch(&mut dirty, |dirty| {
            (1..=3).for_each(|number| hub.pass_on(&published(&connection, number), dirty));
        });
        let owed = || connection.lock().session.unconfirmed();
        assert_eq!(owed(), [Number(1), Number(2), Number(3)]);
        hub.confirmed(&connection.feed, Number(2));
        assert_eq!(owed(), [Number(3)]);
    }
}
