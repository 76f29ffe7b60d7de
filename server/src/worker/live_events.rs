//! Storing what happened on live connections, many at a time: confirmations, losses, arrivals.
//!
//! A socket never waits for a commit. What is lost here by a crash was not called delivered, and
//! is sent again to the next device.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{Tenant, TopicId, UserId};
use tokio_util::sync::CancellationToken;

use super::periodic::Backoff;
use crate::service::Services;
use crate::service::inbox::{Confirmed, Connected, LiveEvent};
use crate::service::live_queue::LiveEvents;
use crate::service::reading::ReadOn;

/// Events of one commit.
const BATCH_MAX: usize = 512;

/// Stores what happens until every connection is gone.
pub(super) async fn store(services: Arc<Services>, mut events: LiveEvents) {
    let mut backoff = Backoff::new("live-events");
    let mut batch = Vec::new();
    while events.next(&mut batch, BATCH_MAX).await > 0 {
        let Sorted { confirmed, lost, connected, read } = sort(batch.drain(..));
        if let Err(error) = services.record_connected(&connected).await {
            tracing::warn!(%error, "connections could not be recorded in the audit trail");
        }
        loop {
            let stored = async {
                services.confirm(&confirmed).await?;
                services.unconfirmed(&lost).await?;
                services.record_read(read.clone()).await
            };
            match stored.await {
                Ok(_) => break backoff.succeeded(),
                // All can be repeated: what is delivered, or read, is not so again.
                Err(error) => backoff.failed(&error, &CancellationToken::new()).await,
            }
        }
    }
}

/// A batch by kind.
#[derive(Default)]
struct Sorted {
    confirmed: Vec<Confirmed>,
    lost: Vec<Confirmed>,
    connected: Vec<Connected>,
    read: Vec<ReadOn>,
}

/// Tells kinds apart, drops what several devices of a user confirmed, and keeps of each mark where it ends up.
fn sort(batch: impl Iterator<Item = LiveEvent>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut seen: HashSet<(Arc<FeedKey>, Number)> = HashSet::new();
    let mut marks: HashMap<(Tenant, TopicId, UserId), Number> = HashMap::new();
    for event in batch {
        match event {
            LiveEvent::Confirmed(mut one) => {
                one.numbers.retain(|number| seen.insert((Arc::clone(&one.feed), *number)));
                sorted.confirmed.push(one);
            }
            LiveEvent::Lost(one) => sorted.lost.push(one),
            LiveEvent::Connected(one) => sorted.connected.push(one),
            LiveEvent::Read(ReadOn { tenant, topic, user, up_to }) => {
                let mark = marks.entry((tenant, topic, user)).or_insert(up_to);
                *mark = up_to.max(*mark);
            }
        }
    }
    let read = |((tenant, topic, user), up_to)| ReadOn { tenant, topic, user, up_to };
    sorted.read = marks.into_iter().map(read).collect();
    sorted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_two_devices_confirm_is_stored_once() {
        let (tenant, user) = (Tenant::parse("t").unwrap(), UserId::parse("u").unwrap());
        let feed = Arc::new(FeedKey::inbox(&tenant, &user));
        let one = |numbers: &[u64]| {
            let numbers = numbers.iter().map(|number| Number(*number)).collect();
            LiveEvent::Confirmed(Confirmed { feed: Arc::clone(&feed), numbers, device: None })
        };
        let Sorted { confirmed, lost, .. } = sort([one(&[1, 2]), one(&[2, 3])].into_iter());
        let numbers: Vec<Vec<Number>> = confirmed.into_iter().map(|c| c.numbers).collect();
        assert_eq!(numbers, [vec![Number(1), Number(2)], vec![Number(3)]]);
        assert!(lost.is_empty());
    }

    #[test]
    fn a_mark_is_moved_once_to_where_it_ends_up() {
        let one = |topic: &str, user: &str, up_to: u64| {
            LiveEvent::Read(ReadOn {
                tenant: Tenant::parse("t").unwrap(),
                topic: TopicId::parse(topic).unwrap(),
                user: UserId::parse(user).unwrap(),
                up_to: Number(up_to),
            })
        };
        let batch = [one("a", "u", 5), one("b", "u", 2), one("a", "u", 9), one("a", "u", 7)];
        let read = sort(batch.into_iter().chain([one("a", "v", 3)])).read;
        let mut marks: Vec<_> =
            read.iter().map(|r| (r.topic.as_str(), r.user.as_str(), r.up_to.0)).collect();
        marks.sort_unstable();
        assert_eq!(marks, [("a", "u", 9), ("a", "v", 3), ("b", "u", 2)]);
    }
}
