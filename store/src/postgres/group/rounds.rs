//! Which units share a transaction.

use std::collections::HashSet;

use landfall_core::feed::Number;
use landfall_core::id::{Tenant, UserId};

use crate::postgres::lane::Job;
use crate::{Unit, Write};

/// Operations that share a transaction, unless one unit has more.
const OPERATIONS_MAX: usize = 2_048;

/// How a unit is written together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Notifications with their deliveries, and at most one step of a send: refused before anything
    /// is written, then written with everybody else's.
    Publishes,
    /// Operations, and the devices that brought them: refused before anything is written, then
    /// written with everybody else's.
    Syncs,
    /// Ends of deliveries: never refused, written with everybody else's.
    Settles,
    /// One write of another kind, which is refused before it writes.
    One,
    /// Several writes of which a later one may be refused, one that may be refused when it has begun
    /// already, or one that revokes, which would be held against the others of its round: has a
    /// transaction of its own.
    Alone,
}

impl Kind {
    pub(super) fn of(unit: &Unit) -> Self {
        let writes = &unit.writes;
        let of_sends = writes.iter().filter(|write| is_of_send(write)).count();
        let rest = writes.iter().filter(|write| !is_of_send(write));
        if of_sends <= 1 && rest.clone().all(publishes) {
            return Self::Publishes;
        }
        if writes.iter().all(syncs) {
            return Self::Syncs;
        }
        if writes.iter().any(|write| revokes(write) || begins_before_it_knows(write)) {
            return Self::Alone;
        }
        let targets: Option<HashSet<_>> = writes.iter().map(target).collect();
        match targets {
            Some(targets) if targets.len() == writes.len() => Self::Settles,
            _ if writes.len() == 1 => Self::One,
            _ => Self::Alone,
        }
    }
}

/// Says whether a write takes somebody's right to act.
pub(super) fn revokes(write: &Write) -> bool {
    matches!(write, Write::Revoke { .. })
}

/// Says whether a write may be refused when it has begun already.
fn begins_before_it_knows(write: &Write) -> bool {
    match write {
        Write::Sync(_)
        | Write::PutLesson { .. }
        | Write::PutBlob { .. }
        | Write::ForgetBlob { .. }
        | Write::NoteMembers(_)
        | Write::Digest(_)
        | Write::Schedule(_) => true,
        Write::SendMessage { message, .. } => !message.body.attachments.is_empty(),
        _ => false,
    }
}

fn syncs(write: &Write) -> bool {
    matches!(write, Write::Sync(_) | Write::Synced(_))
}

fn publishes(write: &Write) -> bool {
    matches!(write, Write::Publish(_) | Write::Enqueue { .. })
}

/// Says whether a write makes a send or moves its expansion on.
pub(super) fn is_of_send(write: &Write) -> bool {
    matches!(write, Write::CreateSend(_) | Write::AdvanceSend { .. })
}

/// Gives the notification whose delivery a write ends, if it does.
fn target(write: &Write) -> Option<(&UserId, Number)> {
    match write {
        Write::Confirm { user, number, .. }
        | Write::Unconfirmed { user, number, .. }
        | Write::Expire { user, number, .. } => Some((user, *number)),
        _ => None,
    }
}

/// What two units of one round must not both name, because the second has to see what the first
/// did to it.
#[derive(PartialEq, Eq, Hash)]
enum Claim {
    Key(Tenant, String, String),
    Delivery(Tenant, UserId, Number),
}

fn claims(unit: &Unit) -> Vec<Claim> {
    let tenant = || unit.tenant.clone();
    let key = unit.idempotency.iter();
    let key = key.map(|key| Claim::Key(tenant(), key.scope.clone(), key.key.clone()));
    let targets = unit.writes.iter().filter_map(target);
    let targets = targets.map(|(user, number)| Claim::Delivery(tenant(), user.clone(), number));
    key.chain(targets).collect()
}

/// Takes the units of the next transaction, at least one, and leaves the others in their order.
pub(super) fn choose(waiting: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    let mut claimed = HashSet::new();
    let mut operations = 0;
    let (mut round, mut later) = (Vec::with_capacity(waiting.len()), Vec::new());
    for job in waiting {
        let is_alone = Kind::of(&job.unit) == Kind::Alone;
        let claims = claims(&job.unit);
        let is_free = claims.iter().all(|claim| !claimed.contains(claim));
        let more = job.unit.writes.iter().filter(|write| syncs(write)).count();
        let has_room = operations == 0 || operations + more <= OPERATIONS_MAX;
        if is_free && !is_alone && has_room {
            operations += more;
            claimed.extend(claims);
            round.push(job);
        } else {
            later.push(job);
        }
    }
    if round.is_empty() {
        // Only such are left that run alone: the oldest does.
        round.push(later.remove(0));
    }
    (round, later)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use landfall_core::audit::Details;
    use landfall_core::id::NotificationId;
    use landfall_core::time::Timestamp;
    use tokio::sync::oneshot;

    use super::*;
    use crate::{IdempotencyKey, SaltedDetails};

    fn user() -> UserId {
        UserId::parse("u").unwrap()
    }

    fn confirm(number: u64) -> Write {
        let details = Details { actor: None, target: None, metadata: "{}".into() };
        let details = SaltedDetails::new(details, [0; 16]);
        Write::Confirm { user: user(), number: Number(number), at: Timestamp::from_ms(0), details }
    }

    fn read() -> Write {
        let id = NotificationId(uuid::Uuid::nil());
        Write::MarkRead { user: user(), id, at: Timestamp::from_ms(0) }
    }

    fn unit(writes: Vec<Write>) -> Unit {
        Unit { writes, ..Unit::new(&Tenant::parse("t").unwrap()) }
    }

    fn keyed(name: &str) -> Unit {
        let (scope, key, memo) = ("s".into(), name.into(), String::new());
        let key = IdempotencyKey { scope, key, digest: [0; 32], memo, at: Timestamp::from_ms(0) };
        Unit { idempotency: Some(key), ..unit(vec![]) }
    }

    #[test]
    fn a_unit_that_may_be_refused_after_a_write_runs_alone() {
        assert_eq!(Kind::of(&unit(vec![])), Kind::Publishes);
        assert_eq!(Kind::of(&unit(vec![read()])), Kind::One);
        assert_eq!(Kind::of(&unit(vec![confirm(1), confirm(2)])), Kind::Settles);
        assert_eq!(Kind::of(&unit(vec![confirm(1), confirm(1)])), Kind::Alone);
        assert_eq!(Kind::of(&unit(vec![confirm(1), read()])), Kind::Alone);
        assert_eq!(Kind::of(&unit(vec![read(), read()])), Kind::Alone);
    }

    #[test]
    fn what_is_named_twice_waits_for_the_next_round() {
        let units = [
            unit(vec![read(), read()]),
            keyed("a"),
            keyed("b"),
            keyed("a"),
            unit(vec![confirm(1)]),
            unit(vec![confirm(2), confirm(1)]),
        ];
        let mut waiting: Vec<Job> =
            units.into_iter().map(|unit| Job { unit, reply: oneshot::channel().0 }).collect();
        let mut sizes = Vec::new();
        while !waiting.is_empty() {
            let (round, later) = choose(waiting);
            sizes.push(round.len());
            waiting = later;
        }
        assert_eq!(sizes, [3, 2, 1]);
    }
}
