//! How the channels of a notification stand now: its plan, and what became of its deliveries.
//!
//! A channel may have several deliveries, one for each device; it stands as the best of them does.

use crate::channel::{Channel, DeliveryState};
use crate::plan::{Reason, Step};

/// How far a state has come: of several deliveries on a channel, the highest speaks for it.
pub const fn rank(state: DeliveryState) -> u8 {
    match state {
        DeliveryState::Delivered => 5,
        DeliveryState::Sent => 4,
        DeliveryState::Queued => 3,
        DeliveryState::Held => 2,
        DeliveryState::Failed => 1,
        DeliveryState::Skipped => 0,
    }
}

/// Says whether a plan has deliveries to look at: a channel that leads out of the server and was
/// not skipped from the start.
pub fn leads_out(plan: &[Step]) -> bool {
    let has_delivery =
        |step: &Step| step.channel != Channel::Websocket && step.state != DeliveryState::Skipped;
    plan.iter().any(has_delivery)
}

/// Lets each channel of a plan stand as the best of its deliveries; one without any stays as it is.
pub fn bring_up_to_date(
    plan: &mut [Step],
    deliveries: impl IntoIterator<Item = (Channel, DeliveryState, Reason)>,
) {
    let mut best: [Option<(DeliveryState, Reason)>; Channel::ALL.len()] = [None; 4];
    for (channel, state, reason) in deliveries {
        let known = &mut best[channel as usize];
        if known.is_none_or(|(known, _)| rank(state) > rank(known)) {
            *known = Some((state, reason));
        }
    }
    for step in plan {
        if let Some((state, reason)) = best[step.channel as usize] {
            *step = Step { state, reason, ..*step };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeliveryState::{Delivered, Failed, Held, Queued, Sent, Skipped};

    const fn step(channel: Channel, state: DeliveryState) -> Step {
        Step { channel, state, reason: Reason::Requested }
    }

    fn check(deliveries: &[DeliveryState], expected: DeliveryState) {
        let mut plan = [step(Channel::Websocket, Queued), step(Channel::Push, Queued)];
        let found = deliveries.iter().map(|state| (Channel::Push, *state, Reason::Expired));
        bring_up_to_date(&mut plan, found);
        assert_eq!(plan[1].state, expected, "{deliveries:?}");
        assert_eq!(plan[1].reason == Reason::Expired, !deliveries.is_empty());
        assert_eq!(plan[0], step(Channel::Websocket, Queued));
    }

    #[test]
    fn the_best_of_several_devices_speaks_for_the_channel() {
        check(&[], Queued);
        check(&[Failed], Failed);
        check(&[Failed, Sent, Delivered], Delivered);
        check(&[Failed, Sent, Queued], Sent);
        check(&[Failed, Queued, Held], Queued);
        check(&[Skipped, Failed, Held], Held);
        check(&[Skipped, Failed], Failed);
        check(&[Skipped], Skipped);
    }

    #[test]
    fn a_plan_without_a_way_out_has_no_deliveries() {
        assert!(!leads_out(&[]));
        assert!(!leads_out(&[step(Channel::Websocket, Queued), step(Channel::Push, Skipped)]));
        assert!(leads_out(&[step(Channel::Websocket, Queued), step(Channel::Sms, Held)]));
    }
}
