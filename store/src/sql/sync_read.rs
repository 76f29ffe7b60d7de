//! Reading entities, what they were, and what devices did to them.

use landfall_core::feed::{FeedKey, FeedKind, Number};
use landfall_core::id::{Tenant, UserId};
use landfall_core::notification::JsonText;
use landfall_core::sync::EntityName;
use landfall_core::time::Timestamp;

use super::{Corrupt, Query, Row, Runner, conflicts, devices, feeds};
use crate::{
    Answer, EntityRange, EntityVersion, Standings, StandingsAsk, StoredBranch, StoredEntity,
    StoredOperation,
};

/// All columns of an entity `e`, as [`entity`] reads them.
pub(crate) const ENTITY: &str =
    "e.kind, e.id, e.version, e.revision, e.changed, e.data, e.deleted, e.stamps,
    e.device, e.created_at, e.updated_at";

pub(crate) fn json(row: &dyn Row, column: usize) -> Result<JsonText, Corrupt> {
    row.text(column).map(JsonText::trusted)
}

pub(crate) fn optional_json(row: &dyn Row, column: usize) -> Result<Option<JsonText>, Corrupt> {
    Ok(row.optional_text(column)?.map(JsonText::trusted))
}

pub(crate) fn named(row: &dyn Row, column: usize) -> Result<EntityName, Corrupt> {
    Ok(EntityName { kind: row.text(column)?.into(), id: row.text(column + 1)?.into() })
}

pub(crate) fn entity(row: &dyn Row) -> Result<StoredEntity, Corrupt> {
    Ok(StoredEntity {
        name: named(row, 0)?,
        version: row.count(2)?,
        revision: row.count(3)?,
        changed: row.number(4)?,
        data: json(row, 5)?,
        is_deleted: row.flag(6)?,
        stamps: json(row, 7)?,
        device: row.text(8)?.into(),
        created_at: row.time(9)?,
        updated_at: row.time(10)?,
    })
}

/// All columns of a version `v`, as [`version`] reads them.
pub(crate) const VERSION: &str = "v.kind, v.id, v.version, v.data, v.deleted, v.changed";

pub(crate) fn version(row: &dyn Row) -> Result<EntityVersion, Corrupt> {
    Ok(EntityVersion {
        name: named(row, 0)?,
        version: row.count(2)?,
        data: json(row, 3)?,
        is_deleted: row.flag(4)?,
        changed: row.number(5)?,
    })
}

/// All columns of a branch `b`, as [`branch`] reads them.
pub(crate) const BRANCH: &str = "b.kind, b.id, b.device, b.operation, b.client_version,
    b.base_version, b.fields, b.changed, b.refused";

pub(crate) fn branch(row: &dyn Row) -> Result<StoredBranch, Corrupt> {
    Ok(StoredBranch {
        name: named(row, 0)?,
        device: row.text(2)?.into(),
        operation: row.text(3)?.into(),
        client_version: row.optional_count(4)?,
        base_version: row.count(5)?,
        fields: optional_json(row, 6)?,
        changed: row.number(7)?,
        is_refused: row.flag(8)?,
    })
}

/// All columns of an operation `o`, as [`operation`] reads them.
pub(crate) const OPERATION: &str = "o.id, o.digest, o.outcome, o.at";

pub(crate) fn operation(row: &dyn Row) -> Result<StoredOperation, Corrupt> {
    Ok(StoredOperation {
        id: row.text(0)?.into(),
        digest: row.bytes(1)?,
        outcome: optional_json(row, 2)?,
        at: row.time(3)?,
    })
}

/// Gives those of the named entities that are there, in the order of their names.
pub(crate) async fn entities<R: Runner>(
    runner: &mut R,
    feed: &FeedKey,
    names: &[EntityName],
) -> Answer<Vec<StoredEntity>> {
    let Some(feed) = feeds::id(runner, feed).await? else { return Ok(vec![]) };
    let mut found = Vec::with_capacity(names.len());
    for name in sorted(names) {
        found.extend(one_entity(runner, feed, name).await?);
    }
    Ok(found)
}

