//! Which members are to be told of messages, and were.

use landfall_core::feed::Number;
use landfall_core::id::{NotificationId, Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;

use super::messages::FEED;
use super::{Corrupt, Query, Row, Runner};
use crate::{Answer, NotedMember, NotedMembers, Notice, NoticePace, Untold};

/// Between two looks at a topic at least, in milliseconds.
const PAUSE_MS: i64 = 1_000;

/// Leaves word that a topic has a message: it is due after a moment, in which others may follow.
pub(crate) async fn leave<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    (up_to, due_at): (Number, Timestamp),
) -> Answer<()> {
    let sql = format!(
        "insert into message_notice (feed_id, tenant, topic_id, up_to, due_at)
         values ({FEED}, ?1, ?2, ?3, ?4)
         on conflict (feed_id) do update set up_to = ?3,
             due_at = case when message_notice.due_at < ?4 then message_notice.due_at else ?4 end"
    );
    let values = [tenant.into(), topic.into(), up_to.into(), due_at.into()];
    runner.execute(Query::command(sql, values)).await.map(drop)
}

/// Takes topics that are due.
pub(crate) async fn claim<R: Runner>(
    runner: &mut R,
    now: Timestamp,
    until: Timestamp,
    limit: usize,
) -> Answer<Vec<Notice>> {
    let sql = "select feed_id, due_at, tenant, topic_id, up_to from message_notice
               where due_at <= ?1 order by due_at limit ?2";
    let read = |row: &dyn Row| -> Result<_, Corrupt> {
        let notice = Notice { tenant: row.tenant(2)?, topic: row.topic(3)?, up_to: row.number(4)? };
        Ok((row.int(0)?, row.time(1)?, notice))
    };
    let due = runner.all(Query::new(sql, [now.into(), limit.into()], read)).await?;
    let mut claimed = Vec::with_capacity(due.len());
    for (feed, due_at, notice) in due {
        let sql = "update message_notice set due_at = ?3 where feed_id = ?1 and due_at = ?2";
        let values = [feed.into(), due_at.into(), until.into()];
        if runner.execute(Query::command(sql, values)).await? > 0 {
            claimed.push(notice);
        }
    }
    Ok(claimed)
}

/// What holds for a member `m` of the topic `?2` who has not read up to `?3`, nor was told up to there.
const UNTOLD: &str = "m.tenant = ?1 and m.topic_id = ?2 and m.removed = 0 and m.read_up_to < ?3
    and m.notified_up_to < ?3";
/// What holds for a member who is connected to a node that was alive at `?4` or later, as far as nodes have noted.
const CONNECTED: &str = "exists (select 1 from presence p join node d on d.id = p.node
    where p.tenant = m.tenant and p.user_id = m.user_id and d.alive_at >= ?4)";
/// The notification of a member, where it is still there and unread.
const UNREAD: &str = "(select n.id from notification n join feed f on f.id = n.feed_id
    where n.tenant = m.tenant and n.id = m.notification_id and n.deleted = 0
        and n.read_at is null and n.born > f.read_up_to)";

/// Gives members who are to be told now.
pub(crate) async fn untold<R: Runner>(
    runner: &mut R,
    notice: &Notice,
    pace: NoticePace,
    (after, limit): (&str, usize),
) -> Answer<Vec<Untold>> {
    let sql = format!(
        "select m.user_id, m.read_up_to, m.notified_up_to, {UNREAD} from topic_member m
         where {UNTOLD} and m.user_id > ?6 and not {CONNECTED}
             and (m.notified_up_to <= m.read_up_to or m.notified_at <= ?5)
         order by m.user_id limit ?7"
    );
    let Notice { tenant, topic, up_to } = notice;
    let before = pace.now.plus_ms(-pace.window_ms);
    let values = [
        tenant.into(),
        topic.into(),
        (*up_to).into(),
        pace.since.into(),
        before.into(),
        after.into(),
        limit.into(),
    ];
    let read = |row: &dyn Row| {
        Ok(Untold {
            user: row.user(0)?,
            read_up_to: row.number(1)?,
            notified_up_to: row.number(2)?,
            notification: row.optional_uuid(3)?.map(NotificationId),
        })
    };
    runner.all(Query::new(sql, values, read)).await
}

