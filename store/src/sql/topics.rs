//! Topics and members, each numbered on the topic's feed.

use landfall_core::feed::Number;
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;
use landfall_core::topic::{Member, MemberRole, Topic, TopicKind, Visibility};

use super::{Corrupt, Query, Row, Runner, codes, events, feeds, lessons, messages};
use crate::{Answer, MEMBERSHIPS_MAX, MemberOutcome, Membership, TopicView};

/// Gives the number of a topic's last change, if it is there.
pub(crate) async fn changed<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
) -> Answer<Option<Number>> {
    let sql = "select changed from topic where tenant = ?1 and id = ?2 and deleted = 0";
    runner.optional(Query::new(sql, [tenant.into(), topic.into()], |row| row.number(0))).await
}

/// Says whether a topic is there.
pub(crate) async fn is_there<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
) -> Answer<bool> {
    Ok(changed(runner, tenant, topic).await?.is_some())
}

/// Makes or changes a topic; `None` when it already is so.
pub(crate) async fn put<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &Topic,
) -> Answer<Option<Number>> {
    if is_same(runner, tenant, topic).await? {
        return Ok(None);
    }
    let number = feeds::next_of_topic(runner, tenant, &topic.id).await?;
    let sql = "insert into topic
                   (tenant, id, kind, visibility, title, room_id, created_at, updated_at, changed)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               on conflict (tenant, id) do update set
                   kind = ?3, visibility = ?4, title = ?5, room_id = ?6, updated_at = ?8,
                   created_at = case when topic.deleted = 1 then ?7 else topic.created_at end,
                   began = case when topic.deleted = 1 then ?9 else topic.began end,
                   changed = ?9, deleted = 0";
    let values = [
        tenant.into(),
        (&topic.id).into(),
        topic.kind.as_str().into(),
        topic.visibility.as_str().into(),
        (&topic.title).into(),
        topic.room_id.as_deref().into(),
        topic.created_at.into(),
        topic.updated_at.into(),
        number.into(),
    ];
    runner.execute(Query::command(sql, values)).await?;
    Ok(Some(number))
}

async fn is_same<R: Runner>(runner: &mut R, tenant: &Tenant, topic: &Topic) -> Answer<bool> {
    let sql = "select 1 from topic
               where tenant = ?1 and id = ?2 and deleted = 0
                 and kind = ?3 and visibility = ?4 and title = ?5
                 and room_id is not distinct from ?6";
    let values = [
        tenant.into(),
        (&topic.id).into(),
        topic.kind.as_str().into(),
        topic.visibility.as_str().into(),
        (&topic.title).into(),
        topic.room_id.as_deref().into(),
    ];
    Ok(runner.optional(Query::new(sql, values, |_| Ok(()))).await?.is_some())
}

/// Deletes a topic, its memberships, its lessons and what is scheduled for it; `None` unless it is there.
pub(crate) async fn delete<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    at: Timestamp,
) -> Answer<Option<Number>> {
    if !is_there(runner, tenant, topic).await? {
        return Ok(None);
    }
    let number = feeds::next_of_topic(runner, tenant, topic).await?;
    let sql = "update topic set deleted = 1, changed = ?3, updated_at = ?4
               where tenant = ?1 and id = ?2";
    let values = [tenant.into(), topic.into(), number.into(), at.into()];
    runner.execute(Query::command(sql, values)).await?;
    let sql = "update topic_member set removed = 1, changed = ?3
               where tenant = ?1 and topic_id = ?2 and removed = 0";
    let values = [tenant.into(), topic.into(), number.into()];
    runner.execute(Query::command(sql, values)).await?;
    lessons::delete_of_class(runner, tenant, topic, (number, at)).await?;
    events::delete_of_class(runner, tenant, topic, at).await?;
    messages::leave_behind(runner, tenant, topic, number).await?;
    Ok(Some(number))
}

