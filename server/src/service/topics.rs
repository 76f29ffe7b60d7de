//! Topics and members: who may make, change, join and leave them (contract 4).

use landfall_core::audit::{Action, Entity};
use landfall_core::auth::{Caller, Scope};
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_core::notify::FieldError;
use landfall_core::topic::{
    Member, MemberRole, Standing, Topic, TopicAction, TopicKind, Verdict, Visibility, may,
};
use landfall_store::{Guard, MemberOutcome, Outcome, TopicView, Write};
use serde_json::json;

use super::revocations::unit_of;
use super::{ServiceError, Services, deciding};

/// What a topic is to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDraft {
    /// What it is used for; as it is, or `topic`, where absent.
    pub kind: Option<TopicKind>,
    /// Who may join; as it is, or `private`, where absent.
    pub visibility: Option<Visibility>,
    /// What people call it; as it is, or its id, where absent.
    pub title: Option<String>,
    /// A label; as it is where absent.
    pub room_id: Option<String>,
}

/// What a bulk change of members did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MembersChanged {
    /// Who was none before.
    pub added: u64,
    /// Who had another role.
    pub updated: u64,
    /// Who was one already.
    pub unchanged: u64,
}

/// Characters of a topic's title and label.
const TITLE_CHARS_MAX: usize = 200;
/// Members that are read at a time.
const MEMBERS_PAGE: usize = 500;
/// Members that one transaction adds.
const MEMBERS_CHUNK: usize = 500;

/// Says what a caller is to a topic.
pub(super) fn standing(caller: &Caller, view: &TopicView) -> Standing {
    Standing {
        manages_all: caller.may(&Scope::TopicsManage),
        sends: false,
        writes_lessons: caller.may(&Scope::LessonsManage),
        schedules: caller.may(&Scope::EventsManage),
        sends_to_all: false,
        role: view.role,
        visibility: view.topic.visibility,
    }
}

impl Services {
    /// Finds a topic and what the caller is in it.
    ///
    /// # Errors
    /// `NotFound` when it is not there, or private and the caller is not in it.
    pub async fn topic(&self, caller: &Caller, id: &TopicId) -> Result<TopicView, ServiceError> {
        self.allowed(caller, id, TopicAction::See).await
    }

    pub(super) async fn allowed(
        &self,
        caller: &Caller,
        id: &TopicId,
        action: TopicAction,
    ) -> Result<TopicView, ServiceError> {
        let view = self.store.topic(&caller.tenant, id, &caller.user).await?;
        let view = view.ok_or(ServiceError::NotFound("topic"))?;
        match may(action, standing(caller, &view)) {
            Verdict::Yes => Ok(view),
            Verdict::Hidden => Err(ServiceError::NotFound("topic")),
            Verdict::No => {
                Err(ServiceError::Forbidden("your role in this topic does not allow this".into()))
            }
        }
    }

