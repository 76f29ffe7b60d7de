//! Fills a desk with what the store knows, and writes down what it hands out.

use std::collections::{BTreeMap, BTreeSet};

use landfall_core::auth::Caller;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::DeviceId;
use landfall_core::json::Object;
use landfall_core::sync::{
    Branch, BranchTip, Contested, Desk, Dispute, Effect, EntityName, Flips, Known, Next,
    OpenConflict, Operation, Refused, Rules, Seen, Stamp, Standing, Status, Verdict,
};
use landfall_store::{
    BranchNext, Conflict, ConflictNext, EntityNext, OperationKeep, Standings, StandingsAsk,
    StoredBranch, StoredEntity, StoredOperation, SyncWrite,
};

use super::kinds::Kind;
use super::misfit::Misfit;
use super::records::{
    read_entity, read_object, read_verdict, written_clashes, written_object, written_stamps,
    written_verdict,
};
use super::{Brought, PushAsk, ServerData, Turn, Wish};
use crate::service::ServiceError;

/// What is asked of the store before some operations of one feed are decided.
pub(super) fn ask(
    caller: &Caller,
    feed: &FeedKey,
    push: &PushAsk,
    (chunk, had): (&[Brought], Option<Number>),
) -> StandingsAsk {
    let operations = chunk.iter().map(|brought| &brought.operation);
    let mut names: Vec<EntityName> = operations.clone().map(|one| one.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let mut ids: Vec<Box<str>> = operations
        .clone()
        .flat_map(|one| [Some(&one.id), one.after.as_ref()])
        .flatten()
        .cloned()
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let mut versions: Vec<(EntityName, u64)> = operations.flat_map(bases).collect();
    versions.sort_unstable();
    versions.dedup();
    StandingsAsk {
        feed: feed.clone(),
        user: caller.user.clone(),
        device: device_name(push.device.as_ref()),
        names,
        operations: ids,
        versions,
        had,
    }
}

/// Names the earlier versions that an operation may have begun from.
fn bases(operation: &Operation) -> impl Iterator<Item = (EntityName, u64)> {
    let counted = operation.client_version.map(|version| version.saturating_sub(1));
    let named =
        [operation.base_version, counted].into_iter().flatten().filter(|version| *version > 0);
    let is_needed = operation.base_data.is_none();
    named.filter(move |_| is_needed).map(|version| (operation.name.clone(), version))
}

/// Names a device; one without a name is nobody's, and has no branches and no conflicts that go on.
pub(super) fn device_name(device: Option<&DeviceId>) -> Box<str> {
    device.map_or("", DeviceId::as_str).into()
}

/// A device's branch that may have been left: its count is that of a server version as well.
pub(super) fn may_be_left(standings: &Standings) -> bool {
    let is_either = |branch: &StoredBranch| {
        let entity = standings.entities.iter().find(|entity| entity.name == branch.name);
        branch.client_version.is_some()
            && branch.client_version == entity.map(|entity| entity.version)
    };
    standings.branches.iter().any(is_either)
}

/// Fills a desk. `has` is the number up to which the device has the feed.
pub(super) fn fill<'d>(
    device: &'d str,
    seen: Seen,
    standings: &Standings,
    (push, has): (&PushAsk, Number),
) -> Result<Desk<'d>, ServiceError> {
    let last = standings.device.as_ref().and_then(|known| known.stamp);
    let last = last.map(|(at, count)| Stamp { at, count, device: device.into() });
    let mut desk = Desk::new(device, seen, last);
    let mut laid: BTreeMap<EntityName, Standing> = BTreeMap::new();
    for entity in &standings.entities {
        lay(laid.entry(entity.name.clone()).or_default(), entity)?;
    }
    for version in standings.versions.iter().filter(|version| !version.is_deleted) {
        let standing = laid.entry(version.name.clone()).or_default();
        standing.versions.insert(version.version, read_object(&version.data)?);
    }
    for branch in &standings.branches {
        let is_heard = push.operations.iter().all(|one| one.operation.id != branch.operation);
        let standing = laid.entry(branch.name.clone()).or_default();
        let is_either = branch.client_version == Some(standing.version);
        // Only who has the version that counts the same may mean that one.
        let entity = standings.entities.iter().find(|entity| entity.name == branch.name);
        let has_it = entity.is_some_and(|entity| has >= entity.changed);
        let is_left = is_heard && is_either && has_it;
        let mut tip = tip(branch)?;
        tip.branch.is_left = is_left;
        standing.branch = Some(tip);
    }
    // One without a name may be any: no conflict of an earlier one is its own.
    for conflict in
        standings.conflicts.iter().filter(|one| !device.is_empty() && *one.device == *device)
    {
        let client = conflict.conflict.client.as_ref().map(read_object).transpose()?;
        let standing = laid.entry(conflict.name.clone()).or_default();
        standing.open = Some(OpenConflict { id: conflict.conflict.id, client });
    }
    for (name, standing) in laid {
        desk.lay(name, standing);
    }
    let again = push.operations.iter().filter(|one| is_again(one));
    let again: BTreeSet<&str> = again.map(|one| &*one.operation.id).collect();
    for operation in standings.operations.iter().filter(|one| !again.contains(&*one.id)) {
        desk.lay_known(operation.id.clone(), known(operation)?);
    }
    Ok(desk)
}

