//! Events, quizzes and the secrets of calendars.

use landfall_core::id::{EventId, QuizId, Tenant, TopicId, UserId};
use landfall_core::time::Timestamp;
use uuid::Uuid;

use super::query::done;
use super::{Corrupt, Query, Row, Runner, Value, firings, occurrences, sends, topics};
use crate::{
    Answer, EventFilter, EventsOf, Firing, Outcome, ScheduleWrite, StoreError, StoredEvent,
    StoredQuiz, StoredSend,
};

/// Makes a write about what is scheduled.
pub(crate) async fn write<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    write: ScheduleWrite,
) -> Answer<Outcome> {
    match write {
        ScheduleWrite::PutEvent { event, since, planned, class_max } => {
            put(runner, tenant, &event, class_max).await?;
            firings::forget_of_others(runner, tenant, &event, since).await?;
            occurrences::replace(runner, tenant, &event, (since, &planned)).await?;
            firings::take_back(runner, tenant, event.id, event.updated_at).await?;
            Ok(Outcome::Done)
        }
        ScheduleWrite::DeleteEvent { id, version, at } => {
            delete(runner, tenant, (id, version), at).await
        }
        ScheduleWrite::Expand { id, version, planned, to, again_at } => {
            // First, for two nodes that both held it shared would wait for each other to change it.
            let sql = "update event set expanded_to = ?4, expand_at = ?5
                       where tenant = ?1 and id = ?2 and version = ?3";
            let id_value = (&id.0).into();
            let values = [tenant.into(), id_value, version.into(), to.into(), again_at.into()];
            runner.execute(Query::command(sql, values)).await?;
            match held(runner, tenant, id, version).await? {
                Some(class) => {
                    occurrences::add(runner, tenant, (id, version), &class, &planned).await
                }
                None => Ok(Outcome::Unchanged),
            }
        }
        ScheduleWrite::Fire { firing, version, send } => {
            fire(runner, tenant, (&firing, version), send.as_deref()).await
        }
        ScheduleWrite::Looked { event, starts_at, version, at } => {
            if held(runner, tenant, event, version).await?.is_none() {
                return Ok(Outcome::Unchanged);
            }
            occurrences::looked(runner, tenant, (event, starts_at, version), at).await
        }
        ScheduleWrite::PutQuiz(quiz) => put_quiz(runner, tenant, &quiz).await,
        ScheduleWrite::PutCalendar { user, nonce, at } => {
            put_calendar(runner, tenant, &user, (&nonce, at)).await
        }
    }
}

/// Stores an event; `Stale` unless it may be, as [`ScheduleWrite::PutEvent`] says.
async fn put<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    event: &StoredEvent,
    class_max: usize,
) -> Answer<()> {
    if !topics::is_there(runner, tenant, &event.class).await? {
        return Err(StoreError::Stale);
    }
    if event.version == 1
        && count(runner, tenant, &event.class, event.created_at).await? >= class_max as u64
    {
        return Err(StoreError::Stale);
    }
    if let Some(quiz) = &event.quiz
        && of_quiz(runner, tenant, quiz).await?.is_some_and(|other| other.id != event.id)
    {
        return Err(StoreError::Stale);
    }
    let sql = if event.version == 1 {
        "insert into event (tenant, id, class_id, quiz_id, body, version, begins_at, over_by, expanded_to,
             expand_at, created_by, created_at, updated_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         on conflict do nothing"
    } else {
        "update event set class_id = ?3, quiz_id = ?4, body = ?5, version = ?6, begins_at = ?7, over_by = ?8,
             expanded_to = ?9, expand_at = ?10, created_by = ?11, created_at = ?12, updated_at = ?13
         where tenant = ?1 and id = ?2 and version = ?6 - 1"
    };
    done(runner.execute(Query::command(sql, values(tenant, event))).await?).map(drop)
}

fn values<'a>(tenant: &'a Tenant, event: &'a StoredEvent) -> [Value<'a>; 13] {
    let StoredEvent {
        id,
        class,
        quiz,
        body,
        version,
        begins_at,
        over_by,
        expanded_to,
        expand_at,
        created_by,
        created_at,
        updated_at,
    } = event;
    [
        tenant.into(),
        (&id.0).into(),
        class.into(),
        quiz.as_ref().map(QuizId::as_str).into(),
        body.into(),
        (*version).into(),
        (*begins_at).into(),
        (*over_by).into(),
        (*expanded_to).into(),
        (*expand_at).into(),
        created_by.into(),
        (*created_at).into(),
        (*updated_at).into(),
    ]
}