/// Gives names in their order, each once.
pub(crate) fn sorted<T: Ord>(names: &[T]) -> Vec<&T> {
    let mut sorted: Vec<&T> = names.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}

async fn one_entity<R: Runner>(
    runner: &mut R,
    feed: i64,
    name: &EntityName,
) -> Answer<Option<StoredEntity>> {
    let sql =
        format!("select {ENTITY} from entity e where e.feed_id = ?1 and e.kind = ?2 and e.id = ?3");
    let values = [feed.into(), (&*name.kind).into(), (&*name.id).into()];
    runner.optional(Query::new(sql, values, entity)).await
}

/// Gives what a desk needs to know, one row after the other. Needs a snapshot.
pub(crate) async fn standings<R: Runner>(runner: &mut R, ask: &StandingsAsk) -> Answer<Standings> {
    let mut found = Standings::default();
    let tenant = &ask.feed.tenant;
    for id in sorted(&ask.operations) {
        found.operations.extend(one_operation(runner, tenant, &ask.user, id).await?);
    }
    found.device = devices::get(runner, tenant, &ask.user, &ask.device).await?;
    let Some(feed) = feeds::id(runner, &ask.feed).await? else { return Ok(found) };
    for name in sorted(&ask.names) {
        found.entities.extend(one_entity(runner, feed, name).await?);
        found.branches.extend(one_branch(runner, feed, name, &ask.device).await?);
        found.conflicts.extend(conflicts::open(runner, feed, name).await?);
        if let Some(had) = ask.had {
            found.versions.extend(version_had(runner, feed, name, had).await?);
        }
    }
    for (name, number) in sorted(&ask.versions) {
        found.versions.extend(one_version(runner, feed, name, *number).await?);
    }
    each_once(&mut found.versions);
    Ok(found)
}

/// Sorts versions, and leaves each once.
pub(crate) fn each_once(versions: &mut Vec<EntityVersion>) {
    versions.sort_unstable_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
    versions.dedup_by(|a, b| (&a.name, a.version) == (&b.name, b.version));
}

async fn one_operation<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
    id: &str,
) -> Answer<Option<StoredOperation>> {
    let sql = format!(
        "select {OPERATION} from operation o where o.tenant = ?1 and o.user_id = ?2 and o.id = ?3"
    );
    runner.optional(Query::new(sql, [tenant.into(), user.into(), id.into()], operation)).await
}

async fn one_branch<R: Runner>(
    runner: &mut R,
    feed: i64,
    name: &EntityName,
    device: &str,
) -> Answer<Option<StoredBranch>> {
    let sql = format!(
        "select {BRANCH} from branch b
         where b.feed_id = ?1 and b.kind = ?2 and b.id = ?3 and b.device = ?4"
    );
    let values = [feed.into(), (&*name.kind).into(), (&*name.id).into(), device.into()];
    runner.optional(Query::new(sql, values, branch)).await
}

async fn one_version<R: Runner>(
    runner: &mut R,
    feed: i64,
    name: &EntityName,
    number: u64,
) -> Answer<Option<EntityVersion>> {
    let sql = format!(
        "select {VERSION} from entity_version v
         where v.feed_id = ?1 and v.kind = ?2 and v.id = ?3 and v.version = ?4"
    );
    let values = [feed.into(), (&*name.kind).into(), (&*name.id).into(), number.into()];
    runner.optional(Query::new(sql, values, version)).await
}

/// Gives the newest version with a number up to one.
async fn version_had<R: Runner>(
    runner: &mut R,
    feed: i64,
    name: &EntityName,
    had: Number,
) -> Answer<Option<EntityVersion>> {
    let sql = format!(
        "select {VERSION} from entity_version v
         where v.feed_id = ?1 and v.kind = ?2 and v.id = ?3 and v.changed <= ?4
         order by v.version desc limit 1"
    );
    let values = [feed.into(), (&*name.kind).into(), (&*name.id).into(), had.into()];
    runner.optional(Query::new(sql, values, version)).await
}

