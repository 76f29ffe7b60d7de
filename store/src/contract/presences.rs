//! The contract of presence: who is connected to which node (contract 4).
//!
//! A node says now and then that it runs. One that has not said so since its lease ended is gone, and who was
//! connected to it was last there when it last said so: nothing has to be written when a node dies.

use landfall_core::id::{NodeId, Tenant, UserId};
use landfall_core::presence::{Status, StatusChange};
use landfall_core::time::Timestamp;

use super::error::Answered;

/// What a node notes of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attended {
    /// Of which tenant.
    pub tenant: Tenant,
    /// Whose.
    pub user: UserId,
    /// When they went; nothing where they came.
    pub went_at: Option<Timestamp>,
}

/// Keeps and tells who is there. `since` is when the oldest lease began that still holds: a node that was last
/// alive before it is gone.
pub trait Presences {
    /// Makes a node known, which is alive now.
    fn begin_node(&self, node: NodeId, at: Timestamp) -> Answered<'_, ()>;

    /// Says that a node is alive; `false` where it is gone, and has to begin as another.
    fn node_lives(&self, node: NodeId, at: Timestamp, since: Timestamp) -> Answered<'_, bool>;

    /// Notes who came to a node and who went, each as often as it is said; gives whose status that changed
    /// over all nodes.
    fn attend(
        &self,
        node: NodeId,
        attended: Vec<Attended>,
        since: Timestamp,
    ) -> Answered<'_, Vec<StatusChange>>;

    /// Ends what was noted of nodes that are gone, of so many users at most; gives whose status that changed.
    /// With less than `limit` nothing is left of any of them.
    fn end_nodes(&self, since: Timestamp, limit: usize)
    -> Answered<'_, (usize, Vec<StatusChange>)>;

    /// Tells how users stand, in their order.
    fn statuses(
        &self,
        tenant: &Tenant,
        users: Vec<UserId>,
        since: Timestamp,
    ) -> Answered<'_, Vec<Status>>;
}
