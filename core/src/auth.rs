//! Who is calling and what they may do.
//!
//! Pure values: reading and checking a token's signature is the server's work. Nothing here may hold a token or a
//! key, and no permission may be decided from a role's name: roles become scopes once, at the edge.

mod revocation;
mod role;
mod scope;
mod validity;

pub use revocation::{Revoked, TokenMark};
pub use role::{Role, RoleError};
pub use scope::{Scope, ScopeError, ScopeSet};
pub use validity::{OutOfTime, Validity};

use crate::id::{Tenant, UserId};
use crate::time::Timestamp;

/// A user who proved with a token who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant all of this caller's rows, rooms and cursors belong to.
    pub tenant: Tenant,
    /// The token's `sub`.
    pub user: UserId,
    /// The name to show to others, where the token gives one.
    pub name: Option<String>,
    /// The preferred language as the token gives it (a BCP 47 tag, unchecked).
    pub locale: Option<String>,
    /// The time zone as the token gives it (an IANA name, unchecked).
    pub tz: Option<String>,
    /// The token's roles in their order, each once.
    pub roles: Vec<Role>,
    /// What the roles allow together with what the token's `scope` claim adds to it.
    pub scopes: ScopeSet,
    /// The instant from which the token no longer holds, leeway included: a socket that is still open then closes.
    pub expires_at: Timestamp,
    /// The token's `jti`, by which it can be revoked.
    pub token_id: Option<String>,
    /// The token's `iat`; a revocation of the user covers what was issued until then.
    pub issued_at: Option<Timestamp>,
}

impl Caller {
    /// Gives what a revocation looks at.
    pub fn mark(&self) -> TokenMark {
        let (token_id, issued_at) = (self.token_id.clone(), self.issued_at);
        TokenMark { user: self.user.clone(), token_id, issued_at }
    }

    /// Tells whether this caller may do what `need` names; see [`ScopeSet::allows`].
    pub fn may(&self, need: &Scope) -> bool {
        self.scopes.allows(need)
    }

    /// Tells whether this caller may send notifications of this type.
    pub fn may_send(&self, notification_type: &str) -> bool {
        self.scopes.allows_sending(notification_type)
    }

    /// Tells whether this caller may send notifications of any type, as apps' backends and teachers may.
    pub fn sends_at_all(&self) -> bool {
        let sends = |scope: &Scope| matches!(scope, Scope::NotifySend(_) | Scope::Admin);
        self.scopes.iter().any(sends)
    }

    /// Tells whether this caller holds the scope `admin`.
    pub fn is_admin(&self) -> bool {
        self.may(&Scope::Admin)
    }

    /// Tells whether the token names this role, for rules that narrow a scope (a teacher's to the classes they teach).
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn caller(role: &str, scopes: &str) -> Caller {
        Caller {
            tenant: Tenant::parse("default").unwrap(),
            user: UserId::parse("u1").unwrap(),
            name: None,
            locale: None,
            tz: None,
            roles: vec![Role::parse(role).unwrap()],
            scopes: scopes.split(' ').map(|s| Scope::parse(s).unwrap()).collect(),
            expires_at: Timestamp::from_ms(0),
            token_id: None,
            issued_at: None,
        }
    }

    #[test]
    fn permission_comes_from_scopes_and_never_from_a_role_name() {
        let named_admin = caller("admin", "notify:send:quiz");
        assert!(named_admin.has_role("admin"));
        assert!(!named_admin.is_admin());
        assert!(named_admin.may_send("quiz"));
        assert!(!named_admin.may_send("event"));
        assert!(caller("anything", "admin").is_admin());
    }
}
