//! Walking over everything that is sealed, a page at a time, to seal it anew.

use landfall_core::id::{AddressId, DeliveryId, SendId, Tenant, UserId};
use uuid::Uuid;

use super::{Query, Runner, addresses, delivery, done, people, send};
use crate::{Address, Answer, BroughtWith, Delivery, Outcome, Person, StoredSend};

/// Gives people of all tenants, by tenant and user after a place.
pub(crate) async fn people<R: Runner>(
    runner: &mut R,
    after: Option<&(Tenant, UserId)>,
    limit: usize,
) -> Answer<Vec<(Tenant, Person)>> {
    let columns = people::COLUMNS;
    let sql = format!(
        "select {columns}, p.tenant from person p where (p.tenant, p.user_id) > (?1, ?2)
         order by p.tenant, p.user_id limit ?3"
    );
    let (tenant, user) = after.map_or(("", ""), |(t, u)| (t.as_str(), u.as_str()));
    let query = Query::new(sql, [tenant.into(), user.into(), limit.into()], |row| {
        Ok((row.tenant(people::WIDTH)?, people::read(row)?))
    });
    runner.all(query).await
}

/// Gives addresses of all tenants, by tenant and name after a place.
pub(crate) async fn addresses<R: Runner>(
    runner: &mut R,
    after: Option<&(Tenant, AddressId)>,
    limit: usize,
) -> Answer<Vec<(Tenant, Address)>> {
    let columns = addresses::COLUMNS;
    let sql = format!(
        "select {columns}, a.tenant from address a where (a.tenant, a.id) > (?1, ?2)
         order by a.tenant, a.id limit ?3"
    );
    let nil = Uuid::nil();
    let (tenant, id) = after.map_or(("", &nil), |(t, id)| (t.as_str(), &id.0));
    let query = Query::new(sql, [tenant.into(), id.into(), limit.into()], |row| {
        Ok((row.tenant(addresses::WIDTH)?, addresses::read(row)?))
    });
    runner.all(query).await
}

/// Gives deliveries to numbers that requests brought along, of all tenants, by tenant and name
/// after a place.
pub(crate) async fn deliveries<R: Runner>(
    runner: &mut R,
    after: Option<&(Tenant, DeliveryId)>,
    limit: usize,
) -> Answer<Vec<Delivery>> {
    let columns = delivery::COLUMNS;
    let sql = format!(
        "select {columns} from delivery d
         where d.brought is not null and (d.tenant, d.id) > (?1, ?2)
         order by d.tenant, d.id limit ?3"
    );
    let nil = Uuid::nil();
    let (tenant, id) = after.map_or(("", &nil), |(t, id)| (t.as_str(), &id.0));
    runner.all(Query::new(sql, [tenant.into(), id.into(), limit.into()], delivery::read)).await
}

/// Seals an address anew; `Stale` unless it is sealed as it was.
pub(crate) async fn renew_address<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    (user, id): (&UserId, AddressId),
    (from, to): (&[u8], &[u8]),
) -> Answer<Outcome> {
    let sql = "update address set secret = ?5
               where tenant = ?1 and id = ?2 and user_id = ?3 and secret = ?4";
    let values = [tenant.into(), (&id.0).into(), user.into(), from.into(), to.into()];
    done(runner.execute(Query::command(sql, values)).await?)
}

/// Gives sends to numbers that requests brought along, of all tenants, by name after one of them.
pub(crate) async fn sends<R: Runner>(
    runner: &mut R,
    after: Option<SendId>,
    limit: usize,
) -> Answer<Vec<StoredSend>> {
    let columns = send::COLUMNS;
    let sql = format!(
        "select {columns} from send s where s.phone is not null and s.id > ?1
         order by s.id limit ?2"
    );
    let after = after.map_or(Uuid::nil(), |id| id.0);
    runner.all(Query::new(sql, [(&after).into(), limit.into()], send::read)).await
}

/// Seals a number anew that a request brought along; `Stale` unless it is sealed as it was.
pub(crate) async fn renew_brought<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    with: BroughtWith,
    (from, to): (&[u8], &[u8]),
) -> Answer<Outcome> {
    let (sql, id) = match &with {
        BroughtWith::Delivery(id) => (
            "update delivery set brought = ?4 where tenant = ?1 and id = ?2 and brought = ?3",
            &id.0,
        ),
        BroughtWith::Send(id) => {
            ("update send set phone = ?4 where tenant = ?1 and id = ?2 and phone = ?3", &id.0)
        }
    };
    let values = [tenant.into(), id.into(), from.into(), to.into()];
    done(runner.execute(Query::command(sql, values)).await?)
}
