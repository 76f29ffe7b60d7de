//! The chain of the audit trail: made by the sealer, checked by a walk.
//!
//! Entries and blocks are read a page at a time, so that a long trail needs no more memory.

use landfall_core::audit::{BlockHasher, Details, Hash, Salt, Sealable, details_digest};
use landfall_core::id::{Tenant, UserId};
use landfall_core::time::Timestamp;

use super::{Corrupt, Query, Row, Runner};
use crate::{Answer, SealReport, Verification};

/// Rows read at once.
const PAGE: usize = 1_000;

/// Where a tenant's chain ends.
pub(crate) struct Tail {
    tenant: Tenant,
    newest: u64,
    sealed: u64,
    block: u64,
    hash: Hash,
}

/// Chains every tenant's unsealed entries into one block each, in one transaction.
pub(crate) async fn seal<R: Runner>(
    runner: &mut R,
    at: Timestamp,
    limit: usize,
) -> Answer<SealReport> {
    let mut report = SealReport::default();
    for tail in tails(runner).await? {
        let entries = seal_one(runner, &tail, at, limit).await?;
        report.blocks += u64::from(entries > 0);
        report.entries += entries;
    }
    Ok(report)
}

/// Finds the chains whose last entries no block binds yet.
pub(crate) async fn tails<R: Runner>(runner: &mut R) -> Answer<Vec<Tail>> {
    let sql = "select tenant, newest, sealed, block, hash from audit_chain where newest > sealed
               order by tenant";
    let tail = |row: &dyn Row| {
        Ok(Tail {
            tenant: row.tenant(0)?,
            newest: row.count(1)?,
            sealed: row.count(2)?,
            block: row.count(3)?,
            hash: row.bytes(4)?,
        })
    };
    runner.all(Query::new(sql, [], tail)).await
}

/// Binds a chain's next entries, at most `limit`, in one transaction; tells how many. None when
/// another sealer was quicker. The chain's row, which every writer of the tenant needs, is taken
/// last, so that nobody waits while entries are read.
pub(crate) async fn seal_one<R: Runner>(
    runner: &mut R,
    tail: &Tail,
    at: Timestamp,
    limit: usize,
) -> Answer<u64> {
    let last = tail.newest.min(tail.sealed + limit.max(1) as u64);
    let (block, first) = (tail.block + 1, tail.sealed + 1);
    let mut hasher = BlockHasher::new(&tail.tenant, block, &tail.hash);
    each_entry(runner, &tail.tenant, first, last, |entry| hasher.add(&entry.sealable())).await?;
    let hash = hasher.finish();
    let tenant = &tail.tenant;
    let sql = "update audit_chain set sealed = ?2, block = ?3, hash = ?4
               where tenant = ?1 and block = ?5 and sealed = ?6";
    let values = [
        tenant.into(),
        last.into(),
        block.into(),
        (&hash).into(),
        tail.block.into(),
        tail.sealed.into(),
    ];
    if runner.execute(Query::command(sql, values)).await? == 0 {
        return Ok(0);
    }
    let sql = "insert into audit_block (tenant, block, first, last, hash, sealed_at)
               values (?1, ?2, ?3, ?4, ?5, ?6)";
    let values =
        [tenant.into(), block.into(), first.into(), last.into(), (&hash).into(), at.into()];
    runner.execute(Query::command(sql, values)).await?;
    Ok(last - tail.sealed)
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
    fn read(row: &dyn Row) -> Result<Self, Corrupt> {
        Ok(Self {
            number: row.count(0)?,
            at: row.time(1)?,
            action: row.string(2)?,
            entity_type: row.string(3)?,
            entity_id: row.string(4)?,
            digest: row.bytes(5)?,
            salt: row.optional_bytes(6)?,
            actor: row.optional_string(7)?,
            target: row.optional_string(8)?,
            metadata: row.optional_string(9)?,
        })
    }

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
    fn details_fit(&self) -> bool {
        let Some(salt) = &self.salt else {
            return self.actor.is_none() && self.target.is_none() && self.metadata.is_none();
        };
        let user = |text: &Option<String>| text.as_deref().map(UserId::parse).transpose();
        let (Ok(actor), Ok(target)) = (user(&self.actor), user(&self.target)) else {
            return false;
        };
        let metadata = self.metadata.clone().unwrap_or_default();
        details_digest(salt, &Details { actor, target, metadata }) == self.digest
    }
}

async fn each_entry<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    mut first: u64,
    last: u64,
    mut visit: impl FnMut(Entry),
) -> Answer<()> {
    let sql = "select number, at, action, entity_type, entity_id, digest, salt, actor, target,
                   metadata
               from audit_entry where tenant = ?1 and number between ?2 and ?3
               order by number limit ?4";
    loop {
        let values = [tenant.into(), first.into(), last.into(), PAGE.into()];
        let page = runner.all(Query::new(sql, values, Entry::read)).await?;
        let Some(end) = page.last().map(|entry| entry.number) else { return Ok(()) };
        let is_last = page.len() < PAGE;
        page.into_iter().for_each(&mut visit);
        if is_last {
            return Ok(());
        }
        first = end + 1;
    }
}