/// Counts the events of a class that are not over.
async fn count<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    class: &TopicId,
    now: Timestamp,
) -> Answer<u64> {
    let sql = "select count(*) from event
               where tenant = ?1 and class_id = ?2 and (over_by is null or over_by > ?3)";
    let values = [tenant.into(), class.into(), now.into()];
    runner.one(Query::new(sql, values, |row| row.count(0))).await
}

async fn delete<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (id, version): (EventId, u64),
    at: Timestamp,
) -> Answer<Outcome> {
    let sql = "delete from event where tenant = ?1 and id = ?2 and version = ?3";
    let values = [tenant.into(), (&id.0).into(), version.into()];
    done(runner.execute(Query::command(sql, values)).await?)?;
    occurrences::remove(runner, tenant, id).await?;
    firings::take_back(runner, tenant, id, at).await?;
    Ok(Outcome::Done)
}

/// Deletes the events of a class that is deleted.
pub(crate) async fn delete_of_class<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    class: &TopicId,
    at: Timestamp,
) -> Answer<()> {
    let hold = R::DIALECT.holding("for update");
    let sql =
        format!("select id from event where tenant = ?1 and class_id = ?2 order by id {hold}");
    let query = Query::new(sql, [tenant.into(), class.into()], |row| row.uuid(0));
    let events = runner.all(query).await?;
    for sql in [
        "delete from event where tenant = ?1 and class_id = ?2",
        "delete from quiz where tenant = ?1 and class_id = ?2",
    ] {
        runner.execute(Query::command(sql, [tenant.into(), class.into()])).await?;
    }
    for id in events.into_iter().map(EventId) {
        occurrences::remove(runner, tenant, id).await?;
        firings::take_back(runner, tenant, id, at).await?;
    }
    Ok(())
}

/// Notes a moment, and stores what tells of it.
async fn fire<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (firing, version): (&Firing, u64),
    send: Option<&StoredSend>,
) -> Answer<Outcome> {
    if held(runner, tenant, firing.event, version).await?.is_none()
        || !firings::note(runner, tenant, firing).await?
    {
        return Ok(Outcome::Unchanged);
    }
    if let Some(send) = send {
        sends::create(runner, tenant, send).await?;
    }
    Ok(Outcome::Done)
}

/// Finds whose event it is, where it is there in this version, and stays so until the commit: no other node changes or
/// deletes it meanwhile. Who holds several does so in the order of their ids.
async fn held<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: EventId,
    version: u64,
) -> Answer<Option<TopicId>> {
    let hold = R::DIALECT.holding("for share");
    let sql =
        format!("select class_id from event where tenant = ?1 and id = ?2 and version = ?3 {hold}");
    let values = [tenant.into(), (&id.0).into(), version.into()];
    runner.optional(Query::new(sql, values, |row| row.topic(0))).await
}

const COLUMNS: &str = "e.id, e.class_id, e.quiz_id, e.body, e.version, e.begins_at, e.over_by,
    e.expanded_to, e.expand_at, e.created_by, e.created_at, e.updated_at";
/// How many columns these are.
const WIDTH: usize = 12;

fn read(row: &dyn Row) -> Result<StoredEvent, Corrupt> {
    Ok(StoredEvent {
        id: EventId(row.uuid(0)?),
        class: row.topic(1)?,
        quiz: row.optional_text(2)?.map(|_| row.quiz(2)).transpose()?,
        body: row.string(3)?,
        version: row.count(4)?,
        begins_at: row.time(5)?,
        over_by: row.optional_time(6)?,
        expanded_to: row.time(7)?,
        expand_at: row.optional_time(8)?,
        created_by: row.user(9)?,
        created_at: row.time(10)?,
        updated_at: row.time(11)?,
    })
}

/// Finds an event.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: EventId,
) -> Answer<Option<StoredEvent>> {
    let sql = format!("select {COLUMNS} from event e where e.tenant = ?1 and e.id = ?2");
    runner.optional(Query::new(sql, [tenant.into(), (&id.0).into()], read)).await
}

/// Finds the event that holds a quiz.
pub(crate) async fn of_quiz<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    quiz: &QuizId,
) -> Answer<Option<StoredEvent>> {
    let sql = format!("select {COLUMNS} from event e where e.tenant = ?1 and e.quiz_id = ?2");
    runner.optional(Query::new(sql, [tenant.into(), quiz.as_str().into()], read)).await
}

