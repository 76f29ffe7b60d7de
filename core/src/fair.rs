//! A bounded queue that serves its owners in turn, so that one tenant's bulk delays nobody else, and
//! that keeps room for who has little in it, so that a bulk does not shut out anybody either.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How many times of what is free one owner may hold: alone four fifths of the queue, with a second
/// one four ninths each.
const SHARE: usize = 4;

/// Items of several owners; each round takes one item of each owner that has any.
#[derive(Debug)]
pub struct FairQueue<K, T> {
    items: HashMap<K, VecDeque<T>>,
    turns: VecDeque<K>,
    len: usize,
    max: usize,
}

impl<K: Hash + Eq + Clone, T> FairQueue<K, T> {
    /// Makes a queue for at most `max` items in all.
    pub fn new(max: usize) -> Self {
        Self { items: HashMap::new(), turns: VecDeque::new(), len: 0, max }
    }

    /// Adds an item at its owner's end, or gives it back when the queue is full, or full for this
    /// owner: nobody holds more than [`SHARE`] times of what is free, so that something always is.
    pub fn push(&mut self, owner: &K, item: T) -> Result<(), T> {
        let held = self.items.get(owner).map_or(0, VecDeque::len);
        let free = self.max.saturating_sub(self.len);
        if free == 0 || held > SHARE * free {
            return Err(item);
        }
        self.len += 1;
        if let Some(queue) = self.items.get_mut(owner) {
            queue.push_back(item);
        } else {
            self.items.insert(owner.clone(), VecDeque::from([item]));
            self.turns.push_back(owner.clone());
        }
        Ok(())
    }

    /// Takes the next item: the oldest of the owner whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let owner = self.turns.pop_front()?;
        let queue = self.items.get_mut(&owner).expect("an owner with a turn has items");
        let item = queue.pop_front().expect("a kept queue is not empty");
        if queue.is_empty() {
            self.items.remove(&owner);
        } else {
            self.turns.push_back(owner);
        }
        self.len -= 1;
        Some(item)
    }

    /// Tells how many items wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Says whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_take_turns_and_keep_their_own_order() {
        let mut queue = FairQueue::new(6);
        for item in ["a1", "a2", "a3", "a4"] {
            assert_eq!(queue.push(&'a', item), Ok(()));
        }
        assert_eq!(queue.push(&'b', "b1"), Ok(()));
        assert_eq!(queue.push(&'b', "b2"), Ok(()));
        assert_eq!(queue.push(&'b', "b3"), Err("b3"));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, ["a1", "b1", "a2", "b2", "a3", "a4"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_bulk_leaves_room_for_others() {
        let mut queue = FairQueue::new(100);
        let held = |queue: &mut FairQueue<char, u32>, owner: char| {
            (0..1_000).take_while(|item| queue.push(&owner, *item).is_ok()).count()
        };
        assert_eq!(held(&mut queue, 'a'), 81);
        assert_eq!(held(&mut queue, 'b'), 16);
        assert_eq!(held(&mut queue, 'c'), 3);
        assert_eq!(queue.push(&'d', 0), Err(0));
        for _ in 0..3 {
            assert!(queue.pop().is_some());
        }
        assert_eq!(held(&mut queue, 'a'), 0);
        assert_eq!(queue.push(&'d', 0), Ok(()));
    }
}
