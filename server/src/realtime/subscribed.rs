//! What sockets are told of entities: to whom, and what becomes of it where a socket is slow.
//!
//! None of it is state: who hears of a change pulls. So a socket that does not keep up is told once
//! that something changed; it must never be closed for this, nor delay anybody.

use std::cell::OnceCell;
use std::sync::Arc;

use bytes::Bytes;
use landfall_core::change::{ConflictBegan, EntityChange, Origin};
use landfall_core::feed::{FeedKey, FeedKind, Number};
use landfall_core::sync::Subscription;
use landfall_protocol::frame::{ControlFrame, EntityTypes};

use super::connection::{Connection, Ending, State};
use super::hub::Hub;

/// More frames than these before it, and a notice becomes word that something changed.
const WAITING_MAX: usize = 128;

/// What a subscription came to: what to answer, or why it is refused.
pub(super) type Changed = Result<ControlFrame, String>;

/// News of an entity on its way to many: its bytes are made at the first who needs them.
pub(super) struct Notice<'a> {
    /// The type of the entity.
    kind: &'a str,
    /// Who did it, and so is not told.
    by: Option<&'a Origin>,
    /// The number that it took, where it is on the `data` feed of those who are told.
    number: Option<Number>,
    make: Box<dyn Fn() -> ControlFrame + 'a>,
    bytes: OnceCell<Bytes>,
}

impl<'a> Notice<'a> {
    /// Tells of an entity's change; `number` where the feed is the listeners' own.
    pub(super) fn of_change(
        feed: &'a FeedKey,
        number: Option<Number>,
        change: &'a EntityChange,
    ) -> Self {
        Self {
            kind: &change.name.kind,
            by: change.by.as_ref(),
            number,
            make: Box::new(|| ControlFrame::changed(feed, change)),
            bytes: OnceCell::new(),
        }
    }

    /// Tells of a conflict.
    pub(super) fn of_conflict(conflict: &'a ConflictBegan) -> Self {
        Self {
            kind: &conflict.name.kind,
            by: Some(&conflict.by),
            number: None,
            make: Box::new(|| ControlFrame::conflict_began(conflict)),
            bytes: OnceCell::new(),
        }
    }
}

impl Connection {
    /// Changes what it hears of; gives what came of that, and all that it hears of now.
    fn change<T>(&self, change: impl FnOnce(&mut Subscription) -> T) -> (T, EntityTypes) {
        let mut state = self.lock();
        let subscription = state.subscription.get_or_insert_default();
        let changed = change(subscription);
        let entity_types: Vec<String> = subscription.types().map(str::to_owned).collect();
        if entity_types.is_empty() {
            state.subscription = None;
        }
        (changed, EntityTypes { entity_types })
    }

    /// Says whether it hears of any entity.
    pub(super) fn is_subscribed(&self) -> bool {
        self.lock().subscription.is_some()
    }

    /// Queues news of an entity, where it is wanted; says whether there is something to write. The
    /// caller flushes afterwards.
    pub(super) fn on_notice(&self, state: &mut State, notice: &Notice<'_>) -> bool {
        let Some(subscription) = &mut state.subscription else { return false };
        if state.ending != Ending::Open {
            return false;
        }
        if let Some(number) = notice.number {
            subscription.on_number(number);
        }
        let is_own = |by: &Origin| by.is(&self.user, self.device());
        if !subscription.wants(notice.kind) || notice.by.is_some_and(is_own) {
            return subscription.is_owed();
        }
        if state.queue.len() >= WAITING_MAX {
            subscription.owe();
            return true;
        }
        let bytes = notice.bytes.get_or_init(|| self.codec.control(&(notice.make)()));
        state.queue.push(bytes.clone());
        true
    }

    /// Queues word that something changed, where it is owed; says whether it did.
    pub(super) fn push_owed(&self, state: &mut State) -> bool {
        let is_owed =
            state.subscription.as_mut().is_some_and(|subscription| subscription.take_owed());
        if is_owed {
            state.queue.push(self.codec.control(&ControlFrame::something_changed()));
        }
        is_owed
    }

    /// Hears where its user's `data` feed stands.
    pub(super) fn on_data_head(&self, newest: Number) {
        let mut state = self.lock();
        if let Some(subscription) = &mut state.subscription {
            subscription.on_head(newest);
            self.flush(&mut state);
        }
    }
}

