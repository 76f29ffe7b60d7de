//! Addresses: the push tokens and subscriptions that devices registered.

use landfall_core::audit::Hash;
use landfall_core::id::{AddressId, DeviceId, Tenant, UserId};

use super::{Corrupt, Query, Row, Runner, done};
use crate::{ADDRESSES_MAX, Address, AddressKind, Answer, Outcome, Sealed};

/// All columns of an address `a`, as [`read`] reads them.
pub(crate) const COLUMNS: &str = "a.id, a.user_id, a.kind, a.secret, a.hash, a.platform, a.device,
    a.active, a.created_at, a.seen_at";

/// How many columns these are.
pub(crate) const WIDTH: usize = 10;

/// Reads an address from the first columns of a row.
pub(crate) fn read(row: &dyn Row) -> Result<Address, Corrupt> {
    let device = |text: &str| DeviceId::parse(text).map_err(|_| Corrupt::new(6, "device id"));
    Ok(Address {
        id: AddressId(row.uuid(0)?),
        user: row.user(1)?,
        kind: AddressKind::parse(row.text(2)?).ok_or(Corrupt::new(2, "kind of address"))?,
        secret: Sealed { bytes: row.blob(3)?, hash: row.bytes(4)? },
        platform: row.string(5)?,
        device: row.optional_text(6)?.map(device).transpose()?,
        is_active: row.flag(7)?,
        created_at: row.time(8)?,
        seen_at: row.time(9)?,
    })
}

/// Registers an address.
pub(crate) async fn put<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    address: &Address,
) -> Answer<Outcome> {
    let sql = "insert into address (tenant, id, user_id, kind, secret, hash, platform, device,
                   active, created_at, seen_at)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
               on conflict (tenant, hash) do update set
                   id = case when address.user_id = excluded.user_id
                       then address.id else excluded.id end,
                   created_at = case when address.user_id = excluded.user_id
                       then address.created_at else excluded.created_at end,
                   user_id = excluded.user_id, kind = excluded.kind, secret = excluded.secret,
                   platform = excluded.platform, device = excluded.device,
                   active = excluded.active, seen_at = excluded.seen_at";
    let Address { id, user, kind, secret, platform, device, is_active, .. } = address;
    let values = [
        tenant.into(),
        (&id.0).into(),
        user.into(),
        kind.as_str().into(),
        secret.bytes.as_slice().into(),
        (&secret.hash).into(),
        platform.into(),
        device.as_ref().map(DeviceId::as_str).into(),
        (*is_active).into(),
        address.created_at.into(),
        address.seen_at.into(),
    ];
    runner.execute(Query::command(sql, values)).await?;
    replace_others_of_device(runner, tenant, address).await?;
    remove_too_many(runner, tenant, address).await?;
    Ok(Outcome::Done)
}

async fn replace_others_of_device<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    address: &Address,
) -> Answer<()> {
    let Some(device) = &address.device else { return Ok(()) };
    let sql = "delete from address where tenant = ?1 and user_id = ?2 and kind = ?3
                   and device = ?4 and hash <> ?5";
    let (user, kind, hash) = (&address.user, address.kind.as_str(), &address.secret.hash);
    let values = [tenant.into(), user.into(), kind.into(), device.as_str().into(), hash.into()];
    runner.execute(Query::command(sql, values)).await.map(|_| ())
}

/// The one that was just registered stays, whatever time it brought.
async fn remove_too_many<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    address: &Address,
) -> Answer<()> {
    let sql = "delete from address where tenant = ?1 and hash in (
                   select hash from address where tenant = ?1 and user_id = ?2 and hash <> ?3
                   order by seen_at desc, id desc limit 1000 offset ?4)";
    let (user, hash) = (&address.user, &address.secret.hash);
    let values = [tenant.into(), user.into(), hash.into(), (ADDRESSES_MAX - 1).into()];
    runner.execute(Query::command(sql, values)).await.map(|_| ())
}

/// Removes an address; `Stale` unless it is there.
pub(crate) async fn remove<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    id: AddressId,
) -> Answer<Outcome> {
    let sql = "delete from address where tenant = ?1 and id = ?2 and user_id = ?3";
    let values = [tenant.into(), (&id.0).into(), user.into()];
    done(runner.execute(Query::command(sql, values)).await?)
}

/// Gives a user's active addresses, oldest first.
pub(crate) async fn active<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
) -> Answer<Vec<Address>> {
    let sql = format!(
        "select {COLUMNS} from address a
         where a.tenant = ?1 and a.user_id = ?2 and a.active = 1 order by a.created_at, a.id"
    );
    runner.all(Query::new(sql, [tenant.into(), user.into()], read)).await
}

/// Lists a user's addresses of a kind, newest first.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    kind: AddressKind,
) -> Answer<Vec<Address>> {
    let sql = format!(
        "select {COLUMNS} from address a
         where a.tenant = ?1 and a.user_id = ?2 and a.kind = ?3
         order by a.created_at desc, a.id desc"
    );
    let values = [tenant.into(), user.into(), kind.as_str().into()];
    runner.all(Query::new(sql, values, read)).await
}

/// Finds an address by its name.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    id: AddressId,
) -> Answer<Option<Address>> {
    let sql = format!("select {COLUMNS} from address a where a.tenant = ?1 and a.id = ?2");
    runner.optional(Query::new(sql, [tenant.into(), (&id.0).into()], read)).await
}

/// Finds an address by the hash of its token or endpoint.
pub(crate) async fn by_hash<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    hash: &Hash,
) -> Answer<Option<Address>> {
    let sql = format!("select {COLUMNS} from address a where a.tenant = ?1 and a.hash = ?2");
    runner.optional(Query::new(sql, [tenant.into(), hash.into()], read)).await
}
