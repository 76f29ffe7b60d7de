//! Occurrences of the weeks ahead, and which of their moments are due.
//!
//! What is due is found by when occurrences start and end. A reminder is looked for at each number of minutes that
//! anybody asked for, so that nothing has to be moved where somebody asks for others, comes or goes.

use landfall_core::id::{EventId, Tenant, TopicId};
use landfall_core::preference::REMINDER_MINUTES_DEFAULT;
use landfall_core::schedule::{Moment, Planned, Span};
use landfall_core::time::Timestamp;

use super::firings::{END, START, code, moment, name, untold};
use super::people::EVERYBODY;
use super::{Corrupt, Query, Row, Runner, Value};
use crate::{Answer, DueAsk, DueMoment, Outcome, StoredEvent, StoredOccurrence, Track};

/// Stores further occurrences of an event; those that are there stay.
pub(crate) async fn add<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (event, version): (EventId, u64),
    class: &TopicId,
    planned: &[Planned],
) -> Answer<Outcome> {
    let sql =
        "insert into occurrence (tenant, event_id, starts_at, ends_at, class_id, name, version)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
               on conflict (tenant, event_id, starts_at) do nothing";
    for Planned { name, span } in planned {
        let values = [
            tenant.into(),
            (&event.0).into(),
            span.starts.into(),
            span.ends.into(),
            class.into(),
            name.to_string().into(),
            version.into(),
        ];
        runner.execute(Query::command(sql, values)).await?;
    }
    Ok(Outcome::Done)
}

/// Replaces the occurrences of an event that are not over at a time.
pub(crate) async fn replace<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    event: &StoredEvent,
    (since, planned): (Timestamp, &[Planned]),
) -> Answer<Outcome> {
    let sql = "delete from occurrence where tenant = ?1 and event_id = ?2 and ends_at > ?3";
    let values = [tenant.into(), (&event.id.0).into(), since.into()];
    runner.execute(Query::command(sql, values)).await?;
    add(runner, tenant, (event.id, event.version), &event.class, planned).await
}

/// Removes the occurrences of an event.
pub(crate) async fn remove<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    event: EventId,
) -> Answer<()> {
    let sql = "delete from occurrence where tenant = ?1 and event_id = ?2";
    runner.execute(Query::command(sql, [tenant.into(), (&event.0).into()])).await?;
    Ok(())
}

/// Notes that an occurrence has been looked at.
pub(crate) async fn looked<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (event, starts_at, version): (EventId, Timestamp, u64),
    at: Timestamp,
) -> Answer<Outcome> {
    let sql = "update occurrence set looked_at = ?5
               where tenant = ?1 and event_id = ?2 and starts_at = ?3 and version = ?4 and looked_at = 0";
    let values = [tenant.into(), (&event.0).into(), starts_at.into(), version.into(), at.into()];
    let looked = runner.execute(Query::command(sql, values)).await?;
    Ok(if looked > 0 { Outcome::Done } else { Outcome::Unchanged })
}

const COLUMNS: &str = "o.tenant, o.event_id, o.version, o.class_id, o.name, o.starts_at, o.ends_at";
/// How many columns these are.
const WIDTH: usize = 7;

fn read(row: &dyn Row) -> Result<StoredOccurrence, Corrupt> {
    Ok(StoredOccurrence {
        tenant: row.tenant(0)?,
        event: EventId(row.uuid(1)?),
        version: row.count(2)?,
        class: row.topic(3)?,
        planned: Planned {
            name: name(row, 4)?,
            span: Span { starts: row.time(5)?, ends: row.time(6)? },
        },
    })
}

/// Says up to when moments have been looked at.
pub(crate) async fn clock<R: Runner>(runner: &mut R) -> Answer<Option<Timestamp>> {
    let sql = "select up_to from schedule_clock where id = 1";
    runner.optional(Query::new(sql, [], |row| row.time(0))).await
}

/// Moves that on, or back; says whether it still stood there.
pub(crate) async fn set_clock<R: Runner>(
    runner: &mut R,
    from: Option<Timestamp>,
    to: Timestamp,
) -> Answer<bool> {
    let set = match from {
        Some(from) => {
            let sql = "update schedule_clock set up_to = ?2 where id = 1 and up_to = ?1";
            runner.execute(Query::command(sql, [from.into(), to.into()])).await?
        }
        None => {
            let sql = "insert into schedule_clock (id, up_to) values (1, ?1)
                       on conflict (id) do nothing";
            runner.execute(Query::command(sql, [to.into()])).await?
        }
    };
    Ok(set > 0)
}

/// Every number of minutes that anybody asked for, each found behind the one before.
const LEADS: &str = "with recursive asked (minutes) as (
         select (select min(c.minutes) from reminder_choice c)
         union all
         select (select min(c.minutes) from reminder_choice c where c.minutes > asked.minutes)
         from asked where asked.minutes is not null
     ), lead (minutes) as (
         select minutes from asked where minutes is not null union select cast(?7 as bigint)
     )";

/// Gives moments that are due.
pub(crate) async fn due<R: Runner>(runner: &mut R, ask: &DueAsk) -> Answer<Vec<DueMoment>> {
    match ask.track {
        Track::Reminders => reminders(runner, ask).await,
        Track::Starts => at_edges(runner, ask, "starts_at", START).await,
        Track::Ends => at_edges(runner, ask, "ends_at", END).await,
    }
}

