//! Writing inboxes: publish, read, delete, and how deliveries end.

use std::sync::Arc;

use landfall_core::audit::{Action, Entity};
use landfall_core::feed::{FeedKind, Number};
use landfall_core::id::{NotificationId, UserId};
use landfall_core::notification::{InboxChange, NewNotification, Notification};
use landfall_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::apply::Context;
use super::{audits, rows};
use crate::{AuditDraft, Outcome, SaltedDetails};

const INBOX: &str = FeedKind::Inbox.as_str();

/// Numbers a notification and puts it on its user's inbox.
pub(super) fn publish(context: &mut Context<'_>, new: NewNotification) -> rusqlite::Result<Number> {
    let sql = "insert into feed (tenant, kind, owner, newest, unread) values (?1, ?2, ?3, 1, 1)
               on conflict (tenant, kind, owner)
               do update set newest = newest + 1, unread = unread + 1
               returning id, newest";
    let mut statement = context.connection.prepare_cached(sql)?;
    let owner = params![context.tenant.as_str(), INBOX, new.user.as_str()];
    let (feed, number) =
        statement.query_row(owner, |row| Ok((row.get::<_, i64>(0)?, Number(row.get(1)?))))?;
    drop(statement);
    let notification = new.numbered(number);
    insert(context, feed, &notification)?;
    let user = notification.user.clone();
    context.changed(&user, number, InboxChange::Published(Arc::new(notification)));
    Ok(number)
}

fn insert(context: &Context<'_>, feed: i64, n: &Notification) -> rusqlite::Result<()> {
    let sql = "insert into notification (
                   feed_id, born, changed, tenant, id, type, template_id, title, message, data,
                   priority, locale, sender_id, sender_name, image, actions, link, created_at,
                   expires_at, channels, send_id)
               values (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                   ?17, ?18, ?19, ?20)";
    let content = &n.content;
    context.connection.prepare_cached(sql)?.execute(params![
        feed,
        n.number.0,
        context.tenant.as_str(),
        n.id.0.as_bytes(),
        content.notification_type,
        content.template_id,
        content.title,
        content.message,
        content.data.as_str(),
        rows::priority_code(content.priority),
        content.locale,
        content.sender_id.as_ref().map(UserId::as_str),
        content.sender_name,
        content.image,
        content.actions.as_ref().map(|json| json.as_str()),
        content.link,
        n.created_at.as_ms(),
        n.expires_at.map(Timestamp::as_ms),
        rows::plan_text(&n.channels),
        n.send.as_ref().map(|send| send.0.as_bytes().as_slice()),
    ])?;
    Ok(())
}

/// Where a notification lies, and whether it counts as unread.
struct Place {
    feed: i64,
    born: Number,
    is_unread: bool,
}

fn place(
    context: &Context<'_>,
    user: &UserId,
    id: NotificationId,
) -> rusqlite::Result<Option<Place>> {
    let sql = "select n.feed_id, n.born, n.read_at is null and n.born > f.read_up_to
               from notification n join feed f on f.id = n.feed_id
               where n.tenant = ?1 and n.id = ?2 and f.owner = ?3 and n.deleted = 0";
    let mut statement = context.connection.prepare_cached(sql)?;
    statement
        .query_row(params![context.tenant.as_str(), id.0.as_bytes(), user.as_str()], |row| {
            Ok(Place { feed: row.get(0)?, born: Number(row.get(1)?), is_unread: row.get(2)? })
        })
        .optional()
}

/// Takes the feed's next number; one unread less where the row counted as unread.
fn next(context: &Context<'_>, place: &Place) -> rusqlite::Result<Number> {
    let sql = "update feed set newest = newest + 1, unread = unread - ?3
               where id = ?1 and tenant = ?2 returning newest";
    let mut statement = context.connection.prepare_cached(sql)?;
    let values = params![place.feed, context.tenant.as_str(), place.is_unread];
    statement.query_row(values, |row| row.get(0)).map(Number)
}

/// Marks a notification read; `None` unless it is there and unread. Who reads it has it, so it
/// counts as delivered.
pub(super) fn mark_read(
    context: &mut Context<'_>,
    user: &UserId,
    id: NotificationId,
    at: Timestamp,
) -> rusqlite::Result<Option<Number>> {
    let Some(place) = place(context, user, id)?.filter(|place| place.is_unread) else {
        return Ok(None);
    };
    let number = next(context, &place)?;
    let sql = "update notification
               set changed = ?3, read_at = ?4, delivered_at = coalesce(delivered_at, ?4)
               where feed_id = ?1 and born = ?2";
    let values = params![place.feed, place.born.0, number.0, at.as_ms()];
    context.connection.prepare_cached(sql)?.execute(values)?;
    context.changed(user, number, InboxChange::Read { id, at });
    Ok(Some(number))
}

/// Deletes a notification for its owner; `None` unless it is there.
pub(super) fn delete(
    context: &mut Context<'_>,
    user: &UserId,
    id: NotificationId,
) -> rusqlite::Result<Option<Number>> {
    let Some(place) = place(context, user, id)? else { return Ok(None) };
    let number = next(context, &place)?;
    // What it said goes at once; what stays tells other devices to forget it.
    let sql = "update notification
               set changed = ?3, deleted = 1, title = '', message = '', data = '{}',
                   image = null, actions = null, link = null
               where feed_id = ?1 and born = ?2";
    context.connection.prepare_cached(sql)?.execute(params![place.feed, place.born.0, number.0])?;
    context.changed(user, number, InboxChange::Deleted { id });
    Ok(Some(number))
}

