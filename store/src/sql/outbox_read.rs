//! Reading the outbox: for workers, for lists, and how a notification stands.

use std::sync::Arc;

use landfall_core::feed::FeedKind;
use landfall_core::id::{DeliveryId, NotificationId, Tenant};
use landfall_core::time::Timestamp;

use super::delivery::{self, open_states};
use super::inbox_read::id_at;
use super::{Corrupt, Dialect, Query, Row, Runner, notification};
use crate::{Answer, Backlog, Delivery, DeliveryFilter, Standing};

/// Finds one delivery.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: DeliveryId,
) -> Answer<Option<Delivery>> {
    let columns = delivery::COLUMNS;
    let sql = format!("select {columns} from delivery d where d.tenant = ?1 and d.id = ?2");
    runner.optional(Query::new(sql, [tenant.into(), (&id.0).into()], delivery::read)).await
}

/// Gives the deliveries of notifications, by notification and place.
pub(crate) async fn of<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    notifications: &[NotificationId],
) -> Answer<Vec<Delivery>> {
    let sql = format!(
        "select {} from delivery d where d.tenant = ?1 and d.notification_id = ?2
         order by d.place, d.id",
        delivery::COLUMNS
    );
    let mut found = Vec::new();
    for id in notifications {
        let values = [tenant.into(), (&id.0).into()];
        found.extend(runner.all(Query::new(sql.clone(), values, delivery::read)).await?);
    }
    Ok(found)
}

/// What a standing is read from; a backend adds which notifications.
pub(crate) const STANDING_TABLES: &str = "join feed f on f.id = n.feed_id
     left join send s on s.id = n.send_id and s.tenant = n.tenant
     left join topic_member m on m.tenant = n.tenant and m.notification_id = n.id";

/// When a notification `n` or its send `s` was taken back, of which topic it is (where the send went, or whose
/// messages it tells of), and how many of its inbox are unread: the columns behind a notification's own.
pub(crate) const CANCELED: &str =
    "coalesce(n.canceled_at, s.canceled_at), coalesce(s.topic_id, m.topic_id), f.unread";

/// Reads a notification's columns and [`CANCELED`].
pub(crate) fn standing(row: &dyn Row) -> Result<Standing, Corrupt> {
    let notification = Arc::new(notification::read(row)?);
    let topic = match row.optional_text(notification::WIDTH + 1)? {
        Some(_) => Some(row.topic(notification::WIDTH + 1)?),
        None => None,
    };
    Ok(Standing {
        notification,
        canceled_at: row.optional_time(notification::WIDTH)?,
        topic,
        unread: row.count(notification::WIDTH + 2)?,
    })
}

/// Gives how notifications stand, in the order asked.
pub(crate) async fn standings<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    notifications: &[NotificationId],
) -> Answer<Vec<Standing>> {
    let sql = format!(
        "select {}, {CANCELED} from notification n {STANDING_TABLES}
         where n.tenant = ?1 and n.id = ?2",
        notification::COLUMNS
    );
    let mut found = Vec::with_capacity(notifications.len());
    for id in notifications {
        let values = [tenant.into(), (&id.0).into()];
        found.extend(runner.optional(Query::new(sql.clone(), values, standing)).await?);
    }
    Ok(found)
}

/// Lists deliveries, newest first.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    filter: &DeliveryFilter,
) -> Answer<Vec<Delivery>> {
    let since = filter.since.map_or([0; 16], id_at);
    let until = filter.until.map_or([0xff; 16], id_at);
    let below = filter.below.map_or(until, |id| until.min(*id.0.as_bytes()));
    let values = [
        tenant.into(),
        (&since).into(),
        (&below).into(),
        filter.user.as_ref().into(),
        filter.channel.map(|channel| channel.as_str()).into(),
        filter.state.map(|state| state.as_str()).into(),
        filter.notification_type.as_ref().into(),
        FeedKind::Inbox.as_str().into(),
        filter.limit.into(),
        filter.offset.into(),
    ];
    runner.all(Query::new(list_text(R::DIALECT, filter), values, delivery::read)).await
}

fn list_text(dialect: Dialect, filter: &DeliveryFilter) -> String {
    // One user's are found through their inbox.
    let tables = match &filter.user {
        None => "delivery d where cast(?4 as text) is null and cast(?8 as text) is not null",
        Some(_) => {
            "notification n join delivery d on d.tenant = n.tenant and d.notification_id = n.id
             where n.feed_id = (select id from feed where tenant = ?1 and kind = ?8 and owner = ?4)"
        }
    };
    // `||` keeps PostgreSQL from walking everybody's in their order until it has found enough.
    let order = match (dialect, &filter.user) {
        (Dialect::Postgres, Some(_)) => "d.id || '' desc",
        _ => "d.id desc",
    };
    format!(
        "select {} from {tables}
           and d.tenant = ?1 and d.id >= ?2 and d.id < ?3
           and (cast(?5 as text) is null or d.channel = ?5)
           and (cast(?6 as text) is null or d.state = ?6)
           and (cast(?7 as text) is null or exists (select 1 from notification m
                where m.tenant = d.tenant and m.id = d.notification_id and m.type = ?7))
         order by {order} limit ?9 offset ?10",
        delivery::COLUMNS
    )
}

/// Gives the time for which the outbox waits next.
pub(crate) async fn next_due<R: Runner>(runner: &mut R) -> Answer<Option<Timestamp>> {
    let sql = concat!(
        "select due_at from delivery where ",
        open_states!(),
        " and due_at is not null order by due_at limit 1"
    );
    runner.optional(Query::new(sql, [], |row| row.time(0))).await
}

/// Gives deliveries of which the provider is to be asked by now.
pub(crate) async fn unreported<R: Runner>(
    runner: &mut R,
    now: Timestamp,
    limit: usize,
) -> Answer<Vec<Delivery>> {
    let sql = format!(
        "select {} from delivery d where d.state = 'sent' and d.ask_at <= ?1
         order by d.ask_at limit ?2",
        delivery::COLUMNS
    );
    runner.all(Query::new(sql, [now.into(), limit.into()], delivery::read)).await
}

/// Counts what is due and what waits.
pub(crate) async fn backlog<R: Runner>(
    runner: &mut R,
    now: Timestamp,
    limit: usize,
) -> Answer<Backlog> {
    let sql = concat!(
        "select (select count(*) from (select 1 from delivery where ",
        open_states!(),
        " and due_at <= ?1 limit ?2) due),
         (select count(*) from (select 1 from delivery where ",
        open_states!(),
        " and due_at > ?1 limit ?2) later),
         (select count(*) from (select 1 from delivery where ",
        open_states!(),
        " and due_at is null limit ?2) waiting),
         (select min(due_at) from delivery where ",
        open_states!(),
        " and due_at <= ?1),
         (select min(due_at) from send where active = 2 and due_at <= ?1),
         (select min(due_at) from digest where due_at <= ?1)"
    );
    let query = Query::new(sql, [now.into(), limit.into()], |row| {
        let (due, later, waiting) = (row.count(0)?, row.count(1)?, row.count(2)?);
        Ok(Backlog {
            due,
            waiting: later + waiting,
            oldest_due: row.optional_time(3)?,
            oldest_later: row.optional_time(4)?,
            oldest_digest: row.optional_time(5)?,
        })
    });
    let backlog = runner.one(query).await?;
    Ok(Backlog { waiting: backlog.waiting.min(limit as u64), ..backlog })
}
