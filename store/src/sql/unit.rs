//! Applying a unit: guards, idempotency, writes in order, audit.
//!
//! Runs in a transaction, or under a savepoint of one; after an error whatever it did is undone.

use std::sync::Arc;

use landfall_core::change::{FeedChange, TopicChange};
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{Tenant, UserId};
use landfall_core::notification::InboxChange;
use landfall_core::topic::MemberRole;

use super::settle::{Settle, settle};
use super::{
    Runner, audits, blobs, devices, digests, events, idempotency, inbox_write, lessons, messages,
    notices, reach, revocations, sends, sync_write, told, topics,
};
use crate::{
    Answer, AuditDraft, Change, Guard, Outcome, Receipt, StoreError, SyncWrite, Unit, Write,
};

/// Writes being made: where, for whom, and what they did so far.
pub(crate) struct Work<'a, R> {
    /// Runs the statements.
    pub(crate) runner: &'a mut R,
    /// Whose.
    pub(crate) tenant: &'a Tenant,
    /// What is told after the commit.
    pub(crate) changes: &'a mut Vec<Change>,
    /// Entries that the writes themselves owe the trail, to be appended after them.
    pub(crate) entries: Vec<AuditDraft>,
}

impl<R> Work<'_, R> {
    /// Remembers a change of an inbox, to be told after the commit.
    pub(crate) fn changed(&mut self, user: &UserId, number: Number, change: InboxChange) {
        let feed = Arc::new(FeedKey::inbox(self.tenant, user));
        self.changes.push(Change { feed, change: FeedChange::Inbox { number, change } });
    }
}

/// Applies a unit; pushes what it changed.
pub(crate) async fn apply<R: Runner>(
    runner: &mut R,
    unit: Unit,
    changes: &mut Vec<Change>,
) -> Answer<Receipt> {
    let Unit { tenant, guards, writes, audit, idempotency: key } = unit;
    refuse_revoked(runner, &tenant, &guards).await?;
    if let Some(key) = &key {
        idempotency::check(runner, &tenant, key).await?;
    }
    for guard in &guards {
        check(runner, &tenant, guard).await?;
    }
    let mut work = Work { runner, tenant: &tenant, changes, entries: Vec::new() };
    let mut outcomes = Vec::with_capacity(writes.len());
    let mut writes = writes.into_iter();
    let mut next = writes.next();
    while let Some(one) = next {
        next = match one {
            Write::Sync(first) => {
                let mut run = vec![*first];
                let behind = gather(&mut writes, &mut run);
                outcomes.extend(keep_operations(&mut work, &run).await?);
                behind
            }
            one => {
                outcomes.push(write(&mut work, one).await?);
                writes.next()
            }
        };
    }
    let Work { runner, entries, .. } = work;
    audits::append(runner, &tenant, &entries).await?;
    let receipt = Receipt { outcomes };
    if !receipt.changed_nothing() {
        audits::append(runner, &tenant, &audit).await?;
    }
    if let Some(key) = &key {
        idempotency::keep(runner, &tenant, key, &receipt.numbers()).await?;
    }
    Ok(receipt)
}

/// Takes operations that follow; gives the write behind them.
fn gather(writes: &mut impl Iterator<Item = Write>, run: &mut Vec<SyncWrite>) -> Option<Write> {
    loop {
        match writes.next() {
            Some(Write::Sync(next)) => run.push(*next),
            behind => return behind,
        }
    }
}

async fn keep_operations<R: Runner>(
    work: &mut Work<'_, R>,
    operations: &[SyncWrite],
) -> Answer<Vec<Outcome>> {
    let kept = sync_write::keep(work.runner, work.tenant, operations).await?;
    for (write, ended) in operations.iter().zip(&kept) {
        work.changes.extend(told::of_operation(work.tenant, write, *ended));
    }
    Ok(kept)
}

