//! Walking over everything that is sealed, a page at a time, to seal it anew.

use landfall_core::id::{AddressId, Tenant, UserId};

use super::{Query, Runner, addresses, people};
use crate::{Address, Answer, Person};

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
    let nil = uuid::Uuid::nil();
    let (tenant, id) = after.map_or(("", &nil), |(t, id)| (t.as_str(), &id.0));
    let query = Query::new(sql, [tenant.into(), id.into(), limit.into()], |row| {
        Ok((row.tenant(addresses::WIDTH)?, addresses::read(row)?))
    });
    runner.all(query).await
}
