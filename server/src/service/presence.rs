//! Presence: what nodes note of who is connected, and who may know of it (contract 4).

use landfall_core::auth::{Caller, Scope};
use landfall_core::id::{NodeId, Tenant, TopicId, UserId};
use landfall_core::presence::{Status, StatusChange};
use landfall_core::time::Timestamp;
use landfall_core::topic::MemberRole;
use landfall_store::Attended;

use super::{ServiceError, Services};

/// Who may know whether somebody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusAudience {
    /// Every user of the tenant.
    Tenant,
    /// Those who share a topic with them.
    Topic,
    /// Nobody but themselves.
    Nobody,
}

/// How presence is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceSettings {
    /// Who may know.
    pub audience: StatusAudience,
    /// Whoever is back within so many milliseconds was never gone.
    pub grace_ms: i64,
    /// A node that has not said for so many milliseconds that it runs is gone.
    pub lease_ms: i64,
}

/// Users whose presence one request may ask for.
pub const USERS_ASKED_MAX: usize = 500;
/// Of nodes that are gone, so many users are ended at a time.
const ENDED_MAX: usize = 500;

impl Services {
    /// Says since when a node must have been heard of to count.
    pub(super) fn since(&self) -> Timestamp {
        self.now().plus_ms(-self.settings.presence.lease_ms)
    }

    /// Makes this node known under a new name.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn begin_node(&self) -> Result<NodeId, ServiceError> {
        let at = self.now();
        let node = self.ids.node(at);
        self.store.begin_node(node, at).await?;
        Ok(node)
    }

    /// Says that this node runs; `false` where it was silent for too long, and has to begin anew.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn node_lives(&self, node: NodeId) -> Result<bool, ServiceError> {
        Ok(self.store.node_lives(node, self.now(), self.since()).await?)
    }

    /// Notes who came to a node and who went; gives whose status that changed.
    ///
    /// # Errors
    /// When the store is away; it may be said again.
    pub async fn attend(
        &self,
        node: NodeId,
        attended: Vec<Attended>,
    ) -> Result<Vec<StatusChange>, ServiceError> {
        Ok(self.store.attend(node, attended, self.since()).await?)
    }

    /// Ends a part of what nodes noted that are gone; gives whose status that changed, and whether more is left.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn end_nodes(&self) -> Result<(Vec<StatusChange>, bool), ServiceError> {
        let (count, changes) = self.store.end_nodes(self.since(), ENDED_MAX).await?;
        Ok((changes, count >= ENDED_MAX))
    }

    /// Tells how users stand, in their order. Of whom the caller may not know it is told what is told of
    /// somebody who never was there.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn statuses(
        &self,
        caller: &Caller,
        users: &[UserId],
    ) -> Result<Vec<Status>, ServiceError> {
        let known = self.known_to(caller, users).await?;
        let found = self.store.statuses(&caller.tenant, users.to_vec(), self.since()).await?;
        let told = |(user, status): (&UserId, Status)| {
            let is_known = known.as_ref().is_none_or(|known| known.binary_search(user).is_ok());
            if is_known || *user == caller.user { status } else { Status::default() }
        };
        Ok(users.iter().zip(found).map(told).collect())
    }

    /// Gives those of some users of whom a caller may know, sorted; `None` is everybody.
    async fn known_to(
        &self,
        caller: &Caller,
        users: &[UserId],
    ) -> Result<Option<Vec<UserId>>, ServiceError> {
        let audience = self.settings.presence.audience;
        if audience == StatusAudience::Tenant || caller.may(&Scope::UsersManage) {
            return Ok(None);
        }
        if audience == StatusAudience::Nobody {
            return Ok(Some(Vec::new()));
        }
        let as_member = (&caller.user, MemberRole::Member);
        let sharing = self.store.sharing_topics(&caller.tenant, as_member, users.to_vec());
        Ok(Some(sharing.await?))
    }

    /// Gives the topics that a user is in.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn topics_of_user(
        &self,
        tenant: &Tenant,
        user: &UserId,
    ) -> Result<Vec<TopicId>, ServiceError> {
        let memberships = self.store.memberships(tenant, user).await?;
        Ok(memberships.into_iter().map(|membership| membership.topic).collect())
    }
}
