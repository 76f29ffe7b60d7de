//! Topics and who belongs to them (contract 4); a class is a topic of kind `class`.

use crate::id::{TopicId, UserId};
use crate::time::Timestamp;

/// What a topic is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TopicKind {
    /// A class of a school: its teachers may send to it and schedule for it.
    Class,
    /// Anything else.
    #[default]
    Topic,
}

impl TopicKind {
    /// Names the kind as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Topic => "topic",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Class, Self::Topic].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Who may join a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Visibility {
    /// Only who is added.
    #[default]
    Private,
    /// Every user of the tenant, by themselves.
    Public,
}

impl Visibility {
    /// Names the visibility as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Private, Self::Public].into_iter().find(|v| v.as_str() == text)
    }
}

/// What a member may do; each may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum MemberRole {
    /// Reads and writes messages.
    #[default]
    Member,
    /// Sends to the topic and manages its members.
    Teacher,
    /// Changes and deletes the topic.
    Owner,
}

impl MemberRole {
    /// Names the role as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Teacher => "teacher",
            Self::Owner => "owner",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Member, Self::Teacher, Self::Owner].into_iter().find(|role| role.as_str() == text)
    }
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name within the tenant.
    pub id: TopicId,
    /// What it is used for.
    pub kind: TopicKind,
    /// Who may join.
    pub visibility: Visibility,
    /// What people call it.
    pub title: String,
    /// A label that is stored and echoed, never an access boundary.
    pub room_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One user's place in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: MemberRole,
    /// Since when.
    pub joined_at: Timestamp,
}

/// What somebody wants to do to a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicAction {
    /// See it and its members.
    See,
    /// Change or delete it.
    Manage,
    /// Add or remove members, at most up to this role.
    Members(MemberRole),
    /// Join by oneself.
    Join,
    /// Leave by oneself.
    Leave,
    /// Send a notification to all of it.
    Send,
    /// Read its lessons.
    ReadLessons,
    /// Make, change and delete its lessons.
    WriteLessons,
    /// Schedule events for it.
    Schedule,
    /// Read its messages.
    ReadMessages,
    /// Write messages, and say that one has read them.
    WriteMessages,
    /// Delete others' messages, and see how members take part.
    Moderate,
}

/// What a decision about a topic is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether the caller's scopes include `topics:manage`.
    pub manages_all: bool,
    /// Whether the caller's scopes include `notify:send`.
    pub sends: bool,
    /// Whether the caller's scopes include `lessons:manage`.
    pub writes_lessons: bool,
    /// Whether the caller's scopes include `events:manage`.
    pub schedules: bool,
    /// Whether the caller may send to anybody of the tenant (service, admin).
    pub sends_to_all: bool,
    /// What the caller is in the topic.
    pub role: Option<MemberRole>,
    /// Who may join.
    pub visibility: Visibility,
}

/// How far the caller may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed.
    Yes,
    /// Not allowed, and may know that the topic is there.
    No,
    /// As if the topic were not there: not a member of a private one.
    Hidden,
}

