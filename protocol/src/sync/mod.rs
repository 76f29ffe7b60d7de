//! Calls of offline sync: push, pull, delta and conflicts (S1, contract 6), in camel case.

mod conflicts;
mod delta;
mod operation;
mod pull;
mod push;

#[cfg(test)]
mod tests;

pub use conflicts::{
    ClashItem, ConflictItem, ConflictResolve, ConflictsQuery, ResolutionFields, ResolvedAnswer,
};
pub use delta::{DeltaAnswer, DeltaFields, DeltaPost, FieldDelta};
pub use operation::{BadOperation, OperationFields, read_operation};
pub use pull::{ChangeItem, PullAnswer, PullFields, PullPost, PullTrailer, Since};
pub use push::{ClientReport, OperationResult, PushAnswer, PushPost, PushPull};
