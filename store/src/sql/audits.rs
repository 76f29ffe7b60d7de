//! The audit trail: appended by units, listed for people, erased where somebody asks to be forgotten.

use landfall_core::audit::{Details, Entity};
use landfall_core::id::{NotificationId, Tenant, UserId};

use super::{Corrupt, Query, Row, Runner, Value};
use crate::{Answer, AuditDraft, AuditFilter, AuditRecord};

/// Appends unsealed entries to a tenant's trail.
pub(crate) async fn append<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    entries: &[AuditDraft],
) -> Answer<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let first = reserve(runner, tenant, entries.len() as u64).await?;
    for (number, entry) in (first..).zip(entries) {
        runner.execute(insert(tenant, number, entry)).await?;
    }
    Ok(())
}

/// Takes the numbers of `count` entries and gives the first; the chain is held until the commit.
pub(crate) async fn reserve<R: Runner>(runner: &mut R, tenant: &Tenant, count: u64) -> Answer<u64> {
    let sql = "insert into audit_chain (tenant, newest) values (?1, ?2)
               on conflict (tenant) do update set newest = audit_chain.newest + ?2
               returning newest";
    let values = [tenant.into(), count.into()];
    let newest = runner.one(Query::new(sql, values, |row| row.count(0))).await?;
    Ok(newest - count + 1)
}

/// Says whether a tenant has a trail.
pub(crate) async fn has_trail<R: Runner>(runner: &mut R, tenant: &Tenant) -> Answer<bool> {
    let sql = "select 1 from audit_chain where tenant = ?1";
    let found = runner.optional(Query::new(sql, [tenant.into()], |_| Ok(()))).await?;
    Ok(found.is_some())
}

/// Gives tenants that have a trail, by name after a place.
pub(crate) async fn trails<R: Runner>(
    runner: &mut R,
    after: Option<&Tenant>,
    limit: usize,
) -> Answer<Vec<Tenant>> {
    // No tenant's name is empty.
    let sql = "select tenant from audit_chain where tenant > ?1 order by tenant limit ?2";
    let values = [after.map_or("", Tenant::as_str).into(), limit.into()];
    runner.all(Query::new(sql, values, |row| row.tenant(0))).await
}

fn insert<'a>(tenant: &'a Tenant, number: u64, entry: &'a AuditDraft) -> Query<'a, (), 11> {
    let sql = "insert into audit_entry (tenant, number, at, action, entity_type, entity_id,
                   digest, salt, actor, target, metadata)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    Query::command(sql, values(tenant, number, entry))
}

/// Gives an entry's columns: tenant, number, at, action, entity_type, entity_id, digest, salt,
/// actor, target and metadata.
pub(crate) fn values<'a>(
    tenant: &'a Tenant,
    number: u64,
    entry: &'a AuditDraft,
) -> [Value<'a>; 11] {
    let AuditDraft { at, action, entity, details } = entry;
    let Details { actor, target, metadata } = &details.details;
    [
        tenant.into(),
        number.into(),
        (*at).into(),
        action.as_str().into(),
        Entity::kind(entity).into(),
        entity.id().into(),
        (&details.digest).into(),
        (&details.salt).into(),
        actor.as_ref().into(),
        target.as_ref().into(),
        metadata.into(),
    ]
}

/// Lists entries, newest first.
pub(crate) async fn list<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    filter: &AuditFilter,
) -> Answer<Vec<AuditRecord>> {
    let values = [
        tenant.into(),
        filter.below.unwrap_or(u64::MAX).into(),
        filter.action.map(|action| action.as_str()).into(),
        filter.entity_type.as_ref().into(),
        filter.entity_id.as_ref().into(),
        filter.actor.as_ref().into(),
        filter.target.as_ref().into(),
        filter.since.into(),
        filter.until.into(),
        filter.limit.into(),
    ];
    runner.all(Query::new(list_text(filter), values, record)).await
}

fn list_text(filter: &AuditFilter) -> String {
    let target = match &filter.target {
        None => "cast(?7 as text) is null",
        Some(_) => "e.target = ?7",
    };
    format!(
        "select {RECORD} from audit_entry e join audit_chain c on c.tenant = e.tenant
         where e.tenant = ?1 and e.number < ?2
           and (cast(?3 as text) is null or e.action = ?3)
           and (cast(?4 as text) is null or e.entity_type = ?4)
           and (cast(?5 as text) is null or e.entity_id = ?5)
           and (cast(?6 as text) is null or e.actor = ?6)
           and {target}
           and (cast(?8 as bigint) is null or e.at >= ?8)
           and (cast(?9 as bigint) is null or e.at < ?9)
         order by e.number desc limit ?10"
    )
}

/// The columns of an entry `e` of the chain `c`, as [`record`] reads them.
const RECORD: &str = "e.number, e.at, e.action, e.entity_type, e.entity_id, e.actor, e.target,
    e.metadata, case when e.salt is null then 1 else 0 end,
    case when c.sealed >= e.number then 1 else 0 end,
    (select b.block from audit_block b
     where b.tenant = e.tenant and b.first <= e.number and c.sealed >= e.number
     order by b.first desc limit 1)";

/// Gives the entries about a notification above a number, oldest first, but for its creation.
pub(crate) async fn about<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    notification: NotificationId,
    after: u64,
    limit: usize,
) -> Answer<Vec<AuditRecord>> {
    // The words of the index's own condition.
    let sql = format!(
        "select {RECORD} from audit_entry e join audit_chain c on c.tenant = e.tenant
         where e.tenant = ?1 and e.entity_id = ?2 and e.number > ?3
           and e.entity_type = 'notification' and e.action <> 'notification_created'
         order by e.number limit ?4"
    );
    let id = notification.to_string();
    let values = [tenant.into(), id.into(), after.into(), limit.into()];
    runner.all(Query::new(sql, values, record)).await
}

fn record(row: &dyn Row) -> Result<AuditRecord, Corrupt> {
    Ok(AuditRecord {
        number: row.count(0)?,
        at: row.time(1)?,
        action: row.string(2)?,
        entity_type: row.string(3)?,
        entity_id: row.string(4)?,
        actor: row.optional_string(5)?,
        target: row.optional_string(6)?,
        metadata: row.optional_string(7)?,
        is_erased: row.flag(8)?,
        is_sealed: row.flag(9)?,
        block: row.optional_count(10)?,
    })
}

/// Erases the details of a user's entries; tells how many.
pub(crate) async fn erase<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    user: &UserId,
) -> Answer<u64> {
    let sql = "update audit_entry set salt = null, actor = null, target = null, metadata = null
               where tenant = ?1 and (target = ?2 or actor = ?2) and salt is not null";
    runner.execute(Query::command(sql, [tenant.into(), user.into()])).await
}