/// Answers `Revoked` for a caller whose token is, before they are told anything.
pub(crate) async fn refuse_revoked<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    guards: &[Guard],
) -> Answer<()> {
    for guard in guards {
        if let Guard::NotRevoked(token) = guard
            && revocations::covers(runner, tenant, token).await?
        {
            return Err(StoreError::Revoked);
        }
    }
    Ok(())
}

/// Answers `Stale` unless a guard holds.
pub(crate) async fn check<R: Runner>(runner: &mut R, tenant: &Tenant, guard: &Guard) -> Answer<()> {
    let holds = match guard {
        Guard::TopicThere(topic) => topics::is_there(runner, tenant, topic).await?,
        Guard::MemberAtLeast(topic, user, role) => {
            let member = topics::member(runner, tenant, topic, user).await?;
            member.is_some_and(|member| member.role >= *role)
        }
        Guard::TopicAt(topic, number) => topics::changed(runner, tenant, topic).await? == *number,
        Guard::TaughtBy(user, teacher) => {
            topics::is_sharing(runner, tenant, user, (teacher, MemberRole::Teacher)).await?
        }
        // Was looked at before everything else.
        Guard::NotRevoked(_) => true,
    };
    if holds { Ok(()) } else { Err(StoreError::Stale) }
}

/// `None` from a statement means that a condition did not hold.
fn numbered(number: Option<Number>) -> Answer<Outcome> {
    number.map(Outcome::Numbered).ok_or(StoreError::Stale)
}

/// Makes one write.
pub(crate) async fn write<R: Runner>(work: &mut Work<'_, R>, write: Write) -> Answer<Outcome> {
    match write {
        Write::Publish(new) => inbox_write::publish(work, *new).await.map(Outcome::Numbered),
        Write::Replace(new) => numbered(inbox_write::replace(work, *new).await?),
        Write::MarkRead { user, id, at } => {
            numbered(inbox_write::mark_read(work, &user, id, at).await?)
        }
        Write::MarkAllRead { user, at } => inbox_write::mark_all_read(work, &user, at).await,
        Write::Delete { user, id } => numbered(inbox_write::delete(work, &user, id).await?),
        Write::Confirm { user, number, at, details } => {
            settle(work, Settle::Confirmed, &user, number, at, details).await
        }
        Write::Unconfirmed { user, number, at, details } => {
            settle(work, Settle::Unconfirmed, &user, number, at, details).await
        }
        Write::Expire { user, number, at, details } => {
            settle(work, Settle::Expired, &user, number, at, details).await
        }
        Write::Sync(operation) => {
            let kept = keep_operations(work, &[*operation]).await?;
            Ok(kept.into_iter().next().unwrap_or(Outcome::Unchanged))
        }
        Write::Synced(next) => {
            devices::note(work.runner, work.tenant, &next).await.map(|()| Outcome::Done)
        }
        about @ (Write::SendMessage { .. }
        | Write::ChangeMessage { .. }
        | Write::ReadMessages { .. }) => {
            let made = write_to_messages(work.runner, work.tenant, &about).await?;
            work.changes.extend(told::of_message(work.tenant, about, made));
            Ok(made)
        }
        other => write_and_tell(work, other).await,
    }
}

/// Makes a write to something else, and tells of it where it is of a topic or a lesson.
async fn write_and_tell<R: Runner>(work: &mut Work<'_, R>, write: Write) -> Answer<Outcome> {
    let tenant = work.tenant;
    if let Write::PutMember { topic, user, role, at } = write {
        let put = topics::put_member(work.runner, tenant, &topic, &user, role, at).await?;
        let (outcome, number) = put.ok_or(StoreError::Stale)?;
        let told = |number| told::of_topic(tenant, &topic, number, TopicChange::Stays);
        work.changes.extend(number.map(told));
        return Ok(Outcome::Member(outcome));
    }
    let (of_lesson, of_topic) = (told::of_lesson(tenant, &write), told::topic_of(&write));
    let made = write_to_others(work.runner, tenant, write).await?;
    work.changes.extend(of_lesson.and_then(|told| told.numbered(made)));
    if let (Some((topic, change)), Outcome::Numbered(number)) = (of_topic, made) {
        work.changes.push(told::of_topic(tenant, &topic, number, change));
    }
    Ok(made)
}

