//! Revoking tokens, and knowing at once which are revoked.
//!
//! Every request is asked about, so what is in force stands in memory; the store is the truth, and
//! what other nodes did is read from it by a number. The commit of whatever a caller causes checks
//! again, in its transaction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use landfall_core::audit::{Action, Details, Entity};
use landfall_core::auth::{Caller, Revoked, TokenMark};
use landfall_core::feed::Number;
use landfall_core::id::Tenant;
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use landfall_store::{AuditDraft, Guard, Outcome, Revocation, StoreError, Unit, Write};
use serde_json::json;

use super::audit::require_admin;
use super::{ServiceError, Services};

/// Characters of a reason, and of a token's id.
const REASON_CHARS_MAX: usize = 500;
const TOKEN_ID_CHARS_MAX: usize = 256;
/// Single tokens of one tenant that may be revoked at a time: every server remembers them.
const TOKENS_MAX: usize = 100_000;
/// Revocations read at once.
pub const PAGE: usize = 1_000;

/// What is in force, by tenant.
#[derive(Debug, Default)]
pub(super) struct InForce {
    tenants: RwLock<HashMap<Tenant, HashMap<Revoked, Timestamp>>>,
    /// Whether there is any: most servers never look further.
    is_any: AtomicBool,
    /// The number of the last change that was read from the store. Whoever reads on holds it, so
    /// that changes are applied in their order.
    read_up_to: tokio::sync::Mutex<Number>,
}

impl InForce {
    fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Acquire)
    }

    fn covers(&self, tenant: &Tenant, token: &TokenMark) -> bool {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let Some(revoked) = tenants.get(tenant) else { return false };
        let by = |of: Revoked| revoked.get(&of).is_some_and(|at| of.covers(*at, token));
        by(Revoked::User(token.user.clone()))
            || token.token_id.clone().is_some_and(|id| by(Revoked::Token(id)))
    }

    fn has_room(&self, tenant: &Tenant) -> bool {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let is_token = |of: &&Revoked| matches!(of, Revoked::Token(_));
        tenants.get(tenant).is_none_or(|revoked| {
            revoked.len() < TOKENS_MAX || revoked.keys().filter(is_token).count() < TOKENS_MAX
        })
    }

    fn apply(&self, change: &Revocation) {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let revoked = tenants.entry(change.tenant.clone()).or_default();
        if change.is_lifted {
            revoked.remove(&change.of);
            if revoked.is_empty() {
                tenants.remove(&change.tenant);
            }
        } else {
            revoked.insert(change.of.clone(), change.at);
        }
        self.is_any.store(!tenants.is_empty(), Ordering::Release);
    }

    /// Has all of them read again; what is known stays in force.
    pub(super) async fn read_anew(&self) {
        *self.read_up_to.lock().await = Number::ZERO;
    }

    /// Forgets tokens' revocations that the store has forgotten.
    fn forget(&self, before: Timestamp) {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.retain(|_, revoked| {
            revoked.retain(|of, at| matches!(of, Revoked::User(_)) || *at >= before);
            !revoked.is_empty()
        });
        self.is_any.store(!tenants.is_empty(), Ordering::Release);
    }
}

/// Begins a unit that a caller causes: it is refused if their token is revoked by its commit.
pub(super) fn unit_of(caller: &Caller) -> Unit {
    Unit { guards: vec![Guard::NotRevoked(caller.mark())], ..Unit::new(&caller.tenant) }
}

impl Services {
    /// Tells whether a caller's token is revoked, as far as this node has heard.
    pub fn is_revoked(&self, caller: &Caller) -> bool {
        self.in_force.is_any() && self.in_force.covers(&caller.tenant, &caller.mark())
    }

    /// Revokes a user's tokens until now, or one token; on this node from now on, on others within
    /// about a second. What is open with such a token is closed.
    ///
    /// # Errors
    /// `Forbidden` without the scope `admin`; `Invalid`; `Store` when it is not committed.
    pub async fn revoke(
        &self,
        caller: &Caller,
        of: Revoked,
        reason: Option<String>,
    ) -> Result<Revocation, ServiceError> {
        require_admin(caller)?;
        check(&of, reason.as_deref())?;
        if matches!(of, Revoked::Token(_)) && !self.in_force.has_room(&caller.tenant) {
            let detail = "too many single tokens are revoked; revoke their users instead";
            return Err(ServiceError::Invalid(vec![FieldError::new("/jti", detail)]));
        }
        let (at, by) = (self.now(), caller.user.clone());
        let mut unit = unit_of(caller);
        let write = Write::Revoke { of: of.clone(), at, reason: reason.clone(), by: by.clone() };
        unit.writes.push(write);
        unit.audit.push(self.revocation_entry(caller, Action::TokensRevoked, &of, &reason));
        let receipt = self.commit(unit).await?;
        let number = receipt.numbers().first().copied().unwrap_or_default();
        let tenant = caller.tenant.clone();
        let made = Revocation { number, tenant, of, at, reason, by, is_lifted: false };
        self.take_effect(&made).await;
        Ok(made)
    }

