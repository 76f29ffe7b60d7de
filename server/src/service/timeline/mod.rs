//! What became of one notification: its row, its deliveries, and what the trail says of it.
//!
//! For its owner as long as it is in the inbox, for its sender as long as it waits, and for admins of its
//! tenant. Shows no address and
//! none of the notification's words.

mod untold;
mod waiting;

use std::sync::Arc;

use landfall_core::audit::Action;
use landfall_core::auth::Caller;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::id::NotificationId;
use landfall_core::notification::Notification;
use landfall_core::plan::Step;
use landfall_core::summary;
use landfall_core::time::Timestamp;
use landfall_store::{AuditFilter, AuditRecord, Delivery, Standing};

use super::sent::Sent;
use super::trail::{Told, told_plan};
use super::{ServiceError, Services};

/// A notification's story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// The notification; its channels as they stand now.
    pub notification: Notification,
    /// When its sender took it back.
    pub canceled_at: Option<Timestamp>,
    /// When it goes out, while it waits.
    pub due_at: Option<Timestamp>,
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

const SCHEDULED: &str = Action::NotificationScheduled.as_str();
const READ: &str = Action::NotificationRead.as_str();
const CANCELED: &str = Action::NotificationCanceled.as_str();
const RECALLED: &str = Action::NotificationRecalled.as_str();

impl Services {
    /// Tells what became of a notification.
    ///
    /// # Errors
    /// `NotFound` unless it is the caller's and not deleted, or waits and the caller sent it, or the caller is
    /// an admin.
    pub async fn timeline(
        &self,
        caller: &Caller,
        id: NotificationId,
    ) -> Result<Timeline, ServiceError> {
        match self.sent(&caller.tenant, id.0).await? {
            Some(Sent::Notification(standing)) => self.told_timeline(caller, standing).await,
            Some(Sent::Waiting(id, send)) => self.waiting_timeline(caller, id, &send).await,
            Some(Sent::Digested(send)) => self.waiting_timeline(caller, id, &send).await,
            Some(Sent::Many(_)) | None => Err(ServiceError::NotFound("notification")),
        }
    }

    async fn told_timeline(
        &self,
        caller: &Caller,
        Standing { notification, canceled_at, .. }: Standing,
    ) -> Result<Timeline, ServiceError> {
        let is_own = notification.user == caller.user && !notification.deleted;
        if !is_own && !caller.is_admin() {
            return Err(ServiceError::NotFound("notification"));
        }
        // Before the trail: what ends in between is told there, and not once more by its row.
        let deliveries = self.deliveries_about(caller, &notification).await?;
        let entries = self.entries_about(caller, notification.id).await?;
        let scheduled = entries.iter().take_while(|entry| entry.action == SCHEDULED).count();
        let (scheduled, entries) = entries.split_at(scheduled);
        // It was created before anything else happened to it.
        let below = entries.first().map(|entry| entry.number);
        let plan = self.plan_of(caller, &notification, below).await?;
        let mut events = events(&notification, canceled_at, plan, &deliveries, entries);
        events.splice(0..0, scheduled.iter().map(happened));
        let mut notification = Arc::unwrap_or_clone(notification);
        let stands = |one: &Delivery| (one.channel, one.state, one.reason);
        let of_this = deliveries.iter().filter(|one| !one.is_replaced);
        summary::bring_up_to_date(&mut notification.channels, of_this.map(stands));
        Ok(Timeline { notification, canceled_at, due_at: None, events })
    }

    async fn deliveries_about(
        &self,
        caller: &Caller,
        notification: &Notification,
    ) -> Result<Vec<Delivery>, ServiceError> {
        if !summary::leads_out(&notification.channels) {
            return Ok(vec![]);
        }
        Ok(self.store.deliveries_of(&caller.tenant, vec![notification.id]).await?)
    }

    /// Reads the plan as the trail has kept it.
    async fn plan_of(
        &self,
        caller: &Caller,
        notification: &Notification,
        below: Option<u64>,
    ) -> Result<Option<Vec<Told>>, ServiceError> {
        let filter = AuditFilter {
            action: Some(Action::NotificationCreated),
            entity_type: Some("notification".to_owned()),
            entity_id: Some(notification.id.to_string()),
            target: Some(notification.user.clone()),
            below,
            limit: 1,
            ..AuditFilter::default()
        };
        let found = self.store.audit(&caller.tenant, filter).await?;
        Ok(found.first().and_then(|entry| told_plan(entry.metadata.as_deref()?)))
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

/// Puts together what the rows and the trail say.
fn events(
    notification: &Notification,
    canceled_at: Option<Timestamp>,
    plan: Option<Vec<Told>>,
    deliveries: &[Delivery],
    entries: &[AuditRecord],
) -> Vec<Happened> {
    let from_row = || notification.channels.iter().map(|step| planned(*step)).collect();
    let plan = plan.unwrap_or_else(from_row);
    let told: Vec<Happened> = entries.iter().map(happened).collect();
    let known = untold::Known { notification, plan: &plan, deliveries, told: &told };
    let (passed_by, ends) = (untold::passed_by(&known), untold::ends(&known));
    let accepted = plainly(notification.created_at, "accepted", "stored");
    let mut events = vec![accepted];
    events.extend(plan.into_iter().map(|told| Happened {
        at: notification.created_at,
        event: "planned".to_owned(),
        told,
    }));
    let begun = events.len();
    events.extend(told);
    if let Some(one) = passed_by {
        // What went out because of it stands after it.
        let after = events[begun..].iter().position(|event| event.at >= one.at);
        events.insert(after.map_or(events.len(), |after| begun + after), one);
    }
    for one in ends {
        insert(&mut events, one);
    }
    let is_told = |actions: &[&str]| entries.iter().any(|entry| actions.contains(&&*entry.action));
    // Marking all as read is one entry about the inbox, and taking a send back one about the send.
    if let Some(at) = notification.read_at
        && !is_told(&[READ])
    {
        insert(&mut events, plainly(at, READ, "read with all others"));
    }
    if let Some(at) = canceled_at
        && !is_told(&[CANCELED, RECALLED])
    {
        insert(&mut events, plainly(at, CANCELED, "taken back with its send"));
    }
    events
}

fn plainly(at: Timestamp, event: &str, reason: &str) -> Happened {
    let told = Told { reason: reason.to_owned(), ..Told::default() };
    Happened { at, event: event.to_owned(), told }
}

/// Inserts what the row alone knows, by its time.
fn insert(events: &mut Vec<Happened>, one: Happened) {
    let place = events.iter().position(|event| event.at > one.at).unwrap_or(events.len());
    events.insert(place, one);
}

/// Tells how a channel was planned where the trail does not. What it came to since may stand in the row, in the place of
/// why it was chosen; no plan begins so.
fn planned(step: Step) -> Told {
    let Step { channel, state, reason } = step;
    let is_over = matches!(state, DeliveryState::Delivered | DeliveryState::Failed);
    let (state, reason, rule) = match channel {
        _ if !is_over => (state, reason.as_str(), reason.rule()),
        Channel::Websocket => (DeliveryState::Queued, "always tried", Some(2)),
        _ => (DeliveryState::Queued, "in the plan", Some(2)),
    };
    Told {
        channel: Some(channel),
        state: Some(state),
        reason: reason.to_owned(),
        rule,
        ..Told::default()
    }
}

fn happened(entry: &AuditRecord) -> Happened {
    let told = Told::read(Action::parse(&entry.action), entry.metadata.as_deref());
    Happened { at: entry.at, event: entry.action.clone(), told }
}