/// Gives entities that changed after a number, oldest change first.
pub(crate) async fn changed<R: Runner>(
    runner: &mut R,
    feed: &FeedKey,
    after: Number,
    kinds: &[Box<str>],
    limit: usize,
) -> Answer<Vec<StoredEntity>> {
    let Some(feed) = feeds::id(runner, feed).await? else { return Ok(vec![]) };
    let among = among(kinds);
    let sql = format!(
        "select {ENTITY} from entity e
         where e.feed_id = ?1 and e.changed > ?2
           and (?4 = '' or replace(?4, '|' || e.kind || '|', '') <> ?4)
         order by e.changed limit ?3"
    );
    let values = [feed.into(), after.into(), limit.into(), (&among).into()];
    runner.all(Query::new(sql, values, entity)).await
}

/// Writes types as one text; no type has the sign that parts them here.
fn among(kinds: &[Box<str>]) -> String {
    kinds.iter().fold(String::new(), |all, kind| format!("{all}|{kind}|"))
}

/// Gives entities that are there, in the order of their names.
pub(crate) async fn entities_in<R: Runner>(
    runner: &mut R,
    feed: &FeedKey,
    range: &EntityRange,
) -> Answer<Vec<StoredEntity>> {
    let Some(feed) = feeds::id(runner, feed).await? else { return Ok(vec![]) };
    let EntityRange { after, up_to, kinds, limit } = range;
    let (from, to) = (parts(after.as_ref()), parts(up_to.as_ref()));
    let bound = match up_to {
        Some(_) => "(e.kind, e.id) <= (?4, ?5)",
        None => "?4 = '' and ?5 = ''",
    };
    let sql = format!(
        "select {ENTITY} from entity e
         where e.feed_id = ?1 and (e.kind, e.id) > (?2, ?3) and {bound} and e.deleted = 0
           and (?6 = '' or replace(?6, '|' || e.kind || '|', '') <> ?6)
         order by e.kind, e.id limit ?7"
    );
    let (among, limit) = (among(kinds), *limit);
    let values = [
        feed.into(),
        from.0.into(),
        from.1.into(),
        to.0.into(),
        to.1.into(),
        (&among).into(),
        limit.into(),
    ];
    runner.all(Query::new(sql, values, entity)).await
}

/// Gives a type and an id; of no name two empty texts, behind which every name is.
fn parts(name: Option<&EntityName>) -> (&str, &str) {
    name.map_or(("", ""), |name| (&*name.kind, &*name.id))
}

/// Gives the number below every change that was stored at a time or later.
pub(crate) async fn number_before<R: Runner>(
    runner: &mut R,
    feed: &FeedKey,
    at: Timestamp,
) -> Answer<Number> {
    let Some(id) = feeds::id(runner, feed).await? else { return Ok(Number::ZERO) };
    // The head first: what changes meanwhile is above it.
    let newest = feeds::head(runner, feed).await?.newest;
    let sql = "select min(e.changed) from entity e where e.feed_id = ?1 and e.updated_at >= ?2";
    let values = [id.into(), at.into()];
    let of_entities = runner.one(Query::new(sql, values, |row| row.optional_count(0))).await?;
    let of_lessons = match feed.kind {
        FeedKind::Topic => {
            let sql = "select min(l.changed) from lesson l
                       where l.tenant = ?1 and l.class_id = ?2 and l.updated_at >= ?3";
            let values = [(&feed.tenant).into(), (&*feed.owner).into(), at.into()];
            runner.one(Query::new(sql, values, |row| row.optional_count(0))).await?
        }
        FeedKind::Data | FeedKind::Inbox => None,
    };
    let first = of_entities.into_iter().chain(of_lessons).min();
    Ok(first.map_or(newest, |number| Number(number).before()))
}
