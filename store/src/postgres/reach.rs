//! Questions about the outbox, people and tallies, each on a borrowed connection.
//!
//! What is asked for many at once is one statement, or a few that are sent together.

use std::collections::HashMap;

use landfall_core::audit::Hash;
use landfall_core::channel::Channel;
use landfall_core::id::{AddressId, DeliveryId, NotificationId, Tenant, UserId};
use landfall_core::time::Timestamp;

use super::Postgres;
use super::fault::told;
use super::reads::ask;
use super::runner::PostgresRunner;
use super::volley::Ask;
use crate::sql::{
    Corrupt, Row, Value, addresses, claims, delivery, forget, notification, outbox_read,
    outbox_write, people, seals, suppressions, tallies,
};
use crate::{
    Address, AddressKind, Answer, Answered, AskAgain, Backlog, Claimed, Claiming, Countable,
    CountedNotification, Deliveries, Delivery, DeliveryFilter, People, Person, Recipient,
    Recipients, Standing, StoredPreferences, Suppression, SuppressionFilter, Tallies, Tally,
    TallyFilter, Uncounted,
};

type Rows = Vec<tokio_postgres::Row>;

fn places(count: usize) -> Vec<i64> {
    (0..count as i64).collect()
}

fn bytes(ids: &[NotificationId]) -> Vec<&[u8]> {
    ids.iter().map(|id| &id.0.as_bytes()[..]).collect()
}

fn read<T>(rows: &Rows, read: fn(&dyn Row) -> Result<T, Corrupt>) -> Answer<Vec<T>> {
    let rows: Result<Vec<T>, Corrupt> = rows.iter().map(|row| read(row)).collect();
    Ok(rows?)
}

async fn standings(
    runner: &mut PostgresRunner<'_>,
    tenant: &Tenant,
    ids: &[NotificationId],
) -> Answer<Vec<Standing>> {
    let sql = format!(
        "select {}, {} from unnest($2::bytea[], $3::bigint[]) as a (id, place)
         join notification n on n.tenant = $1 and n.id = a.id {}
         order by a.place",
        notification::COLUMNS,
        outbox_read::CANCELED,
        outbox_read::STANDING_TABLES
    );
    let values: super::runner::Values<'_> = &[&tenant.as_str(), &bytes(ids), &places(ids.len())];
    read(&runner.rows(&sql, values).await?, outbox_read::standing)
}

async fn deliveries_of(
    runner: &mut PostgresRunner<'_>,
    tenant: &Tenant,
    ids: &[NotificationId],
) -> Answer<Vec<Delivery>> {
    let sql = format!(
        "select {} from unnest($2::bytea[], $3::bigint[]) as a (id, place)
         join delivery d on d.tenant = $1 and d.notification_id = a.id
         order by a.place, d.place, d.id",
        delivery::COLUMNS
    );
    let values: super::runner::Values<'_> = &[&tenant.as_str(), &bytes(ids), &places(ids.len())];
    read(&runner.rows(&sql, values).await?, delivery::read)
}

impl Deliveries for Postgres {
    fn claim(&self, claiming: Claiming) -> Answered<'_, Claimed> {
        ask!(self.pool, |r| claims::claim(r, &claiming))
    }

    fn release_claims(&self, _: Timestamp) -> Answered<'_, u64> {
        // Other nodes may be at work on what they have claimed.
        Box::pin(std::future::ready(Ok(0)))
    }

    fn next_due(&self) -> Answered<'_, Option<Timestamp>> {
        ask!(self.pool, |r| outbox_read::next_due(r))
    }

    fn unreported(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<Delivery>> {
        ask!(self.pool, |r| outbox_read::unreported(r, now, limit))
    }

    fn ask_again(&self, again: AskAgain) -> Answered<'_, bool> {
        ask!(self.pool, |r| outbox_write::ask_again(r, &again))
    }

    fn notification_standings(
        &self,
        tenant: &Tenant,
        notifications: Vec<NotificationId>,
    ) -> Answered<'_, Vec<Standing>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| standings(r, &tenant, &notifications))
    }

    fn delivery(&self, tenant: &Tenant, id: DeliveryId) -> Answered<'_, Option<Delivery>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| outbox_read::get(r, &tenant, id))
    }

    fn deliveries_of(
        &self,
        tenant: &Tenant,
        notifications: Vec<NotificationId>,
    ) -> Answered<'_, Vec<Delivery>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| deliveries_of(r, &tenant, &notifications))
    }

    fn deliveries(&self, tenant: &Tenant, filter: DeliveryFilter) -> Answered<'_, Vec<Delivery>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| outbox_read::list(r, &tenant, &filter))
    }

    fn backlog(&self, now: Timestamp, limit: usize) -> Answered<'_, Backlog> {
        ask!(self.pool, |r| outbox_read::backlog(r, now, limit))
    }

    fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        ask!(self.pool, |r| forget::deliveries(r, before, limit))
    }
}

