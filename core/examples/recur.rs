//! Prints what rules say, for a program that is not ours to judge: `scripts/recurrence_oracle.py`.
//!
//! A line on standard input is a start, the time from which occurrences are wanted, how many, and
//! a rule, parted by tabs. The answer is a line with the occurrences, or with `!` and what is
//! wrong. It must never hold more than a line.

use std::io::{BufRead, Write};

use jiff::civil::DateTime;
use landfall_core::recurrence::{Ending, Rule};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        match answer(&line?) {
            Ok(times) => writeln!(out, "{times}")?,
            Err(error) => writeln!(out, "!{error}")?,
        }
    }
    Ok(())
}

fn answer(line: &str) -> Result<String, Box<dyn std::error::Error>> {
    let [start, from, most, rule] = line.split('\t').collect::<Vec<_>>()[..] else {
        return Err("a line has four columns".into());
    };
    let (start, from): (DateTime, DateTime) = (start.parse()?, from.parse()?);
    let mut times = Rule::parse(rule)?.local_times_from(start, from);
    let found: Vec<String> =
        times.by_ref().take(most.parse()?).map(|time| time.to_string()).collect();
    let has_given_up = found.len() < most.parse()? && times.ending() == Ending::GaveUp;
    let given_up = if has_given_up { " …" } else { "" };
    Ok(found.join(" ") + given_up)
}
