//! The locks of a transaction: every feed that its units name, in one order for all nodes.
//!
//! Whoever writes rows of an inbox or a topic holds the lock of its feed. Because everybody takes
//! these locks by tenant, kind and owner, in one pass and before any other, two transactions never
//! wait for each other. Feeds that are not there yet are made before, in a transaction of their own:
//! one that made them on the way would hold them out of turn. Whoever registers an address holds its
//! user's inbox, too, so that two of one device come one after the other. What comes behind stands
//! in `outbox` and `trail`.

use std::collections::{BTreeSet, HashMap};

use landfall_core::feed::{FeedKey, FeedKind, Number};
use landfall_core::id::{Tenant, TopicId, UserId};

use crate::postgres::runner::PostgresRunner;
use crate::sql::feeds::feed_base;
use crate::sql::{Row, revocations};
use crate::{Answer, Guard, Unit, Write};

/// A feed by its names, which sort as the database sorts them.
type Name<'u> = (&'u str, &'u str, &'u str);

/// A feed that this transaction holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) id: i64,
    pub(super) newest: Number,
    pub(super) read_up_to: Number,
}

/// The feeds that are there and held.
#[derive(Debug, Default)]
pub(super) struct Locked<'u>(HashMap<Name<'u>, Held>);

impl Locked<'_> {
    pub(super) fn inbox(&self, tenant: &Tenant, user: &UserId) -> Option<Held> {
        self.0.get(&(tenant.as_str(), FeedKind::Inbox.as_str(), user.as_str())).copied()
    }

    pub(super) fn feed(&self, feed: &FeedKey) -> Option<Held> {
        self.0.get(&name_of_feed(feed)).copied()
    }

    pub(super) fn feeds(&self) -> impl Iterator<Item = Held> {
        self.0.values().copied()
    }
}

#[derive(Default)]
struct Named<'u> {
    /// Locked where they are there.
    all: BTreeSet<Name<'u>>,
    /// Made where they are not.
    made: BTreeSet<Name<'u>>,
}

impl<'u> Named<'u> {
    fn by(units: impl Iterator<Item = &'u Unit>) -> Self {
        let mut named = Self::default();
        units.for_each(|unit| name(&mut named, unit));
        named
    }
}

/// Makes the feeds that units write to, as far as nobody wrote to them yet, with the next statement;
/// outside of their transaction, of which they show nothing.
pub(super) async fn make_ahead<'u>(
    runner: &mut PostgresRunner<'_>,
    units: impl Iterator<Item = &'u Unit>,
) -> Answer<()> {
    let named = Named::by(units);
    if named.made.is_empty() {
        return Ok(());
    }
    let sql = concat!(
        "insert into feed (tenant, kind, owner, newest, horizon)
         select tenant, kind, owner, ",
        feed_base!(),
        ", ",
        feed_base!(),
        " from unnest($1::text[], $2::text[], $3::text[]) as n (tenant, kind, owner)
         order by tenant collate \"C\", kind collate \"C\", owner collate \"C\"
         on conflict (tenant, kind, owner) do nothing"
    );
    let (tenants, kinds, owners) = columns(named.made.iter());
    runner.change_ahead(sql, &[&tenants, &kinds, &owners]).await
}

/// Locks every feed that units name and that is there.
pub(super) async fn lock<'u>(
    runner: &mut PostgresRunner<'_>,
    units: impl Iterator<Item = &'u Unit>,
) -> Answer<Locked<'u>> {
    let named = Named::by(units);
    if named.all.is_empty() {
        return Ok(Locked::default());
    }
    let sql = "select f.id, f.newest, f.read_up_to, n.place
               from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
                   as n (tenant, kind, owner, place)
               join feed f on f.tenant = n.tenant and f.kind = n.kind and f.owner = n.owner
               order by f.tenant, f.kind, f.owner for update of f";
    let names: Vec<Name<'u>> = named.all.into_iter().collect();
    let places: Vec<i64> = (0..names.len() as i64).collect();
    let (tenants, kinds, owners) = columns(names.iter());
    let rows = runner.rows(sql, &[&tenants, &kinds, &owners, &places]).await?;
    let mut locked = HashMap::with_capacity(rows.len());
    for row in &rows {
        let row: &dyn Row = row;
        let (newest, read_up_to) = (row.number(1)?, row.number(2)?);
        let held = Held { id: row.int(0)?, newest, read_up_to };
        locked.insert(names[row.count(3)? as usize], held);
    }
    Ok(Locked(locked))
}

