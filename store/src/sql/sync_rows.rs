//! The rows that an operation leaves, as columns for the statements of either store.

use landfall_core::notification::JsonText;

use super::Value;
use super::sync_ledger::{Ends, Kept};
use crate::{ActivityNext, BranchNext, Conflict, EntityNext};

fn json(json: &Option<JsonText>) -> Value<'_> {
    json.as_ref().map(|json| json.as_str()).into()
}

/// The key of the entity's rows: feed_id, kind and id.
pub(crate) fn key<'w>(kept: &Kept<'w>) -> [Value<'w>; 3] {
    let (feed, kind, id) = kept.entity();
    [feed.into(), kind.into(), id.into()]
}

/// Gives feed_id, kind, id, tenant, version, revision, changed, data, stamps, deleted, device,
/// created_at and updated_at.
pub(crate) fn entity<'w>(row: &Ends<'_, 'w>, next: &'w EntityNext) -> [Value<'w>; 13] {
    let Ends { first, last } = row;
    let [feed, kind, id] = key(last);
    let write = last.write;
    [
        feed,
        kind,
        id,
        last.tenant.into(),
        next.version.into(),
        (write.from + 1).into(),
        last.changed.into(),
        next.data.as_str().into(),
        next.stamps.as_str().into(),
        next.is_deleted.into(),
        (&*write.device).into(),
        first.write.operation.at.into(),
        write.operation.at.into(),
    ]
}

/// Gives feed_id, kind, id, version, data, deleted, at and changed.
pub(crate) fn version<'w>(kept: &Kept<'w>, next: &'w EntityNext) -> [Value<'w>; 8] {
    let [feed, kind, id] = key(kept);
    [
        feed,
        kind,
        id,
        next.version.into(),
        next.data.as_str().into(),
        next.is_deleted.into(),
        kept.write.operation.at.into(),
        kept.changed.into(),
    ]
}

/// Gives tenant, user_id, id, digest, outcome and at.
pub(crate) fn operation<'w>(kept: &Kept<'w>) -> [Value<'w>; 6] {
    let operation = &kept.write.operation;
    [
        kept.tenant.into(),
        (&kept.write.user).into(),
        (&*operation.id).into(),
        (&operation.digest).into(),
        json(&operation.outcome),
        operation.at.into(),
    ]
}

/// Gives feed_id, kind, id, device, operation, client_version, base_version, fields, changed, at and
/// refused.
pub(crate) fn branch<'w>(kept: &Kept<'w>, branch: &'w BranchNext) -> [Value<'w>; 11] {
    let [feed, kind, id] = key(kept);
    let write = kept.write;
    [
        feed,
        kind,
        id,
        (&*write.device).into(),
        (&*write.operation.id).into(),
        branch.client_version.into(),
        branch.base_version.into(),
        json(&branch.fields),
        kept.changed.into(),
        write.operation.at.into(),
        branch.is_refused.into(),
    ]
}

/// Gives tenant, user_id, id, kind, entity_id, device, data, status, reason, created_at and
/// decided_at.
pub(crate) fn activity<'w>(row: &Ends<'_, 'w>, next: &'w ActivityNext) -> [Value<'w>; 11] {
    let ActivityNext { kind, entity_id, data, status, reason } = next;
    let write = row.last.write;
    [
        row.last.tenant.into(),
        (&write.user).into(),
        (&*write.operation.id).into(),
        (&**kind).into(),
        (&**entity_id).into(),
        (&*write.device).into(),
        data.as_str().into(),
        status.as_str().into(),
        (&**reason).into(),
        row.first.write.operation.at.into(),
        write.operation.at.into(),
    ]
}

/// Gives tenant, id, user_id, feed_id, kind, entity_id, device, operation, open, decided_by, base,
/// server, client, result, clashes, client_version, server_version, created_at and resolved_at.
pub(crate) fn conflict<'w>(kept: &Kept<'w>, conflict: &'w Conflict) -> [Value<'w>; 19] {
    let [feed, kind, id] = key(kept);
    let write = kept.write;
    let at = write.operation.at;
    [
        kept.tenant.into(),
        (&conflict.id.0).into(),
        (&write.user).into(),
        feed,
        kind,
        id,
        (&*write.device).into(),
        (&*write.operation.id).into(),
        conflict.is_open.into(),
        (&*conflict.decided_by).into(),
        json(&conflict.base),
        json(&conflict.server),
        json(&conflict.client),
        json(&conflict.result),
        conflict.clashes.as_str().into(),
        conflict.client_version.into(),
        conflict.server_version.into(),
        at.into(),
        (!conflict.is_open).then_some(at).into(),
    ]
}
