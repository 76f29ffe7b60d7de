//! Applying a round in its transaction, as if its units had come one after the other.
//!
//! Notifications come first, then operations, then single writes, then ends of deliveries; within
//! each kind the order is that of the units.

use super::columns::params;
use super::rounds::{self, Kind};
use super::{Done, feeds, guards, keys, operations, outbox, publish, revoked, settles, trail};
use crate::postgres::runner::PostgresRunner;
use crate::postgres::volley::Ask;
use crate::sql::unit::{self, Work};
use crate::{Answer, AuditDraft, Change, Guard, Outcome, Receipt, StoreError, Unit, Write};

/// A unit of a round, and what it did so far.
pub(super) struct Member<'u> {
    pub(super) unit: &'u Unit,
    pub(super) kind: Kind,
    /// One per write, in order; meaningless before the write was made.
    pub(super) outcomes: Vec<Outcome>,
    /// Entries that its writes owe the trail.
    pub(super) entries: Vec<AuditDraft>,
    /// Why it is not part of the round any more.
    pub(super) refused: Option<StoreError>,
}

impl<'u> Member<'u> {
    fn new(unit: &'u Unit) -> Self {
        let outcomes = vec![Outcome::Unchanged; unit.writes.len()];
        Self { unit, kind: Kind::of(unit), outcomes, entries: Vec::new(), refused: None }
    }

    pub(super) fn is_in(&self) -> bool {
        self.refused.is_none()
    }

    pub(super) fn receipt(&self) -> Receipt {
        Receipt { outcomes: self.outcomes.clone() }
    }
}

/// Says whether a unit relies on more than the counters of the feeds that it writes to, and that of
/// its trail.
fn needs_locks(unit: &Unit) -> bool {
    let plain = |write: &Write| {
        matches!(write, Write::Publish(_) | Write::Enqueue { .. } | Write::CreateSend(_))
    };
    let of_trail = |guard: &Guard| matches!(guard, Guard::NotRevoked(_));
    !(unit.guards.iter().all(of_trail) && unit.writes.iter().all(plain))
}

/// Prepares, outside of their transaction, what the units of a round rely on.
pub(super) async fn prepare(runner: &mut PostgresRunner<'_>, units: &[&Unit]) -> Answer<()> {
    if !units.iter().any(|unit| needs_locks(unit)) {
        return Ok(());
    }
    feeds::make_ahead(runner, units.iter().copied()).await
}

/// Applies the units of a round; its transaction is to be undone after an error.
pub(super) async fn apply(runner: &mut PostgresRunner<'_>, units: &[&Unit]) -> Answer<Done> {
    if let [only] = units
        && Kind::of(only) == Kind::Alone
    {
        return alone(runner, only).await;
    }
    let mut members: Vec<Member<'_>> = units.iter().map(|unit| Member::new(unit)).collect();
    let mut changes = Vec::new();
    refuse(runner, &mut members).await?;
    let mut locked = feeds::Locked::default();
    if members.iter().any(|member| member.is_in() && needs_locks(member.unit)) {
        let named = members.iter().filter(|member| member.is_in());
        locked = feeds::lock(runner, named.map(|member| member.unit)).await?;
        guards::check(runner, &mut members).await?;
    }
    outbox::lock(runner, members.iter().filter(|m| m.is_in()).map(|m| m.unit)).await?;
    move_sends(runner, &mut members).await?;
    publish::publish(runner, &mut members, &mut changes).await?;
    outbox::enqueue(runner, &mut members).await?;
    operations::keep(runner, &mut members, &locked, &mut changes).await?;
    write_single(runner, &mut members, &mut changes).await?;
    settles::settle(runner, &mut members, &locked).await?;
    append(runner, &members).await?;
    keys::keep(runner, &members).await?;
    Ok(done(members, changes))
}

/// Refuses units whose callers' tokens are revoked, and those whose keys are taken.
async fn refuse(runner: &mut PostgresRunner<'_>, members: &mut [Member<'_>]) -> Answer<()> {
    let (tokens, keys) = (revoked::tokens(members), keys::asked(members));
    let rows = revoked::rows(&tokens);
    let (token_columns, key_columns) = (revoked::columns(&rows), keys::columns(&keys));
    let (token_values, key_values) = (params(&token_columns), params(&key_columns));
    let is_revoked = Ask { sql: revoked::FIND, values: &token_values };
    let is_taken = Ask { sql: keys::FIND, values: &key_values };
    let is_revoked = (!tokens.is_empty()).then_some(is_revoked);
    let is_taken = (!keys.is_empty()).then_some(is_taken);
    let (revoked, taken) = runner.rows_of_both(is_revoked, is_taken).await?;
    revoked::refuse(&revoked, &tokens, members)?;
    keys::refuse_taken(&taken, members)
}

