//! What an entry of the audit trail adds to the sums of analytics: a fold over what happened to
//! one notification.
//!
//! Sums count notifications, not entries: a second device that was tried, a repeated callback or a
//! retry adds nothing. This file must never look at anything but what it is told, so that the sums
//! do not depend on when or where they are added up.

use crate::channel::{Channel, DeliveryState};
use crate::delivery::apply;
use crate::id::DeliveryId;
use crate::summary::rank;

/// What an entry says happened to a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was published; the live connection counts as tried.
    Created,
    /// Something became of a delivery.
    Delivery {
        /// On which channel.
        channel: Channel,
        /// Which; the channel's only one where nothing is said.
        id: Option<DeliveryId>,
        /// How it stands since.
        state: DeliveryState,
        /// Whether it was tried.
        is_attempt: bool,
    },
    /// A provider or a device told of a delivery afterwards; it counts as far as it is news.
    News {
        /// On which channel.
        channel: Channel,
        /// Which; the channel's only one where nothing is said.
        id: Option<DeliveryId>,
        /// How it stands, as they say.
        state: DeliveryState,
    },
    /// Its owner read it.
    Read,
    /// A device showed it.
    Shown,
    /// Somebody clicked on it.
    Clicked,
}

/// What is summed up; each but the last four counts a notification once at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Notifications.
    Notifications,
    /// Notifications for which a channel was tried.
    Sent,
    /// Notifications that a channel's provider took, or a device confirmed.
    Accepted,
    /// Notifications that arrived by a channel, as a device or a provider's report says.
    Delivered,
    /// Notifications that were read one by one.
    Reads,
    /// Notifications that a device showed.
    Shown,
    /// Notifications that were clicked.
    Clicked,
    /// Notifications that arrived at all, with their times in the two sums below.
    Responses,
    /// Milliseconds from accepted to first delivered.
    ResponseMs,
    /// The same, by bucket of a histogram.
    ResponseBuckets,
    /// How often a channel was given up. What is given up now is this less [`Measure::Recovered`].
    Failed,
    /// How often a channel that was given up was taken up again, by a replay or another device.
    Recovered,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Measure; 12] = [
        Self::Notifications,
        Self::Sent,
        Self::Accepted,
        Self::Delivered,
        Self::Reads,
        Self::Shown,
        Self::Clicked,
        Self::Responses,
        Self::ResponseMs,
        Self::ResponseBuckets,
        Self::Failed,
        Self::Recovered,
    ];

    /// Names the measure as rows spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notifications => "notifications",
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Reads => "reads",
            Self::Shown => "shown",
            Self::Clicked => "clicked",
            Self::Responses => "responses",
            Self::ResponseMs => "response_ms",
            Self::ResponseBuckets => "response_buckets",
            Self::Failed => "failed",
            Self::Recovered => "recovered",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.as_str() == text)
    }
}

/// What is added to a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    /// One, for the notification as a whole.
    One(Measure),
    /// One, for a channel.
    On(Measure, Channel),
    /// It arrived for the first time, so many milliseconds after it was accepted.
    Response(u64),
}

/// How a delivery on a channel stands.
type Stands = (Channel, Option<DeliveryId>, DeliveryState);

/// What has happened to one notification, as far as sums need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    told: Vec<Gain>,
    deliveries: Vec<Stands>,
    given_up: Vec<Channel>,
    has_arrived: bool,
}

impl Story {
    /// Goes on with the next entry, `after_ms` milliseconds after the notification was accepted;
    /// gives what that adds.
    pub fn add(&mut self, event: Event, after_ms: u64) -> Vec<Gain> {
        let mut gains = Vec::new();
        match event {
            Event::Created => {
                self.once(Gain::One(Measure::Notifications), &mut gains);
                self.once(Gain::On(Measure::Sent, Channel::Websocket), &mut gains);
            }
            Event::Delivery { channel, id, state, is_attempt } => {
                // The live connection was tried with the publishing, which may be long told of.
                if is_attempt && channel != Channel::Websocket {
                    self.once(Gain::On(Measure::Sent, channel), &mut gains);
                }
                self.settle((channel, id, state), after_ms, &mut gains);
            }
            Event::News { channel, id, state } => {
                let current = self.known(channel, id).unwrap_or(DeliveryState::Queued);
                if let Some(state) = apply(current, state) {
                    self.settle((channel, id, state), after_ms, &mut gains);
                }
            }
            Event::Read => self.once(Gain::One(Measure::Reads), &mut gains),
            Event::Shown => self.once(Gain::One(Measure::Shown), &mut gains),
            Event::Clicked => self.once(Gain::One(Measure::Clicked), &mut gains),
        }
        gains
    }

    fn known(&self, channel: Channel, id: Option<DeliveryId>) -> Option<DeliveryState> {
        let known = self.deliveries.iter().find(|known| (known.0, known.1) == (channel, id));
        known.map(|known| known.2)
    }

    /// Notes how a delivery stands, with what that says of its channel.
    fn settle(&mut self, stands: Stands, after_ms: u64, gains: &mut Vec<Gain>) {
        let (channel, _, state) = stands;
        if matches!(state, DeliveryState::Sent | DeliveryState::Delivered) {
            if channel != Channel::Websocket {
                self.once(Gain::On(Measure::Sent, channel), gains);
            }
            self.once(Gain::On(Measure::Accepted, channel), gains);
        }
        if state == DeliveryState::Delivered {
            self.once(Gain::On(Measure::Delivered, channel), gains);
            self.arrive(after_ms, gains);
        }
        self.stand(stands, gains);
    }

