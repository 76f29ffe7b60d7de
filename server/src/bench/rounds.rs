//! When each of many rounds had reached its last socket: a message is there when everybody has it. It knows rounds by
//! their stamps alone.

/// What arrived of each round.
#[derive(Debug, Default)]
pub struct Rounds(Vec<Round>);

#[derive(Debug)]
struct Round {
    stamp: u64,
    arrived: u64,
    latest_us: u32,
}

impl Rounds {
    /// Notes that one socket has a round, so many microseconds after its stamp.
    pub fn arrive(&mut self, stamp: u64, us: u32) {
        // What arrives is nearly always of one of the last rounds.
        match self.0.iter_mut().rev().find(|round| round.stamp == stamp) {
            Some(round) => {
                round.arrived += 1;
                round.latest_us = round.latest_us.max(us);
            }
            None => self.0.push(Round { stamp, arrived: 1, latest_us: us }),
        }
    }

    /// Microseconds from each round's stamp to its last arrival, of the rounds that reached so many sockets.
    pub fn reached(&self, sockets: u64) -> Vec<u32> {
        let whole = self.0.iter().filter(|round| round.arrived == sockets);
        whole.map(|round| round.latest_us).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_lasts_until_its_last_socket_has_it() {
        let mut rounds = Rounds::default();
        for (stamp, us) in [(1, 10), (2, 7), (1, 30), (1, 20), (2, 5)] {
            rounds.arrive(stamp, us);
        }
        assert_eq!(rounds.reached(3), [30]);
        assert_eq!(rounds.reached(2), [7]);
        assert!(rounds.reached(1).is_empty());
    }
}