fn name_of_feed(feed: &FeedKey) -> Name<'_> {
    (feed.tenant.as_str(), feed.kind.as_str(), &feed.owner)
}

type Texts<'u> = Vec<&'u str>;

fn columns<'n, 'u: 'n>(
    names: impl Iterator<Item = &'n Name<'u>>,
) -> (Texts<'u>, Texts<'u>, Texts<'u>) {
    let (mut tenants, mut kinds, mut owners) = (Vec::new(), Vec::new(), Vec::new());
    for (tenant, kind, owner) in names {
        tenants.push(*tenant);
        kinds.push(*kind);
        owners.push(*owner);
    }
    (tenants, kinds, owners)
}

fn name<'u>(named: &mut Named<'u>, unit: &'u Unit) {
    let of_topic =
        |topic: &'u TopicId| (unit.tenant.as_str(), FeedKind::Topic.as_str(), topic.as_str());
    for guard in &unit.guards {
        match guard {
            Guard::TopicThere(topic)
            | Guard::MemberAtLeast(topic, ..)
            | Guard::TopicAt(topic, _) => named.all.insert(of_topic(topic)),
            // Names no topic: it holds as long as any does.
            Guard::TaughtBy(..) => false,
            // Rows of no feed: see `revoked`.
            Guard::NotRevoked(_) => false,
        };
    }
    unit.writes.iter().for_each(|write| name_of_write(named, &unit.tenant, write));
}

fn name_of_write<'u>(named: &mut Named<'u>, tenant: &'u Tenant, write: &'u Write) {
    let inbox = |user: &'u UserId| (tenant.as_str(), FeedKind::Inbox.as_str(), user.as_str());
    let of_topic = |topic: &'u TopicId| (tenant.as_str(), FeedKind::Topic.as_str(), topic.as_str());
    let mut make = |name| {
        named.made.insert(name);
        named.all.insert(name)
    };
    match write {
        Write::Publish(new) => make(inbox(&new.user)),
        Write::Replace(new) => named.all.insert(inbox(&new.user)),
        Write::PutAddress(address) => make(inbox(&address.user)),
        Write::PutTopic(topic) => make(of_topic(&topic.id)),
        Write::Revoke { .. } | Write::Lift { .. } => make(revocations::COUNTER),
        Write::Sync(write) => make(name_of_feed(&write.feed)),
        Write::PutLesson { lesson, .. } => named.all.insert(of_topic(&lesson.class)),
        Write::DeleteLesson { class, .. } => named.all.insert(of_topic(class)),
        Write::SendMessage { message, .. } | Write::ChangeMessage { message, .. } => {
            named.all.insert(of_topic(&message.topic))
        }
        Write::ReadMessages { topic, .. }
        | Write::DeleteTopic { topic, .. }
        | Write::PutMember { topic, .. }
        | Write::RemoveMember { topic, .. } => named.all.insert(of_topic(topic)),
        other => inbox_of(other).is_some_and(|user| named.all.insert(inbox(user))),
    };
}

/// Gives the user to whose inbox a write goes, or whose addresses go.
fn inbox_of(write: &Write) -> Option<&UserId> {
    match write {
        Write::MarkRead { user, .. }
        | Write::MarkAllRead { user, .. }
        | Write::Delete { user, .. }
        | Write::Confirm { user, .. }
        | Write::Unconfirmed { user, .. }
        | Write::Expire { user, .. }
        | Write::Cancel { user, .. }
        | Write::RemoveAddress { user, .. }
        | Write::DeletePerson { user, .. } => Some(user),
        _ => None,
    }
}
