//! What an edit began from: found from what the device says of it and what the server remembers.
//!
//! A device that made several edits offline made each on the one before it, and not on what the server made of
//! that. So the base of an edit is what the *device* had: the fields of the last server version that it knew, with
//! its own edits since laid over them. The server keeps that as the device's branch of the entity, for devices
//! that do not tell it.

use super::Basis;
use crate::json::Object;

/// What a device says of the base of an edit (contract 6).
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    /// The last server version that it had.
    pub base_version: Option<u64>,
    /// The fields of the base that the edit touches.
    pub base_data: Option<&'a Object>,
    /// Its own count of versions of the entity, with this edit.
    pub client_version: Option<u64>,
    /// Whether it names the edit that this one follows.
    pub follows: Follows,
}

/// Whether an edit follows another of the same device that the server has not told the outcome of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Follows {
    /// It names none.
    #[default]
    Nothing,
    /// It names the one that the branch ends with.
    Branch,
    /// It names one that the server does not have at the end of the branch.
    Other,
}

/// A device's branch of an entity: what it had after its last edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The device's own count of versions after that edit, if it counts.
    pub client_version: Option<u64>,
    /// The server version on which the branch stands.
    pub base_version: u64,
    /// The fields as the device had them; nothing once it deleted the entity.
    pub fields: Option<Object>,
    /// Whether the device has pulled the entity since, and so left the branch.
    pub is_left: bool,
}

/// What the server remembers of an entity.
pub trait Memory {
    /// Its version now; 0 where there never was one.
    fn version(&self) -> u64;
    /// The fields of an earlier version, while they are kept.
    fn fields(&self, version: u64) -> Option<&Object>;
}

/// Finds what an edit began from.
///
/// In this order: the base's own fields, where the device brings them; the device's branch, where the edit follows
/// it; the server version that is named; and without any of these, nothing for a first version and otherwise
/// what is unknown.
pub fn basis<'a>(said: Said<'a>, branch: Option<&'a Branch>, memory: &'a impl Memory) -> Basis<'a> {
    match said.base_data {
        // Nothing was there to begin from.
        Some(fields) if fields.is_empty() && memory.version() == 0 => return Basis::Nothing,
        Some(fields) => return Basis::Fields(fields),
        None => {}
    }
    let branch = branch.filter(|branch| follows(said, branch));
    if let Some(branch) = branch {
        return branch.fields.as_ref().map_or(Basis::Nothing, Basis::Fields);
    }
    // S1's clients count on from the server version that they had.
    let counted = said.client_version.map(|version| version.saturating_sub(1));
    match said.base_version.or(counted) {
        Some(0) => Basis::Nothing,
        Some(version) if version == memory.version() => Basis::Current,
        Some(version) => memory.fields(version).map_or(Basis::Unknown, Basis::Fields),
        None if memory.version() == 0 => Basis::Nothing,
        None => Basis::Unknown,
    }
}

fn follows(said: Said<'_>, branch: &Branch) -> bool {
    match (said.follows, said.base_version, said.client_version) {
        (Follows::Branch, ..) => true,
        (Follows::Other, ..) => false,
        // A chain names the same server version throughout.
        (Follows::Nothing, Some(version), _) => version == branch.base_version,
        // Counts of a branch that was left and of server versions may be the same by chance.
        (Follows::Nothing, None, Some(version)) => {
            let counted = Some(version.saturating_sub(1));
            !branch.is_left && branch.client_version == counted
        }
        (Follows::Nothing, None, None) => false,
    }
}
