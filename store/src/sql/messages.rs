//! Messages, each numbered on the feed of its topic, and up to where members have read.

use landfall_core::audit::Hash;
use landfall_core::feed::Number;
use landfall_core::id::{MessageId, Tenant, TopicId, UserId};
use landfall_core::message::{Message, MessageBody, Participation, UNREAD_MAX, Unread};
use landfall_core::time::Timestamp;

use super::attachments::{self, Released};
use super::{Corrupt, Query, Row, Runner, feeds, notices};
use crate::{Answer, MessageSlice, Outcome, StoredMessage};

/// The feed of the topic `?2` of the tenant `?1`.
pub(crate) const FEED: &str =
    "(select f.id from feed f where f.tenant = ?1 and f.kind = 'topic' and f.owner = ?2)";
/// Members who are not there are told of a message after so many milliseconds, together with what follows it.
const NOTICE_AFTER_MS: i64 = 1_000;
/// The number behind which the topic's messages come: what is before it is of an earlier topic of the same name.
const BEGAN: &str = "(select t.began from topic t where t.tenant = ?1 and t.id = ?2)";

/// Stores a message, and has its sender read up to it; `None` where the sender's device called another one so, or
/// a blob that it carries is not there.
pub(crate) async fn send<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    message: &Message,
    digest: &Hash,
) -> Answer<Option<Number>> {
    if let Some(client_id) = &message.client_id
        && of_client(runner, tenant, (&message.topic, &message.sender), client_id).await?.is_some()
    {
        return Ok(None);
    }
    if message.client_id.is_some() {
        free_name(runner, tenant, message).await?;
    }
    let files = &message.body.attachments;
    if !attachments::hold(runner, tenant, files, message.created_at).await? {
        return Ok(None);
    }
    let number = feeds::next_of_topic(runner, tenant, &message.topic).await?;
    insert(runner, tenant, message, (number, digest)).await?;
    attachments::note(runner, tenant, (&message.topic, number), files).await?;
    read_up_to(runner, tenant, (&message.topic, &message.sender), number).await?;
    let due_at = message.created_at.plus_ms(NOTICE_AFTER_MS);
    notices::leave(runner, tenant, &message.topic, (number, due_at)).await?;
    Ok(Some(number))
}

async fn insert<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    message: &Message,
    (number, digest): (Number, &Hash),
) -> Answer<()> {
    let sql = format!(
        "insert into message (feed_id, born, changed, tenant, id, topic_id, sender_id, sender_name,
             client_id, digest, text, mentions, room_id, reply_to, created_at, attachments)
         values ({FEED}, ?3, ?3, ?1, ?4, ?2, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    );
    let MessageBody { text, mentions, room_id, reply_to, attachments } = &message.body;
    let values = [
        tenant.into(),
        (&message.topic).into(),
        number.into(),
        (&message.id.0).into(),
        (&message.sender).into(),
        message.sender_name.as_deref().into(),
        message.client_id.as_deref().into(),
        digest.into(),
        text.into(),
        lines(mentions).into(),
        room_id.as_deref().into(),
        reply_to.as_ref().map(|id| &id.0).into(),
        message.created_at.into(),
        attachments::text(attachments).into(),
    ];
    runner.execute(Query::command(sql, values)).await.map(drop)
}

/// Takes away what has a message's name since before the topic was made again.
async fn free_name<R: Runner>(runner: &mut R, tenant: &Tenant, message: &Message) -> Answer<()> {
    let sql = format!(
        "delete from message
         where feed_id = {FEED} and sender_id = ?3 and client_id = ?4 and born <= {BEGAN}
         returning topic_id, born, attachments"
    );
    let values = [
        tenant.into(),
        (&message.topic).into(),
        (&message.sender).into(),
        message.client_id.as_deref().into(),
    ];
    match runner.optional(Query::new(sql, values, read_released)).await? {
        Some(gone) => attachments::release(runner, tenant, &gone, message.created_at).await,
        None => Ok(()),
    }
}

fn read_released(row: &dyn Row) -> Result<Released, Corrupt> {
    Ok(Released::of(row.topic(0)?, row.number(1)?, &attachments::read(row, 2)?))
}