/// Adds a member or changes their role; `None` unless the topic is there. Gives the number that it took,
/// where it changed anything.
pub(crate) async fn put_member<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    user: &UserId,
    role: MemberRole,
    at: Timestamp,
) -> Answer<Option<(MemberOutcome, Option<Number>)>> {
    if !is_there(runner, tenant, topic).await? {
        return Ok(None);
    }
    let outcome = match member(runner, tenant, topic, user).await? {
        Some(member) if member.role == role => return Ok(Some((MemberOutcome::Unchanged, None))),
        Some(_) => MemberOutcome::Updated,
        None => MemberOutcome::Added,
    };
    let number = feeds::next_of_topic(runner, tenant, topic).await?;
    let sql = "insert into topic_member
                   (tenant, topic_id, user_id, role, joined_at, changed, read_up_to)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?6)
               on conflict (tenant, topic_id, user_id) do update set
                   role = ?4, changed = ?6, removed = 0, joined_at =
                       case when topic_member.removed = 1 then ?5 else topic_member.joined_at end,
                   read_up_to =
                       case when topic_member.removed = 1 then ?6 else topic_member.read_up_to end";
    let values = [
        tenant.into(),
        topic.into(),
        user.into(),
        codes::role_code(role).into(),
        at.into(),
        number.into(),
    ];
    runner.execute(Query::command(sql, values)).await?;
    Ok(Some((outcome, Some(number))))
}

/// Removes a member, leaving a tombstone; `None` unless they are one.
pub(crate) async fn remove_member<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    user: &UserId,
) -> Answer<Option<Number>> {
    if member(runner, tenant, topic, user).await?.is_none() {
        return Ok(None);
    }
    let number = feeds::next_of_topic(runner, tenant, topic).await?;
    let sql = "update topic_member set removed = 1, changed = ?4
               where tenant = ?1 and topic_id = ?2 and user_id = ?3";
    let values = [tenant.into(), topic.into(), user.into(), number.into()];
    runner.execute(Query::command(sql, values)).await?;
    Ok(Some(number))
}

fn read_member(row: &dyn Row) -> Result<Member, Corrupt> {
    Ok(Member { user: row.user(0)?, role: codes::role(row, 1)?, joined_at: row.time(2)? })
}

/// Finds one member.
pub(crate) async fn member<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    user: &UserId,
) -> Answer<Option<Member>> {
    let sql = "select user_id, role, joined_at from topic_member
               where tenant = ?1 and topic_id = ?2 and user_id = ?3 and removed = 0";
    let values = [tenant.into(), topic.into(), user.into()];
    runner.optional(Query::new(sql, values, read_member)).await
}

/// Says whether a user is in a topic in which another has at least a role.
pub(crate) async fn is_sharing<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    (other, role): (&UserId, MemberRole),
) -> Answer<bool> {
    let sql = "select 1 from topic_member t
               join topic_member m on m.tenant = t.tenant and m.topic_id = t.topic_id
               where t.tenant = ?1 and t.user_id = ?2 and t.removed = 0 and t.role >= ?3
                 and m.user_id = ?4 and m.removed = 0
               limit 1";
    let role = codes::role_code(role);
    let values = [tenant.into(), other.into(), role.into(), user.into()];
    Ok(runner.optional(Query::new(sql, values, |_| Ok(()))).await?.is_some())
}

/// Gives those of `users` who are in a topic in which another has at least a role, sorted.
pub(crate) async fn sharing<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    with: (&UserId, MemberRole),
    mut users: Vec<UserId>,
) -> Answer<Vec<UserId>> {
    users.sort_unstable();
    let mut sharing = Vec::new();
    for user in users {
        if is_sharing(runner, tenant, &user, with).await? {
            sharing.push(user);
        }
    }
    Ok(sharing)
}

/// Lists members by user id.
pub(crate) async fn members<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    after: &str,
    limit: usize,
) -> Answer<Vec<Member>> {
    let sql = "select user_id, role, joined_at from topic_member
               where tenant = ?1 and topic_id = ?2 and user_id > ?3 and removed = 0
               order by user_id limit ?4";
    let values = [tenant.into(), topic.into(), after.into(), limit.into()];
    runner.all(Query::new(sql, values, read_member)).await
}