    fn once(&mut self, gain: Gain, gains: &mut Vec<Gain>) {
        if !self.told.contains(&gain) {
            self.told.push(gain);
            gains.push(gain);
        }
    }

    fn arrive(&mut self, after_ms: u64, gains: &mut Vec<Gain>) {
        if !std::mem::replace(&mut self.has_arrived, true) {
            gains.push(Gain::Response(after_ms));
        }
    }

    /// Notes how a delivery stands, and whether its channel is given up since, or no longer.
    fn stand(&mut self, (channel, id, state): Stands, gains: &mut Vec<Gain>) {
        if channel == Channel::Websocket {
            // What expired stays so, though a device may confirm it late: no entry before this one
            // has to be looked up for a notification that goes out on live connections alone.
            if state == DeliveryState::Failed {
                self.once(Gain::On(Measure::Failed, channel), gains);
            }
            return;
        }
        match self.deliveries.iter_mut().find(|known| (known.0, known.1) == (channel, id)) {
            Some((.., known)) => *known = state,
            None => self.deliveries.push((channel, id, state)),
        }
        let states = self.deliveries.iter().filter(|known| known.0 == channel).map(|known| known.2);
        let is_given_up = states.max_by_key(|state| rank(*state)) == Some(DeliveryState::Failed);
        match (is_given_up, self.given_up.contains(&channel)) {
            (true, false) => {
                self.given_up.push(channel);
                gains.push(Gain::On(Measure::Failed, channel));
            }
            (false, true) => {
                self.given_up.retain(|known| *known != channel);
                gains.push(Gain::On(Measure::Recovered, channel));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeliveryState::{Delivered, Failed, Queued, Sent, Skipped};

    fn one(number: u128) -> Option<DeliveryId> {
        Some(DeliveryId(uuid::Uuid::from_u128(number)))
    }

    fn push(id: u128, state: DeliveryState) -> Event {
        Event::Delivery { channel: Channel::Push, id: one(id), state, is_attempt: true }
    }

    fn live(state: DeliveryState) -> Event {
        Event::Delivery { channel: Channel::Websocket, id: None, state, is_attempt: true }
    }

    /// Tells a story; gives what each entry added, in words.
    fn told(events: &[Event]) -> Vec<String> {
        let mut story = Story::default();
        let mut told = Vec::new();
        for (after_ms, event) in (0..).zip(events) {
            let words = story.add(*event, after_ms).into_iter().map(|gain| match gain {
                Gain::One(measure) => measure.as_str().to_owned(),
                Gain::On(measure, channel) => format!("{} {channel}", measure.as_str()),
                Gain::Response(ms) => format!("response {ms}"),
            });
            told.push(words.collect::<Vec<_>>().join(", "));
        }
        told
    }

    #[test]
    fn a_notification_counts_once_on_each_channel_however_often_it_is_tried() {
        let events =
            [Event::Created, push(1, Queued), push(1, Queued), push(1, Sent), push(2, Sent)];
        let expected = ["notifications, sent websocket", "sent push", "", "accepted push", ""];
        assert_eq!(told(&events), expected);
    }

    #[test]
    fn the_first_channel_that_arrives_gives_the_response() {
        let events = [Event::Created, push(1, Delivered), live(Delivered), live(Delivered)];
        assert_eq!(told(&events)[1], "sent push, accepted push, delivered push, response 1");
        assert_eq!(told(&events)[2], "accepted websocket, delivered websocket");
        assert_eq!(told(&events)[3], "");
    }

    #[test]
    fn a_channel_is_given_up_when_no_device_is_left() {
        let events = [push(1, Failed), push(2, Sent), push(2, Failed), push(1, Queued)];
        let expected = [
            "sent push, failed push",
            "accepted push, recovered push",
            "failed push",
            "recovered push",
        ];
        assert_eq!(told(&events), expected);
        assert_eq!(told(&[push(1, Failed), push(2, Skipped)])[1], "");
    }

    #[test]
    fn what_expired_on_live_connections_stays_so() {
        let events = [Event::Created, live(Failed), live(Delivered), live(Failed)];
        let expected = [
            "notifications, sent websocket",
            "failed websocket",
            "accepted websocket, delivered websocket, response 2",
            "",
        ];
        assert_eq!(told(&events), expected);
    }

    #[test]
    fn what_comes_late_counts_as_far_as_it_is_news() {
        let news = |state| Event::News { channel: Channel::Push, id: one(1), state };
        let events = [push(1, Queued), news(Sent), news(Delivered), news(Failed), news(Delivered)];
        let expected = ["sent push", "accepted push", "delivered push, response 2", "", ""];
        assert_eq!(told(&events), expected);
        assert_eq!(told(&[push(1, Failed), news(Delivered)])[1], "");
        assert_eq!(
            told(&[news(Delivered)])[0],
            "sent push, accepted push, delivered push, response 0"
        );
    }

    #[test]
    fn reads_and_receipts_count_once() {
        let events = [Event::Read, Event::Read, Event::Shown, Event::Clicked, Event::Clicked];
        assert_eq!(told(&events), ["reads", "", "shown", "clicked", ""]);
    }

    #[test]
    fn every_measure_reads_back_by_its_own_name() {
        for measure in Measure::ALL {
            assert_eq!(Measure::parse(measure.as_str()), Some(measure));
        }
    }
}
