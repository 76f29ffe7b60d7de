//! Where a connection stands on the feed of a topic that it has joined (contract 4).
//!
//! The rule is that of an inbox's session: a change that follows the position directly is sent as it
//! comes; any other makes the store be read, where it is looked again whether the reader may. So a nudge
//! that was lost costs a read and never a message, and nobody hears of what came after they had left: their
//! leaving is a change itself.

use crate::feed::Number;
use crate::message::Message;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Following {
    /// Everything up to here was sent.
    position: Number,
    /// The highest number that was heard of.
    heard: Number,
    /// Whether the store is being read; until that ends, nothing is sent.
    is_reading: bool,
}

/// What is to be done about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it was sent, or will be read.
    Nothing,
    /// It is sent.
    Send,
    /// The store is read.
    Read,
}

/// What a message becomes for a reader who had everything up to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It is new to them.
    New,
    /// They have it, and it was changed.
    Changed,
    /// They have it, and it was deleted.
    Deleted,
    /// It came and went without them.
    Nothing,
}

impl Following {
    /// Begins behind a number, with a read that is under way.
    pub const fn begin(position: Number) -> Self {
        Self { position, heard: position, is_reading: true }
    }

    /// Begins anew at the head of a feed that never gave out the number that the reader came with.
    pub fn start_over(&mut self, head: Number) -> Step {
        *self = Self::begin(head);
        Step::Read
    }

    /// Up to where everything was sent.
    pub const fn position(&self) -> Number {
        self.position
    }

    /// Says up to where everything was sent, once that is known: not while the store is read.
    pub const fn settled(&self) -> Option<Number> {
        if self.is_reading { None } else { Some(self.position) }
    }

    /// Hears of a change with a number.
    pub fn on_change(&mut self, number: Number) -> Step {
        self.heard = self.heard.max(number);
        if self.is_reading || number <= self.position {
            return Step::Nothing;
        }
        if number == self.position.next() {
            self.position = number;
            return Step::Send;
        }
        self.read()
    }

    /// Hears where the feed stands.
    pub fn on_head(&mut self, newest: Number) -> Step {
        self.heard = self.heard.max(newest);
        if self.is_reading || newest <= self.position { Step::Nothing } else { self.read() }
    }

    /// Hears that whatever it was to hear may have been lost.
    pub fn resync(&mut self) -> Step {
        if self.is_reading { Step::Nothing } else { self.read() }
    }

    fn read(&mut self) -> Step {
        self.is_reading = true;
        Step::Read
    }

    /// Hears that everything up to a number was read and sent.
    pub fn on_read(&mut self, up_to: Number) -> Step {
        self.position = self.position.max(up_to);
        self.is_reading = false;
        if self.heard > self.position { self.read() } else { Step::Nothing }
    }

    /// Hears that the store could not be read; the next change or head makes it be tried again.
    pub fn on_read_failed(&mut self) {
        self.is_reading = false;
    }
}

/// Says what a message is for a reader who had everything up to a number.
pub fn told(message: &Message, had: Number) -> Told {
    match (message.number > had, message.is_deleted) {
        (true, true) => Told::Nothing,
        (true, false) => Told::New,
        (false, true) => Told::Deleted,
        (false, false) => Told::Changed,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn at(position: u64) -> Following {
        let mut following = Following::begin(Number(position));
        assert_eq!(following.on_read(Number(position)), Step::Nothing);
        following
    }

    #[test]
    fn what_follows_directly_is_sent_and_all_else_is_read() {
        let mut following = at(5);
        assert_eq!(following.on_change(Number(6)), Step::Send);
        assert_eq!(following.on_change(Number(6)), Step::Nothing);
        assert_eq!(following.on_change(Number(8)), Step::Read);
        // What comes meanwhile is read, too, or is looked for afterwards.
        assert_eq!(following.on_change(Number(9)), Step::Nothing);
        assert_eq!(following.on_read(Number(8)), Step::Read);
        assert_eq!(following.on_read(Number(9)), Step::Nothing);
        assert_eq!(following.position(), Number(9));
        assert_eq!(following.on_head(Number(9)), Step::Nothing);
        assert_eq!(following.on_head(Number(10)), Step::Read);
    }

    #[test]
    fn a_number_that_was_never_given_out_is_forgotten() {
        let mut following = Following::begin(Number(90));
        assert_eq!(following.settled(), None);
        assert_eq!(following.on_change(Number(7)), Step::Nothing);
        assert_eq!(following.start_over(Number(6)), Step::Read);
        assert_eq!(following.on_read(Number(7)), Step::Nothing);
        assert_eq!(following.settled(), Some(Number(7)));
        assert_eq!(following.on_change(Number(8)), Step::Send);
    }

    #[test]
    fn a_read_that_failed_is_tried_again_with_the_next_word() {
        let mut following = at(5);
        assert_eq!(following.on_change(Number(7)), Step::Read);
        following.on_read_failed();
        assert_eq!(following.position(), Number(5));
        assert_eq!(following.on_head(Number(7)), Step::Read);
    }

    proptest! {
        // Whatever is lost, doubled or late: each number is sent or read once, and in the end all are.
        #[test]
        fn nothing_is_missed_and_nothing_doubled(
            steps in prop::collection::vec((0_u8..4, 1_u64..6), 1..40),
        ) {
            let (mut following, mut head) = (Following::begin(Number(0)), 0);
            let (mut sent, mut reading) = (Vec::new(), Some(0));
            for (kind, by) in steps {
                let before = following.position().0;
                let step = match kind {
                    // A commit whose nudge arrives, or not.
                    0 => { head += 1; following.on_change(Number(head)) }
                    1 => { head += 1; Step::Nothing }
                    // An old nudge once more.
                    2 => following.on_change(Number(head.saturating_sub(by))),
                    _ => match reading.take() {
                        Some(up_to) => {
                            sent.extend(before + 1..=up_to);
                            following.on_read(Number(up_to))
                        }
                        None => following.on_head(Number(head)),
                    },
                };
                match step {
                    Step::Send => sent.push(head.min(following.position().0)),
                    Step::Read => { prop_assert!(reading.is_none()); reading = Some(head); }
                    Step::Nothing => {}
                }
            }
            while reading.is_some() || following.on_head(Number(head)) == Step::Read {
                let before = following.position().0;
                reading = None;
                sent.extend(before + 1..=head);
                if following.on_read(Number(head)) == Step::Read { reading = Some(head); }
            }
            prop_assert_eq!(sent, (1..=head).collect::<Vec<_>>());
        }
    }
}
