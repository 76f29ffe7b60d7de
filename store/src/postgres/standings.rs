//! What a desk needs to know, asked for together: a statement a table, in one snapshot.

use super::runner::{PostgresRunner, Values};
use super::volley::Ask;
use crate::sql::{Corrupt, Row, conflicts, devices, sync_read};
use crate::{Answer, Standings, StandingsAsk};

/// The feed that the first three values name.
const FEED: &str = "(select id from feed where tenant = $1 and kind = $2 and owner = $3)";

/// Gives what a desk needs to know.
pub(super) async fn standings(
    runner: &mut PostgresRunner<'_>,
    ask: &StandingsAsk,
) -> Answer<Standings> {
    runner.0.begin_snapshot();
    match read_all(runner, ask).await {
        Ok(found) => runner.0.commit().await.map(|()| found),
        Err(error) => {
            // A connection on which this fails is lost, which whoever lent it sees.
            let _ = runner.0.rollback().await;
            Err(error)
        }
    }
}

/// What is asked for, as columns, each thing once.
struct Asked<'a> {
    kinds: Vec<&'a str>,
    ids: Vec<&'a str>,
    operations: Vec<&'a str>,
    version_kinds: Vec<&'a str>,
    version_ids: Vec<&'a str>,
    versions: Vec<i64>,
    had: Option<i64>,
}

impl<'a> Asked<'a> {
    fn of(ask: &'a StandingsAsk) -> Self {
        let names = sync_read::sorted(&ask.names).into_iter();
        let (kinds, ids) = names.map(|name| (&*name.kind, &*name.id)).unzip();
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let versions = sync_read::sorted(&ask.versions);
        Self {
            kinds,
            ids,
            operations: sync_read::sorted(&ask.operations).iter().map(|id| &***id).collect(),
            version_kinds: versions.iter().map(|(name, _)| &*name.kind).collect(),
            version_ids: versions.iter().map(|(name, _)| &*name.id).collect(),
            versions: versions.iter().map(|(_, version)| number(*version)).collect(),
            had: ask.had.map(|had| number(had.0)),
        }
    }
}

async fn read_all(runner: &mut PostgresRunner<'_>, ask: &StandingsAsk) -> Answer<Standings> {
    let feed = &ask.feed;
    let (tenant, kind, owner) = (feed.tenant.as_str(), feed.kind.as_str(), &*feed.owner);
    let (user, device) = (ask.user.as_str(), &*ask.device);
    let Asked { kinds, ids, operations, version_kinds, version_ids, versions, had } =
        Asked::of(ask);
    let about: Values<'_> = &[&tenant, &kind, &owner, &kinds, &ids];
    let of_device: Values<'_> = &[&tenant, &kind, &owner, &kinds, &ids, &device];
    let versions: Values<'_> = &[&tenant, &kind, &owner, &version_kinds, &version_ids, &versions];
    let had: Values<'_> = &[&tenant, &kind, &owner, &kinds, &ids, &had];
    let ([entities, branches, conflicts], [version, had_then], [operation, of_name]) =
        (of_names(), of_versions(), of_user());
    let answers = runner
        .rows_of_all(&[
            Ask { sql: &entities, values: about },
            Ask { sql: &branches, values: of_device },
            Ask { sql: &conflicts, values: about },
            Ask { sql: &version, values: versions },
            Ask { sql: &had_then, values: had },
            Ask { sql: &operation, values: &[&tenant, &user, &operations] },
            Ask { sql: &of_name, values: &[&tenant, &user, &device] },
        ])
        .await?;
    read_answers(&mut answers.into_iter())
}

type Rows = Vec<tokio_postgres::Row>;

/// Reads what was answered, in the order in which it was asked.
fn read_answers(answers: &mut impl Iterator<Item = Rows>) -> Answer<Standings> {
    let mut found = Standings {
        entities: read(answers.next(), sync_read::entity)?,
        branches: read(answers.next(), sync_read::branch)?,
        conflicts: read(answers.next(), conflicts::conflict)?,
        versions: read(answers.next(), sync_read::version)?,
        ..Standings::default()
    };
    found.versions.extend(read(answers.next(), sync_read::version)?);
    sync_read::each_once(&mut found.versions);
    found.operations = read(answers.next(), sync_read::operation)?;
    found.device = read(answers.next(), devices::device)?.pop();
    Ok(found)
}

fn read<T>(rows: Option<Rows>, read: fn(&dyn Row) -> Result<T, Corrupt>) -> Answer<Vec<T>> {
    let rows: Result<Vec<T>, Corrupt> = rows.iter().flatten().map(|row| read(row)).collect();
    Ok(rows?)
}

const NAMES: &str = "unnest($4::text[], $5::text[]) as n (kind, id)";

/// Asks for the named entities, the device's branches of them, and the open conflicts about them.
fn of_names() -> [String; 3] {
    let entities = format!(
        "select {} from {NAMES}
         join entity e on e.feed_id = {FEED} and e.kind = n.kind and e.id = n.id
         order by e.kind, e.id",
        sync_read::ENTITY
    );
    let branches = format!(
        "select {} from {NAMES}
         join branch b on b.feed_id = {FEED} and b.kind = n.kind and b.id = n.id and b.device = $6
         order by b.kind, b.id",
        sync_read::BRANCH
    );
    let conflicts = format!(
        "select {} from {NAMES}
         join sync_conflict c on c.feed_id = {FEED} and c.kind = n.kind and c.entity_id = n.id
             and c.open = 1
         join feed f on f.id = c.feed_id
         order by c.kind, c.entity_id, c.id",
        conflicts::CONFLICT
    );
    [entities, branches, conflicts]
}

/// Asks for the named versions, and for the newest of each named entity up to a number.
fn of_versions() -> [String; 2] {
    let named = format!(
        "select {} from unnest($4::text[], $5::text[], $6::bigint[]) as n (kind, id, version)
         join entity_version v on v.feed_id = {FEED} and v.kind = n.kind and v.id = n.id
             and v.version = n.version",
        sync_read::VERSION
    );
    let had = format!(
        "select {} from {NAMES}
         cross join lateral (
             select * from entity_version w
             where w.feed_id = {FEED} and w.kind = n.kind and w.id = n.id
               and w.changed <= $6::bigint
             order by w.version desc limit 1) as v",
        sync_read::VERSION
    );
    [named, had]
}

/// Asks for the user's operations, and for the device.
fn of_user() -> [String; 2] {
    let operations = format!(
        "select {} from unnest($3::text[]) as n (id)
         join operation o on o.tenant = $1 and o.user_id = $2 and o.id = n.id order by o.id",
        sync_read::OPERATION
    );
    let device = format!(
        "select {} from device d where d.tenant = $1 and d.user_id = $2 and d.device = $3",
        devices::DEVICE
    );
    [operations, device]
}