/// Users by name, and their places in the order asked.
const ASKED: &str = "unnest($2::text[], $3::bigint[]) as a (user_id, place)";

async fn recipients(
    runner: &mut PostgresRunner<'_>,
    tenant: &Tenant,
    users: &[UserId],
) -> Answer<Recipients> {
    let (persons, found_addresses) = (people::COLUMNS, addresses::COLUMNS);
    let suppressed = suppressions::COLUMNS;
    let texts = [
        format!(
            "select {persons}, a.place from {ASKED}
             join person p on p.tenant = $1 and p.user_id = a.user_id"
        ),
        format!(
            "select w.body, w.version, a.place from {ASKED}
             join preference w on w.tenant = $1 and w.user_id = a.user_id"
        ),
        format!(
            "select {found_addresses}, n.place from unnest($2::text[], $3::bigint[])
                 as n (user_id, place)
             join address a on a.tenant = $1 and a.user_id = n.user_id and a.active = 1
             order by n.place, a.created_at, a.id"
        ),
        format!(
            "select {suppressed}, a.place from {ASKED}
             join person p on p.tenant = $1 and p.user_id = a.user_id
             cross join (values ('sms'), ('email')) as c (channel)
             join suppression s on s.tenant = p.tenant and s.channel = c.channel
                 and s.hash = case c.channel when 'sms' then p.phone_hash else p.email_hash end
             order by a.place, s.channel"
        ),
    ];
    // Behind the users stands the tenant's own name, under which only preferences are found.
    let names: Vec<&str> = users.iter().map(UserId::as_str).chain([people::EVERYBODY]).collect();
    let values: super::runner::Values<'_> = &[&tenant.as_str(), &names, &places(names.len())];
    let asks: Vec<Ask<'_>> = texts.iter().map(|sql| Ask { sql, values }).collect();
    gathered(users, &runner.rows_of_all(&asks).await?)
}

fn gathered(users: &[UserId], answers: &[Rows]) -> Answer<Recipients> {
    let nothing = |user: &UserId| Recipient {
        user: user.clone(),
        person: None,
        preferences: None,
        addresses: Vec::new(),
        suppressions: Vec::new(),
    };
    let mut recipients: Vec<Recipient> = users.iter().map(nothing).collect();
    let mut everybody = None;
    for (kind, rows) in answers.iter().enumerate() {
        for row in rows {
            let row: &dyn Row = row;
            let place = [people::WIDTH, 2, addresses::WIDTH, suppressions::WIDTH][kind];
            let Some(of) = recipients.get_mut(row.count(place)? as usize) else {
                everybody = Some(people::read_preferences(row, 0)?);
                continue;
            };
            match kind {
                0 => of.person = Some(people::read(row)?),
                1 => of.preferences = Some(people::read_preferences(row, 0)?),
                2 => of.addresses.push(addresses::read(row)?),
                _ => of.suppressions.push(suppressions::read(row)?),
            }
        }
    }
    Ok(Recipients { users: recipients, everybody })
}

impl People for Postgres {
    fn person(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Option<Person>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| people::get(r, &tenant, &user))
    }

    fn recipients(&self, tenant: &Tenant, users: Vec<UserId>) -> Answered<'_, Recipients> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| recipients(r, &tenant, &users))
    }

    fn preferences(
        &self,
        tenant: &Tenant,
        user: Option<&UserId>,
    ) -> Answered<'_, Option<StoredPreferences>> {
        let (tenant, user) = (tenant.clone(), user.cloned());
        ask!(self.pool, |r| people::preferences(r, &tenant, user.as_ref()))
    }

    fn addresses(
        &self,
        tenant: &Tenant,
        user: &UserId,
        kind: AddressKind,
    ) -> Answered<'_, Vec<Address>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        ask!(self.pool, |r| addresses::list(r, &tenant, &user, kind))
    }

    fn address(&self, tenant: &Tenant, id: AddressId) -> Answered<'_, Option<Address>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| addresses::get(r, &tenant, id))
    }

    fn address_by_hash(&self, tenant: &Tenant, hash: Hash) -> Answered<'_, Option<Address>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| addresses::by_hash(r, &tenant, &hash))
    }

    fn sealed_people(
        &self,
        after: Option<(Tenant, UserId)>,
        limit: usize,
    ) -> Answered<'_, Vec<(Tenant, Person)>> {
        ask!(self.pool, |r| seals::people(r, after.as_ref(), limit))
    }

    fn sealed_addresses(
        &self,
        after: Option<(Tenant, AddressId)>,
        limit: usize,
    ) -> Answered<'_, Vec<(Tenant, Address)>> {
        ask!(self.pool, |r| seals::addresses(r, after.as_ref(), limit))
    }

    fn sealed_deliveries(
        &self,
        after: Option<(Tenant, DeliveryId)>,
        limit: usize,
    ) -> Answered<'_, Vec<Delivery>> {
        ask!(self.pool, |r| seals::deliveries(r, after.as_ref(), limit))
    }

    fn suppression(
        &self,
        tenant: &Tenant,
        channel: Channel,
        address: Hash,
    ) -> Answered<'_, Option<Suppression>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| suppressions::get(r, &tenant, channel, &address))
    }

    fn has_phone(&self, tenant: &Tenant, phone: Hash) -> Answered<'_, bool> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| people::has_phone(r, &tenant, &phone))
    }

    fn suppressions(
        &self,
        tenant: &Tenant,
        filter: SuppressionFilter,
    ) -> Answered<'_, Vec<Suppression>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| suppressions::list(r, &tenant, &filter))
    }
}

