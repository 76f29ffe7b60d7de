//! How closed enums and plans look in columns.

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::notification::Priority;
use landfall_core::plan::{Reason, Step, Strategy};
use landfall_core::time::Timestamp;
use landfall_core::topic::MemberRole;

use super::{Corrupt, Row};

/// Gives a priority's code.
pub(crate) fn priority_code(priority: Priority) -> i64 {
    Priority::ALL.iter().position(|p| *p == priority).map_or(0, |index| index as i64)
}

/// Reads a priority from its code.
pub(crate) fn priority(row: &dyn Row, column: usize) -> Result<Priority, Corrupt> {
    by_code(&Priority::ALL, row.int(column)?).ok_or(Corrupt::new(column, "priority"))
}

const ROLES: [MemberRole; 3] = [MemberRole::Member, MemberRole::Teacher, MemberRole::Owner];

/// Gives a role's code; a higher role has a higher one.
pub(crate) fn role_code(role: MemberRole) -> i64 {
    ROLES.iter().position(|r| *r == role).map_or(0, |index| index as i64)
}

/// Reads a role from its code, or null.
pub(crate) fn optional_role(row: &dyn Row, column: usize) -> Result<Option<MemberRole>, Corrupt> {
    let role = |code| by_code(&ROLES, code).ok_or(Corrupt::new(column, "role"));
    row.optional_int(column)?.map(role).transpose()
}

/// Reads a role from its code.
pub(crate) fn role(row: &dyn Row, column: usize) -> Result<MemberRole, Corrupt> {
    optional_role(row, column)?.ok_or(Corrupt::new(column, "role"))
}

fn by_code<T: Copy>(all: &[T], code: i64) -> Option<T> {
    all.get(usize::try_from(code).ok()?).copied()
}

/// Reads a channel from its name.
pub(crate) fn channel(row: &dyn Row, column: usize) -> Result<Channel, Corrupt> {
    Channel::parse(row.text(column)?).ok_or(Corrupt::new(column, "channel"))
}

/// Reads how a delivery stands from its name.
pub(crate) fn state(row: &dyn Row, column: usize) -> Result<DeliveryState, Corrupt> {
    DeliveryState::parse(row.text(column)?).ok_or(Corrupt::new(column, "state of a delivery"))
}

/// Reads a strategy from its name.
pub(crate) fn strategy(row: &dyn Row, column: usize) -> Result<Strategy, Corrupt> {
    Strategy::parse(row.text(column)?).ok_or(Corrupt::new(column, "strategy"))
}

/// Reads a reason from its words.
pub(crate) fn reason(row: &dyn Row, column: usize) -> Result<Reason, Corrupt> {
    Reason::parse(row.text(column)?).ok_or(Corrupt::new(column, "reason"))
}

/// Writes a plan as `channel=state:reason` pairs, one per line.
pub(crate) fn plan_text(steps: &[Step]) -> String {
    let line =
        |step: &Step| format!("{}={}:{}", step.channel, step.state.as_str(), step.reason.as_str());
    steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads a plan from its column.
pub(crate) fn plan(row: &dyn Row, column: usize) -> Result<Vec<Step>, Corrupt> {
    parse_plan(row.text(column)?).ok_or(Corrupt::new(column, "plan"))
}

/// Reads what [`plan_text`] wrote.
fn parse_plan(text: &str) -> Option<Vec<Step>> {
    let step = |line: &str| {
        let (channel, rest) = line.split_once('=')?;
        let (state, reason) = rest.split_once(':')?;
        Some(Step {
            channel: Channel::parse(channel)?,
            state: DeliveryState::parse(state)?,
            reason: Reason::parse(reason)?,
        })
    };
    text.lines().map(step).collect()
}

/// Shows how a stored plan stands now: what a device confirmed says so.
pub(crate) fn plan_now(mut steps: Vec<Step>, delivered_at: Option<Timestamp>) -> Vec<Step> {
    for step in &mut steps {
        if delivered_at.is_some() && step.channel == Channel::Websocket {
            *step = Step { state: DeliveryState::Delivered, reason: Reason::Confirmed, ..*step };
        }
    }
    steps
}

/// Gives a plan up whose notification expired.
pub(crate) fn plan_expired(mut steps: Vec<Step>) -> Vec<Step> {
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
                    assert_eq!(parse_plan(&plan_text(&steps)).unwrap(), steps);
                }
            }
        }
        assert_eq!(parse_plan("websocket"), None);
        assert_eq!(parse_plan("").unwrap(), []);
    }
}