/// Ends the work on a topic, or has it looked at again.
pub(crate) async fn settle<R: Runner>(
    runner: &mut R,
    notice: &Notice,
    later: Option<Timestamp>,
) -> Answer<()> {
    let Notice { tenant, topic, up_to } = notice;
    let there = format!("where feed_id = {FEED} and up_to = ?3");
    let Some(at) = later else {
        let sql = format!("delete from message_notice {there}");
        let values = [tenant.into(), topic.into(), (*up_to).into()];
        return runner.execute(Query::command(sql, values)).await.map(drop);
    };
    let sql = format!("update message_notice set due_at = ?4 {there}");
    let values = [tenant.into(), topic.into(), (*up_to).into(), at.into()];
    runner.execute(Query::command(sql, values)).await.map(drop)
}

/// Says when the next member of a topic is to be told, or looked at; not without a pause, whatever went wrong.
pub(crate) async fn later<R: Runner>(
    runner: &mut R,
    notice: &Notice,
    pace: NoticePace,
) -> Answer<Option<Timestamp>> {
    let Notice { tenant, topic, up_to } = notice;
    let sql = format!(
        "select min(case when {CONNECTED} then ?5 else m.notified_at + ?6 end)
         from topic_member m
         where {UNTOLD} and (?7 = 1 or not {CONNECTED})"
    );
    let again = pace.now.plus_ms(pace.again_ms);
    let values = [
        tenant.into(),
        topic.into(),
        (*up_to).into(),
        pace.since.into(),
        again.into(),
        pace.window_ms.into(),
        pace.waits_for_connected.into(),
    ];
    let later = runner.one(Query::new(sql, values, |row| row.optional_time(0))).await?;
    Ok(later.map(|at| at.max(pace.now.plus_ms(PAUSE_MS))))
}

/// Gives for each of these members the notification that told them.
pub(crate) async fn told_by<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    members: &[(TopicId, UserId)],
) -> Answer<Vec<Option<(NotificationId, Number)>>> {
    // Most have none: that costs a look at the member alone.
    let sql = format!(
        "select {UNREAD}, m.notified_up_to from topic_member m
         where m.tenant = ?1 and m.topic_id = ?2 and m.user_id = ?3 and m.removed = 0
             and m.notification_id is not null"
    );
    let read = |row: &dyn Row| Ok((row.optional_uuid(0)?.map(NotificationId), row.number(1)?));
    let mut told = Vec::with_capacity(members.len());
    for (topic, user) in members {
        let values = [tenant.into(), topic.into(), user.into()];
        let found = runner.optional(Query::new(sql.clone(), values, read)).await?;
        told.push(found.and_then(|(id, up_to)| Some((id?, up_to))));
    }
    Ok(told)
}

/// Notes of members that they were told, or are not to be; says whether all of them stood as they were read.
pub(crate) async fn note<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    NotedMembers { topic, up_to, at, members }: &NotedMembers,
) -> Answer<bool> {
    // Also of those who are not to be told, so that they are looked at once a window and not with each message.
    let sql = "update topic_member set notified_up_to = ?4, notified_at = ?5,
                   notification_id = coalesce(?7, notification_id)
               where tenant = ?1 and topic_id = ?2 and user_id = ?3 and removed = 0
                   and notified_up_to = ?6 and read_up_to < ?4";
    for NotedMember { user, from, notification } in members {
        let values = [
            tenant.into(),
            topic.into(),
            user.into(),
            (*up_to).into(),
            (*at).into(),
            (*from).into(),
            notification.as_ref().map(|id| &id.0).into(),
        ];
        if runner.execute(Query::command(sql, values)).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
