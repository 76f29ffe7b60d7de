//! What became of one notification: its row, its deliveries, and what the trail says of it.
//!
//! For its owner as long as it is in the inbox, and for admins of its tenant. Shows no address and
//! none of the notification's words.

use std::sync::Arc;

use landfall_core::audit::Action;
use landfall_core::auth::Caller;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::id::NotificationId;
use landfall_core::notification::Notification;
use landfall_core::plan::Step;
use landfall_core::time::Timestamp;
use landfall_store::{AuditRecord, Standing};

use super::trail::Told;
use super::{ServiceError, Services};

/// A notification's story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// The notification; its channels as they stand now.
    pub notification: Notification,
    /// When its sender took it back.
    pub canceled_at: Option<Timestamp>,
    /// What happened, oldest first.
    pub events: Vec<Happened>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What: `accepted`, `planned`, or what the trail calls it.
    pub event: String,
    /// On which channel, how it stood, why, and by whom.
    pub told: Told,
}

/// Entries that are read at once, and in all.
const PAGE: usize = 500;
const ENTRIES_MAX: usize = 5_000;

const READ: &str = Action::NotificationRead.as_str();

impl Services {
    /// Tells what became of a notification.
    ///
    /// # Errors
    /// `NotFound` unless it is the caller's and not deleted, or the caller is an admin.
    pub async fn timeline(
        &self,
        caller: &Caller,
        id: NotificationId,
    ) -> Result<Timeline, ServiceError> {
        let found = self.store.standings(&caller.tenant, vec![id]).await?;
        let Standing { notification, canceled_at, .. } =
            found.into_iter().next().ok_or(ServiceError::NotFound("notification"))?;
        let is_own = notification.user == caller.user && !notification.deleted;
        if !is_own && !caller.is_admin() {
            return Err(ServiceError::NotFound("notification"));
        }
        let entries = self.entries_about(caller, id).await?;
        let events = events(&notification, &entries);
        let mut rows = [Arc::unwrap_or_clone(notification)];
        self.bring_up_to_date(&caller.tenant, &mut rows).await?;
        let [notification] = rows;
        Ok(Timeline { notification, canceled_at, events })
    }

    async fn entries_about(
        &self,
        caller: &Caller,
        id: NotificationId,
    ) -> Result<Vec<AuditRecord>, ServiceError> {
        let mut entries: Vec<AuditRecord> = Vec::new();
        loop {
            let after = entries.last().map_or(0, |entry| entry.number);
            let more = self.store.about(&caller.tenant, id, after, PAGE).await?;
            let is_last = more.len() < PAGE;
            entries.extend(more);
            if is_last || entries.len() >= ENTRIES_MAX {
                return Ok(entries);
            }
        }
    }
}

/// Puts together what the row and the trail say.
fn events(notification: &Notification, entries: &[AuditRecord]) -> Vec<Happened> {
    let mut events = vec![Happened {
        at: notification.created_at,
        event: "accepted".to_owned(),
        told: Told { reason: "stored".to_owned(), ..Told::default() },
    }];
    events.extend(notification.channels.iter().map(|step| planned(notification, *step)));
    events.extend(entries.iter().map(happened));
    if let Some(at) = notification.read_at
        && !entries.iter().any(|entry| entry.action == READ)
    {
        // Marking all as read is one entry about the inbox.
        let told = Told { reason: "read with all others".to_owned(), ..Told::default() };
        let place = events.iter().position(|event| event.at > at).unwrap_or(events.len());
        events.insert(place, Happened { at, event: READ.to_owned(), told });
    }
    events
}

/// Tells how a channel was planned. What it came to since may stand in the row, in the place of
/// why it was chosen; no plan begins so.
fn planned(notification: &Notification, step: Step) -> Happened {
    let Step { channel, state, reason } = step;
    let is_over = matches!(state, DeliveryState::Delivered | DeliveryState::Failed);
    let (state, reason, rule) = match channel {
        _ if !is_over => (state, reason.as_str(), reason.rule()),
        Channel::Websocket => (DeliveryState::Queued, "always tried", Some(2)),
        _ => (DeliveryState::Queued, "in the plan", Some(2)),
    };
    let told = Told {
        channel: Some(channel),
        state: Some(state),
        reason: reason.to_owned(),
        rule,
        ..Told::default()
    };
    Happened { at: notification.created_at, event: "planned".to_owned(), told }
}

fn happened(entry: &AuditRecord) -> Happened {
    let told = Told::read(Action::parse(&entry.action), entry.metadata.as_deref());
    Happened { at: entry.at, event: entry.action.clone(), told }
}
