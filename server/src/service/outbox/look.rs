//! Looking at a delivery that is due: everything that is known of it, brought to core's question.

use landfall_core::channel::DeliveryState;
use landfall_core::delivery::{Before, DueView, OnDue, on_due};
use landfall_core::plan::place_of;
use landfall_core::time::Timestamp;
use landfall_store::Delivery;

use super::Facts;

/// Decides what to do with a delivery now.
pub(super) fn look(delivery: &Delivery, facts: &Facts, now: Timestamp) -> OnDue {
    let notification = &facts.standing.notification;
    on_due(&DueView {
        channel: delivery.channel,
        priority: delivery.priority,
        strategy: delivery.strategy,
        escalate_after_ms: delivery.escalate_after_ms,
        place: place_of(delivery.channel, &notification.channels),
        before: before(delivery, &facts.others),
        attempts: delivery.attempts,
        created_at: notification.created_at,
        expires_at: notification.expires_at,
        read_at: notification.read_at,
        delivered_at: notification.delivered_at,
        is_deleted: notification.deleted,
        is_canceled: facts.standing.canceled_at.is_some(),
        is_replaced: delivery.is_replaced,
        preferences: &facts.preferences,
        way: facts.reach.way(delivery.channel),
        now,
    })
}

/// Says how the nearest earlier place stands, as the one of its deliveries that came furthest. A
/// place of which all were skipped or failed is passed over: what stands before it may have taken
/// it. What went out of a notification that this one replaced is no place of this one.
fn before(delivery: &Delivery, others: &[Delivery]) -> Option<Before> {
    let lost = |state| matches!(state, DeliveryState::Failed | DeliveryState::Skipped);
    let stands = |other: &&Delivery| {
        other.position < delivery.position && !lost(other.state) && !other.is_replaced
    };
    let standing = others.iter().filter(stands);
    let furthest = standing.max_by_key(|other| (other.position, came(other.state)))?;
    let at = match furthest.state {
        DeliveryState::Queued | DeliveryState::Held => furthest.due_at,
        _ => None,
    };
    Some(Before { state: furthest.state, at: at.unwrap_or(furthest.updated_at) })
}

const fn came(state: DeliveryState) -> u8 {
    match state {
        DeliveryState::Delivered => 3,
        DeliveryState::Sent => 2,
        DeliveryState::Queued => 1,
        DeliveryState::Held | DeliveryState::Failed | DeliveryState::Skipped => 0,
    }
}
