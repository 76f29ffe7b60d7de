//! Presence: each question on a borrowed connection, and what is noted in one transaction, so that who is told of
//! it and what is kept of it agree.

use landfall_core::id::{NodeId, Tenant, UserId};
use landfall_core::presence::{Status, StatusChange};
use landfall_core::time::Timestamp;

use super::Postgres;
use super::reads::{ask, transact};
use crate::sql::presences;
use crate::{Answered, Attended, Presences};

impl Presences for Postgres {
    fn begin_node(&self, node: NodeId, at: Timestamp) -> Answered<'_, ()> {
        ask!(self.pool, |r| presences::begin(r, node, at))
    }

    fn node_lives(&self, node: NodeId, at: Timestamp, since: Timestamp) -> Answered<'_, bool> {
        ask!(self.pool, |r| presences::lives(r, node, at, since))
    }

    fn attend(
        &self,
        node: NodeId,
        attended: Vec<Attended>,
        since: Timestamp,
    ) -> Answered<'_, Vec<StatusChange>> {
        transact!(self.pool, |r| presences::attend(r, node, &attended, since))
    }

    fn end_nodes(
        &self,
        since: Timestamp,
        limit: usize,
    ) -> Answered<'_, (usize, Vec<StatusChange>)> {
        transact!(self.pool, |r| presences::end(r, since, limit))
    }

    fn statuses(
        &self,
        tenant: &Tenant,
        users: Vec<UserId>,
        since: Timestamp,
    ) -> Answered<'_, Vec<Status>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| presences::statuses(r, &tenant, &users, since))
    }
}
