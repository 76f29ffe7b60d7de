//! When the next ping is due, and who is dead. All times are milliseconds of one clock that never goes back; deadlines
//! are absolute, so that it does not matter how late or how often they are looked at.

use crate::terms::Terms;

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Beat {
    /// Nothing before [`Heart::deadline`].
    Rest,
    /// A ping is to be sent; it counts as sent.
    Ping,
    /// Nothing was heard for an interval and a timeout: the client is gone.
    Dead,
}

/// The heart of one session; it never stops for an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Heart {
    interval_ms: u64,
    silence_ms: u64,
    heard_at: u64,
    /// `None` where somebody else sends the pings.
    ping_at: Option<u64>,
}

impl Heart {
    /// Begins at the handshake: the first ping is due an interval later, never before.
    pub fn new(terms: &Terms, now: u64) -> Self {
        let ping_at = Some(now.saturating_add(terms.ping_interval_ms));
        Self { ping_at, ..Self::listening(terms, now) }
    }

    /// Begins one that only listens for silence, where somebody else sends the pings.
    pub fn listening(terms: &Terms, now: u64) -> Self {
        Self {
            // A timer that never waits would be no timer.
            interval_ms: terms.ping_interval_ms.max(1),
            silence_ms: terms.silence_ms().max(1),
            heard_at: now,
            ping_at: None,
        }
    }

    /// Notes a sign of life: any packet or frame of the client.
    pub fn heard(&mut self, now: u64) {
        self.heard_at = self.heard_at.max(now);
    }

    /// Says whether the client is gone.
    pub fn is_dead(&self, now: u64) -> bool {
        now >= self.dead_at()
    }

    /// Tells when the client counts as gone if nothing more is heard.
    pub fn dead_at(&self) -> u64 {
        self.heard_at.saturating_add(self.silence_ms)
    }

    /// Says what is to be done. After a pause there is one ping, not one for each that was missed.
    pub fn beat(&mut self, now: u64) -> Beat {
        if self.is_dead(now) {
            return Beat::Dead;
        }
        match self.ping_at {
            Some(due) if now >= due => {
                let missed = (now - due) / self.interval_ms;
                let periods = self.interval_ms.saturating_mul(missed + 1);
                self.ping_at = Some(due.saturating_add(periods));
                Beat::Ping
            }
            _ => Beat::Rest,
        }
    }

    /// Tells when to ask again at the latest.
    pub fn deadline(&self) -> u64 {
        self.ping_at.map_or(self.dead_at(), |ping_at| ping_at.min(self.dead_at()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms {
        ping_interval_ms: 300,
        ping_timeout_ms: 200,
        max_payload: 1_000_000,
        connect_ms: 1_000,
        upgrade_ms: 10_000,
        closing_ms: 5_000,
        noop_ms: 100,
    };

    enum Do {
        Beat(Beat),
        Hear,
    }
    use Do::{Beat as B, Hear};

    /// Begins at 1,000 and goes through what happens at which time.
    fn check(steps: &[(u64, Do)]) {
        let mut heart = Heart::new(&TERMS, 1_000);
        for (now, step) in steps {
            match step {
                Hear => heart.heard(*now),
                B(expected) => assert_eq!(heart.beat(*now), *expected, "at {now}"),
            }
        }
    }

    #[test]
    fn the_first_ping_is_never_early() {
        check(&[(1_299, B(Beat::Rest)), (1_300, B(Beat::Ping)), (1_300, B(Beat::Rest))]);
    }

    #[test]
    fn pings_keep_their_distance() {
        check(&[
            (1_310, B(Beat::Ping)),
            (1_320, Hear),
            (1_599, B(Beat::Rest)),
            (1_600, B(Beat::Ping)),
            (1_650, Hear),
            (1_950, B(Beat::Ping)),
        ]);
    }

    #[test]
    fn silence_is_death_to_the_millisecond() {
        check(&[(1_300, B(Beat::Ping)), (1_499, B(Beat::Rest)), (1_500, B(Beat::Dead))]);
        check(&[(1_400, Hear), (1_300, Hear), (1_899, B(Beat::Ping)), (1_900, B(Beat::Dead))]);
        // However late somebody looks.
        check(&[(9_000, B(Beat::Dead)), (9_001, B(Beat::Dead))]);
    }

    #[test]
    fn missed_pings_are_not_made_up_for() {
        check(&[
            (2_000, Hear),
            (2_250, B(Beat::Ping)),
            (2_260, Hear),
            (2_499, B(Beat::Rest)),
            (2_500, B(Beat::Ping)),
        ]);
    }

    #[test]
    fn one_that_listens_never_pings() {
        let mut heart = Heart::listening(&TERMS, 0);
        assert_eq!((heart.beat(499), heart.deadline()), (Beat::Rest, 500));
        assert_eq!(heart.beat(500), Beat::Dead);
    }

    #[test]
    fn its_deadline_is_the_next_thing_to_happen() {
        let mut heart = Heart::new(&TERMS, 0);
        assert_eq!(heart.deadline(), 300);
        heart.beat(300);
        assert_eq!(heart.deadline(), 500);
        heart.heard(310);
        assert_eq!(heart.deadline(), 600);
    }

    #[test]
    fn terms_of_nothing_and_times_without_end_do_no_harm() {
        let zero = Terms { ping_interval_ms: 0, ping_timeout_ms: 0, ..TERMS };
        assert_eq!(Heart::new(&zero, 5).beat(5), Beat::Ping);
        assert_eq!(Heart::new(&TERMS, u64::MAX).beat(u64::MAX), Beat::Dead);
        let endless = Terms { ping_interval_ms: u64::MAX, ..TERMS };
        assert_eq!(Heart::new(&endless, 7).beat(8), Beat::Rest);
    }
}