/// A block as stored.
struct Block {
    block: u64,
    first: u64,
    last: u64,
    hash: Hash,
}

async fn blocks_after<R: Runner>(
    runner: &mut R,
    tenant: &Tenant,
    after: i64,
) -> Answer<Vec<Block>> {
    let sql = "select block, first, last, hash from audit_block
               where tenant = ?1 and block > ?2 order by block limit ?3";
    let block = |row: &dyn Row| {
        let (block, first, last) = (row.count(0)?, row.count(1)?, row.count(2)?);
        Ok(Block { block, first, last, hash: row.bytes(3)? })
    };
    runner.all(Query::new(sql, [tenant.into(), after.into(), PAGE.into()], block)).await
}

/// How far a walk along a chain has come.
struct Walk<'a> {
    tenant: &'a Tenant,
    found: Verification,
    previous: Hash,
    sealed: u64,
}

/// Walks a tenant's chain from its first block and says what it found. Needs a snapshot.
pub(crate) async fn verify<R: Runner>(runner: &mut R, tenant: &Tenant) -> Answer<Verification> {
    let found = Verification::default();
    let mut walk = Walk { tenant, found, previous: [0; 32], sealed: 0 };
    // A block that was numbered below the first is found too.
    let mut after = i64::MIN;
    loop {
        let blocks = blocks_after(runner, tenant, after).await?;
        let Some(end) = blocks.last().map(|block| block.block) else { break };
        for block in blocks {
            if let Some(fault) = walk.step(runner, &block).await? {
                walk.found.broken = Some((block.block, fault));
                return Ok(walk.found);
            }
        }
        after = end as i64;
    }
    walk.end(runner).await
}

impl Walk<'_> {
    /// Checks the next block; gives what does not fit.
    async fn step<R: Runner>(&mut self, runner: &mut R, block: &Block) -> Answer<Option<String>> {
        self.found.blocks += 1;
        let number = self.found.blocks;
        if block.block != number || block.first != self.sealed + 1 || block.last < block.first {
            return Ok(Some(format!("block {number} does not follow")));
        }
        let fault = self.check_entries(runner, block).await?;
        if fault.is_none() {
            (self.previous, self.sealed) = (block.hash, block.last);
            self.found.head = Some(block.hash);
        }
        Ok(fault)
    }

    async fn check_entries<R: Runner>(
        &mut self,
        runner: &mut R,
        block: &Block,
    ) -> Answer<Option<String>> {
        let mut hasher = BlockHasher::new(self.tenant, block.block, &self.previous);
        let (mut expected, mut fault) = (block.first, None);
        let found = &mut self.found;
        each_entry(runner, self.tenant, block.first, block.last, |entry| {
            if fault.is_some() {
                return;
            }
            if entry.number != expected {
                fault = Some(format!("entry {expected} is missing"));
            } else if !entry.details_fit() {
                fault = Some(format!("the details of entry {expected} were changed"));
            }
            found.entries += 1;
            found.erased += u64::from(entry.salt.is_none());
            hasher.add(&entry.sealable());
            expected += 1;
        })
        .await?;
        if fault.is_none() && expected != block.last + 1 {
            fault = Some(format!("entry {expected} is missing"));
        }
        if fault.is_none() && hasher.finish() != block.hash {
            fault = Some("an entry was changed".into());
        }
        Ok(fault)
    }

    /// Compares the chain's end with where the blocks ended, and counts what no block binds yet.
    async fn end<R: Runner>(mut self, runner: &mut R) -> Answer<Verification> {
        let sql = "select c.newest, c.sealed, c.hash,
                       (select count(*) from audit_entry e
                        where e.tenant = c.tenant and e.number > c.sealed)
                   from audit_chain c where c.tenant = ?1";
        let tail =
            |row: &dyn Row| Ok((row.count(0)?, row.count(1)?, row.bytes::<32>(2)?, row.count(3)?));
        let tail = runner.optional(Query::new(sql, [self.tenant.into()], tail)).await?;
        let next = self.found.blocks + 1;
        let Some((newest, chained, hash, unsealed)) = tail else {
            if self.sealed > 0 {
                self.found.broken = Some((next, "the end of the chain is missing".into()));
            }
            return Ok(self.found);
        };
        self.found.unsealed = unsealed;
        if chained != self.sealed || hash != self.previous {
            self.found.broken = Some((next, "the last blocks are missing".into()));
        } else if chained + unsealed != newest {
            self.found.broken = Some((next, "an unsealed entry is missing".into()));
        }
        Ok(self.found)
    }
}