/// Says whether an operation is decided once more.
pub(super) fn is_again(brought: &Brought) -> bool {
    brought.activity.as_ref().is_some_and(|activity| activity.turn == Turn::Again)
}

fn lay(standing: &mut Standing, entity: &StoredEntity) -> Result<(), ServiceError> {
    let (read, flips) = read_entity(entity)?;
    (standing.entity, standing.flips) = (Some(read), flips);
    standing.writer.clone_from(&entity.device);
    (standing.version, standing.revision) = (entity.version, entity.revision);
    Ok(())
}

fn tip(stored: &StoredBranch) -> Result<BranchTip, ServiceError> {
    let StoredBranch { operation, client_version, base_version, fields, is_refused, .. } = stored;
    let fields = fields.as_ref().map(read_object).transpose()?;
    let (client_version, base_version) = (*client_version, *base_version);
    let branch = Branch { client_version, base_version, fields, is_left: false };
    Ok(BranchTip { branch, operation: operation.clone(), is_refused: *is_refused })
}

pub(super) fn known(stored: &StoredOperation) -> Result<Known, ServiceError> {
    let verdict = stored.outcome.as_ref().map(read_verdict).transpose()?;
    Ok(Known { digest: stored.digest, verdict })
}

/// Decides one operation.
pub(super) fn take(
    desk: &mut Desk<'_>,
    operation: &Operation,
    kind: Result<&Kind, Refused>,
    (misfit, fresh, wish): (&Misfit, landfall_core::id::ConflictId, Wish),
) -> landfall_core::sync::Taken {
    let checked = kind.and_then(|kind| {
        misfit.check_size(kind, "/data", &operation.data)?;
        let mut base = operation.base_data.iter();
        base.try_for_each(|data| misfit.check_size(kind, "/baseData", data))?;
        Ok(kind)
    });
    match checked {
        Err(refused) => desk.take(operation, Err(refused), fresh),
        Ok(kind) => {
            let fits = |data: &Object| misfit.check(kind, data);
            let rules = match wish {
                Wish::AsTyped => &kind.rules,
                Wish::ClientWins => kind.client_wins.as_ref().unwrap_or(&kind.rules),
            };
            desk.take(operation, Ok(Rules { kind: rules, fits: &fits }), fresh)
        }
    }
}

