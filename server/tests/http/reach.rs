//! Notifications with deliveries, and what became of them, stored as the outbox stores it.

use std::sync::Arc;

use landfall_core::audit::{Action, Details, Entity};
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::Next;
use landfall_core::id::{DeliveryId, NotificationId, SendId, Tenant, UserId};
use landfall_core::notification::{Content, JsonText, NewNotification, Priority};
use landfall_core::plan::{Reason, Step, Strategy};
use landfall_core::time::Timestamp;
use landfall_server::clock::now_ms;
use landfall_store::{AuditDraft, Claiming, NewDelivery, Settlement, Unit, Write};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::Server;

pub fn tenant() -> Tenant {
    Tenant::parse("default").unwrap()
}

pub fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub fn now() -> Timestamp {
    Timestamp::from_ms(now_ms())
}

/// A notification that is to be stored.
pub struct Letter {
    pub id: NotificationId,
    pub user: UserId,
    pub kind: String,
    pub created_at: Timestamp,
    pub channels: Vec<Channel>,
    pub send: Option<SendId>,
}

impl Letter {
    pub fn to(name: &str, channels: &[Channel]) -> Self {
        Self {
            id: NotificationId(Uuid::now_v7()),
            user: user(name),
            kind: "news".into(),
            created_at: now(),
            channels: channels.to_vec(),
            send: None,
        }
    }

    /// Makes the write that publishes it and the entry that says so.
    pub fn unit(&self, server: &Server) -> Unit {
        let step = |channel: &Channel| Step {
            channel: *channel,
            state: DeliveryState::Queued,
            reason: Reason::Requested,
        };
        let new = NewNotification {
            id: self.id,
            user: self.user.clone(),
            content: Arc::new(content(&self.kind)),
            created_at: self.created_at,
            expires_at: None,
            channels: self.channels.iter().map(step).collect(),
            send: self.send,
        };
        let metadata = json!({ "message": "planted words" });
        let mut unit = Unit::new(&tenant());
        unit.writes.push(Write::Publish(Box::new(new)));
        unit.audit.push(self.entry(
            server,
            self.created_at,
            (Action::NotificationCreated, metadata),
        ));
        unit
    }

    pub async fn publish(&self, server: &Server) {
        server.store.commit(self.unit(server)).await.unwrap();
    }

    /// Puts a delivery into the outbox that is due from the beginning.
    pub fn enqueue(&self, channel: Channel) -> (DeliveryId, Write) {
        let id = DeliveryId(Uuid::now_v7());
        let delivery = NewDelivery {
            id,
            channel,
            position: 1,
            address: None,
            state: DeliveryState::Queued,
            reason: Reason::Requested,
            due_at: Some(self.created_at),
            strategy: Strategy::Fallback,
            escalate_after_ms: None,
            to: None,
        };
        let write = Write::Enqueue {
            notification: self.id,
            user: self.user.clone(),
            priority: Priority::Normal,
            at: self.created_at,
            deliveries: vec![delivery],
        };
        (id, write)
    }

    pub async fn deliver_by(&self, server: &Server, channel: Channel) -> DeliveryId {
        let (id, write) = self.enqueue(channel);
        let unit = Unit { writes: vec![write], ..Unit::new(&tenant()) };
        server.store.commit(unit).await.unwrap();
        id
    }

    pub fn entry(
        &self,
        server: &Server,
        at: Timestamp,
        (action, metadata): (Action, Value),
    ) -> AuditDraft {
        let details = Details {
            actor: None,
            target: Some(self.user.clone()),
            metadata: metadata.to_string(),
        };
        let entity = Entity::Notification(self.id);
        AuditDraft { at, action, entity, details: server.app.services.ids.salted(details) }
    }

    /// Stores what the trail says of it.
    pub async fn tell(&self, server: &Server, action: Action, metadata: Value) {
        let mut unit = Unit::new(&tenant());
        unit.audit.push(self.entry(server, now(), (action, metadata)));
        server.store.commit(unit).await.unwrap();
    }
}

fn content(kind: &str) -> Content {
    Content {
        notification_type: kind.into(),
        template_id: None,
        title: "Headline".into(),
        message: "planted words".into(),
        data: JsonText::trusted("{}"),
        priority: Priority::Normal,
        locale: None,
        sender_id: None,
        sender_name: None,
        image: None,
        actions: None,
        link: None,
    }
}

/// Claims what is due and lets every delivery of it end so.
pub async fn settle_all(server: &Server, state: DeliveryState, reason: Reason) -> usize {
    let claiming = |channel| Claiming {
        channel,
        now: now(),
        lease_until: now().plus_ms(60_000),
        after: None,
        tenants: 10,
        per_tenant: 100,
        limit: 1_000,
    };
    let mut claimed = Vec::new();
    for channel in Channel::ALL {
        claimed.extend(server.store.claim(claiming(channel)).await.unwrap().deliveries);
    }
    for delivery in &claimed {
        let settlement = Settlement {
            id: delivery.id,
            claim: delivery.claim,
            state,
            reason,
            due_at: None,
            ask_at: None,
            is_attempt: true,
            code: Some("400 21211".into()),
            reference: Some("SM1".into()),
            provider: Some("twilio".into()),
            at: now(),
            address: None,
            split: vec![],
            next: Next::Wait,
        };
        let writes = vec![Write::Settle(Box::new(settlement))];
        let unit = Unit { writes, ..Unit::new(&delivery.tenant) };
        server.store.commit(unit).await.unwrap();
    }
    claimed.len()
}
