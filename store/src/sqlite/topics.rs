//! Topics and members, each numbered on the topic's feed.

use landfall_core::feed::Number;
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;
use landfall_core::topic::{Member, MemberRole, Topic, TopicKind, Visibility};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{feeds, rows};
use crate::{MemberOutcome, TopicView};

/// Says whether a topic is there.
pub(super) fn is_there(
    connection: &Connection,
    tenant: &Tenant,
    topic: &TopicId,
) -> rusqlite::Result<bool> {
    let sql = "select 1 from topic where tenant = ?1 and id = ?2 and deleted = 0";
    connection.prepare_cached(sql)?.exists(params![tenant.as_str(), topic.as_str()])
}

/// Gives the number of a topic's last change, if it is there.
pub(super) fn changed(
    connection: &Connection,
    tenant: &Tenant,
    topic: &TopicId,
) -> rusqlite::Result<Option<Number>> {
    let sql = "select changed from topic where tenant = ?1 and id = ?2 and deleted = 0";
    let values = params![tenant.as_str(), topic.as_str()];
    connection.prepare_cached(sql)?.query_row(values, |row| rows::number(row, 0)).optional()
}

/// Makes or changes a topic; `None` when it already is so.
pub(super) fn put(
    connection: &Connection,
    tenant: &Tenant,
    topic: &Topic,
) -> rusqlite::Result<Option<Number>> {
    let same = "select 1 from topic
                where tenant = ?1 and id = ?2 and deleted = 0
                  and kind = ?3 and visibility = ?4 and title = ?5 and room_id is ?6";
    let values = params![
        tenant.as_str(),
        topic.id.as_str(),
        topic.kind.as_str(),
        topic.visibility.as_str(),
        topic.title,
        topic.room_id,
    ];
    if connection.prepare_cached(same)?.exists(values)? {
        return Ok(None);
    }
    let number = feeds::next_of_topic(connection, tenant, &topic.id)?;
    let sql = "insert into topic
                   (tenant, id, kind, visibility, title, room_id, created_at, updated_at, changed)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               on conflict (tenant, id) do update set
                   kind = ?3, visibility = ?4, title = ?5, room_id = ?6, updated_at = ?8,
                   created_at = case when deleted = 1 then ?7 else created_at end,
                   changed = ?9, deleted = 0";
    connection.prepare_cached(sql)?.execute(params![
        tenant.as_str(),
        topic.id.as_str(),
        topic.kind.as_str(),
        topic.visibility.as_str(),
        topic.title,
        topic.room_id,
        topic.created_at.as_ms(),
        topic.updated_at.as_ms(),
        number.0,
    ])?;
    Ok(Some(number))
}

/// Deletes a topic and its memberships; `None` unless it is there.
pub(super) fn delete(
    connection: &Connection,
    tenant: &Tenant,
    topic: &TopicId,
    at: Timestamp,
) -> rusqlite::Result<Option<Number>> {
    if !is_there(connection, tenant, topic)? {
        return Ok(None);
    }
    let number = feeds::next_of_topic(connection, tenant, topic)?;
    let sql = "update topic set deleted = 1, changed = ?3, updated_at = ?4
               where tenant = ?1 and id = ?2";
    let values = params![tenant.as_str(), topic.as_str(), number.0, at.as_ms()];
    connection.prepare_cached(sql)?.execute(values)?;
    let sql = "update topic_member set removed = 1, changed = ?3
               where tenant = ?1 and topic_id = ?2 and removed = 0";
    connection.prepare_cached(sql)?.execute(params![tenant.as_str(), topic.as_str(), number.0])?;
    Ok(Some(number))
}

/// Adds a member or changes their role; `None` unless the topic is there.
pub(super) fn put_member(
    connection: &Connection,
    tenant: &Tenant,
    topic: &TopicId,
    user: &UserId,
    role: MemberRole,
    at: Timestamp,
) -> rusqlite::Result<Option<MemberOutcome>> {
    if !is_there(connection, tenant, topic)? {
        return Ok(None);
    }
    let outcome = match member(connection, tenant, topic, user)? {
        Some(member) if member.role == role => return Ok(Some(MemberOutcome::Unchanged)),
        Some(_) => MemberOutcome::Updated,
        None => MemberOutcome::Added,
    };
    let number = feeds::next_of_topic(connection, tenant, topic)?;
    let sql = "insert into topic_member (tenant, topic_id, user_id, role, joined_at, changed)
               values (?1, ?2, ?3, ?4, ?5, ?6)
               on conflict (tenant, topic_id, user_id) do update set
                   role = ?4, changed = ?6, removed = 0,
                   joined_at = case when removed = 1 then ?5 else joined_at end";
    connection.prepare_cached(sql)?.execute(params![
        tenant.as_str(),
        topic.as_str(),
        user.as_str(),
        rows::role_code(role),
        at.as_ms(),
        number.0,
    ])?;
    Ok(Some(outcome))
}