/// Makes the writes about messages.
async fn write_to_messages<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    write: &Write,
) -> Answer<Outcome> {
    match write {
        Write::SendMessage { message, digest } => {
            numbered(messages::send(runner, tenant, message, digest).await?)
        }
        Write::ChangeMessage { message, from } => {
            numbered(messages::change(runner, tenant, message, *from).await?)
        }
        Write::ReadMessages { topic, user, up_to } => {
            messages::read_up_to(runner, tenant, (topic, user), *up_to).await
        }
        _ => unreachable!("the caller makes all others"),
    }
}

async fn write_to_others<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    write: Write,
) -> Answer<Outcome> {
    let write = match reach::write_to_outbox(runner, tenant, write).await {
        Ok(made) => return made,
        Err(other) => other,
    };
    match reach::write_to_people(runner, tenant, write).await {
        Ok(made) => made,
        Err(other) => write_to_classes(runner, tenant, other).await,
    }
}

/// Makes the writes about lessons, blobs, what is scheduled and digests.
async fn write_to_classes<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    write: Write,
) -> Answer<Outcome> {
    match write {
        Write::PutLesson { lesson, class_max } => {
            numbered(lessons::put(runner, tenant, &lesson, class_max).await?)
        }
        Write::DeleteLesson { id, class, version, at } => {
            let of = lessons::Of { id: &id, class: &class, version };
            numbered(lessons::delete(runner, tenant, of, at).await?)
        }
        Write::PutBlob { blob, by, instead_of, room, at } => {
            let use_of = blobs::Use { by: &by, at };
            blobs::put(runner, tenant, &blob, use_of, (instead_of, room)).await
        }
        Write::UseBlob { hash, file, at } => {
            blobs::renew_use(runner, tenant, (&hash, &file), at).await
        }
        Write::ForgetBlob { hash, file, before } => {
            blobs::forget(runner, tenant, (&hash, &file), before).await
        }
        Write::Schedule(write) => events::write(runner, tenant, *write).await,
        Write::Digest(write) => digests::write(runner, tenant, *write).await,
        other => write_to_topics(runner, tenant, other).await,
    }
}

/// Makes the writes about sends, topics and revocations.
async fn write_to_topics<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    write: Write,
) -> Answer<Outcome> {
    match write {
        Write::CreateSend(send) => {
            sends::create(runner, tenant, &send).await.map(|()| Outcome::Done)
        }
        Write::AdvanceSend { id, from, to, reached, next } => {
            let step = sends::Step { id, from, to, reached, next };
            let advanced = sends::advance(runner, tenant, &step).await?;
            if advanced { Ok(Outcome::Done) } else { Err(StoreError::Stale) }
        }
        Write::PutTopic(topic) => {
            let number = topics::put(runner, tenant, &topic).await?;
            Ok(number.map_or(Outcome::Unchanged, Outcome::Numbered))
        }
        Write::DeleteTopic { topic, at } => {
            numbered(topics::delete(runner, tenant, &topic, at).await?)
        }
        Write::Revoke { of, at, reason, by } => {
            let number =
                revocations::revoke(runner, tenant, &of, at, reason.as_deref(), &by).await?;
            Ok(Outcome::Numbered(number))
        }
        Write::Lift { number, at } => {
            numbered(revocations::lift(runner, tenant, number, at).await?)
        }
        Write::NoteMembers(members) => {
            let noted = notices::note(runner, tenant, &members).await?;
            if noted { Ok(Outcome::Done) } else { Err(StoreError::Stale) }
        }
        Write::RemoveMember { topic, user } => {
            numbered(topics::remove_member(runner, tenant, &topic, &user).await?)
        }
        _ => unreachable!(
            "the callers make writes to inboxes, to the outbox, to people and to classes"
        ),
    }
}