/// Changes or deletes a message; `None` unless it is there as it was read.
pub(crate) async fn change<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    message: &Message,
    from: Number,
) -> Answer<Option<Number>> {
    let sql = format!(
        "select topic_id, born, attachments from message
         where feed_id = {FEED} and born = ?3 and changed = ?4 and deleted = 0"
    );
    let values = [tenant.into(), (&message.topic).into(), message.number.into(), from.into()];
    let Some(mut there) = runner.optional(Query::new(sql, values, read_released)).await? else {
        return Ok(None);
    };
    let MessageBody { text, mentions, room_id, reply_to, attachments } = &message.body;
    there.carried.retain(|hash, _| attachments.iter().all(|stays| stays.hash != *hash));
    let at = message.edited_at.unwrap_or(message.created_at);
    attachments::release(runner, tenant, &there, at).await?;
    let number = feeds::next_of_topic(runner, tenant, &message.topic).await?;
    let sql = format!(
        "update message set changed = ?4, edited_at = ?5, text = ?6, mentions = ?7, room_id = ?8,
             reply_to = ?9, deleted = ?10, attachments = ?11
         where feed_id = {FEED} and born = ?3"
    );
    let values = [
        tenant.into(),
        (&message.topic).into(),
        message.number.into(),
        number.into(),
        message.edited_at.into(),
        text.into(),
        lines(mentions).into(),
        room_id.as_deref().into(),
        reply_to.as_ref().map(|id| &id.0).into(),
        message.is_deleted.into(),
        attachments::text(attachments).into(),
    ];
    runner.execute(Query::command(sql, values)).await?;
    Ok(Some(number))
}

/// Moves a member's mark on, never back.
pub(crate) async fn read_up_to<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (topic, user): (&TopicId, &UserId),
    number: Number,
) -> Answer<Outcome> {
    let sql = "update topic_member set read_up_to = ?4
               where tenant = ?1 and topic_id = ?2 and user_id = ?3 and removed = 0
                 and read_up_to < ?4";
    let values = [tenant.into(), topic.into(), user.into(), number.into()];
    let moved = runner.execute(Query::command(sql, values)).await?;
    Ok(if moved > 0 { Outcome::Done } else { Outcome::Unchanged })
}

/// Leaves the messages of a topic that is deleted with this number to be taken away.
pub(crate) async fn leave_behind<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    number: Number,
) -> Answer<()> {
    let sql = format!(
        "insert into message_leftover (feed_id, up_to) values ({FEED}, ?3)
         on conflict (feed_id) do update set up_to = ?3"
    );
    let values = [tenant.into(), topic.into(), number.into()];
    runner.execute(Query::command(sql, values)).await.map(drop)
}

/// Takes messages of deleted topics away, so many at most; tells how many.
pub(crate) async fn sweep<R: Runner>(
    runner: &mut R,
    now: Timestamp,
    limit: usize,
) -> Answer<usize> {
    let sql = "select l.feed_id, f.tenant from message_leftover l
               join feed f on f.id = l.feed_id
               order by l.feed_id limit 1";
    let read = |row: &dyn Row| Ok((row.int(0)?, row.tenant(1)?));
    let Some((feed, tenant)) = runner.optional(Query::new(sql, [], read)).await? else {
        return Ok(0);
    };
    // Whoever takes another part of it at the same time waits here, and then sees what is left.
    let sql = "update message_leftover set up_to = up_to where feed_id = ?1 returning up_to";
    let taken = Query::new(sql, [feed.into()], |row| row.number(0));
    let Some(up_to) = runner.optional(taken).await? else { return Ok(0) };
    let sql = "delete from message where feed_id = ?1 and born in (
                   select m.born from message m where m.feed_id = ?1 and m.born <= ?2
                   order by m.born limit ?3)
               returning topic_id, born, attachments";
    let values = [feed.into(), up_to.into(), limit.into()];
    let gone = runner.all(Query::new(sql, values, read_released)).await?;
    let count = gone.len();
    if let Some(gone) = gone.into_iter().reduce(Released::add) {
        attachments::release(runner, &tenant, &gone, now).await?;
    }
    if count < limit {
        let sql = "delete from message_leftover where feed_id = ?1 and up_to = ?2";
        runner.execute(Query::command(sql, [feed.into(), up_to.into()])).await?;
    }
    Ok(count)
}

fn lines(mentions: &[UserId]) -> String {
    mentions.iter().map(|user| format!("{user}\n")).collect()
}

fn mentions(row: &dyn Row, column: usize) -> Result<Vec<UserId>, Corrupt> {
    let user = |line| UserId::parse(line).map_err(|_| Corrupt::new(column, "user id"));
    row.text(column)?.lines().map(user).collect()
}

const COLUMNS: &str =
    "m.id, m.topic_id, m.born, m.changed, m.sender_id, m.sender_name, m.client_id,
    m.text, m.mentions, m.room_id, m.reply_to, m.created_at, m.edited_at, m.deleted,
    m.attachments";

fn read(row: &dyn Row) -> Result<Message, Corrupt> {
    let body = MessageBody {
        text: row.string(7)?,
        mentions: mentions(row, 8)?,
        room_id: row.optional_string(9)?,
        reply_to: row.optional_uuid(10)?.map(MessageId),
        attachments: attachments::read(row, 14)?,
    };
    Ok(Message {
        id: MessageId(row.uuid(0)?),
        topic: row.topic(1)?,
        number: row.number(2)?,
        changed: row.number(3)?,
        sender: row.user(4)?,
        sender_name: row.optional_string(5)?,
        client_id: row.optional_string(6)?,
        body,
        created_at: row.time(11)?,
        edited_at: row.optional_time(12)?,
        is_deleted: row.flag(13)?,
    })
}