/// Removes a member, leaving a tombstone; `None` unless they are one.
pub(super) fn remove_member(
    connection: &Connection,
    tenant: &Tenant,
    topic: &TopicId,
    user: &UserId,
) -> rusqlite::Result<Option<Number>> {
    if member(connection, tenant, topic, user)?.is_none() {
        return Ok(None);
    }
    let number = feeds::next_of_topic(connection, tenant, topic)?;
    let sql = "update topic_member set removed = 1, changed = ?4
               where tenant = ?1 and topic_id = ?2 and user_id = ?3";
    let values = params![tenant.as_str(), topic.as_str(), user.as_str(), number.0];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(Some(number))
}

fn read_member(row: &Row<'_>) -> rusqlite::Result<Member> {
    Ok(Member {
        user: rows::user(&row.get::<_, String>(0)?)?,
        role: rows::role(row.get(1)?)?,
        joined_at: rows::time(row, 2)?,
    })
}

/// Finds one member.
pub(super) fn member(
    connection: &Connection,
    tenant: &Tenant,
    topic: &TopicId,
    user: &UserId,
) -> rusqlite::Result<Option<Member>> {
    let sql = "select user_id, role, joined_at from topic_member
               where tenant = ?1 and topic_id = ?2 and user_id = ?3 and removed = 0";
    let values = params![tenant.as_str(), topic.as_str(), user.as_str()];
    connection.prepare_cached(sql)?.query_row(values, read_member).optional()
}

/// Says whether a user is in a topic in which another is at least a teacher.
pub(super) fn is_taught_by(
    connection: &Connection,
    tenant: &Tenant,
    user: &UserId,
    teacher: &UserId,
) -> rusqlite::Result<bool> {
    let sql = "select 1 from topic_member t
               join topic_member m on m.tenant = t.tenant and m.topic_id = t.topic_id
               where t.tenant = ?1 and t.user_id = ?2 and t.removed = 0 and t.role >= ?3
                 and m.user_id = ?4 and m.removed = 0
               limit 1";
    let role = rows::role_code(MemberRole::Teacher);
    let values = params![tenant.as_str(), teacher.as_str(), role, user.as_str()];
    connection.prepare_cached(sql)?.exists(values)
}

/// Lists members by user id.
pub(super) fn members(
    connection: &Connection,
    tenant: &Tenant,
    topic: &TopicId,
    after: &str,
    limit: usize,
) -> rusqlite::Result<Vec<Member>> {
    let sql = "select user_id, role, joined_at from topic_member
               where tenant = ?1 and topic_id = ?2 and user_id > ?3 and removed = 0
               order by user_id limit ?4";
    let mut statement = connection.prepare_cached(sql)?;
    statement
        .query_map(params![tenant.as_str(), topic.as_str(), after, limit], read_member)?
        .collect()
}

const VIEW: &str = "t.id, t.kind, t.visibility, t.title, t.room_id, t.created_at, t.updated_at,
    t.changed, m.role, (select count(*) from topic_member c
             where c.tenant = t.tenant and c.topic_id = t.id and c.removed = 0)";

fn read_view(row: &Row<'_>) -> rusqlite::Result<TopicView> {
    let unknown = || rusqlite::Error::from(FromSqlError::InvalidType);
    let topic = Topic {
        id: rows::topic(&row.get::<_, String>(0)?)?,
        kind: TopicKind::parse(&row.get::<_, String>(1)?).ok_or_else(unknown)?,
        visibility: Visibility::parse(&row.get::<_, String>(2)?).ok_or_else(unknown)?,
        title: row.get(3)?,
        room_id: row.get(4)?,
        created_at: rows::time(row, 5)?,
        updated_at: rows::time(row, 6)?,
    };
    let role: Option<i64> = row.get(8)?;
    Ok(TopicView {
        topic,
        changed: rows::number(row, 7)?,
        role: role.map(rows::role).transpose()?,
        members: row.get(9)?,
    })
}

/// Finds a topic, and what a user is in it.
pub(super) fn topic(
    connection: &Connection,
    tenant: &Tenant,
    topic: &TopicId,
    user: &UserId,
) -> rusqlite::Result<Option<TopicView>> {
    let sql = format!(
        "select {VIEW} from topic t
         left join topic_member m on m.tenant = t.tenant and m.topic_id = t.id
              and m.user_id = ?3 and m.removed = 0
         where t.tenant = ?1 and t.id = ?2 and t.deleted = 0"
    );
    let values = params![tenant.as_str(), topic.as_str(), user.as_str()];
    connection.prepare_cached(&sql)?.query_row(values, read_view).optional()
}

/// Lists the topics a user is in.
pub(super) fn topics_of(
    connection: &Connection,
    tenant: &Tenant,
    user: &UserId,
    after: Option<&TopicId>,
    limit: usize,
) -> rusqlite::Result<Vec<TopicView>> {
    // Left to itself, SQLite walks the members of all the tenant's topics, which lie in order.
    let sql = format!(
        "select {VIEW} from topic_member m indexed by topic_member_user
         join topic t on t.tenant = m.tenant and t.id = m.topic_id and t.deleted = 0
         where m.tenant = ?1 and m.user_id = ?2 and m.topic_id > ?3 and m.removed = 0
         order by m.topic_id limit ?4"
    );
    let after = after.map_or("", TopicId::as_str);
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params![tenant.as_str(), user.as_str(), after, limit], read_view)?.collect()
}
