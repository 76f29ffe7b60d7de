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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use landfall_core::channel::Channel;
    use landfall_core::id::{DeliveryId, NotificationId, Tenant, UserId};
    use landfall_core::notification::Priority;
    use landfall_core::plan::{Reason, Strategy};

    use super::*;

    fn delivery(position: u8, state: DeliveryState) -> Delivery {
        let at = Timestamp::from_ms(i64::from(position));
        Delivery {
            id: DeliveryId(uuid::Uuid::from_u128(position.into())),
            tenant: Tenant::parse("t").unwrap(),
            notification: NotificationId(uuid::Uuid::nil()),
            user: UserId::parse("u").unwrap(),
            priority: Priority::Normal,
            channel: Channel::Push,
            position,
            address: None,
            strategy: Strategy::Fallback,
            escalate_after_ms: None,
            to: None,
            state,
            reason: Reason::ByDefault,
            code: None,
            reference: None,
            provider: None,
            attempts: 0,
            claim: 0,
            due_at: None,
            ask_at: None,
            created_at: at,
            updated_at: at,
            is_replaced: false,
        }
    }

    #[test]
    fn the_nearest_place_of_the_same_words_that_was_not_lost_stands_before() {
        use DeliveryState::{Failed, Queued, Sent};
        let this = delivery(3, Queued);
        let at = |others: &[Delivery]| before(&this, others).map(|found| found.at.as_ms());
        let (sent, failed) = (delivery(0, Sent), delivery(1, Failed));
        assert_eq!(at(&[sent.clone(), failed.clone(), this.clone()]), Some(0));
        let former = Delivery { is_replaced: true, ..delivery(2, Sent) };
        assert_eq!(at(&[sent, failed.clone(), former.clone()]), Some(0));
        assert_eq!(at(&[failed, former]), None);
    }
}
