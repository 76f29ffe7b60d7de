//! What the audit trail says, and reading it.

use std::collections::BTreeMap;

use landfall_core::audit::{Action, Details, Entity};
use landfall_core::auth::Caller;
use landfall_core::id::{Tenant, UserId};
use landfall_core::notification::NewNotification;
use landfall_core::plan::Step;
use landfall_core::time::Timestamp;
use landfall_store::{AuditDraft, AuditFilter, AuditRecord, Unit, Verification, Write};
use serde_json::json;

use super::inbox::Connected;
use super::{ServiceError, Services};

impl Services {
    /// Says that a notification was stored, for whom and by whom (S4).
    pub(super) fn created_entry(&self, new: &NewNotification) -> AuditDraft {
        let content = &new.content;
        let metadata = json!({
            "notification_type": content.notification_type,
            "delivered": false,
            "title": content.title,
            "message": content.message,
            "sender_name": content.sender_name,
            "priority": content.priority.as_str(),
            "plan": new.channels.iter().map(told_step).collect::<Vec<_>>(),
        });
        let details = Details {
            actor: content.sender_id.clone(),
            target: Some(new.user.clone()),
            metadata: metadata.to_string(),
        };
        AuditDraft {
            at: new.created_at,
            action: Action::NotificationCreated,
            entity: Entity::Notification(new.id),
            details: self.ids.salted(details),
        }
    }

    /// Says that a notification took the place of the one that had its id.
    pub(super) fn replaced_entry(&self, new: &NewNotification) -> AuditDraft {
        AuditDraft { action: Action::NotificationReplaced, ..self.created_entry(new) }
    }

    /// Says something that a caller did.
    pub(super) fn entry(
        &self,
        caller: &Caller,
        action: Action,
        entity: Entity,
        metadata: serde_json::Value,
    ) -> AuditDraft {
        let details = Details {
            actor: Some(caller.user.clone()),
            target: None,
            metadata: metadata.to_string(),
        };
        AuditDraft { at: self.now(), action, entity, details: self.ids.salted(details) }
    }

    /// Records that devices connected.
    ///
    /// # Errors
    /// When the store is away; the connections go on without.
    pub async fn record_connected(&self, connected: &[Connected]) -> Result<(), ServiceError> {
        let mut tenants: BTreeMap<&Tenant, Unit> = BTreeMap::new();
        for Connected { feed, user, device, at } in connected {
            let metadata = json!({ "device_id": device.as_deref() }).to_string();
            let details = Details { actor: Some(user.clone()), target: None, metadata };
            let unit = tenants.entry(&feed.tenant).or_insert_with(|| Unit::new(&feed.tenant));
            unit.audit.push(AuditDraft {
                at: *at,
                action: Action::Connected,
                entity: Entity::Other("connection", user.to_string()),
                details: self.ids.salted(details),
            });
        }
        for unit in tenants.into_values() {
            self.commit(unit).await?;
        }
        Ok(())
    }

    /// Records that a request or a connection was refused; `user` is known only where the token
    /// was good, and a provider's callback has none: then the tenant may be whatever a stranger
    /// wrote, and one that nothing was ever stored for gets no trail by that.
    ///
    /// # Errors
    /// When the store is away; the refusal holds without.
    pub async fn record_refused(
        &self,
        tenant: &Tenant,
        user: Option<UserId>,
        what: &str,
        why: &str,
    ) -> Result<(), ServiceError> {
        if user.is_none() && !self.store.has_trail(tenant).await? {
            return Ok(());
        }
        let details =
            Details { actor: user, target: None, metadata: json!({ "reason": why }).to_string() };
        let entity = Entity::Other("request", what.to_owned());
        let details = self.ids.salted(details);
        let entry = AuditDraft { at: self.now(), action: Action::Refused, entity, details };
        self.record(tenant, entry).await
    }

    async fn record(&self, tenant: &Tenant, entry: AuditDraft) -> Result<(), ServiceError> {
        let mut unit = Unit::new(tenant);
        unit.audit.push(entry);
        self.commit(unit).await?;
        Ok(())
    }

    /// Lists the trail of the caller's tenant, for admins.
    ///
    /// # Errors
    /// `Forbidden` without the scope `admin`.
    pub async fn audit(
        &self,
        caller: &Caller,
        filter: AuditFilter,
    ) -> Result<Vec<AuditRecord>, ServiceError> {
        require_admin(caller)?;
        let _turn = self.turns.searching.acquire().await;
        Ok(self.store.audit(&caller.tenant, filter).await?)
    }

    /// Recomputes the chain of the caller's tenant, for admins.
    ///
    /// # Errors
    /// `Forbidden` without the scope `admin`.
    pub async fn verify_audit(&self, caller: &Caller) -> Result<Verification, ServiceError> {
        require_admin(caller)?;
        let _turn = self.turns.verifying.acquire().await;
        Ok(self.store.verify(&caller.tenant).await?)
    }

    /// Chains what no block binds yet; tells how many entries.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn seal(&self, entries_max: usize) -> Result<usize, ServiceError> {
        let report = self.store.seal(self.now(), entries_max).await?;
        Ok(report.entries as usize)
    }

    /// Makes the write that marks a notification delivered, with what the trail says of it.
    pub(super) fn confirm_write(
        &self,
        user: &UserId,
        number: landfall_core::feed::Number,
        at: Timestamp,
        device: Option<&str>,
    ) -> Write {
        let details =
            self.details_about(user, json!({ "channel": "websocket", "device_id": device }));
        Write::Confirm { user: user.clone(), number, at, details }
    }

    /// Makes an entry about something that a caller does to a user.
    pub(super) fn entry_about(
        &self,
        caller: &Caller,
        user: &UserId,
        action: Action,
        entity: Entity,
        metadata: serde_json::Value,
    ) -> AuditDraft {
        let details = Details {
            actor: Some(caller.user.clone()),
            target: Some(user.clone()),
            metadata: metadata.to_string(),
        };
        AuditDraft { at: self.now(), action, entity, details: self.ids.salted(details) }
    }

    /// Makes an entry that the server itself causes, about a user.
    pub(super) fn own_entry(
        &self,
        user: &UserId,
        action: Action,
        entity: Entity,
        metadata: serde_json::Value,
    ) -> AuditDraft {
        let details = self.details_about(user, metadata);
        AuditDraft { at: self.now(), action, entity, details }
    }

    /// Makes the details of such an entry.
    pub(super) fn details_about(
        &self,
        user: &UserId,
        metadata: serde_json::Value,
    ) -> landfall_store::SaltedDetails {
        let metadata = metadata.to_string();
        self.ids.salted(Details { actor: None, target: Some(user.clone()), metadata })
    }
}

/// Tells a step of a plan as [`super::trail::told_plan`] reads it.
fn told_step(step: &Step) -> serde_json::Value {
    json!({
        "channel": step.channel.as_str(),
        "state": step.state.as_str(),
        "reason": step.reason.as_str(),
        "rule": step.reason.rule(),
    })
}

/// Refuses whoever is not an admin.
pub(super) fn require_admin(caller: &Caller) -> Result<(), ServiceError> {
    if caller.is_admin() { Ok(()) } else { Err(ServiceError::needs("admin")) }
}