/// Marks everything up to the head read: one row, however many notifications.
pub(super) fn mark_all_read(
    context: &mut Context<'_>,
    user: &UserId,
    at: Timestamp,
) -> rusqlite::Result<Outcome> {
    let sql = "select newest, unread from feed
               where tenant = ?1 and kind = ?2 and owner = ?3 and unread > 0";
    let mut statement = context.connection.prepare_cached(sql)?;
    let owner = params![context.tenant.as_str(), INBOX, user.as_str()];
    let found: Option<(u64, u64)> =
        statement.query_row(owner, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((newest, marked)) = found else { return Ok(Outcome::Unchanged) };
    let (up_to, number) = (Number(newest), Number(newest).next());
    let sql = "update feed set newest = ?4, unread = 0, read_up_to = ?5, read_mark = ?4,
                   read_mark_at = ?6
               where tenant = ?1 and kind = ?2 and owner = ?3";
    let name = (context.tenant.as_str(), INBOX, user.as_str());
    let values = params![name.0, name.1, name.2, number.0, up_to.0, at.as_ms()];
    context.connection.prepare_cached(sql)?.execute(values)?;
    context.changed(user, number, InboxChange::AllRead { up_to, at });
    Ok(Outcome::AllRead { number, up_to, marked })
}

/// How the delivery of a notification ended, or did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settle {
    /// A device confirmed it.
    Confirmed,
    /// It was written to a device that went away without a word.
    Unconfirmed,
    /// It expired.
    Expired,
}

/// Settles an undelivered notification, with an audit entry; unchanged when it was delivered before,
/// or when it expired after the "all read" mark had covered it.
pub(super) fn settle(
    context: &Context<'_>,
    how: Settle,
    user: &UserId,
    number: Number,
    at: Timestamp,
    details: &SaltedDetails,
) -> rusqlite::Result<Outcome> {
    let Some(settled) = update_settled(context, how, user, number, at)? else {
        return Ok(Outcome::Unchanged);
    };
    if how == Settle::Expired {
        if settled.is_read {
            // Nothing failed: its owner has seen it. It only leaves what waits to expire.
            return Ok(Outcome::Unchanged);
        }
        fail_channels(context, &settled)?;
    }
    if how == Settle::Unconfirmed && settled.attempts > 1 {
        // The first loss is told; a device that comes and goes must not fill the trail.
        return Ok(Outcome::Done);
    }
    let action = match how {
        Settle::Confirmed => Action::NotificationDelivered,
        Settle::Unconfirmed | Settle::Expired => Action::NotificationFailed,
    };
    let entity = Entity::Notification(NotificationId(settled.id));
    let entry = AuditDraft { at, action, entity, details: details.clone() };
    audits::append(context.connection, context.tenant, &[entry])?;
    Ok(Outcome::Done)
}

/// What settling found.
struct Settled {
    id: Uuid,
    channels: String,
    is_read: bool,
    attempts: u64,
}

fn update_settled(
    context: &Context<'_>,
    how: Settle,
    user: &UserId,
    number: Number,
    at: Timestamp,
) -> rusqlite::Result<Option<Settled>> {
    let sql = match how {
        Settle::Confirmed => {
            "update notification set delivered_at = ?5, attempts = attempts + 1
             where feed_id = (select id from feed where tenant = ?1 and kind = ?2 and owner = ?3)
               and born = ?4 and delivered_at is null and deleted = 0
             returning id, channels,
                 born <= (select read_up_to from feed where id = feed_id), attempts"
        }
        Settle::Unconfirmed => {
            "update notification set attempts = attempts + 1
             where feed_id = (select id from feed where tenant = ?1 and kind = ?2 and owner = ?3)
               and born = ?4 and delivered_at is null and deleted = 0 and ?5 is not null
             returning id, channels,
                 born <= (select read_up_to from feed where id = feed_id), attempts"
        }
        Settle::Expired => {
            "update notification set is_expired = 1
             where feed_id = (select id from feed where tenant = ?1 and kind = ?2 and owner = ?3)
               and born = ?4 and delivered_at is null and deleted = 0 and is_expired = 0
               and expires_at <= ?5
             returning id, channels,
                 born <= (select read_up_to from feed where id = feed_id), attempts"
        }
    };
    let (tenant, user) = (context.tenant.as_str(), user.as_str());
    let mut statement = context.connection.prepare_cached(sql)?;
    let values = params![tenant, INBOX, user, number.0, at.as_ms()];
    let settled = |row: &Row<'_>| {
        Ok(Settled {
            id: rows::uuid(row, 0)?,
            channels: row.get(1)?,
            is_read: row.get(2)?,
            attempts: row.get(3)?,
        })
    };
    statement.query_row(values, settled).optional()
}

/// Gives up what a plan still had to try.
fn fail_channels(context: &Context<'_>, settled: &Settled) -> rusqlite::Result<()> {
    let plan = rows::plan_text(&rows::plan_expired(rows::plan(&settled.channels)?));
    let sql = "update notification set channels = ?3 where tenant = ?1 and id = ?2";
    let values = params![context.tenant.as_str(), settled.id.as_bytes(), plan];
    context.connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}
