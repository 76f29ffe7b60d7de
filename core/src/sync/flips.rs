//! Devices that undo each other: a loop in which every single step succeeds, so that no retry limit
//! ever ends it. An entity that goes back and forth too often is left as it is, and a person says.

use super::{Decision, Dispute, Edit, Entity, Outcome, Reason};
use crate::audit::digest;
use crate::json::{Object, object_text};
use crate::time::Timestamp;

/// So often may devices take an entity from each other within [`WINDOW_MS`].
pub const FLIPS_MAX: u32 = 6;
/// For so long a flip counts, in milliseconds.
pub const WINDOW_MS: i64 = 10 * 60 * 1_000;

/// How often devices took an entity from each other lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flips {
    /// How often since `since`.
    pub count: u32,
    /// The first that counts.
    pub since: Option<Timestamp>,
    /// What the entity was before it was written last, digested.
    pub before: Option<u64>,
}

impl Flips {
    /// Counts what would become of an entity. It is a flip when another device than the one that wrote
    /// last overrules it, or puts back what was there before.
    pub(super) fn after(
        self,
        entity: Option<&Entity>,
        decision: &Decision,
        is_other: impl FnOnce() -> bool,
        now: Timestamp,
    ) -> Self {
        let (Some(entity), Some(next)) = (entity, &decision.next) else { return self };
        let before = Some(short(&entity.data));
        let undoes = self.before.is_some_and(|before| before == short(&next.data));
        let is_flip = (decision.dispute.is_some() || undoes) && is_other();
        let holds = |since: &Timestamp| since.plus_ms(WINDOW_MS) > now;
        match self.since.filter(holds) {
            Some(since) => {
                Self { count: self.count + u32::from(is_flip), since: Some(since), before }
            }
            None if is_flip => Self { count: 1, since: Some(now), before },
            None => Self { count: 0, since: None, before },
        }
    }

    /// Says whether it is enough.
    pub(super) const fn are_too_many(self) -> bool {
        self.count > FLIPS_MAX
    }
}

/// Leaves an entity as it is until a person says what becomes of it.
pub(super) fn frozen(entity: Option<&Entity>, edit: &Edit<'_>, client: Object) -> Decision {
    let server = entity.filter(|entity| !entity.is_deleted).map(|entity| entity.data.clone());
    let dispute = Dispute {
        is_open: true,
        by: "manual",
        base: edit.known_base().cloned(),
        client: (edit.verb != super::Verb::Delete).then_some(client),
        result: server.clone(),
        server,
        clashes: Vec::new(),
    };
    let (outcome, reason) = (Outcome::Conflict, Reason::BackAndForth);
    Decision { outcome, reason, next: None, dispute: Some(dispute) }
}

fn short(data: &Object) -> u64 {
    let digest = digest(object_text(data).as_bytes());
    let (first, _) = digest.split_first_chunk().expect("a digest has 32 bytes");
    u64::from_be_bytes(*first)
}
