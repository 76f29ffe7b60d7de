//! Durations and sizes as the settings spell them: whole numbers with a unit.
//!
//! Must never hold a number whose unit is not in the type.

use std::time::Duration;

use serde::Deserialize;

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);
    };
}

unit!(
    /// Milliseconds.
    Millis
);
unit!(
    /// Seconds.
    Seconds
);
unit!(
    /// Hours.
    Hours
);
unit!(
    /// Days of 24 hours.
    Days
);
unit!(
    /// 1,024 bytes each.
    Kib
);
unit!(
    /// 1,048,576 bytes each.
    Mib
);

impl Millis {
    /// Returns it as a duration.
    pub fn duration(self) -> Duration {
        Duration::from_millis(u64::from(self.0))
    }
}

impl Seconds {
    /// Returns it as a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }

    /// Returns it in milliseconds, the unit of stored times.
    pub fn millis(self) -> i64 {
        i64::from(self.0) * 1_000
    }
}

impl Hours {
    /// Returns it in milliseconds, the unit of stored times.
    pub fn millis(self) -> i64 {
        i64::from(self.0) * 3_600_000
    }
}

impl Days {
    /// Returns it in milliseconds, the unit of stored times.
    pub fn millis(self) -> i64 {
        i64::from(self.0) * 86_400_000
    }

    /// Returns it in milliseconds, where it says for how long something is kept; nothing where it is 0, for ever.
    pub fn kept_millis(self) -> Option<i64> {
        (self.0 > 0).then(|| self.millis())
    }
}

impl Kib {
    /// Returns it in bytes.
    pub fn bytes(self) -> usize {
        self.0 as usize * 1_024
    }
}

impl Mib {
    /// Returns it in bytes.
    pub fn bytes(self) -> u64 {
        u64::from(self.0) * 1_048_576
    }
}
