//! The audit entries of a round: one statement numbers them all, one writes them all.

use std::collections::BTreeMap;

use landfall_core::id::Tenant;

use super::apply::Member;
use super::columns::{Kind, columns, params};
use crate::postgres::runner::PostgresRunner;
use crate::sql::{Row, audits};
use crate::{Answer, AuditDraft, StoreError};

/// What each tenant's trail is owed.
type Owed<'u> = BTreeMap<&'u str, (&'u Tenant, Vec<&'u AuditDraft>)>;

/// Takes the numbers of each tenant's entries, in the order in which every node does; the chains
/// are held until the commit. Gives each tenant's last.
pub(super) const RESERVE: &str = "insert into audit_chain (tenant, newest)
     select tenant, many from unnest($1::text[], $2::bigint[]) as t (tenant, many)
     order by tenant collate \"C\"
     on conflict (tenant) do update set newest = audit_chain.newest + excluded.newest
     returning tenant, newest";

/// Gathers what the units that are in owe their tenants' trails.
pub(super) fn owed<'u>(members: &'u [Member<'u>]) -> Owed<'u> {
    let mut trails = Owed::new();
    for member in members.iter().filter(|member| member.is_in()) {
        let tenant = &member.unit.tenant;
        // What changed nothing leaves no word, except of what its writes found.
        let own = if member.receipt().changed_nothing() { &[][..] } else { &member.unit.audit };
        let (_, entries) = trails.entry(tenant.as_str()).or_insert((tenant, Vec::new()));
        entries.extend(member.entries.iter().chain(own));
    }
    trails.retain(|_, (_, entries)| !entries.is_empty());
    trails
}

/// Gives what [`RESERVE`] asks for: the tenants, and how many entries each is owed.
pub(super) fn counts<'u>(trails: &Owed<'u>) -> (Vec<&'u str>, Vec<i64>) {
    let counts = trails.values().map(|(_, entries)| entries.len() as i64);
    (trails.keys().copied().collect(), counts.collect())
}

/// Appends the entries under the numbers that were reserved for them.
pub(super) async fn append(
    runner: &mut PostgresRunner<'_>,
    trails: Owed<'_>,
    reserved: &[tokio_postgres::Row],
) -> Answer<()> {
    if trails.is_empty() {
        return Ok(());
    }
    let firsts = firsts(&trails, reserved)?;
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

/// Gives each tenant's first number.
fn firsts(trails: &Owed<'_>, reserved: &[tokio_postgres::Row]) -> Answer<BTreeMap<String, u64>> {
    let lost = || StoreError::Internal("a chain was not given back".into());
    let first = |row: &tokio_postgres::Row| {
        let row: &dyn Row = row;
        let tenant = row.string(0)?;
        let (_, entries) = trails.get(tenant.as_str()).ok_or_else(lost)?;
        let first = (row.count(1)? + 1).checked_sub(entries.len() as u64).ok_or_else(lost)?;
        Ok((tenant, first))
    };
    reserved.iter().map(first).collect()
}