/// Decides what a caller may do to a topic.
pub fn may(action: TopicAction, who: Standing) -> Verdict {
    let role_at_least = |least: MemberRole| who.role.is_some_and(|role| role >= least);
    let allowed = match action {
        TopicAction::See => {
            who.manages_all || who.role.is_some() || who.visibility == Visibility::Public
        }
        TopicAction::Manage => who.manages_all || role_at_least(MemberRole::Owner),
        TopicAction::Members(highest) => {
            who.manages_all || (role_at_least(MemberRole::Teacher) && role_at_least(highest))
        }
        TopicAction::Join => who.manages_all || who.visibility == Visibility::Public,
        TopicAction::Leave => who.role.is_some(),
        TopicAction::Send => who.sends && (who.sends_to_all || role_at_least(MemberRole::Teacher)),
        TopicAction::ReadLessons => who.manages_all || who.role.is_some(),
        TopicAction::ReadMessages => who.manages_all || who.role.is_some(),
        TopicAction::WriteMessages => who.role.is_some(),
        TopicAction::Moderate => who.manages_all || role_at_least(MemberRole::Teacher),
        TopicAction::WriteLessons => {
            who.writes_lessons && (who.manages_all || role_at_least(MemberRole::Teacher))
        }
        TopicAction::Schedule => {
            who.schedules && (who.manages_all || role_at_least(MemberRole::Teacher))
        }
    };
    let knows = who.manages_all
        || who.sends_to_all
        || who.role.is_some()
        || who.visibility == Visibility::Public;
    match (allowed, knows) {
        (true, _) => Verdict::Yes,
        (false, true) => Verdict::No,
        (false, false) => Verdict::Hidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Standing = Standing {
        manages_all: false,
        sends: false,
        writes_lessons: false,
        schedules: false,
        sends_to_all: false,
        role: None,
        visibility: Visibility::Private,
    };

    fn member(role: MemberRole) -> Standing {
        Standing { role: Some(role), sends: true, writes_lessons: true, schedules: true, ..NOBODY }
    }

    #[test]
    fn a_private_topic_is_hidden_from_outsiders() {
        use TopicAction::{Join, Leave, Manage, See, Send};
        for action in [See, Manage, Join, Leave, Send, TopicAction::Members(MemberRole::Member)] {
            assert_eq!(may(action, NOBODY), Verdict::Hidden, "{action:?}");
        }
    }

    #[test]
    fn roles_grow_from_member_to_owner() {
        use MemberRole::{Member, Owner, Teacher};
        let rows = [
            (TopicAction::See, [Verdict::Yes, Verdict::Yes, Verdict::Yes]),
            (TopicAction::Send, [Verdict::No, Verdict::Yes, Verdict::Yes]),
            (TopicAction::Members(Member), [Verdict::No, Verdict::Yes, Verdict::Yes]),
            (TopicAction::Members(Owner), [Verdict::No, Verdict::No, Verdict::Yes]),
            (TopicAction::Manage, [Verdict::No, Verdict::No, Verdict::Yes]),
            (TopicAction::ReadLessons, [Verdict::Yes, Verdict::Yes, Verdict::Yes]),
            (TopicAction::WriteLessons, [Verdict::No, Verdict::Yes, Verdict::Yes]),
            (TopicAction::Schedule, [Verdict::No, Verdict::Yes, Verdict::Yes]),
            (TopicAction::ReadMessages, [Verdict::Yes, Verdict::Yes, Verdict::Yes]),
            (TopicAction::WriteMessages, [Verdict::Yes, Verdict::Yes, Verdict::Yes]),
            (TopicAction::Moderate, [Verdict::No, Verdict::Yes, Verdict::Yes]),
            (TopicAction::Leave, [Verdict::Yes, Verdict::Yes, Verdict::Yes]),
            (TopicAction::Join, [Verdict::No, Verdict::No, Verdict::No]),
        ];
        for (action, expected) in rows {
            let verdicts = [Member, Teacher, Owner].map(|role| may(action, member(role)));
            assert_eq!(verdicts, expected, "{action:?}");
        }
    }

    #[test]
    fn sending_needs_the_scope_as_well_as_the_role() {
        let teacher = Standing { sends: false, ..member(MemberRole::Teacher) };
        assert_eq!(may(TopicAction::Send, teacher), Verdict::No);
        let service = Standing { sends: true, sends_to_all: true, ..NOBODY };
        assert_eq!(may(TopicAction::Send, service), Verdict::Yes);
    }

    #[test]
    fn lessons_are_for_members_and_written_with_the_scope_and_the_role() {
        let visitor = Standing { visibility: Visibility::Public, ..NOBODY };
        assert_eq!(may(TopicAction::ReadLessons, visitor), Verdict::No);
        assert_eq!(may(TopicAction::ReadLessons, NOBODY), Verdict::Hidden);
        let teacher = Standing { writes_lessons: false, ..member(MemberRole::Teacher) };
        assert_eq!(may(TopicAction::WriteLessons, teacher), Verdict::No);
        let service = Standing { writes_lessons: true, manages_all: true, ..NOBODY };
        assert_eq!(may(TopicAction::WriteLessons, service), Verdict::Yes);
        let stranger = Standing { writes_lessons: true, ..NOBODY };
        assert_eq!(may(TopicAction::WriteLessons, stranger), Verdict::Hidden);
    }

    #[test]
    fn messages_are_for_members_and_written_by_them_alone() {
        use TopicAction::{Moderate, ReadMessages, WriteMessages};
        let visitor = Standing { visibility: Visibility::Public, ..NOBODY };
        let manager = Standing { manages_all: true, ..NOBODY };
        for (action, expected) in [
            (ReadMessages, [Verdict::Hidden, Verdict::No, Verdict::Yes]),
            (WriteMessages, [Verdict::Hidden, Verdict::No, Verdict::No]),
            (Moderate, [Verdict::Hidden, Verdict::No, Verdict::Yes]),
        ] {
            let verdicts = [NOBODY, visitor, manager].map(|who| may(action, who));
            assert_eq!(verdicts, expected, "{action:?}");
        }
    }

    #[test]
    fn a_public_topic_is_joined_by_oneself() {
        let visitor = Standing { visibility: Visibility::Public, ..NOBODY };
        assert_eq!(may(TopicAction::Join, visitor), Verdict::Yes);
        assert_eq!(may(TopicAction::Manage, visitor), Verdict::No);
    }
}
