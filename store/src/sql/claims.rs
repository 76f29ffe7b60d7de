//! Claiming deliveries that are due: a page of tenants, and of each the most urgent first.
//!
//! Every step goes through `delivery_due`: from one tenant that waits for a time to the next, and
//! into the part of each priority that is due. So a claim costs what it gives and what tenants it
//! looks at, however much waits.

use landfall_core::id::Tenant;
use landfall_core::notification::Priority;

use super::delivery::{COLUMNS, WIDTH, read};
use super::{Corrupt, Dialect, Query, Row, Runner, codes};
use crate::{Answer, Claimed, Claiming, Delivery};
use landfall_core::time::Timestamp;

/// Walks from one tenant that waits for a time to the next, from the one after `?1` on.
macro_rules! tenants {
    ($bound:literal) => {
        concat!(
            "with recursive t (tenant) as (
                 select (select d.tenant from delivery d
                         where d.channel = ?2 and d.tenant > ?1 and d.due_at is not null
                         order by d.tenant limit 1)
                 union all
                 select (select d.tenant from delivery d
                         where d.channel = ?2 and d.tenant > t.tenant and d.due_at is not null
                         order by d.tenant limit 1)
                 from t where t.tenant is not null",
            $bound,
            ")"
        )
    };
}

/// Claims what is due.
pub(crate) async fn claim<R: Runner>(runner: &mut R, claiming: &Claiming) -> Answer<Claimed> {
    let mut page = tenants(runner, claiming).await?;
    let is_last_page = page.len() <= claiming.tenants;
    page.truncate(claiming.tenants);
    let Some(end) = page.last() else { return Ok(Claimed::default()) };
    let deliveries = match R::DIALECT {
        Dialect::Sqlite => one_by_one(runner, &page, claiming).await?,
        Dialect::Postgres => at_once(runner, end, claiming).await?,
    };
    let full = deliveries.last().filter(|_| deliveries.len() >= claiming.limit);
    let last = full.map_or(end, |delivery| &delivery.tenant);
    let last = (!is_last_page || last != end).then(|| last.clone());
    Ok(Claimed { deliveries, last })
}

/// Gives one tenant more than are looked at.
async fn tenants<R: Runner>(runner: &mut R, claiming: &Claiming) -> Answer<Vec<Tenant>> {
    let sql = concat!(tenants!(""), " select tenant from t where tenant is not null limit ?3");
    let after = claiming.after.as_ref().map_or("", Tenant::as_str);
    let values = [after.into(), claiming.channel.as_str().into(), (claiming.tenants + 1).into()];
    runner.all(Query::new(sql, values, |row| row.tenant(0))).await
}

/// SQLite has one writer, so that what was looked at cannot have gone before it is taken.
async fn one_by_one<R: Runner>(
    runner: &mut R,
    tenants: &[Tenant],
    claiming: &Claiming,
) -> Answer<Vec<Delivery>> {
    let sql = format!(
        "select {COLUMNS} from delivery d
         where d.channel = ?5 and d.tenant = ?1 and d.priority = ?2 and d.due_at <= ?3
         order by d.due_at, d.id limit ?4"
    );
    let mut claimed = Vec::new();
    for tenant in tenants {
        let end = claiming.limit.min(claimed.len() + claiming.per_tenant);
        for priority in Priority::ALL.into_iter().rev().map(codes::priority_code) {
            let now = claiming.now.into();
            let (room, channel) = ((end - claimed.len()).into(), claiming.channel.as_str().into());
            let values = [tenant.into(), priority.into(), now, room, channel];
            let due = runner.all(Query::new(sql.clone(), values, read)).await?;
            for delivery in due {
                claimed.push(take(runner, delivery, claiming).await?);
            }
            if claimed.len() == end {
                break;
            }
        }
        if claimed.len() == claiming.limit {
            break;
        }
    }
    Ok(claimed)
}

async fn take<R: Runner>(
    runner: &mut R,
    delivery: Delivery,
    claiming: &Claiming,
) -> Answer<Delivery> {
    let (claim, due_at) = (delivery.claim + 1, claiming.lease_until);
    let sql = "update delivery set claim = ?3, leased = 1, due_at = ?4, updated_at = ?5
               where tenant = ?1 and id = ?2";
    let (tenant, id, now) = (&delivery.tenant, &delivery.id.0, claiming.now);
    let values = [tenant.into(), id.into(), claim.into(), due_at.into(), now.into()];
    runner.execute(Query::command(sql, values)).await?;
    Ok(Delivery { claim, due_at: Some(due_at), updated_at: now, ..delivery })
}

/// PostgreSQL takes in one statement, and leaves to others what they are just taking: nobody
/// waits, and nothing is taken twice. A row that somebody changed meanwhile is looked at again.
async fn at_once<R: Runner>(
    runner: &mut R,
    end: &Tenant,
    claiming: &Claiming,
) -> Answer<Vec<Delivery>> {
    let sql = format!(
        "{tenants},
         due as materialized (
             select x.tenant, x.id, x.due_at from t cross join lateral (
                 select y.* from (values (cast(3 as bigint)), (2), (1), (0)) p (priority)
                 cross join lateral (
                     select d.tenant, d.id, d.due_at from delivery d
                     where d.channel = ?2 and d.tenant = t.tenant and d.priority = p.priority
                       and d.due_at <= ?4
                     order by d.due_at, d.id limit ?5 for update skip locked) y
                 limit ?5) x
             limit ?6)
         update delivery d set claim = d.claim + 1, leased = 1, due_at = ?7, updated_at = ?4
         from due where d.tenant = due.tenant and d.id = due.id
         returning {COLUMNS}, due.due_at",
        tenants = tenants!(" and t.tenant < ?3"),
    );
    let values = [
        claiming.after.as_ref().map_or("", Tenant::as_str).into(),
        claiming.channel.as_str().into(),
        end.into(),
        claiming.now.into(),
        claiming.per_tenant.into(),
        claiming.limit.into(),
        claiming.lease_until.into(),
    ];
    let mut taken = runner.all(Query::new(sql, values, with_time)).await?;
    taken.sort_by(|(a, was_due), (b, other)| {
        let (urgent, more) = (a.priority, b.priority);
        (&a.tenant, more, was_due, a.id).cmp(&(&b.tenant, urgent, other, b.id))
    });
    Ok(taken.into_iter().map(|(delivery, _)| delivery).collect())
}

fn with_time(row: &dyn Row) -> Result<(Delivery, Timestamp), Corrupt> {
    Ok((read(row)?, row.time(WIDTH)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statement for PostgreSQL names the codes.
    #[test]
    fn a_higher_priority_has_a_higher_code() {
        let codes = Priority::ALL.map(codes::priority_code);
        assert_eq!(codes, [0, 1, 2, 3]);
        assert!(Priority::ALL.is_sorted());
    }
}
