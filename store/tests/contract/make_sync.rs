//! Values for the cases about offline work.

use landfall_core::feed::FeedKey;
use landfall_core::id::{ConflictId, Tenant};
use landfall_core::notification::JsonText;
use landfall_core::sync::EntityName;
use landfall_store::{
    BranchNext, Conflict, EntityNext, EntityVersion, OperationKeep, Standings, StandingsAsk,
    StoredBranch, StoredConflict, StoredOperation, SyncWrite, Write,
};

use super::make::{at, send_id, tenant, user};
use super::world::World;

pub fn name(kind: &str, id: &str) -> EntityName {
    EntityName { kind: kind.into(), id: id.into() }
}

pub fn json(text: &str) -> JsonText {
    JsonText::trusted(text)
}

/// Names the feed of the user `u`.
pub fn data(t: &Tenant) -> FeedKey {
    FeedKey::data(t, &user("u"))
}

/// An operation of the user `u` that makes an entity's next version, decided from a revision.
pub fn write(t: &Tenant, id: &str, entity: EntityName, (from, version): (u64, u64)) -> SyncWrite {
    SyncWrite {
        feed: data(t),
        name: entity,
        user: user("u"),
        device: "phone".into(),
        operation: StoredOperation {
            id: id.into(),
            digest: [7; 32],
            outcome: Some(json(r#"{"status":"applied"}"#)),
            at: at(version as i64),
        },
        keeps: OperationKeep::New,
        from,
        from_version: version - 1,
        from_branch: None,
        next: Some(EntityNext {
            version,
            data: json(&format!(r#"{{"n":{version}}}"#)),
            is_deleted: false,
            stamps: json("{}"),
        }),
        branch: None,
        conflict: None,
        activity: None,
    }
}

pub fn put(write: SyncWrite) -> Write {
    Write::Sync(Box::new(write))
}

/// A branch that stands on a server version.
pub fn branch(base_version: u64) -> BranchNext {
    let fields = Some(json(r#"{"n":1}"#));
    BranchNext { client_version: Some(1), base_version, fields, is_refused: false }
}

/// A conflict that waits for a person.
pub fn conflict() -> Conflict {
    Conflict {
        id: ConflictId(send_id().0),
        is_open: true,
        decided_by: "manual".into(),
        base: Some(json(r#"{"n":0}"#)),
        server: Some(json(r#"{"n":1}"#)),
        client: Some(json(r#"{"n":2}"#)),
        result: Some(json(r#"{"n":1}"#)),
        clashes: json("[]"),
        client_version: Some(2),
        server_version: 1,
    }
}

/// Asks for what a desk needs to know of some entities, for the phone of the user `u`.
pub fn ask(t: &Tenant, names: &[EntityName]) -> StandingsAsk {
    StandingsAsk { names: names.to_vec(), ..StandingsAsk::of(&data(t), &user("u"), "phone") }
}

/// Short questions about the phone of the user `u` of the tenant `t`.
impl World {
    pub async fn standings(&self, ask: StandingsAsk) -> Standings {
        self.store.standings(ask).await.unwrap()
    }

    pub async fn branches(&self, entity: &EntityName) -> Vec<StoredBranch> {
        self.standings(ask(&tenant("t"), std::slice::from_ref(entity))).await.branches
    }

    pub async fn open_conflicts(&self, entity: &EntityName) -> Vec<StoredConflict> {
        self.standings(ask(&tenant("t"), std::slice::from_ref(entity))).await.conflicts
    }

    pub async fn operations(&self, ids: &[&str]) -> Vec<StoredOperation> {
        let operations = ids.iter().map(|id| (*id).into()).collect();
        self.standings(StandingsAsk { operations, ..ask(&tenant("t"), &[]) }).await.operations
    }

    pub async fn versions(&self, entity: &EntityName, versions: &[u64]) -> Vec<EntityVersion> {
        let versions = versions.iter().map(|version| (entity.clone(), *version)).collect();
        self.standings(StandingsAsk { versions, ..ask(&tenant("t"), &[]) }).await.versions
    }
}
