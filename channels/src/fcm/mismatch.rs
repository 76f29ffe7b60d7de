//! Devices that Firebase counts as another sender's: one is its app's matter, many are ours.
//!
//! Decides when that is told and shown, without a clock; must never cost a device its
//! registration.

use tokio::time::{Duration, Instant};

/// So many in a row, and none that was taken, mean that the project is the wrong one.
const SEVERAL: u32 = 5;
/// It is told no more often.
const TOLD_EVERY: Duration = Duration::from_secs(600);

/// Counts them.
#[derive(Debug, Default)]
pub(super) struct Mismatches {
    in_a_row: u32,
    told_at: Option<Instant>,
}

impl Mismatches {
    /// Notes one; gives how many came in a row where it is time to tell.
    pub(super) fn another(&mut self, now: Instant) -> Option<u32> {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let is_told = self.told_at.is_some_and(|at| now.duration_since(at) < TOLD_EVERY);
        if is_told {
            return None;
        }
        self.told_at = Some(now);
        Some(self.in_a_row)
    }

    /// Notes a message that was taken.
    pub(super) fn taken(&mut self) {
        self.in_a_row = 0;
    }

    /// Says whether the project looks like the wrong one.
    pub(super) fn are_several(&self) -> bool {
        self.in_a_row >= SEVERAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_in_a_while() {
        let (mut mismatches, start) = (Mismatches::default(), Instant::now());
        let mut at = |seconds| mismatches.another(start + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(599), at(600), at(601)], [Some(1), None, None, Some(4), None]);
    }

    #[test]
    fn several_in_a_row_show_until_one_is_taken() {
        let mut mismatches = Mismatches::default();
        let shown = [(); 5].map(|()| {
            mismatches.another(Instant::now());
            mismatches.are_several()
        });
        assert_eq!(shown, [false, false, false, false, true]);
        mismatches.taken();
        assert!(!mismatches.are_several());
    }
}
