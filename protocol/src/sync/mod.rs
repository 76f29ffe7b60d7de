//! Calls of offline sync: push, pull, delta, check and conflicts (S1) in camel case, activities (S0) in snake
//! case (contract 6).

mod activities;
mod activity;
mod check;
mod conflicts;
mod delta;
mod devices;
mod operation;
mod pull;
mod push;
mod report;

#[cfg(test)]
mod tests;

pub use activities::{
    ActivitiesAnswer, ActivitiesPost, ActivitiesQuery, ActivityItem, ActivityListFields,
    RetryFields, RetryPost, ServerActivity, SyncActivitiesAnswer,
};
pub use activity::{
    ActivityFields, ActivityParams, BadActivity, Word, read_activity, read_page_activity,
};
pub use check::{CheckAnswer, CheckFields, CheckPart, CheckPost, CheckRow, EntityPlace};
pub use conflicts::{
    ClashItem, ConflictItem, ConflictResolve, ConflictsQuery, ResolutionFields, ResolvedAnswer,
};
pub use delta::{DeltaAnswer, DeltaFields, DeltaPost, FieldDelta};
pub use devices::{
    ActivityCountsItem, DeviceItem, HistoryFields, HistoryQuery, SessionItem, StalledDevice,
    SyncHealthAnswer, SyncStatusAnswer,
};
pub use operation::{BadOperation, OperationFields, read_operation};
pub use pull::{ChangeItem, PullAnswer, PullFields, PullPost, PullTrailer, PushPull, Since};
pub use push::{OperationResult, PushAnswer, PushPost};
pub use report::ClientReport;