    /// Lifts a revocation, named by the number of its last change.
    ///
    /// # Errors
    /// `Forbidden` without the scope `admin`; `NotFound` unless it is in force.
    pub async fn lift_revocation(
        &self,
        caller: &Caller,
        number: Number,
    ) -> Result<(), ServiceError> {
        require_admin(caller)?;
        let found = self.store.revocations(&caller.tenant, Some(number.next()), 1).await?;
        let found = found.into_iter().find(|found| found.number == number);
        let found = found.ok_or(ServiceError::NotFound("revocation"))?;
        let mut unit = unit_of(caller);
        unit.writes.push(Write::Lift { number, at: self.now() });
        let entry = self.revocation_entry(caller, Action::RevocationLifted, &found.of, &None);
        unit.audit.push(entry);
        match self.commit(unit).await {
            Ok(receipt) => {
                let lifted = receipt.outcomes.first().and_then(|outcome| match outcome {
                    Outcome::Numbered(number) => Some(*number),
                    _ => None,
                });
                let number = lifted.unwrap_or(number);
                self.take_effect(&Revocation { is_lifted: true, number, ..found }).await;
                Ok(())
            }
            // Somebody else changed it meanwhile: what was seen is not there any more.
            Err(StoreError::Stale) => Err(ServiceError::NotFound("revocation")),
            Err(error) => Err(error.into()),
        }
    }

    /// Lists what is in force in the caller's tenant, newest first.
    ///
    /// # Errors
    /// `Forbidden` without the scope `admin`.
    pub async fn revocations(
        &self,
        caller: &Caller,
        below: Option<Number>,
        limit: usize,
    ) -> Result<Vec<Revocation>, ServiceError> {
        require_admin(caller)?;
        Ok(self.store.revocations(&caller.tenant, below, limit).await?)
    }

    /// Reads what other nodes changed, a page at a time; tells how much it was. Costs one look at
    /// an index where there is nothing new.
    ///
    /// # Errors
    /// When the store is away; what is known stays in force.
    pub async fn hear_revocations(&self) -> Result<usize, ServiceError> {
        let mut read_up_to = self.in_force.read_up_to.lock().await;
        let changes = self.store.revocations_after(*read_up_to, PAGE).await?;
        self.heard(&changes);
        if let Some(last) = changes.last() {
            *read_up_to = last.number;
        }
        Ok(changes.len())
    }

    /// Reads all that is in force, before the first request.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn load_revocations(&self) -> Result<(), ServiceError> {
        while self.hear_revocations().await? == PAGE {}
        Ok(())
    }

    /// Forgets revocations of single tokens that have had their day, and those lifted.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn forget_revocations(&self, limit: usize) -> Result<usize, ServiceError> {
        let before = self.now().plus_ms(-self.settings.revocation_ms);
        let forgotten = self.store.forget_revocations(before, limit).await?;
        self.in_force.forget(before);
        Ok(forgotten)
    }

    /// Applies a change that this node has committed, after all that came before it.
    async fn take_effect(&self, change: &Revocation) {
        if self.load_revocations().await.is_err() {
            // The store went away after the commit: this one at least is known.
            self.heard(std::slice::from_ref(change));
        }
    }

    /// First refuses what comes, then closes what is open, so that nothing falls between.
    fn heard(&self, changes: &[Revocation]) {
        changes.iter().for_each(|change| self.in_force.apply(change));
        let revoked: Vec<_> = changes.iter().filter(|change| !change.is_lifted).collect();
        if !revoked.is_empty() {
            self.connections.close_revoked(&revoked);
        }
    }

    fn revocation_entry(
        &self,
        caller: &Caller,
        action: Action,
        of: &Revoked,
        reason: &Option<String>,
    ) -> AuditDraft {
        let target = match of {
            Revoked::User(user) => Some(user.clone()),
            Revoked::Token(_) => None,
        };
        let metadata = json!({ "reason": reason }).to_string();
        let details = Details { actor: Some(caller.user.clone()), target, metadata };
        let entity = Entity::Other(of.kind(), of.subject().to_owned());
        AuditDraft { at: self.now(), action, entity, details: self.ids.salted(details) }
    }
}

fn check(of: &Revoked, reason: Option<&str>) -> Result<(), ServiceError> {
    let mut faults = Vec::new();
    let mut bound = |pointer: &str, text: &str, max: usize| {
        if text.chars().count() > max {
            faults.push(FieldError::new(pointer, format!("must have at most {max} characters")));
        } else if text.chars().any(char::is_control) {
            faults.push(FieldError::new(pointer, "must not hold control characters"));
        }
    };
    if let Revoked::Token(id) = of {
        bound("/jti", id, TOKEN_ID_CHARS_MAX);
    }
    if let Some(reason) = reason {
        bound("/reason", reason, REASON_CHARS_MAX);
    }
    if faults.is_empty() { Ok(()) } else { Err(ServiceError::Invalid(faults)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use landfall_core::id::UserId;

    #[test]
    fn single_tokens_are_bounded_and_whole_users_are_not() {
        let (in_force, tenant) = (InForce::default(), Tenant::parse("t").unwrap());
        let revoke = |of: Revoked| {
            let (tenant, by) = (tenant.clone(), UserId::parse("root").unwrap());
            let (number, at) = (Number(1), Timestamp::from_ms(0));
            let change = Revocation { number, tenant, of, at, reason: None, by, is_lifted: false };
            in_force.apply(&change);
        };
        for n in 1..TOKENS_MAX {
            revoke(Revoked::Token(n.to_string()));
            revoke(Revoked::User(UserId::parse(&n.to_string()).unwrap()));
        }
        assert!(in_force.has_room(&tenant));
        revoke(Revoked::Token("one more".to_owned()));
        assert!(!in_force.has_room(&tenant));
        assert!(in_force.has_room(&Tenant::parse("other").unwrap()));
    }
}
