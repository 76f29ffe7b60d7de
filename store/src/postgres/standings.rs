//! What a desk needs to know, asked for together: a statement a table, in one snapshot.

use landfall_core::sync::EntityName;

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

/// Names as columns, in their order, each once.
fn named(names: &[EntityName]) -> (Vec<&str>, Vec<&str>) {
    let sorted = sync_read::sorted(names).into_iter();
    sorted.map(|name| (&*name.kind, &*name.id)).unzip()
}

async fn read_all(runner: &mut PostgresRunner<'_>, ask: &StandingsAsk) -> Answer<Standings> {
    let feed = &ask.feed;
    let (tenant, kind, owner) = (feed.tenant.as_str(), feed.kind.as_str(), &*feed.owner);
    let (user, device) = (ask.user.as_str(), &*ask.device);
    let (kinds, ids) = named(&ask.names);
    let operations: Vec<&str> =
        sync_read::sorted(&ask.operations).iter().map(|id| &***id).collect();
    let versions = sync_read::sorted(&ask.versions).into_iter();
    let (of, numbers): (Vec<&EntityName>, Vec<i64>) =
        versions.map(|(name, number)| (name, i64::try_from(*number).unwrap_or(i64::MAX))).unzip();
    let (version_kinds, version_ids): (Vec<&str>, Vec<&str>) =
        of.into_iter().map(|name| (&*name.kind, &*name.id)).unzip();
    let had = ask.had.map(|had| i64::try_from(had.0).unwrap_or(i64::MAX));
    let texts = Texts::new();
    let about: Values<'_> = &[&tenant, &kind, &owner, &kinds, &ids];
    let of_device: Values<'_> = &[&tenant, &kind, &owner, &kinds, &ids, &device];
    let versions: Values<'_> = &[&tenant, &kind, &owner, &version_kinds, &version_ids, &numbers];
    let had: Values<'_> = &[&tenant, &kind, &owner, &kinds, &ids, &had];
    let mut answers = runner
        .rows_of_all(&[
            Ask { sql: &texts.entities, values: about },
            Ask { sql: &texts.branches, values: of_device },
            Ask { sql: &texts.conflicts, values: about },
            Ask { sql: &texts.versions, values: versions },
            Ask { sql: &texts.had, values: had },
            Ask { sql: &texts.operations, values: &[&tenant, &user, &operations] },
            Ask { sql: &texts.device, values: &[&tenant, &user, &device] },
        ])
        .await?
        .into_iter();
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

fn read<T>(
    rows: Option<Vec<tokio_postgres::Row>>,
    read: fn(&dyn Row) -> Result<T, Corrupt>,
) -> Answer<Vec<T>> {
    let rows: Result<Vec<T>, Corrupt> = rows.iter().flatten().map(|row| read(row)).collect();
    Ok(rows?)
}

/// The statements.
struct Texts {
    entities: String,
    branches: String,
    conflicts: String,
    versions: String,
    had: String,
    operations: String,
    device: String,
}

impl Texts {
    fn new() -> Self {
        let names = "unnest($4::text[], $5::text[]) as n (kind, id)";
        Self {
            entities: format!(
                "select {} from {names}
                 join entity e on e.feed_id = {FEED} and e.kind = n.kind and e.id = n.id
                 order by e.kind, e.id",
                sync_read::ENTITY
            ),
            branches: format!(
                "select {} from {names}
                 join branch b on b.feed_id = {FEED} and b.kind = n.kind and b.id = n.id
                     and b.device = $6
                 order by b.kind, b.id",
                sync_read::BRANCH
            ),
            conflicts: format!(
                "select {} from {names}
                 join sync_conflict c on c.feed_id = {FEED} and c.kind = n.kind
                     and c.entity_id = n.id and c.open = 1
                 join feed f on f.id = c.feed_id
                 order by c.kind, c.entity_id, c.id",
                conflicts::CONFLICT
            ),
            versions: format!(
                "select {} from unnest($4::text[], $5::text[], $6::bigint[])
                     as n (kind, id, version)
                 join entity_version v on v.feed_id = {FEED} and v.kind = n.kind and v.id = n.id
                     and v.version = n.version",
                sync_read::VERSION
            ),
            had: format!(
                "select {} from {names}
                 cross join lateral (
                     select * from entity_version w
                     where w.feed_id = {FEED} and w.kind = n.kind and w.id = n.id
                       and w.changed <= $6::bigint
                     order by w.version desc limit 1) as v",
                sync_read::VERSION
            ),
            operations: format!(
                "select {} from unnest($3::text[]) as n (id)
                 join operation o on o.tenant = $1 and o.user_id = $2 and o.id = n.id
                 order by o.id",
                sync_read::OPERATION
            ),
            device: format!(
                "select {} from device d
                 where d.tenant = $1 and d.user_id = $2 and d.device = $3",
                devices::DEVICE
            ),
        }
    }
}
