//! Writing inboxes: publish, read and delete.

use std::sync::Arc;

use landfall_core::feed::{FeedKind, Number};
use landfall_core::id::{NotificationId, Tenant, UserId};
use landfall_core::notification::{InboxChange, NewNotification, Notification};
use landfall_core::time::Timestamp;

use super::feeds::feed_base;
use super::unit::Work;
use super::{Query, Row, Runner, Value, codes, delivery};
use crate::{Answer, Outcome, StoreError};

const INBOX: &str = FeedKind::Inbox.as_str();

/// Numbers a notification and puts it on its user's inbox.
pub(crate) async fn publish<R: Runner>(
    work: &mut Work<'_, R>,
    new: NewNotification,
) -> Answer<Number> {
    let sql = concat!(
        "insert into feed (tenant, kind, owner, newest, horizon, unread)
         values (?1, ?2, ?3, ",
        feed_base!(),
        " + 1, ",
        feed_base!(),
        ", 1)
         on conflict (tenant, kind, owner)
         do update set newest = feed.newest + 1, unread = feed.unread + 1
         returning id, newest"
    );
    let owner = [work.tenant.into(), INBOX.into(), (&new.user).into()];
    let numbered = Query::new(sql, owner, |row| Ok((row.int(0)?, row.number(1)?)));
    let (feed, number) = work.runner.one(numbered).await?;
    let notification = new.numbered(number);
    work.runner.execute(insert(work.tenant, feed, &notification)).await?;
    let user = notification.user.clone();
    work.changed(&user, number, InboxChange::Published(Arc::new(notification)));
    Ok(number)
}

/// Puts a notification in the place of the one that has its id; `None` unless that is there and unread.
pub(crate) async fn replace<R: Runner>(
    work: &mut Work<'_, R>,
    new: NewNotification,
) -> Answer<Option<Number>> {
    let found = place(work, &new.user, new.id).await?;
    let Some(old) = found.filter(|place| place.is_unread) else { return Ok(None) };
    let number = next(work, &Place { is_unread: false, ..old }).await?;
    let sql = "delete from notification where feed_id = ?1 and born = ?2";
    work.runner.execute(Query::command(sql, [old.feed.into(), old.born.into()])).await?;
    delivery::withdraw(work.runner, work.tenant, (new.id, new.created_at)).await?;
    let notification = new.numbered(number);
    work.runner.execute(insert(work.tenant, old.feed, &notification)).await?;
    let user = notification.user.clone();
    work.changed(&user, number, InboxChange::Published(Arc::new(notification)));
    Ok(Some(number))
}

fn insert<'a>(tenant: &'a Tenant, feed: i64, new: &'a Notification) -> Query<'a, (), 20> {
    let sql = "insert into notification (
                   feed_id, born, changed, tenant, id, type, template_id, title, message, data,
                   priority, locale, sender_id, sender_name, image, actions, link, created_at,
                   expires_at, channels, send_id)
               values (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                   ?17, ?18, ?19, ?20)";
    Query::command(sql, values(tenant, feed, new))
}

/// Gives a new notification's columns: feed_id, born (and changed), tenant, id, type, template_id,
/// title, message, data, priority, locale, sender_id, sender_name, image, actions, link,
/// created_at, expires_at, channels and send_id.
pub(crate) fn values<'a>(tenant: &'a Tenant, feed: i64, new: &'a Notification) -> [Value<'a>; 20] {
    let content = &new.content;
    [
        feed.into(),
        new.number.into(),
        tenant.into(),
        (&new.id.0).into(),
        (&content.notification_type).into(),
        content.template_id.as_ref().into(),
        (&content.title).into(),
        (&content.message).into(),
        content.data.as_str().into(),
        codes::priority_code(content.priority).into(),
        content.locale.as_ref().into(),
        content.sender_id.as_ref().into(),
        content.sender_name.as_ref().into(),
        content.image.as_ref().into(),
        content.actions.as_ref().map(|json| json.as_str()).into(),
        content.link.as_ref().into(),
        new.created_at.into(),
        new.expires_at.into(),
        codes::plan_text(&new.channels).into(),
        new.send.as_ref().map(|send| &send.0).into(),
    ]
}

/// Where a notification lies, and whether it counts as unread.
#[derive(Clone, Copy)]
struct Place {
    feed: i64,
    born: Number,
    is_unread: bool,
}

