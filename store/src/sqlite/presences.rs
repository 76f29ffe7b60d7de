//! Binds presence to the statements.

use landfall_core::id::{NodeId, Tenant, UserId};
use landfall_core::presence::{Status, StatusChange};
use landfall_core::time::Timestamp;

use super::Sqlite;
use super::runner::at_once;
use crate::sql::presences;
use crate::{Answered, Attended, Presences};

impl Presences for Sqlite {
    fn begin_node(&self, node: NodeId, at: Timestamp) -> Answered<'_, ()> {
        Box::pin(self.committer.run(move |r| at_once(presences::begin(r, node, at))))
    }

    fn node_lives(&self, node: NodeId, at: Timestamp, since: Timestamp) -> Answered<'_, bool> {
        Box::pin(self.committer.run(move |r| at_once(presences::lives(r, node, at, since))))
    }

    fn attend(
        &self,
        node: NodeId,
        attended: Vec<Attended>,
        since: Timestamp,
    ) -> Answered<'_, Vec<StatusChange>> {
        let attend =
            self.committer.run(move |r| at_once(presences::attend(r, node, &attended, since)));
        Box::pin(attend)
    }

    fn end_nodes(
        &self,
        since: Timestamp,
        limit: usize,
    ) -> Answered<'_, (usize, Vec<StatusChange>)> {
        Box::pin(self.committer.run(move |r| at_once(presences::end(r, since, limit))))
    }

    fn statuses(
        &self,
        tenant: &Tenant,
        users: Vec<UserId>,
        since: Timestamp,
    ) -> Answered<'_, Vec<Status>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(presences::statuses(r, &tenant, &users, since))))
    }
}
