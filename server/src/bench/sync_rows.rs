//! The operations that `bench sync` pushes, and the same rows for raw SQLite: every second one makes an entity, the others
//! change one that was made before.

use landfall_core::feed::FeedKey;
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_core::notification::JsonText;
use landfall_core::sync::EntityName;
use landfall_core::time::Timestamp;
use landfall_store::{
    BranchNext, EntityNext, OperationKeep, StoredOperation, SyncWrite, Unit, Write,
};
use uuid::Uuid;

use super::rows::{Order, Rows};
use crate::clock;

/// What the floor keeps with each operation.
pub const STAMPS: &str = r#"{"*":[1700000000000,0,"device-01"]}"#;
/// How each operation ends.
pub const OUTCOME: &str = r#"{"status":"applied","why":"nobody else changed it","version":1}"#;

/// What the store writes for an operation, without finding anything out first, and without the counter.
pub const SAME_ROWS: [&str; 4] = [
    "insert into entity (feed_id, kind, id, tenant, version, revision, changed, data, stamps, deleted, device,
         created_at, updated_at)
     values (1, 'notes', printf('%02d-%012d', :n % 16, (:n - 1) / 32), 'default', 1 + (:n - 1) / 16 % 2,
         1 + (:n - 1) / 16 % 2, :n, :body, '{\"*\":[1700000000000,0,\"device-01\"]}', 0, 'device-' || (:n % 16), :now, :now)
     on conflict (feed_id, kind, id) do update set version = excluded.version, revision = excluded.revision,
         changed = excluded.changed, data = excluded.data, stamps = excluded.stamps, device = excluded.device,
         updated_at = excluded.updated_at",
    "insert into entity_version (feed_id, kind, id, version, data, deleted, at, changed)
     values (1, 'notes', printf('%02d-%012d', :n % 16, (:n - 1) / 32), 1 + (:n - 1) / 16 % 2, :body, 0, :now, :n)",
    "insert into operation (tenant, user_id, id, digest, outcome, at)
     values ('default', 'u' || (:n % 16), lower(hex(:id)), zeroblob(32),
         '{\"status\":\"applied\",\"why\":\"nobody else changed it\",\"version\":1}', :now)",
    "insert into branch (feed_id, kind, id, device, operation, client_version, base_version, fields, changed, at)
     values (1, 'notes', printf('%02d-%012d', :n % 16, (:n - 1) / 32), 'device-' || (:n % 16), lower(hex(:id)), 1, 1,
         :body, :n, :now)
     on conflict (feed_id, kind, id, device) do update set operation = excluded.operation,
         base_version = excluded.base_version, fields = excluded.fields, changed = excluded.changed, at = excluded.at",
];

/// A device that pushes; what it changes was made by its last batch.
pub struct Pusher {
    tenant: Tenant,
    feed: FeedKey,
    user: UserId,
    device: Box<str>,
    number: usize,
    rows: Rows,
    made: u64,
    batch: usize,
    /// Entities of the last batch, with the operation that made each.
    last: Vec<(EntityName, Box<str>)>,
}

impl Pusher {
    /// Takes the device of a number, which pushes so many operations a batch.
    pub fn new(number: usize, batch: usize) -> anyhow::Result<Self> {
        let tenant = Tenant::parse("default")?;
        let feed = FeedKey::topic(&tenant, &TopicId::parse("class")?);
        let user = UserId::parse(&format!("u{number}"))?;
        let device = format!("device-{number}").into();
        let rows = Rows::new(1);
        Ok(Self { tenant, feed, user, device, number, rows, made: 0, batch, last: Vec::new() })
    }

    /// Gives its next batch.
    pub fn batch(&mut self) -> Unit {
        let at = Timestamp::from_ms(clock::now_ms());
        let mut unit = Unit::new(&self.tenant);
        for (name, made_by) in std::mem::take(&mut self.last) {
            unit.writes.push(self.operation(at, name, Some(made_by)));
        }
        while unit.writes.len() < self.batch {
            let id = format!("{:02}-{:012}", self.number, self.made);
            self.made += 1;
            let name = EntityName { kind: "notes".into(), id: id.into() };
            let write = self.operation(at, name.clone(), None);
            if let Write::Sync(operation) = &write
                && self.last.len() < self.batch / 2
            {
                self.last.push((name, operation.operation.id.clone()));
            }
            unit.writes.push(write);
        }
        unit
    }

    fn operation(&mut self, at: Timestamp, name: EntityName, made_by: Option<Box<str>>) -> Write {
        let row = self.rows.next(Order::InTurn);
        let body = JsonText::trusted(row.body);
        let from = u64::from(made_by.is_some());
        Write::Sync(Box::new(SyncWrite {
            feed: self.feed.clone(),
            name,
            user: self.user.clone(),
            device: self.device.clone(),
            operation: StoredOperation {
                id: Uuid::from_bytes(row.id).simple().to_string().into(),
                digest: [0; 32],
                outcome: Some(JsonText::trusted(OUTCOME)),
                at,
            },
            keeps: OperationKeep::New,
            from,
            from_version: from,
            from_branch: made_by,
            next: Some(EntityNext {
                version: from + 1,
                data: body.clone(),
                is_deleted: false,
                stamps: JsonText::trusted(STAMPS),
            }),
            branch: Some(BranchNext {
                client_version: Some(from + 1),
                base_version: from,
                fields: Some(body),
                is_refused: false,
            }),
            conflict: None,
            activity: None,
        }))
    }
}
