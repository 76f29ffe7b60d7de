//! The contract of reading topics.

use landfall_core::feed::Number;
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;
use landfall_core::topic::{Member, MemberRole, Topic};

use super::error::Answered;

/// A topic as one user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// The topic.
    pub topic: Topic,
    /// The number of its last change on its own feed.
    pub changed: Number,
    /// What the user is in it.
    pub role: Option<MemberRole>,
}

/// Of a user's memberships at most so many are given together.
pub const MEMBERSHIPS_MAX: usize = 1_024;

/// That a user is in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Which.
    pub topic: TopicId,
    /// What they are in it.
    pub role: MemberRole,
    /// Since when.
    pub joined_at: Timestamp,
}

/// Reads topics and memberships.
pub trait Topics {
    /// Finds a topic, and what a user is in it.
    fn topic(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        user: &UserId,
    ) -> Answered<'_, Option<TopicView>>;

    /// Lists the topics a user is in, by id, after `after`.
    fn topics_of(
        &self,
        tenant: &Tenant,
        user: &UserId,
        after: Option<TopicId>,
        limit: usize,
    ) -> Answered<'_, Vec<TopicView>>;

    /// Counts the members of each of some topics, at a cost that grows with them.
    fn member_counts(&self, tenant: &Tenant, topics: Vec<TopicId>) -> Answered<'_, Vec<u64>>;

    /// Gives the topics a user is in, by id, [`MEMBERSHIPS_MAX`] at most, and since when.
    fn memberships(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Vec<Membership>>;

    /// Gives the topics a user was in and is in no more, by id, [`MEMBERSHIPS_MAX`] at most.
    fn left_topics(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Vec<TopicId>>;

    /// Lists a topic's members by user id, after `after` (a user id, or empty). A member who is
    /// there during the whole of a walk through the pages is in exactly one of them.
    fn members(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        after: String,
        limit: usize,
    ) -> Answered<'_, Vec<Member>>;

    /// Gives those of `users` who are in a topic in which `user` has at least this role, sorted.
    fn sharing_topics(
        &self,
        tenant: &Tenant,
        user: (&UserId, MemberRole),
        users: Vec<UserId>,
    ) -> Answered<'_, Vec<UserId>>;

    /// Gives those of `users` who are in a topic, in their order.
    fn members_among(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        users: Vec<UserId>,
    ) -> Answered<'_, Vec<UserId>>;

    /// Finds one member.
    fn member(
        &self,
        tenant: &Tenant,
        topic: &TopicId,
        user: &UserId,
    ) -> Answered<'_, Option<Member>>;
}
