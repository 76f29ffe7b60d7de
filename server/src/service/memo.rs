//! What is kept with an idempotency key, so that a repetition gets the first answer again.
//!
//! Stored in the transaction of the effect; the numbers that the effect was given stand beside it.

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::feed::Number;
use landfall_core::id::{NotificationId, SendId, UserId};
use landfall_core::plan::{Reason, Step};
use landfall_core::time::Timestamp;
use landfall_store::{StoreError, StoredAnswer};
use serde::{Deserialize, Serialize};

use super::ServiceError;
use super::forecast::Forecast;
use super::notify::{Accepted, AcceptedSend, Notified};

/// What is kept with an idempotency key to give the first answer again.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Memo {
    One {
        id: String,
        created_at: i64,
        connections: usize,
        plan: Vec<(String, String, String)>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due_at: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forecast: Option<Box<Forecast>>,
    },
    Many {
        id: String,
        accepted: u64,
        rejected: Vec<(String, String)>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forecast: Option<Box<Forecast>>,
    },
}

impl Memo {
    pub(super) fn of(accepted: &Accepted) -> Self {
        let step = |s: &Step| {
            let (channel, state) = (s.channel.as_str().to_owned(), s.state.as_str().to_owned());
            (channel, state, s.reason.as_str().to_owned())
        };
        Self::One {
            id: accepted.id.to_string(),
            created_at: accepted.created_at.as_ms(),
            connections: accepted.connections,
            plan: accepted.plan.iter().map(step).collect(),
            due_at: accepted.due_at.map(Timestamp::as_ms),
            forecast: accepted.forecast.clone(),
        }
    }

    pub(super) fn of_send(accepted: &AcceptedSend) -> Self {
        let AcceptedSend { id, accepted, rejected, forecast, is_repeated: _ } = accepted;
        let rejected = rejected.iter().map(|(user, why)| (user.to_string(), why.clone()));
        Self::Many {
            id: id.to_string(),
            accepted: *accepted,
            rejected: rejected.collect(),
            forecast: forecast.clone(),
        }
    }

    fn answer(self, numbers: &[Number]) -> Option<Notified> {
        match self {
            Self::One { id, created_at, connections, plan, due_at, forecast } => {
                let step = |(channel, state, reason): (String, String, String)| {
                    Some(Step {
                        channel: Channel::parse(&channel)?,
                        state: DeliveryState::parse(&state)?,
                        reason: Reason::parse(&reason)?,
                    })
                };
                Some(Notified::One(Accepted {
                    id: NotificationId::parse(&id).ok()?,
                    created_at: Timestamp::from_ms(created_at),
                    plan: plan.into_iter().map(step).collect::<Option<_>>()?,
                    connections,
                    number: numbers.first().copied(),
                    due_at: due_at.map(Timestamp::from_ms),
                    forecast,
                    is_repeated: true,
                }))
            }
            Self::Many { id, accepted, rejected, forecast } => {
                let user = |(user, why): (String, String)| Some((UserId::parse(&user).ok()?, why));
                Some(Notified::Many(AcceptedSend {
                    id: SendId::parse(&id).ok()?,
                    accepted,
                    rejected: rejected.into_iter().map(user).collect::<Option<_>>()?,
                    forecast,
                    is_repeated: true,
                }))
            }
        }
    }
}

/// Gives the first answer again.
pub(super) fn replayed(answer: StoredAnswer) -> Result<Notified, ServiceError> {
    let memo: Option<Memo> = serde_json::from_str(&answer.memo).ok();
    memo.and_then(|memo| memo.answer(&answer.numbers)).ok_or_else(|| {
        ServiceError::Store(StoreError::Internal("a stored answer cannot be read".into()))
    })
}
