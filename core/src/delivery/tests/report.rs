//! Late news, twice and out of order.

use proptest::prelude::*;

use crate::channel::DeliveryState::{self, Delivered, Failed, Held, Queued, Sent, Skipped};
use crate::delivery::{Receipt, Report, apply};

#[test]
fn words_are_read_as_they_are_written() {
    for report in Report::ALL {
        assert_eq!(Report::parse(report.as_str()), Some(report));
    }
    for receipt in Receipt::ALL {
        assert_eq!(Receipt::parse(receipt.as_str()), Some(receipt));
        assert_eq!(apply(Sent, receipt.state().0), Some(Delivered));
    }
    assert_eq!(Report::parse("received"), None);
    assert_eq!(Receipt::parse("read"), None);
}

#[test]
fn news_change_only_what_has_not_ended() {
    let rows: [(DeliveryState, [Option<DeliveryState>; 3]); 6] = [
        // After news of: sent, delivered, failed.
        (Queued, [Some(Sent), Some(Delivered), Some(Failed)]),
        (Held, [Some(Sent), Some(Delivered), Some(Failed)]),
        (Sent, [None, Some(Delivered), Some(Failed)]),
        (Delivered, [None, None, None]),
        (Failed, [None, None, None]),
        (Skipped, [None, None, None]),
    ];
    for (current, expected) in rows {
        assert_eq!([Sent, Delivered, Failed].map(|news| apply(current, news)), expected);
        assert_eq!([Queued, Held, Skipped].map(|news| apply(current, news)), [None; 3]);
    }
}

proptest! {
    /// In whatever order and however often reports come, the first that ends a delivery holds.
    #[test]
    fn the_first_end_holds(reports in prop::collection::vec(prop::sample::select(&Report::ALL), 0..20)) {
        let mut state = Queued;
        for report in &reports {
            state = apply(state, report.state().0).unwrap_or(state);
        }
        let end = reports.iter().find(|report| report.state().0 != Sent);
        let expected = end.or(reports.first()).map_or(Queued, |report| report.state().0);
        prop_assert_eq!(state, expected);
    }
}
