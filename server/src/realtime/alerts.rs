//! Alerts of messages in rooms that one has not joined: to the topic's other connected members, and of a public
//! topic to everybody of the tenant who listens (S3, contract 4).
//!
//! Who is a member, and whether the topic is public, is asked after the message was committed, so that a private
//! topic's words reach nobody who is in it no more. What waits is bounded; of what is too much, the newest are told.
//! Must never hold up the hub's thread.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::feed::FeedKey;
use landfall_core::id::UserId;
use landfall_core::message::Message;
use landfall_core::topic::{Member, Topic, Visibility};
use landfall_protocol::frame::TopicFrame;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Ending};
use super::hub::Hub;
use super::spelled::Spelled;
use crate::service::{ServiceError, Services};

/// Topics whose messages may wait.
const TOPICS_MAX: usize = 4_096;
/// Messages of one topic that may wait: of more the newest are told.
const MESSAGES_MAX: usize = 8;
/// What follows a message so closely is told with it, so that a busy topic's members are asked for less often.
const TOGETHER: Duration = Duration::from_millis(250);
/// Listeners that are told before others get a turn.
const TOLD_AT_ONCE: usize = 256;

/// Messages that wait to be told, by the feeds of their topics.
#[derive(Default)]
pub(super) struct Alerts {
    waiting: Mutex<HashMap<Arc<FeedKey>, VecDeque<Arc<Message>>>>,
    wake: Notify,
}

impl Alerts {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<FeedKey>, VecDeque<Arc<Message>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a new message in.
    pub(super) fn add(&self, feed: &Arc<FeedKey>, message: &Arc<Message>) {
        let mut waiting = self.lock();
        if waiting.len() >= TOPICS_MAX && !waiting.contains_key(feed) {
            return;
        }
        let messages = waiting.entry(Arc::clone(feed)).or_default();
        if messages.len() >= MESSAGES_MAX {
            messages.pop_front();
        }
        messages.push_back(Arc::clone(message));
        drop(waiting);
        self.wake.notify_one();
    }
}

/// Tells of messages until it is cancelled.
pub(super) async fn tell(hub: Arc<Hub>, services: Arc<Services>, cancel: CancellationToken) {
    let work = async {
        loop {
            hub.alerts.wake.notified().await;
            let waiting = std::mem::take(&mut *hub.alerts.lock());
            for (feed, messages) in waiting {
                if let Err(error) = tell_of(&hub, &services, &feed, &messages).await {
                    // They have unread counts, and are told of it when they are not there.
                    tracing::warn!(%error, "members could not be asked for; they are not alerted");
                }
            }
            tokio::time::sleep(TOGETHER).await;
        }
    };
    tokio::select! { () = cancel.cancelled() => {}, () = work => {} }
}

async fn tell_of(
    hub: &Hub,
    services: &Services,
    feed: &Arc<FeedKey>,
    messages: &VecDeque<Arc<Message>>,
) -> Result<(), ServiceError> {
    let Some(newest) = messages.back() else { return Ok(()) };
    let mut listeners = hub.audience.of(&feed.tenant);
    listeners.retain(|connection| connection.listens.to_alerts);
    if listeners.is_empty() {
        return Ok(());
    }
    let view = services.store.topic(&feed.tenant, &newest.topic, &newest.sender).await?;
    let Some(topic) = view.map(|view| view.topic) else { return Ok(()) };
    if topic.visibility == Visibility::Private {
        let mut members = HashSet::new();
        let note = |member: Member| {
            members.insert(member.user);
        };
        services.walk_members(&feed.tenant, &topic.id, note).await?;
        listeners.retain(|connection| members.contains(&connection.user));
    }
    let alerts: Vec<(UserId, Spelled)> =
        messages.iter().map(|message| alert(&topic, message)).collect();
    for (index, connection) in listeners.iter().enumerate() {
        connection.alert(&topic, &alerts);
        if index % TOLD_AT_ONCE == TOLD_AT_ONCE - 1 {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

fn alert(topic: &Topic, message: &Message) -> (UserId, Spelled) {
    (message.sender.clone(), Spelled::new(&TopicFrame::alert(topic, message)))
}

impl Connection {
    /// Tells of messages of a topic, where it has not joined the room and did not write them.
    fn alert(&self, topic: &Topic, alerts: &[(UserId, Spelled)]) {
        let mut state = self.lock();
        let is_in_room = state.topics.as_ref().is_some_and(|topics| topics.contains_key(&topic.id));
        if state.ending != Ending::Open || is_in_room {
            return;
        }
        for (_, alert) in alerts.iter().filter(|(sender, _)| *sender != self.user) {
            self.push_live(&mut state, alert.of(self.codec));
        }
        self.flush(&mut state);
    }
}