impl Hub {
    /// Lets a connection hear of more types.
    pub(super) fn subscribe(&self, connection: &Connection, types: &EntityTypes) -> Changed {
        let names = types.entity_types.iter().map(String::as_str);
        let (added, payload) = connection.change(|subscription| subscription.add(names));
        self.note_listener(connection, &payload);
        added.map_err(|why| format!("/payload/entityTypes {why}"))?;
        Ok(ControlFrame::Subscribed { payload })
    }

    /// Lets a connection hear of fewer types.
    pub(super) fn unsubscribe(&self, connection: &Connection, types: &EntityTypes) -> ControlFrame {
        let names = types.entity_types.iter().map(String::as_str);
        let ((), payload) = connection.change(|subscription| subscription.remove(names));
        self.note_listener(connection, &payload);
        ControlFrame::Unsubscribed { payload }
    }

    fn note_listener(&self, connection: &Connection, types: &EntityTypes) {
        let (tenant, id) = (&connection.feed.tenant, connection.id);
        if types.entity_types.is_empty() {
            self.topic_news.leave(tenant, id);
        } else {
            self.topic_news.listen(tenant, id);
        }
    }

    /// Passes news of a user's own to their connections; gives those that there is something to
    /// write to.
    pub(super) fn notify_own(&self, feed: &FeedKey, notice: &Notice<'_>) -> Vec<Arc<Connection>> {
        let inbox = FeedKey { kind: FeedKind::Inbox, ..feed.clone() };
        let mut told = self.followers(&inbox);
        told.retain(|connection| connection.on_notice(&mut connection.lock(), notice));
        told
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::realtime::fixture;
    use crate::service::Connections as _;
    use landfall_core::sync::{EntityName, Verb};

    const ANYTHING: &str = r#"{"type":"change_notification","payload":{"entityType":"*","entityId":"*","operation":"UPDATE","version":0}}"#;

    fn types(names: &[&str]) -> EntityTypes {
        EntityTypes { entity_types: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// Passes a change of a user's own with this number to their connections.
    fn pass(hub: &Hub, connection: &Connection, number: u64) {
        let feed = FeedKey { kind: FeedKind::Data, ..(*connection.feed).clone() };
        let change = EntityChange {
            name: EntityName { kind: "notes".into(), id: number.to_string().into() },
            verb: Verb::Update,
            version: 2,
            by: None,
        };
        let notice = Notice::of_change(&feed, Some(Number(number)), &change);
        for connection in hub.notify_own(&feed, &notice) {
            connection.flush(&mut connection.lock());
        }
    }

    #[tokio::test]
    async fn what_was_lost_is_told_as_a_whole() {
        let hub = fixture::hub();
        let (connection, mut client) = fixture::live(&hub);
        hub.resync();
        hub.subscribe(&connection, &types(&["settings"])).unwrap();
        pass(&hub, &connection, 4);
        hub.resync();
        assert_eq!(fixture::text(&mut client).await, ANYTHING);
        // Of another type, but a number before it was never heard of.
        for number in [7, 8, 10] {
            pass(&hub, &connection, number);
        }
        assert_eq!(fixture::text(&mut client).await, ANYTHING);
        hub.subscribe(&connection, &types(&["notes"])).unwrap();
        pass(&hub, &connection, 11);
        assert!(fixture::text(&mut client).await.contains(r#""entityId":"11""#));
    }

    #[tokio::test]
    async fn what_comes_at_once_is_told_as_a_whole_from_some_number_on() {
        let hub = fixture::hub();
        let (connection, mut client) = fixture::live(&hub);
        hub.subscribe(&connection, &types(&["*"])).unwrap();
        let feed = FeedKey { kind: FeedKind::Data, ..(*connection.feed).clone() };
        for number in 1..=500 {
            let change = EntityChange {
                name: EntityName { kind: "notes".into(), id: "n".into() },
                verb: Verb::Update,
                version: number,
                by: None,
            };
            let notice = Notice::of_change(&feed, Some(Number(number)), &change);
            assert_eq!(hub.notify_own(&feed, &notice).len(), 1);
        }
        connection.flush(&mut connection.lock());
        for version in 1..=WAITING_MAX {
            let text = fixture::text(&mut client).await;
            assert!(text.contains(&format!(r#""version":{version}}}"#)), "{text}");
            connection.flush(&mut connection.lock());
        }
        assert_eq!(fixture::text(&mut client).await, ANYTHING);
        assert_eq!(connection.ending(), Ending::Open);
    }
}
