//! How values look in rows: conversions between columns and core's types.

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::id::{Tenant, TopicId, UserId};
use landfall_core::notification::Priority;
use landfall_core::plan::{Reason, Step};
use landfall_core::time::Timestamp;
use landfall_core::topic::MemberRole;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Row, RowIndex};
use uuid::Uuid;

/// Says that a column does not hold what this version wrote.
fn corrupt(what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, what.into())
}

pub(super) fn uuid<I: RowIndex>(row: &Row<'_>, index: I) -> rusqlite::Result<Uuid> {
    let bytes: [u8; 16] = row.get(index)?;
    Ok(Uuid::from_bytes(bytes))
}

pub(super) fn optional_uuid<I: RowIndex>(
    row: &Row<'_>,
    index: I,
) -> rusqlite::Result<Option<Uuid>> {
    let bytes: Option<[u8; 16]> = row.get(index)?;
    Ok(bytes.map(Uuid::from_bytes))
}

pub(super) fn user(text: &str) -> rusqlite::Result<UserId> {
    UserId::parse(text).map_err(|_| corrupt("a user id"))
}

pub(super) fn tenant(text: &str) -> rusqlite::Result<Tenant> {
    Tenant::parse(text).map_err(|_| corrupt("a tenant"))
}

pub(super) fn topic(text: &str) -> rusqlite::Result<TopicId> {
    TopicId::parse(text).map_err(|_| corrupt("a topic id"))
}

pub(super) fn time<I: RowIndex>(row: &Row<'_>, index: I) -> rusqlite::Result<Timestamp> {
    row.get(index).map(Timestamp::from_ms)
}

pub(super) fn optional_time<I: RowIndex>(
    row: &Row<'_>,
    index: I,
) -> rusqlite::Result<Option<Timestamp>> {
    let ms: Option<i64> = row.get(index)?;
    Ok(ms.map(Timestamp::from_ms))
}

pub(super) fn number<I: RowIndex>(
    row: &Row<'_>,
    index: I,
) -> rusqlite::Result<landfall_core::feed::Number> {
    row.get(index).map(landfall_core::feed::Number)
}

pub(super) fn priority_code(priority: Priority) -> i64 {
    Priority::ALL.iter().position(|p| *p == priority).map_or(0, |index| index as i64)
}

pub(super) fn priority(code: i64) -> rusqlite::Result<Priority> {
    let index = usize::try_from(code).map_err(|_| FromSqlError::OutOfRange(code))?;
    Priority::ALL.get(index).copied().ok_or_else(|| FromSqlError::OutOfRange(code).into())
}

const ROLES: [MemberRole; 3] = [MemberRole::Member, MemberRole::Teacher, MemberRole::Owner];

pub(super) fn role_code(role: MemberRole) -> i64 {
    ROLES.iter().position(|r| *r == role).map_or(0, |index| index as i64)
}

pub(super) fn role(code: i64) -> rusqlite::Result<MemberRole> {
    let index = usize::try_from(code).map_err(|_| FromSqlError::OutOfRange(code))?;
    ROLES.get(index).copied().ok_or_else(|| FromSqlError::OutOfRange(code).into())
}

/// Writes a plan as `channel=state:reason` pairs, one per line.
pub(super) fn plan_text(steps: &[Step]) -> String {
    let line =
        |step: &Step| format!("{}={}:{}", step.channel, step.state.as_str(), step.reason.as_str());
    steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads what [`plan_text`] wrote.
pub(super) fn plan(text: &str) -> rusqlite::Result<Vec<Step>> {
    let step = |line: &str| {
        let (channel, rest) = line.split_once('=')?;
        let (state, reason) = rest.split_once(':')?;
        Some(Step {
            channel: Channel::parse(channel)?,
            state: DeliveryState::parse(state)?,
            reason: Reason::parse(reason)?,
        })
    };
    text.lines().map(|line| step(line).ok_or_else(|| corrupt("a plan"))).collect()
}

/// Shows how a stored plan stands now: what a device confirmed says so.
pub(super) fn plan_now(mut steps: Vec<Step>, delivered_at: Option<Timestamp>) -> Vec<Step> {
    for step in &mut steps {
        if delivered_at.is_some() && step.channel == Channel::Websocket {
            *step = Step { state: DeliveryState::Delivered, reason: Reason::Confirmed, ..*step };
        }
    }
    steps
}

/// Gives a plan up whose notification expired.
pub(super) fn plan_expired(mut steps: Vec<Step>) -> Vec<Step> {
    for step in &mut steps {
        if step.state == DeliveryState::Queued {
            *step = Step { state: DeliveryState::Failed, reason: Reason::Expired, ..*step };
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_plan_reads_back_as_written() {
        for channel in Channel::ALL {
            for state in DeliveryState::ALL {
                for reason in Reason::ALL {
                    let steps = vec![Step { channel, state, reason }; 2];
                    assert_eq!(plan(&plan_text(&steps)).unwrap(), steps);
                }
            }
        }
        assert!(plan("websocket").is_err());
        assert_eq!(plan("").unwrap(), []);
    }
}