/// Gives those of `users` who are in a topic.
pub(crate) async fn members_among<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    users: Vec<UserId>,
) -> Answer<Vec<UserId>> {
    let mut members = Vec::new();
    for user in users {
        if member(runner, tenant, topic, &user).await?.is_some() {
            members.push(user);
        }
    }
    Ok(members)
}

/// Gives the topics a user is in.
pub(crate) async fn memberships<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
) -> Answer<Vec<Membership>> {
    let sql = "select topic_id, role, joined_at from topic_member
               where tenant = ?1 and user_id = ?2 and removed = 0 order by topic_id limit ?3";
    let read = |row: &dyn Row| {
        let (topic, role) = (row.topic(0)?, codes::role(row, 1)?);
        Ok(Membership { topic, role, joined_at: row.time(2)? })
    };
    runner.all(Query::new(sql, [tenant.into(), user.into(), MEMBERSHIPS_MAX.into()], read)).await
}

/// Gives the topics a user was in.
pub(crate) async fn left<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
) -> Answer<Vec<TopicId>> {
    let sql = "select topic_id from topic_member
               where tenant = ?1 and user_id = ?2 and removed = 1 order by topic_id limit ?3";
    let values = [tenant.into(), user.into(), MEMBERSHIPS_MAX.into()];
    runner.all(Query::new(sql, values, |row| row.topic(0))).await
}

const VIEW: &str = "t.id, t.kind, t.visibility, t.title, t.room_id, t.created_at, t.updated_at,
    t.changed, m.role";

fn read_view(row: &dyn Row) -> Result<TopicView, Corrupt> {
    let topic = Topic {
        id: row.topic(0)?,
        kind: TopicKind::parse(row.text(1)?).ok_or(Corrupt::new(1, "kind of topic"))?,
        visibility: Visibility::parse(row.text(2)?).ok_or(Corrupt::new(2, "visibility"))?,
        title: row.string(3)?,
        room_id: row.optional_string(4)?,
        created_at: row.time(5)?,
        updated_at: row.time(6)?,
    };
    let (changed, role) = (row.number(7)?, codes::optional_role(row, 8)?);
    Ok(TopicView { topic, changed, role })
}

/// Counts the members of each of some topics.
pub(crate) async fn member_counts<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topics: &[TopicId],
) -> Answer<Vec<u64>> {
    let sql = "select count(*) from topic_member
               where tenant = ?1 and topic_id = ?2 and removed = 0";
    let mut counts = Vec::with_capacity(topics.len());
    for topic in topics {
        let values = [tenant.into(), topic.into()];
        let count = runner.optional(Query::new(sql, values, |row| row.count(0))).await?;
        counts.push(count.unwrap_or_default());
    }
    Ok(counts)
}

/// Finds a topic, and what a user is in it.
pub(crate) async fn topic<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    topic: &TopicId,
    user: &UserId,
) -> Answer<Option<TopicView>> {
    let sql = format!(
        "select {VIEW} from topic t
         left join topic_member m on m.tenant = t.tenant and m.topic_id = t.id
              and m.user_id = ?3 and m.removed = 0
         where t.tenant = ?1 and t.id = ?2 and t.deleted = 0"
    );
    let values = [tenant.into(), topic.into(), user.into()];
    runner.optional(Query::new(sql, values, read_view)).await
}

/// Lists the topics a user is in.
pub(crate) async fn topics_of<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    after: Option<&TopicId>,
    limit: usize,
) -> Answer<Vec<TopicView>> {
    let sql = format!(
        "select {VIEW} from topic_member m
         join topic t on t.tenant = m.tenant and t.id = m.topic_id and t.deleted = 0
         where m.tenant = ?1 and m.user_id = ?2 and m.topic_id > ?3 and m.removed = 0
         order by m.topic_id limit ?4"
    );
    let after = after.map_or("", TopicId::as_str);
    let values = [tenant.into(), user.into(), after.into(), limit.into()];
    runner.all(Query::new(sql, values, read_view)).await
}
