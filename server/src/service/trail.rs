//! Reading what the trail says of deliveries: the one place that knows how metadata is spelled.
//!
//! An entry about a delivery carries a JSON object: `channel`, `delivery` (its id), `state`,
//! `reason`, `rule`, `attempt`, `provider`, `code`, `device_id`. What an entry leaves out, its
//! action says as far as it can. Must give no address and nobody's words.

use landfall_core::audit::Action;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::id::DeliveryId;
use landfall_core::plan::Reason;
use landfall_core::tally::Event;
use serde::Deserialize;

/// What an entry about a notification tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// On which channel.
    pub channel: Option<Channel>,
    /// Of which delivery.
    pub delivery: Option<DeliveryId>,
    /// How it stands since.
    pub state: Option<DeliveryState>,
    /// Why.
    pub reason: String,
    /// The rule of the order of say.
    pub rule: Option<u8>,
    /// Which attempt it was, from 1.
    pub attempt: Option<u32>,
    /// Which provider was asked.
    pub provider: Option<String>,
    /// The provider's code.
    pub code: Option<String>,
    /// Which device.
    pub device: Option<String>,
}

/// As it is spelled.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spelled {
    channel: Option<String>,
    delivery: Option<String>,
    state: Option<String>,
    reason: Option<String>,
    rule: Option<u8>,
    attempt: Option<u32>,
    provider: Option<String>,
    code: Option<String>,
    device_id: Option<String>,
}

impl Told {
    /// Reads an entry: its action, and its metadata unless it was erased.
    pub fn read(action: Option<Action>, metadata: Option<&str>) -> Self {
        let spelled = metadata.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let Spelled { channel, delivery, state, reason, rule, attempt, provider, code, device_id } =
            spelled;
        let said = reason.filter(|reason| !reason.is_empty());
        let reason = said.unwrap_or_else(|| unsaid(action, metadata).to_owned());
        let known = Reason::parse(&reason);
        let state = state.and_then(|word| DeliveryState::parse(&word));
        Self {
            channel: channel.and_then(|word| Channel::parse(&word)),
            delivery: delivery.and_then(|id| DeliveryId::parse(&id).ok()),
            state: state.or_else(|| action.and_then(|action| implied(action, known))),
            rule: rule.or_else(|| known.and_then(Reason::rule)),
            reason,
            attempt,
            provider,
            code,
            device: device_id,
        }
    }

    /// Says what the entry means for sums, if anything. Every receipt shows that a push arrived.
    pub fn events(&self, action: Action) -> Vec<Event> {
        let channel = self.channel.zip(self.state);
        let news =
            channel.map(|(channel, state)| Event::News { channel, id: self.delivery, state });
        let (first, more) = match action {
            Action::NotificationCreated => (Some(Event::Created), None),
            Action::NotificationRead => (Some(Event::Read), None),
            Action::ProviderReported | Action::ReceiptDelivered | Action::ReceiptDismissed => {
                (news, None)
            }
            Action::ReceiptShown => (news, Some(Event::Shown)),
            Action::ReceiptClicked => (news, Some(Event::Clicked)),
            _ => (self.settled(), None),
        };
        first.into_iter().chain(more).collect()
    }

    fn settled(&self) -> Option<Event> {
        let (channel, state) = self.channel.zip(self.state)?;
        let is_attempt = self.attempt.is_some_and(|attempt| attempt > 0);
        Some(Event::Delivery { channel, id: self.delivery, state, is_attempt })
    }
}

/// Reads the plan that the entry about a notification's creation tells; nothing where it was erased.
pub(super) fn told_plan(metadata: &str) -> Option<Vec<Told>> {
    #[derive(Deserialize)]
    struct Planned {
        plan: Vec<serde_json::Value>,
    }
    let Planned { plan } = serde_json::from_str(metadata).ok()?;
    Some(plan.iter().map(|step| Told::read(None, Some(&step.to_string()))).collect())
}

