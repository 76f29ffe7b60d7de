//! What is scheduled for classes: who may schedule, and who may know of it (S0, contract 5).
//!
//! Telling members of it when its time comes is `firing`'s affair.

mod calendar;
mod clockwork;
mod events;
mod firing;
mod listing;
mod quizzes;
mod stored;
mod telling;

use landfall_core::audit::Entity;
use landfall_core::auth::Caller;
use landfall_core::id::{EventId, QuizId, TopicId};
use landfall_core::schedule::{Event, Plan, Planned, Words};
use landfall_core::topic::{MemberRole, TopicAction, Verdict, may};
use landfall_store::{Guard, TopicView, Unit};

pub use clockwork::Clockwork;
pub use firing::Fired;
pub use listing::EventsAsk;

use super::revocations::unit_of;
use super::topics::{standing, still};
use super::{ServiceError, Services};

/// An event with some of its occurrences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventView {
    /// The event.
    pub event: Event,
    /// Its next occurrence that is not over.
    pub next: Option<Planned>,
    /// Those that were asked for.
    pub occurrences: Vec<Planned>,
}

impl Services {
    /// Finds a class for which the caller may do something.
    async fn class_of_events(
        &self,
        caller: &Caller,
        class: &TopicId,
        action: TopicAction,
    ) -> Result<TopicView, ServiceError> {
        let view = self.store.topic(&caller.tenant, class, &caller.user).await?;
        let view = view.ok_or(ServiceError::NotFound("class"))?;
        match may(action, standing(caller, &view)) {
            Verdict::Yes => Ok(view),
            Verdict::Hidden => Err(ServiceError::NotFound("class")),
            Verdict::No => Err(ServiceError::Forbidden(
                match action {
                    TopicAction::Schedule => {
                        "needs the scope events:manage, and to be a teacher of this class"
                    }
                    _ => "you are not in this class",
                }
                .into(),
            )),
        }
    }

    /// Begins a unit that relies on the class and on what the caller is in it.
    fn unit_of_schedule(&self, caller: &Caller, class: &TopicId) -> Unit {
        let mut unit = unit_of(caller);
        unit.guards.push(Guard::TopicThere(class.clone()));
        unit.guards.extend(still(caller, class, MemberRole::Teacher));
        unit
    }
}

fn entity(id: EventId) -> Entity {
    Entity::Other("event", id.to_string())
}

fn quiz_entity(id: &QuizId) -> Entity {
    Entity::Other("quiz", id.to_string())
}

/// Gives the words of an occurrence: its own where it was changed alone.
pub fn words_of<'a>(plan: &'a Plan, planned: &Planned) -> &'a Words {
    plan.changes.get(&planned.name).map_or(&plan.words, |change| &change.words)
}
