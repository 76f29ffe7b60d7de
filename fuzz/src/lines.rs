//! Lines of a batch: the same however the body is cut into parts.

use landfall_server::http::lines::{Cut, LineCutter};

use crate::parts::Cuts;

/// Small, so that inputs reach them.
const LINE_MAX: usize = 24;
const LINES_MAX: u64 = 12;

pub(crate) fn run(data: &[u8]) {
    let (cuts, stream) = Cuts::split(data);
    let expected = naive(stream);
    assert_eq!(cut(&[stream]), expected);
    assert_eq!(cut(&cuts.of(stream)), expected);
}

fn cut(parts: &[&[u8]]) -> Vec<Cut> {
    let mut cutter = LineCutter::new(LINE_MAX, LINES_MAX);
    let mut cuts = Vec::new();
    for part in parts {
        cutter.push(part);
        cuts.extend(std::iter::from_fn(|| cutter.next_cut()));
    }
    cutter.finish();
    cuts.extend(std::iter::from_fn(|| cutter.next_cut()));
    cuts
}

fn naive(stream: &[u8]) -> Vec<Cut> {
    let mut lines: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    let mut cuts = Vec::new();
    for (number, line) in (1..).zip(lines) {
        if number > LINES_MAX {
            cuts.push(Cut::TooMany(number));
            break;
        }
        if line.len() > LINE_MAX {
            cuts.push(Cut::TooLong(number));
        } else if !line.trim_ascii().is_empty() {
            cuts.push(Cut::Line(number, line.to_vec().into()));
        }
    }
    cuts
}
