//! How the deliveries of a round end: one statement for each way that occurs.

use landfall_core::feed::Number;
use landfall_core::id::UserId;
use landfall_core::time::Timestamp;

use super::apply::Member;
use super::columns::{Kind, columns, params};
use super::feeds::Locked;
use super::rounds;
use crate::postgres::runner::PostgresRunner;
use crate::sql::settle::{Settle, Settled, entry, settled};
use crate::sql::{Row, Value, codes};
use crate::{Answer, Outcome, SaltedDetails, Write};

/// The end of one delivery: which write it is, and what it says.
struct Ending<'u> {
    member: usize,
    write: usize,
    user: &'u UserId,
    number: Number,
    at: Timestamp,
    details: &'u SaltedDetails,
}

/// Settles what the units say, under the locks of the inboxes.
pub(super) async fn settle(
    runner: &mut PostgresRunner<'_>,
    members: &mut [Member<'_>],
    locked: &Locked<'_>,
) -> Answer<()> {
    for how in [Settle::Confirmed, Settle::Unconfirmed, Settle::Expired] {
        let endings = endings(how, members);
        if endings.is_empty() {
            continue;
        }
        let found = update(runner, how, members, &endings, locked).await?;
        if how == Settle::Expired {
            fail_channels(runner, members, &endings, &found).await?;
        }
        for (place, settled) in found {
            let Ending { member, write, at, details, .. } = endings[place];
            if how == Settle::Expired && settled.is_read {
                // Nothing failed: its owner has seen it. It only leaves what waits to expire.
                continue;
            }
            let member = &mut members[member];
            member.outcomes[write] = Outcome::Done;
            member.entries.extend(entry(how, &settled, at, details.clone()));
        }
    }
    Ok(())
}

fn endings<'u>(how: Settle, members: &[Member<'u>]) -> Vec<Ending<'u>> {
    let mut endings = Vec::new();
    let settling = |member: &Member<'_>| member.is_in() && member.kind == rounds::Kind::Settles;
    for (index, member) in members.iter().enumerate().filter(|(_, member)| settling(member)) {
        for (write, one) in member.unit.writes.iter().enumerate() {
            let (user, number, at, details) = match (how, one) {
                (Settle::Confirmed, Write::Confirm { user, number, at, details })
                | (Settle::Unconfirmed, Write::Unconfirmed { user, number, at, details })
                | (Settle::Expired, Write::Expire { user, number, at, details }) => {
                    (user, *number, *at, details)
                }
                _ => continue,
            };
            endings.push(Ending { member: index, write, user, number, at, details });
        }
    }
    endings
}

/// Updates the rows that are there and undelivered; gives what each ending found.
async fn update(
    runner: &mut PostgresRunner<'_>,
    how: Settle,
    members: &[Member<'_>],
    endings: &[Ending<'_>],
    locked: &Locked<'_>,
) -> Answer<Vec<(usize, Settled)>> {
    let row = |(place, ending): (usize, &Ending<'_>)| {
        let held = locked.inbox(&members[ending.member].unit.tenant, ending.user)?;
        let (number, at) = (ending.number.into(), ending.at.into());
        Some([held.id.into(), number, at, held.read_up_to.into(), place.into()])
    };
    let rows: Vec<[Value<'_>; 5]> = endings.iter().enumerate().filter_map(row).collect();
    let columns = columns([Kind::Int; 5], &rows);
    let rows = runner.rows(&update_text(how), &params(&columns)).await?;
    let found = rows.iter().map(|row| {
        let row: &dyn Row = row;
        Ok((row.count(4)? as usize, settled(row)?))
    });
    found.collect()
}

fn update_text(how: Settle) -> String {
    let (set, also) = match how {
        Settle::Confirmed => ("delivered_at = e.at, attempts = n.attempts + 1", ""),
        Settle::Unconfirmed => ("attempts = n.attempts + 1", ""),
        Settle::Expired => ("is_expired = 1", "and n.is_expired = 0 and n.expires_at <= e.at"),
    };
    format!(
        "update notification n set {set}
         from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
             as e (feed_id, born, at, read_up_to, place)
         where n.feed_id = e.feed_id and n.born = e.born
           and n.delivered_at is null and n.deleted = 0 {also}
         returning n.id, n.channels, case when n.born <= e.read_up_to then 1 else 0 end,
             n.attempts, e.place"
    )
}

/// Gives up what the plans of expired notifications still had to try.
async fn fail_channels(
    runner: &mut PostgresRunner<'_>,
    members: &[Member<'_>],
    endings: &[Ending<'_>],
    found: &[(usize, Settled)],
) -> Answer<()> {
    let row = |(place, settled): &(usize, Settled)| {
        let tenant = &members[endings[*place].member].unit.tenant;
        let plan = codes::plan_text(&codes::plan_expired(settled.channels.clone()));
        [tenant.into(), settled.id.0.into_bytes().into(), plan.into()]
    };
    let failed = found.iter().filter(|(_, settled)| !settled.is_read);
    let rows: Vec<[Value<'_>; 3]> = failed.map(row).collect();
    let sql = "update notification n set channels = p.channels
               from unnest($1::text[], $2::bytea[], $3::text[]) as p (tenant, id, channels)
               where n.tenant = p.tenant and n.id = p.id";
    let columns = columns([Kind::Text, Kind::Blob, Kind::Text], &rows);
    runner.change_ahead(sql, &params(&columns)).await?;
    Ok(())
}
