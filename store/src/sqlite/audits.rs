//! The audit trail: appended by units, chained by the sealer, checked by a walk.

use landfall_core::audit::{BlockHasher, Details, Entity, Hash, Salt, Sealable, details_digest};
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;
use rusqlite::{Connection, Row, ToSql, params};

use super::rows;
use crate::{AuditDraft, AuditFilter, AuditRecord, SealReport, Verification};

/// Appends unsealed entries to a tenant's trail.
pub(super) fn append(
    connection: &Connection,
    tenant: &Tenant,
    entries: &[AuditDraft],
) -> rusqlite::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let sql = "insert into audit_chain (tenant, newest) values (?1, ?2)
               on conflict (tenant) do update set newest = newest + ?2
               returning newest";
    let count = entries.len() as u64;
    let newest: u64 = connection
        .prepare_cached(sql)?
        .query_row(params![tenant.as_str(), count], |row| row.get(0))?;
    for (number, entry) in (newest - count + 1..).zip(entries) {
        insert(connection, tenant, number, entry)?;
    }
    Ok(())
}

fn insert(
    connection: &Connection,
    tenant: &Tenant,
    number: u64,
    entry: &AuditDraft,
) -> rusqlite::Result<()> {
    let sql = "insert into audit_entry (tenant, number, at, action, entity_type, entity_id,
                   digest, salt, actor, target, metadata)
               values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let AuditDraft { at, action, entity, details } = entry;
    let Details { actor, target, metadata } = &details.details;
    connection.prepare_cached(sql)?.execute(params![
        tenant.as_str(),
        number,
        at.as_ms(),
        action.as_str(),
        Entity::kind(entity),
        entity.id(),
        details.digest,
        details.salt,
        actor.as_ref().map(UserId::as_str),
        target.as_ref().map(UserId::as_str),
        metadata,
    ])?;
    Ok(())
}

/// Lists entries, newest first.
pub(super) fn list(
    connection: &Connection,
    tenant: &Tenant,
    filter: &AuditFilter,
) -> rusqlite::Result<Vec<AuditRecord>> {
    let sql = "select e.number, e.at, e.action, e.entity_type, e.entity_id, e.actor, e.target,
                   e.metadata, e.salt is null, c.sealed >= e.number,
                   (select b.block from audit_block b
                    where b.tenant = e.tenant and b.first <= e.number and c.sealed >= e.number
                    order by b.first desc limit 1)
               from audit_entry e join audit_chain c on c.tenant = e.tenant
               where e.tenant = ?1 and e.number < ?2
                 and (?3 is null or e.action = ?3)
                 and (?4 is null or e.entity_type = ?4)
                 and (?5 is null or e.entity_id = ?5)
                 and (?6 is null or e.actor = ?6)
                 and (?7 is null or e.target = ?7)
                 and (?8 is null or e.at >= ?8) and (?9 is null or e.at < ?9)
               order by e.number desc limit ?10";
    // Left to itself, SQLite walks a tenant's whole trail rather than look for the target.
    let by_target = sql
        .replace("audit_entry e", "audit_entry e indexed by audit_entry_target")
        .replace("(?7 is null or e.target = ?7)", "e.target = ?7");
    let sql = if filter.target.is_some() { &by_target } else { sql };
    let below = filter.below.map_or(i64::MAX, |number| number as i64);
    let values: [&dyn ToSql; 10] = [
        &tenant.as_str(),
        &below,
        &filter.action.map(|action| action.as_str()),
        &filter.entity_type,
        &filter.entity_id,
        &filter.actor.as_ref().map(UserId::as_str),
        &filter.target.as_ref().map(UserId::as_str),
        &filter.since.map(Timestamp::as_ms),
        &filter.until.map(Timestamp::as_ms),
        &filter.limit,
    ];
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(values.as_slice(), record)?.collect()
}

fn record(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        number: row.get(0)?,
        at: rows::time(row, 1)?,
        action: row.get(2)?,
        entity_type: row.get(3)?,
        entity_id: row.get(4)?,
        actor: row.get(5)?,
        target: row.get(6)?,
        metadata: row.get(7)?,
        is_erased: row.get(8)?,
        is_sealed: row.get(9)?,
        block: row.get(10)?,
    })
}