/// Lists events by id.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    filter: &EventFilter,
) -> Answer<Vec<StoredEvent>> {
    let EventFilter { of, behind, from, to, limit } = filter;
    let (of, whose) = match of {
        EventsOf::Class(class) => (Value::from(class), "e.class_id = ?2"),
        EventsOf::User(user) => (
            Value::from(user),
            "e.class_id in (select m.topic_id from topic_member m
                 where m.tenant = ?1 and m.user_id = ?2 and m.removed = 0)",
        ),
    };
    let sql = format!(
        "select {COLUMNS} from event e
         where e.tenant = ?1 and {whose} and e.id > ?3
             and (e.over_by is null or e.over_by > ?4) and e.begins_at < ?5
         order by e.id limit ?6"
    );
    let behind = behind.as_ref().map_or(Value::from(&[][..]), |id| (&id.0).into());
    let values = [tenant.into(), of, behind, (*from).into(), (*to).into(), (*limit).into()];
    runner.all(Query::new(sql, values, read)).await
}

/// Gives events whose further occurrences are to be stored.
pub(crate) async fn to_expand<R: Runner>(
    runner: &mut R,
    now: Timestamp,
    limit: usize,
) -> Answer<Vec<(Tenant, StoredEvent)>> {
    let sql = format!(
        "select {COLUMNS}, e.tenant from event e
         where e.expand_at is not null and e.expand_at <= ?1 order by e.expand_at limit ?2"
    );
    let one = |row: &dyn Row| Ok((row.tenant(WIDTH)?, read(row)?));
    runner.all(Query::new(sql, [now.into(), limit.into()], one)).await
}

async fn put_quiz<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    quiz: &StoredQuiz,
) -> Answer<Outcome> {
    let StoredQuiz { id, class, title, minutes, created_at, updated_at } = quiz;
    if !topics::is_there(runner, tenant, class).await? {
        return Err(StoreError::Stale);
    }
    let sql = "insert into quiz (tenant, id, class_id, title, minutes, created_at, updated_at)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
               on conflict (tenant, id) do update set
                   class_id = ?3, title = ?4, minutes = ?5, updated_at = ?7";
    let values = [
        tenant.into(),
        id.as_str().into(),
        class.into(),
        title.into(),
        i64::from(*minutes).into(),
        (*created_at).into(),
        (*updated_at).into(),
    ];
    done(runner.execute(Query::command(sql, values)).await?)
}

/// Finds a quiz.
pub(crate) async fn quiz<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: &QuizId,
) -> Answer<Option<StoredQuiz>> {
    let sql = "select id, class_id, title, minutes, created_at, updated_at from quiz
               where tenant = ?1 and id = ?2";
    let read = |row: &dyn Row| {
        Ok(StoredQuiz {
            id: row.quiz(0)?,
            class: row.topic(1)?,
            title: row.string(2)?,
            minutes: u32::try_from(row.int(3)?).map_err(|_| Corrupt::new(3, "minutes"))?,
            created_at: row.time(4)?,
            updated_at: row.time(5)?,
        })
    };
    runner.optional(Query::new(sql, [tenant.into(), id.as_str().into()], read)).await
}

async fn put_calendar<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    (nonce, at): (&Uuid, Timestamp),
) -> Answer<Outcome> {
    let sql = "insert into calendar (tenant, user_id, nonce, created_at) values (?1, ?2, ?3, ?4)
               on conflict (tenant, user_id) do update set nonce = ?3, created_at = ?4";
    let values = [tenant.into(), user.into(), nonce.into(), at.into()];
    done(runner.execute(Query::command(sql, values)).await?)
}

/// Gives what the secret of a user's calendar is made from.
pub(crate) async fn calendar<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
) -> Answer<Option<Uuid>> {
    let sql = "select nonce from calendar where tenant = ?1 and user_id = ?2";
    runner.optional(Query::new(sql, [tenant.into(), user.into()], |row| row.uuid(0))).await
}

/// Finds whose calendar's secret is made from that.
pub(crate) async fn calendar_of<R: Runner>(
    runner: &mut R,
    nonce: &Uuid,
) -> Answer<Option<(Tenant, UserId)>> {
    let sql = "select tenant, user_id from calendar where nonce = ?1";
    let read = |row: &dyn Row| Ok((row.tenant(0)?, row.user(1)?));
    runner.optional(Query::new(sql, [nonce.into()], read)).await
}
