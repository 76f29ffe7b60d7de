//! Whom a caller's request may reach: a teacher the classes they teach and who is in them, a service or an
//! admin everybody.

use landfall_core::auth::{Caller, Scope};
use landfall_core::id::{TopicId, UserId};
use landfall_core::notify::Recipients;
use landfall_core::topic::{self, MemberRole, Standing, TopicAction, Verdict};
use landfall_store::{Guard, SendTo};

use super::super::topics::standing;
use super::super::{ServiceError, Services};

/// Whom a send reaches, and on which conditions.
pub(in crate::service) struct Reach {
    pub(in crate::service) to: SendTo,
    pub(in crate::service) accepted: u64,
    pub(in crate::service) rejected: Vec<(UserId, String)>,
    pub(in crate::service) guards: Vec<Guard>,
}

impl Services {
    /// Says whom a caller's request may reach.
    pub(in crate::service) async fn reach_of(
        &self,
        caller: &Caller,
        recipients: &Recipients,
    ) -> Result<Reach, ServiceError> {
        match recipients {
            Recipients::User(user) => self.reach_one(caller, user).await,
            Recipients::Users(users) => self.reach_users(caller, users).await,
            Recipients::Topic(topic) => self.reach_topic(caller, topic).await,
        }
    }

    async fn reach_one(&self, caller: &Caller, user: &UserId) -> Result<Reach, ServiceError> {
        let mut guards = Vec::new();
        if is_class_bound(caller) && *user != caller.user {
            let stranger = vec![user.clone()];
            let taught =
                self.store.sharing_topics(&caller.tenant, as_teacher(caller), stranger).await?;
            if taught.is_empty() {
                return Err(outside_classes());
            }
            guards.push(Guard::TaughtBy(user.clone(), caller.user.clone()));
        }
        Ok(Reach { to: SendTo::Users(vec![user.clone()]), accepted: 1, rejected: vec![], guards })
    }

    async fn reach_users(&self, caller: &Caller, users: &[UserId]) -> Result<Reach, ServiceError> {
        let mut users = users.to_vec();
        users.sort_unstable();
        users.dedup();
        let mut rejected = Vec::new();
        if is_class_bound(caller) {
            let taught = self
                .store
                .sharing_topics(&caller.tenant, as_teacher(caller), users.clone())
                .await?;
            let reason = || "is in none of the classes you teach".to_owned();
            let strangers = users.iter().filter(|user| taught.binary_search(user).is_err());
            rejected = strangers.map(|user| (user.clone(), reason())).collect();
            users = taught;
        }
        if users.is_empty() {
            return Err(outside_classes());
        }
        let accepted = users.len() as u64;
        Ok(Reach { to: SendTo::Users(users), accepted, rejected, guards: vec![] })
    }

    async fn reach_topic(&self, caller: &Caller, topic: &TopicId) -> Result<Reach, ServiceError> {
        let view = self.store.topic(&caller.tenant, topic, &caller.user).await?;
        let view = view.ok_or(ServiceError::NotFound("topic"))?;
        let standing = Standing {
            sends: true,
            sends_to_all: !is_class_bound(caller),
            ..standing(caller, &view)
        };
        match topic::may(TopicAction::Send, standing) {
            Verdict::Yes => {}
            Verdict::No => return Err(outside_classes()),
            Verdict::Hidden => return Err(ServiceError::NotFound("topic")),
        }
        let mut guards = vec![Guard::TopicThere(topic.clone())];
        if is_class_bound(caller) {
            let (topic, user) = (topic.clone(), caller.user.clone());
            guards.push(Guard::MemberAtLeast(topic, user, MemberRole::Teacher));
        }
        let members = self.store.member_counts(&caller.tenant, vec![topic.clone()]).await?;
        let accepted = members.into_iter().sum();
        Ok(Reach { to: SendTo::Topic(topic.clone()), accepted, rejected: vec![], guards })
    }
}

/// A teacher sends to the classes they teach and to who is in them; a service or an admin, who
/// can manage topics anyway, to everybody.
fn is_class_bound(caller: &Caller) -> bool {
    caller.has_role("teacher") && !caller.may(&Scope::TopicsManage)
}

const fn as_teacher(caller: &Caller) -> (&UserId, MemberRole) {
    (&caller.user, MemberRole::Teacher)
}

fn outside_classes() -> ServiceError {
    ServiceError::Forbidden("you may send only to the classes you teach".into())
}
