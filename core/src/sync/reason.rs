//! Why an operation ended as it did.

/// Why an operation ended as it did; kept with its outcome and shown to whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nobody had changed the entity since the device last saw it.
    OnItsBase,
    /// It says what is so already.
    NothingNew,
    /// Others had changed other fields.
    OtherFields,
    /// Its fields merged by their rules.
    ByRules,
    /// Others had changed the same, and the server's stays.
    ServerWins,
    /// Others had changed the same, and the device's is kept.
    ClientWins,
    /// Others had changed the same, and this was written later.
    WrittenLater,
    /// Others had changed the same, and theirs was written later.
    WrittenEarlier,
    /// The entity was deleted by one and changed by another, and is gone.
    DeleteWins,
    /// The entity was deleted by one and changed by another, and is there.
    UpdateRevives,
    /// A person has to say.
    AsksAPerson,
    /// The server knows no such entity, though the device had one from it.
    UnknownEntity,
    /// A person has said.
    PersonSaid,
    /// Devices went on undoing each other, and a person has to say.
    BackAndForth,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 14] = [
        Self::OnItsBase,
        Self::NothingNew,
        Self::OtherFields,
        Self::ByRules,
        Self::ServerWins,
        Self::ClientWins,
        Self::WrittenLater,
        Self::WrittenEarlier,
        Self::DeleteWins,
        Self::UpdateRevives,
        Self::AsksAPerson,
        Self::UnknownEntity,
        Self::PersonSaid,
        Self::BackAndForth,
    ];

    /// Names the reason as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnItsBase => "on its base",
            Self::NothingNew => "nothing new",
            Self::OtherFields => "other fields had changed",
            Self::ByRules => "merged by its fields' rules",
            Self::ServerWins => "server wins",
            Self::ClientWins => "client wins",
            Self::WrittenLater => "written later",
            Self::WrittenEarlier => "written earlier",
            Self::DeleteWins => "delete wins",
            Self::UpdateRevives => "update revives",
            Self::AsksAPerson => "asks a person",
            Self::UnknownEntity => "unknown entity",
            Self::PersonSaid => "a person said so",
            Self::BackAndForth => "devices undo each other",
        }
    }
}
