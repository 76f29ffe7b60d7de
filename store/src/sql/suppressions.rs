//! Suppressions: phone numbers and mailboxes to which nothing is sent, whoever has them.

use landfall_core::audit::Hash;
use landfall_core::channel::Channel;
use landfall_core::id::Tenant;

use super::{Corrupt, Query, Row, Runner, codes};
use crate::{Answer, Outcome, Person, Suppression, SuppressionFilter};

/// All columns of a suppression `s`, as [`read`] reads them.
pub(crate) const COLUMNS: &str = "s.channel, s.hash, s.reason, s.source, s.at";

/// How many columns these are.
pub(crate) const WIDTH: usize = 5;

/// Reads a suppression from the first columns of a row.
pub(crate) fn read(row: &dyn Row) -> Result<Suppression, Corrupt> {
    Ok(Suppression {
        channel: codes::channel(row, 0)?,
        address: row.bytes(1)?,
        reason: row.string(2)?,
        source: row.string(3)?,
        at: row.time(4)?,
    })
}

/// Suppresses an address; one that is suppressed stays as it was.
pub(crate) async fn put<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    suppression: &Suppression,
) -> Answer<Outcome> {
    let Suppression { channel, address, reason, source, at } = suppression;
    let sql = "insert into suppression (tenant, channel, hash, reason, source, at)
               values (?1, ?2, ?3, ?4, ?5, ?6) on conflict (tenant, channel, hash) do nothing";
    let values = [
        tenant.into(),
        channel.as_str().into(),
        address.into(),
        reason.into(),
        source.into(),
        (*at).into(),
    ];
    let put = runner.execute(Query::command(sql, values)).await?;
    Ok(if put > 0 { Outcome::Done } else { Outcome::Unchanged })
}

/// Lifts a suppression.
pub(crate) async fn lift<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    channel: Channel,
    address: &Hash,
) -> Answer<Outcome> {
    let sql = "delete from suppression where tenant = ?1 and channel = ?2 and hash = ?3";
    let values = [tenant.into(), channel.as_str().into(), address.into()];
    let lifted = runner.execute(Query::command(sql, values)).await?;
    Ok(if lifted > 0 { Outcome::Done } else { Outcome::Unchanged })
}

/// Finds a suppression.
pub(crate) async fn get<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    channel: Channel,
    address: &Hash,
) -> Answer<Option<Suppression>> {
    let sql = format!(
        "select {COLUMNS} from suppression s
         where s.tenant = ?1 and s.channel = ?2 and s.hash = ?3"
    );
    let values = [tenant.into(), channel.as_str().into(), address.into()];
    runner.optional(Query::new(sql, values, read)).await
}

/// Lists suppressions, by the names of their channels and by hash.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    filter: &SuppressionFilter,
) -> Answer<Vec<Suppression>> {
    let SuppressionFilter { channel, after, limit } = filter;
    // No channel's name is empty, and no hash is.
    let (below, hash): (&str, &[u8]) = match after {
        Some((channel, hash)) => (channel.as_str(), hash),
        None => ("", &[]),
    };
    let only = channel.map(Channel::as_str);
    let which = match only {
        // A place of another channel is of another list.
        Some(_) => "s.channel = ?4 and s.hash > ?3 and cast(?2 as text) is not null",
        None => "(s.channel, s.hash) > (?2, ?3) and cast(?4 as text) is null",
    };
    let sql = format!(
        "select {COLUMNS} from suppression s where s.tenant = ?1 and {which}
         order by s.channel, s.hash limit ?5"
    );
    let values = [tenant.into(), below.into(), hash.into(), only.into(), (*limit).into()];
    runner.all(Query::new(sql, values, read)).await
}

/// Gives what holds for a person's mailbox and phone number.
pub(crate) async fn of<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    person: &Person,
) -> Answer<Vec<Suppression>> {
    let mut found = Vec::new();
    for (channel, address) in [(Channel::Email, &person.email), (Channel::Sms, &person.phone)] {
        if let Some(address) = address {
            found.extend(get(runner, tenant, channel, &address.hash).await?);
        }
    }
    Ok(found)
}