async fn uncounted(
    runner: &mut PostgresRunner<'_>,
    after: Option<&Tenant>,
    tenants: usize,
    limit: usize,
) -> Answer<Vec<Uncounted>> {
    let mut found = Vec::new();
    for (tenant, counted) in tallies::places(runner, after, tenants).await? {
        let entries = tallies::entries(runner, &tenant, counted, limit).await?;
        let entries = with_notifications(runner, &tenant, entries).await?;
        found.push(Uncounted { tenant, counted, entries });
    }
    Ok(found)
}

async fn with_notifications(
    runner: &mut PostgresRunner<'_>,
    tenant: &Tenant,
    entries: Vec<(Countable, Option<NotificationId>)>,
) -> Answer<Vec<Countable>> {
    let ids: Vec<NotificationId> = entries.iter().filter_map(|(_, about)| *about).collect();
    let sql = format!(
        "select {} from unnest($2::bytea[]) as a (id)
         join notification n on n.tenant = $1 and n.id = a.id
         left join send s on s.id = n.send_id and s.tenant = n.tenant",
        tallies::COUNTED
    );
    let rows = runner.rows(&sql, &[&tenant.as_str(), &bytes(&ids)]).await?;
    let found: HashMap<NotificationId, CountedNotification> =
        read(&rows, tallies::counted)?.into_iter().map(|one| (one.id, one)).collect();
    let whole = |(mut entry, about): (Countable, Option<NotificationId>)| {
        entry.notification = about.and_then(|id| found.get(&id).cloned());
        entry
    };
    Ok(entries.into_iter().map(whole).collect())
}

/// Adds sums up by one statement, in the caller's transaction.
async fn add(runner: &mut PostgresRunner<'_>, tenant: &Tenant, sums: Vec<Tally>) -> Answer<()> {
    let sums = tallies::merged(sums);
    let rows: Vec<[Value<'_>; 8]> = sums.iter().map(|sum| tallies::values(tenant, sum)).collect();
    let sql = "insert into tally (tenant, class, day, measure, channel, type, bucket, count)
               select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[],
                   $6::text[], $7::bigint[], $8::bigint[])
               on conflict (tenant, class, day, measure, channel, type, bucket)
               do update set count = tally.count + excluded.count";
    use super::group::columns::{Kind::*, columns, params};
    let columns = columns([Text, Text, Int, Text, Text, Text, Int, Int], &rows);
    runner.change(sql, &params(&columns)).await.map(|_| ())
}

impl Postgres {
    async fn count_once(
        &self,
        tenant: &Tenant,
        from: u64,
        to: u64,
        sums: Vec<Tally>,
    ) -> Answer<bool> {
        // After an error the connection is closed with the loan, and nothing was done.
        let mut loan = self.pool.lend().await?;
        let connection = loan.connection();
        connection.command("begin").await?;
        let is_first = tallies::advance(&mut connection.runner(), tenant, from, to).await;
        let is_first = is_first.map_err(told)?;
        if is_first {
            add(&mut connection.runner(), tenant, sums).await.map_err(told)?;
        }
        connection.command("commit").await?;
        loan.give_back();
        Ok(is_first)
    }
}

impl Tallies for Postgres {
    fn uncounted(
        &self,
        after: Option<Tenant>,
        tenants: usize,
        limit: usize,
    ) -> Answered<'_, Vec<Uncounted>> {
        ask!(self.pool, |r| uncounted(r, after.as_ref(), tenants, limit))
    }

    fn count(&self, tenant: &Tenant, from: u64, to: u64, sums: Vec<Tally>) -> Answered<'_, bool> {
        let tenant = tenant.clone();
        Box::pin(async move { self.count_once(&tenant, from, to, sums).await })
    }

    fn tallies(&self, tenant: &Tenant, filter: TallyFilter) -> Answered<'_, Vec<Tally>> {
        let tenant = tenant.clone();
        ask!(self.pool, |r| tallies::read(r, &tenant, &filter))
    }
}
