//! Identities: one newtype per kind of id, which owns its format.
//!
//! Ids come from outside as text; past the edge nothing is a bare string. This file must never
//! make an id: the caller brings the randomness and the time.

use std::fmt;

use uuid::Uuid;

/// The longest text id that is accepted, in characters.
pub const ID_CHARS_MAX: usize = 128;

/// Says why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// More than [`ID_CHARS_MAX`] characters.
    #[error("must have at most {ID_CHARS_MAX} characters")]
    TooLong,
    /// Control characters, or white space at an end.
    #[error("must not hold control characters or begin or end with white space")]
    BadCharacter,
    /// Not a UUID where one is needed.
    #[error("must be a UUID")]
    NotUuid,
}

/// Says whether a text can be an id: 1 to 128 characters without control characters or outer white
/// space.
pub fn check_id(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.chars().count() > ID_CHARS_MAX {
        return Err(IdError::TooLong);
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(IdError::BadCharacter);
    }
    Ok(())
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes a text of 1 to 128 characters without control characters or outer white space.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check_id(text)?;
                Ok(Self(text.into()))
            }

            /// Shows the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A customer of the server; nothing crosses from one to another.
    Tenant
);
text_id!(
    /// A person or service within a tenant: the token's `sub`.
    UserId
);
text_id!(
    /// A topic, or a class, within a tenant.
    TopicId
);
text_id!(
    /// A lesson within a tenant.
    LessonId
);
text_id!(
    /// A quiz within a tenant.
    QuizId
);
text_id!(
    /// One installation of an app, as it names itself.
    DeviceId
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Reads the hyphenated form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError::NotUuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_id!(
    /// Two edits of one entity that were in each other's way.
    ConflictId
);
uuid_id!(
    /// One message of a topic (UUIDv7).
    MessageId
);
uuid_id!(
    /// Something that is scheduled for a class (UUIDv7).
    EventId
);
uuid_id!(
    /// One run of a server, as others see who is connected to it (UUIDv7).
    NodeId
);
uuid_id!(
    /// One notification of one user (UUIDv7).
    NotificationId
);
uuid_id!(
    /// One stored send to many users (UUIDv7).
    SendId
);
uuid_id!(
    /// One delivery of a notification on a channel (UUIDv7).
    DeliveryId
);
uuid_id!(
    /// One address that a device registered: a push token or a browser's subscription (UUIDv7).
    AddressId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ids_refuse_what_cannot_be_a_name() {
        let check = |text: &str| UserId::parse(text).map(|id| id.to_string());
        assert_eq!(check("u1"), Ok("u1".into()));
        assert_eq!(check("Ünï 1"), Ok("Ünï 1".into()));
        assert_eq!(check(""), Err(IdError::Empty));
        assert_eq!(check(" u"), Err(IdError::BadCharacter));
        assert_eq!(check("a\nb"), Err(IdError::BadCharacter));
        assert_eq!(check(&"é".repeat(128)), Ok("é".repeat(128)));
        assert_eq!(check(&"é".repeat(129)), Err(IdError::TooLong));
    }

    #[test]
    fn uuid_ids_read_what_they_write() {
        let text = "0192f0c1-7a3e-7cc2-98c1-000000000001";
        assert_eq!(NotificationId::parse(text).map(|id| id.to_string()), Ok(text.into()));
        assert_eq!(SendId::parse("12"), Err(IdError::NotUuid));
    }
}