/// Where a tenant's chain ends.
struct Tail {
    tenant: Tenant,
    newest: u64,
    sealed: u64,
    block: u64,
    hash: Hash,
}

/// Chains every tenant's unsealed entries into one block each.
pub(super) fn seal(
    connection: &Connection,
    at: Timestamp,
    limit: usize,
) -> rusqlite::Result<SealReport> {
    let sql = "select tenant, newest, sealed, block, hash from audit_chain where newest > sealed";
    let mut statement = connection.prepare_cached(sql)?;
    let tails: Vec<Tail> = statement
        .query_map([], |row| {
            Ok(Tail {
                tenant: rows::tenant(&row.get::<_, String>(0)?)?,
                newest: row.get(1)?,
                sealed: row.get(2)?,
                block: row.get(3)?,
                hash: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    let mut report = SealReport::default();
    for tail in tails {
        let last = tail.newest.min(tail.sealed + limit.max(1) as u64);
        seal_one(connection, &tail, last, at)?;
        report.blocks += 1;
        report.entries += last - tail.sealed;
    }
    Ok(report)
}

fn seal_one(
    connection: &Connection,
    tail: &Tail,
    last: u64,
    at: Timestamp,
) -> rusqlite::Result<()> {
    let (block, first) = (tail.block + 1, tail.sealed + 1);
    let mut hasher = BlockHasher::new(&tail.tenant, block, &tail.hash);
    each_entry(connection, &tail.tenant, first, last, |entry| hasher.add(&entry.sealable()))?;
    let hash = hasher.finish();
    let tenant = tail.tenant.as_str();
    let sql = "insert into audit_block (tenant, block, first, last, hash, sealed_at)
               values (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![tenant, block, first, last, hash, at.as_ms()];
    connection.prepare_cached(sql)?.execute(values)?;
    let sql = "update audit_chain set sealed = ?2, block = ?3, hash = ?4 where tenant = ?1";
    connection.prepare_cached(sql)?.execute(params![tenant, last, block, hash])?;
    Ok(())
}

/// A row as the chain sees it.
struct Entry {
    number: u64,
    at: Timestamp,
    action: String,
    entity_type: String,
    entity_id: String,
    digest: Hash,
    salt: Option<Salt>,
    actor: Option<String>,
    target: Option<String>,
    metadata: Option<String>,
}

impl Entry {
    fn sealable(&self) -> Sealable<'_> {
        Sealable {
            number: self.number,
            at: self.at,
            action: &self.action,
            entity_type: &self.entity_type,
            entity_id: &self.entity_id,
            details: self.digest,
        }
    }

    /// Says whether the details are still those that were digested. Erased ones cannot be asked,
    /// so that nothing may stand in their place.
    fn details_fit(&self) -> rusqlite::Result<bool> {
        let Some(salt) = &self.salt else {
            let is_empty = self.actor.is_none() && self.target.is_none();
            return Ok(is_empty && self.metadata.is_none());
        };
        let details = Details {
            actor: self.actor.as_deref().map(rows::user).transpose()?,
            target: self.target.as_deref().map(rows::user).transpose()?,
            metadata: self.metadata.clone().unwrap_or_default(),
        };
        Ok(details_digest(salt, &details) == self.digest)
    }
}

fn each_entry(
    connection: &Connection,
    tenant: &Tenant,
    first: u64,
    last: u64,
    mut visit: impl FnMut(Entry),
) -> rusqlite::Result<()> {
    let sql = "select number, at, action, entity_type, entity_id, digest, salt, actor, target,
                   metadata
               from audit_entry where tenant = ?1 and number between ?2 and ?3 order by number";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params![tenant.as_str(), first, last])?;
    while let Some(row) = found.next()? {
        visit(Entry {
            number: row.get(0)?,
            at: rows::time(row, 1)?,
            action: row.get(2)?,
            entity_type: row.get(3)?,
            entity_id: row.get(4)?,
            digest: row.get(5)?,
            salt: row.get(6)?,
            actor: row.get(7)?,
            target: row.get(8)?,
            metadata: row.get(9)?,
        });
    }
    Ok(())
}

/// A block as stored.
struct Block {
    block: u64,
    first: u64,
    last: u64,
    hash: Hash,
}

/// Walks a tenant's chain from its first block and says what it found.
pub(super) fn verify(connection: &Connection, tenant: &Tenant) -> rusqlite::Result<Verification> {
    let transaction = connection.unchecked_transaction()?;
    let mut found = Verification::default();
    let sql = "select block, first, last, hash from audit_block where tenant = ?1 order by block";
    let mut statement = transaction.prepare_cached(sql)?;
    let blocks = statement.query_map([tenant.as_str()], |row| {
        Ok(Block { block: row.get(0)?, first: row.get(1)?, last: row.get(2)?, hash: row.get(3)? })
    })?;
    let (mut previous, mut sealed) = ([0; 32], 0);
    for block in blocks {
        let block = block?;
        found.blocks += 1;
        let fault = check_block(&transaction, tenant, &block, &previous, sealed, &mut found)?;
        if let Some(fault) = fault {
            found.broken = Some((block.block, fault));
            return Ok(found);
        }
        (previous, sealed) = (block.hash, block.last);
        found.head = Some(block.hash);
    }
    check_tail(&transaction, tenant, &previous, sealed, &mut found)?;
    Ok(found)
}

fn check_block(
    connection: &Connection,
    tenant: &Tenant,
    block: &Block,
    previous: &Hash,
    sealed: u64,
    found: &mut Verification,
) -> rusqlite::Result<Option<String>> {
    if block.block != found.blocks || block.first != sealed + 1 || block.last < block.first {
        return Ok(Some(format!("block {} does not follow", found.blocks)));
    }
    let mut hasher = BlockHasher::new(tenant, block.block, previous);
    let (mut expected, mut fault) = (block.first, None);
    each_entry(connection, tenant, block.first, block.last, |entry| {
        if fault.is_some() {
            return;
        }
        if entry.number != expected {
            fault = Some(format!("entry {expected} is missing"));
        } else if !entry.details_fit().unwrap_or(false) {
            fault = Some(format!("the details of entry {expected} were changed"));
        }
        found.entries += 1;
        found.erased += u64::from(entry.salt.is_none());
        hasher.add(&entry.sealable());
        expected += 1;
    })?;
    if fault.is_none() && expected != block.last + 1 {
        fault = Some(format!("entry {expected} is missing"));
    }
    if fault.is_none() && hasher.finish() != block.hash {
        fault = Some("an entry was changed".into());
    }
    Ok(fault)
}

/// Compares the chain's end with where the blocks ended, and counts what no block binds yet.
fn check_tail(
    connection: &Connection,
    tenant: &Tenant,
    previous: &Hash,
    sealed: u64,
    found: &mut Verification,
) -> rusqlite::Result<()> {
    let sql = "select c.newest, c.sealed, c.hash,
                   (select count(*) from audit_entry e
                    where e.tenant = c.tenant and e.number > c.sealed)
               from audit_chain c where c.tenant = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut tail = statement.query([tenant.as_str()])?;
    let Some(row) = tail.next()? else {
        if sealed > 0 {
            found.broken = Some((found.blocks + 1, "the end of the chain is missing".into()));
        }
        return Ok(());
    };
    let (newest, chained): (u64, u64) = (row.get(0)?, row.get(1)?);
    let (hash, unsealed): (Hash, u64) = (row.get(2)?, row.get(3)?);
    found.unsealed = unsealed;
    if chained != sealed || hash != *previous {
        found.broken = Some((found.blocks + 1, "the last blocks are missing".into()));
    } else if chained + unsealed != newest {
        found.broken = Some((found.blocks + 1, "an unsealed entry is missing".into()));
    }
    Ok(())
}

/// Erases the details of a user's entries.
pub(super) fn erase(
    connection: &Connection,
    tenant: &Tenant,
    user: &UserId,
) -> rusqlite::Result<u64> {
    let sql = "update audit_entry set salt = null, actor = null, target = null, metadata = null
               where tenant = ?1 and (target = ?2 or actor = ?2) and salt is not null";
    let erased =
        connection.prepare_cached(sql)?.execute(params![tenant.as_str(), user.as_str()])?;
    Ok(erased as u64)
}
