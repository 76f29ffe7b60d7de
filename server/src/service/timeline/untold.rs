//! What the trail does not tell and the rows do: how a channel ended because of another one, and that
//! the plan went past the live connection.
//!
//! Both follow from what is stored anyway, so that nothing is written for them. Must never tell what
//! an entry tells, nor a time at which it is not known to have happened.

use landfall_core::audit::Action;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::{Next, next};
use landfall_core::id::DeliveryId;
use landfall_core::notification::Notification;
use landfall_core::plan::{Place, Reason, Step, Strategy, WEBSOCKET_GRACE_MS, place_of};
use landfall_core::time::Timestamp;
use landfall_store::Delivery;

use super::Happened;
use crate::service::trail::{Told, action_of};

/// What is known of a notification.
pub(super) struct Known<'a> {
    /// Its row.
    pub(super) notification: &'a Notification,
    /// Its channels as they were planned.
    pub(super) plan: &'a [Told],
    /// Its deliveries, unless they were forgotten.
    pub(super) deliveries: &'a [Delivery],
    /// What the trail tells, oldest first.
    pub(super) told: &'a [Happened],
}

/// Tells that a fallback went past the live connection: at once because no device was connected, or
/// when none had confirmed in its time. The notification goes on waiting for one.
pub(super) fn passed_by(known: &Known<'_>) -> Option<Happened> {
    let steps: Vec<Step> = known.plan.iter().filter_map(step).collect();
    let is_behind = |step: &&Step| {
        let is_tried = step.channel != Channel::Websocket && step.state == DeliveryState::Queued;
        is_tried && place_of(step.channel, &steps) == Place::BehindLive
    };
    let behind = steps.iter().find(is_behind)?;
    let created_at = known.notification.created_at;
    let (at, reason) = match behind.reason {
        Reason::AfterWebsocket => {
            let tried = known.told.iter().find(|one| one.told.attempt.is_some())?;
            let is_late = |at: Timestamp| at > tried.at;
            if !known.notification.delivered_at.is_none_or(is_late) {
                return None;
            }
            (created_at.plus_ms(WEBSOCKET_GRACE_MS).min(tried.at), "no device confirmed in time")
        }
        Reason::Requested | Reason::InTemplate | Reason::ByDefault | Reason::Wished
            if known.is_fallback(&steps) =>
        {
            (created_at, "no device connected")
        }
        _ => return None,
    };
    let told = Told {
        channel: Some(Channel::Websocket),
        state: Some(DeliveryState::Queued),
        reason: reason.to_owned(),
        rule: Some(4),
        ..Told::default()
    };
    Some(Happened { at, event: Action::NotificationFailed.as_str().to_owned(), told })
}

/// Tells how deliveries ended of whose end no entry tells, in the order of time and plan.
pub(super) fn ends(known: &Known<'_>) -> Vec<Happened> {
    let mut ended: Vec<_> = known.deliveries.iter().filter_map(|one| known.end(one)).collect();
    ended.extend(known.forgotten());
    ended.sort_by_key(|(place, one)| (one.at, *place));
    ended.into_iter().map(|(_, one)| one).collect()
}

impl Known<'_> {
    /// Says whether one channel follows the other; a plan of which that is not known may be either.
    fn is_fallback(&self, steps: &[Step]) -> bool {
        let waits = |step: &Step| {
            let waits = Reason::waits_for(Channel::Websocket);
            let behind = [Channel::Push, Channel::Sms, Channel::Email].map(Reason::waits_for);
            step.reason == waits
                || step.reason == Reason::UnlessRead
                || behind.contains(&step.reason)
        };
        match self.deliveries.first() {
            Some(delivery) => delivery.strategy == Strategy::Fallback,
            None => steps.iter().any(waits),
        }
    }

    /// A delivery's row keeps when it last changed, which is when it ended.
    fn end(&self, delivery: &Delivery) -> Option<(u8, Happened)> {
        let Delivery { id, channel, position, state, reason, updated_at, .. } = delivery;
        let is_open = matches!(state, DeliveryState::Queued | DeliveryState::Held);
        if is_open || self.is_told(*channel, *state, Some(*id)) {
            return None;
        }
        let step = Step { channel: *channel, state: *state, reason: *reason };
        Some((*position, ended(*updated_at, step, Some(*id))))
    }

    /// When the rows of the deliveries are gone, the notification's own still says how its channels
    /// ended. Those that became unneeded ended with the one that took it.
    fn forgotten(&self) -> Vec<(u8, Happened)> {
        let steps = (0u8..).zip(&self.notification.channels);
        let is_gone = |step: &Step| {
            step.reason == Reason::NotNeeded
                && self.deliveries.iter().all(|one| one.channel != step.channel)
                && !self.is_told(step.channel, step.state, None)
        };
        let unneeded = steps.filter(|(_, step)| is_gone(step));
        let at = |place: u8| self.taken_at(&self.notification.channels[..place.into()]);
        let end = |(place, step): (u8, &Step)| Some((place, ended(at(place)?, *step, None)));
        unneeded.filter_map(end).collect()
    }

    /// Finds when one of these channels took the notification, so that no other was needed.
    fn taken_at(&self, before: &[Step]) -> Option<Timestamp> {
        let takes = |one: &&Happened| {
            let Some((channel, state)) = one.told.channel.zip(one.told.state) else { return false };
            let is_before = before.iter().any(|step| step.channel == channel);
            is_before && matches!(next(channel, state, one.at), Next::Skip(_))
        };
        Some(self.told.iter().find(takes)?.at)
    }

    /// Says whether an entry tells of this end; one whose details were erased may.
    fn is_told(&self, channel: Channel, state: DeliveryState, id: Option<DeliveryId>) -> bool {
        self.told.iter().any(|Happened { event, told, .. }| {
            let is_of = match (told.delivery, id) {
                (Some(told), Some(id)) => told == id,
                _ => told.channel == Some(channel),
            };
            let is_erased = told.channel.is_none() && *event == action_of(state).as_str();
            is_erased || (is_of && told.state == Some(state))
        })
    }
}

fn ended(at: Timestamp, step: Step, delivery: Option<DeliveryId>) -> Happened {
    let Step { channel, state, reason } = step;
    let told = Told {
        channel: Some(channel),
        delivery,
        state: Some(state),
        reason: reason.as_str().to_owned(),
        rule: reason.rule(),
        ..Told::default()
    };
    Happened { at, event: action_of(state).as_str().to_owned(), told }
}

fn step(planned: &Told) -> Option<Step> {
    let reason = Reason::parse(&planned.reason)?;
    Some(Step { channel: planned.channel?, state: planned.state?, reason })
}
