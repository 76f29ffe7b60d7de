//! The audit entries of a round: one statement numbers them all, one writes them all.

use std::collections::BTreeMap;

use landfall_core::id::Tenant;

use super::apply::Member;
use super::columns::{Kind, columns, params};
use crate::postgres::runner::PostgresRunner;
use crate::sql::{Row, audits};
use crate::{Answer, AuditDraft, StoreError};

/// Appends what the units that are in owe their tenants' trails.
pub(super) async fn append(runner: &mut PostgresRunner<'_>, members: &[Member<'_>]) -> Answer<()> {
    let mut trails: BTreeMap<&str, (&Tenant, Vec<&AuditDraft>)> = BTreeMap::new();
    for member in members.iter().filter(|member| member.is_in()) {
        let tenant = &member.unit.tenant;
        // What changed nothing leaves no word, except of what its writes found.
        let own = if member.receipt().changed_nothing() { &[][..] } else { &member.unit.audit };
        let (_, entries) = trails.entry(tenant.as_str()).or_insert((tenant, Vec::new()));
        entries.extend(member.entries.iter().chain(own));
    }
    trails.retain(|_, (_, entries)| !entries.is_empty());
    if trails.is_empty() {
        return Ok(());
    }
    let firsts = reserve(runner, &trails).await?;
    let rows = trails.into_iter().flat_map(|(name, (tenant, entries))| {
        let first = firsts.get(name).copied().unwrap_or_default();
        let numbered = (first..).zip(entries);
        numbered.map(move |(number, entry)| audits::values(tenant, number, entry))
    });
    let rows: Vec<_> = rows.collect();
    use Kind::{Blob, Int, Text};
    let kinds = [Text, Int, Int, Text, Text, Text, Blob, Blob, Text, Text, Text];
    let sql = "insert into audit_entry (tenant, number, at, action, entity_type, entity_id,
                   digest, salt, actor, target, metadata)
               select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[],
                   $5::text[], $6::text[], $7::bytea[], $8::bytea[], $9::text[], $10::text[],
                   $11::text[])";
    runner.change_ahead(sql, &params(&columns(kinds, &rows))).await?;
    Ok(())
}

/// Takes the numbers of each tenant's entries, in the order in which every node does; the chains
/// are held until the commit. Gives each tenant's first.
async fn reserve(
    runner: &mut PostgresRunner<'_>,
    trails: &BTreeMap<&str, (&Tenant, Vec<&AuditDraft>)>,
) -> Answer<BTreeMap<String, u64>> {
    let sql = "insert into audit_chain (tenant, newest)
               select tenant, many from unnest($1::text[], $2::bigint[]) as t (tenant, many)
               order by tenant collate \"C\"
               on conflict (tenant) do update
                   set newest = audit_chain.newest + excluded.newest
               returning tenant, newest";
    let tenants: Vec<&str> = trails.keys().copied().collect();
    let many: Vec<i64> = trails.values().map(|(_, entries)| entries.len() as i64).collect();
    let rows = runner.rows(sql, &[&tenants, &many]).await?;
    let lost = || StoreError::Internal("a chain was not given back".into());
    let first = |row: &tokio_postgres::Row| {
        let row: &dyn Row = row;
        let tenant = row.string(0)?;
        let (_, entries) = trails.get(tenant.as_str()).ok_or_else(lost)?;
        let first = (row.count(1)? + 1).checked_sub(entries.len() as u64).ok_or_else(lost)?;
        Ok((tenant, first))
    };
    rows.iter().map(first).collect()
}
