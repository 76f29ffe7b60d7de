//! The end of all connections: every device is sent away, and not all at one moment.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::hub::Hub;

impl Hub {
    /// Sends every device away within `time`. Who comes back when told to is told at once, each a moment of its own. Who
    /// comes back by a clock of its own is let go one by one instead, early enough for the last to end well.
    pub async fn drain(&self, time: Duration) {
        let connections = self.connections(None);
        let (told, others): (Vec<_>, Vec<_>) =
            connections.into_iter().partition(|connection| connection.codec.comes_back_as_told());
        for (index, connection) in told.iter().enumerate() {
            connection.send_away(moment(index, told.len(), time).as_millis() as u64);
        }
        let began = Instant::now();
        for (index, connection) in others.iter().enumerate() {
            sleep_until(began + moment(index, others.len(), time * 3 / 4)).await;
            connection.send_away(0);
        }
    }
}

/// Gives one of `count` moments that are spread evenly over a time.
fn moment(index: usize, count: usize, time: Duration) -> Duration {
    time.mul_f64(index as f64 / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_begin_at_once_and_end_before_the_time_is_over() {
        let time = Duration::from_secs(20);
        let moments: Vec<u64> = (0..4).map(|index| moment(index, 4, time).as_secs()).collect();
        assert_eq!(moments, [0, 5, 10, 15]);
        assert!(moment(18_999, 19_000, time) < time);
        assert_eq!(moment(1, 2, Duration::ZERO), Duration::ZERO);
    }
}
