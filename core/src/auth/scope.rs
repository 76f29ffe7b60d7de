//! What a caller may do, as a closed list. No scope may be invented outside this file.

use std::collections::BTreeSet;
use std::fmt;

/// One permission, spelled as in tokens and in the role map.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// `notify:send`, or `notify:send:<type>` for one notification type only.
    NotifySend(Option<String>),
    /// `notify:critical`: priority `critical`.
    NotifyCritical,
    /// `notify:phone`: a phone number in a request's body.
    NotifyPhone,
    /// `topics:manage`
    TopicsManage,
    /// `events:manage`
    EventsManage,
    /// `lessons:manage`
    LessonsManage,
    /// `users:manage`
    UsersManage,
    /// `metrics:read`
    MetricsRead,
    /// `admin`: everything.
    Admin,
}

/// Why a text is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known scope")]
pub struct ScopeError;

const SEND_ONE: &str = "notify:send:";

/// Every scope that is not for one notification type.
static WHOLE: [Scope; 9] = [
    Scope::NotifySend(None),
    Scope::NotifyCritical,
    Scope::NotifyPhone,
    Scope::TopicsManage,
    Scope::EventsManage,
    Scope::LessonsManage,
    Scope::UsersManage,
    Scope::MetricsRead,
    Scope::Admin,
];

impl Scope {
    /// Reads one scope, case-sensitively (RFC 6749 section 3.3).
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if let Some(notification_type) = text.strip_prefix(SEND_ONE) {
            return Self::send_one(notification_type);
        }
        WHOLE.iter().find(|scope| scope.name() == text).cloned().ok_or(ScopeError)
    }

    /// Gives the name of every scope, without those for one notification type.
    pub fn names() -> impl Iterator<Item = &'static str> {
        WHOLE.iter().map(Self::name)
    }

    /// The characters are those RFC 6749 section 3.3 leaves to a scope.
    fn send_one(notification_type: &str) -> Result<Self, ScopeError> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if notification_type.is_empty() || !notification_type.bytes().all(allowed) {
            return Err(ScopeError);
        }
        Ok(Self::NotifySend(Some(notification_type.to_owned())))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::NotifySend(_) => "notify:send",
            Self::NotifyCritical => "notify:critical",
            Self::NotifyPhone => "notify:phone",
            Self::TopicsManage => "topics:manage",
            Self::EventsManage => "events:manage",
            Self::LessonsManage => "lessons:manage",
            Self::UsersManage => "users:manage",
            Self::MetricsRead => "metrics:read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotifySend(Some(notification_type)) => write!(f, "{SEND_ONE}{notification_type}"),
            whole => f.write_str(whole.name()),
        }
    }
}

/// Everything one caller may do.
///
/// Roles and the token's `scope` claim *add up*: a role stands for its scopes in the role map, and `scope` grants
/// more to one token. `scope` never narrows a role; whoever wants a token that can do less gives it fewer roles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// Tells whether `need` is covered: by itself, by `admin`, or, for one type's sending, by plain `notify:send`.
    /// A scope for one type does not cover plain `notify:send`.
    pub fn allows(&self, need: &Scope) -> bool {
        match need {
            Scope::NotifySend(Some(notification_type)) => self.allows_sending(notification_type),
            other => self.0.contains(&Scope::Admin) || self.0.contains(other),
        }
    }

    /// Tells whether sending notifications of this type is covered.
    pub fn allows_sending(&self, notification_type: &str) -> bool {
        self.allows(&Scope::NotifySend(None))
            || self.0.iter().any(
                |held| matches!(held, Scope::NotifySend(Some(one)) if one == notification_type),
            )
    }

    /// Adds one scope.
    pub fn insert(&mut self, scope: Scope) {
        self.0.insert(scope);
    }

    /// Gives the scopes in a stable order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl Extend<Scope> for ScopeSet {
    fn extend<I: IntoIterator<Item = Scope>>(&mut self, scopes: I) {
        self.0.extend(scopes);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ALL: [&str; 10] = [
        "notify:send",
        "notify:send:quiz_reminder",
        "notify:critical",
        "notify:phone",
        "topics:manage",
        "events:manage",
        "lessons:manage",
        "users:manage",
        "metrics:read",
        "admin",
    ];

    #[test]
    fn every_scope_reads_back_as_it_is_written() {
        for text in ALL {
            assert_eq!(Scope::parse(text).unwrap().to_string(), text);
        }
        let named: Vec<&str> =
            ALL.into_iter().filter(|text| *text != "notify:send:quiz_reminder").collect();
        assert_eq!(Scope::names().collect::<Vec<_>>(), named);
    }

    #[test]
    fn other_texts_are_no_scopes() {
        for text in ["", "Admin", "admin ", "notify", "notify:send:", "notify:send:a b", "*"] {
            assert_eq!(Scope::parse(text), Err(ScopeError), "{text:?}");
        }
    }

    fn covers(held: &str, need: &str) -> bool {
        let held: ScopeSet = held.split_whitespace().map(|s| Scope::parse(s).unwrap()).collect();
        held.allows(&Scope::parse(need).unwrap())
    }

    #[test]
    fn only_admin_and_plain_send_cover_more_than_themselves() {
        for held in ALL {
            for need in ALL {
                let by_send = held == "notify:send" && need.starts_with("notify:send:");
                let expected = held == need || held == "admin" || by_send;
                assert_eq!(covers(held, need), expected, "{held:?} for {need:?}");
            }
        }
        assert!(!covers("", "notify:send"));
        assert!(!covers("notify:send:quiz", "notify:send:event"));
        assert!(covers("notify:send:quiz notify:send:event", "notify:send:event"));
    }
}
