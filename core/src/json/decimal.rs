//! Numbers as decimals: compared by value, kept as they were written.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// The largest whole number that every language holds exactly (2^53 - 1).
const WHOLE_MAX: i64 = (1 << 53) - 1;
/// Exponents beyond these are no number of a person's work.
const EXPONENT_MAX: i32 = 1_000;
/// Characters that a number may have.
const CHARS_MAX: usize = 100;

/// A number as it was written; equal to every other spelling of it.
#[derive(Debug, Clone)]
pub struct Number(Box<str>);

/// `0.digits × 10^exponent`; digits begin and end with none that is zero, and are empty for zero.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    is_negative: bool,
    exponent: i32,
    /// The digits before and after the point, between them the number's.
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl Number {
    /// Takes a text that is a number by the grammar of JSON; none where it is longer than 100
    /// characters or its exponent lies beyond ±1,000.
    pub(super) fn of(text: &str) -> Option<Self> {
        let exponent = text.split(['e', 'E']).nth(1).map_or(Ok(0), str::parse::<i32>);
        let is_held = text.len() <= CHARS_MAX && exponent.ok()?.abs() <= EXPONENT_MAX;
        is_held.then(|| Self(text.into()))
    }

    /// Makes a whole number; none beyond ±(2^53 - 1), where languages would round it differently.
    pub fn whole(number: i64) -> Option<Self> {
        (number.abs() <= WHOLE_MAX).then(|| Self(number.to_string().into()))
    }

    /// Gives it as a whole number of at most ±(2^53 - 1), if it is one.
    pub fn as_whole(&self) -> Option<i64> {
        let parts = self.parts();
        let exponent = usize::try_from(parts.exponent).unwrap_or_default();
        if parts.digits().count() > exponent || exponent > 16 {
            return None;
        }
        let digits = parts.digits().chain(std::iter::repeat(b'0')).take(exponent);
        let size = digits.fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0'));
        let number = if parts.is_negative { -size } else { size };
        (size <= WHOLE_MAX).then_some(number)
    }

    /// Shows it as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Writes it in its one form: plain digits where 21 or fewer do, else with an exponent.
    pub fn canonical(&self) -> String {
        let parts = self.parts();
        let digits: String = parts.digits().map(char::from).collect();
        let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
        let sign = if parts.is_negative { "-" } else { "" };
        let point = parts.exponent;
        let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
        match point {
            _ if digits.is_empty() => "0".to_owned(),
            point if count <= point && point <= 21 => {
                format!("{sign}{digits}{}", zeros(point - count))
            }
            point @ 1..=21 => {
                let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or_default());
                format!("{sign}{whole}.{fraction}")
            }
            point @ -5..=0 => format!("{sign}0.{}{digits}", zeros(-point)),
            point => {
                let (first, rest) = digits.split_at(1);
                let dot = if rest.is_empty() { "" } else { "." };
                let plus = if point > 0 { "+" } else { "" };
                format!("{sign}{first}{dot}{rest}e{plus}{}", point - 1)
            }
        }
    }

    fn parts(&self) -> Parts<'_> {
        let (is_negative, text) = match self.0.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, &*self.0),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or_default();
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut parts = Parts {
            is_negative,
            exponent: exponent + length(whole.as_bytes()),
            whole: whole.as_bytes(),
            fraction: fraction.as_bytes(),
        };
        parts.trim();
        parts
    }
}

fn length(digits: &[u8]) -> i32 {
    i32::try_from(digits.len()).unwrap_or(i32::MAX)
}

fn without_leading(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

fn without_trailing(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    &digits[..digits.len() - zeros]
}

impl Parts<'_> {
    /// Takes the zeros off both ends.
    fn trim(&mut self) {
        let before = length(self.whole);
        self.whole = without_leading(self.whole);
        self.exponent -= before - length(self.whole);
        if self.whole.is_empty() {
            let before = length(self.fraction);
            self.fraction = without_leading(self.fraction);
            self.exponent -= before - length(self.fraction);
        }
        self.fraction = without_trailing(self.fraction);
        if self.fraction.is_empty() {
            self.whole = without_trailing(self.whole);
        }
        if self.is_zero() {
            (self.is_negative, self.exponent) = (false, 0);
        }
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).copied()
    }

    fn sign(&self) -> i8 {
        match (self.is_zero(), self.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    /// Compares without the sign.
    fn size(&self, other: &Self) -> Ordering {
        let by_exponent = self.exponent.cmp(&other.exponent);
        by_exponent.then_with(|| self.digits().cmp(other.digits()))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, other) = (self.parts(), other.parts());
        one.sign().cmp(&other.sign()).then_with(|| match one.is_negative {
            true => other.size(&one),
            false => one.size(&other),
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}