async fn place<R: Runner>(
    work: &mut Work<'_, R>,
    user: &UserId,
    id: NotificationId,
) -> Answer<Option<Place>> {
    let sql = "select n.feed_id, n.born,
                   case when n.read_at is null and n.born > f.read_up_to then 1 else 0 end
               from notification n join feed f on f.id = n.feed_id
               where n.tenant = ?1 and n.id = ?2 and f.owner = ?3 and n.deleted = 0";
    let place = |row: &dyn Row| {
        Ok(Place { feed: row.int(0)?, born: row.number(1)?, is_unread: row.flag(2)? })
    };
    let values = [work.tenant.into(), (&id.0).into(), user.into()];
    work.runner.optional(Query::new(sql, values, place)).await
}

/// Takes the feed's next number; one unread less where the row counted as unread.
async fn next<R: Runner>(work: &mut Work<'_, R>, place: &Place) -> Answer<Number> {
    let sql = "update feed set newest = newest + 1, unread = unread - ?3
               where id = ?1 and tenant = ?2 returning newest";
    let values = [place.feed.into(), work.tenant.into(), place.is_unread.into()];
    work.runner.one(Query::new(sql, values, |row| row.number(0))).await
}

/// Marks a notification read; `None` unless it is there and unread. Who reads it has it, so it
/// counts as delivered.
pub(crate) async fn mark_read<R: Runner>(
    work: &mut Work<'_, R>,
    user: &UserId,
    id: NotificationId,
    at: Timestamp,
) -> Answer<Option<Number>> {
    let Some(place) = place(work, user, id).await?.filter(|place| place.is_unread) else {
        return Ok(None);
    };
    let number = next(work, &place).await?;
    let sql = "update notification
               set changed = ?3, read_at = ?4, delivered_at = coalesce(delivered_at, ?4)
               where feed_id = ?1 and born = ?2";
    let values = [place.feed.into(), place.born.into(), number.into(), at.into()];
    work.runner.execute(Query::command(sql, values)).await?;
    work.changed(user, number, InboxChange::Read { id, at });
    Ok(Some(number))
}

/// Deletes a notification for its owner; `None` unless it is there.
pub(crate) async fn delete<R: Runner>(
    work: &mut Work<'_, R>,
    user: &UserId,
    id: NotificationId,
) -> Answer<Option<Number>> {
    let Some(place) = place(work, user, id).await? else { return Ok(None) };
    let number = next(work, &place).await?;
    // What it said goes at once; what stays tells other devices to forget it.
    let sql = "update notification
               set changed = ?3, deleted = 1, title = '', message = '', data = '{}',
                   image = null, actions = null, link = null
               where feed_id = ?1 and born = ?2";
    let values = [place.feed.into(), place.born.into(), number.into()];
    work.runner.execute(Query::command(sql, values)).await?;
    work.changed(user, number, InboxChange::Deleted { id });
    Ok(Some(number))
}

/// Takes a notification back; tells how many were there and not taken back. Devices are told
/// nothing, so that it takes no number.
pub(crate) async fn cancel<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    id: NotificationId,
    at: Timestamp,
) -> Answer<u64> {
    let sql = "update notification set canceled_at = ?5
               where tenant = ?1 and id = ?2 and canceled_at is null and deleted = 0
                 and feed_id = (select f.id from feed f
                     where f.tenant = ?1 and f.kind = ?3 and f.owner = ?4)";
    let values = [tenant.into(), (&id.0).into(), INBOX.into(), user.into(), at.into()];
    runner.execute(Query::command(sql, values)).await
}

/// Marks everything up to the head read: one row, however many notifications.
pub(crate) async fn mark_all_read<R: Runner>(
    work: &mut Work<'_, R>,
    user: &UserId,
    at: Timestamp,
) -> Answer<Outcome> {
    let sql = "select newest, unread from feed
               where tenant = ?1 and kind = ?2 and owner = ?3 and unread > 0";
    let owner = [work.tenant.into(), INBOX.into(), user.into()];
    let stands = Query::new(sql, owner, |row| Ok((row.number(0)?, row.count(1)?)));
    let Some((up_to, marked)) = work.runner.optional(stands).await? else {
        return Ok(Outcome::Unchanged);
    };
    let number = up_to.next();
    let sql = "update feed set newest = ?4, unread = 0, read_up_to = ?5, read_mark = ?4,
                   read_mark_at = ?6
               where tenant = ?1 and kind = ?2 and owner = ?3 and newest = ?5";
    let values =
        [work.tenant.into(), INBOX.into(), user.into(), number.into(), up_to.into(), at.into()];
    if work.runner.execute(Query::command(sql, values)).await? == 0 {
        // Another node made the inbox and went on, before there was anything to lock.
        return Err(StoreError::Stale);
    }
    work.changed(user, number, InboxChange::AllRead { up_to, at });
    Ok(Outcome::AllRead { number, up_to, marked })
}