/// Says what the server has, where that may be something else than what the device brought.
pub(super) fn server_data(
    desk: &Desk<'_>,
    operation: &Operation,
    verdict: &Verdict,
) -> Option<ServerData> {
    let standing = desk.standing(&operation.name);
    // What was decided before may have been changed, or be gone, by now.
    let version = standing.map_or(0, |standing| standing.version);
    if verdict.status == Status::Applied && verdict.version == version {
        return None;
    }
    let entity = standing.and_then(|standing| standing.entity.as_ref());
    let there = entity.filter(|entity| !entity.is_deleted);
    Some(there.map_or(ServerData::Gone, |entity| ServerData::There(written_object(&entity.data))))
}

/// What goes with an operation's write besides its effect.
pub(super) struct Place<'a> {
    /// The feed of its entity.
    pub(super) feed: &'a FeedKey,
    /// Who brought it.
    pub(super) caller: &'a Caller,
    /// The device, empty where it has no name.
    pub(super) device: &'a str,
    /// The operation with which the device's branch ended so far, by entity.
    pub(super) ends: &'a mut BTreeMap<EntityName, Box<str>>,
    /// When.
    pub(super) at: landfall_core::time::Timestamp,
}

/// Writes down what an operation came to.
pub(super) fn write(
    place: &mut Place<'_>,
    operation: &Operation,
    verdict: &Verdict,
    effect: Effect,
) -> SyncWrite {
    let Effect { from: (from, from_version), next, tip, conflict, flips } = effect;
    let tip = tip.filter(|_| !place.device.is_empty());
    let from_branch = place.ends.get(&operation.name).cloned();
    if tip.is_some() {
        place.ends.insert(operation.name.clone(), operation.id.clone());
    }
    SyncWrite {
        feed: place.feed.clone(),
        name: operation.name.clone(),
        user: place.caller.user.clone(),
        device: place.device.into(),
        operation: StoredOperation {
            id: operation.id.clone(),
            digest: operation.digest,
            outcome: Some(written_verdict(verdict)),
            at: place.at,
        },
        keeps: OperationKeep::New,
        from,
        from_version,
        from_branch,
        next: next.map(|(next, version)| entity_next(&next, version, flips)),
        branch: tip.map(|tip| branch_next(&tip)),
        conflict: conflict.map(|one| Box::new(conflict_next(one, operation, from_version))),
        activity: None,
    }
}

pub(super) fn entity_next(next: &Next, version: u64, flips: Flips) -> EntityNext {
    EntityNext {
        version,
        data: written_object(&next.data),
        is_deleted: next.is_deleted,
        stamps: written_stamps(&next.stamps, flips),
    }
}

fn branch_next(tip: &BranchTip) -> BranchNext {
    let Branch { client_version, base_version, fields, is_left: _ } = &tip.branch;
    BranchNext {
        client_version: *client_version,
        base_version: *base_version,
        fields: fields.as_ref().map(written_object),
        is_refused: tip.is_refused,
    }
}

fn conflict_next(contested: Contested, operation: &Operation, server_version: u64) -> ConflictNext {
    let (id, dispute) = match contested {
        Contested::New(id, dispute) => (id, dispute),
        Contested::GoesOn(id, client) => {
            return ConflictNext::GoesOn { id, client: client.as_ref().map(written_object) };
        }
    };
    let Dispute { is_open, by, base, server, client, result, clashes } = dispute;
    let [base, server, client, result] =
        [base, server, client, result].map(|fields| fields.as_ref().map(written_object));
    ConflictNext::New(Conflict {
        id,
        is_open,
        decided_by: by.into(),
        base,
        server,
        client,
        result,
        clashes: written_clashes(&clashes),
        client_version: operation.client_version,
        server_version,
    })
}

/// Gives the ends of a device's branches.
pub(super) fn ends(standings: &Standings) -> BTreeMap<EntityName, Box<str>> {
    let end = |branch: &StoredBranch| (branch.name.clone(), branch.operation.clone());
    standings.branches.iter().map(end).collect()
}
