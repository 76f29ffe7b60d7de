//! Keeping people's offline work: what becomes of one operation that a device brings (contract 6).
//!
//! [`decide`] is a pure function of the entity as it stands, the operation, and what the operation
//! began from. It must never read a clock or a store: stamps come in made by [`stamp`], and bases
//! found by [`basis`].

mod basis;
mod check;
mod decide;
mod desk;
mod entity;
mod flips;
mod operation;
mod reason;
mod resolve;
mod stamp;
mod standing;
mod subscription;
mod upgrade;

#[cfg(test)]
mod tests;

pub use basis::{Branch, Follows, Memory, Said, basis};
pub use check::{Checked, CheckedPart, CheckedRow, Checksum, Divider, PARTS_MAX, ROWS_MAX};
pub use decide::{Basis, Decision, Dispute, Edit, Next, Outcome, decide};
pub use desk::{Contested, Desk, Effect, Known, Rules, Taken};
pub use entity::{Entity, EntityKind, Stamps, Strategy, Verb};
pub use flips::{FLIPS_MAX, Flips, WINDOW_MS};
pub use operation::{EntityName, Operation, Refused, Status, Verdict, Why};
pub use reason::Reason;
pub use resolve::{Resolution, Shown, resolve};
pub use stamp::{Seen, Stamp, Written, stamp};
pub use standing::{BranchTip, OpenConflict, Standing};
pub use subscription::{ANY, Subscription, TYPE_BYTES_MAX, TYPES_MAX, TooManyTypes, type_fault};
pub use upgrade::{UPGRADES_MAX, Upgrades};
