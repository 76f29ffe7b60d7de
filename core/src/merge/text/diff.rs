//! Compares two lists of tokens: the shortest edit by Myers' greedy algorithm ("An O(ND)
//! Difference Algorithm and Its Variations", 1986), every tie broken in one stated way.

use std::collections::HashMap;

/// Insertions and removals that are looked for; what differs more is taken for all new.
const EDITS_MAX: usize = 1_000;

/// Says for each token of the base which token of the other list it is, if it is still there.
pub(super) fn partners(base: &[&str], other: &[&str]) -> Vec<Option<usize>> {
    let mut partners = vec![None; base.len()];
    let ahead = base.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (base_rest, other_rest) = (&base[ahead..], &other[ahead..]);
    let behind = base_rest.iter().rev().zip(other_rest.iter().rev());
    let behind = behind.take_while(|(one, other)| one == other).count();
    let tail = base.len() - behind;
    for (at, partner) in partners.iter_mut().enumerate() {
        if at < ahead {
            *partner = Some(at);
        } else if at >= tail {
            *partner = Some(other.len() - (base.len() - at));
        }
    }
    let mut numbers = HashMap::new();
    let mut number = |tokens: &[&'_ str]| -> Vec<usize> {
        let numbered = tokens.iter().map(|token| {
            let next = numbers.len();
            *numbers.entry((*token).to_owned()).or_insert(next)
        });
        numbered.collect()
    };
    let base_middle = number(&base_rest[..base_rest.len() - behind]);
    let other_middle = number(&other_rest[..other_rest.len() - behind]);
    for (one, two) in common(&base_middle, &other_middle) {
        partners[ahead + one] = Some(ahead + two);
    }
    partners
}

/// Gives the pairs of places that are the same, last first; none where the lists differ by more
/// than is looked for.
fn common(base: &[usize], other: &[usize]) -> Vec<(usize, usize)> {
    let (base_len, other_len) = (signed(base.len()), signed(other.len()));
    let max = EDITS_MAX.min(base.len() + other.len());
    // Place `k + max + 1` holds how far in the base the farthest way on diagonal `k` has come.
    let at = |k: isize| usize::try_from(k + signed(max) + 1).unwrap_or_default();
    let mut reached: Vec<isize> = vec![0; 2 * max + 3];
    let mut trace: Vec<Vec<isize>> = Vec::new();
    for edits in 0..=signed(max) {
        trace.push(reached[at(-edits - 1)..=at(edits + 1)].to_vec());
        for k in (-edits..=edits).step_by(2) {
            let mut x = step(k, edits, |k| reached[at(k)]);
            while x < base_len && x - k < other_len && same(base, other, x, x - k) {
                x += 1;
            }
            reached[at(k)] = x;
            if k == base_len - other_len && x >= base_len {
                return back(&trace, base_len, other_len);
            }
        }
    }
    Vec::new()
}

/// Where a way begins on a diagonal: from the one above by an insertion where that one has come
/// farther, and on the lowest; else from the one below by a removal.
fn step(k: isize, edits: isize, reached: impl Fn(isize) -> isize) -> isize {
    if is_insertion(k, edits, &reached) { reached(k + 1) } else { reached(k - 1) + 1 }
}

fn is_insertion(k: isize, edits: isize, reached: &impl Fn(isize) -> isize) -> bool {
    k == -edits || (k != edits && reached(k - 1) < reached(k + 1))
}

/// Walks the way back from its end.
fn back(trace: &[Vec<isize>], base_len: isize, other_len: isize) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let (mut x, mut y) = (base_len, other_len);
    for (edits, row) in trace.iter().enumerate().rev() {
        let edits = signed(edits);
        let reached = |k: isize| row[usize::try_from(k + edits + 1).unwrap_or_default()];
        let k = x - y;
        let (before_x, before_y) = match (edits, is_insertion(k, edits, &reached)) {
            (0, _) => (0, 0),
            (_, true) => (reached(k + 1), reached(k + 1) - (k + 1)),
            (_, false) => (reached(k - 1), reached(k - 1) - (k - 1)),
        };
        while x > before_x && y > before_y {
            (x, y) = (x - 1, y - 1);
            pairs.push((x.unsigned_abs(), y.unsigned_abs()));
        }
        (x, y) = (before_x, before_y);
    }
    pairs
}

fn same(base: &[usize], other: &[usize], x: isize, y: isize) -> bool {
    let of =
        |list: &[usize], at: isize| usize::try_from(at).ok().and_then(|at| list.get(at).copied());
    of(base, x).is_some() && of(base, x) == of(other, y)
}

fn signed(count: usize) -> isize {
    isize::try_from(count).unwrap_or(isize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn chars(text: &str) -> Vec<&str> {
        text.split("").filter(|token| !token.is_empty()).collect()
    }

    /// Tokens that stay the same at most, by trying everything.
    fn most(base: &[&str], other: &[&str]) -> usize {
        let mut row = vec![0; other.len() + 1];
        for one in base {
            let mut corner = 0;
            for (place, two) in other.iter().enumerate() {
                let above = row[place + 1];
                row[place + 1] = if one == two { corner + 1 } else { above.max(row[place]) };
                corner = above;
            }
        }
        row[other.len()]
    }

    proptest! {
        #[test]
        fn the_edit_is_the_shortest(base in "[abc]{0,12}", other in "[abc]{0,12}") {
            let (base, other) = (chars(&base), chars(&other));
            let partners = partners(&base, &other);
            let pairs: Vec<(usize, usize)> = partners.iter().enumerate().filter_map(|(b, o)| Some((b, (*o)?))).collect();
            prop_assert!(pairs.windows(2).all(|two| two[0].1 < two[1].1), "{pairs:?}");
            prop_assert!(pairs.iter().all(|(b, o)| base[*b] == other[*o]));
            prop_assert_eq!(pairs.len(), most(&base, &other));
        }
    }

    #[test]
    fn ties_are_broken_in_the_stated_way() {
        let check = |base: &str, other: &str, expected: &[Option<usize>]| {
            assert_eq!(partners(&chars(base), &chars(other)), expected, "{base} {other}");
        };
        check("ab", "ba", &[None, Some(0)]);
        check("abcabba", "cbabac", &[None, None, Some(0), Some(2), Some(3), None, Some(4)]);
    }

    #[test]
    fn what_differs_in_more_than_is_looked_for_is_all_new() {
        let list = |from: usize, to: usize| (from..to).map(|n| n.to_string()).collect::<Vec<_>>();
        let base: Vec<String> = [list(0, 1), list(1_000, 1_600), list(1, 2)].concat();
        let other: Vec<String> =
            [list(0, 1), list(2_000, 2_600), list(1_100, 1_101), list(1, 2)].concat();
        let refs = |list: &[String]| {
            list.iter().map(String::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let (base, other) = (refs(&base), refs(&other));
        let (base, other): (Vec<&str>, Vec<&str>) =
            (base.iter().map(|t| &**t).collect(), other.iter().map(|t| &**t).collect());
        let found = partners(&base, &other);
        assert_eq!((found[0], found[601]), (Some(0), Some(602)));
        assert!(found[1..601].iter().all(Option::is_none));
    }
}
