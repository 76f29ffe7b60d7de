//! Addresses that devices register: what kind of device one leads to.

/// What a device runs, as it says itself (S0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// Android.
    Android,
    /// iOS or iPadOS.
    Ios,
    /// A browser.
    Web,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Platform; 3] = [Self::Android, Self::Ios, Self::Web];

    /// Names the platform as the wire spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::Ios => "ios",
            Self::Web => "web",
        }
    }

    /// Reads the wire's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_reads_back_by_its_own_name() {
        for platform in Platform::ALL {
            assert_eq!(Platform::parse(platform.as_str()), Some(platform));
        }
        assert_eq!(Platform::parse("Android"), None);
    }
}