async fn reminders<R: Runner>(runner: &mut R, ask: &DueAsk) -> Answer<Vec<DueMoment>> {
    let sql = format!(
        "{LEADS}
         select {COLUMNS}, l.minutes from lead l cross join occurrence o
         where {}
             and o.starts_at > ?1 + l.minutes * 60000 and o.starts_at <= ?2 + l.minutes * 60000
             and (l.minutes, o.starts_at, o.tenant, o.event_id) > (?3, ?4, ?5, ?6)
             and (l.minutes = ?7 or exists (
                 select 1 from reminder_choice c
                 where c.minutes = l.minutes and c.tenant = o.tenant and (c.user_id = ?8 or exists (
                     select 1 from topic_member m
                     where m.tenant = c.tenant and m.topic_id = o.class_id and m.user_id = c.user_id
                         and m.removed = 0))))
         order by l.minutes, o.starts_at, o.tenant, o.event_id limit ?9",
        untold("l.minutes")
    );
    let Place { code, at, tenant, event } = Place::of(ask);
    let usual = Value::from(i64::from(REMINDER_MINUTES_DEFAULT));
    let (after, by, limit) = (ask.after.into(), ask.by.into(), ask.limit.into());
    let values = [after, by, code.into(), at.into(), tenant, event, usual, EVERYBODY.into(), limit];
    runner.all(Query::new(sql, values, read_due)).await
}

async fn at_edges<R: Runner>(
    runner: &mut R,
    ask: &DueAsk,
    edge: &str,
    code: i64,
) -> Answer<Vec<DueMoment>> {
    let sql = format!(
        "select {COLUMNS}, {code} from occurrence o
         where o.{edge} > ?1 and o.{edge} <= ?2
             and (o.{edge}, o.tenant, o.event_id, o.starts_at) > (?3, ?4, ?5, ?6)
             and {}
         order by o.{edge}, o.tenant, o.event_id, o.starts_at limit ?7",
        untold(&code.to_string())
    );
    let Place { at, tenant, event, .. } = Place::of(ask);
    let edge_at = ask.behind.as_ref().map_or(i64::MIN, |last| match last.moment {
        Moment::End => last.occurrence.span().ends.as_ms(),
        Moment::Start | Moment::Reminder(_) => at,
    });
    let (after, by, limit) = (ask.after.into(), ask.by.into(), ask.limit.into());
    let values = [after, by, edge_at.into(), tenant, event, at.into(), limit];
    runner.all(Query::new(sql, values, read_due)).await
}

fn read_due(row: &dyn Row) -> Result<DueMoment, Corrupt> {
    Ok(DueMoment { occurrence: read(row)?, moment: moment(row, WIDTH)? })
}

/// Where a page begins.
struct Place<'a> {
    code: i64,
    at: i64,
    tenant: Value<'a>,
    event: Value<'a>,
}

impl<'a> Place<'a> {
    fn of(ask: &'a DueAsk) -> Self {
        match &ask.behind {
            None => {
                Self { code: i64::MIN, at: i64::MIN, tenant: "".into(), event: (&[][..]).into() }
            }
            Some(DueMoment { occurrence, moment }) => Self {
                code: code(*moment),
                at: occurrence.span().starts.as_ms(),
                tenant: (&occurrence.tenant).into(),
                event: (&occurrence.event.0).into(),
            },
        }
    }
}

/// Gives occurrences that nobody has looked at.
pub(crate) async fn new<R: Runner>(runner: &mut R, limit: usize) -> Answer<Vec<StoredOccurrence>> {
    let sql = format!(
        "select {COLUMNS} from occurrence o where o.looked_at = 0 order by o.starts_at limit ?1"
    );
    runner.all(Query::new(sql, [limit.into()], read)).await
}

/// Gives how many minutes before the start members of a class asked to be reminded.
pub(crate) async fn reminders_of<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    class: &TopicId,
) -> Answer<Vec<u32>> {
    let sql = "select c.minutes from reminder_choice c
               where c.tenant = ?1 and (c.user_id = ?3 or c.user_id in (
                   select m.user_id from topic_member m
                   where m.tenant = ?1 and m.topic_id = ?2 and m.removed = 0))
               union select cast(?4 as bigint) order by 1";
    let usual = i64::from(REMINDER_MINUTES_DEFAULT);
    let values = [tenant.into(), class.into(), EVERYBODY.into(), usual.into()];
    let read = |row: &dyn Row| u32::try_from(row.int(0)?).map_err(|_| Corrupt::new(0, "minutes"));
    runner.all(Query::new(sql, values, read)).await
}

/// Stores which reminders somebody asked for.
pub(crate) async fn choose<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &str,
    reminders: &[u32],
) -> Answer<()> {
    let sql = "delete from reminder_choice where tenant = ?1 and user_id = ?2";
    runner.execute(Query::command(sql, [tenant.into(), user.into()])).await?;
    let sql = "insert into reminder_choice (minutes, tenant, user_id) values (?1, ?2, ?3)
               on conflict (minutes, tenant, user_id) do nothing";
    for minutes in reminders {
        let values = [i64::from(*minutes).into(), tenant.into(), user.into()];
        runner.execute(Query::command(sql, values)).await?;
    }
    Ok(())
}

/// Forgets occurrences that were over before then.
pub(crate) async fn forget<R: Runner>(
    runner: &mut R,
    before: Timestamp,
    limit: usize,
) -> Answer<usize> {
    let sql = "delete from occurrence where (tenant, event_id, starts_at) in (
                   select tenant, event_id, starts_at from occurrence
                   where ends_at < ?1 and looked_at > 0 order by ends_at limit ?2)";
    let forgotten = runner.execute(Query::command(sql, [before.into(), limit.into()])).await?;
    Ok(usize::try_from(forgotten).unwrap_or(limit))
}