/// Finds the message that a sender's device called so, or what is left of it.
pub(crate) async fn of_client<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (topic, sender): (&TopicId, &UserId),
    client_id: &str,
) -> Answer<Option<StoredMessage>> {
    let sql = format!(
        "select {COLUMNS}, m.digest from message m
         where m.feed_id = {FEED} and m.sender_id = ?3 and m.client_id = ?4 and m.born > {BEGAN}"
    );
    let values = [tenant.into(), topic.into(), sender.into(), client_id.into()];
    let read = |row: &dyn Row| Ok(StoredMessage { message: read(row)?, digest: row.bytes(15)? });
    runner.optional(Query::new(sql, values, read)).await
}

/// Finds a message, or what is left of it.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    id: MessageId,
) -> Answer<Option<Message>> {
    let sql = format!(
        "select {COLUMNS} from message m
         where m.tenant = ?1 and m.id = ?3 and m.topic_id = ?2 and m.born > {BEGAN}"
    );
    let values = [tenant.into(), topic.into(), (&id.0).into()];
    runner.optional(Query::new(sql, values, read)).await
}

/// Gives the number of the newest of these messages.
pub(crate) async fn newest_of<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    ids: &[MessageId],
) -> Answer<Option<Number>> {
    let sql = format!(
        "select m.born from message m
         where m.tenant = ?1 and m.id = ?3 and m.topic_id = ?2 and m.born > {BEGAN}"
    );
    let mut newest = None;
    for id in ids {
        let values = [tenant.into(), topic.into(), (&id.0).into()];
        let query = Query::new(sql.clone(), values, |row| row.number(0));
        newest = newest.max(runner.optional(query).await?);
    }
    Ok(newest)
}

/// Lists messages of a topic.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    slice: MessageSlice,
    limit: usize,
) -> Answer<Vec<Message>> {
    let (place, which) = match slice {
        MessageSlice::Newest { below } => (
            below.unwrap_or(Number(i64::MAX as u64)),
            "m.born < ?3 and m.deleted = 0 order by m.born desc",
        ),
        MessageSlice::Mentioning { below } => {
            (below, "m.born < ?3 and m.deleted = 0 and m.mentions <> '' order by m.born desc")
        }
        MessageSlice::ChangedAfter(after) => (after, "m.changed > ?3 order by m.changed"),
    };
    let sql = format!(
        "select {COLUMNS} from message m
         where m.feed_id = {FEED} and m.born > {BEGAN} and {which} limit ?4"
    );
    let values = [tenant.into(), topic.into(), place.into(), limit.into()];
    runner.all(Query::new(sql, values, read)).await
}

/// Counts what stands behind a member's mark: one more than [`UNREAD_MAX`] at most.
fn unread_of_member() -> String {
    format!(
        "(select count(*) from (
             select 1 from message x where x.feed_id = {FEED} and x.born > m.read_up_to
                 and x.deleted = 0 and x.sender_id <> m.user_id limit {}) as found)",
        UNREAD_MAX + 1
    )
}

/// Tells what a member has not read; nothing of somebody who is none.
async fn unread<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    user: &UserId,
) -> Answer<Option<Unread>> {
    let sql = format!(
        "select m.read_up_to, {} from topic_member m
         where m.tenant = ?1 and m.topic_id = ?2 and m.user_id = ?3 and m.removed = 0",
        unread_of_member()
    );
    let values = [tenant.into(), topic.into(), user.into()];
    let read = |row: &dyn Row| Ok(Unread::counted(row.count(1)?, row.number(0)?));
    runner.optional(Query::new(sql, values, read)).await
}

/// Tells what a user has not read of each of some topics.
pub(crate) async fn unread_of<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    topics: &[TopicId],
) -> Answer<Vec<Option<Unread>>> {
    let mut found = Vec::with_capacity(topics.len());
    for topic in topics {
        found.push(unread(runner, tenant, topic, user).await?);
    }
    Ok(found)
}

/// Tells how members take part, by user id.
pub(crate) async fn participation<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    after: &str,
    limit: usize,
) -> Answer<Vec<Participation>> {
    let mine = format!(
        "from message x where x.feed_id = {FEED} and x.sender_id = m.user_id and x.deleted = 0
             and x.born > {BEGAN}"
    );
    let sql = format!(
        "select m.user_id, (select count(*) {mine}),
             (select x.created_at {mine} order by x.born desc limit 1), m.read_up_to, {}
         from topic_member m
         where m.tenant = ?1 and m.topic_id = ?2 and m.user_id > ?3 and m.removed = 0
         order by m.user_id limit ?4",
        unread_of_member()
    );
    let read = |row: &dyn Row| {
        Ok(Participation {
            user: row.user(0)?,
            messages: row.count(1)?,
            last_message_at: row.optional_time(2)?,
            unread: Unread::counted(row.count(4)?, row.number(3)?),
        })
    };
    let values = [tenant.into(), topic.into(), after.into(), limit.into()];
    runner.all(Query::new(sql, values, read)).await
}
