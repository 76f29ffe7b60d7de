//! People: what is known of a user, and what they want.

use landfall_core::audit::Hash;
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;

use super::{Corrupt, Query, Row, Runner, Value, addresses, done, occurrences, suppressions};
use crate::{
    Answer, Outcome, Person, Recipient, Recipients, Sealed, StoreError, StoredPreferences,
};

/// All columns of a person `p`, as [`read`] reads them.
pub(crate) const COLUMNS: &str = "p.user_id, p.name, p.email, p.email_hash, p.phone, p.phone_hash,
    p.locale, p.tz, p.created_at, p.updated_at, p.version";

/// How many columns these are.
pub(crate) const WIDTH: usize = 11;

/// Reads a person from the first columns of a row.
pub(crate) fn read(row: &dyn Row) -> Result<Person, Corrupt> {
    Ok(Person {
        user: row.user(0)?,
        name: row.optional_string(1)?,
        email: sealed(row, 2)?,
        phone: sealed(row, 4)?,
        locale: row.optional_string(6)?,
        tz: row.optional_string(7)?,
        created_at: row.time(8)?,
        updated_at: row.time(9)?,
        version: row.count(10)?,
    })
}

/// Reads a secret from the columns of its bytes and its hash.
fn sealed(row: &dyn Row, column: usize) -> Result<Option<Sealed>, Corrupt> {
    if row.optional_blob(column)?.is_none() {
        return Ok(None);
    }
    Ok(Some(Sealed { bytes: row.blob(column)?, hash: row.bytes(column + 1)? }))
}

fn bytes(sealed: Option<&Sealed>) -> Value<'_> {
    sealed.map(|sealed| sealed.bytes.as_slice()).into()
}

fn hash(sealed: Option<&Sealed>) -> Value<'_> {
    sealed.map(|sealed| &sealed.hash).into()
}

/// Gives the columns tenant, user_id, name, email, email_hash, phone, phone_hash, locale, tz,
/// created_at, updated_at and version.
fn values<'a>(tenant: &'a Tenant, person: &'a Person) -> [Value<'a>; 12] {
    let Person { user, name, email, phone, locale, tz, created_at, updated_at, version } = person;
    [
        tenant.into(),
        user.into(),
        name.as_ref().into(),
        bytes(email.as_ref()),
        hash(email.as_ref()),
        bytes(phone.as_ref()),
        hash(phone.as_ref()),
        locale.as_ref().into(),
        tz.as_ref().into(),
        (*created_at).into(),
        (*updated_at).into(),
        (*version).into(),
    ]
}

/// Writes what is known of a user; `Stale` unless its version follows the stored one.
pub(crate) async fn put<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    person: &Person,
) -> Answer<Outcome> {
    if person.version <= 1 {
        return match meet(runner, tenant, person).await? {
            Outcome::Done => Ok(Outcome::Done),
            _ => Err(StoreError::Stale),
        };
    }
    let sql = "update person set name = ?3, email = ?4, email_hash = ?5, phone = ?6,
                   phone_hash = ?7, locale = ?8, tz = ?9, created_at = ?10, updated_at = ?11,
                   version = ?12
               where tenant = ?1 and user_id = ?2 and version = ?12 - 1";
    done(runner.execute(Query::command(sql, values(tenant, person))).await?)
}

/// Notes a user of whom nothing is known yet.
pub(crate) async fn meet<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    person: &Person,
) -> Answer<Outcome> {
    let sql = "insert into person (tenant, user_id, name, email, email_hash, phone, phone_hash,
                   locale, tz, created_at, updated_at, version)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
               on conflict (tenant, user_id) do nothing";
    let met = runner.execute(Query::command(sql, values(tenant, person))).await?;
    Ok(if met > 0 { Outcome::Done } else { Outcome::Unchanged })
}

