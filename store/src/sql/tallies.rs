//! Tallies: sums by day, and how far each tenant's trail has been added up.

use std::collections::BTreeMap;

use landfall_core::id::{NotificationId, Tenant, TopicId};

use super::{Corrupt, Query, Row, Runner, Value};
use crate::{Answer, Countable, CountedNotification, Tally, TallyFilter, TallyKey, Uncounted};

/// The class that stands for the whole tenant: no topic has this name.
const WHOLE: &str = "";

/// Finds tenants whose trails go on behind what was counted, each with its place.
pub(crate) async fn places<R: Runner>(
    runner: &mut R,
    after: Option<&Tenant>,
    limit: usize,
) -> Answer<Vec<(Tenant, u64)>> {
    let sql = "select c.tenant, coalesce(p.counted, 0)
               from audit_chain c left join tally_place p on p.tenant = c.tenant
               where c.tenant > ?1 and c.newest > coalesce(p.counted, 0)
               order by c.tenant limit ?2";
    let values = [after.map_or("", Tenant::as_str).into(), limit.into()];
    runner.all(Query::new(sql, values, |row| Ok((row.tenant(0)?, row.count(1)?)))).await
}

/// Reads a trail behind a place, without the notifications that it is about; those come beside.
pub(crate) async fn entries<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    counted: u64,
    limit: usize,
) -> Answer<Vec<(Countable, Option<NotificationId>)>> {
    let sql = "select number, at, action, metadata, entity_type, entity_id from audit_entry
               where tenant = ?1 and number > ?2 order by number limit ?3";
    let values = [tenant.into(), counted.into(), limit.into()];
    runner.all(Query::new(sql, values, entry)).await
}

fn entry(row: &dyn Row) -> Result<(Countable, Option<NotificationId>), Corrupt> {
    let is_about_one = row.text(4)? == "notification";
    let about = is_about_one.then(|| NotificationId::parse(row.text(5).unwrap_or_default()).ok());
    let countable = Countable {
        number: row.count(0)?,
        at: row.time(1)?,
        action: row.string(2)?,
        metadata: row.optional_string(3)?,
        notification: None,
    };
    Ok((countable, about.flatten()))
}

/// What a tally needs of a notification `n` and its send `s`, as [`counted`] reads it.
pub(crate) const COUNTED: &str = "n.id, n.type, n.created_at, s.topic_id";

/// Reads what a tally needs of a notification.
pub(crate) fn counted(row: &dyn Row) -> Result<CountedNotification, Corrupt> {
    Ok(CountedNotification {
        id: NotificationId(row.uuid(0)?),
        notification_type: row.string(1)?,
        created_at: row.time(2)?,
        class: match row.optional_text(3)? {
            Some(_) => Some(row.topic(3)?),
            None => None,
        },
    })
}

/// Gives what is not counted yet, tenant by tenant.
pub(crate) async fn uncounted<R: Runner>(
    runner: &mut R,
    after: Option<&Tenant>,
    tenants: usize,
    limit: usize,
) -> Answer<Vec<Uncounted>> {
    let sql = format!(
        "select {COUNTED} from notification n
         left join send s on s.id = n.send_id and s.tenant = n.tenant
         where n.tenant = ?1 and n.id = ?2"
    );
    let mut found = Vec::new();
    for (tenant, place) in places(runner, after, tenants).await? {
        let mut countables = Vec::new();
        for (mut countable, about) in entries(runner, &tenant, place, limit).await? {
            if let Some(id) = about {
                let values = [(&tenant).into(), (&id.0).into()];
                let query = Query::new(sql.clone(), values, counted);
                countable.notification = runner.optional(query).await?;
            }
            countables.push(countable);
        }
        found.push(Uncounted { tenant, counted: place, entries: countables });
    }
    Ok(found)
}

/// Moves a tenant's place; says whether it still stood at `from`.
pub(crate) async fn advance<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    from: u64,
    to: u64,
) -> Answer<bool> {
    let sql = if from == 0 {
        "insert into tally_place (tenant, counted) values (?1, ?3)
         on conflict (tenant) do update set counted = excluded.counted
             where tally_place.counted = ?2"
    } else {
        "update tally_place set counted = ?3 where tenant = ?1 and counted = ?2"
    };
    let values = [tenant.into(), from.into(), to.into()];
    Ok(runner.execute(Query::command(sql, values)).await? == 1)
}

/// Adds up what goes to the same sum, in the order in which every counter writes.
pub(crate) fn merged(tallies: Vec<Tally>) -> Vec<Tally> {
    let mut sums = BTreeMap::<TallyKey, u64>::new();
    for Tally { key, count } in tallies {
        *sums.entry(key).or_default() += count;
    }
    sums.into_iter().map(|(key, count)| Tally { key, count }).collect()
}

/// Gives the columns tenant, class, day, measure, channel, type, bucket and count.
pub(crate) fn values<'a>(tenant: &'a Tenant, tally: &'a Tally) -> [Value<'a>; 8] {
    let Tally { key, count } = tally;
    let TallyKey { day, class, measure, channel, notification_type, bucket } = key;
    [
        tenant.into(),
        class.as_ref().map_or(WHOLE, TopicId::as_str).into(),
        (*day).into(),
        measure.into(),
        channel.into(),
        notification_type.into(),
        i64::from(*bucket).into(),
        (*count).into(),
    ]
}

/// Adds to sums and moves the tenant's place; says whether it still stood at `from`.
pub(crate) async fn count<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    from: u64,
    to: u64,
    tallies: Vec<Tally>,
) -> Answer<bool> {
    if !advance(runner, tenant, from, to).await? {
        return Ok(false);
    }
    let sql = "insert into tally (tenant, class, day, measure, channel, type, bucket, count)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               on conflict (tenant, class, day, measure, channel, type, bucket)
               do update set count = tally.count + excluded.count";
    for tally in &merged(tallies) {
        runner.execute(Query::command(sql, values(tenant, tally))).await?;
    }
    Ok(true)
}

/// Reads the sums of a range of days, those of the same key added up.
pub(crate) async fn read<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    filter: &TallyFilter,
) -> Answer<Vec<Tally>> {
    let sql = "select measure, channel, type, bucket, cast(sum(count) as bigint) from tally
               where tenant = ?1 and class = ?2 and day >= ?3 and day <= ?4
               group by measure, channel, type, bucket
               order by measure, channel, type, bucket";
    let TallyFilter { from, to, class } = filter;
    let name = class.as_ref().map_or(WHOLE, TopicId::as_str);
    let values = [tenant.into(), name.into(), (*from).into(), (*to).into()];
    let tallies = runner.all(Query::new(sql, values, tally)).await?;
    let of_filter = |mut tally: Tally| {
        tally.key.day = *from;
        tally.key.class.clone_from(class);
        tally
    };
    Ok(tallies.into_iter().map(of_filter).collect())
}

fn tally(row: &dyn Row) -> Result<Tally, Corrupt> {
    let bucket = u16::try_from(row.int(3)?).map_err(|_| Corrupt::new(3, "bucket"))?;
    let key = TallyKey {
        day: 0,
        class: None,
        measure: row.string(0)?,
        channel: row.string(1)?,
        notification_type: row.string(2)?,
        bucket,
    };
    Ok(Tally { key, count: row.count(4)? })
}
