//! Applying a unit: guards, idempotency, writes in order, audit.
//!
//! Runs under the unit's savepoint; an error undoes the whole unit.

use std::sync::Arc;

use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{Tenant, UserId};
use landfall_core::notification::InboxChange;
use rusqlite::Connection;

use super::runner::{SqliteRunner, now};
use super::{audits, fault, inbox_write, sends};
use crate::sql::{Runner, idempotency, topics};
use crate::{Answer, Change, Guard, MemberOutcome, Outcome, Receipt, StoreError, Unit, Write};

/// A unit being applied: its transaction, whose it is, and what it did so far.
pub(super) struct Context<'a> {
    pub(super) connection: &'a Connection,
    pub(super) tenant: &'a Tenant,
    changes: &'a mut Vec<Change>,
}

impl Context<'_> {
    /// Remembers a change of an inbox, to be told after the commit.
    pub(super) fn changed(&mut self, user: &UserId, number: Number, change: InboxChange) {
        let feed = Arc::new(FeedKey::inbox(self.tenant, user));
        self.changes.push(Change { feed, number, change });
    }
}

/// Applies a unit; pushes what it changed.
pub(super) fn unit(
    connection: &Connection,
    unit: Unit,
    changes: &mut Vec<Change>,
) -> Answer<Receipt> {
    let Unit { tenant, guards, writes, audit, idempotency: key } = unit;
    if let Some(key) = &key {
        now(idempotency::check(&mut SqliteRunner(connection), &tenant, key))?;
    }
    for guard in &guards {
        if !now(holds(&mut SqliteRunner(connection), &tenant, guard))? {
            return Err(StoreError::Stale);
        }
    }
    let mut context = Context { connection, tenant: &tenant, changes };
    let mut outcomes = Vec::with_capacity(writes.len());
    for write in writes {
        outcomes.push(apply(&mut context, write)?);
    }
    let receipt = Receipt { outcomes };
    if !receipt.changed_nothing() {
        audits::append(connection, &tenant, &audit).map_err(fault)?;
    }
    if let Some(key) = &key {
        now(idempotency::keep(&mut SqliteRunner(connection), &tenant, key, &receipt.numbers()))?;
    }
    Ok(receipt)
}

async fn holds<R: Runner>(runner: &mut R, tenant: &Tenant, guard: &Guard) -> Answer<bool> {
    match guard {
        Guard::TopicThere(topic) => topics::is_there(runner, tenant, topic).await,
        Guard::MemberAtLeast(topic, user, role) => {
            let member = topics::member(runner, tenant, topic, user).await?;
            Ok(member.is_some_and(|member| member.role >= *role))
        }
        Guard::TopicAt(topic, number) => {
            Ok(topics::changed(runner, tenant, topic).await? == *number)
        }
        Guard::TaughtBy(user, teacher) => topics::is_taught_by(runner, tenant, user, teacher).await,
    }
}

/// `None` from a statement means that a condition did not hold.
fn numbered(number: Option<Number>) -> Answer<Outcome> {
    number.map(Outcome::Numbered).ok_or(StoreError::Stale)
}

fn apply(context: &mut Context<'_>, write: Write) -> Answer<Outcome> {
    use inbox_write::Settle;
    let outcome = match write {
        Write::Publish(new) => {
            Outcome::Numbered(inbox_write::publish(context, *new).map_err(fault)?)
        }
        Write::MarkRead { user, id, at } => {
            return numbered(inbox_write::mark_read(context, &user, id, at).map_err(fault)?);
        }
        Write::MarkAllRead { user, at } => {
            inbox_write::mark_all_read(context, &user, at).map_err(fault)?
        }
        Write::Delete { user, id } => {
            return numbered(inbox_write::delete(context, &user, id).map_err(fault)?);
        }
        Write::Confirm { user, number, at, details } => {
            inbox_write::settle(context, Settle::Confirmed, &user, number, at, &details)
                .map_err(fault)?
        }
        Write::Unconfirmed { user, number, at, details } => {
            inbox_write::settle(context, Settle::Unconfirmed, &user, number, at, &details)
                .map_err(fault)?
        }
        Write::Expire { user, number, at, details } => {
            inbox_write::settle(context, Settle::Expired, &user, number, at, &details)
                .map_err(fault)?
        }
        other => return apply_to_others(context, other),
    };
    Ok(outcome)
}

fn apply_to_others(context: &Context<'_>, write: Write) -> Answer<Outcome> {
    let Context { connection, tenant, .. } = *context;
    match write {
        Write::CreateSend(send) => {
            sends::create(connection, tenant, &send).map_err(fault)?;
            Ok(Outcome::Done)
        }
        Write::AdvanceSend { id, from, to, reached, is_complete } => {
            let step = sends::Step { id, from, to, reached, is_complete };
            let advanced = sends::advance(connection, tenant, &step).map_err(fault)?;
            if advanced { Ok(Outcome::Done) } else { Err(StoreError::Stale) }
        }
        Write::PutTopic(topic) => {
            let number = now(topics::put(&mut SqliteRunner(connection), tenant, &topic))?;
            Ok(number.map_or(Outcome::Unchanged, Outcome::Numbered))
        }
        Write::DeleteTopic { topic, at } => {
            numbered(now(topics::delete(&mut SqliteRunner(connection), tenant, &topic, at))?)
        }
        Write::PutMember { topic, user, role, at } => {
            let outcome: Option<MemberOutcome> = now(topics::put_member(
                &mut SqliteRunner(connection),
                tenant,
                &topic,
                &user,
                role,
                at,
            ))?;
            outcome.map(Outcome::Member).ok_or(StoreError::Stale)
        }
        Write::RemoveMember { topic, user } => numbered(now(topics::remove_member(
            &mut SqliteRunner(connection),
            tenant,
            &topic,
            &user,
        ))?),
        Write::Publish(_)
        | Write::MarkRead { .. }
        | Write::MarkAllRead { .. }
        | Write::Delete { .. }
        | Write::Confirm { .. }
        | Write::Unconfirmed { .. }
        | Write::Expire { .. } => unreachable!("the caller applies writes to inboxes"),
    }
}