/// Forgets a user's profile, addresses and preferences but for what is kept of these; `Stale`
/// unless something is known of them.
pub(crate) async fn delete<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    (keep, at): (Option<&StoredPreferences>, Timestamp),
) -> Answer<Outcome> {
    let mut known = 0;
    if let Some(keep) = keep {
        put_preferences(runner, tenant, Some(user), (keep, &[]), at).await?;
        known += 1;
    }
    let preferences = "delete from preference where tenant = ?1 and user_id = ?2";
    for sql in [
        "delete from person where tenant = ?1 and user_id = ?2",
        "delete from address where tenant = ?1 and user_id = ?2",
        "delete from last_seen where tenant = ?1 and user_id = ?2",
        "delete from calendar where tenant = ?1 and user_id = ?2",
        "delete from reminder_choice where tenant = ?1 and user_id = ?2",
    ]
    .into_iter()
    .chain(keep.is_none().then_some(preferences))
    {
        known += runner.execute(Query::command(sql, [tenant.into(), user.into()])).await?;
    }
    done(known)
}

/// Finds a user.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
) -> Answer<Option<Person>> {
    let sql = format!("select {COLUMNS} from person p where p.tenant = ?1 and p.user_id = ?2");
    runner.optional(Query::new(sql, [tenant.into(), user.into()], read)).await
}

/// Says whether somebody has a phone number.
pub(crate) async fn has_phone<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    phone: &Hash,
) -> Answer<bool> {
    let sql = "select 1 from person where tenant = ?1 and phone_hash = ?2 limit 1";
    let found = Query::new(sql, [tenant.into(), phone.into()], |_| Ok(()));
    Ok(runner.optional(found).await?.is_some())
}

/// The name of the preferences that hold for everybody: no user has it.
pub(crate) const EVERYBODY: &str = "";

/// Reads preferences from the columns body and version.
pub(crate) fn read_preferences(row: &dyn Row, first: usize) -> Result<StoredPreferences, Corrupt> {
    Ok(StoredPreferences { body: row.string(first)?, version: row.count(first + 1)? })
}

/// Gives a user's preferences, or the tenant's.
pub(crate) async fn preferences<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: Option<&UserId>,
) -> Answer<Option<StoredPreferences>> {
    let sql = "select body, version from preference where tenant = ?1 and user_id = ?2";
    let values = [tenant.into(), user.map_or(EVERYBODY, UserId::as_str).into()];
    runner.optional(Query::new(sql, values, |row| read_preferences(row, 0))).await
}

/// Writes a user's preferences, or the tenant's, and which reminders they ask for; `Stale` unless the version follows the stored one.
pub(crate) async fn put_preferences<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: Option<&UserId>,
    (preferences, reminders): (&StoredPreferences, &[u32]),
    at: Timestamp,
) -> Answer<Outcome> {
    let sql = if preferences.version <= 1 {
        "insert into preference (tenant, user_id, body, version, updated_at)
         values (?1, ?2, ?3, ?4, ?5) on conflict (tenant, user_id) do nothing"
    } else {
        "update preference set body = ?3, version = ?4, updated_at = ?5
         where tenant = ?1 and user_id = ?2 and version = ?4 - 1"
    };
    let user = user.map_or(EVERYBODY, UserId::as_str);
    let StoredPreferences { body, version } = preferences;
    let values = [tenant.into(), user.into(), body.into(), (*version).into(), at.into()];
    occurrences::choose(runner, tenant, user, reminders).await?;
    done(runner.execute(Query::command(sql, values)).await?)
}

/// Gives what is needed to reach users, in the order asked.
pub(crate) async fn recipients<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    users: &[UserId],
) -> Answer<Recipients> {
    let mut recipients = Vec::with_capacity(users.len());
    for user in users {
        let person = get(runner, tenant, user).await?;
        let suppressions = match &person {
            Some(person) => suppressions::of(runner, tenant, person).await?,
            None => Vec::new(),
        };
        recipients.push(Recipient {
            user: user.clone(),
            person,
            preferences: preferences(runner, tenant, Some(user)).await?,
            addresses: addresses::active(runner, tenant, user).await?,
            suppressions,
        });
    }
    let everybody = preferences(runner, tenant, None).await?;
    Ok(Recipients { users: recipients, everybody })
}