    /// Lists the topics that the caller is in, by id, after `after`.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn topics(
        &self,
        caller: &Caller,
        after: Option<TopicId>,
        limit: usize,
    ) -> Result<Vec<TopicView>, ServiceError> {
        Ok(self.store.topics_of(&caller.tenant, &caller.user, after, limit).await?)
    }

    /// Walks over the members that a topic has now, by user id.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn walk_members(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        mut visit: impl FnMut(Member) + Send,
    ) -> Result<(), ServiceError> {
        let mut after = String::new();
        loop {
            let page = self.store.members(tenant, topic, after, MEMBERS_PAGE).await?;
            let is_last = page.len() < MEMBERS_PAGE;
            after = page.last().map(|last| last.user.to_string()).unwrap_or_default();
            page.into_iter().for_each(&mut visit);
            if is_last {
                return Ok(());
            }
        }
    }

    /// Counts the members of each of some topics, for who was shown them. Nothing that happens often asks for it.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn member_counts(
        &self,
        caller: &Caller,
        topics: Vec<TopicId>,
    ) -> Result<Vec<u64>, ServiceError> {
        Ok(self.store.member_counts(&caller.tenant, topics).await?)
    }

    /// Makes or changes a topic; tells whether it was made. Who makes one without managing all
    /// topics cannot: it takes the scope `topics:manage`, or for a change the role `owner`.
    ///
    /// # Errors
    /// `Invalid`, `Forbidden`, `NotFound` for a private topic of others.
    pub async fn put_topic(
        &self,
        caller: &Caller,
        id: &TopicId,
        draft: &TopicDraft,
    ) -> Result<(TopicView, bool), ServiceError> {
        check_draft(draft)?;
        deciding(|| async move {
            let old = self.store.topic(&caller.tenant, id, &caller.user).await?;
            if old.is_some() {
                self.allowed(caller, id, TopicAction::Manage).await?;
            } else if !caller.may(&Scope::TopicsManage) {
                return Err(ServiceError::needs("topics:manage"));
            }
            let is_new = old.is_none();
            let mut unit = unit_of(caller);
            unit.guards.extend(still(caller, id, MemberRole::Owner));
            let changed = old.as_ref().map(|view| view.changed);
            unit.guards.push(Guard::TopicAt(id.clone(), changed));
            let topic = self.merged(id, draft, old.map(|view| view.topic));
            let entity = Entity::Other("topic", id.to_string());
            let metadata = json!({ "kind": topic.kind.as_str(), "title": topic.title });
            unit.writes.push(Write::PutTopic(Box::new(topic)));
            unit.audit.push(self.entry(caller, Action::TopicChanged, entity, metadata));
            self.commit(unit).await?;
            let view = self.store.topic(&caller.tenant, id, &caller.user).await?;
            Ok((view.ok_or(ServiceError::NotFound("topic"))?, is_new))
        })
        .await
    }

    fn merged(&self, id: &TopicId, draft: &TopicDraft, old: Option<Topic>) -> Topic {
        let now = self.now();
        let old = old.unwrap_or_else(|| Topic {
            id: id.clone(),
            kind: TopicKind::default(),
            visibility: Visibility::default(),
            title: id.to_string(),
            room_id: None,
            created_at: now,
            updated_at: now,
        });
        Topic {
            kind: draft.kind.unwrap_or(old.kind),
            visibility: draft.visibility.unwrap_or(old.visibility),
            title: draft.title.clone().unwrap_or(old.title),
            room_id: draft.room_id.clone().or(old.room_id),
            updated_at: now,
            ..old
        }
    }

    /// Deletes a topic with its memberships.
    ///
    /// # Errors
    /// `Forbidden` unless the caller owns it or manages all; `NotFound`.
    pub async fn delete_topic(&self, caller: &Caller, id: &TopicId) -> Result<(), ServiceError> {
        deciding(|| async move {
            self.allowed(caller, id, TopicAction::Manage).await?;
            let entity = Entity::Other("topic", id.to_string());
            let mut unit = unit_of(caller);
            unit.guards.extend(still(caller, id, MemberRole::Owner));
            unit.writes.push(Write::DeleteTopic { topic: id.clone(), at: self.now() });
            unit.audit.push(self.entry(caller, Action::TopicDeleted, entity, json!({})));
            self.commit(unit).await?;
            Ok(())
        })
        .await
    }

    /// Lists members by user id, after `after`.
    ///
    /// # Errors
    /// `NotFound` when the caller may not see the topic.
    pub async fn members(
        &self,
        caller: &Caller,
        id: &TopicId,
        after: String,
        limit: usize,
    ) -> Result<Vec<Member>, ServiceError> {
        self.allowed(caller, id, TopicAction::See).await?;
        Ok(self.store.members(&caller.tenant, id, after, limit).await?)
    }

    /// Adds members or changes their roles, in transactions of a few hundred; the whole can be
    /// repeated. One's own joining of a public topic is adding oneself as `member`.
    ///
    /// # Errors
    /// `Invalid` for too many; `Forbidden` without the role for it; `NotFound`.
    pub async fn put_members(
        &self,
        caller: &Caller,
        id: &TopicId,
        members: &[(UserId, MemberRole)],
    ) -> Result<MembersChanged, ServiceError> {
        if members.len() > self.settings.members_bulk {
            let detail = format!("must name at most {} members", self.settings.members_bulk);
            return Err(ServiceError::Invalid(vec![FieldError::new("/members", detail)]));
        }
        let mut total = MembersChanged::default();
        for chunk in members.chunks(MEMBERS_CHUNK) {
            let changed = deciding(|| self.put_members_chunk(caller, id, chunk)).await?;
            total.added += changed.added;
            total.updated += changed.updated;
            total.unchanged += changed.unchanged;
        }
        Ok(total)
    }

    /// Adds one member or changes their role; tells whether they were none before.
    ///
    /// # Errors
    /// As [`Services::put_members`].
    pub async fn put_member(
        &self,
        caller: &Caller,
        id: &TopicId,
        user: &UserId,
        role: MemberRole,
    ) -> Result<(Member, bool), ServiceError> {
        let changed = self.put_members(caller, id, &[(user.clone(), role)]).await?;
        let member = self.store.member(&caller.tenant, id, user).await?;
        Ok((member.ok_or(ServiceError::NotFound("member"))?, changed.added > 0))
    }

    async fn put_members_chunk(
        &self,
        caller: &Caller,
        id: &TopicId,
        members: &[(UserId, MemberRole)],
    ) -> Result<MembersChanged, ServiceError> {
        let joins = members == [(caller.user.clone(), MemberRole::Member)];
        let highest = members.iter().map(|(_, role)| *role).max().unwrap_or_default();
        let may_manage = self.allowed(caller, id, TopicAction::Members(highest)).await;
        let mut unit = unit_of(caller);
        unit.guards.extend(match may_manage {
            Ok(_) => still(caller, id, highest.max(MemberRole::Teacher)),
            Err(_) if joins => {
                let view = self.joining(caller, id).await?;
                vec![Guard::TopicAt(id.clone(), Some(view.changed))]
            }
            Err(error) => return Err(error),
        });
        let at = self.now();
        unit.writes = members
            .iter()
            .map(|(user, role)| Write::PutMember {
                topic: id.clone(),
                user: user.clone(),
                role: *role,
                at,
            })
            .collect();
        let entity = Entity::Other("topic", id.to_string());
        let metadata = json!({ "put": members.len() });
        unit.audit.push(self.entry(caller, Action::MembersChanged, entity, metadata));
        let receipt = self.commit(unit).await?;
        Ok(count(&receipt.outcomes))
    }

    /// Who is in already keeps their role: joining again must not demote a teacher.
    async fn joining(&self, caller: &Caller, id: &TopicId) -> Result<TopicView, ServiceError> {
        let view = self.allowed(caller, id, TopicAction::Join).await?;
        match view.role {
            Some(MemberRole::Teacher | MemberRole::Owner) => {
                Err(ServiceError::Forbidden("you are in this topic with a higher role".into()))
            }
            Some(MemberRole::Member) | None => Ok(view),
        }
    }

    /// Removes a member, or oneself.
    ///
    /// # Errors
    /// `Forbidden` without the role for it; `NotFound` when they are not in it.
    pub async fn remove_member(
        &self,
        caller: &Caller,
        id: &TopicId,
        user: &UserId,
    ) -> Result<(), ServiceError> {
        deciding(|| async move {
            let member = self.store.member(&caller.tenant, id, user).await?;
            let role = member.as_ref().map_or(MemberRole::Member, |member| member.role);
            let action =
                if *user == caller.user { TopicAction::Leave } else { TopicAction::Members(role) };
            self.allowed(caller, id, action).await?;
            if member.is_none() {
                return Err(ServiceError::NotFound("member"));
            }
            let entity = Entity::Other("topic", id.to_string());
            let mut unit = unit_of(caller);
            if action != TopicAction::Leave {
                unit.guards.extend(still(caller, id, role.max(MemberRole::Teacher)));
            }
            unit.writes.push(Write::RemoveMember { topic: id.clone(), user: user.clone() });
            let metadata = json!({ "removed": 1 });
            unit.audit.push(self.entry(caller, Action::MembersChanged, entity, metadata));
            self.commit(unit).await?;
            Ok(())
        })
        .await
    }
}

/// What a caller who does not manage all topics must still be when the decision is committed.
pub(super) fn still(caller: &Caller, id: &TopicId, role: MemberRole) -> Vec<Guard> {
    if caller.may(&Scope::TopicsManage) {
        return Vec::new();
    }
    vec![Guard::MemberAtLeast(id.clone(), caller.user.clone(), role)]
}

fn check_draft(draft: &TopicDraft) -> Result<(), ServiceError> {
    let mut faults = Vec::new();
    for (pointer, text) in [("/title", &draft.title), ("/room_id", &draft.room_id)] {
        if text.as_ref().is_some_and(|text| text.chars().count() > TITLE_CHARS_MAX) {
            let detail = format!("must have at most {TITLE_CHARS_MAX} characters");
            faults.push(FieldError::new(pointer, detail));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(ServiceError::Invalid(faults)) }
}

fn count(outcomes: &[Outcome]) -> MembersChanged {
    let mut changed = MembersChanged::default();
    for outcome in outcomes {
        match outcome {
            Outcome::Member(MemberOutcome::Added) => changed.added += 1,
            Outcome::Member(MemberOutcome::Updated) => changed.updated += 1,
            _ => changed.unchanged += 1,
        }
    }
    changed
}