/// Appends what the units owe their trails. Behind the statement that takes the trails' counters,
/// and so sees what was committed until they were free, revoked tokens are looked for again.
async fn append(runner: &mut PostgresRunner<'_>, members: &[Member<'_>]) -> Answer<()> {
    let trails = trail::owed(members);
    let (tenants, counts) = trail::counts(&trails);
    let rows = revoked::rows(&revoked::tokens(members));
    let (count_values, columns) = ([&tenants as _, &counts as _], revoked::columns(&rows));
    let token_values = params(&columns);
    let reserve = Ask { sql: trail::RESERVE, values: &count_values };
    let look = Ask { sql: revoked::FIND, values: &token_values };
    let reserve = (!trails.is_empty()).then_some(reserve);
    let look = (!rows.is_empty()).then_some(look);
    if reserve.is_none() && look.is_none() {
        return Ok(());
    }
    let (reserved, found) = runner.rows_of_both(reserve, look).await?;
    revoked::refuse_overtaken(&found)?;
    trail::append(runner, trails, &reserved).await
}

fn done(members: Vec<Member<'_>>, mut changes: Vec<Change>) -> Done {
    changes.sort_by_key(|change| change.change.number());
    let answer = |member: Member<'_>| match member.refused {
        Some(error) => Err(error),
        None => Ok(Receipt { outcomes: member.outcomes }),
    };
    Done { answers: members.into_iter().map(answer).collect(), changes }
}

/// Applies a unit that has the transaction for itself.
async fn alone(runner: &mut PostgresRunner<'_>, only: &Unit) -> Answer<Done> {
    runner.begun().await?;
    feeds::lock(runner, std::iter::once(only)).await?;
    outbox::lock(runner, std::iter::once(only)).await?;
    let mut changes = Vec::new();
    let receipt = unit::apply(runner, only.clone(), &mut changes).await?;
    if !only.writes.iter().any(rounds::revokes) {
        // The trail is held now: see `revoked`. Revocations hold their counter from the start, and
        // one of the caller's own token is no reason against it.
        unit::refuse_revoked(runner, &only.tenant, &only.guards).await?;
    }
    changes.sort_by_key(|change: &Change| change.change.number());
    Ok(Done { answers: vec![Ok(receipt)], changes })
}

/// Makes the steps of sends: one that another worker made already refuses its unit, before
/// anything of it is written.
async fn move_sends(runner: &mut PostgresRunner<'_>, members: &mut [Member<'_>]) -> Answer<()> {
    for member in members.iter_mut().filter(|m| m.is_in() && m.kind == Kind::Publishes) {
        let writes = member.unit.writes.iter().enumerate();
        let mut of_send = writes.filter(|(_, write)| rounds::is_of_send(write));
        if let Some((index, write)) = of_send.next() {
            make(runner, member, index, write, &mut Vec::new()).await?;
        }
    }
    Ok(())
}

/// Makes the writes of units that have only one, each under its guards.
async fn write_single(
    runner: &mut PostgresRunner<'_>,
    members: &mut [Member<'_>],
    changes: &mut Vec<Change>,
) -> Answer<()> {
    for member in members.iter_mut().filter(|m| m.is_in() && m.kind == Kind::One) {
        // An earlier unit of the round may have changed what they are about.
        for guard in &member.unit.guards {
            match unit::check(runner, &member.unit.tenant, guard).await {
                Err(StoreError::Stale) => member.refused = Some(StoreError::Stale),
                checked => checked?,
            }
        }
        if member.is_in() {
            make(runner, member, 0, &member.unit.writes[0], changes).await?;
        }
    }
    Ok(())
}

/// Makes one write by the statements that both stores share.
async fn make(
    runner: &mut PostgresRunner<'_>,
    member: &mut Member<'_>,
    index: usize,
    write: &Write,
    changes: &mut Vec<Change>,
) -> Answer<()> {
    let tenant = &member.unit.tenant;
    let mut work = Work { runner, tenant, changes, entries: Vec::new() };
    match unit::write(&mut work, write.clone()).await {
        Ok(outcome) => member.outcomes[index] = outcome,
        Err(StoreError::Stale) => member.refused = Some(StoreError::Stale),
        Err(error) => return Err(error),
    }
    member.entries.extend(work.entries);
    Ok(())
}
