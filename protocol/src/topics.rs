//! Topics and their members (contract 4); a class is a topic of kind `class`.

use std::collections::BTreeSet;

use landfall_core::id::UserId;
use landfall_core::notify::FieldError;
use landfall_core::topic::{Member, MemberRole, Topic, TopicKind, Visibility};
use serde::{Deserialize, Serialize};

use crate::messages::UnreadAnswer;
use crate::names::{KindName, RoleName, VisibilityName};
use crate::text::{FeedNumber, IdText, Time};

/// Makes or changes a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TopicPut {
    /// What people call it; its id where it is absent.
    #[serde(alias = "name", skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is used for; `topic` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<KindName>,
    /// Who may join; `private` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<VisibilityName>,
    /// A label that is stored and echoed.
    #[serde(alias = "roomId", skip_serializing_if = "Option::is_none")]
    pub room_id: Option<IdText>,
}

/// What a topic is to be, with defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFields {
    /// What people call it.
    pub title: Option<String>,
    /// What it is used for.
    pub kind: TopicKind,
    /// Who may join.
    pub visibility: Visibility,
    /// A label.
    pub room_id: Option<String>,
}

impl TopicPut {
    /// Reads the fields; `max_chars` bounds the title and the label.
    pub fn read(self, max_chars: usize) -> Result<TopicFields, Vec<FieldError>> {
        let Self { title, kind, visibility, room_id } = self;
        let room_id = room_id.map(|id| id.0);
        let faults: Vec<FieldError> = [("/title", &title), ("/room_id", &room_id)]
            .into_iter()
            .filter_map(|(pointer, text)| label_fault(pointer, text.as_deref()?, max_chars))
            .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(TopicFields {
            title,
            kind: kind.map_or_else(TopicKind::default, |name| name.0),
            visibility: visibility.map_or_else(Visibility::default, |name| name.0),
            room_id,
        })
    }
}

fn label_fault(pointer: &str, text: &str, max_chars: usize) -> Option<FieldError> {
    if text.chars().count() > max_chars {
        Some(FieldError::new(pointer, format!("must have at most {max_chars} characters")))
    } else if text.chars().any(char::is_control) {
        Some(FieldError::new(pointer, "must not hold control characters"))
    } else {
        None
    }
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TopicAnswer {
    /// Its name within the tenant.
    pub id: String,
    /// What it is used for.
    pub kind: KindName,
    /// Who may join.
    pub visibility: VisibilityName,
    /// What people call it.
    pub title: String,
    /// A label.
    pub room_id: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// How many members it has, where that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<u64>,
    /// What the caller is in it, if a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
    /// Others' messages that the caller has not read, 1,000 at most, if a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_count: Option<u64>,
    /// Whether there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capped: Option<bool>,
    /// Up to this number of the topic's feed the caller has read everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_up_to: Option<FeedNumber>,
}

impl TopicAnswer {
    /// Tells what the caller has not read of it, if a member.
    pub fn with_unread(self, unread: Option<UnreadAnswer>) -> Self {
        Self {
            unread_count: unread.map(|unread| unread.unread_count),
            capped: unread.map(|unread| unread.capped),
            read_up_to: unread.map(|unread| unread.read_up_to),
            ..self
        }
    }
}

impl From<&Topic> for TopicAnswer {
    fn from(topic: &Topic) -> Self {
        let Topic { id, kind, visibility, title, room_id, created_at, updated_at } = topic;
        Self {
            id: id.to_string(),
            kind: KindName(*kind),
            visibility: VisibilityName(*visibility),
            title: title.clone(),
            room_id: room_id.clone(),
            created_at: Time(*created_at),
            updated_at: Time(*updated_at),
            members: None,
            role: None,
            unread_count: None,
            capped: None,
            read_up_to: None,
        }
    }
}

/// Adds a member, or gives it another role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct MemberPut {
    /// As what; `member` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
}

impl MemberPut {
    /// Gives the role.
    pub fn role(&self) -> MemberRole {
        self.role.map_or_else(MemberRole::default, |name| name.0)
    }
}

/// Adds or changes many members at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MembersBulk {
    /// Who, as what.
    pub members: Vec<MemberEntry>,
}

/// One member to add or change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberEntry {
    /// Who.
    #[serde(alias = "userId")]
    pub user_id: IdText,
    /// As what; `member` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
}

impl MembersBulk {
    /// Reads at most `max` members, each named once.
    pub fn read(self, max: usize) -> Result<Vec<(UserId, MemberRole)>, Vec<FieldError>> {
        let Self { members } = self;
        if members.is_empty() || members.len() > max {
            let detail = format!("must name 1 to {max} members");
            return Err(vec![FieldError::new("/members", detail)]);
        }
        let mut named = BTreeSet::new();
        let (mut read, mut faults) = (Vec::with_capacity(members.len()), Vec::new());
        for (index, MemberEntry { user_id, role }) in members.into_iter().enumerate() {
            let pointer = format!("/members/{index}/user_id");
            match user_id.read(&pointer, UserId::parse) {
                Err(fault) => faults.push(fault),
                Ok(user) if !named.insert(user.clone()) => {
                    faults.push(FieldError::new(&pointer, "is named twice"));
                }
                Ok(user) => {
                    read.push((user, role.map_or_else(MemberRole::default, |name| name.0)));
                }
            }
        }
        if faults.is_empty() { Ok(read) } else { Err(faults) }
    }
}

/// What adding many members is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MembersBulkAnswer {
    /// Became members.
    pub added: u64,
    /// Have another role now.
    pub updated: u64,
    /// Were what they should be.
    pub unchanged: u64,
}

/// One member of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberItem {
    /// Who.
    pub user_id: String,
    /// As what.
    pub role: RoleName,
    /// Since when.
    pub joined_at: Time,
}

impl From<&Member> for MemberItem {
    fn from(member: &Member) -> Self {
        let Member { user, role, joined_at } = member;
        Self { user_id: user.to_string(), role: RoleName(*role), joined_at: Time(*joined_at) }
    }
}