/// Says what the trail calls it when a delivery comes to stand so.
pub(super) const fn action_of(state: DeliveryState) -> Action {
    match state {
        DeliveryState::Sent => Action::DeliverySent,
        DeliveryState::Delivered => Action::DeliveryConfirmed,
        DeliveryState::Failed => Action::DeliveryFailed,
        DeliveryState::Skipped => Action::DeliverySkipped,
        DeliveryState::Held => Action::DeliveryHeld,
        DeliveryState::Queued => Action::DeliveryAttempted,
    }
}

/// Says how a delivery stands after an entry that does not say so itself.
fn implied(action: Action, reason: Option<Reason>) -> Option<DeliveryState> {
    Some(match action {
        Action::NotificationDelivered
        | Action::DeliveryConfirmed
        | Action::ReceiptDelivered
        | Action::ReceiptShown
        | Action::ReceiptClicked
        | Action::ReceiptDismissed => DeliveryState::Delivered,
        // A device that went away without a word leaves it to the next one.
        Action::NotificationFailed if reason != Some(Reason::Expired) => DeliveryState::Queued,
        Action::NotificationFailed | Action::DeliveryFailed => DeliveryState::Failed,
        Action::DeliveryAttempted | Action::DeliveryReplayed => DeliveryState::Queued,
        Action::DeliverySent => DeliveryState::Sent,
        Action::DeliveryHeld => DeliveryState::Held,
        Action::DeliverySkipped => DeliveryState::Skipped,
        _ => return None,
    })
}

/// Says why, where the entry does not.
fn unsaid(action: Option<Action>, metadata: Option<&str>) -> &'static str {
    if metadata.is_none() {
        return "its details were erased";
    }
    match action {
        Some(Action::NotificationDigested) => "went out with others",
        Some(Action::NotificationScheduled) => "waits until it is due",
        Some(Action::NotificationDelivered) => Reason::Confirmed.as_str(),
        Some(Action::NotificationRead) => "read by its owner",
        Some(Action::NotificationDeleted) => "deleted by its owner",
        Some(Action::NotificationCanceled) => "taken back by its sender",
        Some(Action::NotificationRecalled) => "recalled by its sender",
        Some(Action::DeliverySent) => Reason::Accepted.as_str(),
        Some(Action::DeliveryReplayed) => Reason::Replayed.as_str(),
        Some(
            Action::ReceiptDelivered
            | Action::ReceiptShown
            | Action::ReceiptClicked
            | Action::ReceiptDismissed,
        ) => Reason::Receipt.as_str(),
        Some(Action::ProviderReported) => "reported by the provider",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_says_what_it_tells_and_its_action_the_rest() {
        let told = Told::read(
            Some(Action::DeliveryAttempted),
            Some(r#"{"channel":"push","reason":"tried again later","attempt":2,"code":"503"}"#),
        );
        assert_eq!(told.channel, Some(Channel::Push));
        assert_eq!((told.state, told.attempt), (Some(DeliveryState::Queued), Some(2)));
        assert_eq!((told.rule, told.code.as_deref()), (None, Some("503")));
        let held = r#"{"channel":"sms","reason":"quiet hours"}"#;
        let told = Told::read(Some(Action::DeliveryHeld), Some(held));
        assert_eq!((told.state, told.rule), (Some(DeliveryState::Held), Some(3)));
    }

    #[test]
    fn a_device_that_went_away_is_no_failure_and_an_expiry_is() {
        let state = |reason: &str| {
            let metadata = format!(r#"{{"channel":"websocket","reason":"{reason}"}}"#);
            Told::read(Some(Action::NotificationFailed), Some(&metadata)).state
        };
        assert_eq!(state("the device went away"), Some(DeliveryState::Queued));
        assert_eq!(state(Reason::Expired.as_str()), Some(DeliveryState::Failed));
    }

    #[test]
    fn what_cannot_be_read_tells_nothing() {
        for metadata in [None, Some(""), Some("[1]"), Some(r#"{"channel":7}"#)] {
            let told = Told::read(Some(Action::DeliverySent), metadata);
            assert_eq!(told.events(Action::DeliverySent), [], "{metadata:?}");
        }
        assert_eq!(Told::read(None, None).reason, "its details were erased");
    }
}
